"""Every number that the batch programs store, held against a second calculation made from RULES.md alone."""

import pytest

from test.reference.comparison import differences, read_rows, shown
from test.reference.conftest import Computed
from test.reference.performance import read_published
from test.reference.rebalance import rebalance_dates
from test.reference.results import (
    HEADERS,
    Tables,
    daily,
    monthly,
    of_etfs,
    of_months,
    realised,
)
from test.reference.storage import Key, Row

# Which market is computed is chosen while the test runs: what it starts cannot be seen before.
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
