"""What following the portfolios would have earned, against SPY (dashboard.md 3.4, rules 8)."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from math import inf, log10
from typing import Any, NamedTuple

import dash_bootstrap_components as dbc
from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer, Query
from dashboard.components import chart, choices, grid
from dashboard.components.notices import line
from dashboard.components.parts import attrs, definitions, hidden, link, missing, signed
from dashboard.data import Json
from dashboard.texts import Words

STRATEGIES = ("5d", "10d", "20d", "monthly")
SPY = "spy"
# A shorter simulated stretch is folded away: it says little, and an evening that failed makes one.
SHORT_SESSIONS = 20
NEWEST_REBALANCES = 10
REBALANCES_PHONE = ("strategy", "bought_on", "return_pct", "benchmark_return_pct")
MOST_POINTS = 250
EQUITY_PX, DRAWDOWN_PX, CHART_MARGINS_PX, LABEL_PX = 300, 130, 40, 15
LABEL_ROOM = 0.07  # of the time shown

FIXED = ("fixed.returns", "fixed.periods")


class Figure(NamedTuple):
    """A column of the table: `decimals`, and whether its sign is coloured."""

    name: str
    decimals: int
    is_change: bool = False


FIGURES = (
    Figure("cumulative_return_pct", 1, is_change=True),
    Figure("annual_return_pct", 1, is_change=True),
    Figure("excess_pp", 1, is_change=True),
    Figure("annual_volatility_pct", 1),
    Figure("sharpe_ratio", 2),
    Figure("sortino_ratio", 2),
    Figure("max_drawdown_pct", 1),
    Figure("beta", 2),
    Figure("alpha_pct", 1, is_change=True),
    Figure("hit_rate_pct", 1),
    Figure("turnover_pct", 1),
    Figure("cost_pp", 1),
)


class Cell(NamedTuple):
    """A figure as it is read. Without a value: `few` is (n, needed, what is counted), `instead` a word, or why not."""

    value: float | None
    few: tuple[int, int, str] | None = None
    why: str | None = None
    instead: str | None = None


class Row(NamedTuple):
    """One strategy, or SPY, in one stretch."""

    who: str
    cells: list[Cell]
    is_incomplete: bool = False


class Stretch(NamedTuple):
    """Sessions in which strategies were followed, and how each did; SPY over the same sessions last."""

    origin: str
    started_on: date
    ended_on: date
    sessions: int
    rows: list[Row]


def queries(address: Address) -> list[Query]:
    """What the API is asked for: every strategy at the cost and in the range of the address."""
    given = {"cost_bps": address["cost"], "start_date": address["from"], "end_date": address["to"]}
    asked = {name: value for name, value in given.items() if value}
    return [(f"/performance/{strategy}", asked) for strategy in STRATEGIES]


def content(answers: Mapping[str, Answer], address: Address, t: Words) -> list[Any]:
    """The page: what to choose, the table, lines, purchases."""
    found = {strategy: answer.body for strategy, answer in answers.items() if answer.is_ok}
    lacking = [t(f"strategy.{strategy}") for strategy, answer in answers.items() if answer.status == 404]
    if not found:
        return [controls(found, address, t), *nothing(answers, address, t)]
    chosen = {name: body for name, body in found.items() if address["strategy"] in ("all", name)}
    link_to = {name: address.url(strategy=name) for name in STRATEGIES}
    ordered = stretches(found, t)
    short = [one for one in ordered if one.origin == "simulated" and one.sessions < SHORT_SESSIONS and len(ordered) > 1]
    shown = [one for one in ordered if one not in short]
    return [
        controls(found, address, t),
        html.H2([t("performance"), html.Small(t("performance.question"))]),
        cost_effect(found, address, t),
        None if any(one.origin == "live" for one in shown) else line("quiet", t("stretch.none_live")),
        line("quiet", t("no_performance.of", names=", ".join(lacking))) if lacking else None,
        table(shown, link_to, address["strategy"], t),
        folded(short, link_to, address["strategy"], t) if short else None,
        html.Div(meanings(t), className="under"),
        daily(chosen, address, t),
        *(drawn(chosen, origin, address["scale"], t) for origin in ("live", "simulated")),
        rebalances(chosen, address, t),
        html.Ul([html.Li(t(key)) for key in FIXED], className="fixed"),
    ]


def nothing(answers: Mapping[str, Answer], address: Address, t: Words) -> list[Any]:
    """Why there is no figure at all; that the API is away or refuses the key stands above."""
    told = next((answer for answer in answers.values() if answer.status not in (0, 401)), None)
    if told is None:
        return []
    if told.status != 404:
        return [line("error", t("problem", detail=told.body.get("detail", told.status)))]
    if "oldest_as_of_date" not in told.body:
        return [html.P(t("no_performance"), className="empty")]
    span = {"first": told.body["oldest_as_of_date"], "last": told.body["newest_as_of_date"]}
    sentence = t("no_performance.range", d=" ~ ".join(filter(None, (address["from"], address["to"]))), **span)
    return [html.P([sentence, " ", link(t("range.whole"), address.url(**{"from": "", "to": ""}))], className="empty")]


def controls(found: Mapping[str, Json], address: Address, t: Words) -> html.Div:
    """Strategy, range, cost and scale; the link to just this, the tables as the API gives them."""
    names = {name: t(f"strategy.{name}") for name in ("all", *STRATEGIES)}
    scales = {name: t(f"scale.{name}") for name in ("linear", "log")}
    first = min((body["start_date"] for body in found.values()), default="")
    last = max((body["end_date"] for body in found.values()), default="")
    is_part = address["from"] or address["to"]
    return html.Div(
        [
            choices.switch("strategy", names, address, label=t("strategy"), asks=True),
            html.Div(
                [
                    day_field("from", address["from"] or first, (first, last), t("range.from")),
                    html.Span("–", className="mute", **attrs(aria_hidden="true")),
                    day_field("to", address["to"] or last, (first, last), t("range.to")),
                    link(t("range.whole"), address.url(**{"from": "", "to": ""})) if is_part else None,
                ],
                className="range",
            ),
            cost_slider(address, t),
            choices.switch("scale", scales, address, label=t("scale"), asks=True),
            html.Button(t("copy_link"), className="button", **attrs(data_copy="true", data_done=t("copied"))),
        ],
        className="controls-line",
    )


def day_field(name: str, day: str, span: tuple[str, str], label: str) -> html.Label:
    """One end of the range."""
    first, last = span
    return html.Label(
        [
            html.Span(label, className="visually-hidden"),
            dbc.Input(
                type="date", value=day, min=first, max=last, id=f"day-{name}", className="date", persistence=False
            ),
        ],
        **attrs(data_choice_of=name),
    )


def cost_slider(address: Address, t: Words) -> html.Label:
    """Cost each way; acts on release, the number follows at once."""
    return html.Label(
        [
            html.Span(t("cost"), className="label"),
            dbc.Input(
                type="range",
                min=0,
                max=50,
                step=5,
                value=address["cost"],
                id="cost",
                className="slide",
                persistence=False,
            ),
            html.Output(t("cost.unit", n=address["cost"]), htmlFor="cost", **attrs(data_unit=t("cost.unit", n="#"))),
        ],
        className="slider",
        **attrs(data_choice_of="cost"),
    )


def daily(answers: Mapping[str, Json], address: Address, t: Words) -> html.Div:
    """Heading of the lines, and the sessions they are made of as the API gives them."""
    files = [
        html.A(
            [f"CSV {t(f'strategy.{name}')}", hidden(t("download_csv"))],
            href=f"/download/performance.csv?{address.query(strategy=name)}",
            className="button",
            title=t("download_csv"),
        )
        for name in answers
    ]
    return html.Div(
        [html.H2([t("chart.days"), html.Small(t("chart.styles"))]), html.Div(files, className="tools")],
        className="strip-line",
    )


def folded(found: Sequence[Stretch], link_to: Mapping[str, str], chosen: str, t: Words) -> html.Details:
    """Stretches too short to say much."""
    return html.Details(
        [html.Summary(t("stretch.short", n=len(found))), table(found, link_to, chosen, t)], className="folded"
    )


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


# -- figures of each stretch -------------------------------------------------------------------------------------------


def stretches(answers: Mapping[str, Json], t: Words) -> list[Stretch]:
    """The series of all strategies by origin and sessions: live ones first, then simulated ones, newest first."""
    found: dict[tuple[str, str, str], list[tuple[str, Json]]] = {}
    for strategy, body in answers.items():
        for series in body["series"]:
            found.setdefault((series["origin"], series["started_on"], series["ended_on"]), []).append(
                (strategy, series)
            )
    return [
        Stretch(
            origin,
            date.fromisoformat(started),
            date.fromisoformat(ended),
            members[0][1]["sessions"],
            [strategy_row(strategy, series, t) for strategy, series in members] + [spy_row(members[0][1], t)],
        )
        for (origin, started, ended), members in sorted(
            found.items(), key=lambda item: (item[0][0], -date.fromisoformat(item[0][2]).toordinal(), item[0][1])
        )
    ]


def strategy_row(strategy: str, series: Json, t: Words) -> Row:
    """One strategy's figures, in the order of FIGURES."""
    metrics = {metric["name"]: metric for metric in series["metrics"]}
    spy = {metric["name"]: metric["value"] for metric in series["benchmark_metrics"]}
    own = metrics["cumulative_return_pct"]["value"]
    turnover = series["turnover_mean"]
    others = {
        "excess_pp": Cell(own - spy["cumulative_return_pct"]),
        "turnover_pct": Cell(None, why=t("no_purchase_yet")) if turnover is None else Cell(100 * turnover),
        "cost_pp": Cell(series["cost_total_pp"]),
    }
    cells = [others.get(figure.name) or metric_cell(metrics[figure.name], t) for figure in FIGURES]
    return Row(strategy, cells, series["incomplete"])


