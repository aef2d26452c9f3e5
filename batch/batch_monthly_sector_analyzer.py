"""How did each ETF, sector and stock do in a month? Months and sectors (rules 7).

    python batch/batch_monthly_sector_analyzer.py --month 2026-01
    python batch/batch_monthly_sector_analyzer.py --from 2025-01 --to 2026-01

Process in the ledger: months_and_sectors; its items are each month's last session, or the newest of the running month.
Without a range, those of the 12 months before that have no complete result are made up. A month without SPY's return
has no result.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import chain, pairwise
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from batch.frames import RowsOfDate, collected, every, exchanges_of, months_of, universe_of
from batch.missing import note, with_benchmark, with_return, without_return
from batch.stage import Asked, Stage, StageRun, batch_parser, run_batch, stage_run
from batch.transforms.holdings import snapshots_in_reach, usable_holdings
from batch.transforms.months import bars_of_months, etf_months, monthly_stocks, stock_months, stocks_of_months
from batch.transforms.returns import daily_returns, period_returns, with_reach
from batch.transforms.sectors import sector_days, sector_means, sector_months
from config.universe import (
    BENCHMARK,
    FOREIGN_BAR_REACH_DAYS,
    SNAPSHOT_REACH_DAYS,
    UNKNOWN_SECTOR,
    tickers_of,
)
from database import extracts, months, trending
from database.connection import Connection
from utils.arguments import MONTH, parse_dates
from utils.clock import newest_session
from utils.program import UsageError
from utils.sessions import last_session_of_month, month_start
from utils.spark import cached, read_query, spark_session

CATCH_UP_MONTHS = 12
FIRST_MONTH = date(2002, 1, 1)  # the calendar begins two years before
MANY_MONTHS = 24  # about as many bars as 500 sessions have


class Measured(NamedTuple):
    """What is stored, a frame a table; of ETFs and stocks also those without a return (`missing`)."""

    etfs: DataFrame
    sectors: DataFrame
    stocks: DataFrame


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and store the months asked for."""
    asked = parse_months(argv, newest=newest_session())
    with stage_run(STAGE, asked) as run:
        many = len(run.as_of_dates) > MANY_MONTHS
        with spark_session(STAGE.process, years_of_data=many, snapshot=run.snapshot) as spark:
            frames = measured(spark, run.as_of_dates)
            for dates, (etfs, sectors, stocks) in collected(run.as_of_dates, *frames):
                store(run, dates, etfs, sectors, stocks)
    return run.exit_code


def parse_months(argv: Sequence[str] | None, *, newest: date) -> Asked:
    """--month M (default: that of the newest closed session), or --from and --to, as their as-of sessions.

    Raises UsageError with one line for a month that has no closed session, or lies before the calendar.
    """
    parser = batch_parser(__doc__)
    given = parse_dates(parser, argv, one="--month", what="month", default="the running one", written=MONTH)
    if given.first is None:
        return Asked(_as_of(given.one, newest) if given.one else newest, force=given.force)
    return Asked(_as_of(given.last, newest), _as_of(given.first, newest), given.force)


def _as_of(month: date, newest: date) -> date:
    if month > newest:  # first: the calendar knows only about a year ahead
        raise UsageError(f"{month:%Y-%m} has no closed session yet: the last is {newest}")
    if month < FIRST_MONTH:
        raise UsageError(f"{month:%Y-%m} is before the first month that can be computed, {FIRST_MONTH:%Y-%m}")
    return min(last_session_of_month(month), newest)


def as_of_sessions(first: date, last: date) -> list[date]:
    """The last session of each month from that of `first` on, and `last`, oldest first.

    >>> [day.isoformat() for day in as_of_sessions(date(2025, 11, 28), date(2026, 1, 23))]
    ['2025-11-28', '2025-12-31', '2026-01-23']
    """
    days = [last]
    while month_start(days[0]) >= first:
        days.insert(0, month_start(days[0]))
    return days


