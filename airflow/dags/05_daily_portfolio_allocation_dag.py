"""# 05 · Portfolios

**What** The 5, 10 and 20-session portfolios: the best rising holding of each trending ETF, weighted by return over
size. Then what following the published ones would have earned.

**When** 13:00 UTC, Monday to Friday. **Needs** usable results of stages 3 and 4 for the session. **Writes**
`analytics_portfolios`, `analytics_05_portfolio_allocation`, `analytics_05_candidates`,
`analytics_portfolio_performance`.

**If it fails** the last log line says why; the portfolios of the session before stay readable, with their own date.
An empty portfolio is a result, not a failure. Nothing is half-written.

**Again for a past day** trigger with `as_of_date`; one without portfolios needs 03 and 04 of that day first.
`from_date` computes every session from there on anew. What differs becomes a new revision, the old one is kept.
"""

from airflow.sdk import DAG
from stages import SESSIONS, dag_arguments, in_order, portfolio_allocation, resolve_session, wait_for

with DAG(
    "05_daily_portfolio_allocation_dag",
    schedule="0 13 * * 1-5",
    doc_md=__doc__,
    description="The 5, 10 and 20-session portfolios, and their performance",
    tags=["daily", "analyse"],
    **dag_arguments(SESSIONS),
):
    in_order(
        resolve_session(), wait_for("trending_etfs", "trending_etf_holdings", "needed_stocks"), portfolio_allocation()
    )
