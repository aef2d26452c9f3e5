"""The monthly portfolio (rules 5)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from pyspark.sql import SparkSession

from batch.spark_04_monthly_portfolio_rebalancer import parse_rebalances, valid_until
from batch.stage import Asked
from batch.transforms.rebalance import merge, rank_and_weigh
from config.universe import FIRST_RANK_OF_NEW, MONTHLY_SCORES
from database.connection import connect
from database.portfolios import Portfolio, publish_daily
from test.batch.programs import REBALANCER, Clock, Row, Run, succeed
from test.conftest import Database
from utils.program import ALREADY_COMPLETE, FAILED, UsageError
from utils.sessions import close_of, last_sunday_at_or_before, last_sundays_between, next_session, sessions_between

SUNDAY = date(2026, 1, 25)


def rebalanced(spark: SparkSession, *portfolios: tuple[int, dict[str, float]], on: date = SUNDAY) -> list[Any]:
    """(period, {ticker: weight}) …: the monthly positions in rank order."""
    rows = [
        (on, days, ticker, weight, f"{ticker} Inc", "Energy", 1e12)
        for days, weights in portfolios
        for ticker, weight in weights.items()
    ]
    held = spark.createDataFrame(
        rows,
        "rebalance_date date, period_days int, ticker string, portfolio_weight double, company_name string, "
        "sector string, market_cap double",
    )
    scores = spark.createDataFrame(list(MONTHLY_SCORES.items()), "source_periods string, score double")
    ranked = rank_and_weigh(merge(held, scores), longest=20, first_rank_of_new=FIRST_RANK_OF_NEW)
    return ranked.sort("final_rank").collect()


def test_each_row_of_the_score_table(spark: SparkSession) -> None:
    rows = rebalanced(
        spark,
        (20, {"L": 0.4, "LM": 0.3, "LS": 0.2, "LMS": 0.1}),
        (10, {"LM": 0.4, "LMS": 0.3, "MS": 0.2, "M": 0.1}),
        (5, {"LS": 0.4, "LMS": 0.3, "MS": 0.2, "S": 0.1}),
    )
    assert [(row.final_rank, row.ticker, row.source_periods, row.score) for row in rows] == [
        (1, "LMS", "20d,10d,5d", 3.0),
        (2, "LM", "20d,10d", 2.0),  # 0.3 of the 20-session portfolio, LS 0.2
        (3, "LS", "20d,5d", 2.0),
        (4, "L", "20d", 1.0),
        (20, "MS", "10d,5d", 2.0),
        (21, "M", "10d", 0.5),
        (22, "S", "5d", 0.3),
    ]
    # Σ scores = 3 + 2 + 2 + 1 + 2 + 0.5 + 0.3 = 10.8
    assert {row.ticker: row.final_weight for row in rows} == {
        "LMS": Decimal("0.2777777778"),
        "LM": Decimal("0.1851851852"),
        "LS": Decimal("0.1851851852"),
        "L": Decimal("0.0925925926"),
        "MS": Decimal("0.1851851852"),
        "M": Decimal("0.0462962963"),
        "S": Decimal("0.0277777777"),  # 0.02777…: the largest remainders are the others'
    }


def test_ties_go_by_weight_in_the_longest_period_then_by_ticker(spark: SparkSession) -> None:
    rows = rebalanced(
        spark, (20, {"B": 0.3, "A": 0.3, "C": 0.4}), (10, {"E": 0.5, "D": 0.5}), (5, {"D": 0.1, "E": 0.9})
    )
    assert [(row.final_rank, row.ticker) for row in rows] == [(1, "C"), (2, "A"), (3, "B"), (20, "D"), (21, "E")]


def test_new_stocks_rank_after_the_existing_where_there_are_more_than_nineteen(spark: SparkSession) -> None:
    nineteen = {f"T{number:02d}": 1 / 19 for number in range(19)}
    twenty = {f"T{number:02d}": 1 / 20 for number in range(20)}
    assert rebalanced(spark, (20, nineteen), (5, {"NEW": 1.0}))[-1].final_rank == 20
    assert rebalanced(spark, (20, twenty), (5, {"NEW": 1.0}))[-1].final_rank == 21


def test_without_a_20_session_portfolio_all_are_new(spark: SparkSession) -> None:
    rows = rebalanced(spark, (10, {"A": 1.0}))
    assert [(row.ticker, row.final_rank, row.final_weight) for row in rows] == [("A", 20, Decimal(1))]
    assert rebalanced(spark) == []


def test_weights_follow_from_membership_alone(spark: SparkSession) -> None:
    one = rebalanced(spark, (20, {"A": 0.9, "B": 0.1}), (5, {"A": 1.0, "C": 0.0}))
    other = rebalanced(spark, (20, {"A": 0.2, "B": 0.8}), (5, {"A": 0.3, "C": 0.7}))
    assert {row.ticker: row.final_weight for row in one} == {row.ticker: row.final_weight for row in other}


def test_the_last_sundays() -> None:
    assert [day.isoformat() for day in last_sundays_between(date(2025, 8, 31), date(2026, 2, 22))] == [
        "2025-08-31",
        "2025-09-28",
        "2025-10-26",
        "2025-11-30",
        "2025-12-28",
        "2026-01-25",
        "2026-02-22",
    ]
    assert last_sunday_at_or_before(date(2026, 2, 22)) == date(2026, 2, 22)
    assert last_sunday_at_or_before(date(2026, 2, 21)) == SUNDAY
    assert last_sundays_between(date(2026, 2, 1), date(2026, 1, 1)) == []


def test_valid_until_is_the_twentieth_session_after_it() -> None:
    assert len(sessions_between(SUNDAY, valid_until(SUNDAY))) == 20
    assert valid_until(SUNDAY) == date(2026, 2, 23)  # Presidents' Day, the 16th, is none


def test_which_rebalances_are_asked_for() -> None:
    today = date(2026, 2, 3)
    assert parse_rebalances([], today=today) == Asked(SUNDAY)
    assert parse_rebalances(["--rebalance-date", "2025-12-28"], today=today) == Asked(date(2025, 12, 28))
    assert parse_rebalances(["--force"], today=today) == Asked(SUNDAY, force=True)
    assert parse_rebalances(["--rebalance-date", "2026-01-14", "--force"], today=today) == Asked(
        date(2026, 1, 14), force=True
    )
    range_of_three = ["--from", "2025-11-30", "--to", "2026-02-03"]
    assert parse_rebalances(range_of_three, today=today) == Asked(SUNDAY, date(2025, 11, 30))
    assert parse_rebalances([*range_of_three, "--force"], today=today) == Asked(SUNDAY, date(2025, 11, 30), force=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rebalance-date", "2026-01-18"], "is not the last Sunday of its month, 2026-01-25: add --force"),
        (["--rebalance-date", "2026-02-22"], "is in the future: today is 2026-02-03"),
        (["--rebalance-date", "2026-02-04", "--force"], "is in the future"),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "is after"),
        (["--from", "2026-01-02", "--to", "2026-01-20"], "no month's last Sunday lies between"),
        (["--from", "2026-01-02", "--to", "2026-02-28"], "is in the future"),
        (["--from", "2026-01-02"], "expected --rebalance-date, or both"),
        (["--rebalance-date", "2026-01-25", "--from", "2026-01-02", "--to", "2026-01-20"], "expected --rebalance-date"),
    ],
)
def test_what_cannot_be_is_a_users_mistake(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_rebalances(arguments, today=date(2026, 2, 3))


INPUT = date(2025, 12, 26)
REBALANCE = date(2025, 12, 28)


def publish(
    market: psycopg.Connection[Row], database: Database, day: date, *portfolios: tuple[int, dict[str, str]]
) -> None:
    """What stage 5 would have published for a session: (period, {ticker: weight}) …; XLV's JNJ had no return."""
    made = [
        Portfolio(
            strategy=f"{days}d",
            as_of_date=day,
            next_close=close_of(next_session(day)),
            positions=[
                {
                    "as_of_date": day,
                    "period_days": days,
                    "ticker": ticker,
                    "company_name": f"{ticker} Inc",
                    "sector": "Energy",
                    "market_cap": 1e12,
                    "return_pct": 1.0,
                    "portfolio_weight": Decimal(weight),
                    "rank": rank,
                    "allocation_score": 1.0,
                    "source_etfs": "QQQ",
                    "allocation_reason": "Highest.",
                    "market_cap_source": "quote",
                }
                for rank, (ticker, weight) in enumerate(weights.items(), start=1)
            ],
            left_out=[{"etf": "XLV", "ticker": "JNJ", "reason": "no_return"}] if days == 5 else [],
            holdings_oldest=date(2025, 12, days),
        )
        for days, weights in portfolios
    ]
    with connect(database.settings("batch")) as connection:
        publish_daily(connection, made, published_at=close_of(day), run_id="test")


