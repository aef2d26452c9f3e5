"""The ports of a stack, all on 127.0.0.1 (contracts 7), and the addresses in compose's network."""

import random
import socket
from collections.abc import Mapping

HOST = "127.0.0.1"
PORTS: Mapping[str, int] = {
    "DB_PORT": 5432,
    "KAFKA_PORT": 9092,
    "KAFKA_CONTROLLER_PORT": 9093,
    "AIRFLOW_PORT": 8080,
    "API_PORT": 8000,
    "DASHBOARD_PORT": 8050,
    "REPLAY_PROXY_PORT": 8056,
    "REPLAY_CONTROL_PORT": 8055,
}
# Of services that compose alone has.
COMPOSE_PORTS: Mapping[str, int] = {
    "AIRFLOW_DB_PORT": 5433,
    "SPARK_MASTER_PORT": 7077,
    "SPARK_MASTER_UI_PORT": 8081,
    "PROMETHEUS_PORT": 9090,
}
ALL_PORTS: Mapping[str, int] = {**PORTS, **COMPOSE_PORTS}
# Inside compose's network ports never change: each service has an address of its own.
NETWORK: Mapping[str, str] = {
    "DB_PORT": "postgres:5432",
    "KAFKA_PORT": "kafka:9092",
    "AIRFLOW_PORT": "airflow-webserver:8080",
    "API_PORT": "api:8000",
    "DASHBOARD_PORT": "dashboard:8050",
    "REPLAY_PROXY_PORT": "replay:8056",
    "REPLAY_CONTROL_PORT": "replay:8055",
}
# Below the range from which the system takes ports for outgoing connections: nobody takes one by chance.
FREE_RANGE = range(20000, 32000)


def is_taken(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        # As servers do: connections that were just closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def free_ports() -> dict[str, int]:
    """A port nobody listens on for each setting."""
    candidates = iter(random.SystemRandom().sample(FREE_RANGE, len(FREE_RANGE)))
    return {name: next(port for port in candidates if not is_taken(port)) for name in ALL_PORTS}


def holder(port: int) -> str:
    """The program that listens on the port, as far as this user may know it."""
    import psutil  # noqa: PLC0415 - only when something is wrong

    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            if connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            break
    return "a program of another user"
