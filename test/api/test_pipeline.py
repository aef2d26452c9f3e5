"""GET /pipeline/*: the runs and findings of test.api.market."""

from datetime import UTC, date, datetime

import pytest
from fastapi.testclient import TestClient

from api import freshness
from test.api.asking import get, parts, problem, table
from test.api.market import everything, run
from test.published import Connection, header


class TestRuns:
    def test_newest_first_with_what_became_of_the_items(self, reader: TestClient) -> None:
        answer = get(reader, "/pipeline/runs")
        assert [row["run_id"] for row in answer["runs"]] == ["portfolios-2", "months", "bars-2", "bars-1"]
        bars = answer["runs"][2]
        assert (bars["process"], bars["status"], bars["usable"]) == ("needed_stocks", "partial", False)
        assert [bars[name] for name in ("requested", "stored", "unchanged", "failed", "dead_lettered")] == [
            3,
            1,
            1,
            1,
            0,
        ]
        assert (bars["took_seconds"], bars["adds_up"], bars["error"]) == (60.0, True, "BETA bars: no answer")
        running = answer["runs"][0]
        assert (running["status"], running["finished_at"], running["took_seconds"]) == ("running", None, None)
        assert (answer["as_of_date"], answer["is_current"]) == ("2026-01-23", True)

    def test_by_status_and_process(self, reader: TestClient) -> None:
        def found(**filters: str) -> list[str]:
            return [row["run_id"] for row in get(reader, "/pipeline/runs", **filters)["runs"]]

        assert found(status="partial") == ["bars-2"]
        assert found(process="needed_stocks") == ["bars-2", "bars-1"]
        assert found(process="needed_stocks", status="failed") == []
        assert (
            "'running', 'success', 'partial', 'failed' or 'skipped'"
            in (problem(reader, "/pipeline/runs", 422, status="broken")["detail"])
        )
        unknown = problem(reader, "/pipeline/runs", 422, process="nothing")
        assert unknown["detail"] == ("process: expected one of months_and_sectors, needed_stocks, portfolio_allocation")

    def test_in_parts_while_runs_begin(self, client: TestClient, market: Connection) -> None:
        assert [len(part) for part in parts(client, "/pipeline/runs", "runs", limit=3)] == [3, 1]
        first = get(client, "/pipeline/runs", limit=1)
        run(market, "later", "needed_stocks", date(2026, 1, 26), "running")
        rest = get(client, "/pipeline/runs", cursor=first["next_cursor"])["runs"]
        assert [row["run_id"] for row in rest] == ["months", "bars-2", "bars-1"]

    def test_one_run_with_its_items(self, reader: TestClient) -> None:
        answer = get(reader, "/pipeline/runs/bars-2")
        assert [(item["ticker"], item["status"]) for item in answer["items"]] == [
            ("ACME", "stored"), ("BETA", "failed"), ("OMEGA", "unchanged"),
        ]  # fmt: skip
        assert (answer["run"]["run_id"], answer["as_of_date"]) == ("bars-2", "2026-01-23")
        (failed,) = get(reader, "/pipeline/runs/bars-2", status="failed")["items"]
        assert (failed["ticker"], failed["error"]) == ("BETA", "no answer")
        pages = parts(reader, "/pipeline/runs/bars-2", "items", limit=2)
        assert [[item["ticker"] for item in page] for page in pages] == [["ACME", "BETA"], ["OMEGA"]]
        assert get(reader, "/pipeline/runs/months")["items"] == []
        detail = problem(reader, "/pipeline/runs/none", 404)["detail"]
        assert detail == "There is no run none; GET /pipeline/runs lists them"

    def test_as_csv_each_run_has_its_own_session(self, reader: TestClient) -> None:
        rows = table(reader, "/pipeline/runs")
        assert list(rows[0]).count("as_of_date") == 1
        assert [row["as_of_date"] for row in rows] == ["2026-01-23"] * 3 + ["2026-01-22"]


