"""Realised performance (rules 8): rows computed by hand, then the program on a real database."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import pytest
from pyspark.sql import SparkSession

from api.purchases import held
from api.purchases import purchases as purchases_of_the_api
from batch.frames import calendar_of
from batch.transforms.performance import holding_intervals, purchases, realised_performance, realised_series
from database.read_performance import Origin, Revision
from utils.sessions import close_of, session_offset, sessions_between

MON, TUE, WED, THU, FRI = sessions_between(date(2026, 1, 5), date(2026, 1, 9))
SUN = date(2026, 1, 4)
FRIDAY = FRI.weekday()

Prices = Mapping[str, Mapping[date, float]]
RISING: Prices = {"AAA": {MON: 10, TUE: 11, WED: 12}, "BBB": {MON: 10, TUE: 20, WED: 40}}


class Published(NamedTuple):
    """A revision of the portfolio that is bought at the close of `bought_on` if it is published before it."""

    bought_on: date
    weights: Mapping[str, float] = {}
    origin: str = "live"
    strategy: str = "5d"
    revision: int = 1
    published_at: datetime | None = None  # unless told, an hour after the close of the session before
    as_of_date: date | None = None  # that session unless told


def series(
    spark: SparkSession,
    portfolios: Sequence[Published],
    prices: Prices,
    *,
    last: date,
    rates: Mapping[date, float] = {},  # of the won, for tickers that end in .KS
    spy: Mapping[date, float] = {},
) -> list[Any]:
    """The rows in order. SPY stands still unless told."""
    published, weights = [], []
    for each in portfolios:
        session = session_offset(each.bought_on, -1)
        key = (each.strategy, each.as_of_date or session)
        at = each.published_at or close_of(session) + timedelta(hours=1)
        published.append((*key, each.origin, each.revision, at))
        weights += [(*key, each.revision, ticker, weight) for ticker, weight in each.weights.items()]
    bars = [
        (ticker, day, float(price), "KRW" if ticker.endswith(".KS") else "USD")
        for ticker, levels in prices.items()
        for day, price in levels.items()
    ]
    oldest = min(row[1] for row in published)
    found = realised_performance(
        published=spark.createDataFrame(
            published, "strategy string, as_of_date date, origin string, revision int, published_at timestamp"
        ),
        weights=spark.createDataFrame(
            weights, "strategy string, as_of_date date, revision int, ticker string, portfolio_weight double"
        ),
        bars=spark.createDataFrame(bars, "ticker string, trade_date date, adj_close_price double, currency string"),
        rates=spark.createDataFrame(
            [("KRW", day, rate) for day, rate in rates.items()], "currency string, rate_date date, usd_per_unit double"
        ),
        benchmark_bars=spark.createDataFrame(
            [("SPY", day, float(price)) for day, price in (spy or {oldest: 100.0}).items()],
            "ticker string, trade_date date, adj_close_price double",
        ),
        calendar=calendar_of(spark, oldest - timedelta(days=30), last),
        last=last,
        cost_bps=10,
        stale_after=5,
    )
    return found.sort("strategy", "origin", "trade_date").collect()


def about(*numbers: float) -> Any:
    return pytest.approx(numbers, rel=1e-12, abs=1e-12)


class TestSeries:
    def test_a_first_purchase_is_all_turnover_and_its_day_has_no_return(self, spark: SparkSession) -> None:
        first, second = series(
            spark, [Published(MON, {"AAA": 1.0})], {"AAA": {MON: 50, TUE: 55}}, last=TUE, spy={MON: 400, TUE: 404}
        )
        assert (first.trade_date, first.daily_return, first.benchmark_return) == (MON, None, None)
        assert (first.equity, first.benchmark_equity, first.turnover) == (1, 1, 1)
        assert (first.cost, first.equity_net, first.positions) == (0.001, 0.999, 1)
        assert (second.daily_return, second.benchmark_return) == about(10, 1)
        assert (second.equity, second.equity_net, second.benchmark_equity) == about(1.1, 1.0989, 1.01)
        assert (second.turnover, second.cost, second.positions) == (0, 0, 1)
        assert (first.incomplete, first.without_bar) == (second.incomplete, second.without_bar) == (False, None)

    def test_weights_drift(self, spark: SparkSession) -> None:
        # 0.5 × 1.2 + 0.5 = 1.1; then 0.6 × 1.1 + 0.5 × 0.8 = 1.06: a return of 1.06 / 1.1, not of equal halves.
        prices: Prices = {"AAA": {MON: 10, TUE: 12, WED: 13.2}, "BBB": {MON: 10, TUE: 10, WED: 8}}
        rows = series(spark, [Published(MON, {"AAA": 0.5, "BBB": 0.5})], prices, last=WED)
        assert tuple(row.equity for row in rows) == about(1, 1.1, 1.06)
        assert rows[2].daily_return == pytest.approx(100 * (1.06 / 1.1 - 1), rel=1e-12)

    def test_a_rebalance_is_paid_for_what_changes_and_begins_after_the_day(self, spark: SparkSession) -> None:
        # On Tuesday AAA has drifted to 0.6 / 1.1 and BBB to 0.5 / 1.1; AAA is sold, BBB kept at 0.5, CCC bought at 0.5.
        portfolios = [Published(MON, {"AAA": 0.5, "BBB": 0.5}), Published(TUE, {"BBB": 0.5, "CCC": 0.5})]
        prices: Prices = {
            "AAA": {MON: 10, TUE: 12, WED: 24},
            "BBB": {MON: 10, WED: 10},
            "CCC": {MON: 5, TUE: 8, WED: 8.8},
        }
        rows = series(spark, portfolios, prices, last=WED)
        traded = 0.6 / 1.1 + abs(0.5 - 0.5 / 1.1) + 0.5
        assert (rows[1].turnover, rows[1].cost) == about(traded / 2, traded / 1000)
        assert (rows[1].equity, rows[1].equity_net) == about(1.1, 0.999 * 1.1 * (1 - traded / 1000))
        assert rows[2].daily_return == pytest.approx(5, rel=1e-12)
        assert [row.positions for row in rows] == [2, 2, 2]

    def test_an_empty_portfolio_is_cash(self, spark: SparkSession) -> None:
        portfolios = [Published(MON), Published(TUE, {"AAA": 1.0}), Published(WED), Published(THU, {"AAA": 1.0})]
        prices: Prices = {"AAA": {MON: 10, TUE: 20, WED: 30, THU: 60, FRI: 66}}
        rows = series(spark, portfolios, prices, last=FRI)
        assert tuple(row.equity for row in rows) == about(1, 1, 1.5, 1.5, 1.65)
        assert tuple(row.turnover for row in rows) == about(0, 1, 1, 1, 0)
        assert tuple(row.cost for row in rows) == about(0, 0.001, 0.001, 0.001, 0)
        assert [row.positions for row in rows] == [0, 1, 0, 1, 1]
        assert rows[3].daily_return == 0

    def test_a_date_without_a_header_changes_nothing(self, spark: SparkSession) -> None:
        portfolios = [Published(MON, {"AAA": 1.0}), Published(THU, {"BBB": 1.0})]
        prices: Prices = {"AAA": {MON: 10, TUE: 11, WED: 12, THU: 13, FRI: 99}, "BBB": {MON: 1, THU: 2, FRI: 3}}
        rows = series(spark, portfolios, prices, last=FRI)
        assert tuple(row.equity for row in rows) == about(1, 1.1, 1.2, 1.3, 1.95)

    def test_a_missing_bar_counts_nothing_and_is_caught_up(self, spark: SparkSession) -> None:
        rows = series(spark, [Published(MON, {"AAA": 1.0})], {"AAA": {MON: 10, WED: 12}}, last=WED)
        assert [row.daily_return for row in rows] == [None, 0, pytest.approx(20)]

    def test_a_purchase_is_made_at_the_last_price_before_it(self, spark: SparkSession) -> None:
        rows = series(spark, [Published(MON, {"AAA": 1.0})], {"AAA": {SUN - timedelta(2): 10, TUE: 12}}, last=TUE)
        assert rows[1].daily_return == pytest.approx(20)
        assert not rows[0].incomplete

    def test_won_are_counted_in_dollars(self, spark: SparkSession) -> None:
        # 100,000 × 0.0007 = 70 dollars; then the price rises by 10 %; then the won falls by a seventh.
        prices: Prices = {"900010.KS": {MON: 100_000.0, TUE: 110_000.0}}
        rates = {SUN: 0.0007, WED: 0.0006}
        rows = series(spark, [Published(MON, {"900010.KS": 1.0})], prices, last=WED, rates=rates)
        assert tuple(row.equity for row in rows) == about(1, 1.1, 1.1 * 6 / 7)

    def test_without_a_rate_at_the_purchase_it_earns_from_the_first_one_on_and_is_named_until_then(
        self, spark: SparkSession
    ) -> None:
        prices: Prices = {"900010.KS": {MON: 1e5, TUE: 2e5, WED: 3e5}, "AAA": {MON: 10, TUE: 10, WED: 11}}
        portfolio = Published(MON, {"900010.KS": 0.5, "AAA": 0.25, "NEW": 0.25})
        rows = series(spark, [portfolio], prices, last=WED, rates={TUE: 0.0007})
        # Tuesday's price is the first known one, 140 dollars; Wednesday's is 210: 0.5 × 1.5 + 0.25 × 1.1 + 0.25.
        assert tuple(row.equity for row in rows) == about(1, 1, 1.275)
        assert [row.without_bar for row in rows] == ["900010.KS,NEW", "NEW", "NEW"]
        assert all(row.incomplete for row in rows)

    def test_the_benchmark_counts_from_its_last_bar_too(self, spark: SparkSession) -> None:
        prices: Prices = {"AAA": {MON: 10}}
        rows = series(spark, [Published(MON, {"AAA": 1.0})], prices, last=WED, spy={MON: 400, WED: 440})
        assert [row.benchmark_return for row in rows] == [None, 0, pytest.approx(10)]
        assert [row.benchmark_equity for row in rows] == [1, 1, pytest.approx(1.1)]

    def test_the_benchmark_counts_from_its_first_bar_where_that_is_later(self, spark: SparkSession) -> None:
        rows = series(spark, [Published(MON, {"AAA": 1.0})], {"AAA": {MON: 10}}, last=WED, spy={TUE: 400, WED: 440})
        assert [row.benchmark_return for row in rows] == [None, 0, pytest.approx(10)]
        assert [row.benchmark_equity for row in rows] == [1, 1, pytest.approx(1.1)]


class TestRevisions:
    def test_the_one_newest_before_the_close_is_bought(self, spark: SparkSession) -> None:
        close = close_of(MON)
        revisions = [
            Published(MON, {"BBB": 1.0}, published_at=close - timedelta(hours=20)),
            Published(MON, {"AAA": 1.0}, revision=2, published_at=close - timedelta(minutes=1)),
            Published(MON, {"BBB": 1.0}, revision=3, published_at=close),
        ]
        rows = series(spark, revisions, RISING, last=TUE)
        assert [row.equity for row in rows] == [1, pytest.approx(1.1)]

    def test_one_that_is_late_is_bought_at_the_first_close_after_it(self, spark: SparkSession) -> None:
        revisions = [
            Published(MON, {"BBB": 1.0}, published_at=close_of(MON) + timedelta(hours=1)),
            Published(MON, {"AAA": 1.0}, revision=2, published_at=close_of(TUE) - timedelta(hours=1)),
        ]
        rows = series(spark, revisions, RISING, last=WED)
        assert [(row.trade_date, row.equity) for row in rows] == [(TUE, 1), (WED, pytest.approx(12 / 11))]

    def test_a_simulated_one_is_bought_as_if_live_in_its_newest_revision(self, spark: SparkSession) -> None:
        revisions = [
            Published(MON, {"BBB": 1.0}, "simulated", published_at=close_of(MON) + timedelta(days=90)),
            Published(MON, {"AAA": 1.0}, "simulated", revision=2, published_at=close_of(MON) + timedelta(days=99)),
        ]
        rows = series(spark, revisions, RISING, last=TUE)
        assert [(row.origin, row.trade_date, row.equity) for row in rows] == [
            ("simulated", MON, 1),
            ("simulated", TUE, pytest.approx(1.1)),
        ]

    def test_what_is_bought_after_the_last_session_is_not_there(self, spark: SparkSession) -> None:
        portfolios = [Published(MON, {"AAA": 1.0}), Published(WED, {"BBB": 1.0})]
        rows = series(spark, portfolios, RISING, last=TUE)
        assert [(row.trade_date, row.positions) for row in rows] == [(MON, 1), (TUE, 1)]


def test_live_and_simulated_portfolios_are_series_of_their_own(spark: SparkSession) -> None:
    portfolios = [
        Published(MON, {"AAA": 1.0}, "simulated"),
        Published(TUE, {"BBB": 1.0}, "simulated"),
        Published(WED, {"AAA": 1.0}),
        Published(THU, {"BBB": 1.0}, "simulated"),
    ]
    prices: Prices = {
        "AAA": {MON: 10, TUE: 11, WED: 11, THU: 22, FRI: 33},
        "BBB": {MON: 1, TUE: 1, WED: 2, THU: 2, FRI: 3},
    }
    rows = series(spark, portfolios, prices, last=FRI)
    found = [(row.origin, row.trade_date, row.equity, row.turnover) for row in rows]
    assert found == [
        ("live", WED, 1, 1),
        ("live", THU, pytest.approx(2), 0),  # held on, whatever is simulated on Thursday
        ("live", FRI, pytest.approx(3), 0),
        ("simulated", MON, 1, 1),
        ("simulated", TUE, pytest.approx(1.1), 1),
        ("simulated", WED, pytest.approx(2.2), 0),  # its last day: a live one is bought, nothing of this series
        ("simulated", THU, 1, 1),  # a stretch of its own
        ("simulated", FRI, pytest.approx(1.5), 0),
    ]
    assert [row.trade_date for row in rows if row.daily_return is None] == [WED, MON, THU]


def test_strategies_do_not_touch_each_other(spark: SparkSession) -> None:
    portfolios = [Published(MON, {"AAA": 1.0}), Published(TUE, {"BBB": 1.0}, strategy="monthly")]
    prices: Prices = {"AAA": {MON: 10, TUE: 11, WED: 12}, "BBB": {MON: 1, TUE: 1, WED: 2}}
    rows = series(spark, portfolios, prices, last=WED)
    assert [(row.strategy, row.trade_date, row.equity) for row in rows] == [
        ("5d", MON, 1),
        ("5d", TUE, pytest.approx(1.1)),
        ("5d", WED, pytest.approx(1.2)),
        ("monthly", TUE, 1),
        ("monthly", WED, pytest.approx(2)),
    ]


def test_of_two_for_one_day_the_newer_is_bought(spark: SparkSession) -> None:
    """A rebalance was forced on a Saturday, and the Sunday's followed: both are for Monday."""
    portfolios = [
        Published(MON, {"BBB": 1.0}, strategy="monthly", as_of_date=SUN),
        Published(MON, {"AAA": 1.0}, strategy="monthly", as_of_date=SUN - timedelta(days=1)),
    ]
    rows = series(spark, portfolios, {"AAA": {MON: 1, TUE: 2}, "BBB": {MON: 1, TUE: 3}}, last=TUE)
    assert [(row.trade_date, row.equity, row.turnover) for row in rows] == [(MON, 1, 1), (TUE, pytest.approx(3), 0)]


