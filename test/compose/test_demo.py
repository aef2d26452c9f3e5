"""`./start.sh demo` in containers, where a Docker engine answers: its market is made and its past built, once."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from test.compose.engine import containers, engine_answers
from test.e2e.stack import Stack, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Stack]:
    """Started in containers; afterwards nothing of it is left."""
    if not engine_answers():
        pytest.skip("no Docker engine answers: the demo in containers is not tried")
    settings = {"ACTSTOCK_MODE": "compose", "COMPOSE_PROJECT_NAME": f"actstock-demo-{secrets.token_hex(3)}"}
    with running_stack(tmp_path / "data", "demo", "demo", settings=settings) as stack:
        yield stack
    stack.command("reset", "--yes")


def test_the_demo_is_there_and_a_second_start_does_nothing(demo: Stack) -> None:
    status = demo.api("/status").json()
    assert (status["is_demo"], status["is_current"]) == (True, True)
    assert demo.api("/stocks/portfolio", period_days=20).json()["as_of_date"] == status["as_of_date"]
    portfolios = "SELECT strategy, origin, count(*) > 0 FROM analytics_portfolios GROUP BY 1, 2 ORDER BY 1, 2"
    simulated = {strategy for strategy, origin, _ in demo.rows(portfolios) if origin == "simulated"}
    assert simulated == {"5d", "10d", "20d", "monthly"}
    # The controller runs its schedule's newest slot by itself, whenever Airflow comes to it.
    runs = """SELECT run_id, status FROM process_executions
              WHERE dag_run_id IS NULL OR dag_run_id NOT LIKE '%/scheduled%' ORDER BY 1"""
    before = demo.rows(runs)
    assert before
    demo.start()
    assert demo.rows(runs) == before
    assert [each["Name"] for each in containers(demo) if each["State"]["OOMKilled"]] == []
