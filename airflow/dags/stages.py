"""The stages, defined once; used by their own DAGs and, the daily five, by the controller (contracts 2)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, Param, TaskGroup, chain
from alerts import run_failed, run_succeeded, task_failed
from notes import note_end, note_failure, note_mended
from programs import (
    GapSensor,
    Program,
    ResolveDate,
    ResultsSensor,
    months,
    nothing,
    rebalances,
    session,
    sessions,
    today_unless_asked,
)

from config.settings import PipelineSettings, PlatformSettings, load

# Tables as the UI's lineage shows them: from bars to portfolio.
ETF_BARS = Asset("collected_01_daily_etf_ohlc")
TRENDING = Asset("analytics_03_trending_etfs")
HOLDINGS = Asset("collected_04_etf_holdings")
STOCKS = Asset("collected_06_daily_stock_history")
PORTFOLIOS = Asset("analytics_05_portfolio_allocation")
MONTHLY = Asset("analytics_08_monthly_portfolio")
PERFORMANCE = Asset("analytics_portfolio_performance")
TOP_HOLDINGS = Asset("analytics_09_etf_top_holdings")
SECTORS = Asset("analytics_sector_trending")


def _date(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


_SESSION = _date("Session", "The session to compute, YYYY-MM-DD. Empty: the last closed one.")
_SUNDAY = _date("Rebalance date", "The last Sunday of a month, YYYY-MM-DD. Empty: the run's own day.")
_FROM = _date("From", "First session of a range up to the date above, all of it anew. Empty: that date alone.")
_FROM_DAY = _date("From", "First day of a range up to the date above, all months of it anew. Empty: that date alone.")
_FORCE = Param(False, type="boolean", title="Force", description="Also when it is already complete.")

SESSION = {"as_of_date": _SESSION, "force": _FORCE}
SESSIONS = {"as_of_date": _SESSION, "from_date": _FROM, "force": _FORCE}
SUNDAYS = {"as_of_date": _SUNDAY, "from_date": _FROM_DAY, "force": _FORCE}


def dag_arguments(params: dict[str, Param]) -> dict[str, Any]:
    """What all DAGs have in common; `params` is what an operator may ask for when triggering one."""
    settings = load(PipelineSettings)
    return {
        "catchup": False,
        "max_active_runs": 1,
        "start_date": datetime(2024, 1, 1, tzinfo=UTC),
        "dagrun_timeout": timedelta(minutes=settings.give_up_minutes + 2 * settings.stage_gap_minutes, hours=2),
        "params": params,
        "default_args": {
            "owner": "actstock",
            "retries": 3,
            "retry_delay": timedelta(seconds=settings.retry_seconds),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=20),
            "on_failure_callback": [note_failure, task_failed],  # there are seconds for both, and ours may be away
        },
        "on_failure_callback": [run_failed, note_end],
        "on_success_callback": [run_succeeded, note_mended],
    }


# -- which date ------------------------------------------------------------------------------------------------------


def resolve_session() -> ResolveDate:
    """The last session that had closed when the run was due, or the one asked for."""
    return ResolveDate(task_id="resolve_session", decide=_session, doc_md="Which session this run describes")


def resolve_session_of_last_sunday() -> ResolveDate:
    """The same, and nothing to run unless the run's day is the last Sunday of a month."""
    return ResolveDate(
        task_id="resolve_session", decide=_session_of_last_sunday, doc_md="Is it the last Sunday? Which session?"
    )


def resolve_rebalance_date() -> ResolveDate:
    """The last Sunday that a monthly portfolio is made for."""
    return ResolveDate(task_id="resolve_rebalance_date", decide=_rebalance_date, doc_md="Is it the last Sunday?")


def _date_of(params: Any, name: str) -> date | None:
    return date.fromisoformat(params[name]) if params.get(name) else None


def _session(run_after: datetime, params: Any) -> date:
    # The calendar is heavy; a DAG file is parsed all the time.
    from utils.clock import platform_now  # noqa: PLC0415
    from utils.run_dates import refuse_first_session, session_of_run  # noqa: PLC0415

    settings = load(PlatformSettings)
    as_of_date = session_of_run(
        run_after=run_after,
        now=platform_now(settings),
        asked=_date_of(params, "as_of_date"),
        settle_minutes=settings.settle_minutes,
    )
    first = _date_of(params, "from_date")
    if first is not None:
        refuse_first_session(first, as_of_date)
    return as_of_date


