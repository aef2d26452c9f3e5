"""Value over time after cost, and below it the fall from the peak (rules 8)."""

from collections.abc import Mapping, Sequence
from datetime import date
from math import inf, log10
from typing import Any, NamedTuple

from dash import html

from dashboard import formats
from dashboard.components import chart
from dashboard.components.notices import line
from dashboard.components.performance_table import SPY
from dashboard.data import Json
from dashboard.texts import Words

# A shorter stretch has no line: it says little, and an evening that failed makes one.
SHORT_SESSIONS = 20
MOST_POINTS = 250
EQUITY_PX, PHONE_PX, DRAWDOWN_PX, CHART_MARGINS_PX, LABEL_PX = 300, 220, 130, 40, 15
LABEL_ROOM = 0.07  # of the time shown
DRAWDOWN_ROOM = 1.15  # below the lowest
TICKS = 7
DAYS_WITHOUT_YEAR = 330


def drawn(answers: Mapping[str, Json], origin: str, scale: str, t: Words) -> html.Section | html.P | None:
    """The lines of one origin, or a word why there are none."""
    found = lines(answers, origin)
    if found:
        return charts(found, origin, scale, t)
    sessions = [
        series["sessions"] for body in answers.values() for series in body["series"] if series["origin"] == origin
    ]
    if not sessions or max(sessions) >= SHORT_SESSIONS:
        return None
    few = t("few.of", n=max(sessions), m=SHORT_SESSIONS)
    return line("quiet", t("chart.few", who=t(f"stretch.{origin}"), few=few))


class Line(NamedTuple):
    """One series, or SPY over its sessions: values after cost, 100 at the start, and percent from the peak."""

    who: str
    started_on: str
    days: list[str]
    values: list[float]
    drawdowns: list[float]
    flagged: list[str]
    is_simulated: bool


def lines(answers: Mapping[str, Json], origin: str) -> list[Line]:
    """The series of that origin worth a line, each strategy's first; SPY's last, once for the same sessions."""
    found: list[Line] = []
    spy: dict[tuple[str, str], Line] = {}
    for strategy, body in answers.items():
        for series in body["series"]:
            if series["origin"] != origin or series["sessions"] < SHORT_SESSIONS:
                continue
            days = [
                day for day in body["days"] if day["origin"] == origin and day["started_on"] == series["started_on"]
            ]
            found.append(line_of(strategy, series, days, "equity_net", "drawdown_pct"))
            sessions = (series["started_on"], series["ended_on"])
            spy.setdefault(sessions, line_of(SPY, series, days, "benchmark_equity", "benchmark_drawdown_pct"))
    return [*found, *spy.values()]


