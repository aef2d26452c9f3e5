"""One job over three months gives the rows that a job per session gives (contracts 3), of every program."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from operator import itemgetter

import pytest
from pyspark.sql import DataFrame, SparkSession

from batch import (
    batch_monthly_sector_analyzer,
    spark_01_trending_etf_identifier,
    spark_02_active_stock_allocator,
    spark_03_etf_top_holdings,
    spark_04_monthly_portfolio_rebalancer,
    spark_05_portfolio_performance,
)
from batch.transforms.allocation import allocate
from config.universe import UNKNOWN_SECTOR
from database import performance, rebalances, trending
from database.connection import connect
from test.reference.conftest import Computed
from utils.sessions import last_sundays_between

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

THREE_MONTHS = 63
NEARLY = 1e-12  # a sum of floats may differ in its last bit where a range adds in another order

Rows = dict[date, list[tuple[str, dict[str, float]]]]
Compute = Callable[[SparkSession, Sequence[date]], Sequence[DataFrame]]


@pytest.fixture
def sessions(small: Computed, monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The market's last three months, read with the role of the batch programs."""
    small.database.as_role("batch", monkeypatch)
    return small.sessions[-THREE_MONTHS:]


def trends(spark: SparkSession, sessions: Sequence[date]) -> Sequence[DataFrame]:
    return [spark_01_trending_etf_identifier.measured(spark, sessions)]


def portfolios(spark: SparkSession, sessions: Sequence[date]) -> Sequence[DataFrame]:
    with connect() as connection:
        etfs = trending.measured(connection, sessions)
    judged = spark_02_active_stock_allocator.judged(spark, sessions, etfs).cache()
    return [judged, allocate(judged, unknown_sector=UNKNOWN_SECTOR)]


def top_holdings(spark: SparkSession, sessions: Sequence[date]) -> Sequence[DataFrame]:
    looked_at, *others = spark_03_etf_top_holdings.measured(spark, sessions)
    return [*stored_and_named(looked_at, "period_days", "etf_ticker", "holding_ticker"), *others]


def months(spark: SparkSession, ends: Sequence[date]) -> Sequence[DataFrame]:
    etfs, sectors, stocks = batch_monthly_sector_analyzer.measured(spark, ends)
    return [*stored_and_named(etfs, "etf_ticker"), sectors, *stored_and_named(stocks, "ticker")]


def stored_and_named(looked_at: DataFrame, *key: str) -> list[DataFrame]:
    """What has a return, and who has none: he is named and has no row, so nothing of his daily returns is kept."""
    return [looked_at.where("missing IS NULL"), looked_at.where("missing IS NOT NULL").select("as_of_date", *key)]


@pytest.mark.parametrize("compute", [trends, portfolios, top_holdings])
def test_sessions(spark: SparkSession, sessions: list[date], compute: Compute) -> None:
    together = [by_date(frame) for frame in compute(spark, sessions)]
    assert all(together), "expected rows in every frame"
    for session in sessions:
        for frame, expected in zip(compute(spark, [session]), together, strict=True):
            assert_same(by_date(frame), expected, session)
        spark.catalog.clearCache()


def test_months(spark: SparkSession, sessions: list[date]) -> None:
    ends = batch_monthly_sector_analyzer.as_of_sessions(sessions[0], sessions[-1])
    together = [by_date(frame) for frame in months(spark, ends)]
    etfs, _, sectors, stocks, named = together  # every ETF may have a return
    assert etfs and sectors and stocks and named, "expected rows in every frame"
    for end in ends:
        for frame, expected in zip(months(spark, [end]), together, strict=True):
            assert_same(by_date(frame), expected, end)


def test_rebalances(spark: SparkSession, sessions: list[date]) -> None:
    with connect() as connection:
        inputs = rebalances.inputs(connection, last_sundays_between(sessions[0], sessions[-1]))
    assert len(inputs) >= 2
    together = by_date(spark_04_monthly_portfolio_rebalancer.rebalanced(spark, inputs), "rebalance_date")
    for day, newest in inputs.items():
        alone = spark_04_monthly_portfolio_rebalancer.rebalanced(spark, {day: newest})
        assert_same(by_date(alone, "rebalance_date"), together, day)


def test_performance(spark: SparkSession, sessions: list[date]) -> None:
    """A run up to a session gives what a later run gives for it; every fifth, as each run is the whole series."""
    with connect() as connection:
        oldest = performance.oldest_portfolio(connection, before=sessions[-1])
    assert oldest is not None
    together = by_date(spark_05_portfolio_performance.realised(spark, oldest, sessions[-1]), "trade_date")
    for last in sessions[::5]:
        alone = by_date(spark_05_portfolio_performance.realised(spark, oldest, last), "trade_date")
        assert max(alone) == last
        for day in alone:
            assert_same(alone, together, day)


def by_date(frame: DataFrame, column: str = "as_of_date") -> Rows:
    """Rows by date, in an order of their own: what is no float as text, and the floats."""
    rows: Rows = defaultdict(list)
    for row in frame.collect():
        cells = sorted(row.asDict().items())
        texts = repr([cell for cell in cells if not isinstance(cell[1], float)])
        rows[row[column]].append((texts, {name: value for name, value in cells if isinstance(value, float)}))
    for found in rows.values():
        found.sort(key=itemgetter(0))
    return rows


def assert_same(alone: Rows, together: Rows, day: date) -> None:
    """The same rows of that date, their floats to a relative 1e-12."""
    assert [texts for texts, _ in alone[day]] == [texts for texts, _ in together[day]], day
    for (texts, numbers), (_, expected) in zip(alone[day], together[day], strict=True):
        assert numbers == pytest.approx(expected, rel=NEARLY, abs=NEARLY), texts
