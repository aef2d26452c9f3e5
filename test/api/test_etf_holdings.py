"""What ETFs hold: the lists and stage 9 of test.api.market."""

from datetime import date

import pytest
from fastapi.testclient import TestClient

from config.universe import ETFS
from test.api.asking import get, problem, table
from test.api.market import holding
from test.published import Connection

PATHS = (
    "/etf-holdings/top-holdings/QQQ",
    "/etf-holdings/all-holdings",
    "/etf-holdings/summary",
    "/etf-holdings/comparison/ACME",
    "/etf-holdings/concentration",
    "/etf-holdings/overlap",
)


class TestTopHoldings:
    def test_best_first_with_the_weight_they_are_part_of(self, reader: TestClient) -> None:
        answer = get(reader, "/etf-holdings/top-holdings/qqq")
        assert [(row["ticker"], row["rank_position"], row["total_return"]) for row in answer["holdings"]] == [
            ("DELTA", 1, 9.0), ("ACME", 2, 5.0), ("GAMMA", 3, -4.5),
        ]  # fmt: skip
        assert (answer["as_of_date"], answer["holdings_as_of"]) == ("2026-01-23", "2026-01-22")
        assert (answer["covered_weight_pct"], answer["period_days"]) == (20.0, 20)
        delta = answer["holdings"][0]
        assert (delta["avg_return"], delta["volatility"]) == (0.45, 2.5)
        assert delta["sharpe_ratio"] == 2.857411  # 0.45 / 2.5 × √252
        assert [row["currency"] for row in answer["holdings"]] == [None, "USD", None]  # ACME's alone is known

    def test_a_sharpe_ratio_of_five_sessions_is_not_shown(self, reader: TestClient) -> None:
        (acme,) = get(reader, "/etf-holdings/top-holdings/QQQ", time_period=5)["holdings"]
        assert (acme["total_return"], acme["sharpe_ratio"]) == (1.5, None)

    def test_limit(self, reader: TestClient) -> None:
        assert len(get(reader, "/etf-holdings/top-holdings/QQQ", limit=2)["holdings"]) == 2
        assert "limit" in problem(reader, "/etf-holdings/top-holdings/QQQ", 422, limit=101)["detail"]

    def test_an_unknown_etf_is_told_which_there_are(self, reader: TestClient) -> None:
        detail = problem(reader, "/etf-holdings/top-holdings/VTI", 404)["detail"]
        known = ", ".join(sorted(etf.ticker for etf in ETFS))
        assert detail.startswith(f"There is no ETF VTI here; there are {known}")

    def test_an_etf_without_a_list_has_no_rows(self, reader: TestClient) -> None:
        answer = get(reader, "/etf-holdings/top-holdings/XLU")
        assert (answer["holdings"], answer["holdings_as_of"], answer["covered_weight_pct"]) == ([], None, None)


class TestAllHoldings:
    def test_every_etf_in_ticker_order(self, reader: TestClient) -> None:
        rows = get(reader, "/etf-holdings/all-holdings", limit=2)["holdings"]
        assert [(row["etf_ticker"], row["ticker"]) for row in rows] == [
            ("QQQ", "DELTA"), ("QQQ", "ACME"), ("XLV", "BETA"), ("XLV", "ACME"),
        ]  # fmt: skip
        assert get(reader, "/etf-holdings/all-holdings", etf_type="benchmark")["holdings"] == []

    def test_summary(self, reader: TestClient) -> None:
        rows = {row["etf_ticker"]: row for row in get(reader, "/etf-holdings/summary")["etfs"]}
        assert len(rows) == len(ETFS)
        qqq = rows["QQQ"]
        assert (qqq["holding_count"], qqq["rising_count"], qqq["avg_total_return"]) == (3, 2, 3.166667)
        assert (qqq["best_ticker"], qqq["worst_ticker"], qqq["worst_return"]) == ("DELTA", "GAMMA", -4.5)
        assert (rows["SPY"]["holding_count"], rows["SPY"]["avg_total_return"]) == (0, None)
        assert len(get(reader, "/etf-holdings/summary", etf_type="benchmark")["etfs"]) == 5

    def test_comparison(self, reader: TestClient) -> None:
        answer = get(reader, "/etf-holdings/comparison/ACME")
        assert (answer["holding_name"], answer["sector"], answer["total_return"]) == ("ACME Inc", "Technology", 5.0)
        assert [(row["etf_ticker"], row["holding_percent"], row["holding_rank"]) for row in answer["holders"]] == [
            ("QQQ", 8.0, 2), ("XLV", 5.0, 2),
        ]  # fmt: skip
        assert [row["rank_position"] for row in answer["holders"]] == [2, 2]

    def test_a_stock_that_is_in_no_newest_list_has_no_holder(self, reader: TestClient) -> None:
        answer = get(reader, "/etf-holdings/comparison/OMEGA")  # QQQ held it in November
        assert (answer["holders"], answer["total_return"]) == ([], None)
        assert "in any holdings list" in problem(reader, "/etf-holdings/comparison/NVDA", 404)["detail"]


