"""Realised performance (rules 8)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from api.dependencies import App, Database
from api.parameters import CostBps, EndDate, StartDate, StrategyPath, in_order
from api.portfolio_dates import nothing_yet
from api.problems import DOCUMENTED, ProblemError
from api.purchases import Held, held, purchases
from api.schemas import Metric, Performance, PerformanceDay, PerformanceSeries, Rebalance
from api.tables import CSV_DOCUMENTED, table_answer
from config.universe import COST_BPS
from database import read_performance
from database.connection import Connection
from database.read_performance import Origin, StoredDay
from database.read_portfolios import Strategy
from utils.metrics import Day, Figures, figures, net_equity
from utils.sessions import sessions_between

router = APIRouter(prefix="/performance", tags=["performance"], responses=DOCUMENTED)
DECIMALS = 10


class Series(NamedTuple):
    """One stretch of sessions, or a part of one, its equity starting at 1; `net` is after cost."""

    origin: Origin
    stored: Sequence[StoredDay]
    days: Sequence[Day]
    net: Sequence[float]

    @property
    def started_on(self) -> date:
        """Its name."""
        return self.stored[0].trade_date

    @property
    def ended_on(self) -> date:
        """Its last session."""
        return self.stored[-1].trade_date


@router.get(
    "/{strategy}", summary="What following a strategy earned", response_model=Performance, responses=CSV_DOCUMENTED
)
def performance(
    request: Request,
    app: App,
    db: Database,
    strategy: StrategyPath,
    *,
    start_date: StartDate = None,
    end_date: EndDate = None,
    cost_bps: CostBps = COST_BPS,
) -> Performance | Response:
    """Daily series before and after cost beside SPY's, figures with their definitions, and every purchase (rules 8).

    Portfolios are bought at the close of the session after they were published. Live and simulated stretches are series
    of their own. Cost is recomputed from the stored cost of each purchase. A range that begins within a series starts
    at 1 on its first session, after that day's purchase; its figures are those of the range.
    """
    in_order(start_date, end_date)
    stored = read_performance.stored_days(db, strategy)
    if not stored:
        raise nothing_yet(f"performance of {strategy}")
    oldest, newest = min(row.trade_date for row in stored), max(row.trade_date for row in stored)
    shown = [row for row in stored if (start_date or date.min) <= row.trade_date <= (end_date or date.max)]
    if not shown:
        span = "".join(f" {word} {day}" for word, day in (("from", start_date), ("to", end_date)) if day)
        detail = f"There is no performance of {strategy}{span}; there is from {oldest} to {newest}"
        raise ProblemError(404, detail, oldest_as_of_date=oldest, newest_as_of_date=newest)
    first, last = min(row.trade_date for row in shown), max(row.trade_date for row in shown)
    found = list(series_of(shown, cost_bps))
    bought = list(
        held(
            purchases(read_performance.revisions(db, strategy), sessions_between(oldest, newest)),
            last=newest,
        )
    )
    answer = Performance(
        as_of_date=last,
        computed_at=max(row.updated_at for row in shown),
        is_current=app.is_current(last),
        strategy=strategy,
        start_date=first,
        end_date=last,
        oldest_as_of_date=oldest,
        newest_as_of_date=newest,
        cost_bps=cost_bps,
        series=[summary_of(series, bought, cost_bps) for series in found],
        days=[day for series in found for day in days_of(series, cost_bps)],
        rebalances=rebalances_of(db, strategy, found, bought, cost_bps),
    )
    return table_answer(request, answer, name=f"performance-{strategy}", row_type=PerformanceDay, rows=answer.days)


def series_of(shown: Sequence[StoredDay], cost_bps: float) -> Iterator[Series]:
    """The stretches that the sessions belong to, each rebased to 1 at its first."""
    begins = [
        place
        for place, row in enumerate(shown)
        if place == 0 or row.daily_return is None or row.origin != shown[place - 1].origin
    ]
    for start, end in pairwise([*begins, len(shown)]):
        rows = shown[start:end]
        base, is_whole = rows[0], rows[0].daily_return is None
        days = [
            Day(
                row.trade_date,
                float(row.equity / base.equity) if base.equity else 0.0,
                float(row.benchmark_equity / base.benchmark_equity) if base.benchmark_equity else 0.0,
                float(row.cost) if is_whole or row is not base else 0.0,
            )
            for row in rows
        ]
        net = net_equity([day.equity for day in days], [day.cost for day in days], cost_bps=cost_bps)
        yield Series(base.origin, rows, days, net)


def of_purchase(stored_cost: Decimal, cost_bps: float) -> float:
    """The stored cost of a purchase at another price."""
    return round(float(stored_cost) * cost_bps / COST_BPS, DECIMALS)


def days_of(series: Series, cost_bps: float) -> Iterator[PerformanceDay]:
    """One row a session."""
    highest = list(accumulate(series.net, max, initial=1.0))[1:]
    spy_highest = list(accumulate((day.benchmark_equity for day in series.days), max, initial=1.0))[1:]
    before = None
    for place, (row, day, net) in enumerate(zip(series.stored, series.days, series.net, strict=True)):
        yield PerformanceDay(
            origin=series.origin,
            started_on=series.started_on,
            trade_date=row.trade_date,
            daily_return=row.daily_return if place else None,
            daily_return_net=pct(net, before) if before else None,
            benchmark_return=row.benchmark_return if place else None,
            equity=round(day.equity, DECIMALS),
            equity_net=round(net, DECIMALS),
            benchmark_equity=round(day.benchmark_equity, DECIMALS),
            drawdown_pct=min(pct(net, highest[place]), 0.0),
            benchmark_drawdown_pct=min(pct(day.benchmark_equity, spy_highest[place]), 0.0),
            turnover=row.turnover,
            cost=of_purchase(row.cost, cost_bps),
            positions=row.positions,
            incomplete=row.incomplete,
            without_bar=row.without_bar.split(",") if row.without_bar else [],
        )
        before = net


def pct(value: float, base: float) -> float:
    """Change from the base, percent, to 6 decimals; nothing is earned on nothing."""
    return round(100 * (value / base - 1), 6) if base else 0.0


def summary_of(series: Series, bought: Sequence[Held], cost_bps: float) -> PerformanceSeries:
    """A stretch with its figures."""
    bought_on = {item.purchase.bought_on for item in bought if item.purchase.origin == series.origin}
    net = figures(series.days, purchases=bought_on, cost_bps=cost_bps)
    gross = figures(series.days, purchases=bought_on, cost_bps=0)
    as_spy = [day._replace(equity=day.benchmark_equity, cost=0.0) for day in series.days]
    spy = figures(as_spy, purchases=[], cost_bps=0)
    later = [row.turnover for row in series.stored[1:] if row.trade_date in bought_on]
    cumulative = [found.cumulative_return_pct.value or 0.0 for found in (gross, net)]
    return PerformanceSeries(
        origin=series.origin,
        started_on=series.started_on,
        ended_on=series.ended_on,
        sessions=len(series.stored),
        incomplete=any(row.incomplete for row in series.stored),
        flagged=[row.trade_date for row in series.stored if row.without_bar],
        turnover_mean=round(float(sum(later) / len(later)), DECIMALS) if later else None,
        cost_total_pp=round(cumulative[0] - cumulative[1], 6),
        metrics=list(metrics_of(net, gross)),
        benchmark_metrics=[metric for metric in metrics_of(spy, spy) if metric.name != "hit_rate_pct"],
    )


def metrics_of(net: Figures, gross: Figures) -> Iterator[Metric]:
    """Each figure with its definition."""
    for field in fields(Figures):
        figure, before_cost = getattr(net, field.name), getattr(gross, field.name)
        yield Metric(
            name=field.name,
            value=rounded(figure.value),
            value_before_cost=rounded(before_cost.value),
            has_enough_data=figure.has_enough_data,
            n=figure.n,
            needed=figure.needed,
            counted=figure.counted,
            definition=figure.definition,
        )


def rounded(value: float | None) -> float | None:
    """As figures are stored (rules 9)."""
    return None if value is None else round(value, 6)


def rebalances_of(
    db: Connection, strategy: Strategy, found: Sequence[Series], bought: Sequence[Held], cost_bps: float
) -> list[Rebalance]:
    """The purchases in the series' sessions, newest first."""
    places = {(series.origin, row.trade_date): place for series in found for place, row in enumerate(series.stored)}
    inside = [
        (series, item)
        for series in found
        for item in bought
        if (series.origin, item.purchase.bought_on) in places
        and item.purchase.origin == series.origin
        and series.started_on <= item.purchase.bought_on <= series.ended_on
    ]
    if not inside:
        return []
    dates = [item.purchase.as_of_date for _, item in inside]
    weights = read_performance.weights(db, strategy, min(dates), max(dates))
    rows = [rebalance_of(series, item, places=places, weights=weights, cost_bps=cost_bps) for series, item in inside]
    return sorted(rows, key=lambda row: (row.bought_on, row.origin), reverse=True)


