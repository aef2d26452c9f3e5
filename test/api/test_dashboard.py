"""The dashboard's lists, lines and months: every figure can be checked against test.api.market."""

import pytest
from fastapi.testclient import TestClient

from config.universe import ETFS, SECTORS
from test.api.asking import get, problem, table
from test.published import Connection, insert


class TestEtfs:
    def test_list(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/etf-list")
        rows = {row["etf_ticker"]: row for row in answer["etfs"]}
        assert list(rows) == sorted(rows)
        assert (len(rows), answer["as_of_date"], answer["is_current"]) == (len(ETFS), "2026-01-23", True)
        assert (rows["SPY"]["close_price"], rows["QQQ"]["name_ko"]) == (515.0, "기술")
        assert (rows["QQQ"]["holdings_as_of"], rows["XLU"]["trade_date"]) == ("2026-01-22", None)

    def test_spy(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/spy-benchmark", days=3)
        assert (answer["start_date"], answer["as_of_date"], answer["total_return_pct"]) == (
            "2026-01-21", "2026-01-23", 1.980198,  # 515 / 505
        )  # fmt: skip
        assert [day["index_value"] for day in answer["days"]] == [100.0, 100.990099, 101.980198]
        assert [day["return_pct"] for day in answer["days"]] == [None, 0.990099, 0.980392]
        assert answer["excess_pp"] == 0.0

    def test_an_etf_beside_spy_with_a_gap(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/etf-benchmark", ticker="qqq")
        assert (answer["total_return_pct"], answer["spy_total_return_pct"], answer["excess_pp"]) == (3.5, 3.0, 0.5)
        assert [day["close_price"] for day in answer["days"]] == [100.0, 102.0, None, 103.5]
        assert [day["return_pct"] for day in answer["days"]] == [None, 2.0, None, None]
        assert [day["spy_index_value"] for day in answer["days"]] == [100.0, 101.0, 102.0, 103.0]

    def test_nothing_is_said_over_a_bar_in_doubt(self, client: TestClient, market: Connection) -> None:
        market.execute(
            """UPDATE collected_01_daily_etf_ohlc SET doubt = 'moved 60 %', doubt_value = 102
               WHERE ticker = 'QQQ' AND trade_date = '2026-01-21'"""
        )
        answer = get(client, "/dashboard/etf-benchmark", ticker="QQQ")
        assert (answer["total_return_pct"], answer["spy_total_return_pct"], answer["excess_pp"]) == (None, 3.0, None)
        assert [day["index_value"] for day in answer["days"]] == [100.0, None, None, None]
        assert [day["return_pct"] for day in answer["days"]] == [None, None, None, None]
        [line] = [one for one in get(client, "/dashboard/relative-strength")["etfs"] if one["etf_ticker"] == "QQQ"]
        assert (line["base_date"], line["values"]) == ("2026-01-20", [100.0, None, None, None])
        market.execute("UPDATE collected_01_daily_etf_ohlc SET confirmed_at = now() WHERE doubt IS NOT NULL")
        assert get(client, "/dashboard/etf-benchmark", ticker="QQQ")["total_return_pct"] == 3.5

    def test_up_to_an_earlier_session(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/etf-benchmark", ticker="QQQ", as_of_date="2026-01-21")
        assert (answer["as_of_date"], answer["total_return_pct"]) == ("2026-01-21", 2.0)

    def test_relative_strength(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/relative-strength")
        assert answer["sessions"] == ["2026-01-20", "2026-01-21", "2026-01-22", "2026-01-23"]
        lines = {line["etf_ticker"]: line for line in answer["etfs"]}
        assert lines["SPY"]["values"] == [100.0] * 4
        # 1.02 / 1.01 and 1.035 / 1.03
        assert lines["QQQ"]["values"] == [100.0, 100.990099, None, 100.485437]
        assert (lines["QQQ"]["base_date"], lines["XLU"]["base_date"]) == ("2026-01-20", None)

    def test_a_line_that_begins_later_begins_at_100(self, client: TestClient, market: Connection) -> None:
        market.execute("DELETE FROM collected_01_daily_etf_ohlc WHERE ticker = 'QQQ' AND trade_date = '2026-01-20'")
        answer = get(client, "/dashboard/relative-strength")
        (qqq,) = [line for line in answer["etfs"] if line["etf_ticker"] == "QQQ"]
        # 103.5 / 102 over 515 / 505
        assert (qqq["base_date"], qqq["values"]) == ("2026-01-21", [None, 100.0, None, 99.500286])

    def test_as_csv_one_line_a_session_and_etf(self, reader: TestClient) -> None:
        rows = table(reader, "/dashboard/relative-strength", days=2)
        assert len(rows) == 2 * len(ETFS)
        assert rows[-1] == {
            "as_of_date": "2026-01-23", "trade_date": "2026-01-23", "etf_ticker": "XLY", "relative_strength": "",
        }  # fmt: skip

    @pytest.mark.parametrize("path", ["spy-benchmark", "etf-benchmark?ticker=QQQ", "relative-strength"])
    def test_what_is_not_there(self, reader: TestClient, path: str) -> None:
        query = "&" if "?" in path else "?"
        found = problem(reader, f"/dashboard/{path}{query}as_of_date=2026-01-19", 404)
        assert found["detail"] == (
            "2026-01-19 is not a session of the New York Stock Exchange; the newest is of 2026-01-23"
        )
        assert "days" in problem(reader, f"/dashboard/{path}{query}days=1", 422)["detail"]

    def test_holdings_of_what_trends(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/trending-etf-top-holdings", limit=1)
        assert (answer["trending_etfs"], answer["holdings_analysed_as_of"]) == (["QQQ", "SCHD", "XLV"], "2026-01-23")
        assert [(row["etf_ticker"], row["ticker"]) for row in answer["holdings"]] == [("QQQ", "DELTA"), ("XLV", "BETA")]
        thursday = get(reader, "/dashboard/trending-etf-top-holdings", as_of_date="2026-01-22")
        assert (thursday["trending_etfs"], thursday["holdings"]) == (["QQQ", "XLF"], [])


class TestMonths:
    def test_months_compounded_and_against_spy(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/monthly-performance")
        assert answer["months"] == ["2025-11", "2025-12", "2026-01"]
        assert (answer["as_of_date"], answer["is_partial"], answer["is_current"]) == ("2026-01-23", True, True)
        rows = {row["etf_ticker"]: row for row in answer["etfs"]}
        assert answer["etfs"][0]["etf_ticker"] == min(etf.ticker for etf in ETFS if etf.etf_type == "sector")
        qqq = rows["QQQ"]
        assert [(cell["return_pct"], cell["excess_pp"]) for cell in qqq["months"]] == [
            (10.0, 5.0), (-10.0, -12.0), (3.5, 0.5),
        ]  # fmt: skip
        # 1.1 × 0.9 × 1.035 = 1.02465; SPY 1.05 × 1.02 × 1.03 = 1.10313
        assert (qqq["total_return_pct"], qqq["total_excess_pp"]) == (2.465, -7.848)
        assert [cell["is_partial"] for cell in qqq["months"]] == [False, False, True]

    def test_a_missing_month_gives_no_total(self, reader: TestClient) -> None:
        (xlf,) = [row for row in get(reader, "/dashboard/monthly-performance")["etfs"] if row["etf_ticker"] == "XLF"]
        assert [cell["return_pct"] for cell in xlf["months"]] == [None, 1.0, None]
        assert xlf["total_return_pct"] is xlf["total_excess_pp"] is None

    def test_fewer_months_and_up_to_an_earlier_day(self, reader: TestClient) -> None:
        assert get(reader, "/dashboard/monthly-performance", months=1)["months"] == ["2026-01"]
        answer = get(reader, "/dashboard/monthly-performance", months=1, as_of_date="2025-12-10")
        assert (answer["months"], answer["as_of_date"], answer["is_partial"]) == (["2025-12"], "2025-12-31", False)
        assert answer["newest_month"] == "2026-01"
        found = problem(reader, "/dashboard/monthly-performance", 404, as_of_date="2025-10-31")
        assert found["detail"] == "There is no monthly result of 2025-10; the newest is of 2026-01"
        assert "months" in problem(reader, "/dashboard/monthly-performance", 422, months=0)["detail"]

    def test_a_running_month_is_of_the_session_it_was_computed_for(
        self, client: TestClient, market: Connection
    ) -> None:
        market.execute("UPDATE process_executions SET as_of_date = '2026-01-16' WHERE run_id = 'months'")
        answer = get(client, "/dashboard/monthly-performance")
        assert (answer["as_of_date"], answer["is_current"]) == ("2026-01-16", False)

    def test_as_csv_one_line_a_month_and_etf(self, reader: TestClient) -> None:
        rows = table(reader, "/dashboard/monthly-performance", months=2)
        assert len(rows) == 2 * len(ETFS)
        assert {row["return_pct"] for row in rows if row["etf_ticker"] == "QQQ"} == {"-10.0", "3.5"}

    def test_sectors_over_months(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/sector-trending")
        assert [(row["month"], row["sector"]) for row in answer["rows"]] == [
            ("2025-12", "Technology"), ("2026-01", "Healthcare"), ("2026-01", "Technology"), ("2026-01", "Unknown"),
        ]  # fmt: skip
        assert [row["spy_return_pct"] for row in answer["rows"]] == [2.0, 3.0, 3.0, 3.0]
        technology = get(reader, "/dashboard/sector-trending", sector="Technology")["rows"]
        assert [(row["avg_monthly_return"], row["is_trending"]) for row in technology] == [(2.5, False), (4.0, True)]

    def test_sectors_of_a_month_with_their_best_stocks(self, reader: TestClient) -> None:
        answer = get(reader, "/sectors/trending")
        assert (answer["month"], answer["is_partial"]) == ("2026-01", True)
        assert [row["sector"] for row in answer["sectors"]] == ["Healthcare", "Technology", "Unknown"]
        technology = answer["sectors"][1]
        assert [(stock["ticker"], stock["vs_sector"]) for stock in technology["stocks"]] == [
            ("ACME", 4.0), ("GAMMA", 1.0), ("DELTA", -5.0),
        ]  # fmt: skip
        assert (technology["positive_rate"], technology["best_day"]) == (60.0, 2.0)
        december = get(reader, "/sectors/trending", year=2025, month=12)
        assert (december["as_of_date"], december["is_partial"]) == ("2025-12-31", False)
        assert december["sectors"][0]["stocks"] == []

    def test_half_a_month_and_one_without_a_result(self, reader: TestClient) -> None:
        found = problem(reader, "/sectors/trending", 422, year=2026)
        assert found["detail"] == "year and month: expected both, or neither for the newest month"
        found = problem(reader, "/sectors/trending", 404, year=2026, month=2)
        assert found["detail"] == "There is no monthly result of 2026-02; the newest is of 2026-01"
        assert problem(reader, "/sectors/trending", 404, year=2000, month=1)["newest_month"] == "2026-01"
        assert "month" in problem(reader, "/sectors/trending", 422, year=2026, month=13)["detail"]

    def test_all_sectors(self, reader: TestClient) -> None:
        answer = get(reader, "/sectors/")
        rows = {row["sector"]: row for row in answer["sectors"]}
        assert (set(rows), list(rows)[-1], answer["month"]) == ({*SECTORS.values(), "Unknown"}, "Unknown", "2026-01")
        technology = rows["Technology"]
        assert (technology["etf_ticker"], technology["stock_count"], technology["etf_return_pct"]) == ("QQQ", 4, 3.5)
        etfs = {etf.sector_name: etf.ticker for etf in ETFS}
        assert {name: row["etf_ticker"] for name, row in rows.items()} == {name: etfs.get(name) for name in rows}
        assert rows["Energy"]["avg_monthly_return"] is None


class TestStocks:
    def test_allocations_of_all_periods(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/active-allocations")
        assert [(row["period_days"], row["rank"], row["ticker"]) for row in answer["allocations"]] == [
            (5, 1, "ACME"), (20, 1, "ACME"), (20, 2, "BETA"),
        ]  # fmt: skip
        assert (answer["as_of_date"], answer["period_days"]) == ("2026-01-23", [5, 10, 20])
        assert answer["allocations"][2]["source_etfs"] == ["SCHD", "XLV"]

    def test_allocations_of_one_period_or_sector(self, reader: TestClient) -> None:
        twenty = get(reader, "/dashboard/active-allocations", period_days=20)
        assert (twenty["period_days"], len(twenty["allocations"])) == ([20], 2)
        ten = get(reader, "/dashboard/active-allocations", period_days=10)
        assert (ten["period_days"], ten["allocations"]) == ([10], [])  # empty; of 5 and 20 nothing is said
        found = get(reader, "/dashboard/active-allocations", sector="Healthcare")["allocations"]
        assert [row["ticker"] for row in found] == ["BETA"]
        thursday = get(reader, "/dashboard/active-allocations", as_of_date="2026-01-22")
        assert (thursday["period_days"], len(thursday["allocations"])) == ([20], 2)
        assert "period_days" in problem(reader, "/dashboard/active-allocations", 422, period_days=7)["detail"]

    def test_a_date_without_a_portfolio_of_the_period_names_those_with_one(self, reader: TestClient) -> None:
        found = problem(reader, "/dashboard/active-allocations", 404, as_of_date="2026-01-25")
        assert (found["newest_as_of_date"], found["result_at_or_before"]) == ("2026-01-23", "2026-01-23")
        # Thursday has a portfolio of 20 sessions, none of 5
        found = problem(reader, "/dashboard/active-allocations", 404, period_days=5, as_of_date="2026-01-22")
        assert found["detail"] == "There is no 5d portfolio of 2026-01-22; the newest is of 2026-01-23"
        assert found["result_at_or_before"] is None

    def test_performers_whoever_holds_them(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/top-performers")
        assert [(row["rank"], row["ticker"], row["total_return"]) for row in answer["stocks"]] == [
            (1, "DELTA", 9.0), (2, "BETA", 6.0), (3, "ACME", 5.0), (4, "GAMMA", -4.5),
        ]  # fmt: skip
        assert answer["stocks"][2]["etfs"] == ["QQQ", "XLV"]
        assert (answer["spy_return_pct"], answer["as_of_date"]) == (0.25, "2026-01-23")
        assert [row["ticker"] for row in get(reader, "/dashboard/top-performers", sector="Technology")["stocks"]] == [
            "DELTA", "ACME", "GAMMA",
        ]  # fmt: skip

    def test_performers_of_each_sector(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/top-performers-by-sector", limit=2)
        assert [(row["sector"], row["stock_count"]) for row in answer["sectors"]] == [
            ("Healthcare", 1), ("Technology", 3),
        ]  # fmt: skip
        assert [(row["rank"], row["ticker"]) for row in answer["sectors"][1]["stocks"]] == [(1, "DELTA"), (2, "ACME")]
        assert len(table(reader, "/dashboard/top-performers-by-sector")) == 4


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("spy-benchmark", "There is no bar of SPY yet"),
        ("etf-benchmark?ticker=QQQ", "There is no bar of SPY yet"),
        ("relative-strength", "There is no bar of SPY yet"),
        ("trending-etfs", "There is no ETF result yet"),
        ("trending-etf-top-holdings", "There is no ETF result yet"),
        ("active-allocations", "There is no portfolio yet"),
        ("sector-trending", "There is no monthly result yet"),
        ("monthly-performance", "There is no monthly result yet"),
        ("top-performers", "There is no analysis of holdings yet"),
        ("top-performers-by-sector", "There is no analysis of holdings yet"),
        ("portfolio-changes", "There is no 20d portfolio yet"),
    ],
)
def test_before_the_first_result(client: TestClient, path: str, says: str) -> None:
    assert problem(client, f"/dashboard/{path}", 404)["detail"] == says


def test_the_universe_and_the_sectors_are_known_before_any_result(client: TestClient) -> None:
    etfs = get(client, "/dashboard/etf-list")
    assert (len(etfs["etfs"]), etfs["is_current"], etfs["computed_at"]) == (len(ETFS), False, None)
    sectors = get(client, "/sectors/")
    known = {*SECTORS.values(), "Unknown"}
    assert (len(sectors["sectors"]), sectors["month"], sectors["is_current"]) == (len(known), None, False)


def test_a_month_whose_run_is_forgotten_is_dated_by_when_it_was_written(client: TestClient, db: Connection) -> None:
    insert(
        db, "analytics_etf_monthly", year=2026, month=1, etf_ticker="SPY", return_pct=1, spy_return_pct=1,
        is_partial=True, run_id="gone", updated_at="2026-01-17T09:00:00Z",
    )  # fmt: skip
    assert get(client, "/dashboard/monthly-performance")["as_of_date"] == "2026-01-16"