class TestDelisted:
    def test_after_five_sessions_without_a_bar_it_is_named_and_what_follows_is_incomplete(
        self, spark: SparkSession
    ) -> None:
        days = sessions_between(MON, session_offset(MON, 9))
        prices: Prices = {"OLD": {days[0]: 10, days[1]: 12}, "AAA": dict.fromkeys(days, 10.0)}
        portfolios = [Published(days[0], {"OLD": 0.5, "AAA": 0.5}), Published(days[8], {"AAA": 1.0})]
        rows = series(spark, portfolios, prices, last=days[9])
        # Its last bar is that of days[1]; days[7] is the sixth session without one.
        assert [row.without_bar for row in rows] == [None] * 7 + ["OLD", None, None]
        assert [row.incomplete for row in rows] == [False] * 7 + [True] * 3
        # It keeps its last price until it is sold: 0.6 of 1.1, then all of it is AAA.
        assert tuple(row.equity for row in rows) == about(1, *[1.1] * 9)
        assert rows[8].turnover == pytest.approx(0.6 / 1.1)


def test_chaining_is_exact_over_years(spark: SparkSession) -> None:
    days = sessions_between(date(2016, 1, 4), date(2025, 12, 31))
    returns = [None, *(0.03 * ((7 * number) % 13 - 6) / 6 for number in range(1, len(days)))]
    rows = [("5d", "live", days[0], day, r, 0.0, 0.0005, 1, None) for day, r in zip(days, returns, strict=True)]
    frame = spark.createDataFrame(
        rows,
        "strategy string, origin string, stretch date, trade_date date, daily_return double, turnover double, "
        "cost double, positions int, without_bar string",
    )
    spy = spark.createDataFrame([(days[0], 100.0)], "on_date date, adj_close_price double")
    newest = realised_series(frame, spy).sort("trade_date").collect()[-1]
    equity = net = 1.0
    for r in returns:
        equity *= 1 + (r or 0)
        net *= (1 + (r or 0)) * (1 - 0.0005)
    assert (newest.equity, newest.equity_net) == (pytest.approx(equity, rel=1e-9), pytest.approx(net, rel=1e-9))


