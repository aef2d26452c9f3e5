"""What must hold when everything has come to rest, whatever happened on the way."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kafka import TopicPartition

from config.settings import KafkaSettings
from config.topics import PARTITIONS, TOPICS
from test.conftest import Database
from test.faults.load import EPOCH, PREFIX, REFUSED, end_offsets, read
from utils.messages import (
    BarsMessage,
    FxMessage,
    HoldingsMessage,
    InvalidMessage,
    Message,
    ProfileMessage,
    QuotesMessage,
    decode,
)

# Of each collected table: the columns that name a row, and the first of them the harness's own rows are told by.
TABLES: Mapping[str, tuple[str, ...]] = {
    "collected_00_meta_stock": ("ticker",),
    "collected_00_market_cap": ("ticker", "session_date"),
    "collected_00_fx_rate": ("currency", "rate_date"),
    "collected_01_daily_etf_ohlc": ("ticker", "trade_date"),
    "collected_04_etf_holdings": ("etf_ticker", "as_of_date"),
    "collected_06_daily_stock_history": ("ticker", "trade_date"),
}
# Of one run and of one moment; confirmed_at is when, which is another time each time.
BOOKKEEPING = {"run_id", "created_at", "updated_at", "fetched_at", "changed_at", "confirmed_at"}

Key = tuple[str, ...]


def tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every collected row without what differs from run to run, and without the harness's own."""
    found = {}
    with database.server.connect(database.name) as connection:
        for table, (first, *_) in TABLES.items():
            names = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
                (table,),
            ).fetchall()
            chosen = ", ".join(str(name) for (name,) in names if name not in BOOKKEEPING)
            found[table] = connection.execute(
                f"SELECT {chosen} FROM {table} WHERE {first} NOT LIKE '{PREFIX}%' ORDER BY {chosen}"
            ).fetchall()
    return found


def rows_of(message: Message) -> list[tuple[str, Key]]:
    """The rows a message writes, by table and key."""
    match message:
        case BarsMessage():
            table = "collected_01_daily_etf_ohlc" if message.asset == "etf" else "collected_06_daily_stock_history"
            return [(table, (message.ticker, str(bar.trade_date))) for bar in message.bars]
        case HoldingsMessage():
            return [("collected_04_etf_holdings", (message.ticker, str(message.as_of_date)))]
        case QuotesMessage():
            return [("collected_00_market_cap", (message.ticker, str(message.session_date)))]
        case ProfileMessage():
            return [("collected_00_meta_stock", (message.ticker,))]
        case FxMessage():
            return [("collected_00_fx_rate", (message.ticker, str(rate.rate_date))) for rate in message.rates]


def is_all_stored(kafka: KafkaSettings, database: Database) -> bool:
    """Whether the database stands at the end of every partition."""
    ends = {(key.topic, key.partition): end for key, end in end_offsets(kafka).items() if end > 0}
    return positions(database) == ends


def positions(database: Database) -> dict[tuple[Any, ...], Any]:
    """Where the database stands, of partitions that hold something."""
    with database.server.connect(database.name) as connection:
        return {
            (topic, partition): offset
            for topic, partition, offset in connection.execute(
                'SELECT topic, "partition", next_offset FROM consumer_offsets WHERE next_offset > 0'
            )
        }


