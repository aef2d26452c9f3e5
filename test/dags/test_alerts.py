"""What the DAGs' callbacks write down, called as Airflow calls them, against a real database."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from database import incidents, ledger, pipeline
from database.connection import Connection, connect
from database.ledger import Item
from test.conftest import Database
from test.dags.conftest import DAGS

DAG_ID, RUN_ID = "03_daily_trending_etf_analysis_dag", "scheduled__2025-12-30"
RUN = f"{DAG_ID}/{RUN_ID}"
D = date(2025, 12, 30)


@pytest.fixture(scope="module")
def alerts(dagbag: Any) -> ModuleType:
    """The module beside the DAG files, imported by its plain name as Airflow does."""
    return importlib.import_module("alerts")


@pytest.fixture
def connection(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    database.as_role("pipeline", monkeypatch)
    with connect() as opened:
        yield opened


def context(**further: Any) -> dict[str, Any]:
    dag = SimpleNamespace(dag_id=DAG_ID, task_ids=["resolve_session", "identify_trending_etfs"])
    return {"dag": dag, "run_id": RUN_ID, "ti": SimpleNamespace(task_id="identify_trending_etfs")} | further


def still_open(connection: Connection) -> dict[str, str]:
    found = {each.key: each.detail for each in incidents.unsettled(connection) if each.closed_at is None}
    assert {key.partition("/")[0] for key in found} <= set(incidents.KINDS), "a kind without a page"
    return found


def fail_a_program(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTSTOCK_DAG_RUN_ID", RUN)
    with connect(database.settings("batch")) as writing:
        run = ledger.open_run(writing, process="trending_etfs", as_of_date=D)
        run.plan([Item(str(D), "session")])
        run.close(error="SPY has no bar\nof 2025-12-30")


def test_a_failed_task_is_one_line_that_names_dag_task_session_and_reason(
    alerts: ModuleType, connection: Connection
) -> None:
    pipeline.resolve(connection, RUN, D)
    alerts.task_failed(context(exception=RuntimeError("exit code 1:\nSPY has no bar")))
    expected = {
        f"failed/{DAG_ID}": f"{DAG_ID}, identify_trending_etfs, 2025-12-30: exit code 1: SPY has no bar",
    }
    assert still_open(connection) == expected
    alerts.run_failed(context(reason="task_failure"))
    assert still_open(connection) == expected, "the run's end adds nothing to what its task said"


def test_without_an_exception_the_ledger_knows_the_reason(
    alerts: ModuleType, database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.task_failed(context())
    assert list(still_open(connection).values()) == [f"{DAG_ID}, identify_trending_etfs, no date yet: it was stopped"]
    incidents.close_incident(connection, f"failed/{DAG_ID}")
    fail_a_program(database, monkeypatch)
    alerts.task_failed(context())
    assert list(still_open(connection).values()) == [
        f"{DAG_ID}, identify_trending_etfs, no date yet: trending_etfs: SPY has no bar of 2025-12-30"
    ]


def test_a_run_whose_time_is_over_tells_it_itself(alerts: ModuleType, connection: Connection) -> None:
    pipeline.resolve(connection, RUN, D)
    alerts.run_failed({"dag": context()["dag"], "run_id": RUN_ID, "reason": "timed_out"})
    assert still_open(connection) == {f"failed/{DAG_ID}": f"{DAG_ID}, 2025-12-30: timed out"}


def test_a_run_that_succeeds_ends_failed_of_its_dag_only(alerts: ModuleType, connection: Connection) -> None:
    pipeline.resolve(connection, RUN, D)
    for key in (f"failed/{DAG_ID}", "failed/other", "partial/trending_etfs"):
        incidents.open_incident(connection, key, "x")
    alerts.run_succeeded(context(reason="success"))
    assert still_open(connection).keys() == {"failed/other", "partial/trending_etfs"}


def test_a_run_with_nothing_to_do_ends_nothing(alerts: ModuleType, connection: Connection) -> None:
    incidents.open_incident(connection, f"failed/{DAG_ID}", "x")
    alerts.run_succeeded(context(reason="success"))
    assert still_open(connection).keys() == {f"failed/{DAG_ID}"}
    undated = context(dag=SimpleNamespace(dag_id=DAG_ID, task_ids=["back_up"]))
    alerts.run_succeeded(undated)
    assert still_open(connection) == {}, "a DAG that decides no date always does its work"


@pytest.mark.parametrize(("succeeded", "over"), [(date(2025, 12, 29), False), (D, True), (date(2025, 12, 31), True)])
def test_success_for_an_earlier_session_mends_nothing(
    alerts: ModuleType, connection: Connection, succeeded: date, over: bool
) -> None:
    pipeline.resolve(connection, RUN, D)
    alerts.task_failed(context(exception=RuntimeError("exit code 1: SPY, QQQ: no answer")))
    pipeline.resolve(connection, f"{DAG_ID}/manual__1", succeeded)
    alerts.run_succeeded(context(run_id="manual__1", reason="success"))
    assert (still_open(connection) == {}) is over


def test_a_failure_before_there_was_a_date_ends_with_any_success(alerts: ModuleType, connection: Connection) -> None:
    alerts.task_failed(context(exception=RuntimeError("the clock is away")))
    pipeline.resolve(connection, f"{DAG_ID}/manual__1", D)
    alerts.run_succeeded(context(run_id="manual__1", reason="success"))
    assert still_open(connection) == {}


def test_a_dag_without_dates_names_none(alerts: ModuleType, connection: Connection) -> None:
    undated = SimpleNamespace(dag_id="platform_maintenance_dag", task_ids=["back_up", "delete_old"])
    for further in ({"exception": RuntimeError("no room")}, {"reason": "timed_out"}):
        told = alerts.task_failed if "exception" in further else alerts.run_failed
        told(context(dag=undated, ti=SimpleNamespace(task_id="back_up"), **further))
        [detail] = still_open(connection).values()
        assert detail in {"platform_maintenance_dag, back_up: no room", "platform_maintenance_dag: timed out"}
        alerts.run_succeeded(context(dag=undated, reason="success"))
        assert still_open(connection) == {}


def test_callbacks_load_nothing_heavy_when_a_dag_is_parsed(alerts: ModuleType) -> None:
    code = "import sys, alerts; heavy = {'psycopg', 'apprise', 'exchange_calendars', 'pandas'} & set(sys.modules); "
    environment = {"PYTHONPATH": f"{DAGS}:{DAGS.parents[1]}"}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code + "assert not heavy, heavy"], env=environment, check=True
    )
