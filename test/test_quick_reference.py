"""QUICK_REFERENCE.md names what there is, and nothing else: DAGs, services, ports, routes, pages, programs, tables."""

import re
from pathlib import Path

from api.gate import OPEN_PATHS
from api.routers import ROUTERS, service
from dashboard.site import PAGES
from test.compose.files import services
from test.conftest import REPO, Database
from utils.stack.ports import ALL_PORTS
from utils.stack.services import SERVICES

PAGE = (REPO / "QUICK_REFERENCE.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[\w/{}.-]+", PAGE))
CODE = set(re.findall(r"`([^`]+)`", PAGE))
ROOMS = ("batch", "collector", "consumer", "database", "test")


def named(heading: str, pattern: str) -> set[str]:
    """What stands in code in the section of that heading and has that form."""
    [section] = [each for each in PAGE.split("\n## ") if each.startswith(heading)]
    return {word for word in re.findall(r"`([^`]+)`", section) if re.fullmatch(pattern, word)}


def test_every_dag() -> None:
    dags = {file.stem for file in (REPO / "airflow" / "dags").glob("*_dag.py")} - {"00_daily_pipeline_controller_dag"}
    assert {word for word in CODE if word.endswith("_dag")} == dags
    assert "daily_pipeline_controller" in CODE


def test_every_service_and_port() -> None:
    hyphenated = set(re.findall(r"\b[a-z]+(?:-[a-z]+)+\b", PAGE.partition("## Ports")[2].partition("\n## ")[0]))
    assert {each.name for each in SERVICES} <= WORDS
    assert hyphenated <= {each.name for each in SERVICES} | services().keys()
    assert named("Ports", r"\w+_PORT") == ALL_PORTS.keys() | {"SPARK_WORKER_UI_PORT"}
    assert {str(port) for port in ALL_PORTS.values()} <= WORDS


def test_every_route_and_page() -> None:
    routes = {route.path for router in (*ROUTERS, service.open_router) for route in router.routes}  # type: ignore[attr-defined]
    assert named("Routes", r"/.*") == routes | OPEN_PATHS
    assert named("Pages", r"/.*") == {page.path for page in PAGES}


def test_every_program() -> None:
    programs = [
        *(REPO / "collector").glob("kafka_*.py"),
        *(REPO / "batch").glob("*batch_*.py"),
        *(REPO / "batch").glob("spark_*.py"),
        *(REPO / "test").glob("[0-9]_*.py"),
    ]
    assert len(programs) > 10
    listed = {Path(word).name for word in WORDS if word.endswith(".py")}
    assert {file.name for file in programs} - listed == set()
    assert listed - {file.name for room in ROOMS for file in (REPO / room).glob("*.py")} == set()


def test_every_table_and_view(database: Database) -> None:
    with database.server.connect(database.name) as connection:
        rows = connection.execute(
            """SELECT table_name FROM information_schema.tables
               WHERE table_schema = 'public' AND table_name <> 'alembic_version'"""
        ).fetchall()
    assert named("Tables", r"[a-z0-9_]+") - {"stockdb", "public"} == {str(name) for (name,) in rows}
