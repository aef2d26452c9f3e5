"""The dashboard's ETFs: lists, lines and months, ready to be shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from math import prod
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api import months as which_months
from api.dependencies import App, Database, Period, PeriodDays, SessionDate
from api.parameters import Days, EtfQuery, FewLimit, Months, SectorQuery, known_etf
from api.portfolio_dates import missing_date, nothing_yet, required_date
from api.problems import DOCUMENTED
from api.routers.sectors import sector_month
from api.schemas import (
    EtfBenchmark,
    EtfDay,
    EtfHolding,
    EtfHoldings,
    EtfList,
    EtfListed,
    EtfMonth,
    EtfMonthRow,
    EtfMonths,
    MonthlyPerformance,
    RelativeStrength,
    RelativeStrengthLine,
    RelativeStrengthPoint,
    SectorMonth,
    SectorTrending,
    TopHolding,
    TrendingEtfTopHoldings,
)
from api.tables import CSV_DOCUMENTED, table_answer, wants_csv
from config.universe import BENCHMARK, ETFS, SNAPSHOT_REACH_DAYS
from database import read_etfs, read_holdings, read_months
from database.connection import Connection
from database.read_dates import result_dates
from database.read_etfs import Etf, EtfBar

router = APIRouter(prefix="/dashboard", tags=["dashboard"], responses=DOCUMENTED)
NAMES_KO = {etf.ticker: etf.name_ko for etf in ETFS}
DECIMALS = 6


@router.get("/etf-list", summary="The ETFs of the universe", response_model=EtfList, responses=CSV_DOCUMENTED)
def etf_list(request: Request, app: App, db: Database) -> EtfList | Response:
    """Every ETF with its names, its newest bar and the date of its newest holdings list (contracts 1)."""
    rows = read_etfs.listed(db)
    newest = max((row.trade_date for row in rows if row.trade_date), default=None)
    answer = EtfList(
        as_of_date=newest or app.clock.expected_session(),
        computed_at=max((row.fetched_at for row in rows if row.fetched_at), default=None),
        is_current=newest is not None and app.is_current(newest),
        etfs=[EtfListed.model_validate(vars(row) | {"name_ko": NAMES_KO[row.etf_ticker]}) for row in rows],
    )
    return table_answer(request, answer, name="etfs", row_type=EtfListed, rows=answer.etfs)


@router.get("/etf-holdings", summary="What an ETF holds", response_model=EtfHoldings, responses=CSV_DOCUMENTED)
def etf_holdings(
    request: Request,
    app: App,
    db: Database,
    *,
    ticker: EtfQuery,
    period_days: PeriodDays = Period.TWENTY,
    as_of_date: SessionDate = None,
) -> EtfHoldings | Response:
    """The ETF's newest holdings list at as_of_date, with each stock's return where stage 9 has one (rules 4, 6).

    holdings_as_of dates the list; without as_of_date the answer describes that day.
    """
    known_etf(ticker)
    newest = read_holdings.snapshot(db, ticker, None)
    what = f"holdings list of {ticker}"
    if newest is None:
        raise nothing_yet(what)
    found = newest if as_of_date is None else read_holdings.snapshot(db, ticker, as_of_date)
    day = as_of_date or newest.holdings_as_of
    if found is None or day > max(app.clock.expected_session(), newest.holdings_as_of):
        before = found.holdings_as_of if found else None
        raise missing_date(day, newest.holdings_as_of, before=before, what=what, is_of_session=False)
    returns_as_of = result_dates(db, "top_holdings", day).at_or_before
    rows = read_holdings.holdings(
        db, ticker, found.holdings_as_of, day=day, period_days=period_days, returns_as_of=returns_as_of
    )
    answer = EtfHoldings(
        as_of_date=day,
        computed_at=found.fetched_at,
        is_current=app.is_current(found.holdings_as_of),
        etf_ticker=ticker,
        holdings_as_of=found.holdings_as_of,
        is_in_reach=(day - found.holdings_as_of).days <= SNAPSHOT_REACH_DAYS,
        covered_weight_pct=float(found.covered_percent),
        period_days=period_days,
        returns_as_of=returns_as_of,
        holdings=[EtfHolding.model_validate(row) for row in rows],
    )
    return table_answer(request, answer, name=f"holdings-{ticker}", row_type=EtfHolding, rows=answer.holdings)


def chart_sessions(db: Database, days: Days = 60, as_of_date: SessionDate = None) -> list[date]:
    """The last `days` sessions up to as_of_date, oldest first. Raises ProblemError 404 where SPY has no bar."""
    found = read_etfs.benchmark_sessions(db, last=as_of_date, days=days)
    if found and as_of_date in (None, found[-1]):
        return found
    newest = read_etfs.benchmark_sessions(db, last=None, days=1)
    if as_of_date is None or not newest:
        raise nothing_yet(f"bar of {BENCHMARK}")
    raise missing_date(as_of_date, newest[0], before=found[-1] if found else None, what=f"bar of {BENCHMARK}")


Sessions = Annotated[list[date], Depends(chart_sessions)]
Growth = Callable[[date, date], float | None]


@router.get(
    "/spy-benchmark", summary="SPY over the last sessions", response_model=EtfBenchmark, responses=CSV_DOCUMENTED
)
def spy_benchmark(request: Request, app: App, db: Database, sessions: Sessions) -> EtfBenchmark | Response:
    """SPY's closes and total return over the last sessions, dividends included (rules 2)."""
    return benchmark_answer(request, app, db, BENCHMARK, sessions)


