"""What each program is handed: the settings of its concern, and its own role's password alone (contracts 8).

Pure: the folder's settings and what is inherited go in, a complete environment comes out.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from utils.stack.folder import REPO, SECRETS, Folder, downloads
from utils.stack.ports import HOST

# Of the operator's environment: how to find programs, speak the language and reach the network. Nothing else.
INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "TERM", "JAVA_HOME", "LOG_LEVEL", "CI"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        *("ACTSTOCK_DATA", "ACTSTOCK_DOWNLOADS", "ACTSTOCK_DAG_RUN_ID", "ACTSTOCK_TRY_NUMBER"),
    }
)
# role: which settings its programs read, by prefix. No secret has one of these names but those left out by name.
READS: Mapping[str, tuple[str, ...]] = {
    "migrate": ("MAINTENANCE_",),
    "collector": ("KAFKA_", "YAHOO_"),
    "consumer": ("KAFKA_", "SERVICE_"),
    "batch": ("SPARK_",),
    "api": ("API_",),
    "pipeline": (),
    "dashboard": ("DASHBOARD_",),
    "topics": ("KAFKA_",),
    "replay": (),
    "system": (),
}
EVERYBODY = ("PLATFORM_", "PIPELINE_", "LOG_LEVEL")
WITHOUT_DATABASE = frozenset({"dashboard", "topics", "replay", "system"})
# folder of a program: the role it runs as
ROLE_OF_FOLDER = {
    "collector": "collector",
    "batch": "batch",
    "consumer": "consumer",
    "database": "migrate",
    "test": "collector",
}
# It reads and writes as the DAGs do, and alone knows ALERT_URLS, which hold tokens.
WATCH = "watch"
ROLE_OF_PROGRAM = {"database/watch.py": WATCH}


def jars(root: Path) -> Path:
    """Where the broker's jars and the JDBC driver are kept."""
    return root / "jars"


