"""# 04 · Holdings of the trending ETFs

**What** The lists of every ETF that trends in any period; bars, market caps and profiles of their five largest
holdings; bars of every stock now held; exchange rates.

**When** 12:00 UTC, Monday to Friday. **Needs** a usable result of stage 3 for the session. **Writes**
`collected_04_etf_holdings`, `collected_06_daily_stock_history`, `collected_00_*`.

**If it fails** a list that could not be had is replaced by the newest stored one, at most 45 days old, and named. A
stock that failed is left out of the portfolio and named beside it. Clear the failed task to ask for the missing ones
again.

**Again for a past day** trigger with `as_of_date`: missing bars are fetched; lists and market caps exist of today
only, so `collect_holdings` is skipped. `force` asks for what is stored, too.
"""

from airflow.sdk import DAG
from stages import SESSION, dag_arguments, in_order, resolve_session, trending_holdings, wait_for

with DAG(
    "04_daily_trending_etf_holdings_collection_dag",
    schedule="0 12 * * 1-5",
    doc_md=__doc__,
    description="Holdings of the trending ETFs, and their stocks",
    tags=["daily", "collect"],
    **dag_arguments(SESSION),
):
    in_order(resolve_session(), wait_for("trending_etfs"), trending_holdings())
