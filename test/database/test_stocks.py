"""Holdings, profiles, rates and market caps as messages write them (rules 2, 4), on a real database."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from database import staging, top_holdings
from database.bars import write_bars
from database.connection import Connection, connect
from database.holdings import write_holdings
from database.stocks import write_market_cap, write_profile, write_rates
from test.conftest import Database
from test.consumer.messages import J5, J6, J7, J8, J9, at, bar, bars, quote, snapshot
from utils.messages import FxMessage, FxRate, ProfileMessage


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with connect(database.settings("consumer"), autocommit=True) as opened:
        staging.prepare(opened)
        yield opened


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def holdings(connection: Connection) -> list[tuple[Any, ...]]:
    return rows(
        connection, "SELECT holding_ticker, holding_percent, changed_at FROM collected_04_etf_holdings ORDER BY 1"
    )


def test_a_snapshot_replaces_the_list_of_its_day(connection: Connection) -> None:
    with connection.transaction():
        assert write_holdings(connection, snapshot([("JPM", 10), ("BAC", 8), ("WFC", 6)]), "a") == 3
    before = {ticker: changed for ticker, _, changed in holdings(connection)}
    with connection.transaction():
        # BAC another percentage, WFC gone, GS new; JPM the same
        assert write_holdings(connection, snapshot([("JPM", 10), ("BAC", 7.5), ("GS", 6)], hour=2), "b") == 3
    after = holdings(connection)
    assert [(ticker, percent) for ticker, percent, _ in after] == [
        ("BAC", Decimal("7.500000")),
        ("GS", Decimal(6)),
        ("JPM", Decimal(10)),
    ]
    assert [changed == before.get(ticker) for ticker, _, changed in after] == [False, False, True]


def test_a_list_that_only_lost_a_line_is_seen_by_the_stages_that_read_it(connection: Connection) -> None:
    with connection.transaction():
        write_holdings(connection, snapshot([("JPM", 10), ("BAC", 8), ("WFC", 6)]), "a")
    ((ran,),) = rows(connection, "SELECT now()")
    assert not top_holdings.changed_since(connection, J9, J5, ran)
    with connection.transaction():
        assert write_holdings(connection, snapshot([("JPM", 10), ("BAC", 8)], hour=2), "b") == 1
    assert top_holdings.changed_since(connection, J9, J5, ran)
    ((ran,),) = rows(connection, "SELECT now()")
    with connection.transaction():
        assert write_holdings(connection, snapshot([("JPM", 10), ("BAC", 8)], hour=3), "c") == 0
    assert not top_holdings.changed_since(connection, J9, J5, ran)


def test_the_same_or_an_older_snapshot_changes_nothing(connection: Connection) -> None:
    for hour, lines, expected in ((1, [("JPM", 10)], 1), (3, [("JPM", 10)], 0), (2, [("BAC", 9)], 0)):
        with connection.transaction():
            assert write_holdings(connection, snapshot(lines, hour=hour), "run") == expected
    assert [ticker for ticker, _, _ in holdings(connection)] == ["JPM"]


def test_a_profile_keeps_what_a_later_answer_does_not_know(connection: Connection) -> None:
    def profile(hour: int, **known: str) -> ProfileMessage:
        return ProfileMessage(ticker="AAA", fetched_at=at(hour), observed_at=at(hour), **known)

    assert write_profile(connection, profile(1, company_name="Aaa Inc", sector="Energy"), "run") == 1
    assert write_profile(connection, profile(2, quote_type="EQUITY"), "run") == 1
    assert write_profile(connection, profile(4, sector="Energy"), "run") == 0
    assert write_profile(connection, profile(3, sector="Unknown"), "run") == 0
    assert rows(connection, "SELECT company_name, sector, quote_type FROM collected_00_meta_stock") == [
        ("Aaa Inc", "Energy", "EQUITY")
    ]


def test_rates(connection: Connection) -> None:
    def rates(hour: int, *of: tuple[date, float]) -> FxMessage:
        found = tuple(FxRate(rate_date=day, usd_per_unit=rate) for day, rate in of)
        return FxMessage(ticker="KRW", fetched_at=at(hour), observed_at=at(hour), rates=found)

    with connection.transaction():
        assert write_rates(connection, rates(1, (J5, 0.0007), (J6, 0.00071)), "run") == 2
    with connection.transaction():
        assert write_rates(connection, rates(2, (J6, 0.00071), (J7, 0.00072)), "run") == 1
    with connection.transaction():
        assert write_rates(connection, rates(1, (J6, 0.5)), "run") == 0
    assert rows(connection, "SELECT usd_per_unit FROM collected_00_fx_rate ORDER BY rate_date") == [
        (Decimal("0.000700000000"),),
        (Decimal("0.000710000000"),),
        (Decimal("0.000720000000"),),
    ]


def caps(connection: Connection) -> list[tuple[Any, ...]]:
    return rows(connection, "SELECT session_date, market_cap, doubt FROM collected_00_market_cap ORDER BY 1")


def test_the_newest_quote_of_a_session_wins(connection: Connection) -> None:
    assert write_market_cap(connection, quote(J5, 1e12, 100, hour=2), "run") == 1
    assert write_market_cap(connection, quote(J5, 2e12, 100, hour=1), "run") == 0
    assert write_market_cap(connection, quote(J5, 1.01e12, 101, hour=3), "run") == 1
    assert caps(connection) == [(J5, Decimal(1_010_000_000_000), None)]


def test_a_cap_whose_shares_changed_by_more_than_a_quarter_is_in_doubt(connection: Connection) -> None:
    write_market_cap(connection, quote(J5, 1e12, 100), "run")
    write_market_cap(connection, quote(J6, 1.25e12, 100), "run")  # exactly a quarter
    write_market_cap(connection, quote(J7, 2e12, 100), "run")
    assert caps(connection) == [
        (J5, Decimal(10**12), None),
        (J6, Decimal(125 * 10**10), None),
        (J7, Decimal(2 * 10**12), "shares (market cap / price) changed 60.00 % without a split"),
    ]
    assert rows(connection, "SELECT check_name, ticker, session, severity FROM data_quality_findings") == [
        ("doubt", "AAA", J7, "warn")
    ]


def test_a_split_explains_more_shares(connection: Connection) -> None:
    write_market_cap(connection, quote(J5, 1e12, 100), "run")
    with connection.transaction():
        write_bars(connection, bars(bar(J5, 100), bar(J6, 25, split_ratio=4)), "run")
    write_market_cap(connection, quote(J6, 1e12, 25), "run")
    assert [doubt for _, _, doubt in caps(connection)] == [None, None]


def test_a_cap_is_confirmed_when_a_later_session_repeats_its_shares(connection: Connection) -> None:
    write_market_cap(connection, quote(J5, 1e12, 100, hour=1), "run")
    write_market_cap(connection, quote(J6, 2e12, 100, hour=2), "run")
    write_market_cap(connection, quote(J6, 2e12, 100, hour=3), "run")
    assert rows(connection, "SELECT confirmed_at FROM collected_00_market_cap WHERE doubt IS NOT NULL") == [(None,)]
    write_market_cap(connection, quote(J8, 2.2e12, 110, hour=4), "later")  # 20 billion shares again
    assert rows(
        connection, "SELECT session_date, confirmed_at FROM collected_00_market_cap WHERE doubt IS NOT NULL"
    ) == [(J6, at(4))]
