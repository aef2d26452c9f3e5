"""QUICK_REFERENCE.md names what there is: DAGs, services and ports, routes, pages, programs and tables."""

import re
from pathlib import Path

import pytest

from api.routers import ROUTERS, service
from dashboard.site import PAGES
from test.conftest import REPO, Database
from utils.stack.ports import ALL_PORTS
from utils.stack.services import SERVICES

PAGE = (REPO / "QUICK_REFERENCE.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[\w/{}.-]+", PAGE))
CODE = set(re.findall(r"`([^`]+)`", PAGE))


def test_every_dag() -> None:
    dags = {file.stem for file in (REPO / "airflow" / "dags").glob("*_dag.py")} - {"00_daily_pipeline_controller_dag"}
    assert {word for word in CODE if word.endswith("_dag")} == dags
    assert "daily_pipeline_controller" in CODE


def test_every_service_and_port() -> None:
    assert {each.name for each in SERVICES} <= WORDS
    assert ALL_PORTS.keys() <= WORDS
    assert {str(port) for port in ALL_PORTS.values()} <= WORDS


def test_every_route_and_page() -> None:
    routes = {route.path for router in (*ROUTERS, service.open_router) for route in router.routes}  # type: ignore[attr-defined]
    assert routes - CODE == set()
    assert {page.path for page in PAGES} - CODE == set()


def test_every_program() -> None:
    programs = [
        *(REPO / "collector").glob("kafka_*.py"),
        *(REPO / "batch").glob("*batch_*.py"),
        *(REPO / "batch").glob("spark_*.py"),
        *(REPO / "test").glob("[0-9]_*.py"),
    ]
    assert len(programs) > 10
    named = {Path(word).name for word in WORDS}
    assert {file.name for file in programs} - named == set()


@pytest.mark.integration
def test_every_table_and_view(database: Database) -> None:
    with database.server.connect(database.name) as connection:
        rows = connection.execute(
            """SELECT table_name FROM information_schema.tables
               WHERE table_schema = 'public' AND table_name <> 'alembic_version'"""
        ).fetchall()
    assert {str(name) for (name,) in rows} - CODE == set()
