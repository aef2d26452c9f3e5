"""Lists of holdings: of which ETFs, of which day, and with odd lines (stage 4, DAG 07)."""

from datetime import date

import pytest

from collector import kafka_02_producer_etf_holdings as all_holdings
from collector import kafka_03_producer_trending_etf_holdings as trending_holdings
from collector.answers import TopHoldings
from collector.yahoo import Yahoo
from database.connection import connect
from database.ledger import last_usable
from test.collector.conftest import ETFS, MONDAY, MONDAY_EVENING, D, Platform, trend
from utils.program import AlreadyComplete, RunAgain, StageFailed


def test_lists_of_the_trending_etfs_are_dated_by_the_session_and_asked_for_once(platform: Platform) -> None:
    trend(platform, ["XLF", "QQQ"])
    assert trending_holdings.main([]) == 0
    rows = platform.rows(
        """SELECT etf_ticker, holding_ticker, holding_percent::float8, holding_rank, as_of_date
           FROM collected_04_etf_holdings WHERE etf_ticker = 'XLF' ORDER BY holding_rank"""
    )
    assert rows == [
        ("XLF", "AAA", 40.0, 1, D),
        ("XLF", "FUND", 20.0, 2, D),
        ("XLF", "900010.KS", 10.0, 3, D),
        ("XLF", "NEW", 5.0, 4, D),
    ]
    assert len(platform.asked("quoteSummary")) == 2
    with pytest.raises(AlreadyComplete):
        trending_holdings.main([])
    assert len(platform.asked("quoteSummary")) == 2


def test_without_a_result_of_stage_3_it_is_named(platform: Platform) -> None:
    with pytest.raises(StageFailed, match="stage 3"):
        trending_holdings.main([])


def test_holdings_of_a_past_session_are_not_asked_for_and_that_is_no_success(platform: Platform) -> None:
    trend(platform, ["XLF"])
    platform.yahoo.move_clock(MONDAY_EVENING)
    lacking = "holdings of 2026-01-23 can't be had: the source knows today's only"
    with pytest.raises(AlreadyComplete, match=lacking):
        trending_holdings.main(["--as-of", D.isoformat()])
    assert platform.yahoo.requests() == []
    run = platform.run()
    assert (run["status"], run["usable"], run["error"]) == ("partial", True, lacking)  # what follows need not wait
    with pytest.raises(AlreadyComplete, match=lacking):
        trending_holdings.main(["--as-of", D.isoformat()])
    assert (platform.run()["status"], platform.run()["error"]) == ("skipped", lacking)
    with pytest.raises(AlreadyComplete, match=lacking):
        all_holdings.main(["--as-of", D.isoformat()])


def test_what_lacked_of_a_session_that_has_passed_stays_named(platform: Platform) -> None:
    trend(platform, ["XLF", "QQQ"])
    platform.yahoo.faults({"match": "quoteSummary/XLF", "kind": "unknown_symbol"})
    assert trending_holdings.main([]) == 0
    run = platform.run()
    assert (run["status"], run["usable"], run["stored"]) == ("partial", True, 1)
    platform.yahoo.move_clock(MONDAY_EVENING)
    with pytest.raises(AlreadyComplete, match="can't be had"):
        trending_holdings.main(["--as-of", D.isoformat()])
    with connect(platform.database.settings("pipeline")) as connection:
        stands = last_usable(connection, "trending_etf_holdings", D)
    assert stands is not None
    assert stands.run_id == run["run_id"]


def test_a_past_session_whose_lists_are_all_stored_lacks_nothing(platform: Platform) -> None:
    trend(platform, ["XLF"])
    assert trending_holdings.main([]) == 0
    platform.yahoo.move_clock(MONDAY_EVENING)
    with pytest.raises(AlreadyComplete, match="2026-01-23 is already complete"):
        trending_holdings.main(["--as-of", D.isoformat()])


