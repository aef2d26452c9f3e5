"""Picks and weights (rules 4.3-4.7)."""

import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from batch.transforms.allocation import allocate, judge_candidates, largest_remainder
from test.batch.rows import D

CAP = 0.4e12


class Holding:
    """A holding as a person sees it; everything it needs to be a candidate unless told."""

    def __init__(
        self,
        etf: str,
        ticker: str,
        return_pct: float | None,
        *,
        percent: float = 5.0,
        cap: float | None = CAP,
        profile: bool = True,
        doubt: str = "",
        name: str = "",
    ) -> None:
        self.etf, self.ticker, self.return_pct, self.percent = etf, ticker, return_pct, percent
        self.cap, self.profile, self.doubt = cap, profile, doubt
        self.name = name or f"{ticker} Inc"


def judged(spark: SparkSession, *rows: Holding) -> DataFrame:
    holdings = [
        (D, 5, row.etf, row.ticker, number, row.percent, D, row.profile, row.name, None)
        for number, row in enumerate(rows, start=1)
    ]
    returns = {
        (D, 5, row.ticker, row.return_pct, row.doubt == "bar", 1.0) for row in rows if row.return_pct is not None
    }
    caps = {(D, row.ticker, row.cap, "quote", row.doubt == "cap", None) for row in rows}
    return judge_candidates(
        spark.createDataFrame(
            holdings,
            "as_of_date date, period_days int, etf_ticker string, ticker string, holding_rank int, "
            "holding_percent double, holdings_as_of date, has_profile boolean, company_name string, sector string",
        ),
        spark.createDataFrame(
            list(returns),
            "as_of_date date, period_days int, ticker string, return_pct double, in_doubt boolean, close_price double",
        ),
        spark.createDataFrame(
            list(caps),
            "as_of_date date, ticker string, market_cap double, market_cap_source string, cap_in_doubt boolean, "
            "without_rate string",
        ),
    )


def outcomes(frame: DataFrame) -> dict[str, str]:
    return {f"{row.etf_ticker} {row.ticker}": row.outcome for row in frame.collect()}


def positions(frame: DataFrame) -> list[Any]:
    return allocate(frame, unknown_sector="Unknown").sort("rank").collect()


def test_the_best_return_of_each_etf_is_picked_and_the_others_say_why_not(spark: SparkSession) -> None:
    frame = judged(
        spark,
        Holding("QQQ", "BEST", 5.0),
        Holding("QQQ", "LESS", 4.0),
        Holding("QQQ", "FALLS", -1.0),
        Holding("QQQ", "STILL", 0.0),
        Holding("QQQ", "NOBAR", None),
        Holding("QQQ", "NOCAP", 9.0, cap=None),
        Holding("QQQ", "NOTYPE", 9.0, profile=False),
        Holding("QQQ", "ODDBAR", 9.0, doubt="bar"),
        Holding("QQQ", "ODDCAP", 9.0, doubt="cap", cap=None),
    )
    assert outcomes(frame) == {
        "QQQ BEST": "selected",
        "QQQ LESS": "lower_return",
        "QQQ FALLS": "not_positive",
        "QQQ STILL": "not_positive",
        "QQQ NOBAR": "no_return",
        "QQQ NOCAP": "no_market_cap",
        "QQQ NOTYPE": "no_profile",
        "QQQ ODDBAR": "in_doubt",
        "QQQ ODDCAP": "in_doubt",
    }
    [only] = positions(frame)
    assert only.allocation_reason == (
        "Highest 5-session return (5.00 %) among the largest holdings of QQQ. Higher, but without a market cap: NOCAP."
    )
    assert (only.ticker, only.portfolio_weight, only.sector) == ("BEST", Decimal(1), "Unknown")


def test_a_tie_goes_to_the_larger_holding_then_to_the_ticker(spark: SparkSession) -> None:
    frame = judged(
        spark,
        Holding("QQQ", "B", 5.0, percent=3.0),
        Holding("QQQ", "C", 5.0, percent=4.0),
        Holding("QQQ", "A", 5.0, percent=3.0),
        Holding("XLF", "Z", 5.0, percent=3.0),
        Holding("XLF", "Y", 5.0, percent=3.0),
    )
    assert {name for name, outcome in outcomes(frame).items() if outcome == "selected"} == {"QQQ C", "XLF Y"}


def test_an_etf_whose_holdings_all_fall_gives_no_position(spark: SparkSession) -> None:
    frame = judged(spark, Holding("XLU", "A", -1.0), Holding("XLU", "B", -2.0))
    assert positions(frame) == []


