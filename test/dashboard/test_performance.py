"""Rows, lines and purchases of the Performance page, from an API's answer."""

from datetime import UTC, datetime
from typing import Any

import pytest
from dash.development.base_component import Component

from dashboard.address import read
from dashboard.client import Answer
from dashboard.components import performance, performance_chart, performance_table, rebalances
from dashboard.components.performance_chart import Line
from dashboard.site import PERFORMANCE
from dashboard.texts import Words

KO, EN = Words("ko"), Words("en")
NEEDED = {
    "cumulative_return_pct": 0,
    "max_drawdown_pct": 0,
    "annual_volatility_pct": 60,
    "sharpe_ratio": 60,
    "sortino_ratio": 60,
    "beta": 60,
    "alpha_pct": 60,
    "annual_return_pct": 252,
    "hit_rate_pct": 20,
}


def metric(name: str, value: float | None, n: int) -> dict[str, Any]:
    needed = NEEDED[name]
    counted = "completed holding intervals" if name == "hit_rate_pct" else "daily returns"
    known = value if n >= needed else None
    return {"name": name, "value": known, "n": n, "needed": needed, "counted": counted, "has_enough_data": n >= needed}


def series(origin: str, first: str, last: str, sessions: int, **values: float) -> dict[str, Any]:
    return {
        "origin": origin,
        "started_on": first,
        "ended_on": last,
        "sessions": sessions,
        "incomplete": False,
        "flagged": [],
        "turnover_mean": 0.31,
        "cost_total_pp": 0.6,
        "metrics": [metric(name, values.get(name, 1.0), sessions - 1) for name in NEEDED],
        "benchmark_metrics": [metric(name, 7.3, sessions - 1) for name in NEEDED if name != "hit_rate_pct"],
    }


def words(part: Any) -> str:
    """Everything a component says, in its order."""
    if isinstance(part, Component):
        return words(getattr(part, "children", None))
    if isinstance(part, list | tuple):
        return " ".join(" ".join(map(words, part)).split())
    return "" if part is None else str(part)


def test_strategies_of_the_same_sessions_stand_together_with_their_spy() -> None:
    answers = {
        "5d": {
            "series": [
                series("live", "2026-01-02", "2026-06-01", 100),
                series("simulated", "2025-01-02", "2026-01-02", 250),
            ]
        },
        "20d": {"series": [series("live", "2026-01-02", "2026-06-01", 100)]},
        "monthly": {"series": [series("live", "2026-01-26", "2026-06-01", 84)]},
    }
    found = performance_table.stretches(answers, KO)
    assert [(one.origin, one.sessions, [row.who for row in one.rows]) for one in found] == [
        ("live", 100, ["5d", "20d", "spy"]),
        ("live", 84, ["monthly", "spy"]),
        ("simulated", 250, ["5d", "spy"]),
    ]


def test_figures_are_the_apis_and_the_distance_to_spy_their_difference() -> None:
    row = performance_table.strategy_row(
        "20d", series("live", "2026-01-02", "2026-06-01", 100, cumulative_return_pct=12.4), KO
    )
    shown = {figure.name: cell for figure, cell in zip(performance_table.FIGURES, row.cells, strict=True)}
    assert shown["cumulative_return_pct"].value == 12.4
    assert shown["excess_pp"].value == pytest.approx(5.1)
    assert shown["turnover_pct"].value == 31.0
    assert (shown["annual_return_pct"].value, shown["annual_return_pct"].few) == (None, (99, 252, "daily returns"))


