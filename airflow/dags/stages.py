"""The five daily stages, defined once; used by their own DAGs and by the controller (contracts 2)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import Param, TaskGroup, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from programs import GapSensor, Program, ResultsSensor, dag_run_key

from config.settings import DatabaseSettings, PipelineSettings, load

POKE_SECONDS = 30  # shorter ones make sensors fail: an event of one try may come after the next is queued
GIVE_UP = timedelta(hours=6)

DAILY: dict[str, Any] = {
    "catchup": False,
    "max_active_runs": 1,
    "start_date": datetime(2024, 1, 1, tzinfo=UTC),
    "dagrun_timeout": timedelta(hours=8),
    "default_args": {
        "owner": "actstock",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=20),
    },
    "params": {
        "as_of_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Session",
            description="The session to compute, YYYY-MM-DD. Empty: the last closed one.",
        )
    },
}


@task(task_id="resolve_session")
def resolve_session() -> str:
    """Which session this run describes (rules 1): decided once, kept by retries and clears."""
    # The calendar and the driver are heavy; a DAG file is parsed all the time.
    from database.connection import connect  # noqa: PLC0415
    from database.pipeline import resolve  # noqa: PLC0415
    from utils.clock import NotAClosedSession, closed_session, newest_session, platform_now  # noqa: PLC0415

    context: Any = get_current_context()
    newest = newest_session(min(context["dag_run"].run_after, platform_now()))
    asked = context["params"]["as_of_date"]
    try:
        session = closed_session(date.fromisoformat(asked), newest) if asked else newest
    except (ValueError, NotAClosedSession) as error:
        raise AirflowFailException(f"as_of_date {asked}: {error}") from error
    with connect(load(DatabaseSettings)) as connection:
        return resolve(connection, dag_run_key(context), session).isoformat()


def _program(task_id: str, program: str, *arguments: str, pool: str, doc: str) -> Program:
    # An upstream program that had nothing to do is skipped, and counts as done (contracts 2).
    return Program(
        task_id=task_id, program=program, arguments=arguments, pool=pool, trigger_rule="none_failed", doc_md=doc
    )


def benchmark_bars() -> TaskGroup:
    """Stage 1: bars of the benchmark ETFs."""
    with TaskGroup("stage_1_benchmark_bars") as group:
        program = "collector/kafka_01_producer_etf_daily.py"
        _program("collect_benchmark_etfs", program, "--group", "benchmark", pool="yahoo", doc="Bars of SPY and others")
    return group


def sector_bars() -> TaskGroup:
    """Stage 2: bars of the sector ETFs."""
    with TaskGroup("stage_2_sector_bars") as group:
        program = "collector/kafka_01_producer_etf_daily.py"
        _program("collect_sector_etfs", program, "--group", "sector", pool="yahoo", doc="Bars of QQQ and the XL… funds")
    return group


def trending_analysis() -> TaskGroup:
    """Stage 3: which ETFs beat SPY (rules 3)."""
    with TaskGroup("stage_3_trending_etfs") as group:
        program = "batch/spark_01_trending_etf_identifier.py"
        _program("identify_trending_etfs", program, pool="spark", doc="Returns against SPY over 5, 10, 20 sessions")
    return group


def trending_holdings() -> TaskGroup:
    """Stage 4: holdings of the trending ETFs; bars, caps and profiles of their largest; exchange rates (rules 3)."""
    with TaskGroup("stage_4_trending_holdings") as group:
        lists = _program(
            "collect_holdings",
            "collector/kafka_03_producer_trending_etf_holdings.py",
            pool="yahoo",
            doc="Lists of the ETFs that trend in any period",
        )
        stocks = _program(
            "collect_stocks",
            "collector/kafka_04_producer_stock_daily.py",
            "--scope",
            "needed",
            pool="yahoo",
            doc="Bars, market caps and profiles of their five largest, and of what is held",
        )
        lists >> stocks
    return group


def portfolio_allocation() -> TaskGroup:
    """Stage 5: the 5/10/20-session portfolios (rules 4)."""
    with TaskGroup("stage_5_portfolios") as group:
        program = "batch/spark_02_active_stock_allocator.py"
        _program("allocate_portfolios", program, pool="spark", doc="The best holding of each trending ETF, by weight")
    return group


def wait_for(*processes: str) -> ResultsSensor:
    """What a stage of its own DAG needs of others: their usable results for this session, not a clock."""
    return ResultsSensor(
        task_id="wait_for_results",
        processes=processes,
        poke_interval=POKE_SECONDS,
        timeout=GIVE_UP.total_seconds(),
    )


def gap_after(process: str, task_id: str) -> list[GapSensor]:
    """The pause the controller makes after a stage; none when the setting is 0."""
    minutes = load(PipelineSettings).stage_gap_minutes
    if minutes == 0:
        return []
    gap = GapSensor(
        task_id=task_id,
        process=process,
        minutes=minutes,
        poke_interval=POKE_SECONDS,
        timeout=GIVE_UP.total_seconds(),
        trigger_rule="none_failed",
    )
    return [gap]


def in_order(*steps: Any) -> None:
    """Each step after the one before; empty lists are left out."""
    present = [step for step in steps if step != []]
    chain(*present)