def line_of(who: str, series: Json, days: Sequence[Json], equity: str, drawdown: str) -> Line:
    """About MOST_POINTS sessions of it, the first, the last and the lowest among them."""
    step = -(-len(days) // MOST_POINTS)
    lowest = min(range(len(days)), key=lambda place: float(days[place][drawdown]))
    always = (0, lowest)
    kept = [day for place, day in enumerate(days) if (len(days) - 1 - place) % step == 0 or place in always]
    return Line(
        who,
        series["started_on"],
        [day["trade_date"] for day in kept],
        [round(100 * day[equity], 2) for day in kept],
        [round(day[drawdown], 2) for day in kept],
        series["flagged"] if who != SPY else [],
        series["origin"] == "simulated",
    )


def charts(found: Sequence[Line], origin: str, scale: str, t: Words) -> html.Section:
    """Value over time, and below it the fall from the peak over the same sessions."""
    day = found[0].days[-1]
    names = [name(one, found, t) for one in found]
    values = ", ".join(f"{who} {formats.number(one.values[-1], 1)}" for who, one in zip(names, found, strict=True))
    lows = [min(one.drawdowns) for one in found]
    worst = ", ".join(f"{who} {formats.number(low, 1)}" for who, low in zip(names, lows, strict=True))
    flagged = sorted({day for one in found for day in one.flagged})
    ground = min(min(one.values) for one in found)
    return html.Section(
        [
            html.H2([t("chart.equity", who=t(f"stretch.{origin}")), html.Small(ahead(found, t))]),
            chart.chart(
                name=f"equity-{origin}",
                label=t("chart.equity", who=t(f"stretch.{origin}")),
                summary=t("chart.equity.summary", d=day, values=values),
                traces=[value_line(one, found, t) for one in found] + ticks(flagged, ground),
                layout={
                    "xaxis": sessions_axis(found),
                    "yaxis": {"type": scale, "tickformat": ",.0f"},
                    "annotations": end_labels(found, scale, t),
                },
                height=EQUITY_PX,
            ),
            html.P(t("chart.flagged", days=", ".join(flagged)), className="mute") if flagged else None,
            html.H2(t("chart.drawdown")),
            chart.chart(
                name=f"drawdown-{origin}",
                label=t("chart.drawdown"),
                summary=t("chart.drawdown.summary", values=worst),
                traces=[fall_line(one, found, t) for one in found],
                layout={
                    "xaxis": sessions_axis(found),
                    "yaxis": {"range": [DRAWDOWN_ROOM * min(-1.0, *lows), 0], "nticks": 4},
                },
                height=DRAWDOWN_PX,
            ),
        ],
        className="earned",
    )


def ahead(found: Sequence[Line], t: Words) -> str:
    """Which strategies end above SPY of the same sessions: what the chart answers."""
    spy = {(one.started_on, one.days[-1]): one.values[-1] for one in found if one.who == SPY}
    strategies = [one for one in found if one.who != SPY]
    names = [t(f"strategy.{one.who}") for one in strategies if one.values[-1] > spy[one.started_on, one.days[-1]]]
    return t("chart.equity.beat", names=", ".join(names)) if names else t("chart.equity.none")


def name(one: Line, found: Sequence[Line], t: Words) -> str:
    """A line's name; SPY's with its first session where it is drawn more than once."""
    is_only = one.who != SPY or sum(other.who == SPY for other in found) == 1
    words = t(f"strategy.{one.who}")
    return words if is_only else f"{words} {formats.short(one.started_on, found[0].days[-1])}~"


def colour(who: str) -> str:
    """Its variable in act.css."""
    return "spy" if who == SPY else f"line-{who.removesuffix('d')}"


def value_line(one: Line, found: Sequence[Line], t: Words) -> chart.Trace:
    """SPY is dotted, what was calculated afterwards dashed."""
    return chart.line(
        name(one, found, t),
        one.days,
        list(one.values),
        colour(one.who),
        dash="dot" if one.who == SPY else "dash" if one.is_simulated else "solid",
    )


def fall_line(one: Line, found: Sequence[Line], t: Words) -> chart.Trace:
    """Percent from the peak; an only strategy is filled to zero."""
    return chart.line(
        name(one, found, t),
        one.days,
        list(one.drawdowns),
        colour(one.who),
        width=1.2,
        dash="dot" if one.who == SPY else "solid",
    )


def ticks(days: Sequence[str], at: float) -> list[chart.Trace]:
    """Sessions on which a stock held had no price for long, on the ground of the chart."""
    if not days:
        return []
    marker = {"symbol": "line-ns-open", "size": 10, "color": "var(--warn)"}
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": list(days),
            "y": [at] * len(days),
            "marker": marker,
            "hoverinfo": "skip",
        }
    ]


def sessions_axis(found: Sequence[Line]) -> dict[str, Any]:
    """Sessions, and at the right room for the names at the lines' ends."""
    days = sorted({day for one in found for day in one.days})
    first, last = (date.fromisoformat(day) for day in (days[0], days[-1]))
    return {
        "range": [first.isoformat(), (last + (last - first) * LABEL_ROOM).isoformat()],
        "tickvals": days[:: -(-len(days) // TICKS)],
        "tickformat": "%y-%m-%d" if (last - first).days > DAYS_WITHOUT_YEAR else "%m-%d",
    }


def end_labels(found: Sequence[Line], scale: str, t: Words) -> list[dict[str, Any]]:
    """Names at the lines' ends, moved apart where they would cover each other."""
    height = [log10(one.values[-1]) if scale == "log" else one.values[-1] for one in found]
    every = [log10(value) if scale == "log" else value for one in found for value in one.values]
    a_pixel = (max(every) - min(every)) / (PHONE_PX - CHART_MARGINS_PX) or 1.0
    labels, lowest = [], -inf
    for place in sorted(range(len(found)), key=height.__getitem__):
        one, wanted = found[place], height[place] / a_pixel
        lowest = max(wanted, lowest + LABEL_PX)
        labels.append(
            {
                "x": one.days[-1],
                "y": height[place],
                "text": name(one, found, t),
                "xanchor": "left",
                "xshift": 4,
                "yshift": round(lowest - wanted),
                "showarrow": False,
                "font": {"color": f"var(--{colour(one.who)})", "size": 12},
            }
        )
    return labels
