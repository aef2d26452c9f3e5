"""From topic to table: bars a second, what they cost the database, memory. Not a test: nothing passes or fails.

    .venv-dev/bin/python -m test.bench.consumer                              # 500 instruments, ten years
    .venv-dev/bin/python -m test.bench.consumer --instruments 100 --years 2

All bars are in the topic before a consumer begins: `lag` is how long that burst takes, the start of the program not
counted. In the same run, into a table of the same definition: one INSERT and commit for each row, for some seconds, and
one COPY of all rows. PostgreSQL keeps its promises here (fsync), unlike in tests. `busy` is processor time as a share
of the time that passed; memory is PSS, the peak of any consumer.
"""

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psutil

from config.settings import KafkaSettings
from config.topics import PARTITIONS, STOCK_DAILY
from database.connection import connect
from test.bench.markets import LAST, SESSIONS_A_YEAR
from test.bench.program import MEBIBYTE, busy_seconds, memory, run_bench, running
from test.conftest import DOWNLOADS, Database, Server, fresh_database, kafka_broker, postgres_server
from test.consumer.topics import remake_topics
from utils.arguments import program_parser
from utils.kafka import producer
from utils.messages import Bar, BarsMessage, encode
from utils.sessions import sessions_until

SAMPLE_SECONDS = 0.1
ROW_BY_ROW_SECONDS = 8.0
LONGEST = 30_000  # bars that one message may have
TABLE = "collected_06_daily_stock_history"
COLUMNS = (
    "ticker, trade_date, currency, open_price, high_price, low_price, close_price, adj_close_price, volume, "
    "previous_session, fetched_at, run_id"
)
FETCHED = datetime(2025, 12, 30, 22, tzinfo=UTC)


def message(ticker: str, days: Sequence[date], *, seed: int) -> BarsMessage:
    """A random walk in cents, with adjusted closes of as many digits as the source gives."""
    dice, close, bars = random.Random(seed), 100.0, []
    for at in range(1, len(days)):
        close = max(round(close * (1 + dice.gauss(0, 0.015)), 2), 1.0)
        high, low = round(close * (1 + dice.random() / 50), 2), round(close * (1 - dice.random() / 50), 2)
        bars.append(
            Bar(
                trade_date=days[at],
                previous_session=days[at - 1],
                open_price=low,
                high_price=high,
                low_price=low,
                close_price=close,
                adj_close_price=close * 0.987654321,
                volume=dice.randrange(10**6, 10**8),
            )
        )
    return BarsMessage(
        ticker=ticker,
        fetched_at=FETCHED,
        observed_at=FETCHED,
        asset="stock",
        currency="USD",
        mode="merge",
        observed_session=LAST,
        bars=tuple(bars),
    )


def rows_of(sent: BarsMessage) -> Iterator[tuple[Any, ...]]:
    """What a plain loader would write."""
    for bar in sent.bars:
        prices = (bar.open_price, bar.high_price, bar.low_price, bar.close_price, bar.adj_close_price)
        yield sent.ticker, bar.trade_date, "USD", *prices, bar.volume, bar.previous_session, FETCHED, "bench"


def row_by_row(database: Database, messages: Iterator[BarsMessage]) -> float:
    """Rows a second, each in a transaction of its own."""
    statement = f"INSERT INTO {TABLE} ({COLUMNS}) VALUES ({', '.join(['%s'] * len(COLUMNS.split(',')))})"
    count, begun = 0, time.monotonic()
    with connect(database.settings("consumer")) as connection:
        for row in (row for sent in messages for row in rows_of(sent)):
            connection.execute(statement, row)
            count += 1
            if time.monotonic() - begun > ROW_BY_ROW_SECONDS:
                break
    return count / (time.monotonic() - begun)


def copied(database: Database, messages: Sequence[BarsMessage]) -> float:
    """Rows a second of one COPY."""
    count, begun = 0, time.monotonic()
    statement = f"COPY {TABLE} ({COLUMNS}) FROM STDIN"
    with connect(database.settings("consumer")) as connection, connection.cursor().copy(statement) as copy:
        for row in (row for sent in messages for row in rows_of(sent)):
            copy.write_row(row)
            count += 1
    return count / (time.monotonic() - begun)


