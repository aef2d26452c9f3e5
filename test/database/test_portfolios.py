"""Publishing portfolios: headers, revisions, all or nothing (rules 4, Header)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from database.connection import Connection, connect
from database.portfolios import Portfolio, WeightsDoNotSum, publish_daily
from test.conftest import Database
from utils.sessions import close_of, next_session

D = date(2026, 1, 23)
NEXT_CLOSE = close_of(next_session(D))
EVENING = close_of(D) + timedelta(hours=1)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with connect(database.settings("batch")) as opened:
        yield opened


def position(ticker: str, weight: str, rank: int, **changes: Any) -> dict[str, Any]:
    return {
        "as_of_date": D,
        "period_days": 5,
        "ticker": ticker,
        "company_name": f"{ticker} Inc",
        "sector": "Unknown",
        "market_cap": 4e11,
        "return_pct": 5.0,
        "portfolio_weight": Decimal(weight),
        "rank": rank,
        "allocation_score": 12.5,
        "source_etfs": "XLV",
        "allocation_reason": "Highest.",
        "market_cap_source": "quote",
    } | changes


TWO = Portfolio(
    strategy="5d",
    as_of_date=D,
    next_close=NEXT_CLOSE,
    positions=[position("JNJ", "0.7", 1), position("LLY", "0.3", 2)],
    candidates=[],
    trending_etfs=2,
    holdings_oldest=D,
    left_out=[],
)
EMPTY = Portfolio(strategy="5d", as_of_date=D, next_close=NEXT_CLOSE, positions=[], left_out=[], trending_etfs=0)


def publish(connection: Connection, portfolio: Portfolio, at: datetime = EVENING) -> dict[str, Any]:
    publish_daily(connection, [portfolio], published_at=at, run_id="r")
    names = ("revision", "status", "origin", "positions", "first_published_at", "published_at")
    row = connection.execute(f"SELECT {', '.join(names)} FROM analytics_portfolios").fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))


def held(connection: Connection) -> dict[str, Decimal]:
    return dict(connection.execute("SELECT ticker, portfolio_weight FROM analytics_05_portfolio_allocation").fetchall())


def test_a_first_publication(connection: Connection) -> None:
    header = publish(connection, TWO)
    assert (header["revision"], header["status"], header["origin"], header["positions"]) == (1, "complete", "live", 2)
    assert held(connection) == {"JNJ": Decimal("0.7"), "LLY": Decimal("0.3")}


def test_the_same_again_is_the_same_revision(connection: Connection) -> None:
    first = publish(connection, TWO)
    assert publish(connection, TWO, EVENING + timedelta(hours=5)) == first


def test_names_and_sectors_are_not_what_was_published(connection: Connection) -> None:
    publish(connection, TWO)
    renamed = [{**row, "company_name": "New", "sector": "Energy"} for row in TWO.positions]
    assert publish(connection, replace(TWO, positions=renamed))["revision"] == 1


def test_another_position_is_a_new_revision_and_the_old_one_is_kept(connection: Connection) -> None:
    publish(connection, TWO)
    other = replace(TWO, positions=[position("JNJ", "1", 1)])
    header = publish(connection, other, NEXT_CLOSE + timedelta(days=3))
    assert (header["revision"], header["origin"], header["positions"]) == (2, "live", 1)  # origin is revision 1's
    assert header["first_published_at"] == EVENING
    assert header["published_at"] == NEXT_CLOSE + timedelta(days=3)
    assert held(connection) == {"JNJ": Decimal(1)}  # no stale row is left
    [(revision, old_header, old)] = connection.execute(
        "SELECT revision, header, positions FROM analytics_portfolio_revisions"
    ).fetchall()
    assert (revision, old_header["status"]) == (1, "complete")
    assert [(row["ticker"], row["portfolio_weight"]) for row in old] == [("JNJ", 0.7), ("LLY", 0.3)]


def test_what_was_left_out_makes_it_partial_and_a_new_revision(connection: Connection) -> None:
    publish(connection, TWO)
    left_out = replace(TWO, left_out=[{"ticker": None, "etf": "XLF", "reason": "no_holdings"}])
    header = publish(connection, left_out)
    assert (header["revision"], header["status"]) == (2, "partial")
    assert publish(connection, left_out)["revision"] == 2


def test_an_empty_portfolio_is_a_result(connection: Connection) -> None:
    assert publish(connection, EMPTY)["status"] == "empty"
    nothing_known = replace(EMPTY, left_out=[{"ticker": "JNJ", "etf": "XLV", "reason": "no_return"}])
    assert publish(connection, nothing_known)["status"] == "partial"


def test_published_at_or_after_the_next_close_it_is_simulated(connection: Connection) -> None:
    assert publish(connection, TWO, NEXT_CLOSE)["origin"] == "simulated"


def test_a_clock_set_back_never_sets_a_publication_back(connection: Connection) -> None:
    publish(connection, TWO)
    header = publish(connection, EMPTY, datetime(2020, 1, 1, tzinfo=UTC))
    assert header["published_at"] == EVENING


def test_weights_that_do_not_sum_to_one_are_not_published(connection: Connection) -> None:
    publish(connection, TWO)
    wrong = replace(TWO, positions=[position("JNJ", "0.7", 1), position("LLY", "0.2999999999", 2)])
    with pytest.raises(WeightsDoNotSum, match=r"5d: 0\.9999999999"):
        publish(connection, wrong)
    assert held(connection) == {"JNJ": Decimal("0.7"), "LLY": Decimal("0.3")}
