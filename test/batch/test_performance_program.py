"""Realised performance as a program on a real database (rules 8)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from database import extracts
from database.connection import connect
from database.portfolios import Portfolio, publish_daily
from test.batch.programs import ETFS_TABLE, PERFORMANCE, STOCKS, Clock, Row, Run, succeed, write_bar
from test.conftest import Database
from utils.program import ALREADY_COMPLETE
from utils.sessions import close_of, next_session, sessions_between

pytestmark = pytest.mark.timeout(600)

MON, TUE, WED, THU, FRI = sessions_between(date(2026, 1, 5), date(2026, 1, 9))
PRICES = {"AAA": (10, 11, 11, 22, 33), "BBB": (1, 1, 2, 2, 3), "900010.KS": (1e5, 1e5, 1e5, 1e5, 2e5)}

SERIES = """SELECT origin, trade_date, daily_return, benchmark_return, equity, equity_net, benchmark_equity, turnover,
                   cost, positions, incomplete, without_bar
            FROM analytics_portfolio_performance WHERE strategy = '5d' ORDER BY 1, 2"""
ALL = """SELECT strategy, origin, trade_date, daily_return, benchmark_return, equity, equity_net, benchmark_equity,
                turnover, cost, positions, incomplete, without_bar
         FROM analytics_portfolio_performance ORDER BY 1, 2, 3"""
WRITTEN = "SELECT strategy, origin, trade_date, updated_at FROM analytics_portfolio_performance ORDER BY 1, 2, 3"


def publish(database: Database, as_of_date: date, weights: dict[str, str], at: datetime) -> None:
    """As stage 5 would have: all three strategies, the longer two empty."""
    positions = [
        {
            "as_of_date": as_of_date,
            "period_days": 5,
            "ticker": ticker,
            "company_name": ticker,
            "sector": "Energy",
            "market_cap": 10**12,
            "return_pct": 1,
            "portfolio_weight": Decimal(weight),
            "rank": rank,
            "allocation_score": 1,
            "source_etfs": "XLF",
            "allocation_reason": "it rose",
            "market_cap_source": "quote",
        }
        for rank, (ticker, weight) in enumerate(weights.items(), start=1)
    ]
    made = [
        Portfolio(f"{days}d", as_of_date, close_of(next_session(as_of_date)), positions if days == 5 else [], [])
        for days in (5, 10, 20)
    ]
    with connect(database.settings("batch")) as connection:
        publish_daily(connection, made, published_at=at, run_id="test")


@pytest.fixture
def prices(server: psycopg.Connection[Row]) -> psycopg.Connection[Row]:
    """A week of bars; SPY gains 1 % a day from 100."""
    for ticker, levels in PRICES.items():
        for day, price in zip((MON, TUE, WED, THU, FRI), levels, strict=True):
            write_bar(server, STOCKS, ticker, day, price)
    for number, day in enumerate((MON, TUE, WED, THU, FRI)):
        write_bar(server, ETFS_TABLE, "SPY", day, round(100 * 1.01**number, 6))
    server.execute(
        """INSERT INTO collected_00_fx_rate (currency, rate_date, usd_per_unit, fetched_at, changed_at, run_id)
           VALUES ('KRW', %s, 0.0007, '2025-12-31Z', '2025-12-31Z', 'test')""",
        (MON - timedelta(days=3),),
    )
    return server


def test_what_a_position_may_be_valued_by(database: Database, prices: psycopg.Connection[Row]) -> None:
    """A bar in doubt, and one of price 0 even when it is confirmed, are none: the last good one stands."""
    publish(database, WED, {"AAA": "0.5", "BBB": "0.5"}, close_of(WED))
    doubted = "UPDATE {} SET doubt = 'spike', doubt_value = close_price, confirmed_at = {} WHERE trade_date = '{}'"
    prices.execute(doubted.format(STOCKS, "NULL", WED))
    prices.execute(doubted.format(STOCKS, "now()", THU))
    prices.execute(doubted.format(ETFS_TABLE, "NULL", WED))
    prices.execute(f"UPDATE {STOCKS} SET adj_close_price = 0 WHERE ticker = 'AAA' AND trade_date >= %s", (THU,))
    held = prices.execute(extracts.held_bars(FRI)).fetchall()
    assert sorted((ticker, day, price) for ticker, day, price, _ in held) == [
        ("AAA", TUE, 11),
        ("BBB", TUE, 1),
        ("BBB", THU, 2),
        ("BBB", FRI, 3),
    ]
    assert [day for _, day, _ in prices.execute(extracts.benchmark_bars(FRI))] == [MON, TUE, THU, FRI]


def test_revisions_and_positions_are_of_the_state_the_run_began_with(
    run: Run, clock: Clock, database: Database, prices: psycopg.Connection[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were they not, a portfolio published between the two reads would be a revision without positions: cash."""
    clock.now = close_of(FRI) + timedelta(hours=1)
    publish(database, MON, {"AAA": "1"}, close_of(MON))
    weights_until = extracts.published_weights

    def published_meanwhile(last: date) -> str:
        publish(database, MON, {"AAA": "0.5", "BBB": "0.5"}, close_of(MON) + timedelta(minutes=1))
        return weights_until(last)

    positions = "SELECT DISTINCT positions FROM analytics_portfolio_performance WHERE strategy = '5d'"
    monkeypatch.setattr(extracts, "published_weights", published_meanwhile)
    succeed(run, PERFORMANCE, f"--as-of={FRI}")
    assert prices.execute(positions).fetchall() == [(1,)]
    monkeypatch.setattr(extracts, "published_weights", weights_until)
    succeed(run, PERFORMANCE, f"--as-of={FRI}")
    assert prices.execute(positions).fetchall() == [(2,)]
    assert sorted(prices.execute(extracts.published_weights(FRI)).fetchall()) == [
        ("5d", MON, 1, "AAA", 1),
        ("5d", MON, 2, "AAA", 0.5),
        ("5d", MON, 2, "BBB", 0.5),
    ]


