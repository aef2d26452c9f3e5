"""# 03 · Trending ETFs

**What** Which ETFs beat SPY over 5, 10 and 20 sessions, and rose.

**When** 11:00 UTC, Monday to Friday. **Needs** usable results of stages 1 and 2 for the session: it waits for them
and gives up after six hours with the names of what is missing. **Writes** `analytics_03_trending_etfs`.

**If it fails** "SPY has no bar" or "is in doubt": run 01, then clear this run. Anything else: the last log line names
the ticker and the session. Nothing is half-written: a session's rows are replaced together.

**Again for a past day** trigger with `as_of_date`; `from_date` computes every session from there on anew. Sessions of
the last 20 without a result are made up by themselves. `force` computes what is complete and unchanged.
"""

from airflow.sdk import DAG
from stages import SESSIONS, dag_arguments, in_order, resolve_session, trending_analysis, wait_for

with DAG(
    "03_daily_trending_etf_analysis_dag",
    schedule="0 11 * * 1-5",
    doc_md=__doc__,
    description="Which ETFs beat SPY",
    tags=["daily", "analyse"],
    **dag_arguments(SESSIONS),
):
    in_order(resolve_session(), wait_for("benchmark_etf_bars", "sector_etf_bars"), trending_analysis())
