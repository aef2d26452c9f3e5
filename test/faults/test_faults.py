"""Nothing lost, nothing twice, nothing unexplained, whatever is killed or cut on the way from the source to the row.

The real producers on a replayed market, a real broker and the real consumers, a real database, and a proxy before each
of the two. Whatever happens is drawn from a seed, which is printed; the same seed draws the same faults in the same
order, though they do not meet the programs at the same instant of their work:

    ACTSTOCK_FAULT_SEED=7 ACTSTOCK_FAULT_SECONDS=45 python -m pytest test/faults -m "not long"
"""

import os
import random
import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.settings import KafkaSettings
from test.conftest import Broker, Database, Server, fresh_database, kafka_broker, postgres_server
from test.consumer.topics import remake_topics
from test.faults import market, truth
from test.faults.load import Load
from test.faults.programs import Program, supervised
from test.faults.proxy import Proxy, running_proxy
from test.replay.server import ReplayServer

CONSUMERS = {
    "etf-daily-0": "kafka_01_consumer_etf_daily",
    "etf-holdings-0": "kafka_02_consumer_etf_holdings",
    "stock-daily-0": "kafka_03_consumer_stock_daily",
    "stock-daily-1": "kafka_03_consumer_stock_daily",
}
PAUSE_SECONDS, OUTAGE_SECONDS = (0.1, 1.0), (0.2, 2.5)
# Longer than a member's session (10 and 20 s), a request (30 s) and the time for what is sent to be stored (20 s).
LONG_OUTAGES, LONG_OUTAGE_SECONDS = 0.05, (15.0, 40.0)
PATIENCE_SECONDS = 120
FEWEST_FAULTS = 10
LOOK_SECONDS = 0.2


@dataclass
class Place:
    """Server, broker and market, with a proxy before each of the first two."""

    folder: Path
    server: Server
    broker: Broker
    to_server: Proxy
    to_broker: Proxy
    yahoo: ReplayServer

    @property
    def kafka(self) -> KafkaSettings:
        """How everybody reaches the broker."""
        return KafkaSettings(bootstrap_servers=f"127.0.0.1:{self.to_broker.port}")

    def consumers(self, database: Database) -> list[Program]:
        """One a topic, and two for the largest."""
        return [
            self._program(name, f"consumer.{module}", database, "consumer", {"KAFKA_GROUP_INSTANCE": name[-1]})
            for name, module in CONSUMERS.items()
        ]

    def producers(self, database: Database) -> Program:
        """All of an evening's; again until they are done."""
        source = {
            "YAHOO_PROXY": self.yahoo.proxy_url,
            "YAHOO_CA_FILE": str(self.yahoo.ca_file),
            "YAHOO_CACHE_DIR": str(self.folder / "cache"),
            "YAHOO_PACE_SECONDS": "0",
            "YAHOO_SLOW_PACE_SECONDS": "0",
            "YAHOO_DAILY_BUDGET": "1000000",
            "KAFKA_STORE_TIMEOUT_S": "20",
            "PLATFORM_NOW_URL": self.yahoo.now_url,
        }
        made = self._program("producers", "test.faults.evening", database, "collector", source)
        made.again = lambda code: code != 0
        return made

    def _program(self, name: str, module: str, database: Database, role: str, more: dict[str, str]) -> Program:
        environment = database.environment(role) | {
            "DB_PORT": str(self.to_server.port),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_BATCH_MESSAGES": "25",
        }
        return Program(name, ["-m", module], environment | more, self.folder / f"{database.name}-{name}.log")


