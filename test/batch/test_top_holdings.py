"""How an ETF's holdings did over a period (rules 6)."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from batch.frames import session_numbers
from batch.transforms.returns import daily_returns
from batch.transforms.top_holdings import daily_statistics, measure_holdings
from test.batch.rows import BACK_5, D, five_sessions
from utils.sessions import sessions_between

SESSIONS = sessions_between(BACK_5, D)  # the 15th, 16th, 20th, 21st, 22nd, 23rd of January: the 19th is a holiday
Bar = tuple[str, date, float, int]


def statistics(spark: SparkSession, *bars: Bar, as_of_dates: Sequence[date] = (D,), days: int = 5) -> dict[str, Any]:
    """Over five sessions, of every ticker at each date; the key is the ticker, of several dates the date's day."""
    frame = spark.createDataFrame(
        [(ticker, day, price, price, volume) for ticker, day, price, volume in bars],
        "ticker string, trade_date date, close_price double, adj_close_price double, volume bigint",
    )
    dates = spark.createDataFrame([(day,) for day in as_of_dates], "as_of_date date")
    found = daily_statistics(
        daily_returns(frame),
        frame.select("ticker").distinct().crossJoin(dates),
        session_numbers(spark, BACK_5 + timedelta(days=1), as_of_dates[-1]),
        periods=[days],
    ).collect()
    return {row.ticker if len(as_of_dates) == 1 else str(row.as_of_date.day): row for row in found}


def test_daily_returns_are_those_after_the_start_bar_up_to_the_session(spark: SparkSession) -> None:
    """Of +100 (before the start), +10 on the 16th, 0, 0, 0 and -10 %: mean 0, deviation √(200 / 4) = 7.071068."""
    prices = [50.0, 100.0, 110.0, 110.0, 110.0, 110.0, 99.0]
    days = [BACK_5 - timedelta(days=1), *SESSIONS]
    row = statistics(
        spark, *(("A", day, price, 10 + place) for place, (day, price) in enumerate(zip(days, prices, strict=True)))
    )["A"]
    assert (row.period_days, row.observations, round(row.avg_return, 9)) == (5, 5, 0)
    assert round(row.volatility, 6) == 7.071068
    assert row.avg_volume == 14.0  # of 12 to 16: the start bar's own volume is not among them


def test_a_missing_bar_between_the_ends_leaves_one_return_less(spark: SparkSession) -> None:
    """The 20th is missing: the 21st stands against the 16th, so that the four returns multiply to the whole."""
    days = [day for day in SESSIONS if day != date(2026, 1, 20)]
    prices = [100.0, 110.0, 121.0, 121.0, 121.0]
    found = statistics(spark, *(("A", day, price, 10) for day, price in zip(days, prices, strict=True)))["A"]
    assert (found.observations, round(found.avg_return, 9)) == (4, 5.0)  # 10, 10, 0, 0


def test_bars_of_other_exchanges_count_on_their_own_days(spark: SparkSession) -> None:
    """Korea trades on the 19th and not on the 23rd: the bar of the 22nd ends the period, that of the 14th starts it."""
    days = [date(2026, 1, day) for day in (13, 14, 16, 19, 20, 21, 22)]
    prices = [50.0, 100.0, 101.0, 101.0, 101.0, 101.0, 101.0]
    row = statistics(spark, *(("K", day, price, 10) for day, price in zip(days, prices, strict=True)))["K"]
    assert (row.observations, round(row.avg_return, 9)) == (5, 0.2)  # 1 % on the 16th, then four times nothing


def test_a_zero_price_gives_no_return_and_no_error(spark: SparkSession) -> None:
    prices = [1.0, 0.0, 2.0, 2.0, 2.0, 3.0]
    row = statistics(spark, *(("A", day, price, 10) for day, price in zip(SESSIONS, prices, strict=True)))["A"]
    assert (row.observations, row.avg_return) == (4, -12.5)  # -100, none, 0, 0, 50


def test_each_session_of_a_range_looks_back_from_itself(spark: SparkSession) -> None:
    """Prices 100, 101, 102, 103, 104, 105: over one session the return of that session only."""
    bars = [("A", day, 100.0 + place, 10 * place) for place, day in enumerate(SESSIONS)]
    rows = statistics(spark, *bars, as_of_dates=SESSIONS[-2:], days=1)
    assert {day: (row.observations, round(row.avg_return, 6), row.avg_volume) for day, row in rows.items()} == {
        "22": (1, 0.970874, 40.0),
        "23": (1, 0.961538, 50.0),
    }