def rebalance_of(
    series: Series,
    item: Held,
    *,
    places: Mapping[tuple[Origin, date], int],
    weights: Mapping[tuple[date, int], Mapping[str, Decimal]],
    cost_bps: float,
) -> Rebalance:
    """A purchase, and what it earned until the next or the end of the answer."""
    purchase = item.purchase
    start = places[series.origin, purchase.bought_on]
    sold_at = places.get((series.origin, item.held_to)) if item.held_to <= series.ended_on else None
    end = len(series.stored) - 1 if sold_at is None else sold_at
    row, bought, sold = series.stored[start], series.days[start], series.days[end]
    cost = of_purchase(row.cost, cost_bps)
    chosen = weights.get((purchase.as_of_date, purchase.revision), {})
    return Rebalance(
        origin=series.origin,
        started_on=series.started_on,
        as_of_date=purchase.as_of_date,
        revision=purchase.revision,
        bought_on=purchase.bought_on,
        held_to=series.stored[end].trade_date,
        is_completed=item.is_completed and sold_at is not None,
        positions=len(chosen),
        turnover=row.turnover,
        cost=cost,
        return_pct=pct(sold.equity * (1 - cost), bought.equity),
        benchmark_return_pct=pct(sold.benchmark_equity, bought.benchmark_equity),
        weights={ticker: float(weight) for ticker, weight in chosen.items()},
    )
