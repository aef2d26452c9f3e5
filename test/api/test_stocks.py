"""Stocks: the list in parts, bars, and the monthly portfolio of test.api.market."""

from datetime import UTC, date, datetime

import pytest
from fastapi.testclient import TestClient

from api import freshness
from test.api.asking import get, parts, problem, table
from test.api.market import stock_bar
from test.published import Connection, insert, stock


class TestList:
    def test_stocks_are_what_is_in_the_lists_but_no_fund(self, reader: TestClient) -> None:
        answer = get(reader, "/stocks/")
        assert [row["ticker"] for row in answer["stocks"]] == [
            "900010.KS", "ACME", "BETA", "DELTA", "GAMMA", "OMEGA", "ZETA",
        ]  # fmt: skip
        assert (answer["as_of_date"], answer["is_current"], answer["next_cursor"]) == ("2026-01-23", True, None)
        hanbit, acme, *_, zeta = answer["stocks"]
        assert (hanbit["close_price"], hanbit["currency"]) == (71200.0, "KRW")
        assert (hanbit["market_cap"], hanbit["market_cap_currency"]) == (287_000_000_000_000, "KRW")
        assert (acme["trade_date"], acme["price_change_percent"], acme["industry"]) == (
            "2026-01-23",
            50.060024,
            "Chips",
        )
        assert (zeta["sector"], zeta["close_price"], zeta["market_cap"]) == ("Unknown", None, None)

    def test_one_sector(self, reader: TestClient) -> None:
        found = get(reader, "/stocks/", sector="Technology")["stocks"]
        assert [row["ticker"] for row in found] == ["900010.KS", "ACME", "DELTA", "GAMMA"]
        assert [row["ticker"] for row in get(reader, "/stocks/", sector="Unknown")["stocks"]] == ["ZETA"]
        assert "one of Basic Materials, Communication" in problem(reader, "/stocks/", 422, sector="Tech")["detail"]

    def test_in_parts_a_stock_that_comes_in_between_neither_repeats_nor_hides_another(
        self, client: TestClient, market: Connection
    ) -> None:
        first = get(client, "/stocks/", limit=3)
        for ticker in ("AAA", "CCC"):  # before and after the place
            stock(market, ticker, ticker, "Energy")
        rest = get(client, "/stocks/", limit=1000, cursor=first["next_cursor"])
        assert [row["ticker"] for row in first["stocks"]] == ["900010.KS", "ACME", "BETA"]
        assert [row["ticker"] for row in rest["stocks"]] == ["CCC", "DELTA", "GAMMA", "OMEGA", "ZETA"]

    @pytest.mark.parametrize("limit", [1, 6, 7])
    def test_parts_of_any_length_are_the_list(self, reader: TestClient, limit: int) -> None:
        found = parts(reader, "/stocks/", "stocks", limit=limit)
        assert [len(part) for part in found] == {1: [1] * 7, 6: [6, 1], 7: [7]}[limit]

    def test_a_broken_cursor_is_refused(self, reader: TestClient) -> None:
        cursor = get(reader, "/stocks/", limit=3)["next_cursor"]
        for broken in ("x", "%00", "", cursor[:-3], cursor[:-1] + "A", cursor.swapcase(), "a" * 400, "é", "===="):
            says = problem(reader, "/stocks/", 422, cursor=broken)["detail"]
            assert says.startswith("cursor: ")
        other = problem(reader, "/stocks/", 422, cursor=cursor, sector="Technology")["detail"]
        assert other == "cursor: it belongs to a query with other parameters; leave it out to begin at the start"
        assert "cursor" in problem(reader, "/stocks/ACME/history", 422, cursor=cursor)["detail"]

    def test_csv_leads_to_the_next_part(self, reader: TestClient) -> None:
        answer = reader.get("/stocks/", params={"limit": 2}, headers={"Accept": "text/csv"})
        assert answer.headers["link"].startswith("</stocks/?limit=2&cursor=")
        following = answer.headers["link"].partition(">")[0].removeprefix("<")
        assert reader.get(following).json()["stocks"][0]["ticker"] == "BETA"
        assert [row["ticker"] for row in table(reader, "/stocks/", limit=2)] == ["900010.KS", "ACME"]


