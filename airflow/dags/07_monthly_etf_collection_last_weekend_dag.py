"""# 07 · Lists of all ETFs

**What** The holdings of all ETFs, then bars and profiles of the stocks that are new in them.

**When** 08:00 UTC on Sundays; on any but the last of the month all tasks are skipped, and the run's note says so.
**Needs** the source and Kafka. **Writes** `collected_04_etf_holdings`, `collected_06_daily_stock_history`,
`collected_00_*`.

**If it fails** the last log line and the run's note name the ETFs or stocks and why; what came is stored. Clear the
failed task: the lists are taken as they are then, and dated so. The newest stored one serves for 45 days.

**Again** `force` runs on any day, and asks for lists that are stored. With `as_of_date` only missing bars are
fetched, and `collect_all_holdings` is skipped: the source knows today's lists only.
"""

from airflow.sdk import DAG
from stages import SESSION, all_holdings, dag_arguments, in_order, known_stocks, resolve_session_of_last_sunday

with DAG(
    "07_monthly_etf_collection_last_weekend_dag",
    schedule="0 8 * * 0",
    doc_md=__doc__,
    description="Holdings of all ETFs, on the last Sunday of a month",
    tags=["monthly", "collect"],
    **dag_arguments(SESSION),
):
    in_order(resolve_session_of_last_sunday(), all_holdings(), known_stocks())