def test_a_stock_picked_by_two_etfs_is_one_position(spark: SparkSession) -> None:
    """Scores: 5 % / 0.4 trillion = 12.5 against 4 / 0.8 = 5."""
    frame = judged(
        spark, Holding("XLV", "JNJ", 5.0), Holding("SCHD", "JNJ", 5.0), Holding("XLF", "JPM", 4.0, cap=0.8e12)
    )
    assert [(row.ticker, row.source_etfs, row.allocation_score, row.portfolio_weight) for row in positions(frame)] == [
        ("JNJ", "SCHD,XLV", 12.5, Decimal("0.7142857143")),
        ("JPM", "XLF", 5.0, Decimal("0.2857142857")),
    ]


def test_of_two_spellings_of_a_name_it_is_always_the_same(spark: SparkSession) -> None:
    """A stock without a profile has the name of its lists, and these differ."""
    for names in (("Acme", "ACME INC"), ("ACME INC", "Acme")):
        frame = judged(
            spark, *(Holding(etf, "AAA", 5.0, name=name) for etf, name in zip(("SCHD", "XLV"), names, strict=True))
        )
        assert [row.company_name for row in positions(frame)] == ["Acme"]


def test_equal_weights_are_ranked_by_ticker_and_the_first_gets_the_unit_that_is_left(spark: SparkSession) -> None:
    frame = judged(spark, *(Holding(etf, ticker, 5.0) for etf, ticker in (("XLV", "C"), ("XLF", "A"), ("XLU", "B"))))
    assert [(row.rank, row.ticker, row.portfolio_weight) for row in positions(frame)] == [
        (1, "A", Decimal("0.3333333334")),
        (2, "B", Decimal("0.3333333333")),
        (3, "C", Decimal("0.3333333333")),
    ]


def test_a_weight_of_less_than_a_unit_is_zero_and_stays_a_position(spark: SparkSession) -> None:
    """Scores 2e10 to 1: shares of 0.99999999995 and half a unit; the tie for the missing unit goes to the first."""
    small, large = Holding("XLF", "SMALL", 5.0, cap=100.0), Holding("QQQ", "LARGE", 5.0, cap=2e12)
    assert [(row.rank, row.ticker, row.portfolio_weight) for row in positions(judged(spark, small, large))] == [
        (1, "SMALL", Decimal("0.9999999999")),
        (2, "LARGE", Decimal("0.0000000001")),
    ]
    larger = Holding("QQQ", "LARGER", 5.0, cap=2.1e12)
    assert [(row.rank, row.ticker, row.portfolio_weight) for row in positions(judged(spark, small, larger))] == [
        (1, "SMALL", Decimal(1)),
        (2, "LARGER", Decimal(0)),
    ]


def test_any_weights_sum_to_one_and_equal_those_of_exact_arithmetic(spark: SparkSession) -> None:
    """300 portfolios of 1 to 14 scores over twelve orders of magnitude, against fractions."""
    draw = random.Random(7)
    scores = {
        (days, f"T{number:02d}"): draw.choice([1.0, 2.5, 10 ** draw.uniform(-6, 6)])
        for days in range(300)
        for number in range(draw.randint(1, 14))
    }
    frame = spark.createDataFrame(
        [(D, days, ticker, score) for (days, ticker), score in scores.items()],
        "as_of_date date, period_days int, ticker string, allocation_score double",
    )
    weights: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for row in largest_remainder(
        frame, by=["as_of_date", "period_days"], score="allocation_score", weight="portfolio_weight"
    ).collect():
        weights[row.period_days][row.ticker] = row.portfolio_weight
    assert len(weights) == 300
    for days, found in weights.items():
        assert sum(found.values()) == 1
        exact = {ticker: Fraction(scores[days, ticker]) for ticker in found}
        assert found == _exact_weights(exact)


def _exact_weights(scores: dict[str, Fraction]) -> dict[str, Decimal]:
    shares = {ticker: score / sum(scores.values()) * 10**10 for ticker, score in scores.items()}
    units = {ticker: int(share) for ticker, share in shares.items()}
    by_remainder = sorted(shares, key=lambda ticker: (units[ticker] - shares[ticker], ticker))
    for ticker in by_remainder[: 10**10 - sum(units.values())]:
        units[ticker] += 1
    return {ticker: Decimal(count).scaleb(-10) for ticker, count in units.items()}
