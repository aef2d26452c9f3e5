"""Which stocks, and how much of each? Stage 5 (rules 4): the 5-, 10- and 20-session portfolios.

    python batch/spark_02_active_stock_allocator.py --as-of 2026-01-23
    python batch/spark_02_active_stock_allocator.py --from 2025-10-01 --to 2026-01-23

Process in the ledger: portfolio_allocation. Needs stage 3 of the same sessions. What is left out, and why, stands in
each portfolio's header.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import chain

from pyspark.sql import DataFrame, SparkSession

from batch.frames import RowsOfDate, collected, ends_of, exchanges_of, first_bar_day, periods_of
from batch.headers import portfolio
from batch.missing import without_list, without_rate
from batch.stage import Stage, StageRun, parse_sessions, run_batch, sessions_before, stage_run
from batch.transforms.allocation import allocate
from batch.transforms.candidates import judged_candidates
from config.universe import PERIODS, UNKNOWN_SECTOR
from database import extracts, findings, portfolios, trending
from database.connection import Connection
from database.trending import Measured
from utils.clock import platform_now
from utils.spark import cached, local_frame, read_query, spark_session

Etfs = Mapping[tuple[date, int], Measured]


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and publish the sessions asked for."""
    asked = parse_sessions(argv, doc=__doc__)
    with stage_run(STAGE, asked) as run:
        etfs = trending.measured(run.inputs, run.as_of_dates)
        sessions = with_trends(run, etfs)
        if sessions:
            with spark_session(STAGE.process, years_of_data=run.years_of_data, snapshot=run.snapshot) as spark:
                candidates = cached(judged(spark, sessions, etfs))
                positions = allocate(candidates, unknown_sector=UNKNOWN_SECTOR)
                for portion, (looked_at, held) in collected(sessions, candidates, positions):
                    publish(run, portion, etfs, looked_at, held)
    return run.exit_code


def judged(spark: SparkSession, sessions: Sequence[date], etfs: Etfs) -> DataFrame:
    """Every holding looked at, with its outcome: read, then rules 4.1 to 4.4."""
    trends = [(session, days, etf) for (session, days), found in etfs.items() for etf in found.trending]
    return judged_candidates(
        trends=local_frame(spark, trends, "as_of_date date, period_days int, etf_ticker string"),
        listed=cached(read_query(spark, extracts.holdings(sessions))),
        bars=cached(read_query(spark, extracts.stock_bars(sessions, ends_of(sessions)))),
        quotes=read_query(spark, extracts.market_cap_quotes(sessions)),
        splits=read_query(spark, extracts.splits(sessions)),
        rates=read_query(spark, extracts.exchange_rates(sessions)),
        periods=periods_of(spark, sessions),
        exchanges=exchanges_of(spark),
    )


def with_trends(run: StageRun, etfs: Etfs) -> list[date]:
    """The sessions that stage 3 has computed. Raises MissingInput when it hasn't computed D itself."""
    without = [session for session in run.as_of_dates if (session, PERIODS[0]) not in etfs]
    for session in reversed(without):
        run.impossible(session, "no result of stage 3, run spark_01_trending_etf_identifier.py first")
    return [session for session in run.as_of_dates if session not in without]


def publish(run: StageRun, sessions: Sequence[date], etfs: Etfs, candidates: RowsOfDate, positions: RowsOfDate) -> None:
    """Each session's three portfolios, in one transaction; findings name lists and rates that are not there."""
    made = {
        session: [
            portfolio(
                session,
                days,
                trending=etfs[session, days].trending,
                without_return=etfs[session, days].without_return,
                candidates=[row for row in candidates[session] if row["period_days"] == days],
                positions=[row for row in positions[session] if row["period_days"] == days],
            )
            for days in PERIODS
        ]
        for session in sessions
    }
    portfolios.publish_daily(
        run.connection, list(chain(*made.values())), published_at=platform_now(), run_id=run.run.run_id
    )
    for session, of_session in made.items():
        no_list = {row["etf"] for each in of_session for row in each.left_out if row["reason"] == "no_holdings"}
        no_rate = [(row["ticker"], row["without_rate"]) for row in candidates[session]]
        found = chain(without_list(session, filter(None, no_list)), without_rate(session, no_rate))
        findings.record_all(run.connection, run.run.run_id, found)
        run.stored(session, rows=sum(1 + len(each.positions) + len(each.candidates) for each in of_session))


def catch_up(connection: Connection, as_of_date: date) -> list[date]:
    """Sessions that stage 3 has and stage 5 hasn't, none before the first stored holdings list."""
    before = sessions_before(as_of_date)
    oldest = portfolios.first_snapshot(connection)
    done = portfolios.computed_sessions(connection, before[0], before[-1])
    possible = trending.computed_sessions(connection, before[0], before[-1])
    return [day for day in before if day in possible - done and oldest is not None and day >= oldest]


def changed_since(connection: Connection, as_of_date: date, since: datetime) -> bool:
    """Whether anything the session's portfolios were made of has changed."""
    return portfolios.changed_since(connection, as_of_date, first_bar_day(as_of_date), since)


STAGE = Stage("portfolio_allocation", catch_up, changed_since)

if __name__ == "__main__":
    run_batch(main)
