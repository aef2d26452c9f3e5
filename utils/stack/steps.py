"""What is done to have a running stack, as data: one-shots and services, each with what it needs before it.

Every one-shot can be repeated: it does nothing when its work is done.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from threading import Event
from uuid import uuid4

import httpx

from config.roles import ROLES
from utils.sessions import previous_session
from utils.stack import health, jars, supervisor
from utils.stack.airflow_api import Airflow
from utils.stack.environment import airflow_environment, airflow_passwords, environment
from utils.stack.folder import REPO, Folder, downloads
from utils.stack.past import first_instant, last_session
from utils.stack.pools import POOLS
from utils.stack.ports import HOST
from utils.stack.services import PATIENCE, Service, java, postgres_binary, services_of, unprivileged

TAIL = 20  # lines of a log that are shown when something failed
DEMO_SEED = 7
STATIC_KAFKA = """process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
num.network.threads=2
num.io.threads=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
message.max.bytes=8388608
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
"""
LOG4J2 = """rootLogger.level=INFO
rootLogger.appenderRefs=stdout
rootLogger.appenderRef.stdout.ref=Console
appender.console.type=Console
appender.console.name=Console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %-5p %c{1} %m%n
"""


class StepFailed(Exception):
    """A step did not do its work: one line, and the tail of its log."""

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


@dataclass(frozen=True)
class Step:
    """One-shot work. `needs`: names of steps and services that come before."""

    name: str
    work: Callable[[Folder], None]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Took:
    """How long a step worked, its waiting for others not counted."""

    name: str
    seconds: float


# -- one-shots -------------------------------------------------------------------------------------------------------


def _jars(folder: Folder) -> None:
    del folder
    try:
        jars.fetch(downloads())
    except jars.JarsUnavailable as error:
        raise StepFailed(str(error)) from error


def _cluster(folder: Folder) -> None:
    """PostgreSQL's data folder; made beside and renamed, so that a half-made one is never taken for whole."""
    data, part, password = folder.path / "pg", folder.path / "pg.part", folder.run / "postgres.password"
    if data.is_dir():
        return
    shutil.rmtree(part, ignore_errors=True)
    password.touch(mode=0o600)
    password.write_text(folder.settings["DB_POSTGRES_PASSWORD"])
    command = [*unprivileged(), postgres_binary("initdb"), "-D", str(part), "-U", "postgres", f"--pwfile={password}"]
    command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
    try:
        _run(folder, "cluster", command, environment(folder, "system", os.environ))
    finally:
        password.unlink()
    part.rename(data)


def _broker(folder: Folder) -> None:
    """Kafka's configuration, and its storage once."""
    home = folder.path / "kafka"
    home.mkdir(exist_ok=True)
    properties = home / "kafka.properties"
    properties.write_text(
        kafka_properties(
            home / "data", port=folder.port("KAFKA_PORT"), controller_port=folder.port("KAFKA_CONTROLLER_PORT")
        )
    )
    (home / "log4j2.properties").write_text(LOG4J2)
    if (home / "data" / "meta.properties").exists():
        return
    command = [*java("128m"), *format_storage(properties)]
    _run(folder, "broker", command, environment(folder, "system", os.environ))


def kafka_properties(data: Path, *, port: int, controller_port: int, advertised: int | None = None) -> str:
    """The broker's configuration. `advertised`: the port its clients are told, of what stands in between."""
    controller = f"{HOST}:{controller_port}"
    return (
        STATIC_KAFKA
        + f"controller.quorum.voters=1@{controller}\n"
        + f"listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{controller}\n"
        + f"advertised.listeners=PLAINTEXT://{HOST}:{advertised or port}\nlog.dirs={data}\n"
    )


def format_storage(properties: Path) -> list[str]:
    """What Kafka's JVM is to run so that a new broker has its storage, with an identity of its own."""
    identity = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")  # as Kafka writes one
    return [
        "kafka.tools.StorageTool",
        "format",
        "--ignore-formatted",
        f"--cluster-id={identity}",
        "-c",
        str(properties),
    ]