def spy_row(series: Json, t: Words) -> Row:
    """SPY over the sessions of a series."""
    metrics = {metric["name"]: metric_cell(metric, t) for metric in series["benchmark_metrics"]}
    metrics["excess_pp"] = Cell(None, instead=t("base"))
    cells = [metrics.get(figure.name, Cell(None, why=t("not_of_spy"))) for figure in FIGURES]
    return Row(SPY, cells)


def metric_cell(metric: Json, t: Words) -> Cell:
    """A figure, or how much data it lacks."""
    if not metric["has_enough_data"]:
        return Cell(None, (metric["n"], metric["needed"], metric["counted"]))
    return Cell(metric["value"], why=None if metric["value"] is not None else t("undefined"))


# -- the table ---------------------------------------------------------------------------------------------------------


def table(found: Sequence[Stretch], link_to: Mapping[str, str], chosen: str, t: Words) -> html.Div:
    """Figures of the stretches: a row a strategy on a wide screen, a column on a narrow one.

    link_to: strategy → address of the page with it chosen.
    """
    return html.Div([wide(found, link_to, chosen, t), *[narrow(one, n, link_to, t) for n, one in enumerate(found)]])


def wide(found: Sequence[Stretch], link_to: Mapping[str, str], chosen: str, t: Words) -> html.Table:
    """A row a strategy, SPY below them, a heading a stretch."""
    heads = [heading(figure, "wide", t) for figure in FIGURES]
    groups = [
        html.Tbody(
            [
                html.Tr(
                    html.Th(stretch_name(one, t), colSpan=len(FIGURES) + 1, scope="rowgroup"), className="stretch-name"
                ),
                *[
                    html.Tr([who(row, link_to, chosen, t), *wide_cells(row.cells, t)], className=kind(row))
                    for row in one.rows
                ],
            ]
        )
        for one in found
    ]
    return html.Table(
        [html.Thead(html.Tr([html.Th(t("strategy"), scope="col"), *heads])), *groups],
        className="figures wide",
        **attrs(aria_label=t("performance")),
    )


