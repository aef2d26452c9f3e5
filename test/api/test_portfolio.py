"""GET /stocks/portfolio and what stands beside it: every figure can be checked against published.two_evenings."""

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api import freshness
from config.universe import ETFS, tickers_of
from test.published import FRIDAY as FRIDAY_DATE
from test.published import Connection, header

FRIDAY = FRIDAY_DATE.isoformat()


def get(client: TestClient, path: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.usefixtures("results")
class TestPortfolio:
    def test_positions_with_the_reason_as_fields(self, client: TestClient) -> None:
        answer = get(client, "/stocks/portfolio", period_days=20)
        acme, beta = answer["positions"]
        assert (acme["ticker"], acme["portfolio_weight"], acme["weight_pct"]) == ("ACME", 0.7692307692, 76.92307692)
        assert (acme["return_pct"], acme["market_cap"], acme["allocation_score"]) == (5.0, 100_000_000_000, 50.0)
        assert acme["picks"] == [
            {
                "etf": "QQQ",
                "holding_rank": 2,
                "holding_percent": 8.0,
                "holdings_as_of": FRIDAY,
                "better_without_cap": ["DELTA"],
            }
        ]
        assert beta["source_etfs"] == ["SCHD", "XLV"]
        assert [pick["etf"] for pick in beta["picks"]] == ["SCHD", "XLV"]

    def test_header_says_what_a_reader_must_know(self, client: TestClient) -> None:
        answer = get(client, "/stocks/portfolio")
        assert (answer["period_days"], answer["as_of_date"], answer["state"]) == (20, FRIDAY, "ok")
        assert (answer["status"], answer["origin"], answer["revision"]) == ("partial", "live", 1)
        assert answer["excluded"] == [{"ticker": "DELTA", "etf": "QQQ", "reason": "no_market_cap"}]
        assert answer["effective_positions"] == 1.550459  # 1 / (0.7692² + 0.2308²)
        assert [(item["code"], item["value"]) for item in answer["warnings"]] == [
            ("single_weight_above_half", 76.92307692),
            ("few_effective_positions", 1.550459),
        ]
        assert answer["usd_krw"] == {"rate": 1401.2, "rate_date": "2026-01-22"}

    def test_next_in_line_is_neither_held_nor_without_a_cap(self, client: TestClient) -> None:
        rows = get(client, "/stocks/portfolio")["next_in_line"]
        assert [(row["ticker"], row["return_pct"], row["source_etfs"]) for row in rows] == [("GAMMA", 4.5, ["QQQ"])]

    def test_an_empty_portfolio_is_an_answer_with_its_reason(self, client: TestClient) -> None:
        answer = get(client, "/stocks/portfolio", period_days=10)
        assert (answer["state"], answer["positions"], answer["status"]) == ("empty", [], "empty")
        assert answer["reason"] == "No ETF rose and beat SPY"
        assert answer["largest_weight_pct"] is answer["effective_positions"] is None

    def test_an_earlier_date_shows_what_was_published_then(self, client: TestClient) -> None:
        answer = get(client, "/stocks/portfolio", as_of_date="2026-01-22")
        assert [row["ticker"] for row in answer["positions"]] == ["ACME", "OMEGA"]

    def test_current_until_the_next_session_is_closed_for_18_hours(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert get(client, "/stocks/portfolio")["is_current"] is True
        monday_close = datetime(2026, 1, 26, 21, 0, tzinfo=UTC)
        for hours, is_current in ((18, True), (19, False)):
            monkeypatch.setattr(freshness, "wall_now", lambda hours=hours: monday_close.replace(day=27, hour=hours - 3))
            assert get(client, "/stocks/portfolio")["is_current"] is is_current

    def test_as_csv_with_the_same_figures(self, client: TestClient) -> None:
        answer = client.get("/stocks/portfolio", headers={"Accept": "text/csv"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="portfolio-20d-{FRIDAY}.csv"'
        acme, beta = csv.DictReader(io.StringIO(answer.text))
        assert (acme["as_of_date"], acme["ticker"], acme["weight_pct"]) == (FRIDAY, "ACME", "76.92307692")
        assert beta["source_etfs"] == "SCHD XLV"

    def test_changes_against_the_session_before(self, client: TestClient) -> None:
        answer = get(client, "/dashboard/portfolio-changes", period_days="20")
        assert answer["previous_as_of_date"] == "2026-01-22"
        assert [(row["ticker"], row["weight_pct"]) for row in answer["entered"]] == [("BETA", 23.07692308)]
        assert [(row["ticker"], row["weight_pct_before"]) for row in answer["left"]] == [("OMEGA", 40.0)]
        assert [(row["ticker"], row["change_pp"]) for row in answer["stayed"]] == [("ACME", 16.92307692)]

    def test_summary(self, client: TestClient) -> None:
        answer = get(client, "/dashboard/portfolio-summary", period_days="20")
        assert (answer["position_count"], answer["spy_return_pct"], answer["top5_weight_pct"]) == (2, 0.25, 100.0)
        assert [(row["sector"], row["weight_pct"]) for row in answer["sectors"]] == [
            ("Technology", 76.92307692),
            ("Healthcare", 23.07692308),
        ]
        assert [(row["strategy"], row["shared_tickers"], row["overlap_weight_pct"]) for row in answer["overlaps"]] == [
            ("5d", ["ACME"], 76.92307692),
            ("10d", [], 0.0),
        ]

    def test_fridays_overlap_is_with_the_portfolio_of_the_sunday_after_it(
        self, client: TestClient, db: Connection
    ) -> None:
        def compared() -> list[str]:
            overlaps = get(client, "/dashboard/portfolio-summary", period_days="20", as_of_date=FRIDAY)["overlaps"]
            return [row["as_of_date"] for row in overlaps if row["strategy"] == "monthly"]

        header(db, "monthly", date(2025, 12, 28), positions=0, status="empty")
        assert compared() == ["2025-12-28"]
        header(db, "monthly", date(2026, 1, 25), positions=0, status="empty")
        assert compared() == ["2026-01-25"]
        for strategy in ("5d", "10d", "20d"):
            header(db, strategy, date(2026, 1, 26), positions=0, status="empty")
        header(db, "monthly", date(2026, 2, 22), positions=0, status="empty")
        assert compared() == ["2026-01-25"]


def test_before_the_first_portfolio(client: TestClient) -> None:
    answer = get(client, "/stocks/portfolio")
    assert (answer["state"], answer["as_of_date"], answer["is_current"]) == ("not_computed", FRIDAY, False)


def test_no_snapshot_is_told_apart_from_empty(client: TestClient, db: Connection) -> None:
    left_out = [{"ticker": None, "etf": "QQQ", "reason": "no_holdings"}]
    header(db, "20d", FRIDAY_DATE, positions=0, status="partial", left_out=left_out)
    assert get(client, "/stocks/portfolio")["state"] == "no_snapshot"


@pytest.mark.usefixtures("results")
def test_etfs_with_all_three_periods_and_the_month_so_far(client: TestClient, db: Connection) -> None:
    answer = get(client, "/dashboard/trending-etfs")
    assert (answer["as_of_date"], answer["month"], answer["is_partial"]) == (FRIDAY, "2026-01", True)
    assert len(answer["etfs"]) == len(ETFS)
    ranked = [(row["etf_ticker"], row["rank_by_return"]) for row in answer["etfs"]]
    assert ranked[:4] == [("QQQ", 1), ("SCHD", 2), ("XLV", 3), ("SPY", 4)]
    assert ranked[4:] == [(etf, None) for etf in sorted(set(tickers_of("all")) - {"QQQ", "SCHD", "XLV", "SPY"})]
    qqq = answer["etfs"][0]
    assert (qqq["return_5d"], qqq["return_10d"], qqq["return_20d"]) == (0.5, -1.0, 3.0)
    assert (qqq["outperformance_20d"], qqq["is_trending_20d"], qqq["is_trending_10d"]) == (2.75, True, False)
    assert qqq["month_to_date_pct"] == 3.5
    db.execute("UPDATE collected_01_daily_etf_ohlc SET doubt = 'moved 60 %', doubt_value = 60 WHERE ticker = 'QQQ'")
    assert get(client, "/dashboard/trending-etfs")["etfs"][0]["month_to_date_pct"] is None  # left out (rules 2)
    db.execute("UPDATE collected_01_daily_etf_ohlc SET confirmed_at = now() WHERE ticker = 'QQQ'")
    assert get(client, "/dashboard/trending-etfs")["etfs"][0]["month_to_date_pct"] == 3.5
    spy = answer["etfs"][3]
    assert (spy["rank_by_outperformance_20d"], spy["is_trending_20d"]) == (None, False)
    by_ten = get(client, "/dashboard/trending-etfs", period_days=10)
    assert by_ten["etfs"][0]["etf_ticker"] == "SPY"