@router.get(
    "/etf-benchmark",
    summary="An ETF beside SPY over the last sessions",
    response_model=EtfBenchmark,
    responses=CSV_DOCUMENTED,
)
def etf_benchmark(
    request: Request, app: App, db: Database, sessions: Sessions, *, ticker: EtfQuery
) -> EtfBenchmark | Response:
    """The ETF's closes and total return over the last sessions, with SPY's over the same ones (rules 2)."""
    return benchmark_answer(request, app, db, known_etf(ticker), sessions)


def benchmark_answer(
    request: Request, app: App, db: Connection, ticker: str, sessions: Sequence[date]
) -> EtfBenchmark | Response:
    """An ETF's line beside SPY's."""
    bars = read_etfs.bars(db, [ticker, BENCHMARK], sessions[0], sessions[-1])
    own, spy = bars.get(ticker, {}), bars[BENCHMARK]
    growth, spy_growth = growth_of(own), growth_of(spy)
    total, spy_total = growth(sessions[0], sessions[-1]), spy_growth(sessions[0], sessions[-1])
    answer = EtfBenchmark(
        as_of_date=sessions[-1],
        computed_at=max(bar.fetched_at for bar in (*own.values(), *spy.values())),
        is_current=app.is_current(sessions[-1]),
        etf_ticker=ticker,
        start_date=sessions[0],
        total_return_pct=total,
        spy_total_return_pct=spy_total,
        excess_pp=None if total is None or spy_total is None else round(total - spy_total, DECIMALS),
        days=list(etf_days(sessions, own, growth, spy_growth)),
    )
    return table_answer(request, answer, name=f"benchmark-{ticker}", row_type=EtfDay, rows=answer.days)


def growth_of(bars: Mapping[date, EtfBar]) -> Growth:
    """(start, end) → total return, percent; None where either bar is missing, or one from start to end is in doubt
    (rules 2)."""
    doubtful = [day for day, bar in bars.items() if bar.in_doubt]

    def growth(start: date, end: date) -> float | None:
        if start not in bars or end not in bars or any(start <= day <= end for day in doubtful):
            return None
        return round(float(100 * (bars[end].adj_close_price / bars[start].adj_close_price - 1)), DECIMALS)

    return growth


