"""The dashboard's stocks: what is allocated, and what rose most."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from fastapi import APIRouter, Request, Response

from api import figures
from api.dependencies import App, Database, Period, PeriodDays, SessionDate
from api.parameters import AnyPeriod, FewLimit, SectorQuery
from api.portfolio_dates import missing_date, nothing_yet, required_date
from api.problems import DOCUMENTED
from api.routers.etf_holdings import WHAT, dated
from api.schemas import (
    Allocation,
    Allocations,
    SectorPerformers,
    TopPerformer,
    TopPerformers,
    TopPerformersBySector,
)
from api.tables import CSV_DOCUMENTED, table_answer
from config.universe import UNKNOWN_SECTOR
from database import read_etfs, read_holdings, read_portfolios
from database.read_holdings import Performer
from database.read_portfolios import Header

router = APIRouter(prefix="/dashboard", tags=["dashboard"], responses=DOCUMENTED)


@router.get(
    "/active-allocations",
    summary="Positions of the 5/10/20-session portfolios",
    response_model=Allocations,
    responses=CSV_DOCUMENTED,
)
def active_allocations(
    request: Request,
    app: App,
    db: Database,
    *,
    period_days: AnyPeriod = None,
    sector: SectorQuery = None,
    as_of_date: SessionDate = None,
) -> Allocations | Response:
    """What the portfolios of one session hold, in one table; without period_days, of all three (rules 4).

    A period in the answer's period_days that has no row is an empty portfolio; /stocks/portfolio says why.
    """
    strategies = [period.strategy for period in ([period_days] if period_days else Period)]
    what = f"{period_days.strategy} portfolio" if period_days else "portfolio"
    newest = newest_of(read_portfolios.header(db, strategy) for strategy in strategies)
    if newest is None:
        raise nothing_yet(what)
    day = as_of_date or newest
    headers = [header for header in read_portfolios.headers_of(db, day) if header.strategy in strategies]
    if not headers:
        before = newest_of(read_portfolios.header_at_or_before(db, strategy, day) for strategy in strategies)
        raise missing_date(day, newest, before=before, what=what)
    rows = [
        Allocation.model_validate(
            vars(row) | {"weight_pct": figures.percent(row.portfolio_weight), "source_etfs": row.source_etfs.split(",")}
        )
        for row in read_portfolios.allocations(db, day)
        if period_days in (None, row.period_days) and sector in (None, row.sector)
    ]
    answer = Allocations(
        as_of_date=day,
        computed_at=max(header.computed_at for header in headers),
        is_current=app.is_current(day),
        period_days=[int(header.strategy.removesuffix("d")) for header in headers],
        allocations=rows,
    )
    return table_answer(request, answer, name="active-allocations", row_type=Allocation, rows=answer.allocations)


def newest_of(headers: Iterable[Header | None]) -> date | None:
    """The newest of their dates."""
    return max((header.as_of_date for header in headers if header), default=None)


@router.get("/top-performers", summary="The best stocks", response_model=TopPerformers, responses=CSV_DOCUMENTED)
def top_performers(
    request: Request,
    app: App,
    db: Database,
    *,
    period_days: PeriodDays = Period.TWENTY,
    sector: SectorQuery = None,
    as_of_date: SessionDate = None,
    limit: FewLimit = 20,
) -> TopPerformers | Response:
    """Stocks of any known holdings list by total return over the period, whoever holds them (rules 6).

    Analysed weekly: as_of_date is the session of the analysis. Not a portfolio: nothing here is held.
    """
    day = required_date(db, "top_holdings", as_of_date, what=WHAT)
    found = read_holdings.performers(db, day, period_days, sector=sector)
    answer = TopPerformers(
        **dated(app, day, found),
        period_days=period_days,
        spy_return_pct=read_etfs.spy_return(db, day, period_days),
        stocks=ranked(found[:limit]),
    )
    return table_answer(request, answer, name="top-performers", row_type=TopPerformer, rows=answer.stocks)


@router.get(
    "/top-performers-by-sector",
    summary="The best stocks of each sector",
    response_model=TopPerformersBySector,
    responses=CSV_DOCUMENTED,
)
def top_performers_by_sector(
    request: Request,
    app: App,
    db: Database,
    *,
    period_days: PeriodDays = Period.TWENTY,
    as_of_date: SessionDate = None,
    limit: FewLimit = 5,
) -> TopPerformersBySector | Response:
    """As /dashboard/top-performers, `limit` stocks of each sector (rules 6)."""
    day = required_date(db, "top_holdings", as_of_date, what=WHAT)
    by_sector = defaultdict(list)
    found = read_holdings.performers(db, day, period_days)
    for row in found:
        by_sector[row.sector].append(row)
    answer = TopPerformersBySector(
        **dated(app, day, found),
        period_days=period_days,
        spy_return_pct=read_etfs.spy_return(db, day, period_days),
        sectors=[
            SectorPerformers(sector=name, stock_count=len(rows), stocks=ranked(rows[:limit]))
            for name, rows in sorted(by_sector.items(), key=lambda item: (item[0] == UNKNOWN_SECTOR, item[0]))
        ],
    )
    rows = [stock for of_sector in answer.sectors for stock in of_sector.stocks]
    return table_answer(request, answer, name="top-performers-by-sector", row_type=TopPerformer, rows=rows)


def ranked(rows: Sequence[Performer]) -> list[TopPerformer]:
    """Rows that are in order, with their place."""
    return [TopPerformer.model_validate(vars(row) | {"rank": place}) for place, row in enumerate(rows, start=1)]
