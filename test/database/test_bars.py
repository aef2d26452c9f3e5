"""How a message becomes bars (rules 2), on a real database; numbers a person can check."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from database import staging, trending
from database.bars import write_bars
from database.connection import Connection, connect
from test.conftest import Database
from test.consumer.messages import D31, J2, J5, J6, J7, J8, J9, at, bar, bars
from utils.messages import BarsMessage


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with connect(database.settings("consumer")) as opened:
        staging.prepare(opened)
        yield opened


def write(connection: Connection, message: BarsMessage, run_id: str = "run") -> int:
    with connection.transaction():
        return write_bars(connection, message, run_id)


def column(connection: Connection, name: str, ticker: str = "AAA") -> dict[date, Any]:
    return dict(
        connection.execute(
            f"SELECT trade_date, {name} FROM collected_06_daily_stock_history WHERE ticker = %s ORDER BY 1", (ticker,)
        ).fetchall()
    )


def findings(connection: Connection) -> list[tuple[str, date | None, str, str]]:
    return connection.execute(
        "SELECT check_name, session, severity, detail FROM data_quality_findings ORDER BY finding_id"
    ).fetchall()


def test_price_change_is_over_the_previous_session(connection: Connection) -> None:
    assert write(connection, bars(bar(J2, 100), bar(J5, 110), bar(J6, 99))) == 3
    # 110 / 100 − 1 and 99 / 110 − 1
    assert column(connection, "price_change_percent") == {J2: None, J5: Decimal("10.000000"), J6: Decimal("-10.000000")}


def test_without_a_bar_on_the_previous_session_there_is_no_price_change(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J6, 99)))
    assert column(connection, "price_change_percent") == {J2: None, J6: None}


def test_a_bar_that_comes_later_mends_the_one_after_it(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J6, 99), bar(J7, 100)))
    before = column(connection, "changed_at")
    assert write(connection, bars(bar(J5, 110), hour=2)) == 2
    assert column(connection, "price_change_percent") == {
        J2: None,
        J5: Decimal("10.000000"),
        J6: Decimal("-10.000000"),
        J7: Decimal("1.010101"),  # 100 / 99 − 1
    }
    after = column(connection, "changed_at")
    assert {day for day in before if after[day] != before[day]} == {J6}


def test_the_first_bar_of_a_message_looks_back_into_the_table(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 110)))
    write(connection, bars(bar(J6, 121), hour=2))
    assert column(connection, "price_change_percent")[J6] == Decimal("10.000000")


def test_a_changed_bar_moves_the_change_of_the_one_after_it_in_the_table(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 110), bar(J6, 121)))
    write(connection, bars(bar(J5, 100), hour=2))
    assert column(connection, "price_change_percent") == {J2: None, J5: Decimal(0), J6: Decimal("21.000000")}


def test_the_same_answer_again_changes_nothing_but_when_it_was_fetched(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 110)))
    kept = [column(connection, name) for name in ("changed_at", "updated_at", "run_id", "xmin::text")]
    assert write(connection, bars(bar(J2, 100), bar(J5, 110)), "again") == 0
    assert [column(connection, name) for name in ("changed_at", "updated_at", "run_id", "xmin::text")] == kept
    assert write(connection, bars(bar(J2, 100), bar(J5, 110), hour=2), "later") == 0
    assert [column(connection, name) for name in ("changed_at", "updated_at", "run_id")] == kept[:3]
    assert column(connection, "fetched_at") == {J2: at(2), J5: at(2)}


def test_an_older_answer_writes_nothing_whatever_came_between(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), hour=1))
    write(connection, bars(bar(J2, 100), hour=3))
    assert write(connection, bars(bar(J2, 90), bar(J5, 95), hour=2)) == 1
    assert column(connection, "close_price") == {J2: Decimal(100), J5: Decimal(95)}
    assert column(connection, "price_change_percent")[J5] == Decimal("-5.000000")


def test_a_restatement_of_adjusted_closes_alone_does_not_move_changed_at(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 110)))
    before = column(connection, "changed_at")
    restated = bars(bar(J2, 100, adj_close_price=99), bar(J5, 110, adj_close_price=109), mode="replace", hour=2)
    assert write(connection, restated, "restating") == 2
    assert column(connection, "changed_at") == before
    assert column(connection, "adj_close_price") == {J2: Decimal(99), J5: Decimal(109)}
    assert set(column(connection, "run_id").values()) == {"restating"}
    assert findings(connection) == []


def test_replace_removes_what_the_answer_lacks_and_keeps_what_is_the_same(connection: Connection) -> None:
    write(connection, bars(bar(D31, 90), bar(J2, 100), bar(J5, 110), bar(J6, 121)))
    before = column(connection, "changed_at")
    assert write(connection, bars(bar(J2, 100), bar(J6, 121), mode="replace", hour=2)) == 4
    assert column(connection, "price_change_percent") == {J2: None, J6: None}
    after = column(connection, "changed_at")
    assert after[J2] > before[J2]  # its price change is gone with the bar before it
    assert findings(connection) == [
        ("restated", None, "info", "history replaced: 0 bars changed, 2 removed, 2 in the answer")
    ]


@pytest.mark.parametrize(
    ("stored", "removed", "first", "last"),
    [
        ([J2, J5, J6], J6, J5, J6),  # the newest: no bar after it tells
        ([J2, J5, J6, J7], J6, J5, J6),  # that after it is not read for the 6th
        ([J2, J5, J7], J5, J5, J7),  # that before it is not read, and that after it had no price change anyway
    ],
)
def test_a_bar_that_is_removed_is_seen_by_the_stages_that_read_it(
    connection: Connection, stored: list[date], removed: date, first: date, last: date
) -> None:
    def answer(days: list[date], **other: Any) -> BarsMessage:
        return bars(*(bar(day, 100) for day in days), ticker="SPY", asset="etf", **other)

    write(connection, answer(stored))
    ((ran,),) = connection.execute("SELECT now()").fetchall()
    assert not trending.changed_since(connection, first, last, ran)
    write(connection, answer([day for day in stored if day != removed], mode="replace", hour=2))
    assert trending.changed_since(connection, first, last, ran)
    ((ran,),) = connection.execute("SELECT now()").fetchall()
    write(connection, answer([day for day in stored if day != removed], mode="replace", hour=3))
    assert not trending.changed_since(connection, first, last, ran)


def test_an_older_replacement_spares_newer_rows(connection: Connection) -> None:
    write(connection, bars(bar(J5, 110), hour=3))
    assert write(connection, bars(bar(J2, 100), mode="replace", hour=2)) == 2
    assert column(connection, "close_price") == {J2: Decimal(100), J5: Decimal(110)}
    assert column(connection, "price_change_percent")[J5] == Decimal("10.000000")


def test_a_changed_value_in_the_overlap_is_a_finding(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 100)))
    write(connection, bars(bar(J2, 100.5), bar(J5, 100.6), hour=2))
    assert findings(connection) == [
        ("changed value", J2, "info", "close 100.5, was 100; largest change 0.5000 %"),
        ("changed value", J5, "warn", "close 100.6, was 100; largest change 0.6000 %"),
    ]


def test_etf_bars_have_their_own_table(connection: Connection) -> None:
    assert write(connection, bars(bar(J2, 100), bar(J5, 110), ticker="SPY", asset="etf")) == 2
    rows = connection.execute("SELECT trade_date, price_change_percent FROM collected_01_daily_etf_ohlc").fetchall()
    assert sorted(rows) == [(J2, None), (J5, Decimal("10.000000"))]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (bar(J5, 140.1), "moved 40.10 % in one session without a split"),
        (bar(J5, 59.9), "moved -40.10 % in one session without a split"),
        (bar(J5, 140), None),
        (bar(J5, 25, split_ratio=4), None),  # the source has not adjusted yet: 25 × 4 = 100
        (bar(J5, 10, split_ratio=4), "moved -90.00 % in one session without a split"),
        (bar(J5, 100, high_price=99, low_price=98), "close outside low and high"),
        (bar(J5, 100, high_price=98, low_price=99), "low above high"),
        (bar(J5, 100, open_price=0), "a price is not positive"),
        (bar(J5, -1), "a price is not positive"),
        (bar(J5, 100, open_price=None, high_price=None, low_price=None), None),
    ],
)
def test_what_is_in_doubt(connection: Connection, row: Any, reason: str | None) -> None:
    write(connection, bars(bar(J2, 100), row))
    assert column(connection, "doubt") == {J2: None, J5: reason}
    assert column(connection, "doubt_value")[J5] == (None if reason is None else Decimal(str(row.close_price)))
    assert [(name, day, severity) for name, day, severity, _ in findings(connection)] == (
        [] if reason is None else [("doubt", J5, "warn")]
    )


def test_a_move_over_a_gap_counts_from_the_bar_before(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J6, 150)))
    assert column(connection, "doubt")[J6] == "moved 50.00 % in one session without a split"


def confirmed(connection: Connection, day: date) -> datetime | None:
    found: datetime | None = column(connection, "confirmed_at")[day]
    return found


def test_a_doubt_ends_when_a_later_session_repeats_the_value(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 150), hour=1, observed=J5))
    changed = column(connection, "changed_at")[J5]
    write(connection, bars(bar(J2, 100), bar(J5, 150), hour=2, observed=J5))
    assert confirmed(connection, J5) is None  # the same session
    write(connection, bars(bar(J5, 150.01), bar(J6, 151), hour=3, observed=J6), "later")
    assert confirmed(connection, J5) == at(3)  # 0.0067 % away
    assert column(connection, "changed_at")[J5] > changed
    assert findings(connection)[-1] == ("doubt", J5, "info", "close 150 confirmed by a later session")
    write(connection, bars(bar(J5, 150), bar(J6, 151), hour=4, observed=J7))
    assert confirmed(connection, J5) == at(3)


def test_a_past_bar_seen_for_the_first_time_is_in_doubt_until_seen_again_a_session_later(
    connection: Connection,
) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 150), bar(J6, 151), hour=1, observed=J9))
    assert column(connection, "doubt_session") == {J2: None, J5: J9, J6: None}
    write(connection, bars(bar(J5, 150), bar(J6, 151), hour=2, observed=J9))
    assert confirmed(connection, J5) is None
    write(connection, bars(bar(J5, 150), bar(J6, 151), hour=3, observed=date(2026, 1, 12)))
    assert confirmed(connection, J5) == at(3)


def test_another_doubtful_value_is_a_new_doubt(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 150), hour=1, observed=J5))
    write(connection, bars(bar(J5, 160), hour=2, observed=J6))
    assert confirmed(connection, J5) is None
    assert column(connection, "doubt_value")[J5] == Decimal(160)
    assert column(connection, "doubt_session")[J5] == J6


def test_a_corrected_value_takes_the_doubt_away_also_from_the_bar_after_it(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J5, 1000), bar(J6, 101), hour=1, observed=J6))
    assert [day for day, doubt in column(connection, "doubt").items() if doubt] == [J5, J6]
    write(connection, bars(bar(J5, 100), hour=2, observed=J7))
    assert set(column(connection, "doubt").values()) == {None}
    assert set(column(connection, "doubt_value").values()) == {None}


def test_a_neighbour_that_was_only_judged_again_is_not_repeated(connection: Connection) -> None:
    write(connection, bars(bar(J2, 100), bar(J6, 150), hour=1, observed=J6))
    write(connection, bars(bar(J5, 100), hour=2, observed=J9))
    assert confirmed(connection, J6) is None
    assert column(connection, "fetched_at")[J6] == at(1)


def test_a_change_over_next_to_nothing_is_no_number(connection: Connection) -> None:
    write(connection, bars(bar(J7, 0.000001), bar(J8, 1_000_000)))
    assert column(connection, "price_change_percent")[J8] is None
