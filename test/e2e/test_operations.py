"""What an operator lives through, on the real Airflow of a stack: failures, kills, pauses, outages, reruns.

One stack on the hand-computed market; each scenario has an evening of its own, in the order of this file. Airflow's
schedules are wall time, sessions are the market's: a run that is due now describes the session of the market's clock.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import httpx
import psutil
import pytest

from config.universe import ETFS
from test.e2e.market import write_market
from test.e2e.stack import FINISHED, DagRun, Stack, dag_runs, eventually, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(3600)]

CONTROLLER = "daily_pipeline_controller"
BENCHMARKS, SECTORS = "01_daily_benchmark_etf_collection_dag", "02_daily_sector_etf_collection_dag"
TRENDING, HOLDINGS = "03_daily_trending_etf_analysis_dag", "04_daily_trending_etf_holdings_collection_dag"
ALLOCATION = "05_daily_portfolio_allocation_dag"
DAILY = (BENCHMARKS, SECTORS, TRENDING, HOLDINGS, ALLOCATION)
OTHERS = (
    "06_etf_holdings_daily_dag",
    "07_monthly_etf_collection_last_weekend_dag",
    "08_monthly_portfolio_rebalance_dag",
    "09_etf_top_holdings_analysis_dag",
)
MAINTENANCE = "platform_maintenance_dag"
EVERY_DAG = (CONTROLLER, *DAILY, *OTHERS, MAINTENANCE)
DOWNSTREAM_OF_TRENDING = {"collect_holdings", "collect_stocks", "allocate_portfolios", "measure_performance"}
PROCESSES = {
    "benchmark_etf_bars",
    "sector_etf_bars",
    "trending_etfs",
    "trending_etf_holdings",
    "needed_stocks",
    "portfolio_allocation",
    "portfolio_performance",
}
LISTS = "trending_etf_holdings"
FAILED = f"SELECT detail FROM alert_incidents WHERE key = 'failed/{CONTROLLER}'"
PAST, FIRST, SECOND = date(2025, 12, 9), date(2025, 12, 12), date(2025, 12, 15)
SILENT_SOURCE, SPARK_FAILS, KILLED_SCHEDULER = date(2025, 12, 16), date(2025, 12, 17), date(2025, 12, 18)
KILLED_WORKER, BOTH_WAYS, RESTARTED = date(2025, 12, 19), date(2025, 12, 22), date(2025, 12, 23)
PAUSED_CHILD, SUNDAY, BEFORE_SUNDAY = date(2025, 12, 24), date(2025, 12, 28), date(2025, 12, 26)
LAST_DAY_UP, MISSED = date(2025, 12, 29), [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 2)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The market some evenings before its end; retries and looks as fast as Airflow bears."""
    folder = tmp_path_factory.mktemp("ops")
    write_market(folder / "ops", until=date(2026, 1, 16), caps_of=40)
    begin = ("--replay", str(folder / "ops"), "--now", f"{FIRST}T22:00:00Z")
    fast = {"PIPELINE_RETRY_SECONDS": "5", "PIPELINE_POKE_SECONDS": "10"}
    with running_stack(folder / "data", "replay-ops", *begin, settings=fast) as up:
        yield up


@dataclass(frozen=True)
class Evening:
    """What an undisturbed evening cost."""

    run: DagRun
    requests: Counter[str]


@pytest.fixture(scope="module")
def alone(stack: Stack) -> Evening:
    """All DAGs turned on at once bring all history; an evening later the controller alone brings one bar each.

    A DAG that is turned on first runs its schedule's newest slot: from here on nothing starts by itself.
    """
    eventually(lambda: dags_read(stack), lambda read: read == set(EVERY_DAG), seconds=300)
    for dag_id in EVERY_DAG:
        stack.set_paused(dag_id, paused=False)
    eventually(lambda: [dag_id for dag_id in EVERY_DAG if stack.is_due(dag_id)], lambda due: not due, seconds=120)
    stack.rest()
    pages = stack.runs_of("~")
    assert {page["dag_id"] for page in pages} == set(EVERY_DAG)
    assert {page["state"] for page in pages} == {"success"}, [(page["dag_id"], page["note"]) for page in pages]
    evening(stack, SECOND)
    run = stack.trigger(CONTROLLER)
    assert set(run.states_at_the_end().values()) == {"success"}
    asked = requests(stack)
    return Evening(run, asked)


