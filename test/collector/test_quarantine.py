"""Five strikes, a dated retry, and a person who lifts it."""

from datetime import date, timedelta

import pytest

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_03_producer_trending_etf_holdings as trending_holdings
from collector import kafka_04_producer_stock_daily as stock_daily
from collector import quarantine
from database.connection import connect
from database.ledger import Item, open_run
from database.processing import quarantines, update_state
from test.collector.conftest import Platform, trend
from utils.program import UsageError
from utils.sessions import sessions_until

GONE = {"match": "chart/AAA", "times": None, "kind": "unknown_symbol"}


def strikes(platform: Platform, ticker: str = "AAA") -> tuple[int, timedelta | None]:
    """Sessions that failed, and how long the instrument is left alone from its last failure on."""
    ((count, pause),) = platform.rows(
        """SELECT consecutive_failures, next_retry_at - updated_at FROM asset_processing_state
           WHERE ticker = %s AND operation = 'bars'""",
        ticker,
    )
    return count, pause


def evening(platform: Platform, session: date) -> None:
    """The clock at half an hour past ten in the evening, UTC."""
    platform.yahoo.move_clock(f"{session}T22:30:00Z")


@pytest.fixture
def delisted(platform: Platform) -> list[date]:
    """AAA is stored up to the 13th, and gone since. The sessions after that, up to the last of the market."""
    *_, before, first = sessions_until(date(2026, 1, 14), 3)
    evening(platform, before)
    stock_daily.main(["--tickers", "AAA"])
    platform.yahoo.faults(GONE)
    return sessions_until(date(2026, 1, 27), 9)[sessions_until(date(2026, 1, 27), 9).index(first) :]


def test_five_sessions_are_seven_days_and_each_further_one_thirty(platform: Platform, delisted: list[date]) -> None:
    first, *others = delisted
    for _ in range(2):  # two runs of one session are one strike
        evening(platform, first)
        stock_daily.main(["--tickers", "AAA"])
        assert strikes(platform) == (1, None)
    for count, session in enumerate(others[:4], start=2):
        evening(platform, session)
        assert stock_daily.main(["--tickers", "AAA"]) == 0
        assert strikes(platform) == (count, timedelta(days=7) if count == 5 else None)
    asked = len(platform.asked("/chart/"))
    stock_daily.main(["--tickers", "AAA", "--as-of", f"{first}"])
    assert len(platform.asked("/chart/")) == asked  # left alone
    # The seven days are over.
    platform.rows("UPDATE asset_processing_state SET next_retry_at = now() - interval '1 s' WHERE operation = 'bars'")
    evening(platform, others[4])
    stock_daily.main(["--tickers", "AAA"])
    assert strikes(platform) == (6, timedelta(days=30))
    assert platform.rows("SELECT count(*) FROM collected_06_daily_stock_history") == [(300,)]  # nothing is lost


def test_a_success_forgets_the_past(platform: Platform, delisted: list[date]) -> None:
    for session in delisted[:3]:
        evening(platform, session)
        stock_daily.main(["--tickers", "AAA"])
    assert strikes(platform) == (3, None)
    platform.yahoo.clear_faults()
    assert stock_daily.main(["--tickers", "AAA"]) == 0
    assert strikes(platform) == (0, None)