class Holding:
    """A holding as a person sees it: nothing is missing unless told."""

    def __init__(
        self,
        ticker: str,
        return_pct: float | None = 1.0,
        *,
        observations: int = 5,
        volatility: float | None = 2.0,
        avg_volume: float = 10.0,
        doubt: bool = False,
        etf: str = "QQQ",
    ) -> None:
        self.etf, self.ticker, self.return_pct, self.doubt = etf, ticker, return_pct, doubt
        self.observations, self.volatility, self.avg_volume = observations, volatility, avg_volume


def measured(spark: SparkSession, *rows: Holding) -> dict[str, Any]:
    found = measure_holdings(
        spark.createDataFrame(
            [(D, row.etf, row.ticker, f"{row.ticker} Inc", None) for row in rows],
            "as_of_date date, etf_ticker string, ticker string, company_name string, sector string",
        ),
        five_sessions(spark),
        spark.createDataFrame(
            [(D, 5, row.ticker, row.return_pct, row.doubt, 50.0) for row in rows if row.return_pct or row.doubt],
            "as_of_date date, period_days int, ticker string, return_pct double, in_doubt boolean, close_price double",
        ),
        spark.createDataFrame(
            [(D, 5, row.ticker, row.observations, 0.5, row.volatility, row.avg_volume) for row in rows],
            "as_of_date date, period_days int, ticker string, observations bigint, avg_return double, "
            "volatility double, avg_volume double",
        ),
        spark.createDataFrame(
            [(D, "A", 4e12, None)], "as_of_date date, ticker string, market_cap double, without_rate string"
        ),
        ranked=5,
        unknown_sector="Unknown",
    ).collect()
    return {row.holding_ticker: row for row in found}


def test_the_five_best_have_a_rank_and_ties_go_by_ticker(spark: SparkSession) -> None:
    returns = {"A": 1.0, "B": 9.0, "C": 3.0, "D": 3.0, "E": -1.0, "F": 0.5, "G": None}
    rows = measured(spark, *(Holding(ticker, value) for ticker, value in returns.items()))
    ranks = {ticker: row.rank_position for ticker, row in rows.items()}
    assert ranks == {"B": 1, "C": 2, "D": 3, "A": 4, "F": 5, "E": None, "G": None}
    assert {ticker: row.missing for ticker, row in rows.items() if row.missing} == {"G": "no_return"}


def test_each_etf_ranks_its_own(spark: SparkSession) -> None:
    rows = measured(spark, Holding("A", 1.0), Holding("B", 2.0, etf="XLF"))
    assert {ticker: row.rank_position for ticker, row in rows.items()} == {"A": 1, "B": 1}


def test_a_doubtful_bar_is_named_as_such(spark: SparkSession) -> None:
    row = measured(spark, Holding("A", None, doubt=True))["A"]
    assert (row.missing, row.total_return, row.rank_position) == ("in_doubt", None, None)


def test_too_few_daily_returns_say_nothing_but_the_return_stays(spark: SparkSession) -> None:
    """Four of five are enough, three are not."""
    rows = measured(spark, Holding("A", observations=4), Holding("B", observations=3))
    assert (rows["A"].avg_return, rows["A"].volatility) == (0.5, 2.0)
    assert round(rows["A"].sharpe_ratio, 6) == 3.968627  # 0.5 / 2 × 15.874508
    assert (rows["B"].avg_return, rows["B"].volatility, rows["B"].sharpe_ratio) == (None, None, None)
    assert (rows["B"].total_return, rows["B"].observations) == (1.0, 3)


@pytest.mark.parametrize("volatility", [0.0, 1e-15, None])
def test_without_volatility_there_is_no_sharpe_ratio(spark: SparkSession, volatility: float | None) -> None:
    assert measured(spark, Holding("A", volatility=volatility))["A"].sharpe_ratio is None


def test_what_is_known_of_the_holding(spark: SparkSession) -> None:
    """Half a share is rounded up; a stock without a cap keeps its row."""
    rows = measured(spark, Holding("A", avg_volume=10.5), Holding("B"))
    row = rows["A"]
    assert (row.holding_name, row.holding_sector, row.avg_volume) == ("A Inc", "Unknown", 11)
    assert (row.current_price, row.market_cap, rows["B"].market_cap) == (50.0, 4e12, None)