def dags_read(stack: Stack) -> set[str]:
    """The DAGs that Airflow knows."""
    return {dag["dag_id"] for dag in stack.airflow("GET", "/dags")["dags"]}


def evening(stack: Stack, session: date) -> None:
    """The market's clock after the session's close, with no run under way, no DAG on and no request in the log."""
    stack.rest()
    stack.control("POST", "clock", json={"now": f"{session}T22:00:00Z"})
    stack.control("DELETE", "requests")


def requests(stack: Stack) -> Counter[str]:
    """How often each address was asked: of the market's data, not of cookies."""
    paths = [str(entry["path"]) for entry in stack.control("GET", "requests")]
    return Counter(path for path in paths if path.startswith(("/v7", "/v8", "/v10")))


def executions(stack: Stack, run: DagRun, process: str) -> list[str]:
    """How each attempt of a process in a run ended, oldest first."""
    found = stack.rows(
        f"""SELECT status FROM process_executions WHERE dag_run_id = '{run.key}' AND process = '{process}'
            ORDER BY started_at"""
    )
    return [status for (status,) in found]


def assert_whole(stack: Stack, session: date) -> None:
    """Each stage ended well and stored once at most, every item is accounted for, nothing is left running.

    A stage that was ended in the middle may have stored all: the next attempt then finds nothing left to do.
    """
    ended = stack.rows(
        f"SELECT process, stored > 0 FROM process_executions WHERE as_of_date = '{session}' AND status = 'success'"
    )
    assert {process for process, _ in ended} == PROCESSES
    assert max(Counter(process for process, stored in ended if stored).values()) == 1
    assert stack.rows("SELECT run_id FROM process_executions WHERE status = 'running'") == []
    assert stack.rows("SELECT count(*) FROM asset_processing_details WHERE status IN ('planned', 'sent')") == [(0,)]
    trending = f"SELECT period_days, count(*) FROM analytics_03_trending_etfs WHERE as_of_date = '{session}' GROUP BY 1"
    assert dict(stack.rows(trending)) == dict.fromkeys((5, 10, 20), len(ETFS))
    headers = f"SELECT strategy, revision, origin FROM analytics_portfolios WHERE as_of_date = '{session}' ORDER BY 1"
    assert stack.rows(headers) == [("10d", 1, "live"), ("20d", 1, "live"), ("5d", 1, "live")]


# -- an undisturbed evening ------------------------------------------------------------------------------------------


def test_an_evening_ends_whole_and_every_dag_file_is_read(stack: Stack, alone: Evening) -> None:
    assert stack.airflow("GET", "/importErrors")["total_entries"] == 0
    assert dags_read(stack) == set(EVERY_DAG)
    assert alone.run.session == SECOND
    assert_whole(stack, SECOND)


def test_a_second_run_has_nothing_to_do_and_asks_the_source_for_nothing(stack: Stack, alone: Evening) -> None:
    stack.control("DELETE", "requests")
    states = stack.run_dag(CONTROLLER)
    assert (states.pop("resolve_session"), states.pop("run")) == ("success", "success")
    assert len(states) == len(PROCESSES)
    assert set(states.values()) == {"skipped"}, states
    assert stack.control("GET", "requests") == []


# -- the source does not answer --------------------------------------------------------------------------------------


