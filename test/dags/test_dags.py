"""The DAGs as contracts 2 lists them: ids, schedules, order, and what an operator reads."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api import freshness
from test.dags.conftest import DAGS
from utils.stack.environment import airflow_environment
from utils.stack.folder import DEMO, make

SCHEDULES = {
    "daily_pipeline_controller": "30 21 * * 1-5",
    "01_daily_benchmark_etf_collection_dag": "0 9 * * 1-5",
    "02_daily_sector_etf_collection_dag": "0 10 * * 1-5",
    "03_daily_trending_etf_analysis_dag": "0 11 * * 1-5",
    "04_daily_trending_etf_holdings_collection_dag": "0 12 * * 1-5",
    "05_daily_portfolio_allocation_dag": "0 13 * * 1-5",
    "06_etf_holdings_daily_dag": "0 18 * * 1-5",
    "07_monthly_etf_collection_last_weekend_dag": "0 8 * * 0",
    "08_monthly_portfolio_rebalance_dag": "0 14 * * 0",
    "09_etf_top_holdings_analysis_dag": "0 18 * * 0",
    "platform_maintenance_dag": "0 3 * * 0",
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


def test_what_is_no_dag_is_not_read_as_one() -> None:
    """Each file that is not named to Airflow as none is read in a process of its own, every 15 seconds."""
    ignored = (DAGS / ".airflowignore").read_text(encoding="utf-8").split()
    assert sorted(ignored) == sorted(file.name for file in DAGS.glob("*.py") if not file.name.endswith("_dag.py"))


def test_the_api_expects_results_when_they_are_made() -> None:
    assert f"{freshness.DAILY_RUN_UTC:%-M %-H} * * 1-5" == SCHEDULES["daily_pipeline_controller"]
    assert f"{freshness.REBALANCE_UTC:%-M %-H} * * 0" == SCHEDULES["08_monthly_portfolio_rebalance_dag"]
    assert f"{freshness.WEEKLY_RUN_UTC:%-M %-H} * * 0" == SCHEDULES["09_etf_top_holdings_analysis_dag"]


@pytest.mark.parametrize("dag_id", SCHEDULES)
def test_a_dag_does_not_catch_up_or_overlap_and_explains_itself(dagbag: Any, dag_id: str) -> None:
    dag = dagbag.dags[dag_id]
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert "as_of_date" in dag.params or dag_id == "platform_maintenance_dag"  # it describes no session
    for part in ("**What**", "**When**", "**Needs**", "**Writes**", "**If it fails**", "**Again"):
        assert part in dag.doc_md, part
    assert dag.description
    assert dag.owner == "actstock"
    assert dag.tags
    assert all(task.doc_md for task in dag.tasks)
    assert all(task.retries >= 1 for task in dag.tasks)
    assert all(task.retry_exponential_backoff for task in dag.tasks)


@pytest.mark.parametrize("dag_id", SCHEDULES)
def test_a_dag_tells_of_its_failure_and_of_the_end_of_it(dagbag: Any, dag_id: str) -> None:
    import alerts  # noqa: PLC0415 - beside the DAG files, on the path while they are parsed
    import notes  # noqa: PLC0415

    dag = dagbag.dags[dag_id]
    assert dag.on_failure_callback == [alerts.run_failed, notes.note_end]
    assert dag.on_success_callback == [alerts.run_succeeded, notes.note_mended]
    assert all(task.on_failure_callback == [notes.note_failure, alerts.task_failed] for task in dag.tasks)
    assert not dag.deadline, "a run with a deadline cannot be cleared (apache/airflow#70368)"


STAGES = [
    "collect_benchmark_etfs",
    "collect_sector_etfs",
    "identify_trending_etfs",
    "collect_holdings",
    "collect_stocks",
    "allocate_portfolios",
    "measure_performance",
]


@pytest.mark.parametrize(
    ("dag_id", "tasks"),
    [
        ("01_daily_benchmark_etf_collection_dag", STAGES[:1]),
        ("02_daily_sector_etf_collection_dag", STAGES[1:2]),
        ("03_daily_trending_etf_analysis_dag", ["wait_for_results", *STAGES[2:3]]),
        ("04_daily_trending_etf_holdings_collection_dag", ["wait_for_results", *STAGES[3:5]]),
        ("05_daily_portfolio_allocation_dag", ["wait_for_results", *STAGES[5:]]),
        ("06_etf_holdings_daily_dag", ["collect_known_stocks"]),
        ("07_monthly_etf_collection_last_weekend_dag", ["collect_all_holdings", "collect_known_stocks"]),
        (
            "09_etf_top_holdings_analysis_dag",
            ["collect_known_stocks", "analyse_top_holdings", "analyse_months_and_sectors"],
        ),
    ],
)
def test_a_stage_of_its_own_waits_for_what_it_needs(dagbag: Any, dag_id: str, tasks: list[str]) -> None:
    assert order(dagbag.dags[dag_id]) == ["resolve_session", *tasks]


@pytest.mark.parametrize(
    ("dag_id", "tasks"),
    [
        ("08_monthly_portfolio_rebalance_dag", ["resolve_rebalance_date", "rebalance_month", "measure_performance"]),
        ("platform_maintenance_dag", ["back_up", "delete_old", "check_data"]),
    ],
)
def test_what_has_no_session(dagbag: Any, dag_id: str, tasks: list[str]) -> None:
    assert order(dagbag.dags[dag_id]) == tasks


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
    assert len(programs) == 14 + 1 + 2 + 2 + 3 + 3
    pools = {"batch": "spark", "collector": "yahoo", "database": "default_pool"}
    for task in programs:
        assert task.pool == pools[task.program.partition("/")[0]]
        assert (DAGS.parents[1] / task.program).is_file(), task.program


BY_HAND = {
    "collector/quarantine.py",
    "consumer/dead_letters.py",
    "consumer/doubts.py",
    "database/api_keys.py",
    "database/migrate.py",
    "database/restore.py",
    "database/watch.py",
    "test/1_backfill_etf_benchmarks.py",
    "test/2_staggered_sector_backfill.py",
    "utils/topics.py",
}
HELP = """
import contextlib, io, json, runpy, sys
told = {}
for program in sys.argv[1:]:
    sys.argv = [program, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            code = runpy.run_path(program, run_name="__main__")
        except SystemExit as end:
            code = end.code
    told[program] = [code, said.getvalue()]
print(json.dumps(told))
"""


def test_every_program_explains_itself(dagbag: Any) -> None:
    """Those of DAGs, those by hand. In one process: each alone would load Spark's client again."""
    programs = {task.program for dag in dagbag.dags.values() for task in dag.tasks if hasattr(task, "program")}
    programs |= BY_HAND
    backfills = sorted(program for program in programs if program.startswith("test/"))  # make sys.path their own
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HELP, *sorted(programs.difference(backfills)), *backfills],
        cwd=DAGS.parents[1],
        env={"PYTHONPATH": str(DAGS.parents[1])},
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout)
    assert told.keys() == programs
    for program, (code, said) in told.items():
        assert code == 0, (program, said)
        name = program.rpartition("/")[2]
        # How it is called, and with an example.
        assert f"usage: {name} " in said
        assert said.count(name) + said.count(program.removesuffix(".py").replace("/", ".")) >= 2, said


