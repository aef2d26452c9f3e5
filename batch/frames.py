"""Small frames made on the driver from the calendar and from config: what Spark joins against."""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame, SparkSession

from config.universe import ETFS, EXCHANGE_CALENDARS, PERIODS
from utils.sessions import session_offset


def periods_of(spark: SparkSession, sessions: Sequence[date]) -> DataFrame:
    """as_of_date, period_days, start_date: N sessions before D by the calendar, never by the bars (rules 1)."""
    rows = [(session, days, session_offset(session, -days)) for session in sessions for days in PERIODS]
    return spark.createDataFrame(rows, "as_of_date date, period_days int, start_date date")


def ends_of(sessions: Sequence[date]) -> list[date]:
    """Every session at which a period starts or ends, oldest first."""
    return sorted({day for session in sessions for day in (session, *(session_offset(session, -n) for n in PERIODS))})


def universe_of(spark: SparkSession) -> DataFrame:
    """ticker, etf_type, sector_name of the fifteen ETFs (contracts 1)."""
    rows = [(etf.ticker, etf.etf_type, etf.sector_name) for etf in ETFS]
    return spark.createDataFrame(rows, "ticker string, etf_type string, sector_name string")


def exchanges_of(spark: SparkSession) -> DataFrame:
    """exchange, calendar: the source's codes of the exchanges that are not New York's."""
    return spark.createDataFrame(list(EXCHANGE_CALENDARS.items()), "exchange string, calendar string")