def test_a_source_that_does_not_answer_is_asked_again_later_and_the_run_ends_by_itself(
    stack: Stack, alone: Evening
) -> None:
    evening(stack, SILENT_SOURCE)
    stack.control("POST", "faults", json=[{"match": "finance.yahoo.com", "times": None, "status": 503}])
    run = stack.trigger(CONTROLLER)
    waiting = run.await_task("collect_benchmark_etfs", "up_for_reschedule", "failed", "up_for_retry", "success")
    assert waiting["state"] == "up_for_reschedule"
    assert run.page["state"] == "running"
    [(status, usable, again)] = stack.rows(
        f"SELECT status, usable, not_before > finished_at FROM process_executions WHERE dag_run_id = '{run.key}'"
    )
    assert (status, usable, again) == ("failed", False, True)
    in_vain = requests(stack)
    assert 0 < in_vain.total() <= 30, in_vain

    stack.control("DELETE", "faults")
    states = run.states_at_the_end()
    assert set(states.values()) == {"success"}, states
    assert executions(stack, run, "benchmark_etf_bars") == ["failed", "success"]
    [(wanted,), (began,)] = stack.rows(
        f"""SELECT coalesce(not_before, started_at) FROM process_executions
            WHERE dag_run_id = '{run.key}' AND process = 'benchmark_etf_bars' ORDER BY started_at"""
    )
    assert began >= wanted
    assert run.tasks()["collect_benchmark_etfs"]["try_number"] == 1  # no retry was used up
    assert run.session == SILENT_SOURCE
    assert_whole(stack, SILENT_SOURCE)


# -- a Spark job fails -----------------------------------------------------------------------------------------------


def test_a_failing_spark_job_stops_what_follows_says_why_and_goes_on_after_mending(
    stack: Stack, alone: Evening
) -> None:
    evening(stack, SPARK_FAILS)
    for dag_id in (BENCHMARKS, SECTORS):
        assert set(stack.run_dag(dag_id).values()) == {"success"}
    bars, newest = "collected_01_daily_etf_ohlc", f"ticker = 'SPY' AND trade_date = '{SPARK_FAILS}'"
    stack.as_superuser(f"UPDATE {bars} SET doubt = 'spoilt', doubt_value = close_price WHERE {newest}")

    run = stack.trigger(CONTROLLER)
    states = run.states_at_the_end()
    assert states.pop("run") == "failed"
    assert states["identify_trending_etfs"] == "failed", states
    assert {name for name, state in states.items() if state == "upstream_failed"} == DOWNSTREAM_OF_TRENDING
    assert run.tasks()["identify_trending_etfs"]["try_number"] == 4  # three retries
    assert executions(stack, run, "trending_etfs") == ["failed"] * 4
    said = [line for line in run.page["note"].splitlines() if "identify_trending_etfs" in line]
    assert len(said) == 1, run.page["note"]
    assert "SPY" in said[0]
    assert "doubt" in said[0]
    [(told,)] = stack.rows(f"{FAILED} AND closed_at IS NULL")
    assert told.startswith(f"{CONTROLLER}, stage_3_trending_etfs.identify_trending_etfs, {SPARK_FAILS}: "), told
    assert "SPY" in told
    assert stack.rows(f"SELECT count(*) FROM analytics_03_trending_etfs WHERE as_of_date = '{SPARK_FAILS}'") == [(0,)]
    assert stack.rows(f"SELECT count(*) FROM analytics_portfolios WHERE as_of_date = '{SPARK_FAILS}'") == [(0,)]

    # Mended a day later: what is cleared keeps its session.
    stack.as_superuser(f"UPDATE {bars} SET doubt = NULL, doubt_value = NULL WHERE {newest}")
    stack.control("POST", "clock", json={"now": f"{KILLED_SCHEDULER}T22:00:00Z"})
    run.clear("identify_trending_etfs")
    states = run.states_at_the_end()
    assert states["run"] == "success", (states, run.page["note"])
    assert states.pop("collect_holdings") == "skipped"  # by now the source knows another day's lists
    assert {states[name] for name in states.keys() & {"identify_trending_etfs", *DOWNSTREAM_OF_TRENDING}} == {"success"}
    eventually(lambda: run.page["note"], lambda note: "identify_trending_etfs failed (mended): " in note, seconds=60)
    eventually(lambda: stack.rows(f"{FAILED} AND closed_at IS NULL"), lambda open_ones: not open_ones, seconds=60)
    assert stack.rows(FAILED) == [(told,)]
    assert run.session == SPARK_FAILS
    assert stack.rows(f"SELECT count(*) FROM analytics_portfolios WHERE as_of_date = '{SPARK_FAILS}'") == [(3,)]


# -- kills -----------------------------------------------------------------------------------------------------------


