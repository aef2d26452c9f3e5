"""The operators, called as Airflow calls them, against a real database: what ends a task, and what it waits for."""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from database import ledger, pipeline
from database.connection import DatabaseUnavailable, connect
from test.conftest import Database
from utils.clock import wall_now

DAG_ID, RUN_ID = "05_daily_portfolio_allocation_dag", "manual__1"
RUN = f"{DAG_ID}/{RUN_ID}"
D = date(2026, 1, 23)
DUE = datetime(2026, 1, 26, 13, tzinfo=UTC)


@pytest.fixture(scope="module")
def programs(dagbag: Any) -> ModuleType:
    """The module beside the DAG files, imported by its plain name as Airflow does."""
    return importlib.import_module("programs")


@pytest.fixture
def ours(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a task."""
    database.as_role("pipeline", monkeypatch)


def context(**params: Any) -> dict[str, Any]:
    run = SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID, run_after=DUE, start_date=wall_now())
    dag = SimpleNamespace(dag_id=DAG_ID, dagrun_timeout=timedelta(hours=8))
    asked = {"as_of_date": None, "from_date": None, "force": False} | params
    return {"dag": dag, "dag_run": run, "ti": SimpleNamespace(task_id="x"), "params": asked}


# How a program ends


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (99, "AirflowSkipException", "2026-01-23 is already complete"),
        (2, "AirflowFailException", "2026-01-23 is already complete"),  # a person's mistake: no retry
        (1, "AirflowException", "exit code 1: 2026-01-23 is already complete"),
        (-15, "AirflowException", "exit code -15: 2026-01-23 is already complete"),
    ],
)
@pytest.mark.usefixtures("ours")
def test_an_exit_code_says_how_the_task_ends(programs: ModuleType, code: int, kind: str, said: str) -> None:
    task = programs.Program(task_id="x", program="batch/x.py")
    with pytest.raises(getattr(programs, kind)) as raised:
        task._conclude(code, "2026-01-23 is already complete", context())
    assert (type(raised.value).__name__, str(raised.value)) == (kind, said)
    task._conclude(0, "done", context())


def ask_again(database: Database, monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """A run whose newest attempt wants to be tried again then."""
    monkeypatch.setenv("ACTSTOCK_DAG_RUN_ID", RUN)
    with connect(database.settings("collector")) as writing:
        run = ledger.open_run(writing, process="known_stocks", as_of_date=D)
        writing.execute("UPDATE process_executions SET not_before = %s WHERE run_id = %s", (at, run.run_id))


@pytest.mark.usefixtures("ours")
def test_what_is_to_run_again_does_so_when_the_ledger_says(
    programs: ModuleType, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = wall_now() + timedelta(hours=3)
    ask_again(database, monkeypatch, at)
    with pytest.raises(programs.AirflowRescheduleException) as raised:
        programs.Program(task_id="x", program="collector/x.py")._conclude(75, "budget", context())
    assert raised.value.reschedule_date == at


@pytest.mark.usefixtures("ours")
def test_what_is_to_run_again_after_the_runs_time_ends_at_once_and_says_when(
    programs: ModuleType, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "the day's budget is used up; to be run again not before 2026-01-24T00:00:00+00:00"
    ask_again(database, monkeypatch, wall_now() + timedelta(hours=9))
    with pytest.raises(programs.AirflowFailException, match=f"^{re.escape(said)}; this run's time is over by then"):
        programs.Program(task_id="x", program="collector/x.py")._conclude(75, said, context())


@pytest.mark.usefixtures("ours")
def test_a_database_that_is_away_is_waited_for(programs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([DatabaseUnavailable("database: refused")])

    @contextmanager
    def first_away(*given: Any) -> Iterator[Any]:
        for error in answers:
            raise error
        with connect(*given) as connection:
            yield connection

    monkeypatch.setattr("database.connection.connect", first_away)
    with programs.database() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert list(answers) == [], "it was away at first"


# What a run describes


@pytest.mark.parametrize(
    ("dag_id", "params", "note"),
    [
        (
            DAG_ID,
            {"as_of_date": "2026-01-19"},
            "Nothing was run: 2026-01-19 is not a session of the New York Stock Exchange.",
        ),
        (
            DAG_ID,
            {"from_date": "2025-11-01"},
            "Nothing was run: 2025-11-01 is not a session of the New York Stock Exchange.",
        ),
        (
            "07_monthly_etf_collection_last_weekend_dag",
            {},
            "Nothing was run: 2026-01-26 is not the last Sunday of its month, 2026-01-25.",
        ),
        (
            "08_monthly_portfolio_rebalance_dag",
            {"as_of_date": "1995-01-29"},
            "Nothing was run: 1995-01-29 is before the first day that can be computed, 2002-01-02.",
        ),
        (
            "08_monthly_portfolio_rebalance_dag",
            {"as_of_date": "2026-01-20", "from_date": "2026-01-03", "force": True},
            "Nothing was run: no month's last Sunday lies between 2026-01-03 and 2026-01-20.",
        ),
    ],
)
@pytest.mark.usefixtures("ours")
def test_a_date_that_cannot_be_skips_all_that_follows_and_says_why(
    programs: ModuleType, dagbag: Any, monkeypatch: pytest.MonkeyPatch, dag_id: str, params: dict[str, Any], note: str
) -> None:
    monkeypatch.delenv("PLATFORM_NOW_URL", raising=False)
    [first] = [task for task in dagbag.dags[dag_id].tasks if task.task_id.startswith("resolve_")]
    notes, skipped = [], []
    monkeypatch.setattr(programs, "add_note", lambda *line: notes.append(line))
    monkeypatch.setattr(first, "skip", lambda _, tasks: skipped.extend(tasks))
    assert first.execute(context(**params)) is None
    assert notes == [(DAG_ID, RUN_ID, note)]
    assert {task.task_id for task in skipped} == {task.task_id for task in dagbag.dags[dag_id].tasks} - {first.task_id}


@pytest.mark.usefixtures("ours")
def test_a_date_is_decided_once(programs: ModuleType, dagbag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLATFORM_NOW_URL", raising=False)
    first = dagbag.dags[DAG_ID].get_task("resolve_session")
    assert first.execute(context()) == "2026-01-23"
    assert first.execute(context(as_of_date="2026-01-22")) == "2026-01-23"
    assert programs.dates_of(context(from_date="2026-01-05")) == (D, date(2026, 1, 5), False)
    assert programs.dates_of(context(as_of_date="2026-01-23")).asked


# What a run waits for


def ended(database: Database, process: str, ago: timedelta) -> None:
    """A usable run of the process for D that ended that long ago."""
    with connect(database.settings("batch")) as writing:
        run = ledger.open_run(writing, process=process, as_of_date=D)
        run.close()
        writing.execute("UPDATE process_executions SET finished_at = now() - %s WHERE run_id = %s", (ago, run.run_id))


@pytest.mark.usefixtures("ours")
def test_a_gap_is_over_so_many_minutes_after_the_process_ended(programs: ModuleType, database: Database) -> None:
    gap = programs.GapSensor(task_id="gap", process="trending_etfs", minutes=60)
    with connect() as connection:
        pipeline.resolve(connection, RUN, D)
    assert not gap.poke(context()), "it has not even ended"
    ended(database, "trending_etfs", timedelta(minutes=61))
    assert gap.poke(context())
    ended(database, "trending_etfs", timedelta(minutes=59))  # by force, once more
    assert not gap.poke(context())


@pytest.mark.usefixtures("ours")
def test_what_waits_in_vain_gives_up_with_the_names(programs: ModuleType, database: Database) -> None:
    waits = programs.ResultsSensor(task_id="wait", processes=["trending_etfs", "needed_stocks", "x"], timeout=0)
    gap = programs.GapSensor(task_id="gap", process="trending_etfs", minutes=60, timeout=0)
    with connect() as connection:
        pipeline.resolve(connection, RUN, D)
    given = context()
    given["ti"].get_first_reschedule_date = lambda _: wall_now() - timedelta(seconds=1)
    with pytest.raises(programs.AirflowSensorTimeout, match=r"^gave up waiting: no usable result of trending_etfs$"):
        gap.execute(given)
    ended(database, "trending_etfs", timedelta(0))
    with pytest.raises(programs.AirflowSensorTimeout, match=r"^gave up waiting: no usable result of needed_stocks, x$"):
        waits.execute(given)
