"""Which stocks, and how much of each? Stage 5 (rules 4): the 5-, 10- and 20-session portfolios.

    python batch/spark_02_active_stock_allocator.py --as-of 2026-01-23
    python batch/spark_02_active_stock_allocator.py --from 2025-10-01 --to 2026-01-23

Process in the ledger: portfolio_allocation. Needs stage 3 of the same sessions. What is left out, and why, stands in
each portfolio's header.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from tqdm import tqdm

from batch.frames import ends_of, exchanges_of, periods_of
from batch.headers import Row, portfolio
from batch.stage import Stage, StageRun, parse_sessions, run_batch, stage_run
from batch.transforms.allocation import allocate, judge_candidates
from batch.transforms.holdings import largest_holdings, snapshots_in_reach
from batch.transforms.market_caps import market_caps, rates_before
from batch.transforms.returns import period_returns, with_reach
from config.universe import (
    CARRIED_CAP_REACH_DAYS,
    FOREIGN_BAR_REACH_DAYS,
    FX_REACH_DAYS,
    PERIODS,
    SNAPSHOT_REACH_DAYS,
    TOP_HOLDINGS,
    UNKNOWN_SECTOR,
)
from database import extracts, portfolios, trending
from database.connection import Connection
from database.trending import Measured
from utils.clock import platform_now
from utils.program import StageFailed
from utils.sessions import close_of, next_session, session_offset
from utils.spark import read_query, spark_session

Etfs = Mapping[tuple[date, int], Measured]


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and publish the sessions asked for."""
    asked = parse_sessions(argv, doc=__doc__)
    with stage_run(STAGE, asked) as run:
        etfs = trending.measured(run.connection, run.sessions)
        sessions = with_trends(run, etfs)
        with spark_session(STAGE.process, years_of_data=run.years_of_data) as spark:
            candidates = judged(spark, sessions).cache()
            positions = allocate(candidates, unknown_sector=UNKNOWN_SECTOR)
            looked_at, held = by_portfolio(candidates), by_portfolio(positions)
        publish(run, sessions, etfs, looked_at, held)
    return run.exit_code


def judged(spark: SparkSession, sessions: Sequence[date]) -> DataFrame:
    """Every holding looked at, with its outcome: read, then rules 4.1 to 4.4."""
    periods = periods_of(spark, sessions)
    days = periods.select("as_of_date").distinct()
    trends = read_query(spark, extracts.trending_etfs(sessions))
    listed = read_query(spark, extracts.holdings(sessions))
    bars = read_query(spark, extracts.stock_bars(sessions, ends_of(sessions)))
    quotes = read_query(spark, extracts.market_cap_quotes(sessions))
    splits = read_query(spark, extracts.splits(sessions))
    rates = read_query(spark, extracts.exchange_rates(sessions))

    snapshots = snapshots_in_reach(listed, days, reach_days=SNAPSHOT_REACH_DAYS)
    largest = largest_holdings(listed, snapshots, count=TOP_HOLDINGS)
    returns = period_returns(with_reach(bars, exchanges_of(spark), reach_days=FOREIGN_BAR_REACH_DAYS), periods)
    closes = returns.select("as_of_date", "ticker", "close_price").distinct()
    usd_rates = rates_before(rates, days, reach_days=FX_REACH_DAYS)
    caps = market_caps(quotes, closes, splits, usd_rates, carried_days=CARRIED_CAP_REACH_DAYS)
    return judge_candidates(trends, largest, returns, caps)


def with_trends(run: StageRun, etfs: Etfs) -> list[date]:
    """The sessions that stage 3 has computed. Raises StageFailed when it hasn't computed any of them, or not D."""
    without = [session for session in run.sessions if (session, PERIODS[0]) not in etfs]
    if run.asked.as_of_date in without:
        raise StageFailed(
            f"{run.asked.as_of_date}: no result of stage 3, run spark_01_trending_etf_identifier.py first"
        )
    for session in without:
        run.impossible(session, "no result of stage 3")
    return [session for session in run.sessions if session not in without]


def by_portfolio(rows: DataFrame) -> Mapping[tuple[date, int], list[Row]]:
    """The rows of each (session, period)."""
    found: dict[tuple[date, int], list[Row]] = defaultdict(list)
    for row in rows.collect():
        found[row.as_of_date, row.period_days].append(row.asDict())
    return found


def publish(
    run: StageRun,
    sessions: Sequence[date],
    etfs: Etfs,
    candidates: Mapping[tuple[date, int], list[Row]],
    positions: Mapping[tuple[date, int], list[Row]],
) -> None:
    """Each session's three portfolios in one transaction, oldest first."""
    for session in tqdm(sessions, unit="session", disable=None, leave=False):
        made = [
            portfolio(
                days,
                trending=etfs[session, days].trending,
                without_return=etfs[session, days].without_return,
                candidates=candidates.get((session, days), []),
                positions=positions.get((session, days), []),
            )
            for days in PERIODS
        ]
        rows = portfolios.replace_portfolios(
            run.connection,
            run_id=run.run.run_id,
            as_of_date=session,
            portfolios=made,
            published_at=platform_now(),
            next_close=close_of(next_session(session)),
        )
        run.stored(session, rows=rows)


def catch_up(connection: Connection, before: Sequence[date]) -> list[date]:
    """Sessions that stage 3 has and stage 5 hasn't, none before the first stored holdings list."""
    oldest = portfolios.first_snapshot(connection)
    done = portfolios.computed_sessions(connection, before[0], before[-1])
    possible = trending.computed_sessions(connection, before[0], before[-1])
    return [day for day in before if day in possible - done and oldest is not None and day >= oldest]


def changed_since(connection: Connection, as_of_date: date, since: datetime) -> bool:
    """Whether anything the session's portfolios were made of has changed."""
    first = session_offset(as_of_date, -max(PERIODS)) - timedelta(days=FOREIGN_BAR_REACH_DAYS)
    return portfolios.changed_since(connection, as_of_date, first, since)


STAGE = Stage("portfolio_allocation", catch_up, changed_since)

if __name__ == "__main__":
    run_batch(main)