def test_a_killed_scheduler_is_started_again_and_the_run_ends_whole(stack: Stack, alone: Evening) -> None:
    evening(stack, KILLED_SCHEDULER)
    run = stack.trigger(CONTROLLER)
    run.await_task("identify_trending_etfs", "running")
    scheduler = stack.process("airflow-scheduler")
    workers = scheduler.children(recursive=True)
    scheduler.send_signal(signal.SIGKILL)
    states = run.states_at_the_end(900)
    assert states["run"] == "success", (states, run.page["note"])
    assert set(states.values()) <= {"success", "skipped"}, states
    assert_whole(stack, KILLED_SCHEDULER)
    # What it left behind is gone, too: nothing that still takes memory, or could take a task twice.
    eventually(lambda: [left for left in workers if left.is_running()], lambda left: not left, seconds=120)


def test_a_killed_task_and_a_killed_worker_are_tried_again(stack: Stack, alone: Evening) -> None:
    evening(stack, KILLED_WORKER)
    run = stack.trigger(CONTROLLER)
    run.await_task("identify_trending_etfs", "running")
    program = _program(stack, "spark_01_trending_etf_identifier.py")
    program.parents()[0].send_signal(signal.SIGKILL)
    run.await_task("identify_trending_etfs", "success", "skipped", "failed", seconds=900)
    assert run.tasks()["identify_trending_etfs"]["state"] in {"success", "skipped"}, run.page["note"]

    run.await_task("allocate_portfolios", "running")
    program = _program(stack, "spark_02_active_stock_allocator.py")
    task, worker = program.parents()[:2]
    assert worker.ppid() == stack.process("airflow-scheduler").pid, worker.cmdline()
    worker.send_signal(signal.SIGKILL)
    states = run.states_at_the_end(1500)
    assert states["run"] == "success", (states, run.page["note"])
    assert_whole(stack, KILLED_WORKER)
    assert not task.is_running()


def _program(stack: Stack, name: str) -> psutil.Process:
    """The process of a program that a task runs."""

    def find() -> list[psutil.Process]:
        scheduler = stack.process("airflow-scheduler")
        return [
            process
            for process in scheduler.children(recursive=True)
            if any(part.endswith(name) for part in process.cmdline()) and process.name().startswith("python")
        ]

    return eventually(find, bool, seconds=60, pause=0.2)[0]


# -- both ways, restarts, pauses -------------------------------------------------------------------------------------


def test_controller_and_single_dags_at_once_do_no_work_twice(stack: Stack, alone: Evening) -> None:
    evening(stack, BOTH_WAYS)
    runs = [stack.queue(dag_id) for dag_id in (CONTROLLER, *DAILY)]
    for dag_id in (CONTROLLER, *DAILY):
        stack.set_paused(dag_id, paused=False)
    for run in runs:
        states = run.states_at_the_end(900)
        assert states["run"] == "success", (run.dag_id, states, run.page["note"])
        assert set(states.values()) <= {"success", "skipped"}, (run.dag_id, states)
        assert run.session == BOTH_WAYS
    assert_whole(stack, BOTH_WAYS)
    asked = requests(stack)
    once = {path: count for path, count in asked.items() if count > max(1, alone.requests[path])}
    assert once == {}, (once, alone.requests)


def test_a_restart_of_everything_in_the_middle_of_a_run(stack: Stack, alone: Evening) -> None:
    evening(stack, RESTARTED)
    run = stack.trigger(CONTROLLER)
    run.await_task("collect_holdings", "running", "success")
    again(stack)
    states = run.states_at_the_end(900)
    assert states["run"] == "success", (states, run.page["note"])
    assert set(states.values()) <= {"success", "skipped"}, states
    assert run.session == RESTARTED
    assert_whole(stack, RESTARTED)