class TestMatrix:
    def test_concentration_as_a_range_with_what_it_covers(self, reader: TestClient) -> None:
        qqq, xlv = get(reader, "/etf-holdings/concentration")["etfs"]
        assert (qqq["etf_ticker"], qqq["top_1_weight"], qqq["covered_weight"]) == ("QQQ", 0.1, 0.2)
        assert (qqq["effective_holdings_min"], qqq["effective_holdings_max"]) == (30.487805, 59.52381)
        assert (xlv["herfindahl_index"], xlv["holdings_as_of"]) == (0.0106, "2026-01-22")

    def test_each_pair_once_with_the_shared_stocks(self, reader: TestClient) -> None:
        answer = get(reader, "/etf-holdings/overlap")
        assert answer["etfs"] == ["QQQ", "XLV"]
        (pair,) = answer["overlaps"]
        assert (pair["etf_ticker"], pair["other_etf_ticker"], pair["overlap_weight"]) == ("QQQ", "XLV", 0.05)
        assert (pair["shared_count"], pair["shared_tickers"]) == (1, ["ACME"])
        assert (pair["covered_weight"], pair["other_covered_weight"]) == (0.2, 0.14)

    def test_as_csv(self, reader: TestClient) -> None:
        (row,) = table(reader, "/etf-holdings/overlap")
        assert (row["as_of_date"], row["shared_tickers"]) == ("2026-01-23", "ACME")


class TestEtfHoldings:
    def test_the_newest_list(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/etf-holdings", ticker="QQQ")
        assert [(row["ticker"], row["holding_percent"], row["etf_count"]) for row in answer["holdings"]] == [
            ("GAMMA", 10.0, 1), ("ACME", 8.0, 2), ("DELTA", 2.0, 1),
        ]  # fmt: skip
        assert (answer["as_of_date"], answer["holdings_as_of"]) == ("2026-01-22", "2026-01-22")
        assert (answer["covered_weight_pct"], answer["is_in_reach"]) == (20.0, True)
        assert answer["returns_as_of"] is None  # stage 9 is of Friday

    def test_at_a_date_with_returns(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/etf-holdings", ticker="QQQ", as_of_date="2026-01-23")
        assert (answer["as_of_date"], answer["holdings_as_of"]) == ("2026-01-23", "2026-01-22")
        assert [row["return_pct"] for row in answer["holdings"]] == [-4.5, 5.0, 9.0]

    def test_an_older_list_says_whether_it_is_in_reach(self, reader: TestClient) -> None:
        answer = get(reader, "/dashboard/etf-holdings", ticker="QQQ", as_of_date="2026-01-14")
        assert (answer["holdings_as_of"], answer["is_in_reach"]) == ("2025-11-30", True)  # 45 days
        answer = get(reader, "/dashboard/etf-holdings", ticker="QQQ", as_of_date="2026-01-15")
        assert answer["is_in_reach"] is False

    def test_no_list_at_or_before_a_date_and_none_of_the_future(self, reader: TestClient) -> None:
        for day in ("2025-11-29", "2026-01-26", "9999-12-31", "0001-01-01"):
            found = problem(reader, "/dashboard/etf-holdings", 404, ticker="QQQ", as_of_date=day)
            assert found["detail"] == f"There is no holdings list of QQQ of {day}; the newest is of 2026-01-22"
            before = None if day < "2025-11-30" else "2026-01-22"
            assert found["result_at_or_before"] == before
        assert "no holdings list of SPY yet" in problem(reader, "/dashboard/etf-holdings", 404, ticker="SPY")["detail"]
        assert "ticker: field required" in problem(reader, "/dashboard/etf-holdings", 422)["detail"]

    def test_a_holding_of_unknown_sector(self, client: TestClient, market: Connection) -> None:
        holding(market, "SPY", date(2026, 1, 22), "UNHEARD", 1, 7.41)
        (row,) = get(client, "/dashboard/etf-holdings", ticker="SPY")["holdings"]
        assert (row["sector"], row["holding_percent"]) == ("Unknown", 7.41)


@pytest.mark.parametrize("path", PATHS)
def test_a_date_without_an_analysis_names_the_newest(reader: TestClient, path: str) -> None:
    found = problem(reader, path, 404, as_of_date="2026-01-22")
    assert found["detail"].endswith("of 2026-01-22; the newest is of 2026-01-23")
    assert (found["newest_as_of_date"], found["result_at_or_before"]) == ("2026-01-23", None)
    assert problem(reader, path, 404, as_of_date="2026-02-02")["result_at_or_before"] == "2026-01-23"


@pytest.mark.parametrize("path", PATHS)
def test_before_the_first_analysis(client: TestClient, path: str) -> None:
    assert problem(client, path, 404)["status"] == 404