def measured(spark: SparkSession, as_of_dates: Sequence[date]) -> Measured:
    """ETFs, sectors and stocks of the months: read, then rules 7."""
    start = month_start(as_of_dates[0])
    periods, universe = months_of(spark, as_of_dates), universe_of(spark)
    ends = sorted({*as_of_dates, *map(month_start, as_of_dates)})
    etf_bars = read_query(spark, extracts.etf_bars(tickers_of("all"), ends))
    listed = read_query(spark, extracts.holdings(as_of_dates))
    history = read_query(spark, extracts.stock_history(as_of_dates, start))

    etfs = cached(
        etf_months(period_returns(etf_bars, every(universe, periods)), universe, periods, benchmark=BENCHMARK)
    )
    benchmark = etfs.where(F.col("etf_ticker") == BENCHMARK).select("as_of_date", "spy_return_pct")

    snapshots = snapshots_in_reach(listed, periods.select("as_of_date"), reach_days=SNAPSHOT_REACH_DAYS)
    held = usable_holdings(listed).join(F.broadcast(snapshots), on=["etf_ticker", "holdings_as_of"], how="inner")
    of_months = stocks_of_months(held, unknown_sector=UNKNOWN_SECTOR)
    returns = period_returns(
        with_reach(history, exchanges_of(spark), reach_days=FOREIGN_BAR_REACH_DAYS),
        of_months.join(F.broadcast(periods), on="as_of_date", how="inner"),
    )
    stocks = cached(monthly_stocks(of_months, returns))
    bars = bars_of_months(daily_returns(history), periods)
    means = sector_means(stocks)
    return Measured(
        etfs,
        sector_months(means, sector_days(stocks, bars), benchmark, unknown_sector=UNKNOWN_SECTOR),
        stock_months(stocks, bars, means),
    )


def store(
    run: StageRun, as_of_dates: Sequence[date], etfs: RowsOfDate, sectors: RowsOfDate, stocks: RowsOfDate
) -> None:
    """Replace the months' rows; name what has no return. Raises MissingInput when SPY has none for D."""
    possible = with_benchmark(run, as_of_dates, {day: without_return(etfs[day], "etf_ticker") for day in as_of_dates})
    for name, rows_of in (("etf_ticker", etfs), ("ticker", stocks)):
        note(run, chain.from_iterable(without_return(rows_of[day], name) for day in possible))
    rows_of_day = {day: [with_return(etfs[day]), sectors[day], with_return(stocks[day])] for day in possible}
    months.replace_months(
        run.connection,
        etfs=chain.from_iterable(rows[0] for rows in rows_of_day.values()),
        sectors=chain.from_iterable(rows[1] for rows in rows_of_day.values()),
        stocks=chain.from_iterable(rows[2] for rows in rows_of_day.values()),
        as_of_dates=possible,
        run_id=run.run.run_id,
    )
    for day, rows in rows_of_day.items():
        run.stored(day, rows=sum(map(len, rows)))


def catch_up(connection: Connection, as_of_date: date) -> list[date]:
    """The last sessions of the 12 months before that have no complete result, where SPY has bars at both ends."""
    ends = [month_start(as_of_date)]
    while len(ends) <= CATCH_UP_MONTHS:
        ends.insert(0, month_start(ends[0]))
    done = months.complete_months(connection)
    priced = months.benchmark_days(connection, ends)
    return [end for start, end in pairwise(ends) if (end.year, end.month) not in done and {start, end} <= priced]


def changed_since(connection: Connection, as_of_date: date, since: datetime) -> bool:
    """Whether an ETF's bar of the month, or a list or a bar of a listed stock has changed."""
    start = month_start(as_of_date)
    return trending.changed_since(connection, start, as_of_date, since) or months.stocks_changed_since(
        connection, as_of_date, start - timedelta(days=FOREIGN_BAR_REACH_DAYS), since
    )


STAGE = Stage("months_and_sectors", catch_up, changed_since, as_of_sessions)

if __name__ == "__main__":
    run_batch(main)