def etf_days(
    sessions: Sequence[date], own: Mapping[date, EtfBar], growth: Growth, spy_growth: Growth
) -> Iterator[EtfDay]:
    """One row a session; indexes are 100 at the first."""
    first, before = sessions[0], None

    def index(change: float | None) -> float | None:
        return None if change is None else round(100 + change, DECIMALS)

    for session in sessions:
        yield EtfDay(
            trade_date=session,
            close_price=own[session].close_price if session in own else None,
            return_pct=growth(before, session) if before else None,
            index_value=index(growth(first, session)),
            spy_return_pct=spy_growth(before, session) if before else None,
            spy_index_value=index(spy_growth(first, session)),
        )
        before = session


@router.get(
    "/relative-strength",
    summary="Every ETF's strength against SPY",
    response_model=RelativeStrength,
    responses=CSV_DOCUMENTED,
)
def relative_strength(request: Request, app: App, db: Database, sessions: Sessions) -> RelativeStrength | Response:
    """100 × (ETF / ETF₀) / (SPY / SPY₀) on adjusted closes, over the last sessions; SPY's line is 100.

    ETF₀ is the close of base_date: the first session, or the first later one with a bar. A gap stays null, and so does
    what follows a bar in doubt while the doubt lasts (rules 2).
    """
    universe = read_etfs.universe(db)
    bars = read_etfs.bars(db, [etf.ticker for etf in universe], sessions[0], sessions[-1])
    answer = RelativeStrength(
        as_of_date=sessions[-1],
        computed_at=max(bar.fetched_at for of_etf in bars.values() for bar in of_etf.values()),
        is_current=app.is_current(sessions[-1]),
        sessions=list(sessions),
        etfs=[strength_line(etf, sessions, bars.get(etf.ticker, {}), bars[BENCHMARK]) for etf in universe],
    )
    points = [
        RelativeStrengthPoint(trade_date=session, etf_ticker=line.etf_ticker, relative_strength=value)
        for line in answer.etfs
        for session, value in zip(sessions, line.values, strict=True)
        if wants_csv(request)
    ]
    return table_answer(request, answer, name="relative-strength", row_type=RelativeStrengthPoint, rows=points)


def strength_line(
    etf: Etf, sessions: Sequence[date], own: Mapping[date, EtfBar], spy: Mapping[date, EtfBar]
) -> RelativeStrengthLine:
    """One ETF's line."""
    base = next((session for session in sessions if session in own and not own[session].in_doubt), None)
    growth, spy_growth = growth_of(own), growth_of(spy)

    def strength(session: date) -> float | None:
        if base is None or session < base or growth(base, session) is None or spy_growth(base, session) is None:
            return None
        rise = own[session].adj_close_price / own[base].adj_close_price
        return round(float(100 * rise / (spy[session].adj_close_price / spy[base].adj_close_price)), DECIMALS)

    return RelativeStrengthLine(
        etf_ticker=etf.ticker,
        etf_type=etf.etf_type,
        sector_name=etf.sector_name,
        base_date=base,
        values=[strength(session) for session in sessions],
    )


@router.get(
    "/monthly-performance",
    summary="Monthly returns of the ETFs",
    response_model=MonthlyPerformance,
    responses=CSV_DOCUMENTED,
)
def monthly_performance(
    request: Request, app: App, db: Database, *, months: Months = 12, as_of_date: SessionDate = None
) -> MonthlyPerformance | Response:
    """Each ETF's return of each of the last months, compounded over them, and its excess over SPY (rules 7).

    The newest month is that of as_of_date, or the newest with a result; the running one is partial. as_of_date in the
    answer is the session up to which the newest month was computed.
    """
    shown = which_months.newest_months(db, months, until=as_of_date)
    names = [month.name for month in shown]
    cells = {
        (row.etf_ticker, f"{row.year}-{row.month:02d}"): row for row in read_months.etf_months(db, shown[0], shown[-1])
    }
    partial = {month.name: month.is_partial for month in shown}
    spy = compounded([cells.get((BENCHMARK, name)) for name in names])
    rows = []
    for etf in sorted(read_etfs.universe(db), key=lambda etf: etf.etf_type != "sector"):
        of_etf = [cells.get((etf.ticker, name)) for name in names]
        total = compounded(of_etf)
        rows.append(
            EtfMonths(
                etf_ticker=etf.ticker,
                description=etf.description,
                etf_type=etf.etf_type,
                sector_name=etf.sector_name,
                months=[
                    EtfMonth(
                        month=name,
                        return_pct=cell.return_pct if cell else None,
                        excess_pp=cell.return_pct - cell.spy_return_pct if cell else None,
                        is_partial=partial[name],
                    )
                    for name, cell in zip(names, of_etf, strict=True)
                ],
                total_return_pct=total,
                total_excess_pp=None if total is None or spy is None else round(total - spy, DECIMALS),
            )
        )
    newest = which_months.newest_month(db).name
    answer = MonthlyPerformance(**which_months.dated(app, shown), months=names, newest_month=newest, etfs=rows)
    table = [
        EtfMonthRow(**vars(month), etf_ticker=row.etf_ticker)
        for row in rows
        for month in row.months
        if wants_csv(request)
    ]
    return table_answer(request, answer, name="monthly-performance", row_type=EtfMonthRow, rows=table)