def test_what_waits_for_a_paused_dag_gives_up_by_name_or_goes_on(stack: Stack, alone: Evening) -> None:
    evening(stack, PAUSED_CHILD)
    again(stack, PIPELINE_GIVE_UP_MINUTES="2")
    waits = stack.queue(BENCHMARKS)
    run = stack.trigger(TRENDING)
    run.await_task("wait_for_results", "up_for_reschedule")
    assert stack.airflow("GET", "/pools/default_pool")["occupied_slots"] == 0
    states = run.states_at_the_end()
    assert states == {
        "run": "failed",
        "resolve_session": "success",
        "wait_for_results": "failed",
        "identify_trending_etfs": "upstream_failed",
    }
    assert "benchmark_etf_bars, sector_etf_bars" in run.page["note"]
    assert run.tasks()["wait_for_results"]["try_number"] == 1  # giving up is no failure to be tried again

    run = stack.trigger(TRENDING)
    run.await_task("wait_for_results", "up_for_reschedule")
    stack.set_paused(BENCHMARKS, paused=False)
    other = stack.trigger(SECTORS)
    assert {waits.end(), other.end(), run.end()} == {"success"}, run.page["note"]
    assert run.states()["identify_trending_etfs"] == "success"
    again(stack, PIPELINE_GIVE_UP_MINUTES="30")


def again(stack: Stack, **settings: str) -> None:
    """Everything stopped and started, the market's clock where it was."""
    stack.restarted(*stack.arguments[:2], **settings)


# -- every DAG -------------------------------------------------------------------------------------------------------


def test_every_dag_ends_in_success_on_the_last_sunday_of_a_month(stack: Stack, alone: Evening) -> None:
    stack.rest()
    stack.control("POST", "clock", json={"now": f"{SUNDAY}T15:00:00Z"})
    links: dict[str, str] = {}
    for dag_id, conf in [*((dag_id, {}) for dag_id in (*DAILY, *OTHERS, MAINTENANCE)), (CONTROLLER, {"force": True})]:
        run = stack.trigger(dag_id, **conf)
        states = run.states_at_the_end()
        if dag_id.startswith("08"):  # what is bought on Monday has no performance on Sunday
            assert states.pop("measure_performance") == "skipped"
        assert set(states.values()) == {"success"}, (dag_id, states, run.page["note"])
        assert run.page["note"] is None, (dag_id, run.page["note"])
        if dag_id != MAINTENANCE:
            expected = SUNDAY if dag_id.startswith("08") else BEFORE_SUNDAY
            assert run.session == expected, dag_id
        links |= _links(stack, run)
    assert stack.airflow("GET", "/importErrors")["total_entries"] == 0

    dashboard = f"http://127.0.0.1:{stack.settings['DASHBOARD_PORT']}"
    assert links == {task: f"{dashboard}{page}" for task, page in PAGES.items()}

    events = stack.airflow("GET", "/assets/events", params={"limit": 1000})["asset_events"]
    assert {event["name"] for event in events} == {
        "collected_01_daily_etf_ohlc",
        "collected_04_etf_holdings",
        "collected_06_daily_stock_history",
        "analytics_03_trending_etfs",
        "analytics_05_portfolio_allocation",
        "analytics_08_monthly_portfolio",
        "analytics_09_etf_top_holdings",
        "analytics_portfolio_performance",
        "analytics_sector_trending",
    }
    assert {event["source_dag_id"] for event in events} == {CONTROLLER, *DAILY, *OTHERS}


PAGES = {
    "collect_benchmark_etfs": f"/etfs?date={BEFORE_SUNDAY}",
    "collect_sector_etfs": f"/etfs?date={BEFORE_SUNDAY}",
    "identify_trending_etfs": f"/etfs?date={BEFORE_SUNDAY}",
    "collect_holdings": f"/etfs?date={BEFORE_SUNDAY}",
    "collect_stocks": "/pipeline",
    "allocate_portfolios": f"/?date={BEFORE_SUNDAY}",
    "measure_performance": "/performance",
    "collect_known_stocks": "/pipeline",
    "collect_all_holdings": "/etfs?panel=holdings",
    "rebalance_month": f"/?period=monthly&date={SUNDAY}",
    "analyse_top_holdings": f"/etfs?date={BEFORE_SUNDAY}&panel=top",
    "analyse_months_and_sectors": "/sectors",
    "back_up": "/pipeline?tab=quality",
    "delete_old": "/pipeline?tab=quality",
    "check_data": "/pipeline?tab=quality",
}
"""Where the dashboard shows what each task made."""