@dataclass
class Faults:
    """What can happen, each kind a method. `told`: how often each did."""

    place: Place
    consumers: list[Program]
    producers: Program
    load: Load
    dice: random.Random
    long_outages: bool
    told: Counter[str] = field(default_factory=Counter)

    def happen(self, kind: str) -> None:
        """One fault, with messages on their way; it is over when this returns, what it broke is not yet mended."""
        self.load.burst()
        if getattr(self, kind)() is not False:
            self.told[kind] += 1

    def kill_a_consumer(self) -> bool:
        return self.dice.choice(self.consumers).tell(signal.SIGKILL)

    def stop_a_consumer(self) -> bool:
        return self.dice.choice(self.consumers).tell(signal.SIGTERM)

    def freeze_a_consumer(self) -> bool:
        frozen = self.dice.choice(self.consumers)
        if not frozen.freeze():
            return False
        self._while_it_lasts()
        frozen.thaw()
        return True

    def kill_the_producer(self) -> bool:
        return self.producers.tell(signal.SIGKILL)

    def stop_the_producer(self) -> bool:
        return self.producers.tell(signal.SIGTERM)

    def kill_the_database(self) -> None:
        self.place.server.stop(signal.SIGKILL)
        self._while_it_lasts()
        self.place.server.start()

    def stop_the_database(self) -> None:
        self.place.server.stop(signal.SIGINT)
        self._while_it_lasts()
        self.place.server.start()

    def end_the_sessions(self) -> None:
        with self.place.server.connect() as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('consumer', 'collector')"
            )

    def kill_the_broker(self) -> None:
        self.place.broker.stop(signal.SIGKILL)
        self.place.broker.start()

    def stop_the_broker(self) -> None:
        self.place.broker.stop(signal.SIGTERM)
        self._while_it_lasts()
        self.place.broker.start()

    def cut_from_the_database(self) -> None:
        self._without(self.place.to_server.cut, self.place.to_server)

    def cut_from_the_broker(self) -> None:
        self._without(self.place.to_broker.cut, self.place.to_broker)

    def silence_of_the_database(self) -> None:
        self._without(self.place.to_server.hold, self.place.to_server)

    def silence_of_the_broker(self) -> None:
        self._without(self.place.to_broker.hold, self.place.to_broker)

    def repeat_messages(self) -> None:
        self.load.repeat()

    def _without(self, broken: Callable[[], None], proxy: Proxy) -> None:
        broken()
        self._while_it_lasts()
        proxy.heal()

    def _while_it_lasts(self) -> None:
        is_long = self.long_outages and self.dice.random() < LONG_OUTAGES
        time.sleep(self.dice.uniform(*(LONG_OUTAGE_SECONDS if is_long else OUTAGE_SECONDS)))


