"""The weekly data check: each fault, planted alone, is found; without it nothing is."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from config.universe import EXCHANGE_CALENDARS
from database import check_data, data_checks
from database.connection import Connection, connect
from database.data_checks import CHECKS, Asked
from database.findings import Finding
from test.conftest import Database
from test.published import FRIDAY, FRIDAY_EVENING, THURSDAY, header, insert, position, stock, two_evenings
from utils.program import StageFailed
from utils.sessions import previous_session, sessions_until

ASKED = Asked(FRIDAY, doubt_days=14)
SESSIONS = sessions_until(FRIDAY, 10)
SEOUL = sessions_until(date(2026, 1, 23), 10, EXCHANGE_CALENDARS["KSC"])
ONLY_SEOUL = date(2026, 1, 19)  # Martin Luther King's day
RUN = "by-hand"


@pytest.fixture
def db(database: Database) -> Iterator[Connection]:
    """Sound data, as superuser: two evenings' portfolios, and bars, lists and performance that go with them."""
    with database.server.connect(database.name) as superuser:
        two_evenings(superuser)
        header(superuser, "5d", THURSDAY, positions=0, status="empty")
        header(superuser, "10d", THURSDAY, positions=0, status="empty")
        superuser.execute("DELETE FROM collected_01_daily_etf_ohlc")
        for day in SESSIONS:
            bar(superuser, "SPY", day)
            bar(superuser, "ACME", day)
        superuser.execute("UPDATE collected_00_meta_stock SET exchange = 'NMS'")
        # Seoul's sessions are others than New York's.
        stock(superuser, "900010.KS", "Hanguk Chips", "Technology")
        superuser.execute("UPDATE collected_00_meta_stock SET exchange = 'KSC' WHERE ticker = '900010.KS'")
        for day in SEOUL:
            bar(superuser, "900010.KS", day, currency="KRW")
        superuser.execute("UPDATE analytics_05_portfolio_allocation SET ticker = '900010.KS' WHERE ticker = 'BETA'")
        snapshot(superuser, "QQQ", FRIDAY - timedelta(days=45))
        for number, day in enumerate(SESSIONS[5:]):
            performance(superuser, "simulated", day, number)
        yield superuser


def bar(db: Connection, ticker: str, day: date, *, currency: str = "USD", **values: object) -> None:
    """A bar whose change is known unless it is the first."""
    first = day == (SEOUL if currency == "KRW" else SESSIONS)[0]
    row = {
        "ticker": ticker,
        "trade_date": day,
        "close_price": 100,
        "adj_close_price": 100,
        "volume": 1,
        "price_change_percent": None if first else 0,
        "previous_session": previous_session(day, "XKRX" if ticker.endswith(".KS") else "XNYS"),
        "fetched_at": FRIDAY_EVENING,
        "run_id": RUN,
    } | values
    if ticker == "SPY":
        insert(db, "collected_01_daily_etf_ohlc", **row)
    else:
        insert(db, "collected_06_daily_stock_history", currency=currency, **row)


def snapshot(db: Connection, etf: str, day: date) -> None:
    insert(
        db,
        "collected_04_etf_holdings",
        etf_ticker=etf,
        holding_ticker="ACME",
        as_of_date=day,
        holding_name="Acme",
        holding_percent=5,
        holding_rank=1,
        source="test",
        fetched_at=FRIDAY_EVENING,
        run_id=RUN,
    )


def performance(db: Connection, origin: str, day: date, number: int) -> None:
    """Up 1 % a session from 1; the first of a series has no return."""
    insert(
        db,
        "analytics_portfolio_performance",
        strategy="20d",
        origin=origin,
        trade_date=day,
        daily_return=None if number == 0 else 1,
        benchmark_return=None if number == 0 else 0,
        equity=Decimal("1.01") ** number,
        equity_net=Decimal("1.01") ** number * Decimal("0.999"),
        benchmark_equity=1,
        turnover=0,
        cost=0,
        positions=2,
        incomplete=False,
        run_id=RUN,
    )


def found(db: Connection) -> list[tuple[str, str | None, date | None, str]]:
    """What all checks find: name, ticker, session and detail."""
    return [
        (finding.check_name, finding.ticker, finding.session, finding.detail)
        for check in CHECKS
        for finding in check(db, ASKED)
    ]