class TestFreshness:
    def test_each_table_against_what_should_be_there(self, reader: TestClient) -> None:
        answer = get(reader, "/pipeline/freshness")
        assert answer["as_of_date"] == "2026-01-23"
        rows = {row["table"]: row for row in answer["tables"]}
        trending = rows["analytics_03_trending_etfs"]
        assert (trending["newest_date"], trending["sessions_behind"], trending["row_count"]) == ("2026-01-23", 0, 15)
        rates = rows["collected_00_fx_rate"]
        assert (rates["newest_date"], rates["expected_date"], rates["sessions_behind"], rates["is_estimate"]) == (
            "2026-01-22", "2026-01-22", 0, False,
        )  # fmt: skip
        monthly = rows["analytics_08_monthly_portfolio"]
        assert (monthly["newest_date"], monthly["expected_date"], monthly["sessions_behind"]) == (
            "2025-12-28", "2025-12-28", 0,
        )  # fmt: skip
        weekly = rows["analytics_09_etf_overlap"]
        assert (weekly["expected_date"], weekly["cadence"]) == ("2026-01-16", "weekly")
        assert answer["is_current"] is True

    def test_a_rebalance_does_not_stand_for_the_portfolios_of_sessions(
        self, client: TestClient, db: Connection
    ) -> None:
        everything(db)
        db.execute("DELETE FROM analytics_portfolios WHERE strategy <> 'monthly' AND as_of_date > '2026-01-22'")
        header(db, "monthly", date(2026, 1, 25), positions=0, status="empty")
        rows = {row["table"]: row for row in get(client, "/pipeline/freshness")["tables"]}
        for name in ("analytics_portfolios", "analytics_05_portfolio_allocation", "analytics_05_candidates"):
            assert (rows[name]["newest_date"], rows[name]["sessions_behind"]) == ("2026-01-22", 1)

    def test_where_nothing_trends_nothing_is_late(self, client: TestClient, db: Connection) -> None:
        everything(db)
        for name in ("analytics_05_portfolio_allocation", "analytics_05_candidates", "collected_04_etf_holdings"):
            db.execute(f"DELETE FROM {name} WHERE as_of_date > '2026-01-21'")
        lists = {row["table"]: row for row in get(client, "/pipeline/freshness")["tables"]}["collected_04_etf_holdings"]
        assert lists["newest_date"] == "2025-11-30"  # QQQ trends after it
        db.execute("DELETE FROM analytics_03_trending_etfs WHERE is_trending")
        answer = get(client, "/pipeline/freshness")
        assert answer["is_current"] is True
        assert [row["table"] for row in answer["tables"] if row["cadence"] == "daily" and row["sessions_behind"]] == []

    @pytest.mark.parametrize(
        ("hour", "is_late"),
        [(datetime(2026, 1, 25, 18, 0, tzinfo=UTC), False), (datetime(2026, 1, 26, 11, 59, tzinfo=UTC), False),
         (datetime(2026, 1, 26, 12, 1, tzinfo=UTC), True)],
    )  # fmt: skip
    def test_what_a_sunday_makes_is_not_behind_while_it_is_being_made(
        self, client: TestClient, db: Connection, monkeypatch: pytest.MonkeyPatch, hour: datetime, is_late: bool
    ) -> None:
        """Rebalance at 14:00 UTC, analysis at 18:00: late from API_FRESH_HOURS on, as everything is."""
        everything(db)
        db.execute("UPDATE analytics_09_etf_overlap SET as_of_date = '2026-01-16'")
        monkeypatch.setattr(freshness, "wall_now", lambda: hour)
        rows = {row["table"]: row for row in get(client, "/pipeline/freshness")["tables"]}
        assert bool(rows["analytics_09_etf_overlap"]["sessions_behind"]) is is_late
        monthly_is_late = hour > datetime(2026, 1, 26, 8, 0, tzinfo=UTC)
        assert bool(rows["analytics_08_monthly_portfolio"]["sessions_behind"]) is monthly_is_late

    def test_after_the_last_sunday_of_the_month(self, reader: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(freshness, "wall_now", lambda: datetime(2026, 1, 26, 12, tzinfo=UTC))
        rows = {row["table"]: row for row in get(reader, "/pipeline/freshness")["tables"]}
        monthly, weekly = rows["analytics_08_monthly_portfolio"], rows["analytics_09_etf_overlap"]
        assert (monthly["expected_date"], monthly["sessions_behind"]) == ("2026-01-25", 18)
        assert (weekly["expected_date"], weekly["sessions_behind"]) == ("2026-01-23", 0)


class TestQuality:
    def test_newest_first(self, reader: TestClient) -> None:
        found = get(reader, "/pipeline/quality")["findings"]
        assert [(row["check_name"], row["severity"]) for row in found] == [
            ("restated", "info"), ("missing session", "error"), ("doubt", "warn"),
        ]  # fmt: skip
        assert (found[1]["ticker"], found[1]["session"]) == ("BETA", "2026-01-23")

    def test_filters_and_parts(self, reader: TestClient) -> None:
        (row,) = get(reader, "/pipeline/quality", severity="error")["findings"]
        assert row["detail"] == "missing session of BETA"
        assert get(reader, "/pipeline/quality", check_name="doubt", ticker="BETA")["findings"] == []
        assert len(get(reader, "/pipeline/quality", ticker="acme")["findings"]) == 1
        assert [len(part) for part in parts(reader, "/pipeline/quality", "findings", limit=2)] == [2, 1]
        assert "'info', 'warn' or 'error'" in problem(reader, "/pipeline/quality", 422, severity="bad")["detail"]


def test_before_the_first_run(client: TestClient) -> None:
    for path, rows in (("/pipeline/runs", "runs"), ("/pipeline/quality", "findings")):
        answer = get(client, path)
        assert (answer[rows], answer["computed_at"], answer["is_current"]) == ([], None, False)
    assert "nothing has run yet" in problem(client, "/pipeline/runs", 422, process="x")["detail"]
    tables = get(client, "/pipeline/freshness")["tables"]
    assert {(row["newest_date"], row["sessions_behind"], row["row_count"]) for row in tables} == {(None, None, 0)}