def narrow(one: Stretch, number: int, link_to: Mapping[str, str], t: Words) -> html.Table:
    """One stretch with a column a strategy; what nobody has enough data for stands in a last row."""
    rows: list[html.Tr] = []
    lacking: list[str] = []
    for place, figure in enumerate(FIGURES):
        cells = [row.cells[place] for row in one.rows]
        few = {cell.few for cell in cells if not is_spys_gap(cell)}
        if few == {cells[0].few} and cells[0].few is not None:
            n, needed, _ = cells[0].few
            lacking.append(f"{t(f'metric.{figure.name}')} {t('few.of', n=n, m=needed)}")
        else:
            shown = [figure_cell(cell, figure, t) for cell in cells]
            rows.append(html.Tr([heading(figure, f"narrow-{number}", t, scope="row"), *shown]))
    if lacking:
        words: list[Any] = [html.B(f"{t('few')}: "), " · ".join(lacking)]
        rows.append(html.Tr(html.Td(words, colSpan=len(one.rows) + 1, className="lacking")))
    heads = [html.Th(name_of(row, link_to, t), scope="col", className=f"num {kind(row)}".strip()) for row in one.rows]
    return html.Table(
        [html.Caption(stretch_name(one, t)), html.Thead(html.Tr([html.Td(), *heads])), html.Tbody(rows)],
        className="figures narrow",
    )