def _session_of_last_sunday(run_after: datetime, params: Any) -> date:
    from utils.clock import platform_now  # noqa: PLC0415
    from utils.run_dates import refuse_other_days  # noqa: PLC0415

    if not params["as_of_date"] and not params["force"]:
        refuse_other_days(min(run_after, platform_now()).date())
    return _session(run_after, params)


def _rebalance_date(run_after: datetime, params: Any) -> date:
    from utils.clock import platform_now  # noqa: PLC0415
    from utils.run_dates import rebalance_of_run, refuse_no_sundays  # noqa: PLC0415

    rebalance_date = rebalance_of_run(
        run_after=run_after, now=platform_now(), asked=_date_of(params, "as_of_date"), force=params["force"]
    )
    first = _date_of(params, "from_date")
    if first is not None:
        refuse_no_sundays(first, rebalance_date)
    return rebalance_date


# -- stages 1 to 5 ---------------------------------------------------------------------------------------------------


def benchmark_bars() -> TaskGroup:
    """Stage 1: bars of the benchmark group."""
    with TaskGroup("stage_1_benchmark_bars") as group:
        _etf_bars("collect_benchmark_etfs", "benchmark", "Bars of the benchmark group")
    return group


def sector_bars() -> TaskGroup:
    """Stage 2: bars of the sector group."""
    with TaskGroup("stage_2_sector_bars") as group:
        _etf_bars("collect_sector_etfs", "sector", "Bars of the sector group")
    return group


def trending_analysis() -> TaskGroup:
    """Stage 3: which ETFs beat SPY (rules 3)."""
    with TaskGroup("stage_3_trending_etfs") as group:
        _analyse(
            "identify_trending_etfs",
            "batch/spark_01_trending_etf_identifier.py",
            page="/etfs?date={date}",
            reads=[ETF_BARS],
            writes=[TRENDING],
            doc="Returns against SPY over 5, 10 and 20 sessions",
        )
    return group


def trending_holdings() -> TaskGroup:
    """Stage 4: holdings of the trending ETFs; bars, caps and profiles of their largest; exchange rates (rules 3)."""
    with TaskGroup("stage_4_trending_holdings") as group:
        lists = _collect(
            "collect_holdings",
            "collector/kafka_03_producer_trending_etf_holdings.py",
            page="/etfs?date={date}",
            reads=[TRENDING],
            writes=[HOLDINGS],
            doc="Lists of the ETFs that trend in any period",
        )
        stocks = _collect(
            "collect_stocks",
            "collector/kafka_04_producer_stock_daily.py",
            "--scope",
            "needed",
            reads=[HOLDINGS],
            writes=[STOCKS],
            doc="Bars, market caps and profiles of their five largest, and of what is held",
        )
        lists >> stocks
    return group


def portfolio_allocation() -> TaskGroup:
    """Stage 5: the 5/10/20-session portfolios (rules 4), and what following them would have earned (rules 8)."""
    with TaskGroup("stage_5_portfolios") as group:
        allocated = _analyse(
            "allocate_portfolios",
            "batch/spark_02_active_stock_allocator.py",
            page="/?date={date}",
            reads=[TRENDING, HOLDINGS, STOCKS],
            writes=[PORTFOLIOS],
            doc="The best holding of each trending ETF, by return over size",
        )
        allocated >> _performance(dated=sessions)
    return group


# -- what the other DAGs do ------------------------------------------------------------------------------------------


def known_stocks() -> Program:
    """Bars of every stock in any known holding (DAGs 06, 07, 09)."""
    return _collect(
        "collect_known_stocks",
        "collector/kafka_04_producer_stock_daily.py",
        "--scope",
        "known",
        reads=[HOLDINGS],
        writes=[STOCKS],
        doc="Bars of every known holding, profiles of new ones, exchange rates",
    )


def all_holdings() -> Program:
    """The lists of all ETFs (DAG 07)."""
    return _collect(
        "collect_all_holdings",
        "collector/kafka_02_producer_etf_holdings.py",
        dated=today_unless_asked,
        page="/etfs?panel=holdings",
        writes=[HOLDINGS],
        doc="Lists of all ETFs, dated by the day",
    )


def monthly_rebalance() -> TaskGroup:
    """The monthly portfolio (rules 5), then its performance (DAG 08)."""
    with TaskGroup("monthly_portfolio") as group:
        rebalanced = _analyse(
            "rebalance_month",
            "batch/spark_04_monthly_portfolio_rebalancer.py",
            dated=rebalances,
            page="/?period=monthly&date={date}",
            reads=[PORTFOLIOS],
            writes=[MONTHLY],
            doc="The three portfolios merged by rank",
        )
        # A rebalance date is no session: performance reaches to the newest one.
        rebalanced >> _performance(dated=nothing)
    return group


