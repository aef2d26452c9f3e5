"""What ETFs hold: the best of their holdings, and how concentrated and alike they are (rules 6)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response

from api.dependencies import App, Database, Period, PeriodDays, Services, SessionDate
from api.figures import mean
from api.parameters import EtfTicker, EtfTypeQuery, FewLimit, HoldingTicker, known_etf
from api.portfolio_dates import required_date
from api.problems import DOCUMENTED, ProblemError
from api.schemas import (
    AllHoldings,
    Concentration,
    Concentrations,
    EtfOverlap,
    Holder,
    HoldingComparison,
    HoldingsSummaries,
    HoldingsSummary,
    OverlapMatrix,
    TopHolding,
    TopHoldings,
)
from api.tables import CSV_DOCUMENTED, table_answer
from config.universe import UNKNOWN_SECTOR
from database import read_etfs, read_holdings, read_stocks
from database.connection import Connection
from database.read_etfs import Etf

router = APIRouter(prefix="/etf-holdings", tags=["etf-holdings"], responses=DOCUMENTED)
WHAT = "analysis of holdings"
MANY = 100  # rows of an ETF: more than any list has


class Written(Protocol):
    """A stored row."""

    @property
    def updated_at(self) -> datetime:
        """When it was written."""


@router.get(
    "/top-holdings/{etf_ticker}",
    summary="The best holdings of an ETF",
    response_model=TopHoldings,
    responses=CSV_DOCUMENTED,
)
def etf_top_holdings(
    request: Request,
    app: App,
    db: Database,
    etf_ticker: EtfTicker,
    *,
    time_period: PeriodDays = Period.TWENTY,
    as_of_date: SessionDate = None,
    limit: FewLimit = 5,
) -> TopHoldings | Response:
    """The holdings with the highest total return over time_period sessions, with volatility and Sharpe ratio (rules 6).

    Analysed weekly: as_of_date is the session of the analysis. A holding without a total return has no row.
    """
    known_etf(etf_ticker)
    day = required_date(db, "top_holdings", as_of_date, what=WHAT)
    rows = read_holdings.top_holdings(db, day, time_period, etfs=[etf_ticker], limit=limit)
    of_etf = {row.etf_ticker: row for row in read_holdings.concentrations(db, day)}.get(etf_ticker)
    answer = TopHoldings(
        **dated(app, day, rows),
        etf_ticker=etf_ticker,
        period_days=time_period,
        holdings_as_of=of_etf.holdings_as_of if of_etf else None,
        covered_weight_pct=float(100 * of_etf.covered_weight) if of_etf else None,
        holdings=[TopHolding.model_validate(row) for row in rows],
    )
    return table_answer(request, answer, name=f"top-holdings-{etf_ticker}", row_type=TopHolding, rows=answer.holdings)


@router.get(
    "/all-holdings", summary="The best holdings of every ETF", response_model=AllHoldings, responses=CSV_DOCUMENTED
)
def all_holdings(
    request: Request,
    app: App,
    db: Database,
    *,
    time_period: PeriodDays = Period.TWENTY,
    etf_type: EtfTypeQuery = None,
    as_of_date: SessionDate = None,
    limit: FewLimit = 10,
) -> AllHoldings | Response:
    """As /etf-holdings/top-holdings, of all ETFs in one answer: `limit` rows of each (rules 6)."""
    day = required_date(db, "top_holdings", as_of_date, what=WHAT)
    etfs = [etf.ticker for etf in shown(db, etf_type)]
    rows = read_holdings.top_holdings(db, day, time_period, etfs=etfs, limit=limit)
    answer = AllHoldings(
        **dated(app, day, rows),
        period_days=time_period,
        holdings=[TopHolding.model_validate(row) for row in rows],
    )
    return table_answer(request, answer, name="all-holdings", row_type=TopHolding, rows=answer.holdings)


@router.get(
    "/summary",
    summary="Every ETF's holdings in a line",
    response_model=HoldingsSummaries,
    responses=CSV_DOCUMENTED,
)
def holdings_summary(
    request: Request,
    app: App,
    db: Database,
    *,
    time_period: PeriodDays = Period.TWENTY,
    etf_type: EtfTypeQuery = None,
    as_of_date: SessionDate = None,
) -> HoldingsSummaries | Response:
    """How many holdings rose, their mean return, the best and the worst, what part of the fund they are (rules 6)."""
    day = required_date(db, "top_holdings", as_of_date, what=WHAT)
    etfs = shown(db, etf_type)
    rows = read_holdings.top_holdings(db, day, time_period, etfs=[etf.ticker for etf in etfs], limit=MANY)
    lists = {row.etf_ticker: row for row in read_holdings.concentrations(db, day)}
    held: dict[str, list[read_holdings.TopHolding]] = defaultdict(list)
    for row in rows:
        held[row.etf_ticker].append(row)
    answer = HoldingsSummaries(
        **dated(app, day, rows),
        period_days=time_period,
        etfs=[summary_of(etf, held[etf.ticker], lists.get(etf.ticker)) for etf in etfs],
    )
    return table_answer(request, answer, name="holdings-summary", row_type=HoldingsSummary, rows=answer.etfs)


def summary_of(
    etf: Etf, held: Sequence[read_holdings.TopHolding], list_of: read_holdings.Concentration | None
) -> HoldingsSummary:
    """One ETF's line."""
    best = min(held, key=lambda row: (-row.total_return, row.ticker), default=None)
    worst = min(held, key=lambda row: (row.total_return, row.ticker), default=None)
    return HoldingsSummary(
        etf_ticker=etf.ticker,
        etf_type=etf.etf_type,
        sector_name=etf.sector_name,
        holdings_as_of=list_of.holdings_as_of if list_of else None,
        covered_weight_pct=float(100 * list_of.covered_weight) if list_of else None,
        holding_count=len(held),
        rising_count=sum(row.total_return > 0 for row in held),
        avg_total_return=mean([row.total_return for row in held]),
        best_ticker=best.ticker if best else None,
        best_return=float(best.total_return) if best else None,
        worst_ticker=worst.ticker if worst else None,
        worst_return=float(worst.total_return) if worst else None,
    )


