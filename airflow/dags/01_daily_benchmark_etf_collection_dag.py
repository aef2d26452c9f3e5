"""# 01 · Benchmark ETF bars

**What** Daily bars of the benchmark group up to the last closed session: only what is missing.

**When** 09:00 UTC, Monday to Friday. **Needs** the source and Kafka. **Writes** `collected_01_daily_etf_ohlc`.

**If it fails** the last log line names the ETFs and why. Without SPY nothing downstream can run: clear the task once
the source answers. A rate limit makes the task come again by itself.

**Again for a past day** trigger with `as_of_date`: missing bars are fetched, stored ones are not asked for again,
unless `force` is set.
"""

from airflow.sdk import DAG
from stages import SESSION, benchmark_bars, dag_arguments, in_order, resolve_session

with DAG(
    "01_daily_benchmark_etf_collection_dag",
    schedule="0 9 * * 1-5",
    doc_md=__doc__,
    description="Bars of the benchmark ETFs",
    tags=["daily", "collect"],
    **dag_arguments(SESSION),
):
    in_order(resolve_session(), benchmark_bars())
