"""What the programs have before it is stored, held against the second calculation to 1e-9 of each number."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pandas as pd
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
from batch.transforms import allocation as transforms
from config.universe import UNKNOWN_SECTOR
from database import performance as stored_performance
from database import rebalances
from database import trending as stored_trending
from database.connection import connect
from test.reference import months, performance, rebalance, top_holdings
from test.reference.allocation import allocate
from test.reference.conftest import Computed
from test.reference.results import (
    CANDIDATES,
    CONCENTRATION,
    ETF_MONTHS,
    MONTHLY,
    OVERLAP,
    PERFORMANCE,
    POSITIONS,
    SECTOR_MONTHS,
    STOCK_MONTHS,
    TOP_HOLDINGS,
    TRENDING,
)
from test.reference.storage import DECIMALS, KEYS, Row
from test.reference.trending import trending

pytestmark = pytest.mark.timeout(1800)

NEARLY = 1e-9


@pytest.fixture
def market(small: Computed, monkeypatch: pytest.MonkeyPatch) -> Computed:
    """The small market, read with the role of the batch programs."""
    small.database.as_role("batch", monkeypatch)
    return small


def twenty_sessions(market: Computed) -> list[date]:
    """Bars are missing and in doubt on the way, caps are carried, and a holiday lies between them."""
    return [session for session in market.sessions if session >= date(2025, 11, 17)][:20]


def test_trends_candidates_and_weights(market: Computed, spark: SparkSession) -> None:
    sessions = twenty_sessions(market)
    trends = trending(market.market, sessions)
    made = allocate(market.market, trends)
    assert_near(trends, measured(spark_01_trending_etf_identifier.measured(spark, sessions)), TRENDING)
    with connect() as connection:
        etfs = stored_trending.measured(connection, sessions)
    judged = spark_02_active_stock_allocator.judged(spark, sessions, etfs).cache()
    assert_near(made.candidates, rows_of(judged), CANDIDATES)
    assert_near(made.positions, rows_of(transforms.allocate(judged, unknown_sector=UNKNOWN_SECTOR)), POSITIONS)


def test_top_holdings_concentration_and_overlap(market: Computed, spark: SparkSession) -> None:
    sessions = twenty_sessions(market)
    found = spark_03_etf_top_holdings.measured(spark, sessions)
    assert_near(top_holdings.top_holdings(market.market, sessions), measured(found.holdings), TOP_HOLDINGS)
    assert_near(top_holdings.concentration(market.market, sessions), rows_of(found.concentration), CONCENTRATION)
    assert_near(top_holdings.overlap(market.market, sessions), rows_of(found.overlap), OVERLAP)


def test_rebalances(market: Computed, spark: SparkSession) -> None:
    dates = rebalance.rebalance_dates(date(2025, 10, 1), market.sessions[-1])
    with connect() as connection:
        inputs = rebalances.inputs(connection, dates)
    portfolios = allocate(
        market.market, trending(market.market, sorted(each.as_of_date for each in inputs.values()))
    ).portfolios
    expected, _ = rebalance.rebalance(market.market, portfolios, dates)
    assert_near(expected, rows_of(spark_04_monthly_portfolio_rebalancer.rebalanced(spark, inputs)), MONTHLY)


def test_months(market: Computed, spark: SparkSession) -> None:
    ends = batch_monthly_sector_analyzer.as_of_sessions(date(2025, 10, 31), market.sessions[-1])
    expected = months.months(market.market, [(end.year, end.month) for end in ends])
    found = batch_monthly_sector_analyzer.measured(spark, ends)
    assert_near(expected.etfs, measured(found.etfs), ETF_MONTHS)
    assert_near(expected.sectors, rows_of(found.sectors), SECTOR_MONTHS)
    assert_near(expected.stocks, measured(found.stocks), STOCK_MONTHS)


def test_performance(market: Computed, spark: SparkSession) -> None:
    with connect() as connection:
        oldest = stored_performance.oldest_portfolio(connection, before=market.sessions[-1])
        portfolios = performance.read_published(connection)
    assert oldest is not None
    expected = performance.performance(market.market, portfolios)
    found = spark_05_portfolio_performance.realised(spark, oldest, market.sessions[-1])
    assert_near(expected, rows_of(found), PERFORMANCE)


def rows_of(frame: DataFrame) -> list[Row]:
    """A small Spark frame's rows."""
    return [row.asDict() for row in frame.collect()]


def measured(frame: DataFrame) -> list[Row]:
    """Those that are stored: what has no return is only named."""
    return [row for row in rows_of(frame) if row["missing"] is None]


def assert_near(expected: pd.DataFrame, found: Iterable[Row], table: str) -> None:
    """The same rows, and every number within 1e-9 of itself; of one that is nearly nothing within 1e-12."""
    rows = list(found)
    assert len(expected) == len(rows) > 0
    by_key = {tuple(row[name] for name in KEYS[table]): row for row in rows}
    numbers = [str(name) for name in expected.columns if name in DECIMALS]
    assert numbers
    for row in expected.to_dict("records"):
        there = by_key[tuple(row[name] for name in KEYS[table])]
        for name in numbers:
            known = None if pd.isna(row[name]) else pytest.approx(float(row[name]), rel=NEARLY, abs=1e-12)
            assert (None if there[name] is None else float(there[name])) == known, (table, row, name)


def test_an_error_in_the_eighth_digit_is_noticed() -> None:
    row: Row = {"as_of_date": date(2026, 1, 23), "etf_ticker": "QQQ", "herfindahl_index": 0.0164}
    expected = pd.DataFrame([row])
    assert_near(expected, [row | {"herfindahl_index": 0.0164 * (1 + 1e-10)}], CONCENTRATION)
    for wrong in (0.0164 * (1 + 1e-8), 0.0164 * (1 - 1e-8), Decimal(0), None):
        with pytest.raises(AssertionError):
            assert_near(expected, [row | {"herfindahl_index": wrong}], CONCENTRATION)
    for rows in ([], [row, row]):
        with pytest.raises(AssertionError):
            assert_near(expected, rows, CONCENTRATION)