def top_holdings_analysis() -> TaskGroup:
    """Top holdings, concentration, overlap (rules 6); months and sectors (rules 7) (DAG 09)."""
    with TaskGroup("holdings_and_months") as group:
        analysed = _analyse(
            "analyse_top_holdings",
            "batch/spark_03_etf_top_holdings.py",
            page="/etfs?date={date}&panel=top",
            reads=[HOLDINGS, STOCKS],
            writes=[TOP_HOLDINGS],
            doc="The five best holdings of each ETF, concentration and overlap",
        )
        analysed >> _analyse(
            "analyse_months_and_sectors",
            "batch/batch_monthly_sector_analyzer.py",
            dated=months,
            page="/sectors",
            reads=[ETF_BARS, STOCKS],
            writes=[SECTORS],
            doc="How each ETF, sector and stock did in the month",
        )
    return group


# -- maintenance -----------------------------------------------------------------------------------------------------


def back_up() -> Program:
    """A backup of the database, with the newest few kept."""
    return _maintain("back_up", "database/backup.py", "A backup of the database, whole or not there")


def delete_old() -> Program:
    """What only grows and is no result goes when it is old; then the tables are vacuumed."""
    return _maintain("delete_old", "database/retention.py", "Old runs and logs go; results never do")


def check_data() -> Program:
    """The data check: what looks wrong becomes a finding."""
    return _maintain("check_data", "database/check_data.py", "Holes, sums, stale lists: findings by name")


# -- building blocks -------------------------------------------------------------------------------------------------


def _etf_bars(task_id: str, group: str, doc: str) -> Program:
    program = "collector/kafka_01_producer_etf_daily.py"
    return _collect(task_id, program, "--group", group, page="/etfs?date={date}", writes=[ETF_BARS], doc=doc)


def _performance(dated: Any) -> Program:
    return _analyse(
        "measure_performance",
        "batch/spark_05_portfolio_performance.py",
        dated=dated,
        page="/performance",
        reads=[PORTFOLIOS, STOCKS],
        writes=[PERFORMANCE],
        doc="What following the published portfolios would have earned",
    )


def _collect(task_id: str, program: str, *arguments: str, dated: Any = session, **given: Any) -> Program:
    return _program(task_id, program, arguments, pool="yahoo", dated=dated, **given)


def _analyse(task_id: str, program: str, *, dated: Any = sessions, **given: Any) -> Program:
    return _program(task_id, program, (), pool="spark", dated=dated, **given)


def _maintain(task_id: str, program: str, doc: str) -> Program:
    return _program(task_id, program, (), pool="default_pool", dated=nothing, page="/pipeline?tab=quality", doc=doc)


def _program(
    task_id: str,
    program: str,
    arguments: tuple[str, ...],
    *,
    pool: str,
    doc: str,
    reads: Sequence[Asset] = (),
    writes: Sequence[Asset] = (),
    **given: Any,
) -> Program:
    return Program(
        task_id=task_id,
        program=program,
        arguments=arguments,
        pool=pool,
        inlets=list(reads),
        outlets=list(writes),
        trigger_rule="none_failed",  # a program that had nothing to do is skipped, and counts as done (contracts 2)
        execution_timeout=timedelta(hours=3),
        doc_md=doc,
        **given,
    )


def wait_for(*processes: str) -> ResultsSensor:
    """What a stage of its own DAG needs of others: their usable results for this session, not a clock."""
    settings = load(PipelineSettings)
    return ResultsSensor(
        task_id="wait_for_results",
        processes=processes,
        poke_interval=settings.poke_seconds,
        timeout=settings.give_up_minutes * 60,
        doc_md=f"Waits for usable results of {', '.join(processes)}",
    )


def gap_after(process: str, task_id: str) -> list[GapSensor]:
    """The pause the controller makes after a stage; none when the setting is 0."""
    settings = load(PipelineSettings)
    if settings.stage_gap_minutes == 0:
        return []
    gap = GapSensor(
        task_id=task_id,
        process=process,
        minutes=settings.stage_gap_minutes,
        poke_interval=settings.poke_seconds,
        timeout=(settings.give_up_minutes + settings.stage_gap_minutes) * 60,
        trigger_rule="none_failed",
        doc_md=f"Waits until {settings.stage_gap_minutes} minutes after {process}",
    )
    return [gap]


def in_order(*steps: Any) -> None:
    """Each step after the one before; empty lists are left out."""
    present = [step for step in steps if step != []]
    chain(*present)