def test_lists_that_come_after_another_session_has_closed_are_of_that_session(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Yahoo.top_holdings

    def late(source: Yahoo, etf: str) -> TopHoldings:
        platform.yahoo.move_clock(MONDAY_EVENING)
        return ask(source, etf)

    monkeypatch.setattr(Yahoo, "top_holdings", late)
    trend(platform, ["XLF"])
    trending_holdings.main([])
    assert platform.rows("SELECT DISTINCT as_of_date FROM collected_04_etf_holdings") == [(MONDAY,)]


def test_on_a_sunday_the_lists_of_all_etfs_are_dated_by_the_sunday(platform: Platform) -> None:
    platform.yahoo.move_clock("2026-01-25T20:00:00Z")
    assert all_holdings.main([]) == 0
    dated = platform.rows("SELECT as_of_date, count(DISTINCT etf_ticker) FROM collected_04_etf_holdings GROUP BY 1")
    assert dated == [(date(2026, 1, 25), len(ETFS))]
    assert platform.run()["as_of_date"] == D


@pytest.mark.parametrize(
    ("fetched", "asked", "end"),
    [
        (MONDAY_EVENING, "2026-01-23", "holdings of 2026-01-23 can't be had"),
        (None, "2026-01-22", "holdings of 2026-01-22 can't be had"),
        (None, "2026-01-23", "2026-01-23 is already complete"),
        ("2026-01-25T20:00:00Z", "2026-01-23", "2026-01-23 is already complete"),  # on the Sunday after it
    ],
)
def test_lists_of_all_etfs_of_a_past_session_are_those_of_its_days(
    platform: Platform, fetched: str | None, asked: str, end: str
) -> None:
    if fetched:
        platform.yahoo.move_clock(fetched)
    assert all_holdings.main([]) == 0
    platform.yahoo.move_clock(MONDAY_EVENING)
    platform.yahoo.clear_requests()
    with pytest.raises(AlreadyComplete, match=f"^{end}"):
        all_holdings.main(["--as-of", asked])
    assert platform.yahoo.requests() == []


def test_a_list_with_odd_lines_keeps_the_others(platform: Platform) -> None:
    trend(platform, ["XLF"])
    body = """{"quoteSummary": {"result": [{"quoteType": {}, "topHoldings": {"holdings": [
        {"symbol": "AAA", "holdingName": "A", "holdingPercent": 0.05}, {"holdingName": "Cash", "holdingPercent": 0.2},
        {"symbol": "", "holdingPercent": 0.1}, {"symbol": "AAA", "holdingName": "A", "holdingPercent": 0.01},
        {"symbol": "BBB", "holdingName": "B", "holdingPercent": 0.0}]}}], "error": null}}"""
    platform.yahoo.faults({"match": "quoteSummary/XLF", "times": 1, "status": 200, "body": body})
    assert trending_holdings.main([]) == 0
    assert platform.rows("SELECT holding_ticker, holding_percent::float8 FROM collected_04_etf_holdings") == [
        ("AAA", 6.0)
    ]


def test_a_list_without_a_usable_row_is_a_failed_fetch(platform: Platform) -> None:
    trend(platform, ["XLF", "QQQ"])
    body = '{"quoteSummary": {"result": [{"topHoldings": {"holdings": []}}], "error": null}}'
    platform.yahoo.faults({"match": "quoteSummary/XLF", "times": 1, "status": 200, "body": body})
    assert trending_holdings.main([]) == 0
    assert (platform.run()["status"], platform.run()["usable"]) == ("partial", True)
    assert platform.items() == {("XLF", "holdings"): "failed", ("QQQ", "holdings"): "stored"}


@pytest.mark.parametrize("listed", ["null", '{"holdings": [null]}'])
def test_one_odd_list_does_not_keep_the_others_from_being_asked_for(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setenv("YAHOO_MAX_RETRIES", "0")
    trend(platform, ["XLF", "QQQ"])
    body = '{"quoteSummary": {"result": [{"topHoldings": ' + listed + '}], "error": null}}'
    platform.yahoo.faults({"match": "quoteSummary/XLF", "times": 1, "status": 200, "body": body})
    with pytest.raises(RunAgain):
        trending_holdings.main([])
    assert platform.items() == {("XLF", "holdings"): "failed", ("QQQ", "holdings"): "stored"}
    assert "XLF holdings: an answer of another shape" in platform.run()["error"]