def _roles(folder: Folder) -> None:
    """A role for each program, and the two databases. What the superuser may do ends here."""
    given = environment(folder, "system", os.environ)
    passwords = {f"DB_{role.upper()}_PASSWORD": folder.settings[f"DB_{role.upper()}_PASSWORD"] for role in ROLES}
    superuser = {
        "DB_HOST": HOST,
        "DB_PORT": folder.settings["DB_PORT"],
        "DB_NAME": "postgres",
        "DB_USER": "postgres",
        "DB_PASSWORD": folder.settings["DB_POSTGRES_PASSWORD"],
    }
    _run(folder, "roles", [sys.executable, "-m", "database.roles"], given | superuser | passwords)


def _schema(folder: Folder) -> None:
    command = [sys.executable, "-m", "database.migrate"]
    _run(folder, "schema", command, environment(folder, "migrate", os.environ))


def _topics(folder: Folder) -> None:
    _run(folder, "topics", [sys.executable, "-m", "utils.topics"], environment(folder, "topics", os.environ))


def _api_key(folder: Folder) -> None:
    """Register the dashboard's key; the database keeps its hash only."""
    command = [sys.executable, "-m", "database.api_keys", "create", "dashboard", "--key-in", "API_KEY"]
    key = {"API_KEY": folder.settings["API_KEY"]}
    _run(folder, "api-key", command, environment(folder, "migrate", os.environ) | key)


def _airflow_schema(folder: Folder) -> None:
    """Airflow's tables and login. `airflow db migrate` takes ten seconds, so it is run once per set of packages."""
    home, done = folder.path / "airflow", folder.run / "airflow-schema.done"
    home.mkdir(exist_ok=True)
    passwords = home / "passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(airflow_passwords(folder))
    record = _packages()
    if done.exists() and done.read_text() == record:
        return
    command = [str(Path(sys.executable).with_name("airflow")), "db", "migrate"]
    _run(folder, "airflow-schema", command, airflow_environment(folder, os.environ))
    done.write_text(record)


def _pools(folder: Folder) -> None:
    try:
        with Airflow.of(folder) as airflow:
            for name, slots in POOLS.items():
                airflow.set_pool(name, slots)
    except httpx.HTTPError as error:
        raise StepFailed(f"pools: expected Airflow to take them, found {error}") from error


def make_market(folder: Folder) -> None:
    """The demo's market: generated once, up to the session before the day it is generated."""
    if not folder.market.is_demo:
        return
    directory, part = folder.path / "market", folder.path / "market.part"
    if directory.is_dir():
        _begin(folder)
        return
    shutil.rmtree(part, ignore_errors=True)
    last = previous_session(datetime.now(UTC).date())
    command = [sys.executable, "-m", "test.replay.generator", str(part), "--last-session", f"{last:%Y-%m-%d}"]
    given = environment(folder, "system", os.environ)
    _run(folder, "market", [*command, "--seed", str(DEMO_SEED)], given)
    part.rename(directory)
    _begin(folder)


def _begin(folder: Folder) -> None:
    """A new demo's clock begins in its past; it would never go back there."""
    if not (folder.replay_state / "clock.json").exists():
        (folder.run / "now").write_text(f"{first_instant(last_session(folder.path / 'market')):%Y-%m-%dT%H:%M:%SZ}")


STEPS: tuple[Step, ...] = (
    Step("jars", _jars),
    Step("cluster", _cluster),
    Step("broker", _broker, ("jars",)),
    Step("market", make_market),
    Step("roles", _roles, ("postgres",)),
    Step("schema", _schema, ("roles",)),
    Step("topics", _topics, ("kafka",)),
    Step("airflow-schema", _airflow_schema, ("roles",)),
    Step("api-key", _api_key, ("schema",)),
    Step("pools", _pools, ("airflow-api",)),
)


# -- doing them ------------------------------------------------------------------------------------------------------


