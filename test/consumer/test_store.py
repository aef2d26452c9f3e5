"""A batch is one transaction: rows, dead letters, ledger and offsets, on a real database."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from unittest.mock import Mock

import psycopg
import pytest

from consumer import dead_letters, unpacking
from consumer.loop import Assigned, Partition, PositionLost, Record, Slice, StoreAway
from consumer.store import PostgresStore, TooManyInvalid
from database import dead_letters as letters
from database.connection import connect
from database.ledger import Item, open_run
from test.conftest import Database
from test.consumer.messages import J2, J5, bar, bars, quote, snapshot
from utils.messages import Message, encode
from utils.program import StageFailed, UsageError

STOCKS = Partition("stock-daily-data", 0, "first-topic")


def record(offset: int, message: Message, run_id: str = "run") -> Record:
    key, value, headers = encode(message, run_id)
    return Record(offset, key, value, tuple(headers))


def poison(offset: int, value: bytes | None, key: bytes = b"BAD", run_id: str = "run") -> Record:
    headers = {"schema_version": b"1", "run_id": run_id.encode(), "produced_at": b"2026-01-09", "operation": b"bars"}
    return Record(offset, key, value, tuple(headers.items()))


@pytest.fixture
def store(database: Database) -> Iterator[PostgresStore]:
    opened = PostgresStore(database.settings("consumer"))
    yield opened
    opened.close()


def claimed(store: PostgresStore, partition: Partition = STOCKS, first: int = 0, end: int = 100) -> int:
    return store.claim(Assigned(partition, first, end))


def closes(database: Database) -> list[tuple[str, date, Decimal]]:
    return database.rows("SELECT ticker, trade_date, close_price FROM collected_06_daily_stock_history ORDER BY 1, 2")


def errors(database: Database) -> list[tuple[int, str]]:
    return database.rows('SELECT "offset", error_msg FROM logs_consumer_error ORDER BY 1')


POISONS = {
    "not JSON": b"{",
    "empty": None,
    "bad UTF-8": b"\xff\xfe",
    "NaN": b'{"kind": "bars", "ticker": "BAD", "market_cap": NaN}',
    "unknown kind": b'{"kind": "news"}',
    "unknown field with a NUL": b'{"kind": "profile", "ticker": "BAD", "a\\u0000b": 1}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("value", POISONS.values(), ids=POISONS.keys())
def test_a_poison_message_is_kept_and_the_good_ones_around_it_are_stored(
    database: Database, store: PostgresStore, value: bytes | None
) -> None:
    assert claimed(store) == 0
    good = [record(0, bars(bar(J2, 100))), record(2, bars(bar(J2, 100), ticker="BBB"))]
    store.save([Slice(STOCKS, 0, (good[0], poison(1, value), good[1]))])
    assert [ticker for ticker, _, _ in closes(database)] == ["AAA", "BBB"]
    assert [offset for offset, _ in errors(database)] == [1]
    assert database.rows("SELECT raw_value, status FROM logs_consumer_error") == [(value, "new")]
    assert claimed(store) == 3


def test_a_message_whose_rows_the_tables_refuse_is_a_dead_letter_alone(
    database: Database, store: PostgresStore
) -> None:
    claimed(store)
    twice = bars(bar(J2, 100), bar(J2, 101), ticker="TWICE")
    negative = bars(bar(J2, 100, dividend=-1.0), ticker="NEG")
    huge = bars(bar(J2, 1e12), ticker="HUGE")
    names = ["AAA", "TWICE", "NEG", "HUGE", "BBB"]
    batch: list[Message] = [bars(bar(J2, 100)), twice, negative, huge, bars(bar(J2, 100), ticker="BBB")]
    store.save([Slice(STOCKS, 0, tuple(record(offset, message) for offset, message in enumerate(batch)))])
    assert [ticker for ticker, _, _ in closes(database)] == ["AAA", "BBB"]
    assert [names[offset] for offset, _ in errors(database)] == ["TWICE", "NEG", "HUGE"]


def test_a_message_with_a_header_whose_name_is_no_text_is_a_dead_letter(
    database: Database, store: PostgresStore
) -> None:
    claimed(store)
    sent = record(0, bars(bar(J2, 100)))
    odd = Record(0, sent.key, sent.value, (*sent.headers, (unpacking.NOT_TEXT + r"\xff", b"x")))
    store.save([Slice(STOCKS, 0, (odd, record(1, bars(bar(J2, 100), ticker="BBB"))))])
    assert errors(database) == [(0, r"header whose name is not UTF-8: \xff")]
    assert [ticker for ticker, _, _ in closes(database)] == ["BBB"]


def test_a_message_on_the_wrong_topic_is_a_dead_letter(database: Database, store: PostgresStore) -> None:
    claimed(store)
    store.save([Slice(STOCKS, 0, (record(0, snapshot([("JPM", 10)])),))])
    assert errors(database) == [(0, "holdings on stock-daily-data: expected on etf-holdings-data")]


def test_the_ledger_says_what_became_of_each_item(database: Database, store: PostgresStore) -> None:
    with connect(database.settings("collector")) as connection:
        run = open_run(connection, process="stocks", as_of_date=J5)
        run.plan(Item(ticker, "bars") for ticker in ("AAA", "BBB", "BAD"))
        run.plan([Item("AAA", "quotes")])
        run.sent(Item("AAA", "bars"), api_calls=1)
        claimed(store)
        messages: list[Message] = [
            bars(bar(J2, 100), bar(J5, 110)),
            quote(J5, 1e12, 110),
            bars(bar(J2, 5), ticker="BBB"),
        ]
        store.save([Slice(STOCKS, 0, (record(0, bars(bar(J2, 5), ticker="BBB"), "an earlier run"),))])
        sent = [record(offset, message, run.run_id) for offset, message in enumerate(messages, start=1)]
        store.save([Slice(STOCKS, 1, (*sent, poison(4, b"{", run_id=run.run_id)))])
        found = database.rows("SELECT ticker, operation, status, rows FROM asset_processing_details ORDER BY 1, 2")
        assert found == [
            ("AAA", "bars", "stored", 2),
            ("AAA", "quotes", "stored", 1),
            ("BAD", "bars", "dead_lettered", 0),
            ("BBB", "bars", "unchanged", 0),
        ]
        totals = run.close()
    assert (totals.requested, totals.stored, totals.unchanged, totals.dead_lettered) == (4, 2, 1, 1)


def test_a_closed_run_stays_as_it_is_whatever_comes_later(database: Database, store: PostgresStore) -> None:
    with connect(database.settings("collector")) as connection:
        run = open_run(connection, process="stocks", as_of_date=J5)
        run.plan([Item("AAA", "bars")])
        run.sent(Item("AAA", "bars"))
        run.close()
    claimed(store)
    store.save([Slice(STOCKS, 0, (record(0, bars(bar(J2, 100)), run.run_id),))])
    assert database.rows("SELECT status FROM asset_processing_details") == [("failed",)]
    assert len(closes(database)) == 1


def test_what_another_consumer_has_moved_is_not_stored(database: Database, store: PostgresStore) -> None:
    claimed(store)
    other = PostgresStore(database.settings("consumer"))
    claimed(other)
    other.save([Slice(STOCKS, 0, (record(0, bars(bar(J2, 100))), record(1, bars(bar(J5, 110), hour=2))))])
    with pytest.raises(PositionLost, match="stock-daily-data/0: another consumer has moved it from 0"):
        store.save([Slice(STOCKS, 0, (record(0, bars(bar(J2, 1), hour=9)),))])
    assert closes(database) == [("AAA", J2, Decimal(100)), ("AAA", J5, Decimal(110))]
    assert claimed(store) == 2
    other.close()


def test_a_topic_made_anew_and_an_offset_outside_of_the_log_start_at_the_earliest(
    store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    claimed(store)
    store.save([Slice(STOCKS, 0, (record(0, bars(bar(J2, 100))),))])
    assert claimed(store, first=0, end=1) == 1
    assert claimed(store, first=5, end=9) == 5
    assert "offset 1 is outside of the log 5-9" in caplog.text
    assert claimed(store, Partition("stock-daily-data", 0, "second-topic"), first=0, end=9) == 0
    assert "topic stock-daily-data was made anew" in caplog.text


def test_a_batch_that_is_mostly_invalid_stops_the_consumer_and_stores_nothing(
    database: Database, store: PostgresStore
) -> None:
    claimed(store)
    records = [record(offset, bars(bar(J2, 100), ticker=f"A{offset}")) for offset in range(9)]
    records += [poison(offset, b"{") for offset in range(9, 20)]
    with pytest.raises(TooManyInvalid, match="11 of the newest 20 messages of stock-daily-data are invalid"):
        store.save([Slice(STOCKS, 0, tuple(records))])
    assert (closes(database), errors(database), claimed(store)) == ([], [], 0)


def test_single_messages_that_are_mostly_invalid_stop_the_consumer_until_somebody_has_dealt_with_them(
    database: Database, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(store)
    for offset in range(19):
        store.save([Slice(STOCKS, offset, (poison(offset, b"{"),))])
    last = Slice(STOCKS, 19, (poison(19, b"{"),))
    restarted = PostgresStore(database.settings("consumer"))
    for each in (store, restarted):
        with pytest.raises(TooManyInvalid, match="20 of the newest 20 messages of stock-daily-data are invalid"):
            each.save([last])
    restarted.close()
    database.as_role("consumer", monkeypatch)
    assert dead_letters.main(["drop", "--all"]) == 0
    store.save([last])
    assert claimed(store) == 20


def test_a_good_message_is_stored_however_many_were_invalid_before_it(database: Database, store: PostgresStore) -> None:
    claimed(store)
    for offset in range(19):
        store.save([Slice(STOCKS, offset, (poison(offset, b"{"),))])
    store.save([Slice(STOCKS, 19, (record(19, bars(bar(J2, 100))),))])
    assert len(closes(database)) == 1


def test_a_database_that_is_away_is_said_and_the_store_connects_anew(database: Database, store: PostgresStore) -> None:
    claimed(store)
    with database.server.connect() as superuser:
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'consumer'")
    part = Slice(STOCKS, 0, (record(0, bars(bar(J2, 100))),))
    with pytest.raises(StoreAway):
        store.save([part])
    store.save([part])
    assert len(closes(database)) == 1


@pytest.mark.parametrize("code", ["40P01", "40001"], ids=["deadlock", "serialization failure"])
def test_a_conflict_with_another_transaction_is_tried_again(
    database: Database, store: PostgresStore, code: str
) -> None:
    claimed(store)
    with database.server.connect(database.name) as superuser:
        superuser.execute(
            f"""CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'in conflict' USING ERRCODE = '{code}'; END $$;
                CREATE TRIGGER conflict BEFORE INSERT ON collected_06_daily_stock_history EXECUTE FUNCTION conflict()"""
        )
        part = Slice(STOCKS, 0, (record(0, bars(bar(J2, 100))),))
        with pytest.raises(StoreAway, match="in conflict"):
            store.save([part])
        superuser.execute("DROP FUNCTION conflict CASCADE")
    store.save([part])
    assert (len(closes(database)), errors(database)) == (1, [])


def test_a_batch_that_does_not_end_is_given_up_and_tried_again(database: Database) -> None:
    """A consumer that is frozen in its transaction must not keep another from its partitions for ever."""
    store = PostgresStore(database.settings("consumer"), longest_transaction_s=0.5)
    claimed(store)
    part = Slice(STOCKS, 0, (record(0, bars(bar(J2, 100))),))
    with database.server.connect(database.name) as superuser:
        superuser.execute("BEGIN; LOCK TABLE collected_06_daily_stock_history")
        with pytest.raises(StoreAway, match="transaction timeout"):
            store.save([part])
        superuser.execute("ROLLBACK")
    store.save([part])
    assert (len(closes(database)), errors(database), claimed(store)) == (1, [], 1)
    store.close()


def test_dead_letters_have_a_view_whatever_is_in_them(database: Database, store: PostgresStore) -> None:
    claimed(store)
    odd = Record(1, b"\xff\0", b"x", (("a\0b", b"\xff"), ("run_id", b"\xfe")))
    store.save([Slice(STOCKS, 0, (poison(0, b"{"), odd, Record(2, None, None, ())))])
    found = database.rows("SELECT name, status, message_key, run_id, bytes FROM v_dead_letters ORDER BY name")
    assert found == [
        ("stock-daily-data/0/0", "new", "BAD", "run", 1),
        ("stock-daily-data/0/1", "new", r"\377\000", None, 1),
        ("stock-daily-data/0/2", "new", None, None, None),
    ]


def test_a_dead_letter_is_listed_shown_and_dropped(
    database: Database, store: PostgresStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database.as_role("consumer", monkeypatch)
    claimed(store)
    store.save([Slice(STOCKS, 0, (poison(0, b"{"),))])
    assert dead_letters.main(["list"]) == 0
    assert dead_letters.main(["show", "stock-daily-data/0/0"]) == 0
    assert dead_letters.main(["drop", "stock-daily-data/0/0"]) == 0
    assert dead_letters.main(["list"]) == 0
    said = capsys.readouterr().out
    assert "new       stock-daily-data/0/0  BAD" in said
    assert "header run_id: b'run'" in said
    assert said.endswith("0 dead letters\n")


@pytest.mark.parametrize("name", ["stock-daily-data", "stock-daily-data/0/last", "stock-daily-data/0/²"])
def test_a_dead_letter_that_is_not_named_as_one_is_a_users_mistake(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in database.environment("consumer").items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"^{name}: expected topic/partition/offset"):
        dead_letters.main(["show", name])


def test_an_error_that_has_no_text_ends_the_program_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "connect", Mock(side_effect=psycopg.OperationalError()))
    with pytest.raises(StageFailed, match=r"^OperationalError$"):
        dead_letters.main(["list"])


def test_headers_survive_packing() -> None:
    headers = [("run_id", b"a"), ("odd", b"\xff\0"), ("odd", b""), ("none", None)]
    assert letters.unpack(letters.pack(headers)) == headers
    json.loads(letters.pack(headers))
