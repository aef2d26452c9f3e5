"""# 08 · Monthly portfolio

**What** The 5, 10 and 20-session portfolios merged into the month's, then the performance of all four.

**When** 14:00 UTC on Sundays; on any but the last of the month all tasks are skipped, and the run's note says so.
**Needs** a session of the seven days before that has all three portfolios (05 or the controller). **Writes**
`analytics_08_monthly_portfolio`, `analytics_portfolios`, `analytics_portfolio_performance`.

**If it fails** "no session of the 7 days before has all three portfolios": run 05 for the last session, then clear
this run. The month before stays readable, with its own date. Nothing is half-written.

**Again for a past month** trigger with `as_of_date`, a last Sunday; `from_date` makes every month from there on anew.
`force` takes another day, and a month that is complete.
"""

from airflow.sdk import DAG
from stages import SUNDAYS, dag_arguments, in_order, monthly_rebalance, resolve_rebalance_date

with DAG(
    "08_monthly_portfolio_rebalance_dag",
    schedule="0 14 * * 0",
    doc_md=__doc__,
    description="The monthly portfolio, on the last Sunday of a month",
    tags=["monthly", "analyse"],
    **dag_arguments(SUNDAYS),
):
    in_order(resolve_rebalance_date(), monthly_rebalance())