def environment(folder: Folder, role: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a program of that role."""
    if role == WATCH:
        return environment(folder, "pipeline", inherited) | _chosen(folder, ("ALERT_", "SERVICE_"))
    return _foundation(folder, inherited) | _settings(folder, role) | _database(folder, role)


def take_role(role: str, given: MutableMapping[str, str] = os.environ) -> None:
    """In a container that was started for another role, and knows this one's password: go on as this one."""
    password = given.get(f"DB_{role.upper()}_PASSWORD")
    if password:
        given.update(DB_USER=role, DB_PASSWORD=password)


def airflow_environment(folder: Folder, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of Airflow's services: the role pipeline, and Airflow's own database."""
    settings, home = folder.settings, folder.path / "airflow"
    url = f"http://{HOST}:{folder.port('AIRFLOW_PORT')}"
    password = settings["DB_AIRFLOW_PASSWORD"]
    return environment(folder, "pipeline", inherited) | {
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": f"{REPO}:{REPO / 'airflow' / 'config'}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPO / "airflow" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__EXECUTOR": settings.get("AIRFLOW_EXECUTOR", "LocalExecutor"),
        "AIRFLOW__CORE__PARALLELISM": settings.get("AIRFLOW_PARALLELISM", "4"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": settings["AIRFLOW_FERNET_KEY"],
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (
            f"postgresql+psycopg2://airflow:{password}@{HOST}:{folder.port('DB_PORT')}/airflow"
        ),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": settings["AIRFLOW_PORT"],
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": settings["AIRFLOW_SECRET_KEY"],
        # For the line a task leaves on its run's page, which is Airflow's own to write.
        "AIRFLOW_ADMIN_PASSWORD": settings["AIRFLOW_ADMIN_PASSWORD"],
        "AIRFLOW__API_AUTH__JWT_SECRET": settings["AIRFLOW_JWT_SECRET"],
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
        # A cold server answers its first task late; with the defaults that task would fail for good.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "8",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def airflow_passwords(folder: Folder) -> str:
    """Airflow's passwords file."""
    return json.dumps({"admin": folder.settings["AIRFLOW_ADMIN_PASSWORD"]})


def role_of(program: str) -> str:
    """The role a program runs as: that of its top folder, unless it has one of its own.

    Raises ValueError, naming the folders, for a program of another one.

    >>> role_of("batch/spark_01_trending_etf_identifier.py")
    'batch'
    """
    if program in ROLE_OF_PROGRAM:
        return ROLE_OF_PROGRAM[program]
    top = Path(program).parts[0]
    if top not in ROLE_OF_FOLDER:
        raise ValueError(f"{program}: expected a program in {', '.join(sorted(ROLE_OF_FOLDER))}/")
    return ROLE_OF_FOLDER[top]


def _foundation(folder: Folder, inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in inherited.items() if name in INHERITED}
    path = f"{Path(sys.executable).parent}:{kept.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    return (
        {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        | kept
        | {
            "PATH": path,
            "PYTHONPATH": str(REPO),
            "ACTSTOCK_MARKET_DIR": str(folder.path),
        }
    )


def _settings(folder: Folder, role: str) -> dict[str, str]:
    chosen = _chosen(folder, READS[role] + EVERYBODY)
    if role == "dashboard":
        chosen["DASHBOARD_API_KEY"] = folder.settings["API_KEY"]
        chosen["DASHBOARD_API_DOCS_URL"] = f"http://{HOST}:{folder.port('API_PORT')}/docs"
    return chosen


def _chosen(folder: Folder, prefixes: tuple[str, ...]) -> dict[str, str]:
    everything = {name: value for name, value in folder.settings.items() if name not in SECRETS} | _derived(folder)
    return {name: value for name, value in everything.items() if name.startswith(prefixes)}


def _derived(folder: Folder) -> dict[str, str]:
    """Settings that follow from the folder and its market."""
    market = folder.market
    found = {
        "KAFKA_BOOTSTRAP_SERVERS": folder.address("KAFKA_PORT"),
        "YAHOO_CACHE_DIR": str(folder.path / "cache" / "yfinance"),
        "DASHBOARD_CACHE_DIR": str(folder.path / "cache" / "dashboard"),
        "PLATFORM_MARKET": market.name,
        "PLATFORM_IS_DEMO": str(market.is_demo).lower(),
        "SPARK_JDBC_JAR": str(next(iter(sorted(jars(downloads()).glob("postgresql-*.jar"))), jars(downloads()))),
        "SPARK_CLASS_ARCHIVE": str(folder.archives / class_archive()),
        "PIPELINE_DASHBOARD_URL": f"http://{HOST}:{folder.port('DASHBOARD_PORT')}",
        "DASHBOARD_API_URL": f"http://{folder.address('API_PORT')}",
    }
    if market.is_replayed:
        found["PLATFORM_NOW_URL"] = f"http://{folder.address('REPLAY_CONTROL_PORT')}/_control/clock"
        found["YAHOO_PROXY"] = f"http://{folder.address('REPLAY_PROXY_PORT')}"
        found["YAHOO_CA_FILE"] = str(folder.replay_state / "ca.pem")
    return found


def class_archive() -> str:
    """The name of Spark's class-data archive: one for each set of Spark's jars, JDBC driver and Java at its place."""
    java = shutil.which("java")
    known = (REPO / "requirements.txt").read_bytes() + (REPO / "config" / "jars.lock").read_bytes()
    known += "".join(jar.name for jar in spark_jars()).encode()
    built = f"{Path(java).resolve()} {Path(java).resolve().stat().st_mtime_ns}".encode() if java else b""
    known += sys.prefix.encode()
    return f"spark-{hashlib.sha256(known + built).hexdigest()[:12]}.jsa"


def spark_jars() -> list[Path]:
    """The jars that came with pyspark, by name; none where there is no pyspark."""
    found = importlib.util.find_spec("pyspark")
    return sorted((Path(found.origin).parent / "jars").glob("*.jar")) if found and found.origin else []


def _database(folder: Folder, role: str) -> dict[str, str]:
    if role in WITHOUT_DATABASE:
        return {}
    host, _, port = folder.address("DB_PORT").partition(":")
    return {
        "DB_HOST": host,
        "DB_PORT": port,
        "DB_NAME": "stockdb",
        "DB_USER": role,
        "DB_PASSWORD": folder.settings[f"DB_{role.upper()}_PASSWORD"],
    }
