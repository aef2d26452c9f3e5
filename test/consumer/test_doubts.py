"""A person's word about a doubtful value (rules 2): what is computed from it runs again."""

from datetime import date

import pytest

from consumer import doubts
from database.connection import Connection, connect
from database.doubts import Doubt, open_doubts
from test.conftest import Database
from utils.program import StageFailed, UsageError

D = date(2026, 1, 23)


@pytest.fixture
def doubtful(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """One bar of a stock, one of an ETF and one market cap in doubt; another doubt is over."""
    database.as_role("consumer", monkeypatch)
    bar = """(ticker, trade_date, close_price, adj_close_price, volume, doubt, doubt_value, doubt_session, confirmed_at,
              fetched_at, changed_at, run_id{0}) VALUES (%s, %s, 17, 17, 1, 'moved 41 %%', 17, %s, %s,
              '2026-01-23T22:00:00Z', '2026-01-23T22:00:00Z', 'r'{1})"""
    with connect(database.settings("consumer")) as connection:
        stock = "INSERT INTO collected_06_daily_stock_history " + bar.format(", currency", ", 'USD'")
        connection.execute(stock, ("TSLA", D, D, None))
        connection.execute(stock, ("OVER", D, D, "2026-01-24T00:00:00Z"))
        connection.execute("INSERT INTO collected_01_daily_etf_ohlc " + bar.format("", ""), ("SPY", D, D, None))
        connection.execute(
            """INSERT INTO collected_00_market_cap (ticker, session_date, market_cap, currency, quote_price, quoted_at,
                   doubt, doubt_value, fetched_at, changed_at, run_id)
               VALUES ('TSLA', %s, 1e12, 'USD', 17, now(), 'shares changed 30 %%', 1e12, now(), now(), 'r')""",
            (D,),
        )
    return database


def test_what_is_in_doubt_is_listed(doubtful: Database, capsys: pytest.CaptureFixture[str]) -> None:
    doubts.main(["list"])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["SPY", "2026-01-23", "bar", "17", "moved", "41", "%"],
        ["TSLA", "2026-01-23", "bar", "17", "moved", "41", "%"],
        ["TSLA", "2026-01-23", "cap", "1000000000000", "shares", "changed", "30", "%"],
        ["3", "in", "doubt"],
    ]


@pytest.mark.parametrize(
    ("arguments", "table", "day"),
    [
        (["SPY", "2026-01-23"], "collected_01_daily_etf_ohlc", "trade_date"),
        (["tsla", "2026-01-23"], "collected_06_daily_stock_history", "trade_date"),
        (["TSLA", "2026-01-23", "--what", "cap"], "collected_00_market_cap", "session_date"),
    ],
)
def test_a_confirmed_value_is_in_doubt_no_longer(
    doubtful: Database, capsys: pytest.CaptureFixture[str], arguments: list[str], table: str, day: str
) -> None:
    doubts.main(["confirm", *arguments, "--note", "seen elsewhere"])
    assert capsys.readouterr().out.startswith("confirmed: ")
    with connect(doubtful.settings("api")) as connection:
        assert connection.execute(
            f"""SELECT doubt IS NOT NULL, confirmed_at IS NOT NULL, changed_at = confirmed_at FROM {table}
                WHERE ticker = %s AND {day} = %s""",
            (arguments[0].upper(), D),
        ).fetchone() == (True, True, True)
        [(ticker, session, severity, detail)] = connection.execute(
            "SELECT ticker, session, severity, detail FROM data_quality_findings WHERE check_name = 'doubt'"
        ).fetchall()
        assert (ticker, session, severity) == (arguments[0].upper(), D, "info")
        assert detail.endswith("confirmed by hand: seen elsewhere")
    with pytest.raises(UsageError, match=r"no .* in doubt"):
        doubts.main(["confirm", *arguments, "--note", "again"])


def test_a_database_that_goes_away_meanwhile_is_one_line(doubtful: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def goes_away(connection: Connection) -> list[Doubt]:
        with doubtful.server.connect() as superuser:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'consumer'")
        return open_doubts(connection)

    monkeypatch.setattr(doubts, "open_doubts", goes_away)
    with pytest.raises(StageFailed, match=r"^terminating connection due to administrator command$"):
        doubts.main(["list"])


def test_what_is_not_in_doubt_is_a_users_mistake(doubtful: Database) -> None:
    for ticker in ("OVER", "NONE"):
        with pytest.raises(UsageError, match=f"{ticker} 2026-01-23: no bar in doubt"):
            doubts.main(["confirm", ticker, "2026-01-23", "--note", "x"])
