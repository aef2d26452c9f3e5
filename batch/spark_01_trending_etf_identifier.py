"""Which ETFs beat SPY? Stage 3 (rules 3): returns over 5, 10 and 20 sessions, against SPY's.

    python batch/spark_01_trending_etf_identifier.py --as-of 2026-01-23
    python batch/spark_01_trending_etf_identifier.py --from 2025-10-01 --to 2026-01-23

Process in the ledger: trending_etfs. A session whose SPY has no bar, or one in doubt, has no result.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from batch.frames import ends_of, periods_of, universe_of
from batch.stage import Stage, StageRun, parse_sessions, run_batch, stage_run
from batch.transforms.returns import period_returns
from batch.transforms.trending import measure_etfs
from config.universe import BENCHMARK, PERIODS, tickers_of
from database import extracts, findings, trending
from database.connection import Connection
from utils.sessions import session_offset
from utils.spark import read_query, spark_session

MISSING = {"no_return": "has no bar at one of the ends", "in_doubt": "has a bar in doubt"}


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and store the sessions asked for."""
    asked = parse_sessions(argv, doc=__doc__)
    with (
        stage_run(STAGE, asked) as run,
        spark_session(STAGE.process, years_of_data=run.years_of_data) as spark,
    ):
        periods = periods_of(spark, run.sessions)
        bars = read_query(spark, extracts.etf_bars(tickers_of("all"), ends_of(run.sessions)))

        returns = period_returns(bars, periods)
        measured = measure_etfs(returns, universe_of(spark), periods, benchmark=BENCHMARK)

        store(run, [row.asDict() for row in measured.collect()])
    return run.exit_code


def store(run: StageRun, rows: Sequence[dict[str, Any]]) -> None:
    """Replace each session's rows; name what has no return. Raises MissingPrices when SPY has none for D."""
    of_session = defaultdict(list)
    for row in rows:
        of_session[row["as_of_date"]].append(row)
    # D last, but judged first: without SPY nothing is written.
    for session in reversed(run.sessions):
        spy = [row for row in of_session[session] if row["etf_ticker"] == BENCHMARK and row["missing"]]
        if spy:
            run.impossible(session, _named(spy))
            del of_session[session]
    for session, found in sorted(of_session.items()):
        missing = [row for row in found if row["missing"]]
        if missing:
            run.note(f"{session} {_named(missing)}")
        findings.record_all(run.connection, run.run.run_id, map(_finding, missing))
        stored = trending.replace_trending(
            run.connection,
            run_id=run.run.run_id,
            as_of_date=session,
            rows=[row for row in found if not row["missing"]],
        )
        run.stored(session, rows=stored)


def _named(missing: Sequence[dict[str, Any]]) -> str:
    """XLB has a bar in doubt (10, 20 sessions); XLV has no bar at one of the ends (5 sessions)."""
    periods = defaultdict(list)
    for row in sorted(missing, key=lambda row: (row["etf_ticker"], row["period_days"])):
        periods[row["etf_ticker"], row["missing"]].append(str(row["period_days"]))
    return "; ".join(f"{etf} {MISSING[why]} ({', '.join(days)} sessions)" for (etf, why), days in periods.items())


def _finding(row: dict[str, Any]) -> findings.Finding:
    return findings.Finding(
        f"no return over {row['period_days']}", row["etf_ticker"], row["as_of_date"], "warn", _named([row])
    )


def catch_up(connection: Connection, before: Sequence[date]) -> list[date]:
    """Sessions without a result, from where SPY's history allows one."""
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
