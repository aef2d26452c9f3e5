"""Small frames of plain values, as a person writes them down."""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame, SparkSession

from utils.sessions import session_offset

D = date(2026, 1, 23)
BACK_5 = session_offset(D, -5)  # 2026-01-15: the 19th is a holiday


def bars(
    spark: SparkSession, *rows: tuple[str, date, float], doubts: Sequence[tuple[str, date]] = (), reach: int = 0
) -> DataFrame:
    """(ticker, trade_date, price): the price is close and adjusted close."""
    return spark.createDataFrame(
        [(ticker, day, price, price, (ticker, day) in doubts, reach) for ticker, day, price in rows],
        "ticker string, trade_date date, close_price double, adj_close_price double, in_doubt boolean, reach_days int",
    )


def five_sessions(spark: SparkSession, as_of_date: date = D) -> DataFrame:
    """The period of five sessions that ends with D."""
    return spark.createDataFrame(
        [(as_of_date, 5, session_offset(as_of_date, -5))], "as_of_date date, period_days int, start_date date"
    )
