"""# 02 · Sector ETF bars

**What** Daily bars of the sector group up to the last closed session: only what is missing.

**When** 10:00 UTC, Monday to Friday. **Needs** the source and Kafka. **Writes** `collected_01_daily_etf_ohlc`.

**If it fails** the last log line names the ETFs and why; the others are stored. An ETF without a bar is left out of
the session and named beside the portfolio. Clear the task to try again: only what is missing is asked for.

**Again for a past day** trigger with `as_of_date`; `force` asks for what is stored, too.
"""

from airflow.sdk import DAG
from stages import SESSION, dag_arguments, in_order, resolve_session, sector_bars

with DAG(
    "02_daily_sector_etf_collection_dag",
    schedule="0 10 * * 1-5",
    doc_md=__doc__,
    description="Bars of the sector ETFs",
    tags=["daily", "collect"],
    **dag_arguments(SESSION),
):
    in_order(resolve_session(), sector_bars())