def test_who_is_in_quarantine_is_told_and_may_be_lifted(
    platform: Platform, delisted: list[date], capsys: pytest.CaptureFixture[str]
) -> None:
    for session in delisted[:5]:
        evening(platform, session)
        stock_daily.main(["--tickers", "AAA"])
    ((until,),) = platform.rows("SELECT next_retry_at::date FROM asset_processing_state WHERE operation = 'bars'")
    held_back = f"in quarantine: AAA bars until {until}"
    evening(platform, delisted[5])
    capsys.readouterr()
    stock_daily.main(["--tickers", "AAA", "--plan"])
    assert held_back in capsys.readouterr().out
    assert stock_daily.main(["--tickers", "AAA"]) == 0
    assert held_back in capsys.readouterr().out
    quarantine.main(["list"])
    assert capsys.readouterr().out.splitlines() == [
        f"AAA        bars      until {until}  failed on 5 sessions, last good {date.today()}: "  # noqa: DTZ011
        "No data found, symbol may be delisted",
        "1 in quarantine",
    ]
    with pytest.raises(UsageError, match="AAA quotes: not in quarantine"):
        quarantine.main(["lift", "AAA", "--operation", "quotes"])
    with pytest.raises(UsageError, match="name one instrument"):
        quarantine.main(["lift"])
    quarantine.main(["lift", "aaa"])
    assert capsys.readouterr().out.startswith("lifted: AAA ")
    platform.yahoo.clear_faults()
    assert stock_daily.main(["--tickers", "AAA"]) == 0
    assert strikes(platform) == (0, None)
    quarantine.main(["lift", "--all"])  # nobody is left: nothing to do, and no mistake
    quarantine.main(["list"])
    assert capsys.readouterr().out.splitlines()[-1] == "0 in quarantine"


def test_what_comes_with_a_quote_is_never_left_alone(platform: Platform) -> None:
    with connect(platform.database.settings("collector")) as connection:
        for session in sessions_until(date(2026, 1, 27), 6):
            run = open_run(connection, process="needed_stocks", as_of_date=session)
            for operation in ("quotes", "quoted_profile"):
                item = Item("AAA", operation)
                run.plan([item])
                run.failed(item, "a dead letter", permanent=True)
            run.close()
            update_state(connection, run.run_id)
        assert [(each.ticker, each.operation) for each in quarantines(connection)] == [("AAA", "quotes")]


@pytest.mark.parametrize(("close", "volume"), [(50, 10**14), (10**13, 1000)])
def test_bars_that_can_never_be_stored_are_left_alone(platform: Platform, close: int, volume: int) -> None:
    body = """{"chart": {"result": [{"meta": {"currency": "USD", "exchangeTimezoneName": "America/New_York",
        "instrumentType": "EQUITY", "exchangeName": "NYQ", "gmtoffset": -18000, "validRanges": ["1d", "max"]},
        "timestamp": [1768487400], "indicators": {"quote": [{"open": [1], "high": [1], "low": [1],
        "close": [CLOSE], "volume": [VOLUME]}], "adjclose": [{"adjclose": [CLOSE]}]}}], "error": null}}"""
    body = body.replace("CLOSE", f"{close}").replace("VOLUME", f"{volume}")
    platform.yahoo.faults({"match": "chart/AAA", "times": None, "status": 200, "body": body})
    for session in sessions_until(date(2026, 1, 27), 6):
        evening(platform, session)
        assert stock_daily.main(["--tickers", "AAA"]) == 0
    assert strikes(platform) == (5, timedelta(days=7))
    assert len(platform.asked("chart/AAA")) == 5


def test_bars_of_an_etf_are_asked_for_whatever_happens(platform: Platform) -> None:
    platform.yahoo.faults({"match": "chart/DIA", "times": None, "kind": "unknown_symbol"})
    for session in sessions_until(date(2026, 1, 27), 6):
        evening(platform, session)
        etf_daily.main(["--group", "benchmark"])
    assert strikes(platform, "DIA") == (6, None)
    assert len(platform.asked("chart/DIA")) == 6


def test_a_list_that_never_comes_is_left_alone(platform: Platform) -> None:
    platform.yahoo.faults({"match": "quoteSummary/XLF", "times": None, "kind": "unknown_symbol"})
    for session in sessions_until(date(2026, 1, 27), 6):
        evening(platform, session)
        trend(platform, ["XLF", "QQQ"], session)
        trending_holdings.main([])
    assert len(platform.asked("quoteSummary/XLF")) == 5
    assert len(platform.asked("quoteSummary/QQQ")) == 6
