"""Stocks: the portfolios that hold them."""

from datetime import date

from fastapi import APIRouter, Request, Response

from api import figures
from api.dependencies import App, Database, Period, PeriodDays, Services, SessionDate
from api.portfolio_dates import no_portfolio_yet, required_header
from api.problems import DOCUMENTED
from api.schemas import Excluded, PortfolioAnswer, PortfolioPosition, State, UsdKrw
from api.tables import CSV_DOCUMENTED, table_answer
from config.sentences import OF_PERIODS
from database import results
from database.connection import Connection
from database.results import Header

router = APIRouter(prefix="/stocks", tags=["stocks"], responses=DOCUMENTED)


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
        as_of_date=answer.as_of_date,
    )


def computed(app: Services, db: Connection, header: Header, period_days: int) -> PortfolioAnswer:
    """The answer about a portfolio that was computed, be it empty."""
    held = results.positions(db, header.strategy, header.as_of_date)
    looked_at = results.candidates(db, header.as_of_date, period_days)
    state, reason = state_of(header)
    return PortfolioAnswer(
        as_of_date=header.as_of_date,
        computed_at=header.computed_at,
        is_current=app.is_current(header.as_of_date),
        period_days=period_days,
        state=state,
        reason=reason,
        status=header.status,
        origin=header.origin,
        revision=header.revision,
        first_published_at=header.first_published_at,
        published_at=header.published_at,
        trending_etfs=header.trending_etfs,
        holdings_oldest=header.holdings_oldest,
        position_count=len(held),
        largest_weight_pct=max((figures.percent(row.portfolio_weight) for row in held), default=None),
        effective_positions=figures.effective_positions([row.portfolio_weight for row in held]),
        usd_krw=usd_krw(db, header.as_of_date),
        warnings=figures.warnings_of(held),
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
        excluded=[Excluded(**{"ticker": None, "etf": None} | item) for item in header.left_out],
    )


def state_of(header: Header) -> tuple[State, str | None]:
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
    rate = results.fx_rate(db, "KRW", as_of_date)
    return UsdKrw(rate=figures.won_per_dollar(rate.usd_per_unit), rate_date=rate.rate_date) if rate else None
