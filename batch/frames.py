"""Between driver and Spark: small frames made from the calendar and from config, and results by date."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from config.universe import ETFS, EXCHANGE_CALENDARS, FOREIGN_BAR_REACH_DAYS, PERIODS
from utils.sessions import (
    close_of,
    last_session_of_month,
    month_start,
    next_session,
    session_offset,
    sessions_between,
)
from utils.spark import local_frame

RowsOfDate = Mapping[date, list[dict[str, Any]]]

DATES_AT_ONCE = 250  # of results on the driver, and in one transaction


def periods_of(spark: SparkSession, sessions: Sequence[date]) -> DataFrame:
    """as_of_date, period_days, start_date: N sessions before D by the calendar, never by the bars (rules 1)."""
    rows = [(session, days, session_offset(session, -days)) for session in sessions for days in PERIODS]
    return local_frame(spark, rows, "as_of_date date, period_days int, start_date date")


def months_of(spark: SparkSession, sessions: Sequence[date]) -> DataFrame:
    """as_of_date, period_days, start_date, is_partial: each session's month up to it, as periods of as many sessions as
    they have so far (rules 7).
    """
    rows = [
        (session, len(sessions_between(start, session)) - 1, start, session < last_session_of_month(session))
        for session in sessions
        for start in [month_start(session)]
    ]
    return local_frame(spark, rows, "as_of_date date, period_days int, start_date date, is_partial boolean")


def ends_of(sessions: Sequence[date]) -> list[date]:
    """Every session at which a period starts or ends, oldest first."""
    return sorted({day for session in sessions for day in (session, *(session_offset(session, -n) for n in PERIODS))})


def first_bar_day(session: date) -> date:
    """The oldest day whose bar may be read for a session: one that stands for the longest period's start (rules 2)."""
    return session_offset(session, -max(PERIODS)) - timedelta(days=FOREIGN_BAR_REACH_DAYS)


def every(tickers: DataFrame, periods: DataFrame) -> DataFrame:
    """ticker, as_of_date, period_days, start_date: each ticker in each period."""
    return tickers.select("ticker").crossJoin(periods)


def universe_of(spark: SparkSession) -> DataFrame:
    """ticker, etf_type, sector_name of every ETF (contracts 1)."""
    rows = [(etf.ticker, etf.etf_type, etf.sector_name) for etf in ETFS]
    return local_frame(spark, rows, "ticker string, etf_type string, sector_name string")


def exchanges_of(spark: SparkSession) -> DataFrame:
    """exchange, calendar: the source's codes of the exchanges that are not New York's."""
    return local_frame(spark, list(EXCHANGE_CALENDARS.items()), "exchange string, calendar string")


def collected(
    dates: Sequence[date], *frames: DataFrame, column: str = "as_of_date"
) -> Iterator[tuple[Sequence[date], tuple[RowsOfDate, ...]]]:
    """The frames' rows by date, dates in portions and oldest first: the driver holds one portion of each at a time."""
    portions = [dates[first : first + DATES_AT_ONCE] for first in range(0, len(dates), DATES_AT_ONCE)]
    kept = [frame.cache() for frame in frames] if len(portions) > 1 else []
    for portion in portions:
        wanted = [frame.where(F.col(column).between(portion[0], portion[-1])) for frame in kept] if kept else frames
        yield portion, tuple(_by_date(frame, column) for frame in wanted)
    for frame in kept:
        frame.unpersist()


def _by_date(frame: DataFrame, column: str) -> RowsOfDate:
    rows: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in frame.toArrow().to_pylist():  # half the time of collect(), which pickles row by row
        rows[row[column]].append(row)
    return rows


def calendar_of(spark: SparkSession, first: date, last: date) -> DataFrame:
    """One row per day: day, session (it, or the first after it) that ends at closes_at, next_session, the first after
    the day, and session_number, how many sessions there were up to it.
    """
    sessions = sessions_between(first, next_session(last))
    rows, number = [], 0
    for day in (first + timedelta(days=count) for count in range((last - first).days + 1)):
        session = sessions[number]
        if session == day:
            number += 1
        rows.append((day, session, close_of(session), sessions[number], number))
    return local_frame(
        spark, rows, "day date, session date, closes_at timestamp, next_session date, session_number int"
    )


def session_numbers(spark: SparkSession, first: date, last: date) -> DataFrame:
    """on_date, session_number: of each day the number of the session that it is, or that comes after it.

    A bar of any exchange thus lies in a period when its number is above the start's and not above the end's.
    """
    number = F.col("session_number") + F.when(F.col("session") > F.col("day"), 1).otherwise(0)
    return calendar_of(spark, first, last).select(F.col("day").alias("on_date"), number.alias("session_number"))
