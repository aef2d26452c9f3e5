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
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError
from tenacity import retry, retry_if_not_result, stop_after_delay, wait_fixed

import utils.kafka
from config.settings import KafkaSettings
from config.topics import ETF_DAILY, PARTITIONS, STOCK_DAILY
from consumer import unpacking
from consumer.kafka_source import KafkaSource, NotInGroup
from database import dead_letters
from test.conftest import REPO, Broker, Database
from test.consumer.messages import J2, J5, J6, Latin, bar, bars
from test.consumer.topics import gone, remake_topics
from utils import progress, topics
from utils.kafka import admin, consumer, producer
from utils.messages import Message, encode, topic_of
from utils.program import FAILED, SUCCESS, StageFailed

ZEROS = 100 * 2**20  # bytes that weigh little when they are packed
# With much that is wrong in them, each of which a reader could keep an error for.
FILLING = {
    "objects": b'{"kind":"bars","bars":[' + b"{}," * 2_000_000 + b"{}]}",
    "numbers": b'{"kind":"bars","bars":[' + b"0," * 300_000 + b"0]}",
    "names": b'{"kind":"bars"' + b"".join(b',"odd%d":0' % number for number in range(300_000)) + b"}",
}


@dataclass
class Platform:
    """The broker with empty topics, the database, and the consumers that were started."""

    broker: Broker
    database: Database
    folder: Path
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

    def progress_file(self, number: int = 0) -> Path:
        """Of the consumer that was started as the first, the second and so on: each has its own."""
        return self.folder / f"consumer-{number}.progress"

    def consumer(
        self, instance: str | None = "0", program: str | None = None, **settings: str
    ) -> subprocess.Popen[bytes]:
        """The stock consumer; or `program`, a text that ends by running it."""
        environment = os.environ | self.database.environment("consumer")
        environment |= {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap,
            "PYTHONPATH": str(REPO),
            "SERVICE_PROGRESS_FILE": str(self.progress_file(len(self.started))),
            "SERVICE_STUCK_SECONDS": "3",
        } | settings
        if instance is not None:
            environment["KAFKA_GROUP_INSTANCE"] = instance
        what = ["-m", "consumer.kafka_03_consumer_stock_daily"] if program is None else ["-c", textwrap.dedent(program)]
        process = subprocess.Popen([sys.executable, *what], cwd=REPO, env=environment)
        self.started.append(process)
        return process

    def members(self) -> dict[str, list[int]]:
        """Of the stock consumers' group: by instance, the partitions that it has."""
        client = admin(self.kafka)
        group = client.describe_groups(["consumer-stock-daily"])["consumer-stock-daily"]
        client.close()
        return {
            member["group_instance_id"]: [
                number
                for topic in (member["member_assignment"] or {}).get("assigned_partitions", [])
                for number in topic["partitions"]
            ]
            for member in group["members"]
        }

    def replay_all(self) -> subprocess.CompletedProcess[str]:
        """As a person does."""
        environment = os.environ | self.database.environment("consumer")
        environment["KAFKA_BOOTSTRAP_SERVERS"] = self.broker.bootstrap
        command = [sys.executable, "-m", "consumer.dead_letters", "replay", "--all"]
        return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.rows(query)

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
    made = Platform(broker, database, tmp_path)
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
    wait_until(lambda: platform.offsets() == 51)
    assert end(consumer) == 0
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
    names = {"consumer-stock-daily-0", "consumer-stock-daily-1"}
    wait_until(lambda: {name for name, partitions in platform.members().items() if partitions} == names)
    assert sorted(number for partitions in platform.members().values() for number in partitions) == [0, 1, 2, 3, 4, 5]
    platform.send(tickers(200))
    platform.wait_for(200)
    assert end(one, signal.SIGTERM) == 0
    platform.send(tickers(200, hour=2, close=120))
    platform.send([bars(bar(J2, 1), ticker="LAST")])
    wait_until(lambda: platform.offsets() == 401, 90)  # the other has all, once the one is missed
    one = platform.consumer("0")
    wait_until(lambda: {name for name, partitions in platform.members().items() if partitions} == names)
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
        wait_until(lambda: (progress.problem(platform.progress_file()) or "").startswith("stuck"))
        assert consumer.poll() is None
        superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_until(lambda: platform.offsets() == 13)
    wait_until(lambda: progress.problem(platform.progress_file()) is None)
    assert end(consumer) == 0