def is_spys_gap(cell: Cell) -> bool:
    """What SPY has not at all, like a hit rate."""
    return cell.value is None and cell.few is None


def stretch_name(one: Stretch, t: Words) -> str:
    """Origin, first and last session, how many."""
    return t(
        "stretch.1" if one.sessions == 1 else "stretch",
        origin=t(f"stretch.{one.origin}"),
        start=one.started_on,
        end=one.ended_on,
        n=one.sessions,
    )


def heading(figure: Figure, where: str, t: Words, *, scope: str = "col") -> html.Th:
    """A figure's name; what it means shows on hover, focus and touch."""
    name = f"meaning-{where}-{figure.name}"
    return html.Th(
        [
            html.Button(t(f"metric.{figure.name}"), className="define", **attrs(aria_describedby=name)),
            html.Span(t(f"define.{figure.name}"), id=name, role="tooltip", className="meaning"),
        ],
        scope=scope,
        className="num" if scope == "col" else "",
    )


def kind(row: Row) -> str:
    """Class of a row."""
    return "benchmark" if row.who == SPY else ""


def who(row: Row, link_to: Mapping[str, str], chosen: str, t: Words) -> html.Th:
    """The row's heading."""
    return html.Th(name_of(row, link_to, t), scope="row", className="chosen" if row.who == chosen else "")


def name_of(row: Row, link_to: Mapping[str, str], t: Words) -> Any:
    """A strategy's name, a link that shows it alone; SPY is named a benchmark, not only coloured."""
    if row.who == SPY:
        return [t("strategy.spy"), html.Span(t("benchmark"), className="kind")]
    name = [link(t(f"strategy.{row.who}"), link_to[row.who])]
    return [*name, html.Span(t("incomplete"), className="kind")] if row.is_incomplete else name


def wide_cells(cells: Sequence[Cell], t: Words) -> list[html.Td]:
    """Neighbours that lack the same data say so together."""
    shown: list[html.Td] = []
    for few, run in groupby(zip(cells, FIGURES, strict=True), key=lambda pair: pair[0].few):
        same = list(run)
        if few is None:
            shown += [figure_cell(cell, figure, t) for cell, figure in same]
        else:
            shown.append(few_cell(same[0][0], len(same), t))
    return shown


def few_cell(cell: Cell, span: int, t: Words) -> html.Td:
    """Not enough data, and how much there is of how much."""
    if cell.few is None:
        raise ValueError("expected a cell that lacks data")
    n, needed, counted = cell.few
    return html.Td(
        [f"{t('few')} ", html.Span([t("few.of", n=n, m=needed), hidden(f" {t(f'counted.{counted}')}")])],
        colSpan=span,
        className="few",
        title=f"{t('few')}: {t('few.of', n=n, m=needed)} {t(f'counted.{counted}')}",
    )


def figure_cell(cell: Cell, figure: Figure, t: Words) -> html.Td:
    """A number, or a dash that says why."""
    if cell.few is not None:
        return few_cell(cell, 1, t)
    if cell.instead is not None:
        return html.Td(cell.instead, className="num mute")
    if cell.value is None:
        return html.Td(missing(cell.why or ""), className="num mute")
    shown = signed(cell.value, figure.decimals) if figure.is_change else formats.number(cell.value, figure.decimals)
    return html.Td(shown, className="num")


def meanings(t: Words) -> html.Details:
    """All definitions, for keyboards and phones."""
    terms = [(t(f"metric.{figure.name}"), t(f"define.{figure.name}")) for figure in FIGURES]
    return definitions([*terms, (t("rebalance.origin"), t("define.stretch"))], t)


