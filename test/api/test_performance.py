"""GET /performance/{strategy}: the three sessions of test.api.market.performance, and purchases as rules 8 say."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.purchases import held, purchases
from database.read_performance import Revision
from test.api.asking import get, problem, table
from test.api.market import performance_day
from test.published import Connection, header
from utils.sessions import sessions_between

FRIDAY, MONDAY, TUESDAY = "2026-01-23", "2026-01-26", "2026-01-27"


def metrics(series: dict[str, Any], name: str = "metrics") -> dict[str, Any]:
    return {metric["name"]: metric for metric in series[name]}


class TestSeries:
    def test_days_before_and_after_cost_beside_spy(self, reader: TestClient) -> None:
        answer = get(reader, "/performance/20d")
        assert (answer["start_date"], answer["end_date"], answer["as_of_date"]) == (FRIDAY, TUESDAY, TUESDAY)
        friday, monday, tuesday = answer["days"]
        assert (friday["daily_return"], friday["equity"], friday["equity_net"]) == (None, 1.0, 0.999)
        # 1.1 × 0.999 × 0.9988
        assert (monday["equity"], monday["equity_net"], monday["benchmark_equity"]) == (1.1, 1.09758132, 1.02)
        assert (monday["daily_return"], monday["daily_return_net"]) == (10.0, 9.868)  # 1.1 × 0.9988 − 1
        assert (tuesday["equity_net"], tuesday["drawdown_pct"]) == (0.54879066, -50.0)
        assert (tuesday["without_bar"], tuesday["incomplete"]) == (["BETA"], True)
        assert friday["drawdown_pct"] == -0.1  # what the first purchase cost

    def test_the_series_says_what_is_known_and_what_needs_more_data(self, reader: TestClient) -> None:
        (series,) = get(reader, "/performance/20d")["series"]
        assert (series["origin"], series["started_on"], series["sessions"]) == ("live", FRIDAY, 3)
        assert (series["incomplete"], series["flagged"]) == (True, [TUESDAY])
        found = metrics(series)
        cumulative = found["cumulative_return_pct"]
        assert (cumulative["value"], cumulative["value_before_cost"]) == (-45.120934, -45.0)
        assert series["cost_total_pp"] == 0.120934
        assert found["max_drawdown_pct"]["value"] == -50.0
        sharpe = found["sharpe_ratio"]
        assert (sharpe["value"], sharpe["has_enough_data"], sharpe["n"], sharpe["needed"]) == (None, False, 2, 60)
        assert sharpe["definition"].startswith("Mean / sample standard deviation")
        spy = metrics(series, "benchmark_metrics")
        assert (spy["cumulative_return_pct"]["value"], spy["max_drawdown_pct"]["value"]) == (2.0, 0.0)
        assert "hit_rate_pct" not in spy

    def test_what_was_bought_and_what_it_earned(self, reader: TestClient) -> None:
        monday, friday = get(reader, "/performance/20d")["rebalances"]
        assert (friday["as_of_date"], friday["bought_on"], friday["held_to"]) == ("2026-01-22", FRIDAY, MONDAY)
        assert (friday["is_completed"], friday["turnover"], friday["cost"]) == (True, 1.0, 0.001)
        assert (friday["return_pct"], friday["benchmark_return_pct"]) == (9.89, 2.0)  # 1.1 × 0.999
        assert friday["weights"] == {"ACME": 0.6, "OMEGA": 0.4}
        assert (monday["as_of_date"], monday["held_to"], monday["is_completed"]) == ("2026-01-23", TUESDAY, False)
        assert monday["return_pct"] == -50.06  # 0.5 × 0.9988
        assert list(monday["weights"]) == ["ACME", "BETA"]

    @pytest.mark.parametrize(("cost_bps", "net"), [(0, 0.55), (20, 0.54758264), (2.5, 0.549697)])
    def test_cost_is_recomputed_from_the_stored_one(self, reader: TestClient, cost_bps: float, net: float) -> None:
        # at 20: 0.55 × 0.998 × 0.9976; at 2.5: 0.55 × 0.99975 × 0.9997
        answer = get(reader, "/performance/20d", cost_bps=cost_bps)
        assert answer["days"][-1]["equity_net"] == pytest.approx(net, abs=1e-6)
        assert answer["rebalances"][1]["cost"] == pytest.approx(0.001 * cost_bps / 10)
        assert answer["days"][-1]["equity"] == 0.55

    def test_a_range_within_a_series_starts_at_1(self, reader: TestClient) -> None:
        answer = get(reader, "/performance/20d", start_date=MONDAY)
        monday, tuesday = answer["days"]
        assert (monday["started_on"], monday["equity"], monday["equity_net"]) == (MONDAY, 1.0, 1.0)
        assert (monday["daily_return"], tuesday["daily_return"], tuesday["equity_net"]) == (None, -50.0, 0.5)
        (series,) = answer["series"]
        assert metrics(series)["cumulative_return_pct"]["value"] == -50.0
        assert [row["bought_on"] for row in answer["rebalances"]] == [MONDAY]
        assert (answer["oldest_as_of_date"], answer["newest_as_of_date"]) == (FRIDAY, TUESDAY)
        until = get(reader, "/performance/20d", end_date=MONDAY)
        assert [row["is_completed"] for row in until["rebalances"]] == [False, True]
        assert len(get(reader, "/performance/20d", start_date=MONDAY, end_date=MONDAY)["days"]) == 1

    def test_live_and_each_simulated_stretch_are_series_of_their_own(
        self, client: TestClient, market: Connection
    ) -> None:
        for published in (date(2026, 1, 12), date(2026, 1, 14), date(2026, 1, 15)):
            header(market, "20d", published, positions=0, status="empty")
        market.execute("UPDATE analytics_portfolios SET origin = 'simulated' WHERE as_of_date < '2026-01-20'")
        for day in (13, 14, 15, 16, 20, 21, 22, 23):
            returns = (None, None) if day == 13 else (0.0, 0.0)
            performance_day(market, date(2026, 1, day), returns, 1.0, 1.0, origin="simulated", positions=0)
        answer = get(client, "/performance/20d")
        assert [(row["origin"], row["started_on"]) for row in answer["series"]] == [
            ("live", FRIDAY), ("simulated", "2026-01-13"),
        ]  # fmt: skip
        simulated = [row for row in answer["rebalances"] if row["origin"] == "simulated"]
        # what is simulated is held until what is live is bought, on Friday
        assert [(row["bought_on"], row["held_to"], row["is_completed"]) for row in simulated] == [
            ("2026-01-16", FRIDAY, False), ("2026-01-15", "2026-01-16", True), ("2026-01-13", "2026-01-15", True),
        ]  # fmt: skip

    def test_as_csv(self, reader: TestClient) -> None:
        rows = table(reader, "/performance/20d")
        assert [row["equity_net"] for row in rows] == ["0.999", "1.09758132", "0.54879066"]
        assert (rows[2]["without_bar"], rows[0]["daily_return"]) == ("BETA", "")

    def test_what_is_not_there(self, reader: TestClient) -> None:
        assert problem(reader, "/performance/5d", 404)["detail"] == "There is no performance of 5d yet"
        found = problem(reader, "/performance/20d", 404, start_date="2026-02-01")
        assert found["detail"] == (
            f"There is no performance of 20d from 2026-02-01; there is from {FRIDAY} to {TUESDAY}"
        )
        assert "'5d', '10d', '20d' or 'monthly'" in problem(reader, "/performance/weekly", 422)["detail"]
        for bad in ("-1", "101", "nan", "inf", "ten"):
            assert "cost_bps" in problem(reader, "/performance/20d", 422, cost_bps=bad)["detail"]
        assert "start_date" in problem(reader, "/performance/20d", 422, start_date=TUESDAY, end_date=FRIDAY)["detail"]


def revision(as_of: date, published_at: datetime, number: int = 1, origin: str = "live") -> Revision:
    return Revision(as_of, origin, number, published_at)  # type: ignore[arg-type]


class TestPurchases:
    """The examples of batch/transforms/performance.py: the API names the purchases that the batch computed with."""

    JANUARY = sessions_between(date(2026, 1, 12), date(2026, 1, 30))
    THURSDAY = date(2026, 1, 22)

    def test_the_revision_that_was_the_newest_at_the_close(self) -> None:
        published = [
            datetime(2026, 1, 23, 1, tzinfo=UTC),
            datetime(2026, 1, 23, 20, 59, tzinfo=UTC),
            datetime(2026, 1, 23, 21, 1, tzinfo=UTC),
        ]
        rows = [revision(self.THURSDAY, at, number) for number, at in enumerate(published, start=1)]
        (bought,) = purchases(rows, self.JANUARY)
        assert (bought.bought_on, bought.revision) == (date(2026, 1, 23), 2)

    @pytest.mark.parametrize(
        ("published_at", "bought_on"),
        [
            (datetime(2026, 1, 22, 22, tzinfo=UTC), date(2026, 1, 23)),
            (datetime(2026, 1, 23, 21, tzinfo=UTC), date(2026, 1, 26)),  # at the close is not before it
            (datetime(2026, 1, 25, 12, tzinfo=UTC), date(2026, 1, 26)),
        ],
    )
    def test_at_the_first_close_after_the_publication(self, published_at: datetime, bought_on: date) -> None:
        (bought,) = purchases([revision(self.THURSDAY, published_at)], self.JANUARY)
        assert bought.bought_on == bought_on

    def test_not_bought_yet(self) -> None:
        last = self.JANUARY[-1]
        assert purchases([revision(last, datetime(2026, 1, 30, 22, tzinfo=UTC))], self.JANUARY) == []
        late = revision(self.THURSDAY, datetime(2026, 2, 2, 22, tzinfo=UTC))
        assert purchases([late], self.JANUARY) == []

    def test_of_two_for_one_session_the_newer(self) -> None:
        late = revision(date(2026, 1, 21), datetime(2026, 1, 23, 12, tzinfo=UTC))
        timely = revision(self.THURSDAY, datetime(2026, 1, 22, 22, tzinfo=UTC))
        assert [item.as_of_date for item in purchases([late, timely], self.JANUARY)] == [self.THURSDAY]

    def test_intervals_of_both_series(self) -> None:
        rows = [
            revision(date(2026, 1, day), datetime(2026, 1, day, 23, tzinfo=UTC), origin=origin)
            for day, origin in ((9, "simulated"), (12, "simulated"), (13, "live"), (14, "simulated"), (15, "live"))
        ]
        found = held(purchases(rows, self.JANUARY), last=date(2026, 1, 20))
        assert [
            (item.purchase.origin, item.purchase.bought_on.day, item.held_to.day, item.is_completed) for item in found
        ] == [
            ("live", 14, 16, True),
            ("live", 16, 20, False),
            ("simulated", 12, 13, True),
            ("simulated", 13, 14, False),
            ("simulated", 15, 16, False),
        ]
