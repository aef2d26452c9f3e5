"""Real services for tests: a PostgreSQL server and a Kafka broker of this run's own, on free ports, gone at its end."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import SecretStr
from tenacity import retry, stop_after_delay, wait_fixed

from config import roles
from config.settings import DatabaseSettings, SparkSettings
from database.roles import set_rights_on_the_server
from utils.stack.folder import downloads
from utils.stack.services import postgres_binary, unprivileged

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REPO = Path(__file__).resolve().parent.parent
ROLES = tuple(role for role in roles.ROLES if role != "airflow")
DOWNLOADS = downloads()

# Fixtures that start a service, or give what a test starts one of its own with.
SERVICES = {"browser", "broker", "jars", "jdbc_jar", "postgres", "short_tmp", "spark"}


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a service, so that nobody has to remember to."""
    for item in items:
        if SERVICES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("integration")


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def short_tmp() -> Iterator[Path]:
    """A folder with a short path: sockets and certificates live there."""
    folder = Path(tempfile.mkdtemp(prefix="act-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server. The superuser is `postgres`. `stop` and `start` are for fault tests."""

    port: int
    password: str
    start: Callable[[], None]
    stop: Callable[[int], None]

    def connect(self, name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """As superuser, autocommit."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=name, user="postgres", password=self.password, autocommit=True
        )


@dataclass(frozen=True)
class Database:
    """A migrated, empty database of one test."""

    server: Server
    name: str

    def settings(self, role: str) -> DatabaseSettings:
        """How that role's program reaches it."""
        return DatabaseSettings(
            host="127.0.0.1", port=self.server.port, name=self.name, user=role, password=SecretStr(self.server.password)
        )

    def environment(self, role: str) -> dict[str, str]:
        """The DB_* variables of that role's program."""
        return {
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.server.port),
            "DB_NAME": self.name,
            "DB_USER": role,
            "DB_PASSWORD": self.server.password,
        }

    def as_role(self, role: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
        """This process is that role's program, with more settings."""
        for name, value in (self.environment(role) | more).items():
            monkeypatch.setenv(name, value)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Of a statement, as superuser; none when it gives none."""
        with self.server.connect(self.name) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def postgres_server(folder: Path, *, fsync: bool = False) -> Iterator[Server]:
    """A server of its own in that folder, with all roles and a migrated template database."""
    prefix = unprivileged()
    port, password = free_port(), secrets.token_hex(12)
    data, password_file = folder / "pg", folder / "pg.pw"
    password_file.write_text(password)
    initdb = [postgres_binary("initdb"), "-D", str(data), "-U", "postgres", f"--pwfile={password_file}"]
    subprocess.run(
        [*prefix, *initdb, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    options = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "jit=off"]
    options += [] if fsync else ["fsync=off"]  # a test's data need not outlive the machine
    command = [postgres_binary("postgres"), "-D", str(data), *(part for option in options for part in ("-c", option))]
    running: list[subprocess.Popen[bytes]] = []

    # Those of a server that was killed end a moment after it, and until then no other may begin.
    @retry(stop=stop_after_delay(30), wait=wait_fixed(0.1), reraise=True)
    def start() -> None:
        if not running or running[-1].poll() is not None:
            with (folder / "pg.log").open("ab") as output:
                running.append(subprocess.Popen([*prefix, *command], stdout=output, stderr=output))
        server.connect().close()

    def stop(signal: int = 2) -> None:
        running[-1].send_signal(signal)
        running[-1].wait(30)

    server = Server(port, password, start, stop)
    start()
    try:
        _prepare(server)
        yield server
    finally:
        stop()


@pytest.fixture(scope="session")
def postgres(short_tmp: Path) -> Iterator[Server]:
    """A server with all roles and a migrated template database."""
    with postgres_server(short_tmp) as server:
        yield server


def _prepare(server: Server) -> None:
    with server.connect() as connection:
        for role in ROLES:
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{server.password}'")
        set_rights_on_the_server(connection)
        connection.execute("CREATE DATABASE migrated OWNER migrate")
    environment = os.environ | Database(server, "migrated").environment("migrate")
    subprocess.run([sys.executable, "-m", "database.migrate"], cwd=REPO, env=environment, check=True)


@contextmanager
def fresh_database(server: Server) -> Iterator[Database]:
    """A copy of the migrated database, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated OWNER migrate")
    yield Database(server, name)
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(postgres: Server) -> Iterator[Database]:
    """A fresh copy of the migrated database, dropped afterwards."""
    with fresh_database(postgres) as database:
        yield database


@dataclass
class Broker:
    """A real KRaft broker of one node. `stop` and `start` are for fault tests."""

    port: int
    start: Callable[[], None]
    stop: Callable[[int], None]

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def jars() -> Path:
    """The folder of the broker's and the JDBC jars, as set-up keeps them."""
    folder = DOWNLOADS / "jars"
    assert any(folder.glob("kafka_2.13-*.jar")), f"expected the broker's jars in {folder}: run bash test/test.sh once"
    return folder


@pytest.fixture(scope="session")
def jdbc_jar(jars: Path) -> Path:
    """PostgreSQL's JDBC driver, as set-up keeps it."""
    found = sorted(jars.glob("postgresql-*.jar"))
    assert found, f"expected postgresql-*.jar in {jars}: run bash test/test.sh once"
    return found[-1]


@pytest.fixture(scope="session")
def spark(jdbc_jar: Path) -> Iterator["SparkSession"]:
    """One real Spark session for all tests of transforms: local[2], with this run's own JVM."""
    # Here, so that tests without Spark don't wait for it.
    from utils.spark import spark_session  # noqa: PLC0415

    with spark_session("test", settings=SparkSettings(jdbc_jar=jdbc_jar)) as session:
        yield session


@pytest.fixture(scope="session")
def broker(short_tmp: Path, jars: Path) -> Iterator[Broker]:
    """A broker with an empty log; topics are made by utils.topics."""
    with kafka_broker(short_tmp, jars) as broker:
        yield broker


@contextmanager
def kafka_broker(where: Path, jars: Path, *, advertised: int | None = None) -> Iterator[Broker]:
    """A broker of its own in that folder. `advertised`: the port its clients are told, of what stands in between."""
    from utils.stack.steps import format_storage, kafka_properties  # noqa: PLC0415 - its calendar takes a second

    port, controller = free_port(), free_port()
    folder = where / "kafka"
    folder.mkdir()
    properties = folder / "kafka.properties"
    properties.write_text(
        kafka_properties(folder / "data", port=port, controller_port=controller, advertised=advertised)
    )
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    subprocess.run([*java, *format_storage(properties)], check=True, stdout=subprocess.DEVNULL)
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        with (folder / "kafka.log").open("ab") as output:
            running.append(subprocess.Popen([*java, "kafka.Kafka", properties], stdout=output, stderr=output))
        _listening(port)

    def stop(signal: int = 15) -> None:
        process = running.pop()
        process.send_signal(signal)
        process.wait(30)

    try:
        start()
        yield Broker(port, start, stop)
    finally:
        if running:
            stop()


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.1), reraise=True)
def _listening(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