def row(origin: str, trade_date: date, numbers: str, positions: int) -> Row:
    """daily_return, benchmark_return, equity, equity_net, benchmark_equity, turnover, cost as stored; - is NULL."""
    values = (None if each == "-" else Decimal(each) for each in numbers.split())
    return (origin, trade_date, *values, positions, False, None)


def test_a_week(run: Run, clock: Clock, database: Database, prices: psycopg.Connection[Row]) -> None:
    """One database through its days: each step begins where the one before ended, as programs are slow to start."""
    # Nothing has been published: a result, too.
    clock.now = close_of(MON) + timedelta(hours=1)
    assert "no portfolio was bought by 2026-01-05" in succeed(run, PERFORMANCE)

    # Friday's portfolio, calculated afterwards; Monday's, revised before Tuesday's close; Tuesday's is empty.
    friday = date(2026, 1, 2)
    publish(database, friday, {"BBB": "1"}, datetime(2026, 1, 5, 22, tzinfo=UTC))
    publish(database, MON, {"BBB": "1"}, close_of(MON) + timedelta(hours=1))
    publish(database, MON, {"AAA": "0.5", "900010.KS": "0.5"}, close_of(TUE) - timedelta(minutes=1))
    publish(database, MON, {"BBB": "1"}, close_of(TUE))
    publish(database, WED, {}, close_of(WED) + timedelta(hours=1))
    publish(database, THU, {"BBB": "1"}, close_of(THU) + timedelta(hours=1))
    clock.now = close_of(FRI) + timedelta(hours=1)
    # The 10- and 20-session portfolios are empty, and are held, too: the four days before have no row of them.
    assert "success: asked 5, stored 5" in succeed(run, PERFORMANCE)
    assert prices.execute(SERIES).fetchall() == [
        # Bought for 100 %: AAA and the Korean stock. On Thursday AAA has doubled and is sold with the other: 1.5.
        row("live", TUE, "- - 1 0.999 1 1 0.001", 2),
        row("live", WED, "0 1 1 0.999 1.01 0 0", 2),
        row("live", THU, "50 1 1.5 1.4970015 1.0201 1 0.001", 0),
        row("live", FRI, "0 1 1.5 1.4955044985 1.030301 1 0.001", 1),
        # Friday's was bought on Monday, in a series of its own, and held until the live one was bought.
        row("simulated", MON, "- - 1 0.999 1 1 0.001", 1),
        row("simulated", TUE, "0 1 1 0.999 1.01 0 0", 1),
    ]

    # Again: nothing to do. Asked for by range: the same rows, none of them written anew.
    assert run(PERFORMANCE).returncode == ALREADY_COMPLETE
    before, written = prices.execute(ALL).fetchall(), prices.execute(WRITTEN).fetchall()
    assert len(before) == 6 + 2 * 6
    assert "asked 4, stored 4" in succeed(run, PERFORMANCE, "--from", TUE.isoformat(), "--to", FRI.isoformat())
    assert prices.execute(WRITTEN).fetchall() == written

    # One run a session gives the same rows.
    prices.execute("DELETE FROM analytics_portfolio_performance")
    for session in (TUE, THU, FRI):
        succeed(run, PERFORMANCE, "--from", session.isoformat(), "--to", session.isoformat())
    assert prices.execute(ALL).fetchall() == before

    # A bar of a stock that is held changes: the run is due again, and only what follows is written.
    prices.execute(
        f"""UPDATE {STOCKS} SET adj_close_price = 2e5, close_price = 2e5, changed_at = now() + interval '1 second'
            WHERE ticker = '900010.KS' AND trade_date = %s""",
        (THU,),
    )
    written = prices.execute(WRITTEN).fetchall()
    succeed(run, PERFORMANCE)
    changed = {tuple(key) for *key, _ in set(prices.execute(WRITTEN).fetchall()) - set(written)}
    assert changed == {("5d", "live", THU), ("5d", "live", FRI)}
    assert prices.execute(SERIES).fetchall()[2][4] == Decimal(2)  # both have doubled

    # A row that nothing explains goes; rows after the session asked for stay.
    prices.execute(
        """UPDATE analytics_portfolio_performance SET strategy = 'monthly'
           WHERE strategy = '5d' AND origin = 'simulated' AND trade_date = %s""",
        (TUE,),
    )
    succeed(run, PERFORMANCE, "--from", THU.isoformat(), "--to", THU.isoformat())
    assert [each[:3] for each in prices.execute(WRITTEN)] == [each[:3] for each in written]


def test_a_stock_without_bars_is_named(
    run: Run, clock: Clock, database: Database, prices: psycopg.Connection[Row]
) -> None:
    """AAA has its last bar on Friday; six sessions later, the 20th, it is named (the 19th is a holiday)."""
    publish(database, MON, {"AAA": "1"}, close_of(MON) + timedelta(hours=1))
    last = date(2026, 1, 20)
    clock.now = close_of(last) + timedelta(hours=1)
    succeed(run, PERFORMANCE)
    live = prices.execute(
        "SELECT trade_date, incomplete, without_bar FROM analytics_portfolio_performance "
        "WHERE strategy = '5d' AND trade_date > %s ORDER BY 1",
        (FRI,),
    ).fetchall()
    days = sessions_between(date(2026, 1, 12), last)
    assert live == [*((day, False, None) for day in days[:5]), (last, True, "AAA")]
    assert prices.execute(
        "SELECT check_name, ticker, session, severity, detail FROM data_quality_findings"
    ).fetchall() == [("held without a bar", "AAA", last, "warn", "no bar for more than 5 sessions; held by 5d (live)")]