def test_a_broker_that_goes_and_comes_back_is_found_again(platform: Platform) -> None:
    consumer = platform.consumer()
    platform.send(tickers(3))
    platform.wait_for(3)
    platform.broker.stop(signal.SIGKILL)
    platform.broker.start()
    platform.send(tickers(10, hour=2, close=120))
    wait_until(lambda: platform.offsets() == 13)
    assert end(consumer) == 0


def test_a_broker_that_is_away_while_a_program_starts_is_waited_for(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def away_at_first(**settings: Any) -> KafkaProducer:
        tried.append(settings)
        try:
            return KafkaProducer(**settings)
        except KafkaTimeoutError:
            platform.broker.start()
            raise

    platform.broker.stop(signal.SIGKILL)
    monkeypatch.setattr(utils.kafka, "KafkaProducer", away_at_first)
    platform.send(tickers(3))
    assert len(tried) > 1
    consumer = platform.consumer()
    platform.wait_for(3)
    assert end(consumer) == 0


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
    replayed = platform.replay_all()
    assert (replayed.returncode, replayed.stdout.splitlines()[-1]) == (0, "1 replayed")
    platform.wait_for(3)
    assert end(consumer) == 0
    assert platform.rows("SELECT status FROM logs_consumer_error") == [("replayed",)]


def test_a_dead_letter_that_cannot_be_sent_is_named_and_keeps_no_other_from_it(platform: Platform) -> None:
    key, value, headers = encode(bars(bar(J2, 100), ticker="GOOD"), "run")
    odd = [(f"{unpacking.INSTEAD}a batch that unpacks to more than 16777216 bytes", b"")]
    with platform.database.server.connect(platform.database.name) as superuser:
        for offset, (of_key, of_value, of_headers) in enumerate(
            ((None, None, []), (key, value, odd), (key, value, headers))
        ):
            superuser.execute(
                """INSERT INTO logs_consumer_error
                       (topic_id, topic, "partition", "offset", message_key, raw_value, headers, error_msg)
                   VALUES ('earlier', %s, 0, %s, %s, %s, %s, 'a test')""",
                (STOCK_DAILY, offset, of_key, of_value, dead_letters.pack(of_headers)),
            )
    replayed = platform.replay_all()
    assert replayed.returncode == FAILED
    assert replayed.stdout.splitlines()[-1] == "1 replayed"
    assert replayed.stderr.splitlines() == [
        "stock-daily-data/0/0 cannot be sent and stays: Need at least one: key or value",
        f"stock-daily-data/0/1 cannot be sent and stays: {odd[0][0]}",
    ]
    found = platform.rows('SELECT status FROM logs_consumer_error ORDER BY "offset"')
    assert found == [("new",), ("new",), ("replayed",)]


def test_messages_that_come_one_at_a_time_and_are_invalid_stop_the_program_and_stop_it_again(
    platform: Platform,
) -> None:
    sender = producer(platform.kafka)
    consumer = platform.consumer()
    for _ in range(19):
        sent = sender.send(STOCK_DAILY, key=b"BAD", value=b"{").get(timeout=30)
        wait_until(partial(lambda stored: platform.offsets() == stored, sent.offset + 1))
    sender.send(STOCK_DAILY, key=b"BAD", value=b"{").get(timeout=30)
    sender.close()
    assert consumer.wait(30) == FAILED
    assert platform.consumer().wait(60) == FAILED
    assert platform.offsets() == 19
    platform.rows("UPDATE logs_consumer_error SET status = 'dropped' RETURNING 1")
    consumer = platform.consumer()
    wait_until(lambda: platform.offsets() == 20)
    assert end(consumer) == 0


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
    for filling in FILLING.values():
        sender.send(STOCK_DAILY, key=b"FILL", value=filling, headers=headers).get(timeout=60)
    empty, large = [("", b"")] * 500_000, [*headers, ("large", b"x" * 2**20)]
    sender.send(STOCK_DAILY, key=b"EMPTY", value=b"{}", headers=empty).get(timeout=60)
    for sent in [sender.send(STOCK_DAILY, key=b"LARGE", value=b"{}", headers=large) for _ in range(120)]:
        sent.get(timeout=60)
    sender.close()
    platform.send(tickers(20))
    consumer = platform.consumer(KAFKA_MAX_INVALID_SHARE="1")
    wait_until(lambda: platform.offsets() == 147)
    status = Path(f"/proc/{consumer.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert end(consumer) == 0
    assert len(platform.stored()) == 40
    reasons = {reason for (reason,) in platform.rows("SELECT error_msg FROM logs_consumer_error")}
    assert {reason.split(":")[-1] for reason in reasons if reason.startswith(unpacking.INSTEAD)} == {
        " a batch that unpacks to more than 16777216 bytes",
        " expected 100 of 65536 at most",
    }
    assert len(reasons) == 8
    assert peak < 200 * 1024, f"{peak} KiB"


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


def test_what_is_missing_is_made_and_what_differs_is_said(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = admin(platform.kafka)
    client.delete_topics([STOCK_DAILY])
    gone(client, [STOCK_DAILY])
    client.create_topics({STOCK_DAILY: {"num_partitions": 2, "configs": {"retention.ms": "1000"}}})
    client.wait_for_topics([STOCK_DAILY])
    client.delete_topics([ETF_DAILY])
    gone(client, [ETF_DAILY])
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", platform.broker.bootstrap)
    assert topics.main(["--check"]) == FAILED
    assert topics.topic_id(client, ETF_DAILY) is None
    assert topics.main([]) == SUCCESS  # what differs is for a person to mend: nothing waits for it
    said = capsys.readouterr().out.splitlines()
    assert said.count(f"drift: {STOCK_DAILY}: expected {PARTITIONS} partitions, found 2") == 2
    assert sum("expected retention.ms=" in line and line.endswith("found 1000") for line in said) == 2
    assert [line for line in said if line.startswith("topics: ")] == [
        f"topics: 3 defined, missing {ETF_DAILY}, 3 differences",
        f"topics: 3 defined, made {ETF_DAILY}, 3 differences",
    ]
    client.delete_topics([STOCK_DAILY])
    gone(client, [STOCK_DAILY])
    client.close()
    assert (topics.main([]), topics.main(["--check"])) == (SUCCESS, SUCCESS)


def test_a_broker_that_fails_the_topics_program_is_one_line(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise KafkaTimeoutError("no answer")

    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", platform.broker.bootstrap)
    monkeypatch.setattr(topics, "state", broken)
    with pytest.raises(StageFailed, match=r"^Kafka: KafkaTimeoutError: .*no answer$"):
        topics.main([])


@pytest.fixture
def source(platform: Platform) -> Iterator[KafkaSource]:
    """A member of the stock consumers' group, about to join; it is missed soon."""
    member = KafkaSource(
        consumer("consumer-stock-daily", platform.kafka),
        admin(platform.kafka),
        STOCK_DAILY,
        "consumer-stock-daily",
        batch_messages=10,
        look_seconds=0.5,
        absent_seconds=1.0,
    )
    yield member
    member.close()


def test_a_consumer_knows_its_topic_before_it_joins_and_joins_once(source: KafkaSource) -> None:
    """One that learns of it afterwards joins again at once, and is lost when its poll ends before that join does."""
    assert set(source.consumer._coordinator._metadata_snapshot[STOCK_DAILY]) == set(range(PARTITIONS))
    while not source.assigned():
        source.poll()
    joined = source.consumer.group_metadata().generation_id
    for _ in range(4):
        source.poll()
    assert source.consumer.group_metadata().generation_id == joined


def test_a_consumer_that_lost_its_place_without_noticing_ends_to_be_started_again(source: KafkaSource) -> None:
    """kafka-python's heartbeat can stop for good: the broker forgets the member, which polls on and gets nothing."""
    while not source.assigned():
        source.poll()
    source.consumer._coordinator._heartbeat_enabled = False  # as it was found: alive, joined, and silent
    with pytest.raises(NotInGroup, match="consumer-stock-daily: expected to be a member of its group"):
        for _ in range(200):  # the broker misses it after its session's ten seconds
            source.poll()
            source.is_at_end()