def revisions_of(strategy: str) -> list[Revision]:
    """Two months of portfolios with days left out: in time, late, at a close to the second, Sundays' and revised."""
    drawn, found = Random(strategy), []
    for session in sessions_between(date(2025, 11, 17), date(2026, 1, 30)):
        if drawn.random() < 0.2:
            continue
        as_of_date = session + timedelta(days=drawn.choice((0, 0, 0, 2 if session.weekday() == FRIDAY else 0)))
        origin: Origin = "simulated" if drawn.random() < 1 / 3 else "live"
        published_at = close_of(session) + timedelta(hours=drawn.choice((1, 4, 30, 80)))
        for revision in range(1, drawn.choice((2, 2, 3, 4))):
            found.append(Revision(as_of_date, origin, revision, published_at))
            later = close_of(session_offset(session, drawn.choice((1, 2))))
            published_at = max(published_at, later + timedelta(seconds=drawn.choice((-1, 0, 1, 7200))))
    return found


def test_the_api_names_the_purchases_that_the_batch_computes_with(spark: SparkSession) -> None:
    """The rule is written twice, in SQL for years of all strategies and in Python for one answer: one set for both."""
    first, last = date(2025, 11, 17), date(2026, 1, 30)
    published = {strategy: revisions_of(strategy) for strategy in ("5d", "10d", "20d", "monthly")}
    rows = [
        (strategy, each.as_of_date, each.origin, each.revision, each.published_at)
        for strategy, revisions in published.items()
        for each in revisions
    ]
    frame = spark.createDataFrame(
        rows, "strategy string, as_of_date date, origin string, revision int, published_at timestamp"
    )
    intervals = holding_intervals(purchases(frame, calendar_of(spark, first, last), last=last), last=last)
    computed = {
        (row.strategy, row.origin, row.bought_on, row.held_to, row.is_replaced, row.as_of_date, row.revision)
        for row in intervals.collect()
    }
    named = {
        (strategy, bought.origin, bought.bought_on, held_to, is_replaced, bought.as_of_date, bought.revision)
        for strategy, revisions in published.items()
        for bought, held_to, is_replaced in held(
            purchases_of_the_api(revisions, sessions_between(first, last)), last=last
        )
    }
    assert named == computed
    assert len(named) > 100
    assert {each[1] for each in named} == {"live", "simulated"}
    assert {each[-1] for each in named} >= {1, 2}
