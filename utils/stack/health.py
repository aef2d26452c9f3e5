"""Does a service answer? One question per address: tcp, http, Kafka, a login at PostgreSQL, part of Airflow, progress.

python -m utils.stack.health http://localhost:8000/ready    # exit code 1 with the reason when it does not
"""

import json
import socket
import struct
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE = 3  # seconds for one answer
HEARTBEAT = timedelta(seconds=30)
# By hand: kafka-python takes a quarter of a second to import, four times all of this module, and tries again by itself.
# Of Kafka's protocol: length, request 18 (ApiVersions), its version 0, a number for the answer, no client's name.
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def problem(address: str, since: datetime | None = None) -> str | None:
    """Why the service is not healthy, in a few words; None when it is.

    since: its start; what it noted before does not count, nor Airflow's heartbeats, which outlive it for half a minute
    """
    parts = urlsplit(address)
    try:
        match parts.scheme:
            case "tcp":
                socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE).close()
            case "kafka":
                _ask_versions(parts.hostname or "", parts.port or 0)
            case "http":
                with urllib.request.urlopen(address, timeout=PATIENCE):  # noqa: S310 - an address of ours
                    pass
            case "progress":
                from utils import progress  # noqa: PLC0415 - the settings' third of a second for this question alone

                return progress.problem(Path(parts.path), since)
            case "pg":
                return _login(address)
            case "airflow-metadatabase":
                return _metadatabase(f"http://{parts.netloc}")
            case scheme if scheme.startswith("airflow-"):
                return _heartbeat(scheme.removeprefix("airflow-"), f"http://{parts.netloc}", since)
    except (OSError, ValueError) as error:
        return f"{parts.hostname}:{parts.port}: {getattr(error, 'reason', None) or error}"
    return None


def _ask_versions(host: str, port: int) -> None:
    """The first question of every Kafka client: a broker that hangs still takes connections. Raises OSError."""
    with socket.create_connection((host, port), timeout=PATIENCE) as broker:
        broker.sendall(API_VERSIONS)
        if not broker.recv(1):
            raise ConnectionError("no answer")


def _login(address: str) -> str | None:
    import psycopg  # noqa: PLC0415 - a third of a second that only this question costs

    try:
        psycopg.connect(address.replace("pg://", "postgresql://"), connect_timeout=PATIENCE).close()
    except psycopg.OperationalError as error:
        return str(error).strip().splitlines()[-1]
    return None


def _monitored(url: str, component: str) -> dict[str, str | None]:
    with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=PATIENCE) as answer:  # noqa: S310
        return dict(json.load(answer)[component.replace("-", "_")])


def _metadatabase(url: str) -> str | None:
    """Airflow's API answers with 200 when its database does not, and says so in the answer."""
    status = _monitored(url, "metadatabase")["status"]
    return None if status == "healthy" else f"its database is {status}"


def _heartbeat(component: str, url: str, since: datetime | None) -> str | None:
    found = _monitored(url, component)
    beat = next((value for name, value in found.items() if name.startswith("latest_")), None)
    if beat is None:
        return "no heartbeat yet"
    at = datetime.fromisoformat(beat)
    if at < max(since or datetime.min.replace(tzinfo=UTC), datetime.now(UTC) - HEARTBEAT):
        return f"last heartbeat at {at:%H:%M:%S} UTC"
    return None


if __name__ == "__main__":
    found_problem = problem(sys.argv[1])
    if found_problem is not None:
        raise SystemExit(found_problem)
