"""What the dashboard's pages show, ready to be shown."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request, Response

from api import figures
from api.dependencies import App, Database, Period, PeriodDays, SessionDate
from api.freshness import ends_month
from api.portfolio_dates import dated, nothing_yet, required_date, required_header
from api.problems import DOCUMENTED
from api.schemas import (
    Move,
    PortfolioChanges,
    PortfolioOverlap,
    PortfolioSummary,
    TrendingEtf,
    TrendingEtfs,
)
from api.tables import CSV_DOCUMENTED, table_answer
from config.universe import PERIODS
from database import read_etfs, read_portfolios
from database.connection import Connection
from database.read_etfs import EtfReturn
from database.read_portfolios import Header, Strategy
from utils.sessions import previous_session, session_at_or_before

router = APIRouter(prefix="/dashboard", tags=["dashboard"], responses=DOCUMENTED)
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


class PeriodOrMonthly(StrEnum):
    """Which portfolio."""

    FIVE = "5"
    TEN = "10"
    TWENTY = "20"
    MONTHLY = "monthly"

    @property
    def strategy(self) -> Strategy:
        """The strategy's name in the tables."""
        return STRATEGIES[list(PeriodOrMonthly).index(self)]


Portfolio = Annotated[PeriodOrMonthly, Query(description="Look-back in sessions, or monthly")]


@router.get("/trending-etfs", summary="All ETFs against SPY", response_model=TrendingEtfs, responses=CSV_DOCUMENTED)
def trending_etfs(
    request: Request,
    app: App,
    db: Database,
    period_days: PeriodDays = Period.TWENTY,
    as_of_date: SessionDate = None,
) -> TrendingEtfs | Response:
    """One row an ETF with all three periods and the month to date; ranked by the return of period_days (rules 3, 7)."""
    day = required_date(db, "trending", as_of_date, what="ETF result")
    returns = read_etfs.etf_returns(db, day)
    answer = TrendingEtfs(
        as_of_date=day,
        computed_at=max(row.updated_at for row in returns),
        is_current=app.is_current(day),
        period_days=period_days,
        month=f"{day:%Y-%m}",
        is_partial=not ends_month(day),
        etfs=etf_rows(db, day, returns, period_days),
    )
    return table_answer(
        request,
        answer,
        name=f"etfs-{period_days.strategy}",
        row_type=TrendingEtf,
        rows=answer.etfs,
    )


def etf_rows(db: Connection, day: date, returns: list[EtfReturn], period_days: int) -> list[TrendingEtf]:
    """One row for each ETF of the universe, by the period's return."""
    by_etf: dict[str, dict[int, EtfReturn]] = defaultdict(dict)
    for row in returns:
        by_etf[row.etf_ticker][row.period_days] = row
    month_to_date = read_etfs.etf_total_returns(db, previous_session(day.replace(day=1)), day)
    rows = [
        TrendingEtf.model_validate(
            {
                "etf_ticker": etf.ticker,
                "description": etf.description,
                "etf_type": etf.etf_type,
                "sector_name": etf.sector_name,
                "month_to_date_pct": month_to_date.get(etf.ticker),
                "rank_by_return": getattr(by_etf[etf.ticker].get(period_days), "rank_by_return", None),
            }
            | period_fields(by_etf[etf.ticker])
        )
        for etf in read_etfs.universe(db)
    ]
    return sorted(rows, key=lambda row: (row.rank_by_return is None, row.rank_by_return))


def period_fields(returns: dict[int, EtfReturn]) -> dict[str, Any]:
    """Fields of the answer's row: one of each figure a period, None where the ETF has no return."""
    source = {
        "return": "return_pct",
        "spy_return": "spy_return_pct",
        "outperformance": "outperformance",
        "is_trending": "is_trending",
        "rank_by_outperformance": "rank_by_outperformance",
        "rank_by_return": "rank_by_return",
    }
    return {
        f"{name}_{period}d": getattr(returns.get(period), attribute, None)
        for name, attribute in source.items()
        for period in PERIODS
    }