def test_sound_data_have_no_findings(db: Connection) -> None:
    assert found(db) == []


def test_an_empty_database_has_none(database: Database) -> None:
    with database.server.connect(database.name) as db:
        assert found(db) == []


def etf_gap(db: Connection) -> None:
    db.execute("DELETE FROM collected_01_daily_etf_ohlc WHERE trade_date = ANY(%s)", (SESSIONS[3:5],))
    db.execute(
        "UPDATE collected_01_daily_etf_ohlc SET price_change_percent = NULL WHERE trade_date = %s", (SESSIONS[5],)
    )


def stock_gap(db: Connection) -> None:
    db.execute(
        "DELETE FROM collected_06_daily_stock_history WHERE ticker = '900010.KS' AND trade_date = %s", (ONLY_SEOUL,)
    )


def wrong_sum(db: Connection) -> None:
    db.execute(
        """UPDATE analytics_05_portfolio_allocation SET portfolio_weight = portfolio_weight - 0.0000000001
           WHERE ticker = 'ACME' AND as_of_date = %s""",
        (FRIDAY,),
    )


def wrong_count(db: Connection) -> None:
    db.execute("UPDATE analytics_portfolios SET positions = 3 WHERE (strategy, as_of_date) = ('20d', %s)", (FRIDAY,))


def positions_without_header(db: Connection) -> None:
    position(db, THURSDAY, 10, 1, "ACME", "1", 4.0, 0.1, "QQQ")
    db.execute("DELETE FROM analytics_portfolios WHERE (strategy, as_of_date) = ('10d', %s)", (THURSDAY,))
    db.execute("DELETE FROM analytics_03_trending_etfs WHERE as_of_date = %s", (THURSDAY,))


def monthly_without_positions(db: Connection) -> None:
    header(db, "monthly", date(2025, 12, 28), positions=1)


def no_header(db: Connection) -> None:
    db.execute("DELETE FROM analytics_portfolios WHERE strategy <> '20d' AND as_of_date = %s", (THURSDAY,))


def skipped_session(db: Connection) -> None:
    db.execute("DELETE FROM analytics_portfolio_performance WHERE trade_date = %s", (SESSIONS[7],))


def broken_chain(db: Connection) -> None:
    db.execute("UPDATE analytics_portfolio_performance SET equity = equity + 0.001 WHERE trade_date = %s", (FRIDAY,))


def not_a_session(db: Connection) -> None:
    performance(db, "live", ONLY_SEOUL, 1)


def unknown_change(db: Connection) -> None:
    db.execute(
        """UPDATE collected_06_daily_stock_history SET price_change_percent = NULL
           WHERE ticker = 'ACME' AND trade_date >= %s""",
        (SESSIONS[4],),
    )


def old_doubt(db: Connection) -> None:
    db.execute(
        """UPDATE collected_06_daily_stock_history SET doubt = 'moved 41 %%', doubt_value = 100
           WHERE ticker = 'ACME' AND trade_date <= %s""",
        (FRIDAY - timedelta(days=14),),
    )


def old_list(db: Connection) -> None:
    snapshot(db, "XLV", FRIDAY - timedelta(days=46))


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (etf_gap, ("gap in bars", "SPY", SESSIONS[3], f"sessions without a bar: {SESSIONS[3]}, {SESSIONS[4]}")),
        (stock_gap, ("gap in bars", "900010.KS", ONLY_SEOUL, f"sessions without a bar: {ONLY_SEOUL}")),
        (
            wrong_sum,
            (
                "unbalanced portfolio",
                None,
                FRIDAY,
                "20d: header says 2, 2 positions sum to 0.9999999999; "
                "5d: header says 1, 1 positions sum to 0.9999999999",
            ),
        ),
        (wrong_count, ("unbalanced portfolio", None, FRIDAY, "20d: header says 3, 2 positions sum to 1")),
        (
            positions_without_header,
            ("unbalanced portfolio", None, THURSDAY, "10d: header says nothing, 1 positions sum to 1"),
        ),
        (
            monthly_without_positions,
            ("unbalanced portfolio", None, date(2025, 12, 28), "monthly: header says 1, 0 positions"),
        ),
        (no_header, ("portfolio missing", None, THURSDAY, "5d; 10d")),
        (
            broken_chain,
            ("broken performance", None, FRIDAY, "20d simulated: equity is not that of the row before and the return"),
        ),
        (not_a_session, ("broken performance", None, date(2026, 1, 19), "20d live: not a session")),
        (
            unknown_change,
            (
                "bar without change",
                "ACME",
                SESSIONS[4],
                f"price change unknown: {', '.join(map(str, SESSIONS[4:9]))} and 1 more",
            ),
        ),
        (
            old_list,
            ("old snapshot", "XLV", FRIDAY - timedelta(days=46), "newest list of holdings is older than 45 days"),
        ),
    ],
)
def test_a_fault_is_found_and_nothing_else(
    db: Connection, plant: Callable[[Connection], None], expected: tuple[str, str | None, date, str]
) -> None:
    plant(db)
    assert found(db) == [expected]