def assert_every_offset_is_accounted_for(kafka: KafkaSettings, database: Database) -> int:
    """Each message is in the tables or a dead letter, and the tables hold nothing else; how many messages there are.

    A row's `fetched_at` tells the newest answer that wrote it: one that was skipped would be missed there.
    """
    newest: dict[tuple[str, Key], datetime] = {}
    dead: set[tuple[str, int, int]] = set()
    said: set[tuple[str, str, str]] = set()
    ends: dict[tuple[str, int], int] = {}
    count = 0
    for topic in TOPICS:
        for partition in range(PARTITIONS):
            for record in read(kafka, TopicPartition(topic, partition)):
                count += 1
                ends[topic, partition] = record.offset + 1
                named = dict(record.headers)
                said.add((named["run_id"].decode(), record.key.decode(), named["operation"].decode()))
                try:
                    message = decode(record.key, record.value, record.headers).message
                except InvalidMessage:
                    dead.add((topic, partition, record.offset))
                    continue
                if message.ticker.startswith(REFUSED):
                    dead.add((topic, partition, record.offset))
                    continue
                for row in rows_of(message):
                    newest[row] = max(newest.get(row, message.fetched_at), message.fetched_at)
    with database.server.connect(database.name) as connection:
        stored: dict[tuple[str, Key], Any] = {}
        for table, key in TABLES.items():
            names = ", ".join(f"{name}::text" for name in key)
            for *values, fetched_at in connection.execute(f"SELECT DISTINCT {names}, fetched_at FROM {table}"):
                stored[table, tuple(map(str, values))] = fetched_at
        letters = set(connection.execute('SELECT topic, "partition", "offset" FROM logs_consumer_error').fetchall())
        items: set[tuple[Any, ...]] = set(
            connection.execute(
                """SELECT run_id, ticker, operation FROM asset_processing_details
                   WHERE status IN ('stored', 'dead_lettered')"""
            ).fetchall()
        )
        known: set[tuple[Any, ...]] = set(
            connection.execute("SELECT run_id, ticker, operation FROM asset_processing_details").fetchall()
        )
    assert positions(database) == ends
    assert letters == dead
    assert {row: (newest.get(row), at) for row, at in stored.items() if newest.get(row) != at} == {}
    assert newest.keys() - stored.keys() == set()
    assert items - said == set(), "stored, it is said, and never sent"
    assert said - known == set(), "sent, and in no run's plan"
    return count


def assert_each_row_is_of_one_answer(database: Database) -> None:
    """The harness's own messages tell their version by their closes and by their time: a row has both of one."""
    with database.server.connect(database.name) as connection:
        found = connection.execute(
            """SELECT ticker, trade_date, close_price, fetched_at FROM collected_06_daily_stock_history
               WHERE ticker LIKE %s AND close_price <> 100 + extract(epoch FROM fetched_at - %s) / 60 / 100""",
            (f"{PREFIX}%", EPOCH),
        ).fetchall()
    assert found == []


def assert_the_ledger_adds_up(database: Database) -> int:
    """By name, for every run; how many runs there are."""
    with database.server.connect(database.name) as connection:
        unsettled = connection.execute(
            """SELECT run_id, status FROM process_executions WHERE status = 'running'
               UNION ALL SELECT run_id, status FROM asset_processing_details WHERE status IN ('planned', 'sent')"""
        ).fetchall()
        differing = connection.execute(
            """SELECT p.run_id FROM process_executions p LEFT JOIN LATERAL (
                   SELECT count(*) AS requested, count(*) FILTER (WHERE status = 'stored') AS stored,
                          count(*) FILTER (WHERE status = 'unchanged') AS unchanged,
                          count(*) FILTER (WHERE status = 'failed') AS failed,
                          count(*) FILTER (WHERE status = 'dead_lettered') AS dead_lettered,
                          coalesce(sum(api_calls), 0) AS api_calls
                   FROM asset_processing_details d WHERE d.run_id = p.run_id) d ON true
               WHERE (p.requested, p.stored, p.unchanged, p.failed, p.dead_lettered, p.api_calls) IS DISTINCT FROM
                     (d.requested, d.stored, d.unchanged, d.failed, d.dead_lettered, d.api_calls)
                  OR p.requested <> p.stored + p.unchanged + p.failed + p.dead_lettered"""
        ).fetchall()
        silent = connection.execute(
            """SELECT run_id FROM process_executions WHERE status IN ('failed', 'partial') AND error IS NULL
               UNION ALL SELECT run_id FROM asset_processing_details
               WHERE status IN ('failed', 'dead_lettered') AND error IS NULL"""
        ).fetchall()
        (runs,) = connection.execute("SELECT count(*) FROM process_executions").fetchone() or (0,)
    assert (unsettled, differing, silent) == ([], [], [])
    return int(str(runs))


def assert_each_item_ended_as_it_must(database: Database, expected: Mapping[tuple[str, str], str]) -> None:
    """The harness's own items, by name."""
    with database.server.connect(database.name) as connection:
        found = {
            (run_id, ticker): status
            for run_id, ticker, status in connection.execute(
                "SELECT run_id, ticker, status FROM asset_processing_details WHERE run_id LIKE 'load%'"
            )
        }
    assert found == expected
