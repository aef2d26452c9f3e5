"""What counts as healthy, of answers that say so only when they are read."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from test.conftest import Broker
from utils.stack import health
from utils.stack.health import problem

Monitor = Callable[..., str]


@pytest.fixture
def airflow() -> Iterator[Monitor]:
    """Airflow's monitor, which answers with 200 whatever it has to say; its address for what is told."""
    told: dict[str, object] = {}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def says(**parts: object) -> str:
            told.update(parts)
            return f"127.0.0.1:{server.server_port}"

        yield says
        server.shutdown()


def test_airflow_without_its_database_is_not_healthy(airflow: Monitor) -> None:
    assert problem(f"airflow-metadatabase://{airflow(metadatabase={'status': 'healthy'})}") is None
    address = airflow(metadatabase={"status": "unhealthy"})
    assert problem(f"airflow-metadatabase://{address}") == "its database is unhealthy"


def test_a_heartbeat_that_was_never_seen_is_not_healthy(airflow: Monitor) -> None:
    address = airflow(scheduler={"status": None, "latest_scheduler_heartbeat": None})
    assert problem(f"airflow-scheduler://{address}") == "no heartbeat yet"


def test_a_broker_that_hangs_is_not_healthy_though_it_takes_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        assert problem(f"tcp://{place}") is None
        assert problem(f"kafka://{place}") == f"{place}: timed out"


def test_a_broker_that_answers_is_healthy(broker: Broker) -> None:
    assert problem(f"kafka://{broker.bootstrap}") is None
