"""What would a reader who followed the portfolios have earned? (rules 8): all strategies, live and simulated.

    python batch/spark_05_portfolio_performance.py --as-of 2026-01-23
    python batch/spark_05_portfolio_performance.py --from 2025-10-01 --to 2026-01-23

Process in the ledger: portfolio_performance. Each run computes the series from their first day to the last session
asked for, and leaves rows that are equal untouched; rows after that session stay as they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from batch.frames import calendar_of
from batch.stage import Stage, parse_sessions, run_batch, sessions_before, stage_run
from batch.transforms.performance import realised_performance
from config.universe import COST_BPS, STALE_AFTER_SESSIONS
from database import extracts, findings, performance
from database.connection import Connection
from utils.spark import read_query, spark_session

Row = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and store the series up to the last session asked for."""
    asked = parse_sessions(argv, doc=__doc__)
    with stage_run(STAGE, asked) as run:
        last = asked.as_of_date
        oldest = performance.oldest_portfolio(run.inputs, before=last)
        if oldest is None:
            run.note(f"no portfolio was bought by {last}: there is no performance yet")
        rows = series(oldest, last, snapshot=run.snapshot) if oldest is not None else []
        performance.replace_performance(run.connection, rows, last=last, run_id=run.run.run_id)
        wanted = set(run.as_of_dates)
        asked_rows = [row for row in rows if row["trade_date"] in wanted]
        findings.record_all(run.connection, run.run.run_id, held_without_bar(asked_rows))
        rows_of = Counter(row["trade_date"] for row in asked_rows)
        for session in run.as_of_dates:
            run.stored(session, rows=rows_of[session])
    return run.exit_code


def series(oldest: date, last: date, *, snapshot: str) -> list[Row]:
    """All series, collected: as long as the portfolios are old, however few sessions are asked for."""
    # Measured over 10 years of 500 stocks: the optimisers for years of data cost more than they gain here, too.
    with spark_session(STAGE.process, snapshot=snapshot) as spark:
        rows: list[Row] = realised(spark, oldest, last).toArrow().to_pylist()
    return rows


def realised(spark: SparkSession, oldest: date, last: date) -> DataFrame:
    """The rows of all series up to the session: read, then rules 8. `oldest`: of the portfolios."""
    return realised_performance(
        published=read_query(spark, extracts.published_portfolios(last)),
        weights=read_query(spark, extracts.published_weights(last)),
        bars=read_query(spark, extracts.held_bars(last)),
        rates=read_query(spark, extracts.exchange_rates_until(last)),
        benchmark_bars=read_query(spark, extracts.benchmark_bars(last)),
        calendar=calendar_of(spark, oldest - timedelta(days=performance.REACH_DAYS), last),
        last=last,
        cost_bps=COST_BPS,
        stale_after=STALE_AFTER_SESSIONS,
    )


def held_without_bar(rows: Iterable[Row]) -> Iterator[findings.Finding]:
    """A finding per session and stock, with the series that hold it."""
    holders: dict[tuple[date, str], list[str]] = defaultdict(list)
    for row in rows:
        for ticker in filter(None, (row["without_bar"] or "").split(",")):
            holders[row["trade_date"], ticker].append(f"{row['strategy']} ({row['origin']})")
    for (session, ticker), held_by in sorted(holders.items()):
        detail = f"no bar for more than {STALE_AFTER_SESSIONS} sessions; held by {', '.join(sorted(held_by))}"
        yield findings.Finding("held without a bar", ticker, session, "warn", detail)


def catch_up(connection: Connection, as_of_date: date) -> list[date]:
    """Sessions on which something was held and that have no row."""
    return performance.sessions_without_row(connection, sessions_before(as_of_date))


def changed_since(connection: Connection, as_of_date: date, since: datetime) -> bool:
    """Whether a portfolio, a bar or a rate that the series are made of has changed."""
    return performance.changed_since(connection, as_of_date, since)


STAGE = Stage("portfolio_performance", catch_up, changed_since)

if __name__ == "__main__":
    run_batch(main)
