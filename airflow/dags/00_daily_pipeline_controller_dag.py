"""# 00 · Daily pipeline

**What** Stages 1 to 5 in order, for one session: ETF bars, who beats SPY, their holdings and stocks, the three
portfolios and their performance.

**When** 21:30 UTC, Monday to Friday, for the last session that closed at least 20 minutes before. On a holiday it
repairs the session before.

**Needs** the source (Yahoo), Kafka and its three consumers, PostgreSQL, Spark.

**Writes** everything of stages 1 to 5; the dashboard's portfolio page shows it.

**If a task is skipped** its stage was already complete for the session: nothing to do.

**If it fails** open the failed task: its last log line says what broke and names tickers. *Rate limit* or *no
answer*: the task comes again by itself; after the deadline, clear it later. *SPY has no bar*: clear stage 1. Then
clear the failed task with everything downstream: the session stays the one of this run.

**Again for a past day** trigger with `as_of_date`. Holdings and market caps are those known today or stored then.
`force` does the stages again although they are complete.
"""

from airflow.sdk import DAG
from stages import (
    SESSION,
    benchmark_bars,
    dag_arguments,
    gap_after,
    in_order,
    portfolio_allocation,
    resolve_session,
    sector_bars,
    trending_analysis,
    trending_holdings,
)

from config.settings import CONTROLLER

with DAG(
    CONTROLLER,
    schedule="30 21 * * 1-5",
    doc_md=__doc__,
    description="Stages 1 to 5 in order, for the last closed session",
    tags=["daily", "controller"],
    **dag_arguments(SESSION),
):
    in_order(
        resolve_session(),
        benchmark_bars(),
        gap_after("benchmark_etf_bars", "gap_after_stage_1"),
        sector_bars(),
        trending_analysis(),
        gap_after("trending_etfs", "gap_after_stage_3"),
        trending_holdings(),
        portfolio_allocation(),
    )
