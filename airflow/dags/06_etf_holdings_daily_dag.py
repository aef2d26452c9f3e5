"""# 06 · Bars of every known holding

**What** Bars of every stock in any known list, missing profiles, exchange rates; market caps of the last session.

**When** 18:00 UTC, Monday to Friday. **Needs** the source and Kafka; lists, which 04 and 07 bring. **Writes**
`collected_06_daily_stock_history`, `collected_00_*`.

**If it fails** the last log line and the run's note name the tickers and why; the others are stored. A rate limit, or
a budget that is used up, makes the task come again by itself. Clear it to ask for what is missing.

**Again for a past day** trigger with `as_of_date`: missing bars are fetched; market caps exist of today only. `force`
asks for what is stored, too.
"""

from airflow.sdk import DAG
from stages import SESSION, dag_arguments, in_order, known_stocks, resolve_session

with DAG(
    "06_etf_holdings_daily_dag",
    schedule="0 18 * * 1-5",
    doc_md=__doc__,
    description="Bars of every known holding",
    tags=["daily", "collect"],
    **dag_arguments(SESSION),
):
    in_order(resolve_session(), known_stocks())