def _links(stack: Stack, run: DagRun) -> dict[str, str]:
    """Where the tasks of a run lead: those that start a program, by short name."""
    found = {}
    for name, task in run.tasks().items():
        links = stack.airflow("GET", f"{run.path}/taskInstances/{task['task_id']}/links")["extra_links"]
        if not name.startswith(("resolve", "wait")):
            found[name] = links["Dashboard"]
    return found


# -- the past --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"as_of_date": "2025-11-27"}, "2025-11-27 is not a session of the New York Stock Exchange"),
        ({"from_date": "2025-11-01"}, "2025-11-01 is not a session of the New York Stock Exchange"),
        ({"as_of_date": "2026-12-01"}, "2026-12-01 has not closed yet: the last closed session is "),
    ],
)
def test_a_day_that_cannot_be_is_skipped_with_the_reason_on_its_page(
    stack: Stack, alone: Evening, asked: dict[str, str], reason: str
) -> None:
    run = stack.trigger(TRENDING, **asked)
    states = run.states_at_the_end()
    assert (states.pop("run"), states.pop("resolve_session")) == ("success", "success")
    assert set(states.values()) == {"skipped"}
    assert run.page["note"].startswith(f"Nothing was run: {reason}")
    assert run.session is None


def test_what_is_no_date_is_refused_when_it_is_triggered(stack: Stack, alone: Evening) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        stack.queue(TRENDING, as_of_date="soon")
    assert refused.value.response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}


def test_a_past_session_without_runs_of_its_own_can_be_asked_for(stack: Stack, alone: Evening) -> None:
    stack.rest()
    for dag_id, skipped in ((TRENDING, set()), (HOLDINGS, {"collect_holdings"}), (ALLOCATION, set())):
        run = stack.trigger(dag_id, as_of_date=f"{PAST}")
        states = run.states_at_the_end(300)  # waits for nothing that can't come
        assert states["run"] == "success", (dag_id, states, run.page["note"])
        assert {name for name, state in states.items() if state == "skipped"} == skipped, (dag_id, states)
        assert run.session == PAST
    headers = f"SELECT strategy, origin FROM analytics_portfolios WHERE as_of_date = '{PAST}' ORDER BY 1"
    assert stack.rows(headers) == [("10d", "simulated"), ("20d", "simulated"), ("5d", "simulated")]
    lists = f"SELECT status, usable, error FROM process_executions WHERE as_of_date = '{PAST}' AND process = '{LISTS}'"
    lacking = f"holdings of {PAST} can't be had: the source knows today's only"
    assert stack.rows(lists) == [("partial", True, lacking)]

    states = stack.trigger(CONTROLLER, as_of_date=f"{PAST}", force=True).states_at_the_end()
    # The first list is of a later day: there is no stock to ask for.
    assert {name for name, state in states.items() if state == "skipped"} == {"collect_holdings", "collect_stocks"}
    assert set(states.values()) == {"success", "skipped"}, states


def test_a_backfill_computes_the_session_of_each_scheduled_time(stack: Stack, alone: Evening) -> None:
    """21:30 UTC is after the close in New York: each of the three runs is for its own day."""
    stack.rest()
    days = [date(2025, 12, 10), date(2025, 12, 11), date(2025, 12, 12)]
    body = {
        "dag_id": CONTROLLER,
        "from_date": f"{days[0]}T00:00:00Z",
        "to_date": f"{days[-1]}T23:59:59Z",
        "max_active_runs": 1,
    }
    stack.set_paused(CONTROLLER, paused=False)
    backfill = stack.airflow("POST", "/backfills", json=body)["id"]
    eventually(
        lambda: stack.airflow("GET", f"/backfills/{backfill}")["completed_at"], lambda at: at is not None, seconds=1200
    )
    runs = dag_runs(stack, [page for page in stack.runs_of(CONTROLLER) if page["run_type"] == "backfill"])
    assert [run.session for run in runs] == days
    assert [run.page["state"] for run in runs] == ["success"] * 3, [run.page["note"] for run in runs]


