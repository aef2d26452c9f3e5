"""# 09 · Top holdings, months and sectors

**What** Bars of every known holding (as 06), then the five best holdings of each ETF, how concentrated the ETFs are
and what they share; then the month so far of ETFs, sectors and stocks.

**When** 18:00 UTC on Sundays. **Needs** the source and Kafka; lists, which 04 and 07 bring. **Writes**
`analytics_09_*`, `analytics_etf_monthly`, `analytics_sector_trending`, `analytics_stock_trending`.

**If it fails** in collecting: the run's note names tickers; clear it later. In analysing: the last log line says why,
and the rows of before stay. Months of the last twelve without a complete result are made up by themselves.

**Again for a past day** trigger with `as_of_date`; `from_date` computes every session and month from there on anew. A
month has one result: also for a day within it all of the month is computed, up to its last closed session.
"""

from airflow.sdk import DAG
from stages import SESSIONS, dag_arguments, in_order, known_stocks, resolve_session, top_holdings_analysis

with DAG(
    "09_etf_top_holdings_analysis_dag",
    schedule="0 18 * * 0",
    doc_md=__doc__,
    description="Top holdings, concentration, overlap; months and sectors",
    tags=["weekly", "analyse"],
    **dag_arguments(SESSIONS),
):
    in_order(resolve_session(), known_stocks(), top_holdings_analysis())