@router.get(
    "/comparison/{holding_ticker}",
    summary="Which ETFs hold a stock",
    response_model=HoldingComparison,
    responses=CSV_DOCUMENTED,
)
def holding_comparison(
    request: Request,
    app: App,
    db: Database,
    holding_ticker: HoldingTicker,
    *,
    time_period: PeriodDays = Period.TWENTY,
    as_of_date: SessionDate = None,
) -> HoldingComparison | Response:
    """The ETFs whose newest list at as_of_date, at most 45 days old, has the stock, and how much of each it is.

    A stock that no list has then is an answer without holders; one that no list ever had is 404 (rules 4, 6).
    """
    name = read_holdings.holding_name(db, holding_ticker)
    if name is None:
        raise ProblemError(404, f"There is no stock {holding_ticker} in any holdings list; GET /stocks/ lists them")
    day = required_date(db, "top_holdings", as_of_date, what=WHAT)
    holders = read_holdings.holders(db, holding_ticker, day=day, period_days=time_period, returns_as_of=day)
    rows = read_holdings.top_holdings(db, day, time_period, etfs=[row.etf_ticker for row in holders], limit=MANY)
    own = next((row for row in rows if row.ticker == holding_ticker), None)
    profile = read_stocks.profile(db, holding_ticker)
    answer = HoldingComparison(
        **dated(app, day, rows),
        ticker=holding_ticker,
        holding_name=name,
        sector=profile.sector if profile else UNKNOWN_SECTOR,
        period_days=time_period,
        total_return=own.total_return if own else None,
        volatility=own.volatility if own else None,
        market_cap=own.market_cap if own else None,
        holders=[Holder.model_validate(row) for row in holders],
    )
    return table_answer(request, answer, name=f"holders-{holding_ticker}", row_type=Holder, rows=answer.holders)


@router.get(
    "/concentration",
    summary="How concentrated the ETFs are",
    response_model=Concentrations,
    responses=CSV_DOCUMENTED,
)
def etf_concentration(
    request: Request, app: App, db: Database, *, etf_type: EtfTypeQuery = None, as_of_date: SessionDate = None
) -> Concentrations | Response:
    """Top weights, Herfindahl index and the range of effective holdings, with the weight they cover (rules 6)."""
    day = required_date(db, "concentration", as_of_date, what="concentration")
    rows = [row for row in read_holdings.concentrations(db, day) if etf_type in (None, row.etf_type)]
    answer = Concentrations(**dated(app, day, rows), etfs=[Concentration.model_validate(row) for row in rows])
    return table_answer(request, answer, name="concentration", row_type=Concentration, rows=answer.etfs)


@router.get("/overlap", summary="What the ETFs share", response_model=OverlapMatrix, responses=CSV_DOCUMENTED)
def etf_overlap(
    request: Request, app: App, db: Database, *, etf_type: EtfTypeQuery = None, as_of_date: SessionDate = None
) -> OverlapMatrix | Response:
    """The whole matrix: for each pair of ETFs the shared stocks and Σ of the smaller weights, at least (rules 6).

    Both ETFs are of etf_type where it is given. The matrix is symmetric: each pair stands once.
    """
    day = required_date(db, "overlap", as_of_date, what="overlap")
    wanted = {etf.ticker for etf in shown(db, etf_type)}
    rows = [row for row in read_holdings.overlaps(db, day) if {row.etf_ticker, row.other_etf_ticker} <= wanted]
    answer = OverlapMatrix(
        **dated(app, day, rows),
        etfs=sorted({ticker for row in rows for ticker in (row.etf_ticker, row.other_etf_ticker)}),
        overlaps=[EtfOverlap.model_validate(row) for row in rows],
    )
    return table_answer(request, answer, name="overlap", row_type=EtfOverlap, rows=answer.overlaps)


def shown(db: Connection, etf_type: str | None) -> list[Etf]:
    """The universe, or its ETFs of one type, in ticker order."""
    return [etf for etf in read_etfs.universe(db) if etf_type in (None, etf.etf_type)]


def dated(app: Services, day: date, rows: Iterable[Written]) -> dict[str, Any]:
    """The fields of Dated about stored rows of a session."""
    return {
        "as_of_date": day,
        "computed_at": max((row.updated_at for row in rows), default=None),
        "is_current": app.is_current(day),
    }
