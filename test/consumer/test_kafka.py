"""From topic to row through the real programs, a real broker and a real database, and what faults do to it."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from tenacity import retry, retry_if_not_result, stop_after_delay, wait_fixed

from config.settings import KafkaSettings
from config.topics import PARTITIONS, STOCK_DAILY
from consumer.kafka_source import KafkaSource, NotInGroup
from test.conftest import REPO, Broker, Database
from test.consumer.messages import J2, J5, J6, Latin, bar, bars
from test.consumer.topics import gone, remake_topics
from utils import progress, topics
from utils.kafka import admin, consumer, producer
from utils.messages import Message, encode, topic_of

pytestmark = pytest.mark.integration

ZEROS = 100 * 2**20  # bytes that weigh little when they are packed


@dataclass
class Platform:
    """The broker with empty topics, the database, and the consumers that were started."""

    broker: Broker
    database: Database
    progress_file: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def send(self, messages: Iterable[Message], run_id: str = "run") -> None:
        sender = producer(self.kafka)
        waiting = []
        for message in messages:
            key, value, headers = encode(message, run_id)
            waiting.append(sender.send(topic_of(message), key=key, value=value, headers=headers))
        for sent in waiting:
            sent.get(timeout=30)
        sender.close()

    @property
    def kafka(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.broker.bootstrap, delivery_timeout_s=30)

    def consumer(self, instance: str | None = "0", program: str | None = None) -> subprocess.Popen[bytes]:
        """The stock consumer; or `program`, a text that ends by running it."""
        environment = os.environ | self.database.environment("consumer")
        environment |= {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "PYTHONPATH": str(REPO),
            "SERVICE_PROGRESS_FILE": str(self.progress_file),
            "SERVICE_STUCK_SECONDS": "3",
        }
        if instance is not None:
            environment["KAFKA_GROUP_INSTANCE"] = instance
        what = ["-m", "consumer.kafka_03_consumer_stock_daily"] if program is None else ["-c", textwrap.dedent(program)]
        process = subprocess.Popen([sys.executable, *what], cwd=REPO, env=environment)
        self.started.append(process)
        return process

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.server.connect(self.database.name) as connection:
            return list(connection.execute(query))

    def stored(self) -> list[tuple[str, date, Decimal]]:
        return self.rows(
            "SELECT ticker, trade_date, close_price FROM collected_06_daily_stock_history ORDER BY ticker, trade_date"
        )

    def wait_for(self, tickers: int) -> None:
        """Until bars of so many instruments are stored."""

        @retry(
            retry=retry_if_not_result(lambda found: found >= tickers), stop=stop_after_delay(60), wait=wait_fixed(0.1)
        )
        def found() -> int:
            return int(self.rows("SELECT count(DISTINCT ticker) FROM collected_06_daily_stock_history")[0][0])

        found()

    def offsets(self) -> int:
        """How many messages the database counts as stored."""
        return int(self.rows("SELECT coalesce(sum(next_offset), 0) FROM consumer_offsets")[0][0])


@pytest.fixture
def platform(broker: Broker, database: Database, tmp_path: Path) -> Iterator[Platform]:
    made = Platform(broker, database, tmp_path / "consumer.progress")
    remake_topics(made.kafka)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait()


def end(process: subprocess.Popen[bytes], by: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(by)
    return process.wait(40)


def tickers(count: int, hour: int = 1, close: float = 100) -> list[Message]:
    return [bars(bar(J2, close), bar(J5, close), hour=hour, ticker=f"T{number:03}") for number in range(count)]


def test_from_topic_to_row_and_sigterm_ends_with_success(platform: Platform) -> None:
    platform.send(tickers(50))
    consumer = platform.consumer()
    platform.wait_for(50)
    platform.send([bars(bar(J5, 90), bar(J6, 99), hour=2, ticker="T000")])
    platform.wait_for(50)
    assert end(consumer) == 0
    assert platform.offsets() in (50, 51)
    again = platform.consumer()
    platform.send([bars(bar(J2, 1), ticker="LAST")])
    wait_until(lambda: platform.offsets() == 52)
    assert end(again) == 0
    assert len(platform.stored()) == 102
    assert platform.rows("SELECT count(*) FROM consumer_offsets") == [(PARTITIONS,)]


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    @retry(retry=retry_if_not_result(bool), stop=stop_after_delay(seconds), wait=wait_fixed(0.1))
    def holds() -> bool:
        return condition()

    holds()


def test_killed_between_the_two_commits_nothing_is_lost_or_counted_twice(platform: Platform) -> None:
    platform.send(tickers(30))
    killed = platform.consumer(
        program="""
        import os, signal
        from consumer import kafka_03_consumer_stock_daily
        from consumer.kafka_source import KafkaSource
        KafkaSource.commit = lambda self, batch: os.kill(os.getpid(), signal.SIGKILL)
        kafka_03_consumer_stock_daily.main([])
        """
    )
    assert killed.wait(60) == -signal.SIGKILL
    first = platform.rows(
        "SELECT ticker, trade_date, updated_at, xmin FROM collected_06_daily_stock_history ORDER BY 1, 2"
    )
    assert first
    assert len(first) == 2 * platform.offsets()
    consumer = platform.consumer()
    platform.send([bars(bar(J2, 1), bar(J5, 1), ticker="LAST")])
    platform.wait_for(31)
    assert end(consumer) == 0
    assert platform.offsets() == 31
    second = platform.rows(
        "SELECT ticker, trade_date, updated_at, xmin FROM collected_06_daily_stock_history ORDER BY 1, 2"
    )
    assert set(first) <= set(second)
    assert len(second) == 62


def test_killed_at_any_time_the_end_is_the_same(platform: Platform) -> None:
    platform.send(tickers(300))
    for goal in (1, 100, 200):
        consumer = platform.consumer()
        platform.wait_for(goal)
        end(consumer, signal.SIGKILL)
    consumer = platform.consumer()
    platform.wait_for(300)
    assert end(consumer) == 0
    assert (platform.offsets(), len(platform.stored())) == (300, 600)


def test_duplicates_and_a_late_old_message_change_nothing(platform: Platform) -> None:
    new, old = tickers(5, hour=2, close=110), tickers(5, hour=1, close=100)
    platform.send([*old, *new, *new, *old])
    consumer = platform.consumer()
    wait_until(lambda: platform.offsets() == 20)
    assert end(consumer) == 0
    assert {close for _, _, close in platform.stored()} == {Decimal(110)}


def test_two_consumers_share_a_topic_and_one_takes_over_from_the_other(platform: Platform) -> None:
    one, other = platform.consumer("0"), platform.consumer("1")
    platform.send(tickers(200))
    platform.wait_for(200)
    end(one, signal.SIGTERM)
    platform.send(tickers(200, hour=2, close=120))
    platform.send([bars(bar(J2, 1), ticker="LAST")])
    one = platform.consumer("0")
    wait_until(lambda: platform.offsets() == 401, 90)
    assert (end(one), end(other)) == (0, 0)
    assert {close for ticker, _, close in platform.stored() if ticker != "LAST"} == {Decimal(120)}


def test_a_consumer_that_was_frozen_stores_nothing_of_what_another_has_stored(platform: Platform) -> None:
    platform.send(tickers(20))
    frozen = platform.consumer(instance=None)  # missed after ten seconds
    platform.wait_for(20)
    frozen.send_signal(signal.SIGSTOP)
    platform.send(tickers(20, hour=2, close=120))
    other = platform.consumer(instance=None)
    wait_until(lambda: platform.offsets() == 40)
    frozen.send_signal(signal.SIGCONT)
    platform.send(tickers(20, hour=3, close=130))
    wait_until(lambda: platform.offsets() == 60)
    assert (end(frozen), end(other)) == (0, 0)
    assert {close for _, _, close in platform.stored()} == {Decimal(130)}
    assert platform.rows("SELECT count(*) FROM logs_consumer_error") == [(0,)]


def test_while_the_database_is_away_nothing_moves_and_then_it_goes_on_by_itself(platform: Platform) -> None:
    consumer = platform.consumer()
    platform.send(tickers(3))
    platform.wait_for(3)
    name = platform.database.name
    with platform.database.server.connect() as superuser:
        superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        platform.send(tickers(10, hour=2, close=120))
        wait_until(lambda: (progress.problem(platform.progress_file) or "").startswith("stuck"))
        assert consumer.poll() is None
        superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    platform.wait_for(10)
    wait_until(lambda: progress.problem(platform.progress_file) is None)
    assert end(consumer) == 0
    assert platform.offsets() == 13


def test_a_broker_that_goes_and_comes_back_is_found_again(platform: Platform) -> None:
    consumer = platform.consumer()
    platform.send(tickers(3))
    platform.wait_for(3)
    platform.broker.stop(signal.SIGKILL)
    platform.broker.start()
    platform.send(tickers(10, hour=2, close=120))
    platform.wait_for(10)
    assert end(consumer) == 0
    assert platform.offsets() == 13


def test_a_topic_made_anew_is_read_from_its_first_message(platform: Platform) -> None:
    consumer = platform.consumer()
    platform.send(tickers(40))
    platform.wait_for(40)
    remake_topics(platform.kafka)
    platform.send([bars(bar(J2, 100), hour=2, ticker=f"NEW{number}") for number in range(60)])
    platform.wait_for(100)
    assert end(consumer) == 0


def test_a_replayed_dead_letter_is_stored_once_it_can_be(platform: Platform) -> None:
    with platform.database.server.connect(platform.database.name) as superuser:
        superuser.execute("ALTER TABLE collected_06_daily_stock_history ADD CONSTRAINT odd CHECK (ticker <> 'T001')")
        platform.send(tickers(3))
        consumer = platform.consumer()
        wait_until(lambda: platform.offsets() == 3)
        superuser.execute("ALTER TABLE collected_06_daily_stock_history DROP CONSTRAINT odd")
    environment = os.environ | platform.database.environment("consumer")
    environment["KAFKA_BOOTSTRAP_SERVERS"] = platform.broker.bootstrap
    replayed = subprocess.run(
        [sys.executable, "-m", "consumer.dead_letters", "replay", "--all"],
        cwd=REPO,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert replayed.stdout.endswith("1 replayed\n")
    platform.wait_for(3)
    assert end(consumer) == 0
    assert platform.rows("SELECT status FROM logs_consumer_error") == [("replayed",)]


def test_memory_stays_below_200_mib_whatever_comes(platform: Platform) -> None:
    sender = KafkaProducer(
        bootstrap_servers=platform.broker.bootstrap,
        compression_type="gzip",
        max_request_size=2 * ZEROS,
    )
    longest = bars(*[bar(J2, 100 + at / 7) for at in range(30_000)], ticker="LONG")
    _, value, headers = encode(longest, "run")
    sender.send(STOCK_DAILY, key=b"ZEROS", value=b"\0" * ZEROS).get(timeout=60)
    sender.send(STOCK_DAILY, key=b"LONG", value=value, headers=headers).get(timeout=60)
    sender.send(STOCK_DAILY, key=b"LONG", value=b"x" * len(value), headers=headers).get(timeout=60)
    sender.close()
    platform.send(tickers(20))
    consumer = platform.consumer()
    wait_until(lambda: platform.offsets() == 23)
    status = Path(f"/proc/{consumer.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert end(consumer) == 0
    assert len(platform.stored()) == 40
    reasons = {reason for (reason,) in platform.rows("SELECT error_msg FROM logs_consumer_error")}
    assert len(reasons) == 3
    assert any(reason.startswith("a batch that unpacks to more than 16777216 bytes") for reason in reasons)
    assert peak < 200 * 1024


def test_a_message_that_the_client_takes_for_corrupt_is_a_dead_letter_alone(platform: Platform) -> None:
    sender = producer(platform.kafka)
    key, value, headers = encode(bars(bar(J2, 100), ticker="ODD"), "run")
    odd = [*headers, (Latin("größe"), b"x")]
    sender.send(STOCK_DAILY, key=key, value=value, headers=odd).get(timeout=30)
    sender.close()
    platform.send(tickers(3))
    consumer = platform.consumer()
    wait_until(lambda: platform.offsets() == 4)
    assert end(consumer) == 0
    assert {ticker for ticker, _, _ in platform.stored()} == {"T000", "T001", "T002"}
    assert platform.rows("SELECT message_key, error_msg FROM logs_consumer_error") == [
        (b"ODD", r"header whose name is not UTF-8: gr\xf6\xdfe")
    ]


def test_drift_of_a_topic_is_said(platform: Platform) -> None:
    client = admin(platform.kafka)
    client.delete_topics([STOCK_DAILY])
    gone(client, [STOCK_DAILY])
    client.create_topics({STOCK_DAILY: {"num_partitions": 2, "configs": {"retention.ms": "1000"}}})
    client.wait_for_topics([STOCK_DAILY])
    found = topics.state(client)
    client.close()
    assert f"{STOCK_DAILY}: expected {PARTITIONS} partitions, found 2" in found.drift
    assert any("expected retention.ms=" in line and line.endswith("found 1000") for line in found.drift)


def test_a_consumer_that_lost_its_place_without_noticing_ends_to_be_started_again(platform: Platform) -> None:
    """kafka-python's heartbeat can stop for good: the broker forgets the member, which polls on and gets nothing."""
    source = KafkaSource(
        consumer("consumer-stock-daily", platform.kafka),
        admin(platform.kafka),
        STOCK_DAILY,
        "consumer-stock-daily",
        batch_messages=10,
        look_seconds=0.5,
        absent_seconds=1.0,
    )
    try:
        while not source.assigned():
            source.poll()
        source.consumer._coordinator._heartbeat_enabled = False  # as it was found: alive, joined, and silent
        with pytest.raises(NotInGroup, match="consumer-stock-daily: expected to be a member of its group"):
            for _ in range(200):  # the broker misses it after its session's ten seconds
                source.poll()
                source.is_at_end()
    finally:
        source.close()