def test_without_any_stock(client: TestClient) -> None:
    answer = get(client, "/stocks/")
    assert (answer["stocks"], answer["computed_at"], answer["is_current"]) == ([], None, False)
    assert (
        problem(client, "/stocks/ACME/latest", 404)["detail"] == "There is no stock ACME here; GET /stocks/ lists them"
    )


class TestBars:
    def test_latest(self, reader: TestClient) -> None:
        answer = get(reader, "/stocks/acme/latest")
        assert (answer["ticker"], answer["company_name"], answer["sector"]) == ("ACME", "Acme Chips", "Technology")
        assert (answer["as_of_date"], answer["is_current"]) == ("2026-01-23", True)
        assert (answer["bar"]["close_price"], answer["bar"]["doubt"]) == (75.0, "moved 50 %")
        assert (answer["market_cap"], answer["market_cap_date"]) == (100_000_000_000, "2026-01-23")

    def test_a_doubt_ends_when_it_is_confirmed(self, client: TestClient, market: Connection) -> None:
        market.execute("UPDATE collected_06_daily_stock_history SET confirmed_at = now() WHERE doubt IS NOT NULL")
        assert get(client, "/stocks/ACME/latest")["bar"]["doubt"] is None

    def test_history_is_newest_first(self, reader: TestClient) -> None:
        answer = get(reader, "/stocks/ACME/history")
        assert [bar["trade_date"][-2:] for bar in answer["bars"]] == ["23", "22", "21", "20"]
        thursday = answer["bars"][1]
        assert (thursday["close_price"], thursday["adj_close_price"], thursday["dividend"]) == (49.98, 49.9, 0.5)
        assert (answer["currency"], answer["next_cursor"]) == ("USD", None)

    def test_a_range_in_parts(self, client: TestClient, market: Connection) -> None:
        asked = {"start_date": "2026-01-20", "end_date": "2026-01-22", "limit": 2}
        first = get(client, "/stocks/ACME/history", **asked)
        stock_bar(market, "ACME", date(2026, 1, 26), 76.0)
        rest = get(client, "/stocks/ACME/history", **asked, cursor=first["next_cursor"])
        days = [bar["trade_date"][-2:] for bar in first["bars"] + rest["bars"]]
        assert days == ["22", "21", "20"]
        assert first["as_of_date"] == "2026-01-22"

    def test_what_is_not_there(self, reader: TestClient) -> None:
        found = problem(reader, "/stocks/ACME/history", 404, start_date="2026-02-01")
        assert found["detail"] == "There is no bar of ACME from 2026-02-01; the newest is of 2026-01-23"
        assert found["newest_as_of_date"] == "2026-01-23"
        found = problem(reader, "/stocks/ACME/history", 422, start_date="2026-01-23", end_date="2026-01-20")
        assert found["detail"] == "start_date: expected a day at or before end_date 2026-01-20, found 2026-01-23"
        assert "see /dashboard/etf-benchmark" in problem(reader, "/stocks/QQQ/latest", 404)["detail"]
        assert problem(reader, "/stocks/ZETA/latest", 404)["detail"] == "There are no bars of ZETA yet"
        assert "symbol" in problem(reader, "/stocks/A%20B/latest", 422)["detail"]
        for limit in (0, 1001, -1):
            assert "limit" in problem(reader, "/stocks/ACME/history", 422, limit=limit)["detail"]

    def test_as_csv(self, reader: TestClient) -> None:
        rows = table(reader, "/stocks/ACME/history", limit=2)
        assert [(row["trade_date"], row["close_price"]) for row in rows] == [
            ("2026-01-23", "75.0"),
            ("2026-01-22", "49.98"),
        ]


