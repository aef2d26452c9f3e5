"""How did the holdings of each ETF do, and what do ETFs share? Stage 9 (rules 6): top holdings, concentration, overlap.

    python batch/spark_03_etf_top_holdings.py --as-of 2026-01-23
    python batch/spark_03_etf_top_holdings.py --from 2025-10-01 --to 2026-01-23

Process in the ledger: etf_top_holdings. An ETF without a holdings list in reach has no rows, a holding without a
return has none: both are named. Sessions that were missed are not made up: results are weekly.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from batch.frames import RowsOfDate, collected, exchanges_of, first_bar_day, periods_of, session_numbers, universe_of
from batch.missing import NO_LIST, note, with_return, without_list, without_rate, without_return
from batch.stage import Stage, StageRun, parse_sessions, run_batch, stage_run
from batch.transforms.concentration import concentration, overlap
from batch.transforms.holdings import snapshots_in_reach, usable_holdings
from batch.transforms.market_caps import market_caps, rates_before
from batch.transforms.returns import daily_returns, period_returns, with_reach
from batch.transforms.top_holdings import daily_statistics, measure_holdings
from config.universe import (
    CARRIED_CAP_REACH_DAYS,
    FOREIGN_BAR_REACH_DAYS,
    FX_REACH_DAYS,
    PERIODS,
    SNAPSHOT_REACH_DAYS,
    TOP_HOLDINGS,
    UNKNOWN_SECTOR,
    tickers_of,
)
from database import extracts, findings, top_holdings
from database.connection import Connection
from utils.sessions import session_offset
from utils.spark import cached, local_frame, read_query, spark_session

MANY_SESSIONS = 60  # measured: from about there on the optimisers earn what they cost, as a session has ten times the
# rows of one of stage 5


class Measured(NamedTuple):
    """What is stored, a frame a table; of the holdings also those without a return (`missing`)."""

    holdings: DataFrame
    concentration: DataFrame
    overlap: DataFrame


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and store the sessions asked for."""
    asked = parse_sessions(argv, doc=__doc__)
    with stage_run(STAGE, asked) as run:
        many = len(run.as_of_dates) > MANY_SESSIONS
        with spark_session(STAGE.process, years_of_data=many, snapshot=run.snapshot) as spark:
            frames = measured(spark, run.as_of_dates)
            for sessions, (holdings, concentrated, overlapping) in collected(run.as_of_dates, *frames):
                store(run, sessions, holdings, concentrated, overlapping)
    return run.exit_code


def measured(spark: SparkSession, sessions: Sequence[date]) -> Measured:
    """Every holding, list and pair of lists: read, then rules 6."""
    start = session_offset(sessions[0], -max(PERIODS))
    periods = periods_of(spark, sessions)
    days = local_frame(
        spark, [(session, extracts.lists_until(session)) for session in sessions], "as_of_date date, lists_until date"
    )
    listed = read_query(spark, extracts.holdings(sessions))
    history = read_query(spark, extracts.stock_history(sessions, start))
    quotes = read_query(spark, extracts.market_cap_quotes(sessions))
    splits = read_query(spark, extracts.splits(sessions))
    rates = read_query(spark, extracts.exchange_rates(sessions))

    of_universe = listed.join(
        F.broadcast(universe_of(spark).select(F.col("ticker").alias("etf_ticker"))), on="etf_ticker", how="left_semi"
    )
    snapshots = snapshots_in_reach(of_universe, days, reach_days=SNAPSHOT_REACH_DAYS, until="lists_until")
    lists = usable_holdings(of_universe)
    held = cached(lists.join(F.broadcast(snapshots), on=["etf_ticker", "holdings_as_of"], how="inner"))

    wanted = held.select("ticker", "as_of_date").distinct()
    returns = cached(
        period_returns(
            with_reach(history, exchanges_of(spark), reach_days=FOREIGN_BAR_REACH_DAYS),
            wanted.join(F.broadcast(periods), on="as_of_date", how="inner"),
        )
    )
    statistics = daily_statistics(
        daily_returns(history),
        wanted,
        session_numbers(spark, start + timedelta(days=1), sessions[-1]),
        periods=PERIODS,
    )
    closes = returns.select("as_of_date", "ticker", "close_price").distinct()
    usd_rates = rates_before(rates, days.select("as_of_date"), reach_days=FX_REACH_DAYS)
    caps = market_caps(quotes, closes, splits, usd_rates, carried_days=CARRIED_CAP_REACH_DAYS)
    concentrations = concentration(lists, snapshots)
    return Measured(
        measure_holdings(held, periods, returns, statistics, caps, ranked=TOP_HOLDINGS, unknown_sector=UNKNOWN_SECTOR),
        concentrations,
        overlap(lists, concentrations),
    )


def store(
    run: StageRun, sessions: Sequence[date], holdings: RowsOfDate, concentrated: RowsOfDate, overlapping: RowsOfDate
) -> None:
    """Replace the sessions' rows; name the ETFs without a list, the holdings without a return or a market cap."""
    for session in sessions:
        _note_without_list(run, session, {row["etf_ticker"] for row in concentrated[session]})
    note(run, chain.from_iterable(without_return(holdings[session], "holding_ticker") for session in sessions))
    measured_of = {session: with_return(holdings[session]) for session in sessions}
    for session in sessions:
        _note_without_cap(run, session, measured_of[session])
    top_holdings.replace_top_holdings(
        run.connection,
        holdings=chain(*measured_of.values()),
        concentration=chain(*concentrated.values()),
        overlap=chain(*overlapping.values()),
        as_of_dates=sessions,
        run_id=run.run.run_id,
    )
    for session in sessions:
        rows = len(measured_of[session]) + len(concentrated[session]) + len(overlapping[session])
        run.stored(session, rows=rows)


def _note_without_list(run: StageRun, session: date, with_list: set[str]) -> None:
    without = sorted(set(tickers_of("all")) - with_list)
    if not without:
        return
    run.note(f"{session} {', '.join(without)}: {NO_LIST}")
    findings.record_all(run.connection, run.run.run_id, without_list(session, without))


def _note_without_cap(run: StageRun, session: date, rows: Sequence[Mapping[str, Any]]) -> None:
    currencies = {row["holding_ticker"]: row["without_rate"] for row in rows if row["market_cap"] is None}
    if not currencies:
        return
    named = (f"{ticker} (no rate of {currency})" if currency else ticker for ticker, currency in currencies.items())
    run.note(f"{session} without a market cap that may serve: {', '.join(sorted(named))}")
    findings.record_all(run.connection, run.run.run_id, without_rate(session, currencies.items()))


def catch_up(_: Connection, _as_of_date: date) -> list[date]:
    """Nothing: the stage runs once a week, and only stages 3 and 5 make up every session (rules 4)."""
    return []


def changed_since(connection: Connection, as_of_date: date, since: datetime) -> bool:
    """Whether a list, or a bar, cap or rate of a holding has changed."""
    return top_holdings.changed_since(connection, as_of_date, first_bar_day(as_of_date), since)


STAGE = Stage("etf_top_holdings", catch_up, changed_since)

if __name__ == "__main__":
    run_batch(main)