@pytest.mark.timeout(300)
def test_the_program_on_a_database(run: Run, clock: Clock, market: psycopg.Connection[Row], database: Database) -> None:
    clock.now = datetime(2025, 12, 28, 14, tzinfo=UTC)
    market.execute("UPDATE collected_04_etf_holdings SET as_of_date = %s", (INPUT,))  # the lists it was picked from
    failed = run(REBALANCER)
    assert failed.returncode == FAILED
    assert failed.stderr.splitlines()[-1] == (
        "spark_04_monthly_portfolio_rebalancer.py: 2025-12-28: no session of the 7 days before has all three "
        "portfolios; there is none"
    )
    publish(market, database, INPUT, (5, {"AAA": "1"}), (10, {"900010.KS": "1"}), (20, {"AAA": "0.4", "CCC": "0.6"}))
    assert "success: asked 1, stored 1" in succeed(run, REBALANCER)
    # Σ scores = 2 + 1 + 0.5; closes rose at D − 20, so from 50 to 55, 30 to 33 and 100 000 to 104 000 won.
    assert market.execute(
        """SELECT final_rank, ticker, score, source_periods, final_weight, return_20d, valid_until, allocation_reason
           FROM analytics_08_monthly_portfolio WHERE rebalance_date = %s ORDER BY 1""",
        (REBALANCE,),
    ).fetchall() == [
        (1, "AAA", 2, "20d,5d", Decimal("0.5714285714"), 10, date(2026, 1, 27), _held_by("20d, 5d portfolios")),
        (2, "CCC", 1, "20d", Decimal("0.2857142857"), 10, date(2026, 1, 27), _held_by("20d portfolio")),
        (
            20,
            "900010.KS",
            Decimal("0.5"),
            "10d",
            Decimal("0.1428571429"),
            4,
            date(2026, 1, 27),
            _held_by("10d portfolio"),
        ),
    ]
    assert market.execute(
        """SELECT as_of_date, revision, status, origin, positions, input_as_of_date, holdings_oldest, left_out
           FROM analytics_portfolios WHERE strategy = 'monthly'"""
    ).fetchall() == [
        (
            REBALANCE,
            1,
            "partial",
            "live",
            3,
            INPUT,
            date(2025, 12, 5),
            [{"etf": "XLV", "ticker": "JNJ", "reason": "no_return"}],
        )
    ]
    assert run(REBALANCER).returncode == ALREADY_COMPLETE
    # By force it is made again, and as nothing differs it is no new revision.
    assert "success: asked 1, stored 1" in succeed(run, REBALANCER, "--force")
    assert market.execute("SELECT revision FROM analytics_portfolios WHERE strategy = 'monthly'").fetchall() == [(1,)]

    # An input that is revised makes the rebalance run again: a second revision, empty and recorded.
    publish(market, database, INPUT, (5, {}), (10, {}), (20, {}))
    succeed(run, REBALANCER)
    assert market.execute(
        "SELECT revision, status, positions FROM analytics_portfolios WHERE strategy = 'monthly'"
    ).fetchall() == [(2, "partial", 0)]
    assert market.execute("SELECT count(*) FROM analytics_08_monthly_portfolio").fetchone() == (0,)
    # Too old an input is refused by name, and what was published stays.
    clock.now = datetime(2026, 1, 25, 14, tzinfo=UTC)
    stale = run(REBALANCER)
    assert stale.returncode == FAILED
    assert "the newest is of 2025-12-26" in stale.stderr


@pytest.mark.timeout(300)
def test_a_range_computes_what_has_an_input(
    run: Run, clock: Clock, market: psycopg.Connection[Row], database: Database
) -> None:
    clock.now = datetime(2026, 1, 25, 14, tzinfo=UTC)
    months = ("--from", "2025-11-01", "--to", "2025-12-31")
    nothing = run(REBALANCER, *months)
    assert nothing.returncode == FAILED
    assert "failed: asked 2, stored 0, unchanged 0, failed 2" in nothing.stdout
    assert "Traceback" not in nothing.stderr
    publish(market, database, INPUT, (5, {}), (10, {}), (20, {"CCC": "1"}))
    assert "partial: asked 2, stored 1, unchanged 0, failed 1" in succeed(run, REBALANCER, *months)
    assert market.execute("SELECT rebalance_date, ticker FROM analytics_08_monthly_portfolio").fetchall() == [
        (REBALANCE, "CCC")
    ]


def _held_by(portfolios: str) -> str:
    return f"Held by the {portfolios} of 2025-12-26."
