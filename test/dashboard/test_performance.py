"""Rows, lines and purchases of the Performance page, from an API's answer."""

from typing import Any

import pytest
from dash.development.base_component import Component

from dashboard.components import performance_chart, performance_table, rebalances
from dashboard.components.performance_chart import Line
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


def test_a_long_line_keeps_its_end_and_its_lowest_point() -> None:
    days = [day(number, 1 + number / 1000, -9.5 if number == 3 else 0.0) for number in range(1001)]
    found = {"started_on": "day 0", "origin": "live", "flagged": []}
    one = performance_chart.line_of("20d", found, days, "equity_net", "drawdown_pct")
    assert len(one.days) <= performance_chart.MOST_POINTS + 1
    assert (one.days[-1], one.values[-1]) == ("day 1000", 200.0)
    assert (min(one.drawdowns), one.days[one.drawdowns.index(-9.5)]) == (-9.5, "day 3")


def test_names_at_the_ends_of_lines_do_not_cover_each_other() -> None:
    found = [
        Line(who, "day 0", ["2026-01-02", "2026-06-01"], [100.0, end], [0.0, 0.0], [], is_simulated=False)
        for who, end in (("5d", 110.0), ("10d", 110.1), ("20d", 130.0))
    ]
    labels = performance_chart.end_labels(found, "linear", KO)
    assert [label["text"] for label in labels] == ["5일", "10일", "20일"]
    first, second, third = (label["yshift"] for label in labels)
    assert (first, third) == (0, 0) and second >= performance_chart.LABEL_PX - 2


def test_a_purchase_names_what_was_held_and_an_empty_one_is_cash() -> None:
    row = {
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
    }
    shown = rebalances.rebalance_row("20d", row, EN)
    assert shown["weights"] == "ACME 60.0 · OMEGA 40.0"
    assert shown["shown"]["excess_pp"] == "+7.89" and shown["shown"]["cost"] == "0.100"
    assert rebalances.rebalance_row("20d", row | {"weights": {}, "is_completed": False}, EN)["weights"] == "cash"