@router.get(
    "/portfolio-changes",
    summary="What changed against the portfolio before",
    response_model=PortfolioChanges,
    responses=CSV_DOCUMENTED,
)
def portfolio_changes(
    request: Request,
    app: App,
    db: Database,
    period_days: Portfolio = PeriodOrMonthly.TWENTY,
    as_of_date: SessionDate = None,
) -> PortfolioChanges | Response:
    """In, out, and weights before and after, against the newest portfolio of the strategy before this one."""
    header = existing_header(db, period_days.strategy, as_of_date)
    before = read_portfolios.previous_portfolio_date(db, header.strategy, header.as_of_date)
    old = read_portfolios.positions(db, header.strategy, before) if before else []
    entered, left, stayed = figures.moves(old, read_portfolios.positions(db, header.strategy, header.as_of_date))
    if before is None:
        entered = []  # nothing to compare with: a first portfolio is not fourteen arrivals
    answer = PortfolioChanges(
        **dated(app, header),
        strategy=header.strategy,
        previous_as_of_date=before,
        entered=entered,
        left=left,
        stayed=stayed,
    )
    return table_answer(
        request,
        answer,
        name=f"portfolio-changes-{header.strategy}",
        row_type=Move,
        rows=[*entered, *left, *stayed],
    )


@router.get("/portfolio-summary", summary="How lopsided a portfolio is")
def portfolio_summary(
    app: App, db: Database, period_days: Portfolio = PeriodOrMonthly.TWENTY, as_of_date: SessionDate = None
) -> PortfolioSummary:
    """Concentration, sectors, SPY's return over the period, and what it shares with the other portfolios."""
    header = existing_header(db, period_days.strategy, as_of_date)
    held = read_portfolios.positions(db, header.strategy, header.as_of_date)
    weights = {row.ticker: row.portfolio_weight for row in held}
    descending = sorted(weights.values(), reverse=True)
    is_monthly = period_days is PeriodOrMonthly.MONTHLY
    return PortfolioSummary(
        **dated(app, header),
        strategy=header.strategy,
        position_count=len(held),
        largest_weight_pct=figures.percent(descending[0]) if held else None,
        top5_weight_pct=figures.percent(sum(descending[:5], Decimal(0))) if held else None,
        effective_positions=figures.effective_positions(descending),
        spy_return_pct=None if is_monthly else read_etfs.spy_return(db, header.as_of_date, int(period_days)),
        sectors=figures.sector_weights(held),
        overlaps=list(overlaps(db, header, weights)),
    )


def overlaps(db: Connection, header: Header, weights: Mapping[str, Decimal]) -> Iterator[PortfolioOverlap]:
    """The other strategies' portfolios of that date (monthly: the newest rebalance made before the next result, as a
    Sunday's stands beside Friday's portfolios).
    """
    following = read_portfolios.next_portfolio_date(db, header.strategy, header.as_of_date)
    before_next = following - timedelta(days=1) if following else date.max
    for strategy in STRATEGIES:
        if strategy == header.strategy:
            continue
        other = read_portfolios.header_at_or_before(
            db, strategy, before_next if strategy == "monthly" else header.as_of_date
        )
        if other is None or (strategy != "monthly" and other.as_of_date != session_at_or_before(header.as_of_date)):
            continue
        theirs = {row.ticker: row.portfolio_weight for row in read_portfolios.positions(db, strategy, other.as_of_date)}
        shared, overlap_weight_pct = figures.overlap(weights, theirs)
        yield PortfolioOverlap(
            strategy=strategy,
            as_of_date=other.as_of_date,
            shared_count=len(shared),
            shared_tickers=shared,
            overlap_weight_pct=overlap_weight_pct,
        )


def existing_header(db: Connection, strategy: Strategy, as_of_date: date | None) -> Header:
    """The header of that date, or the newest. Raises ProblemError 404 when there is none."""
    header = required_header(db, strategy, as_of_date)
    if header is None:
        raise nothing_yet(f"{strategy} portfolio")
    return header