def bring_up(folder: Folder, only: Iterable[str] = ()) -> list[Took]:
    """Everything in the order of its needs, beside each other where they allow it; how long each took.

    Raises StepFailed at the first that fails; what runs then stays, and the next start goes on from there.
    """
    supervisor.start(folder)
    given_up = Event()
    work: dict[str, Callable[[], None]] = {step.name: _once(step, folder) for step in STEPS}
    needs: dict[str, set[str]] = {step.name: set(step.needs) for step in STEPS}
    for service in services_of(folder):
        work[service.name] = _serve(service, folder, given_up)
        needs[service.name] = set(service.needs)
    for name in needs:
        needs[name] &= needs.keys()  # a market without replay has no such service to wait for
    return _in_order(work, _closure(needs, set(only)) if only else needs, given_up)


def _once(step: Step, folder: Folder) -> Callable[[], None]:
    return lambda: step.work(folder)


def _serve(service: Service, folder: Folder, given_up: Event) -> Callable[[], None]:
    return lambda: _start_service(service, folder, given_up)


def _closure(needs: Mapping[str, set[str]], wanted: set[str]) -> dict[str, set[str]]:
    unknown = wanted - needs.keys()
    if unknown:
        raise StepFailed(f"--only: expected some of {', '.join(needs)}, found {', '.join(sorted(unknown))}")
    found: dict[str, set[str]] = {}
    while wanted:
        name = wanted.pop()
        found[name] = needs[name]
        wanted |= needs[name] - found.keys()
    return found


def _in_order(work: Mapping[str, Callable[[], None]], needs: Mapping[str, set[str]], given_up: Event) -> list[Took]:
    order = TopologicalSorter(needs)
    order.prepare()
    took: list[Took] = []
    running: dict[Future[None], tuple[str, float]] = {}
    # Most of them wait for another process: threads cost nothing.
    with ThreadPoolExecutor(max_workers=len(work)) as pool:
        try:
            while order.is_active():
                for name in order.get_ready():
                    running[pool.submit(work[name])] = (name, time.monotonic())
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    name, began = running.pop(future)
                    future.result()
                    took.append(Took(name, time.monotonic() - began))
                    order.done(name)
        finally:
            given_up.set()  # those that still wait for a service need not go on
    return took


def _start_service(service: Service, folder: Folder, given_up: Event) -> None:
    """Have the supervisor start it, and wait until it is healthy, or until another step has failed."""
    supervisor.start_service(folder, service.name)
    deadline = time.monotonic() + PATIENCE
    while (found := trouble(service, folder, supervisor.process(folder, service.name))) is not None:
        state = supervisor.process(folder, service.name).state
        if state == "FATAL" or time.monotonic() > deadline:
            reason = "gave up after several exits" if state == "FATAL" else f"{found} after {PATIENCE} s"
            raise StepFailed(f"{service.name}: expected it to be healthy, found {reason}", tail(folder, service.name))
        if given_up.wait(0.2):
            return


def trouble(service: Service, folder: Folder, process: supervisor.Process) -> str | None:
    """Why the service is not healthy; None when it is. One without an address is once it stayed up for a moment."""
    if not process.is_up:
        return process.error or f"{process.state.lower()}, not working yet"
    if not service.health:
        return None if process.state == "RUNNING" else "just started"
    return health.problem(service.address(folder), process.since)


def tail(folder: Folder, name: str, lines: int = TAIL) -> str:
    """The last lines of a log."""
    file = folder.logs / f"{name}.log"
    with suppress(OSError):
        return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    return ""


def _run(folder: Folder, name: str, command: list[str], given: Mapping[str, str]) -> None:
    """Run a one-shot to its end; its output goes to its log."""
    with (folder.logs / f"{name}.log").open("ab") as log:
        done = subprocess.run(
            command,
            cwd=REPO,
            env=dict(given),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise StepFailed(f"{name}: expected exit code 0, found {done.returncode}", tail(folder, name))


def _packages() -> str:
    return hashlib.sha256((REPO / "requirements.txt").read_bytes()).hexdigest()