KINDS = tuple(name for name in vars(Faults) if not name.startswith("_") and name not in ("happen", "told"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("faults")
    market.write(folder / "market")
    with ExitStack() as opened:
        to_server, to_broker = (opened.enter_context(running_proxy()) for _ in range(2))
        server = opened.enter_context(postgres_server(folder))
        broker = opened.enter_context(kafka_broker(folder, jars, advertised=to_broker.port))
        to_server.to, to_broker.to = server.port, broker.port
        yahoo = opened.enter_context(ReplayServer(folder / "market", state=folder / "replay"))
        yield Place(folder, server, broker, to_server, to_broker, yahoo)


def undisturbed(place: Place, instants: list[str]) -> dict[str, list[tuple[object, ...]]]:
    """The tables as they are when nothing happens."""
    remake_topics(place.kafka)
    with fresh_database(place.server) as database:
        producers = place.producers(database)
        with supervised(place.consumers(database)):
            for instant in instants:
                place.yahoo.move_clock(instant)
                with supervised([producers]):
                    wait_until(lambda: done(producers), "the producers, undisturbed")
            wait_until(lambda: truth.is_all_stored(place.kafka, database), "the consumers, undisturbed")
        assert [code for code, _ in producers.ends] == [0] * len(instants), producers.log.read_text()[-4000:]
        return truth.tables(database)


def disturbed(
    place: Place, instants: list[str], seed: int, seconds: float, say: Callable[[str], None], *, long_outages: bool
) -> Counter[str]:
    """The same evenings while things happen, for so long at least, and longer where a busy machine makes little happen;
    then what must hold. How often each happened."""
    expected = undisturbed(place, instants)
    assert all(expected.values())
    remake_topics(place.kafka)
    with fresh_database(place.server) as database:
        dice = random.Random(seed)
        consumers, producers = place.consumers(database), place.producers(database)
        load = Load(place.kafka, database.settings("collector"), random.Random(seed))
        faults = Faults(place, consumers, producers, load, dice, long_outages)
        begun, kinds = time.monotonic(), list[str]()
        with supervised(consumers) as supervisor:
            for place_of, instant in enumerate(instants, start=1):
                place.yahoo.move_clock(instant)
                with supervised([producers]):
                    share = place_of / len(instants)
                    until, fewest = begun + seconds * share, FEWEST_FAULTS * share
                    while time.monotonic() < until or faults.told.total() < fewest:
                        kinds = kinds or dice.sample(KINDS, len(KINDS))  # each comes before any comes again
                        faults.happen(kinds.pop())
                        time.sleep(dice.uniform(*PAUSE_SECONDS))
                    wait_until(lambda: done(producers), f"{instant}: the producers, once nothing happens any more")
            wait_until(lambda: truth.is_all_stored(place.kafka, database), "the consumers, in the end")
            supervisor.finish()
            for consumer in consumers:
                consumer.tell(signal.SIGTERM)
            codes = {each.name: each.process and each.process.wait(40) for each in consumers}
        load.close()
        messages = truth.assert_every_offset_is_accounted_for(place.kafka, database)
        runs = truth.assert_the_ledger_adds_up(database)
        truth.assert_each_item_ended_as_it_must(database, load.expected)
        truth.assert_each_row_is_of_one_answer(database)
        assert truth.tables(database) == expected
    say(
        f"survived {faults.told.total()} faults in {time.monotonic() - begun:.0f} s: {messages} messages "
        f"({load.repeated} sent twice), {runs} runs; "
        + ", ".join(f"{kind} {times}" for kind, times in sorted(faults.told.items()))
    )
    assert set(codes.values()) == {0}, codes
    assert unfair_ends(consumers) == {}
    for program in (*consumers, producers):
        assert "Traceback" not in program.log.read_text(), program.log
    return faults.told


def done(producers: Program) -> bool:
    """Whether the evening's producers have ended for good."""
    return producers.process is None and bool(producers.ends) and producers.ends[-1][0] == 0


def unfair_ends(consumers: list[Program]) -> dict[str, list[tuple[int, signal.Signals | None]]]:
    """Ends that nobody asked for, or otherwise than they were asked for."""
    fair = {
        (-signal.SIGKILL, signal.SIGKILL),
        (0, signal.SIGTERM),
        (-signal.SIGTERM, signal.SIGTERM),  # before it has begun, when there is nothing to finish
    }
    found = {each.name: [end for end in each.ends if end not in fair] for each in consumers}
    return {name: ended for name, ended in found.items() if ended}


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s"
        time.sleep(LOOK_SECONDS)


def hours_of_faults(
    place: Place, capsys: pytest.CaptureFixture[str], *, count: int, seconds: float, long_outages: bool = False
) -> Counter[str]:
    seed = int(os.environ.get("ACTSTOCK_FAULT_SEED") or secrets.randbelow(10**6))
    seconds = float(os.environ.get("ACTSTOCK_FAULT_SECONDS") or seconds)

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", flush=True)

    say(f"ACTSTOCK_FAULT_SEED={seed} ACTSTOCK_FAULT_SECONDS={seconds:.0f}")
    return disturbed(place, market.evenings(count), seed, seconds, say, long_outages=long_outages)


@pytest.mark.timeout(900)
def test_two_evenings_of_faults(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    hours_of_faults(place, capsys, count=2, seconds=45)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_eight_evenings_of_faults(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    told = hours_of_faults(place, capsys, count=8, seconds=1200, long_outages=True)
    assert set(told) == set(KINDS)