@pytest.mark.parametrize(
    ("t", "sentence"), [(KO, "데이터 부족 14/60 일간 수익률"), (EN, "Not enough data 14/60 daily returns")]
)
def test_too_few_observations_are_said_in_words(t: Words, sentence: str) -> None:
    row = performance_table.strategy_row("20d", series("live", "2026-01-02", "2026-01-23", 15), t)
    cells = performance_table.wide_cells(row.cells, t)
    # volatility, Sharpe and Sortino lack the same: one sentence
    assert [(getattr(cell, "colSpan", 1), words(cell)) for cell in cells][3] == (3, sentence)
    (stretch,) = performance_table.stretches({"20d": {"series": [series("live", "2026-01-02", "2026-01-23", 15)]}}, t)
    narrow = words(performance_table.narrow(stretch, 0, {"20d": "/"}, t))
    assert f"{t('few')}: " in narrow and f"{t('metric.sharpe_ratio')} 14/60" in narrow


def test_spy_has_no_hit_rate_and_says_so() -> None:
    row = performance_table.spy_row(series("live", "2026-01-02", "2026-06-01", 100), EN)
    shown = {figure.name: cell for figure, cell in zip(performance_table.FIGURES, row.cells, strict=True)}
    assert (shown["hit_rate_pct"].why, shown["excess_pp"].instead) == ("Not for SPY", "base")
    assert shown["sharpe_ratio"].value == 7.3


def test_the_first_figure_is_what_was_earned_not_a_longer_one_calculated_afterwards() -> None:
    def costed(origin: str, first: str, last: str, sessions: int, earned: float) -> dict[str, Any]:
        found = series(origin, first, last, sessions, cumulative_return_pct=earned)
        found["metrics"][0]["value_before_cost"] = earned + 0.1
        return found

    simulated = costed("simulated", "2025-01-02", "2026-01-23", 270, 88.0)
    live = [costed("live", "2026-01-23", "2026-03-09", 30, 1.0), costed("live", "2026-03-10", "2026-03-20", 9, -2.0)]
    answers = {"20d": {"series": [*live, simulated]}, "5d": {"series": [simulated]}}
    line = performance.cost_effect(answers, read(PERFORMANCE, {}), KO)
    assert [words(part) for part in line.children[1:]] == ["20일 −1.9% → −2.0%", "5일 +88.1% → +88.0% 사후 계산"]


@pytest.mark.parametrize("status", [200, 404])
def test_a_range_can_be_widened_again(status: int) -> None:
    """The fields' limits are of what there is, not of the part that is shown, or that has nothing to show."""

    def answer(first: str, last: str) -> Answer:
        shown = {"start_date": "2026-01-05", "end_date": "2026-01-09"} if status == 200 else {}
        body = shown | {"oldest_as_of_date": first, "newest_as_of_date": last}
        return Answer(status, body, datetime(2026, 1, 24, tzinfo=UTC))

    never = Answer(404, {"detail": "There is no performance of monthly yet"}, datetime(2026, 1, 24, tzinfo=UTC))
    found = {"5d": answer("2025-10-01", "2026-01-23"), "20d": answer("2025-11-03", "2026-01-26"), "monthly": never}
    controls = performance.controls(found, read(PERFORMANCE, {"from": "2026-01-05", "to": "2026-01-09"}), KO)
    first, _, last, _ = controls.children[1].children
    fields = [label.children[1] for label in (first, last)]
    assert [(field.value, field.min, field.max) for field in fields] == [
        ("2026-01-05", "2025-10-01", "2026-01-26"), ("2026-01-09", "2025-10-01", "2026-01-26"),
    ]  # fmt: skip


def day(number: int, equity: float, fall: float) -> dict[str, Any]:
    return {
        "origin": "live",
        "started_on": "day 0",
        "trade_date": f"day {number}",
        "equity_net": equity,
        "benchmark_equity": 1.0,
        "drawdown_pct": fall,
        "benchmark_drawdown_pct": 0.0,
    }


def test_a_long_line_keeps_its_ends_and_its_lowest_point() -> None:
    days = [day(number, 1 + number / 1000, -9.5 if number == 3 else 0.0) for number in range(1002)]
    found = {"started_on": "day 0", "origin": "live", "flagged": []}
    one = performance_chart.line_of("20d", found, days, "equity_net", "drawdown_pct")
    assert len(one.days) <= performance_chart.MOST_POINTS + 2
    assert (one.days[0], one.values[0]) == ("day 0", 100.0)  # as its heading says
    assert (one.days[-1], one.values[-1]) == ("day 1001", 200.1)
    assert (min(one.drawdowns), one.days[one.drawdowns.index(-9.5)]) == (-9.5, "day 3")