def send(kafka: KafkaSettings, messages: Sequence[BarsMessage]) -> int:
    """All of them in the topic; how many bytes of JSON."""
    sender, waiting, size = producer(kafka), [], 0
    for sent in messages:
        key, value, headers = encode(sent, "bench")
        size += len(value)
        waiting.append(sender.send(STOCK_DAILY, key=key, value=value, headers=headers))
        if len(waiting) >= 10:
            waiting.pop(0).get(timeout=60)
    for each in waiting:
        each.get(timeout=60)
    sender.close()
    return size


def stored(server: Server, kafka: KafkaSettings, folder: Path, consumers: int, messages: int) -> tuple[float, str]:
    """Seconds from the first batch's begin to the last's end, and a line about who was busy."""
    postgres = next(each for each in psutil.Process().children() if "postgres" in " ".join(each.cmdline()))
    with ExitStack() as opened:
        database = opened.enter_context(fresh_database(server))
        environment = database.environment("consumer") | {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
        started = [
            psutil.Process(
                opened.enter_context(
                    running(
                        ["-m", "consumer.kafka_03_consumer_stock_daily"],
                        environment | {"KAFKA_GROUP_INSTANCE": str(number)},
                        folder / f"consumer-{number}.log",
                    )
                ).pid
            )
            for number in range(consumers)
        ]
        looking = opened.enter_context(server.connect(database.name))

        def positions() -> tuple[int, int]:
            row = looking.execute("SELECT count(*), coalesce(sum(next_offset), 0) FROM consumer_offsets").fetchone()
            return (int(str(row[0])), int(str(row[1]))) if row else (0, 0)

        while positions()[0] < PARTITIONS:  # each is claimed by a consumer that is ready
            time.sleep(SAMPLE_SECONDS)
        begun, before = time.monotonic(), busy_seconds(postgres)
        busy = sum(busy_seconds(each) for each in started)
        peak = 0
        while positions()[1] < messages:
            peak = max(peak, *(memory(each) for each in started))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - begun
        of_database, of_consumers = busy_seconds(postgres) - before, sum(busy_seconds(each) for each in started) - busy
    return seconds, (
        f"busy: PostgreSQL {100 * of_database / seconds:.0f} %, consumers {100 * of_consumers / seconds:.0f} % "
        f"of a core; {peak / MEBIBYTE:.0f} MiB"
    )


def measure(folder: Path, server: Server, kafka: KafkaSettings, *, instruments: int, years: float) -> None:
    """All figures of one size."""
    days = sessions_until(LAST, round(years * SESSIONS_A_YEAR) + 1)
    messages = [message(f"S{number}", days, seed=number) for number in range(instruments)]
    bars = sum(len(each.bars) for each in messages)
    remake_topics(kafka)
    size = send(kafka, messages)
    print(f"{bars} bars of {instruments} instruments, {size / MEBIBYTE:.0f} MiB of JSON", flush=True)
    with fresh_database(server) as database:
        slow = row_by_row(database, iter(messages))
    print(f"{'one INSERT and commit a row':<28} {slow:>9.0f} bars/s", flush=True)
    with fresh_database(server) as database:
        fast = copied(database, messages)
    print(f"{'one COPY of all':<28} {fast:>9.0f} bars/s", flush=True)
    for consumers in (1, 2):
        seconds, line = stored(server, kafka, folder, consumers, instruments)
        rate = bars / seconds
        print(
            f"{f'{consumers} consumers, lag {seconds:.1f} s':<28} {rate:>9.0f} bars/s: {rate / slow:.1f} × row by row, "
            f"1/{fast / rate:.1f} of COPY; {line}",
            flush=True,
        )
    remake_topics(kafka)
    longest = message("LONG", sessions_until(LAST, 6_000), seed=1)
    parts = [longest.bars[at % len(longest.bars)] for at in range(LONGEST)]
    send(kafka, [longest.model_copy(update={"bars": tuple(parts)})] * 3)  # refused, each day being there five times
    seconds, line = stored(server, kafka, folder, 1, 3)
    print(f"{'the longest message':<28} {line}", flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = program_parser(__doc__)
    parser.add_argument("--instruments", type=int, default=500)
    parser.add_argument("--years", type=float, default=10)
    given = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory(prefix="act-") as name,
        postgres_server(Path(name), fsync=True) as server,
        kafka_broker(Path(name), DOWNLOADS / "jars") as broker,
    ):
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap)
        measure(Path(name), server, kafka, instruments=given.instruments, years=given.years)


if __name__ == "__main__":
    run_bench(main)
