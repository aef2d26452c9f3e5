"""The DAGs as contracts 2 lists them: ids, schedules, order, and what an operator reads."""

import subprocess
import sys
from typing import Any

import pytest

from test.dags.conftest import DAGS

SCHEDULES = {
    "daily_pipeline_controller": "30 21 * * 1-5",
    "01_daily_benchmark_etf_collection_dag": "0 9 * * 1-5",
    "02_daily_sector_etf_collection_dag": "0 10 * * 1-5",
    "03_daily_trending_etf_analysis_dag": "0 11 * * 1-5",
    "04_daily_trending_etf_holdings_collection_dag": "0 12 * * 1-5",
    "05_daily_portfolio_allocation_dag": "0 13 * * 1-5",
}


def order(dag: Any) -> list[str]:
    """Short task names from first to last; each has at most one before it."""
    names: list[str] = []
    [task] = [task for task in dag.tasks if not task.upstream_task_ids]
    while True:
        names.append(task.task_id.split(".")[-1])
        following = list(task.downstream_task_ids)
        if not following:
            return names
        [following_id] = following
        task = dag.get_task(following_id)


def test_every_dag_is_there_and_none_fails_to_import(dagbag: Any) -> None:
    assert dagbag.import_errors == {}
    assert {dag_id: dag.schedule for dag_id, dag in dagbag.dags.items()} == SCHEDULES


@pytest.mark.parametrize("dag_id", SCHEDULES)
def test_a_dag_does_not_catch_up_or_overlap_and_explains_itself(dagbag: Any, dag_id: str) -> None:
    dag = dagbag.dags[dag_id]
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert "as_of_date" in dag.params
    assert "If it fails" in dag.doc_md
    assert all(task.retries >= 1 for task in dag.tasks)
    assert all(task.retry_exponential_backoff for task in dag.tasks)


STAGES = [
    "collect_benchmark_etfs",
    "collect_sector_etfs",
    "identify_trending_etfs",
    "collect_holdings",
    "collect_stocks",
    "allocate_portfolios",
]


@pytest.mark.parametrize(
    ("dag_id", "tasks"),
    [
        ("01_daily_benchmark_etf_collection_dag", STAGES[:1]),
        ("02_daily_sector_etf_collection_dag", STAGES[1:2]),
        ("03_daily_trending_etf_analysis_dag", ["wait_for_results", *STAGES[2:3]]),
        ("04_daily_trending_etf_holdings_collection_dag", ["wait_for_results", *STAGES[3:5]]),
        ("05_daily_portfolio_allocation_dag", ["wait_for_results", *STAGES[5:]]),
    ],
)
def test_a_stage_of_its_own_waits_for_what_it_needs(dagbag: Any, dag_id: str, tasks: list[str]) -> None:
    assert order(dagbag.dags[dag_id]) == ["resolve_session", *tasks]


def test_the_controller_runs_the_stages_in_order_with_its_two_gaps(dagbag: Any) -> None:
    gaps = [STAGES[0], "gap_after_stage_1", *STAGES[1:3], "gap_after_stage_3", *STAGES[3:]]
    assert order(dagbag.dags["daily_pipeline_controller"]) == ["resolve_session", *gaps]


def test_without_a_gap_there_is_no_gap_task() -> None:
    code = "import stages; assert stages.gap_after('x', 'y') == []"
    environment = {"PIPELINE_STAGE_GAP_MINUTES": "0", "PYTHONPATH": f"{DAGS}:{DAGS.parents[1]}"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)


def test_a_stage_that_is_already_complete_counts_as_done(dagbag: Any) -> None:
    for task in dagbag.dags["daily_pipeline_controller"].tasks:
        if task.task_id != "resolve_session":
            assert task.trigger_rule == "none_failed", task.task_id


def test_waiting_holds_no_slot_and_polls_slowly_enough(dagbag: Any) -> None:
    sensors = [task for dag in dagbag.dags.values() for task in dag.tasks if getattr(task, "mode", None) is not None]
    assert len(sensors) == 5
    assert all((task.mode, task.poke_interval >= 10) == ("reschedule", True) for task in sensors)


def test_one_pool_for_the_source_and_one_for_spark(dagbag: Any) -> None:
    programs = [task for dag in dagbag.dags.values() for task in dag.tasks if hasattr(task, "program")]
    assert len(programs) == 12
    for task in programs:
        assert task.pool == ("spark" if task.program.startswith("batch/") else "yahoo")
        assert (DAGS.parents[1] / task.program).is_file(), task.program


def test_parsing_loads_nothing_heavy() -> None:
    code = (
        "import sys, stages, programs; "
        "heavy = {'pandas', 'pyspark', 'yfinance', 'exchange_calendars', 'psycopg', 'kafka'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    environment = {"PYTHONPATH": f"{DAGS}:{DAGS.parents[1]}"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)