def test_parsing_loads_nothing_heavy() -> None:
    code = (
        "import sys, stages, programs; "
        "heavy = {'pandas', 'pyspark', 'yfinance', 'exchange_calendars', 'psycopg', 'kafka'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    environment = {"PYTHONPATH": f"{DAGS}:{DAGS.parents[1]}"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)


def test_settings_are_loaded_before_a_file_is_read(tmp_path: Path) -> None:
    """Once in each service: their library takes longer than the rest of a file."""
    code = "import sys, airflow.settings; airflow.settings.initialize(); print('config.settings' in sys.modules)"
    environment = airflow_environment(make(tmp_path / "demo", DEMO, {}), os.environ)
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "True", done.stdout + done.stderr


def asked(dagbag: Any, dag_id: str, task_id: str, as_of_date: str, from_date: str | None = None) -> list[str]:
    """The arguments a task gives its program for the dates of its run, which nobody named."""
    import programs  # noqa: PLC0415 - beside the DAG files, on the path while they are parsed

    first = date.fromisoformat(from_date) if from_date else None
    [task] = [task for task in dagbag.dags[dag_id].tasks if task.task_id.endswith(task_id)]
    return [*task.arguments, *task.dated(programs.Dates(date.fromisoformat(as_of_date), first))]


@pytest.mark.parametrize(
    ("dag_id", "task_id", "from_date", "arguments"),
    [
        ("daily_pipeline_controller", "collect_stocks", None, "--scope needed --as-of 2026-01-23"),
        ("daily_pipeline_controller", "identify_trending_etfs", None, "--as-of 2026-01-23"),
        (
            "03_daily_trending_etf_analysis_dag",
            "identify_trending_etfs",
            "2026-01-05",
            "--from 2026-01-05 --to 2026-01-23",
        ),
        ("05_daily_portfolio_allocation_dag", "measure_performance", "2026-01-05", "--from 2026-01-05 --to 2026-01-23"),
        ("08_monthly_portfolio_rebalance_dag", "rebalance_month", None, "--rebalance-date 2026-01-23"),
        ("08_monthly_portfolio_rebalance_dag", "rebalance_month", "2025-11-30", "--from 2025-11-30 --to 2026-01-23"),
        ("08_monthly_portfolio_rebalance_dag", "measure_performance", None, ""),
        ("09_etf_top_holdings_analysis_dag", "analyse_top_holdings", None, "--as-of 2026-01-23"),
        ("09_etf_top_holdings_analysis_dag", "analyse_months_and_sectors", None, "--month 2026-01"),
        ("09_etf_top_holdings_analysis_dag", "analyse_months_and_sectors", "2025-11-28", "--from 2025-11 --to 2026-01"),
        ("09_etf_top_holdings_analysis_dag", "collect_known_stocks", "2025-11-28", "--scope known --as-of 2026-01-23"),
        ("07_monthly_etf_collection_last_weekend_dag", "collect_all_holdings", None, ""),  # late or not: today's lists
    ],
)
def test_a_program_is_asked_for_the_dates_of_the_run(
    dagbag: Any, dag_id: str, task_id: str, from_date: str | None, arguments: str
) -> None:
    assert " ".join(asked(dagbag, dag_id, task_id, "2026-01-23", from_date)) == arguments


def test_lists_of_a_day_that_is_asked_for_are_those_of_that_day(dagbag: Any) -> None:
    import programs  # noqa: PLC0415

    task = dagbag.dags["07_monthly_etf_collection_last_weekend_dag"].get_task("collect_all_holdings")
    assert task.dated(programs.Dates(date(2026, 1, 23), None, asked=True)) == ["--as-of", "2026-01-23"]


def test_lineage_leads_from_bars_to_portfolio(dagbag: Any) -> None:
    reads = {task.task_id.split(".")[-1]: {each.name for each in task.inlets} for task in controller(dagbag)}
    writes = {task.task_id.split(".")[-1]: {each.name for each in task.outlets} for task in controller(dagbag)}
    assert writes["collect_benchmark_etfs"] == writes["collect_sector_etfs"] == reads["identify_trending_etfs"]
    assert writes["identify_trending_etfs"] == reads["collect_holdings"]
    before = ("identify_trending_etfs", "collect_holdings", "collect_stocks")
    assert set().union(*(writes[each] for each in before)) == reads["allocate_portfolios"]
    assert writes["allocate_portfolios"] == {"analytics_05_portfolio_allocation"}


def controller(dagbag: Any) -> list[Any]:
    """The controller's programs."""
    return [task for task in dagbag.dags["daily_pipeline_controller"].tasks if hasattr(task, "program")]


def test_a_pause_is_no_part_of_the_time_a_run_may_take() -> None:
    code = (
        "import stages; [gap] = stages.gap_after('x', 'y'); print(gap.timeout / 3600, end=' '); "
        "print(stages.dag_arguments({})['dagrun_timeout'].total_seconds() / 3600)"
    )
    environment = {
        "PIPELINE_STAGE_GAP_MINUTES": "600",
        "PIPELINE_GIVE_UP_MINUTES": "360",
        "PYTHONPATH": f"{DAGS}:{DAGS.parents[1]}",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "16.0 28.0"
