"""Stocks: what they are, their bars, and the portfolios that hold them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from api import figures
from api.dependencies import App, Database, Period, PeriodDays, Services, SessionDate
from api.paging import Listing, filters_of, part
from api.parameters import (
    ETF_TICKERS,
    Cursor,
    EndDate,
    Limit,
    RebalanceDate,
    SectorQuery,
    StartDate,
    Symbol,
    in_order,
)
from api.portfolio_dates import dated, no_portfolio_yet, nothing_yet, required_header
from api.problems import DOCUMENTED, ProblemError
from api.schemas import (
    Excluded,
    MonthlyPortfolio,
    MonthlyPosition,
    PortfolioAnswer,
    PortfolioPosition,
    StockBar,
    StockHistory,
    StockLatest,
    StockList,
    StockRow,
    UsdKrw,
)
from api.schemas.choices import PortfolioState
from api.tables import CSV_DOCUMENTED, table_answer
from config.sentences import OF_MONTHLY, OF_PERIODS
from config.universe import MONTHLY_VALID_SESSIONS
from database import read_portfolios, read_stocks
from database.connection import Connection
from database.read_portfolios import Header
from database.read_stocks import Profile
from utils.sessions import session_at_or_before, session_offset, sessions_between

router = APIRouter(prefix="/stocks", tags=["stocks"], responses=DOCUMENTED)
STOCKS = Listing("stocks", tuple[str])
BARS = Listing("bars", tuple[date])


@router.get("/", summary="Known stocks", response_model=StockList, responses=CSV_DOCUMENTED)
def stocks(
    request: Request,
    app: App,
    db: Database,
    *,
    sector: SectorQuery = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> StockList | Response:
    """Every stock of any stored holdings list, in ticker order, with its newest bar and quoted market cap.

    as_of_date is the newest session of any stock; computed_at is when the newest bar of this part was fetched. Market
    caps are as quoted, in their own currency (rules 4); sectors are those of contracts 1, or Unknown.
    """
    filters = filters_of(sector=sector)
    place = STOCKS.place(cursor, filters)
    found = read_stocks.stocks(db, sector=sector, after=place[0] if place else None, limit=limit + 1)
    rows, last = part(found, limit)
    as_of_date = read_stocks.newest_bar_date(db)
    answer = StockList(
        as_of_date=as_of_date or app.clock.expected_session(),
        computed_at=max((row.fetched_at for row in rows), default=None),
        is_current=as_of_date is not None and app.is_current(as_of_date),
        next_cursor=STOCKS.cursor((last.ticker,), filters) if last else None,
        stocks=[StockRow.model_validate(row) for row in rows],
    )
    return table_answer(
        request, answer, name="stocks", row_type=StockRow, rows=answer.stocks, next_cursor=answer.next_cursor
    )


@router.get("/portfolio", summary="The portfolio of a period", response_model=PortfolioAnswer, responses=CSV_DOCUMENTED)
def portfolio(
    request: Request,
    app: App,
    db: Database,
    period_days: PeriodDays = Period.TWENTY,
    as_of_date: SessionDate = None,
) -> PortfolioAnswer | Response:
    """Positions, header and warnings of the newest session, or of as_of_date (rules 4, 10).

    An empty portfolio is an answer: state and reason say why nothing is held.
    """
    header = required_header(db, period_days.strategy, as_of_date)
    answer = computed(app, db, header, period_days) if header else not_yet(app, db, period_days)
    return table_answer(
        request,
        answer,
        name=f"portfolio-{period_days.strategy}",
        row_type=PortfolioPosition,
        rows=answer.positions,
    )


def computed(app: Services, db: Connection, header: Header, period_days: int) -> PortfolioAnswer:
    """The answer about a portfolio that was computed, be it empty."""
    held = read_portfolios.positions(db, header.strategy, header.as_of_date)
    looked_at = read_portfolios.candidates(db, header.as_of_date, period_days)
    state, reason = state_of(header)
    return PortfolioAnswer(
        **header_of(app, db, header, held),
        period_days=period_days,
        state=state,
        reason=reason,
        trending_etfs=header.trending_etfs,
        sentences=figures.sentences_of(OF_PERIODS),
        positions=[
            PortfolioPosition.model_validate(
                vars(row)
                | {
                    "weight_pct": figures.percent(row.portfolio_weight),
                    "source_etfs": row.source_etfs.split(","),
                    "picks": figures.picks_of(row.ticker, looked_at),
                }
            )
            for row in held
        ],
        next_in_line=figures.next_in_line(held, looked_at),
    )


def header_of(
    app: Services,
    db: Connection,
    header: Header,
    held: Sequence[read_portfolios.Position | read_portfolios.MonthlyPosition],
) -> dict[str, Any]:
    """What the answers about both kinds of portfolio have in common (rules 4, 5)."""
    weights = [row.portfolio_weight for row in held]
    return dated(app, header) | {
        "status": header.status,
        "origin": header.origin,
        "revision": header.revision,
        "first_published_at": header.first_published_at,
        "published_at": header.published_at,
        "holdings_oldest": header.holdings_oldest,
        "position_count": len(held),
        "largest_weight_pct": max(map(figures.percent, weights), default=None),
        "effective_positions": figures.effective_positions(weights),
        "usd_krw": usd_krw(db, header.as_of_date),
        "warnings": figures.warnings_of(held),
        "excluded": [Excluded(**{"ticker": None, "etf": None} | item) for item in header.left_out],
    }


def state_of(header: Header) -> tuple[PortfolioState, str | None]:
    """Why there is no position, if there is none."""
    if header.positions:
        return "ok", None
    without_holdings = sum(item["reason"] == "no_holdings" for item in header.left_out)
    if header.trending_etfs and without_holdings == header.trending_etfs:
        return (
            "no_snapshot",
            f"No holdings snapshot in the 45 days before {header.as_of_date}: no portfolio can be made",
        )
    why = (
        "ETFs rose and beat SPY, but none of their largest holdings could be a position"
        if header.trending_etfs
        else "No ETF rose and beat SPY"
    )
    return "empty", f"{why}; {len(header.left_out)} left out, see excluded" if header.left_out else why


def not_yet(app: Services, db: Connection, period_days: int) -> PortfolioAnswer:
    """The answer before the first portfolio ever."""
    state, reason = no_portfolio_yet(db)
    expected = app.clock.expected_session()
    return PortfolioAnswer(
        as_of_date=expected,
        computed_at=None,
        is_current=False,
        period_days=period_days,
        state=state,
        reason=reason,
        status=None,
        origin=None,
        revision=None,
        first_published_at=None,
        published_at=None,
        trending_etfs=None,
        holdings_oldest=None,
        position_count=0,
        largest_weight_pct=None,
        effective_positions=None,
        usd_krw=usd_krw(db, expected),
        warnings=[],
        sentences=figures.sentences_of(OF_PERIODS),
        positions=[],
        next_in_line=[],
        excluded=[],
    )


def usd_krw(db: Connection, as_of_date: date) -> UsdKrw | None:
    """The rate results of the date use."""
    rate = read_stocks.fx_rate(db, "KRW", as_of_date)
    return UsdKrw(rate=figures.won_per_dollar(rate.usd_per_unit), rate_date=rate.rate_date) if rate else None


@router.get(
    "/monthly-portfolio",
    summary="The monthly portfolio",
    response_model=MonthlyPortfolio,
    responses=CSV_DOCUMENTED,
)
def monthly_portfolio(
    request: Request, app: App, db: Database, rebalance_date: RebalanceDate = None
) -> MonthlyPortfolio | Response:
    """Positions, header and warnings of the newest rebalance, or of rebalance_date (rules 5, 10).

    Weights count in how many of the 5/10/20-session portfolios a stock is. It is current until the next rebalance;
    after valid_until without one it is_expired, and still held.
    """
    header = required_header(db, "monthly", rebalance_date)
    if header is None:
        raise nothing_yet("monthly portfolio")
    held = read_portfolios.monthly_positions(db, header.as_of_date)
    state, reason = monthly_state(header)
    answer = MonthlyPortfolio(
        **header_of(app, db, header, held),
        **validity(app, db, header),
        input_as_of_date=header.input_as_of_date,
        state=state,
        reason=reason,
        sentences=figures.sentences_of(OF_MONTHLY),
        positions=[
            MonthlyPosition.model_validate(
                vars(row)
                | {
                    "weight_pct": figures.percent(row.portfolio_weight),
                    "source_periods": row.source_periods.split(","),
                    "is_new": "20d" not in row.source_periods.split(","),
                }
            )
            for row in held
        ],
    )
    return table_answer(request, answer, name="portfolio-monthly", row_type=MonthlyPosition, rows=answer.positions)


def monthly_state(header: Header) -> tuple[PortfolioState, str | None]:
    """Why there is no position, if there is none."""
    if header.positions:
        return "ok", None
    return "empty", f"The portfolios of {header.input_as_of_date} that were merged are all empty"


def validity(app: Services, db: Connection, header: Header) -> dict[str, Any]:
    """Until when a monthly portfolio holds (rules 1, 5)."""
    valid_until = session_offset(session_at_or_before(header.as_of_date), MONTHLY_VALID_SESSIONS)
    superseded_by = read_portfolios.next_portfolio_date(db, "monthly", header.as_of_date)
    newest = app.clock.expected_session()
    return {
        "rebalance_date": header.as_of_date,
        "valid_until": valid_until,
        "is_expired": superseded_by is None and newest > valid_until,
        "sessions_left": max(len(sessions_between(newest, valid_until)) - 1, 0),
        "superseded_by": superseded_by,
    }


@router.get("/{symbol}/latest", summary="The newest bar of a stock")
def stock_latest(app: App, db: Database, symbol: Symbol) -> StockLatest:
    """The newest bar, its newest quoted market cap, and what is known of the stock (rules 2, 4).

    Prices and market cap are in the stock's own currency; as_of_date is the bar's session of its own exchange.
    """
    profile = known_stock(db, symbol)
    newest = read_stocks.bars(db, symbol, limit=1)
    if not newest:
        raise ProblemError(404, f"There are no bars of {symbol} yet", newest_as_of_date=None)
    quote = read_stocks.newest_quote(db, symbol)
    bar = newest[0]
    return StockLatest(
        as_of_date=bar.trade_date,
        computed_at=bar.fetched_at,
        is_current=app.is_current(bar.trade_date),
        **vars(profile),
        bar=StockBar.model_validate(bar),
        market_cap=int(quote.market_cap) if quote else None,
        market_cap_currency=quote.market_cap_currency if quote else None,
        market_cap_date=quote.market_cap_date if quote else None,
        fetched_at=bar.fetched_at,
    )


@router.get("/{symbol}/history", summary="Daily bars of a stock", response_model=StockHistory, responses=CSV_DOCUMENTED)
def stock_history(
    request: Request,
    app: App,
    db: Database,
    symbol: Symbol,
    *,
    start_date: StartDate = None,
    end_date: EndDate = None,
    limit: Limit = 250,
    cursor: Cursor = None,
) -> StockHistory | Response:
    """Bars from start_date to end_date, both included, newest first (rules 2).

    Open to close are split-adjusted, adj_close_price for dividends, too; all in the stock's own currency. as_of_date is
    the newest session of this part.
    """
    in_order(start_date, end_date)
    profile = known_stock(db, symbol)
    filters = filters_of(symbol=symbol, start_date=start_date, end_date=end_date)
    place = BARS.place(cursor, filters)
    found = read_stocks.bars(
        db, symbol, start=start_date, end=end_date, before=place[0] if place else None, limit=limit + 1
    )
    if not found:
        raise no_bars(db, symbol, start_date, end_date)
    rows, last = part(found, limit)
    answer = StockHistory(
        as_of_date=rows[0].trade_date,
        computed_at=max(row.fetched_at for row in rows),
        is_current=app.is_current(rows[0].trade_date),
        next_cursor=BARS.cursor((last.trade_date,), filters) if last else None,
        ticker=profile.ticker,
        company_name=profile.company_name,
        currency=profile.currency,
        bars=[StockBar.model_validate(row) for row in rows],
    )
    return table_answer(
        request, answer, name=f"history-{symbol}", row_type=StockBar, rows=answer.bars, next_cursor=answer.next_cursor
    )


def known_stock(db: Connection, symbol: str) -> Profile:
    """The stock's profile. Raises ProblemError 404 for a ticker in no stored holdings list."""
    found = read_stocks.profile(db, symbol)
    if found is None:
        hint = "it is an ETF, see /dashboard/etf-benchmark" if symbol in ETF_TICKERS else "GET /stocks/ lists them"
        raise ProblemError(404, f"There is no stock {symbol} here; {hint}")
    return found


def no_bars(db: Connection, symbol: str, start_date: date | None, end_date: date | None) -> ProblemError:
    """The 404 for a range without bars."""
    newest = read_stocks.bars(db, symbol, limit=1)
    until = newest[0].trade_date if newest else None
    span = "".join(f" {word} {day}" for word, day in (("from", start_date), ("to", end_date)) if day)
    hint = f"the newest is of {until}" if until else "there is none of any date yet"
    return ProblemError(404, f"There is no bar of {symbol}{span}; {hint}", newest_as_of_date=until)