def compounded(cells: Sequence[read_months.EtfMonth | None]) -> float | None:
    """Π (1 + r) − 1, percent; None when a month is missing: a product of eleven is no year.

    >>> compounded([None]) is None
    True
    """
    if any(cell is None for cell in cells):
        return None
    factors = [1 + cell.return_pct / 100 for cell in cells if cell is not None]
    return round(float(100 * (prod(factors, start=Decimal(1)) - 1)), DECIMALS)


@router.get(
    "/sector-trending", summary="Sectors over the last months", response_model=SectorTrending, responses=CSV_DOCUMENTED
)
def sector_trending(
    request: Request,
    app: App,
    db: Database,
    *,
    months: Months = 12,
    sector: SectorQuery = None,
    as_of_date: SessionDate = None,
) -> SectorTrending | Response:
    """One row a sector and month: mean return of its stocks, SPY's, volatility, rising days (rules 7)."""
    shown = which_months.newest_months(db, months, until=as_of_date)
    spy = read_months.spy_returns(db, shown[0], shown[-1])
    by_name = {(month.year, month.month): month for month in shown}
    rows = [
        sector_month(row, by_name[row.year, row.month], spy)
        for row in read_months.sector_months(db, shown[0], shown[-1])
        if sector in (None, row.sector) and (row.year, row.month) in by_name
    ]
    answer = SectorTrending(**which_months.dated(app, shown), months=[month.name for month in shown], rows=rows)
    return table_answer(request, answer, name="sector-trending", row_type=SectorMonth, rows=answer.rows)


@router.get(
    "/trending-etf-top-holdings",
    summary="The best holdings of the trending ETFs",
    response_model=TrendingEtfTopHoldings,
    responses=CSV_DOCUMENTED,
)
def trending_etf_top_holdings(
    request: Request,
    app: App,
    db: Database,
    *,
    period_days: PeriodDays = Period.TWENTY,
    as_of_date: SessionDate = None,
    limit: FewLimit = 5,
) -> TrendingEtfTopHoldings | Response:
    """Which ETFs rose and beat SPY at as_of_date, and the best holdings of each, `limit` of each (rules 3, 6).

    The holdings' figures are of the newest analysis at or before as_of_date: holdings_analysed_as_of.
    """
    day = required_date(db, "trending", as_of_date, what="ETF result")
    etfs = read_etfs.trending(db, day, period_days)
    analysed = result_dates(db, "top_holdings", day).at_or_before
    rows = read_holdings.top_holdings(db, analysed, period_days, etfs=etfs, limit=limit) if analysed else []
    computed_at = [row.updated_at for row in read_etfs.etf_returns(db, day)]
    answer = TrendingEtfTopHoldings(
        as_of_date=day,
        computed_at=max(computed_at),
        is_current=app.is_current(day),
        period_days=period_days,
        trending_etfs=etfs,
        holdings_analysed_as_of=analysed,
        holdings=[TopHolding.model_validate(row) for row in rows],
    )
    return table_answer(request, answer, name="trending-top-holdings", row_type=TopHolding, rows=answer.holdings)