class TestMonthly:
    def test_positions_and_what_a_reader_must_know(self, reader: TestClient) -> None:
        answer = get(reader, "/stocks/monthly-portfolio")
        assert (answer["as_of_date"], answer["rebalance_date"]) == ("2025-12-28", "2025-12-28")
        # the 20th session after it: 29, 30, 31 December, then 17 of January up to Tuesday 27
        assert (answer["valid_until"], answer["sessions_left"], answer["is_expired"]) == ("2026-01-27", 2, False)
        assert (answer["state"], answer["status"], answer["input_as_of_date"]) == ("ok", "partial", "2025-12-26")
        acme, beta, omega = answer["positions"]
        assert (acme["weight_pct"], acme["score"], acme["source_periods"]) == (60.60606061, 2.0, ["20d", "5d"])
        assert (beta["rank"], beta["is_new"], omega["rank"], omega["is_new"]) == (2, False, 20, True)
        assert omega["return_20d"] is None
        assert [item["code"] for item in answer["warnings"]] == ["single_weight_above_half", "few_effective_positions"]
        assert answer["sentences"][0]["code"] == "monthly"
        assert answer["excluded"][0]["ticker"] == "DELTA"

    @pytest.mark.parametrize(
        ("now", "is_current", "is_expired", "left"),
        [
            (datetime(2026, 1, 26, 7, tzinfo=UTC), True, False, 2),  # the rebalance of the 25th is 17 hours overdue
            (datetime(2026, 1, 26, 9, tzinfo=UTC), False, False, 2),
            (datetime(2026, 1, 27, 22, tzinfo=UTC), False, False, 0),
            (datetime(2026, 1, 28, 22, tzinfo=UTC), False, True, 0),
        ],
    )
    def test_current_until_the_next_one_is_due_and_then_expired_still_held(
        self,
        reader: TestClient,
        monkeypatch: pytest.MonkeyPatch,
        now: datetime,
        is_current: bool,
        is_expired: bool,
        left: int,
    ) -> None:
        monkeypatch.setattr(freshness, "wall_now", lambda: now)
        answer = get(reader, "/stocks/monthly-portfolio")
        found = (answer["is_current"], answer["is_expired"], answer["sessions_left"])
        assert found == (is_current, is_expired, left)
        assert get(reader, "/dashboard/portfolio-changes", period_days="monthly")["is_current"] is is_current

    def test_an_empty_one_says_why(self, client: TestClient, market: Connection) -> None:
        market.execute("DELETE FROM analytics_08_monthly_portfolio")
        market.execute("UPDATE analytics_portfolios SET positions = 0, status = 'empty' WHERE strategy = 'monthly'")
        answer = get(client, "/stocks/monthly-portfolio")
        assert (answer["state"], answer["positions"]) == ("empty", [])
        assert answer["reason"] == "The portfolios of 2025-12-26 that were merged are all empty"

    def test_a_day_without_a_rebalance(self, reader: TestClient) -> None:
        found = problem(reader, "/stocks/monthly-portfolio", 404, rebalance_date="2026-01-25")
        assert found["detail"] == "There is no monthly portfolio of 2026-01-25; the newest is of 2025-12-28"
        assert found["result_at_or_before"] == "2025-12-28"

    def test_as_csv(self, reader: TestClient) -> None:
        rows = table(reader, "/stocks/monthly-portfolio", rebalance_date="2025-12-28")
        assert [(row["ticker"], row["source_periods"]) for row in rows] == [
            ("ACME", "20d 5d"), ("BETA", "20d"), ("OMEGA", "5d"),
        ]  # fmt: skip


def test_before_the_first_rebalance(client: TestClient) -> None:
    assert problem(client, "/stocks/monthly-portfolio", 404)["detail"] == "There is no monthly portfolio yet"


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2001-06-01", "2027-12-25", "9999-12-31"])
def test_days_the_calendar_does_not_know_have_no_result_either(client: TestClient, day: str) -> None:
    for path in ("/stocks/portfolio", "/dashboard/trending-etfs", "/dashboard/portfolio-summary"):
        found = problem(client, path, 404, as_of_date=day)
        assert found["detail"].endswith("the newest is of 2026-01-23")


def test_profiles_of_one_class_only(client: TestClient, db: Connection) -> None:
    insert(db, "collected_00_meta_stock", ticker="FUND", quote_type="ETF", fetched_at=datetime.now(UTC), run_id="x")
    assert get(client, "/stocks/")["stocks"] == []