def test_three_days_down_are_made_up_by_the_next_scheduled_run(stack: Stack, alone: Evening) -> None:
    evening(stack, LAST_DAY_UP)
    run = stack.trigger(CONTROLLER)
    assert run.end() == "success"
    eventually(
        lambda: [page for page in stack.runs_of(CONTROLLER) if page["state"] not in FINISHED],
        lambda unfinished: not unfinished,
        seconds=300,
    )
    known = {f"{page['dag_run_id']}{MOVED}" for page in stack.runs_of(CONTROLLER)}
    _as_if_days_had_passed(stack, 4)
    stack.restarted(*stack.arguments[:2], "--now", f"{MISSED[-1]}T22:00:00Z")

    def by_itself() -> list[dict[str, object]]:
        return [page for page in stack.runs_of(CONTROLLER) if page["dag_run_id"] not in known]

    # The slot that was next when Airflow went down, and the newest one: not those between.
    eventually(by_itself, lambda pages: bool(pages) and all(page["state"] in FINISHED for page in pages), seconds=1200)
    made_up = dag_runs(stack, by_itself())
    assert 1 <= len(made_up) <= 2
    for run in made_up:
        assert (run.page["run_type"], run.page["state"]) == ("scheduled", "success"), (run.states(), run.page["note"])
        assert run.session == MISSED[-1]
    span = f"BETWEEN '{MISSED[0]}' AND '{MISSED[-1]}'"

    def a_session(table: str, day: str = "as_of_date", which: str = "true") -> list[tuple[date, int]]:
        query = f"SELECT {day}, count(*) FROM {table} WHERE {day} {span} AND {which} GROUP BY 1 ORDER BY 1"
        return [(session, count) for session, count in stack.rows(query)]

    assert a_session("analytics_03_trending_etfs") == [(session, 45) for session in MISSED]
    assert a_session("analytics_portfolios", which="strategy <> 'monthly'") == [(session, 3) for session in MISSED]
    assert a_session("collected_01_daily_etf_ohlc", "trade_date") == [(session, len(ETFS)) for session in MISSED]
    origins = f"SELECT DISTINCT as_of_date, origin FROM analytics_portfolios WHERE as_of_date {span} ORDER BY 1"
    assert stack.rows(origins) == [(MISSED[0], "simulated"), (MISSED[1], "simulated"), (MISSED[2], "live")]

    # One that was made up has results and no run of its own: what is asked for it waits for nothing.
    run = stack.trigger(ALLOCATION, as_of_date=f"{MISSED[0]}")
    states = run.states_at_the_end(300)
    assert set(states.values()) == {"success"}, (states, run.page["note"])


MOVED = "-moved"
RENAME_RUNS = f"""
DO $$
DECLARE named text;
BEGIN
    SET LOCAL session_replication_role = replica;  -- tables refer to each other by these ids
    FOR named IN
        SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'
        GROUP BY 1 HAVING array_agg(column_name::text) @> ARRAY['dag_id', 'run_id']
    LOOP
        EXECUTE format('UPDATE %I SET run_id = run_id || %L WHERE dag_id = %L', named, '{MOVED}', '{CONTROLLER}');
    END LOOP;
END $$"""


def _as_if_days_had_passed(stack: Stack, days: int) -> None:
    """Move what the stopped Airflow knows of the controller into the past.

    Its schedule is wall time, which a test can't move: instead of now being later, all that was is earlier. The next
    run is worked out from the last scheduled one's dates when the DAG's file is read; the others are what an operator
    sees. Run ids hold the old dates, and are of no run to come: Airflow's scheduler ends at one that is there.
    """
    alone = stack.restarted(*stack.arguments[:2], "--only", "postgres")
    interval = "data_interval_start data_interval_end"
    for table, columns in (
        ("dag_run", f"logical_date run_after queued_at start_date end_date {interval}"),
        ("dag", "next_dagrun next_dagrun_create_after next_dagrun_data_interval_start next_dagrun_data_interval_end"),
    ):
        moved = ", ".join(f"{column} = {column} - interval '{days} days'" for column in columns.split())
        alone.as_superuser(f"UPDATE {table} SET {moved} WHERE dag_id = '{CONTROLLER}'", "airflow")
    alone.as_superuser(RENAME_RUNS, "airflow")