def test_a_session_that_performance_skips_is_found_and_the_row_after_it(db: Connection) -> None:
    skipped_session(db)
    assert found(db) == [
        ("broken performance", None, SESSIONS[7], "20d: no row"),
        ("broken performance", None, SESSIONS[8], "20d simulated: a return without the row before"),
    ]


def test_a_session_that_the_other_series_has_is_not_skipped(db: Connection) -> None:
    db.execute("DELETE FROM analytics_portfolio_performance WHERE trade_date >= %s", (SESSIONS[7],))
    for number, day in enumerate(SESSIONS[7:]):
        performance(db, "live", day, number)
    assert found(db) == []


def test_a_doubt_is_found_when_it_has_been_open_for_too_long(db: Connection) -> None:
    old_doubt(db)
    assert data_checks.old_doubts(db, ASKED) == []
    [finding] = data_checks.old_doubts(db, Asked(FRIDAY, doubt_days=13))
    assert (finding.ticker, finding.session, finding.detail) == ("ACME", SESSIONS[0], "bar of 100: moved 41 %")
    db.execute("UPDATE collected_06_daily_stock_history SET confirmed_at = now() WHERE doubt IS NOT NULL")
    assert data_checks.old_doubts(db, Asked(FRIDAY, doubt_days=13)) == []


def test_a_stock_that_nobody_holds_is_not_looked_at_for_gaps(db: Connection) -> None:
    bar(db, "OMEGA", SESSIONS[0])
    bar(db, "OMEGA", FRIDAY, price_change_percent=None)
    assert found(db) == []


def test_sessions_before_the_first_list_need_no_portfolio(db: Connection) -> None:
    db.execute("UPDATE collected_04_etf_holdings SET as_of_date = %s", (FRIDAY,))
    no_header(db)
    assert found(db) == []


@pytest.fixture
def environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.as_role("migrate", monkeypatch)


def test_the_program_records_its_findings_under_a_run_of_its_own(
    database: Database, db: Connection, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    etf_gap(db)
    assert check_data.main(["--as-of", "2026-01-23"]) == 0
    assert capsys.readouterr().out == "data_check 2026-01-23: 7 checks, 1 findings (gap in bars 1)\n"
    with connect(database.settings("api")) as connection:
        [(run_id, process, day, status, stored)] = connection.execute(
            "SELECT run_id, process, as_of_date, status, stored FROM process_executions"
        ).fetchall()
        assert (process, day, status, stored) == ("data_check", FRIDAY, "success", 1)
        assert connection.execute(
            "SELECT check_name, ticker, severity FROM data_quality_findings WHERE run_id = %s", (run_id,)
        ).fetchall() == [("gap in bars", "SPY", "warn")]


def test_a_check_that_breaks_is_a_failed_run(
    database: Database, db: Connection, environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> list[Finding]:
        raise ZeroDivisionError("in a check")

    monkeypatch.setattr(check_data, "CHECKS", (*CHECKS, breaks))
    etf_gap(db)
    with pytest.raises(ZeroDivisionError):
        check_data.main(["--as-of", "2026-01-23"])
    with connect(database.settings("api")) as connection:
        assert connection.execute("SELECT status, error FROM process_executions").fetchall() == [
            ("failed", "ZeroDivisionError: in a check")
        ]
        assert connection.execute("SELECT count(*) FROM data_quality_findings").fetchone() == (0,)


def test_a_database_that_is_away_is_one_line(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PORT", "1")
    with pytest.raises(StageFailed, match=r"^database 127\.0\.0\.1:1/"):
        check_data.main(["--as-of", "2026-01-23"])
