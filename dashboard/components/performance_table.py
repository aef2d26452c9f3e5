"""Figures of each strategy, stretch by stretch, with SPY below, and their table (rules 8)."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from dash import html

from dashboard import formats
from dashboard.components.parts import attrs, definitions, hidden, link, missing, signed
from dashboard.data import Json
from dashboard.texts import Words

SPY = "spy"


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
    return t.count("stretch", one.sessions, origin=t(f"stretch.{one.origin}"), start=one.started_on, end=one.ended_on)


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
    """Not enough data, and how much there is of how much. Raises ValueError for a cell that has enough."""
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