def cost_effect(answers: Mapping[str, Json], address: Address, t: Words) -> html.P:
    """Before and after cost of each strategy's longest stretch, in one line."""
    shown: list[Any] = []
    for strategy, body in answers.items():
        longest = max(body["series"], key=lambda series: int(series["sessions"]))
        cumulative = next(metric for metric in longest["metrics"] if metric["name"] == "cumulative_return_pct")
        before, after = (formats.signed(cumulative[name], 1) for name in ("value_before_cost", "value"))
        name = html.Span(t(f"strategy.{strategy}"), className="label")
        shown.append(html.Span([name, f"{before}% → ", html.B(f"{after}%")]))
    about = t("cost.effect", unit=t("cost.unit", n=address["cost"]))
    return html.P([html.Span(about, className="label"), *shown], className="moves")


# -- lines -------------------------------------------------------------------------------------------------------------


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
    """At most MOST_POINTS sessions of it, the last and the lowest among them."""
    step = -(-len(days) // MOST_POINTS)
    lowest = min(range(len(days)), key=lambda place: float(days[place][drawdown]))
    kept = [day for place, day in enumerate(days) if (len(days) - 1 - place) % step == 0 or place == lowest]
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
    values = ", ".join(f"{t(f'strategy.{one.who}')} {formats.number(one.values[-1], 1)}" for one in found)
    worst = ", ".join(f"{t(f'strategy.{one.who}')} {formats.number(min(one.drawdowns), 1)}" for one in found)
    flagged = sorted({day for one in found for day in one.flagged})
    return html.Section(
        [
            html.H2([t("chart.equity", who=t(f"stretch.{origin}")), html.Small(ahead(found, t))]),
            chart.chart(
                name=f"equity-{origin}",
                label=t("chart.equity", who=t(f"stretch.{origin}")),
                summary=t("chart.equity.summary", d=day, values=values),
                traces=[value_line(one, t) for one in found] + ticks(flagged, min(min(one.values) for one in found)),
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
                traces=[fall_line(one, t) for one in found],
                layout={"xaxis": sessions_axis(found), "yaxis": {"rangemode": "tozero", "nticks": 4}},
                height=DRAWDOWN_PX,
            ),
        ],
        className="earned",
    )


def ahead(found: Sequence[Line], t: Words) -> str:
    """Which strategies end above SPY of the same sessions: what the chart answers."""
    spy = {one.started_on: one.values[-1] for one in found if one.who == SPY}
    names = [t(f"strategy.{one.who}") for one in found if one.who != SPY and one.values[-1] > spy[one.started_on]]
    return t("chart.equity.beat", names=", ".join(names)) if names else t("chart.equity.none")


def colour(who: str) -> str:
    """Its variable in act.css."""
    return "spy" if who == SPY else f"line-{who.removesuffix('d')}"


def value_line(one: Line, t: Words) -> chart.Trace:
    """SPY is dotted, what was calculated afterwards dashed."""
    return chart.line(
        t(f"strategy.{one.who}"),
        one.days,
        list(one.values),
        colour(one.who),
        dash="dot" if one.who == SPY else "dash" if one.is_simulated else "solid",
    )


def fall_line(one: Line, t: Words) -> chart.Trace:
    """Percent from the peak; an only strategy is filled to zero."""
    return chart.line(
        t(f"strategy.{one.who}"),
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
    """Room at the right for the names at the lines' ends."""
    first = date.fromisoformat(min(one.days[0] for one in found))
    last = date.fromisoformat(max(one.days[-1] for one in found))
    return {"range": [first.isoformat(), (last + (last - first) * LABEL_ROOM).isoformat()]}


def end_labels(found: Sequence[Line], scale: str, t: Words) -> list[dict[str, Any]]:
    """Names at the lines' ends, moved apart where they would cover each other."""
    height = [log10(one.values[-1]) if scale == "log" else one.values[-1] for one in found]
    every = [log10(value) if scale == "log" else value for one in found for value in one.values]
    a_pixel = (max(every) - min(every)) / (EQUITY_PX - CHART_MARGINS_PX) or 1.0
    labels, lowest = [], -inf
    for place in sorted(range(len(found)), key=height.__getitem__):
        one, wanted = found[place], height[place] / a_pixel
        lowest = max(wanted, lowest + LABEL_PX)
        labels.append(
            {
                "x": one.days[-1],
                "y": height[place],
                "text": t(f"strategy.{one.who}"),
                "xanchor": "left",
                "xshift": 4,
                "yshift": round(lowest - wanted),
                "showarrow": False,
                "font": {"color": f"var(--{colour(one.who)})", "size": 12},
            }
        )
    return labels


# -- rebalances --------------------------------------------------------------------------------------------------------


def rebalance_rows(answers: Mapping[str, Json], t: Words, *, newest: int | None) -> list[grid.Row]:
    """Purchases, newest first; with several strategies the newest few of each."""
    rows = [
        rebalance_row(strategy, row, t) for strategy, body in answers.items() for row in body["rebalances"][:newest]
    ]
    return sorted(rows, key=lambda row: str(row["bought_on"]), reverse=True)


def rebalance_row(strategy: str, row: Json, t: Words) -> grid.Row:
    """One purchase: raw values to sort by, and under `shown` what is read."""
    excess = row["return_pct"] - row["benchmark_return_pct"]
    held = " · ".join(f"{ticker} {formats.number(100 * weight, 1)}" for ticker, weight in row["weights"].items())
    changes = {
        "return_pct": row["return_pct"],
        "benchmark_return_pct": row["benchmark_return_pct"],
        "excess_pp": excess,
    }
    return {
        "strategy": t(f"strategy.{strategy}"),
        "origin": t(f"origin.{row['origin']}"),
        "as_of_date": row["as_of_date"],
        "bought_on": row["bought_on"],
        "held_to": row["held_to"],
        "positions": row["positions"],
        "turnover": row["turnover"],
        "cost": row["cost"],
        **changes,
        "weights": held or t("rebalance.cash"),
        "shown": {
            "held_to": row["held_to"] if row["is_completed"] else t("rebalance.open"),
            "turnover": formats.number(100 * row["turnover"], 1),
            "cost": formats.number(100 * row["cost"], 3),
            **{name: formats.signed(value) for name, value in changes.items()},
        },
        "way": {name: formats.direction(value) for name, value in changes.items()},
    }


def rebalances(answers: Mapping[str, Json], address: Address, t: Words) -> html.Section:
    """What was bought when, what it cost and earned; of several strategies the newest of each."""
    is_one = address["strategy"] != "all"
    rows = rebalance_rows(answers, t, newest=None if is_one else NEWEST_REBALANCES)
    about = t("rebalances.of", s=t(f"strategy.{address['strategy']}")) if is_one else ""
    columns = rebalance_columns(t)
    return html.Section(
        [
            html.Div(
                [
                    html.H2([t("rebalances"), html.Small(about or t("rebalances.newest", n=NEWEST_REBALANCES))]),
                    grid.tools("rebalances", columns, address, t, csv=f"/download/rebalances.csv?{address.query()}"),
                ],
                className="strip-line",
            ),
            grid.grid(
                name="rebalances",
                label=t("rebalances"),
                columns=columns,
                rows=rows,
                address=address,
                phone_columns=REBALANCES_PHONE,
                t=t,
            ),
        ],
        className="rebalances",
    )


def rebalance_columns(t: Words) -> list[grid.Column]:
    """Columns of the purchases."""
    return [
        grid.text("strategy", t("rebalance.strategy"), 76),
        grid.text("origin", t("rebalance.origin"), 92),
        grid.text("bought_on", t("rebalance.bought_on"), 104, minWidth=92, sort="desc"),
        grid.text("held_to", t("rebalance.held_to"), 104, valueFormatter=grid.SHOWN),
        grid.text("as_of_date", t("rebalance.as_of_date"), 104),
        grid.figure("positions", t("rebalance.positions"), 76),
        grid.figure("turnover", t("rebalance.turnover"), 96),
        grid.figure("cost", t("rebalance.cost"), 84),
        grid.change(
            "return_pct", t("rebalance.return_pct"), 124, minWidth=104, headerTooltip=t("define.rebalance.return_pct")
        ),
        grid.change("benchmark_return_pct", t("rebalance.benchmark_return_pct"), 88, minWidth=80),
        grid.change("excess_pp", t("rebalance.excess_pp"), 108),
        grid.text("weights", t("rebalance.weights"), 240, minWidth=180, flex=1, tooltipField="weights"),
    ]
