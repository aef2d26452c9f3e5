"""Which ETFs beat SPY? Stage 3 (rules 3): returns over 5, 10 and 20 sessions, against SPY's.

    python batch/spark_01_trending_etf_identifier.py --as-of 2026-01-23
    python batch/spark_01_trending_etf_identifier.py --from 2025-10-01 --to 2026-01-23

Process in the ledger: trending_etfs. A session whose SPY has no bar, or one in doubt, has no result.
"""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import chain

from pyspark.sql import DataFrame, SparkSession

from batch.frames import RowsOfDate, collected, ends_of, every, periods_of, universe_of
from batch.missing import note, with_benchmark, with_return, without_return
from batch.stage import Stage, StageRun, parse_sessions, run_batch, sessions_before, stage_run
from batch.transforms.returns import period_returns
from batch.transforms.trending import measure_etfs
from config.universe import BENCHMARK, PERIODS, tickers_of
from database import extracts, trending
from database.connection import Connection
from utils.sessions import session_offset
from utils.spark import cached, read_query, spark_session


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and store the sessions asked for."""
    asked = parse_sessions(argv, doc=__doc__)
    with (
        stage_run(STAGE, asked) as run,
        spark_session(STAGE.process, years_of_data=run.years_of_data, snapshot=run.snapshot) as spark,
    ):
        for sessions, (found,) in collected(run.as_of_dates, measured(spark, run.as_of_dates)):
            store(run, sessions, found)
    return run.exit_code


def measured(spark: SparkSession, sessions: Sequence[date]) -> DataFrame:
    """Every ETF in every period against SPY: read, then rules 2 and 3."""
    periods, universe = periods_of(spark, sessions), universe_of(spark)
    bars = read_query(spark, extracts.etf_bars(tickers_of("all"), ends_of(sessions)))
    returns = cached(period_returns(bars, every(universe, periods)))
    return measure_etfs(returns, universe, periods, benchmark=BENCHMARK)


def store(run: StageRun, sessions: Sequence[date], of_session: RowsOfDate) -> None:
    """Replace the sessions' rows; name what has no return. Raises MissingInput when SPY has none for D."""
    missing = {session: without_return(of_session[session], "etf_ticker") for session in sessions}
    possible = with_benchmark(run, sessions, missing)
    note(run, chain.from_iterable(missing[session] for session in possible))
    rows_of = {session: with_return(of_session[session]) for session in possible}
    trending.replace_trending(run.connection, chain(*rows_of.values()), as_of_dates=possible, run_id=run.run.run_id)
    for session, kept in rows_of.items():
        run.stored(session, rows=len(kept))


def catch_up(connection: Connection, as_of_date: date) -> list[date]:
    """Sessions without a result, from where SPY's history allows one."""
    before = sessions_before(as_of_date)
    oldest = trending.first_benchmark_bar(connection)
    done = trending.computed_sessions(connection, before[0], before[-1])
    longest = max(PERIODS)
    return [
        session
        for session in before
        if session not in done and oldest is not None and session_offset(session, -longest) >= oldest
    ]


def changed_since(connection: Connection, as_of_date: date, since: datetime) -> bool:
    """Whether an ETF's bar between the longest period's ends has changed."""
    return trending.changed_since(connection, session_offset(as_of_date, -max(PERIODS)), as_of_date, since)


STAGE = Stage("trending_etfs", catch_up, changed_since)

if __name__ == "__main__":
    run_batch(main)
