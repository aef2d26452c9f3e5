"""Every number that the batch programs store, held against a second calculation made from rules.md alone."""

from datetime import date

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from batch import spark_01_trending_etf_identifier, spark_02_active_stock_allocator
from batch.transforms import allocation as transforms
from config.universe import UNKNOWN_SECTOR
from test.reference.allocation import allocate
from test.reference.comparison import differences, read_rows, shown
from test.reference.conftest import Computed
from test.reference.performance import read_published
from test.reference.rebalance import rebalance_dates
from test.reference.results import (
    CANDIDATES,
    HEADERS,
    POSITIONS,
    TRENDING,
    Tables,
    daily,
    monthly,
    of_etfs,
    of_months,
    realised,
)
from test.reference.storage import DECIMALS, KEYS, Key, Row
from test.reference.trending import trending

pytestmark = [pytest.mark.integration, pytest.mark.timeout(7200)]


def assert_same(computed: Computed, *parts: Tables) -> None:
    """Each table holds exactly these rows."""
    expected: dict[str, dict[Key, Row]] = {}
    for part in parts:
        for table, rows in part.items():
            assert rows, f"{table}: nothing to compare"
            expected[table] = expected.get(table, {}) | rows
    found = []
    with computed.connect() as connection:
        for table, rows in expected.items():
            found += differences(table, rows, read_rows(connection, table, list(next(iter(rows.values())))))
    assert not found, shown(found)


def test_trends_portfolios_and_rebalances(computed: Computed) -> None:
    dates = rebalance_dates(computed.sessions[0], computed.sessions[-1])
    every_session = daily(computed.market, computed.sessions)
    merged = monthly(computed.market, computed.sessions, dates)
    assert {header["status"] for header in every_session[HEADERS].values()} == {"complete", "partial", "empty"}
    assert_same(computed, every_session, merged)


def test_top_holdings_concentration_and_overlap(computed: Computed) -> None:
    assert_same(computed, of_etfs(computed.market, computed.sessions))


def test_months(computed: Computed) -> None:
    assert_same(computed, of_months(computed.market, computed.sessions))


def test_performance(computed: Computed) -> None:
    with computed.connect() as connection:
        portfolios = read_published(connection)
    assert {portfolio.origin for portfolio in portfolios} == {"live", "simulated"}
    assert "live" in {portfolio.origin for portfolio in portfolios if len(portfolio.revisions) > 1}
    assert_same(computed, realised(computed.market, portfolios))


def test_before_rounding(small: Computed, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the programs have before it is stored, to 1e-9."""
    for name, value in small.database.environment("batch").items():
        monkeypatch.setenv(name, value)
    sessions = [session for session in small.sessions if session >= date(2025, 11, 17)][:20]
    trends = trending(small.market, sessions)
    made = allocate(small.market, trends)

    measured = spark_01_trending_etf_identifier.measured(spark, sessions)
    assert_near(trends, [row for row in rows_of(measured) if row["missing"] is None], TRENDING)
    judged = spark_02_active_stock_allocator.judged(spark, sessions).cache()
    assert_near(made.candidates, rows_of(judged), CANDIDATES)
    positions = transforms.allocate(judged, unknown_sector=UNKNOWN_SECTOR)
    assert_near(made.positions, rows_of(positions), POSITIONS)


def rows_of(frame: DataFrame) -> list[Row]:
    """A small Spark frame's rows."""
    return [row.asDict() for row in frame.collect()]


def assert_near(expected: pd.DataFrame, found: list[Row], table: str) -> None:
    """The same rows, and every number within 1e-9 of itself."""
    assert len(expected) == len(found) > 0
    by_key = {tuple(row[name] for name in KEYS[table]): row for row in found}
    numbers = [str(name) for name in expected.columns if name in DECIMALS]
    assert numbers
    for row in expected.to_dict("records"):
        there = by_key[tuple(row[name] for name in KEYS[table])]
        for name in numbers:
            known = None if pd.isna(row[name]) else pytest.approx(float(row[name]), rel=1e-9)
            found_number = None if there[name] is None else float(there[name])
            assert found_number == known, (table, row, name)