def test_ahead_of_spy_is_over_the_same_sessions() -> None:
    """Two stretches that began together: SPY rose to 120 by the end of the longer one."""
    found = [
        Line(who, "day 0", ["day 0", last], [100.0, end], [0.0, 0.0], [], is_simulated=False)
        for last, ours, spys in (("day 30", 110.0, 105.0), ("day 60", 115.0, 120.0))
        for who, end in (("5d" if last == "day 30" else "20d", ours), ("spy", spys))
    ]
    assert performance_chart.ahead(found, EN) == "Ahead of SPY: 5 days"


def test_names_at_the_ends_of_lines_do_not_cover_each_other() -> None:
    found = [
        Line(who, "day 0", ["2026-01-02", "2026-06-01"], [100.0, end], [0.0, 0.0], [], is_simulated=False)
        for who, end in (("5d", 110.0), ("10d", 110.1), ("20d", 130.0))
    ]
    labels = performance_chart.end_labels(found, "linear", KO)
    assert [label["text"] for label in labels] == ["5일", "10일", "20일"]
    first, second, third = (label["yshift"] for label in labels)
    assert (first, third) == (0, 0) and second >= performance_chart.LABEL_PX - 2


def test_a_stock_held_without_a_price_is_named() -> None:
    def body(*without: list[str]) -> dict[str, Any]:
        return {"days": [{"without_bar": tickers} for tickers in without]}

    answers = {"5d": body([]), "20d": body([], ["OMEGA"], ["OMEGA", "BETA"]), "monthly": body(["BETA"])}
    assert words(performance.without_price(answers, EN)).startswith(
        "Held without a price for more than 5 sessions: 20 days BETA, OMEGA · Monthly BETA. "
    )
    assert performance.without_price({"5d": body([])}, EN) is None


def purchase(**more: Any) -> dict[str, Any]:
    return {
        "origin": "live",
        "as_of_date": "2026-01-22",
        "bought_on": "2026-01-23",
        "held_to": "2026-01-26",
        "is_completed": True,
        "positions": 2,
        "turnover": 1.0,
        "cost": 0.001,
        "return_pct": 9.89,
        "benchmark_return_pct": 2.0,
        "weights": {"ACME": 0.6, "OMEGA": 0.4},
    } | more


def test_a_purchase_names_what_was_held_and_an_empty_one_is_cash() -> None:
    shown = rebalances.rebalance_row("20d", purchase(), None, EN)
    assert shown["weights"] == "ACME 60.0 · OMEGA 40.0"
    assert shown["shown"]["excess_pp"] == "+7.89" and shown["shown"]["cost"] == "0.100"
    assert (shown["turnover"], shown["cost"]) == (100.0, 0.1)  # percent, as it is read: filters compare with these
    assert rebalances.rebalance_row("20d", purchase(weights={}), None, EN)["weights"] == "cash"


@pytest.mark.parametrize(
    ("more", "newest", "told"),
    [
        ({"is_completed": False}, "2026-01-26", "held"),
        ({"is_completed": True}, "2026-01-26", "2026-01-26"),
        ({"is_completed": False, "origin": "simulated"}, "2026-01-26", "2026-01-26"),  # live ones began
        ({"is_completed": False}, "2026-01-27", "2026-01-26"),  # a stretch that ended
        ({"is_completed": False}, None, "2026-01-26"),  # the range ends there
    ],
)
def test_held_is_said_only_of_what_is_held_now(more: dict[str, Any], newest: str | None, told: str) -> None:
    assert rebalances.rebalance_row("20d", purchase(**more), newest, EN)["shown"]["held_to"] == told
