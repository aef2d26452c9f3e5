"""Months of sectors and benchmarks as one table that is a heat map, too, and the sectors of a month by their stocks
(rules 7)."""

from typing import Any

from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer
from dashboard.components import choices, grid, parts
from dashboard.components.etfs import NAMES, mark
from dashboard.components.notices import nothing_kept
from dashboard.components.parts import attrs, copy_link, definitions, missing
from dashboard.data import Json
from dashboard.texts import Words

MEASURES = {"return": ("return_pct", "total_return_pct"), "excess": ("excess_pp", "total_excess_pp")}
GROUPS = ("sector", "benchmark")
MONTHS = 12
DECIMALS = 1
# percent: from here on a step darker, the same every month
STEPS = (0.5, 2.0, 4.0, 7.0)
BEST = 3
PHONE_COLUMNS = ("sector", "avg_monthly_return", "trending")
UNORDERED = -1e9


def step(value: float | None) -> str:
    """The heat step of a figure in percent, n4 … z0 … p4.

    >>> step(-7.0), step(-0.4), step(0.5), step(3.9), step(None)
    ('n4', 'z0', 'p1', 'p2', '')
    """
    if value is None:
        return ""
    darkness = sum(abs(value) >= limit for limit in STEPS)
    return f"{'p' if value > 0 else 'n'}{darkness}" if darkness else "z0"


# -- the months --------------------------------------------------------------------------------------------------------


def months(answer: Answer, address: Address, t: Words) -> html.Section:
    """Up to twelve months of all ETFs."""
    if not answer.is_ok:
        back = html.A(t("latest"), href=address.url(end=""), **attrs(data_go="end="))
        words = no_months(answer, address["end"], t)
        return html.Section([html.P([words, " ", back] if address["end"] else words, className="empty")])
    body = answer.body
    csv = f"/download/months.csv?{address.query(end=body['months'][-1])}"
    heading = t.count("months", len(body["months"]))
    switches = {
        "measure": {name: t(f"measure.{name}") for name in address.options("measure")},
        "order": {"fixed": t("order.fixed"), "latest": t("order.latest"), "total": total(body, t)},
        "cells": {name: t(f"cells.{name}") for name in address.options("cells")},
    }
    return html.Section(
        [
            html.Div(
                [
                    html.H2([heading, html.Small(until(body, t))]),
                    steps(body, address, t),
                    *(choices.switch(name, labels, address, label=t(name)) for name, labels in switches.items()),
                    grid.download(csv, t),
                    copy_link(t),
                ],
                className="head-line",
            ),
            *(
                html.Div(
                    heat(body, measure, address, t),
                    className="scroll",
                    tabIndex="0",
                    role="region",
                    **choices.when("measure", measure, address),
                    **attrs(aria_label=f"{heading} {t(f'measure.{measure}')}", data_right="true"),
                )
                for measure in MEASURES
            ),
            html.Div([legend(t), definitions(terms(body, t), t)], className="under"),
        ]
    )


def pins(months: Answer, month: Answer) -> dict[str, str]:
    """The months of an address that names none."""
    ends = {"end": months.body["months"][-1]} if months.is_ok else {}
    return ends | ({"month": month.body["month"]} if month.is_ok else {})


def no_months(answer: Answer, end: str, t: Words) -> str:
    """Why there is no table of months."""
    if answer.status == 0:
        return t("away_empty")
    if answer.status != 404:
        return t("problem", detail=answer.body.get("detail", answer.status))
    newest = answer.body.get("newest_month")
    return t("no_months.until", m=month_name(end, t), e=month_name(newest, t)) if end and newest else t("no_months")


def until(body: Json, t: Words) -> str:
    """To which session the newest month goes."""
    return t("running", d=body["as_of_date"]) if body["is_partial"] else t("complete")


def total(body: Json, t: Words) -> str:
    """What the column of the months together is called: a year only where there is one."""
    return t.count("total.months", len(body["months"]))


def terms(body: Json, t: Words) -> list[tuple[str, str]]:
    """What the figures mean."""
    return [
        (t("measure.return"), t("define.monthly_return")),
        (t("measure.excess"), t("define.monthly_excess")),
        (total(body, t), t("define.total_months")),
    ]


def steps(body: Json, address: Address, t: Words) -> html.Div:
    """A month back, a month on: up to the newest month that has a result, which a session's month need not have yet."""
    last, newest = body["months"][-1], body["newest_month"]
    back = moved(last, -1) if len(body["months"]) == MONTHS else None
    on = moved(last, 1) if last < newest else None

    def link(mark_: str, month: str | None, label: str, name: str) -> Any:
        if month is None:
            return html.Span(mark_, className="step off", **attrs(aria_hidden="true"))
        end = "" if month == newest else month
        told = attrs(aria_label=label, data_go=f"end={end}", data_step=name)
        return html.A(mark_, href=address.url(end=end), className="step", title=label, **told)

    return html.Div(
        [
            link("◀", back, t("previous_month"), "previous"),
            html.Span(month_name(last, t), className="month"),
            link("▶", on, t("next_month"), "next"),
        ],
        className="month-steps",
    )


def moved(month: str, by: int) -> str:
    """Months later or earlier.

    >>> moved("2026-01", -1), moved("2026-12", 1)
    ('2025-12', '2027-01')
    """
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{number // 12}-{number % 12 + 1:02d}"


def month_name(month: str, t: Words) -> str:
    """In full."""
    return t("month.full", y=month[:4], name=t(f"month.{int(month[5:])}"))


def heat(body: Json, measure: str, address: Address, t: Words) -> html.Table:
    """Sectors, then benchmarks; a heading chooses the month of the table below."""
    shown = body["months"]
    chosen = address["month"] or shown[-1]
    heads = []
    for month in shown:
        is_running = body["is_partial"] and month == shown[-1]
        label = f"{month_name(month, t)}{' · ' + until(body, t) if is_running else ''}"
        button = html.Button(
            f"{month[2:]}{'*' if is_running else ''}",
            className="plain",
            title=label,
            **attrs(
                aria_label=label,
                aria_pressed="true" if month == chosen else "false",
                data_choice="month",
                data_value=month,
            ),
        )
        heads.append(html.Th(button, scope="col", className="running" if is_running else ""))
    top = html.Tr(
        [html.Th(t("etf_ticker"), scope="col"), *heads, html.Th(total(body, t), scope="col", className="total")]
    )
    bodies = [
        html.Tbody(
            [heat_row(row, place, measure, t) for place, row in enumerate(body["etfs"]) if row["etf_type"] == group],
            className=group,
            **attrs(data_orders="order"),
        )
        for group in GROUPS
    ]
    return html.Table([html.Thead(top), *bodies], className="heat")


def heat_row(row: Json, place: int, measure: str, t: Words) -> html.Tr:
    """One ETF."""
    field, total_field = MEASURES[measure]
    ticker = row["etf_ticker"]
    cells = [
        heat_cell(month[field], t("no_month"), "running" if month["is_partial"] else "") for month in row["months"]
    ]
    latest, whole = row["months"][-1][field], row[total_field]
    name = NAMES[t.lang].get(ticker, row["description"])
    benchmark = html.Span(t("benchmark"), className="visually-hidden") if row["etf_type"] == "benchmark" else None
    return html.Tr(
        [
            html.Th([html.B(ticker), " ", html.Span(name, className="etf-name"), benchmark], scope="row"),
            *cells,
            # not on a step: those are of months
            html.Td(parts.signed(whole, DECIMALS) if whole is not None else missing(t("no_total")), className="total"),
        ],
        **attrs(
            data_fixed=str(-place),
            data_latest=str(UNORDERED if latest is None else latest),
            data_total=str(UNORDERED if whole is None else whole),
        ),
    )


def heat_cell(value: float | None, why: str, kind: str) -> html.Td:
    """A figure on its step."""
    shown = formats.signed(value, DECIMALS) if value is not None else missing(why)
    return html.Td(shown, className=f"{step(value)} {kind}".strip())


def legend(t: Words) -> html.Span:
    """The steps, lowest first."""
    names = [f"n{number}" for number in (4, 3, 2, 1)] + ["z0"] + [f"p{number}" for number in (1, 2, 3, 4)]
    limits = ["≤ −7", "−7 … −4", "−4 … −2", "−2 … −0.5", "± 0.5", "0.5 … 2", "2 … 4", "4 … 7", "≥ 7"]
    boxes = [html.Span(limit, className=name) for name, limit in zip(names, limits, strict=True)]
    return html.Span([t("legend"), *boxes], className="legend heat")


# -- the sectors of one month ------------------------------------------------------------------------------------------


def of_month(answer: Answer, address: Address, t: Words) -> list[Any]:
    """The stocks behind the sectors, in the month that a heading chose."""
    if not answer.is_ok or not answer.body["sectors"]:
        heading = html.H2([t("by_stocks"), html.Small(month_name(address["month"], t) if address["month"] else "")])
        return [heading, nothing_kept(t) if answer.status == 0 else html.P(t("no_sectors"), className="empty")]
    body = answer.body
    name = f"sectors-{body['month']}"
    columns = month_columns(t)
    csv = f"/download/sectors.csv?{address.query(month=body['month'])}"
    about = month_name(body["month"], t)
    if body["is_partial"]:
        about += f" · {until(body, t)}"
    return [
        html.Div(
            [html.H2([t("by_stocks"), html.Small(about)]), grid.tools(name, columns, address, t, csv=csv)],
            className="head-line",
        ),
        grid.grid(
            name=name,
            label=f"{t('by_stocks')} {about}",
            columns=columns,
            rows=[sector_row(row, t) for row in body["sectors"]],
            phone_columns=PHONE_COLUMNS,
            address=address,
            t=t,
        ),
        html.Div(definitions(month_terms(t), t), className="under"),
    ]


def month_columns(t: Words) -> list[grid.Column]:
    """Of the sector table. It keeps the order of the API: best first, what has no sector last (rules 7)."""
    return [
        grid.text("sector", t("sector"), 150, minWidth=110, flex=1),
        grid.figure("stock_count", t("stock_count"), 84),
        grid.change("avg_monthly_return", t("avg_monthly_return"), 108, headerTooltip=t("define.sector")),
        grid.change("spy_return_pct", t("spy_month"), 92),
        grid.figure(
            "volatility",
            t("volatility"),
            108,
            headerTooltip=t("define.sector_volatility"),
            cellRenderer=grid.SAYS_WHY,
        ),
        grid.figure("positive_rate", t("positive_rate"), 120),
        grid.change("best_day", t("best_day"), 104),
        grid.change("worst_day", t("worst_day"), 104),
        grid.text(
            "trending",
            t("trending.sector"),
            88,
            cellRenderer="ActMarks",
            filter=False,
            headerTooltip=t("define.sector"),
        ),
        grid.text("best", t("best_stocks"), 300, minWidth=200, flex=3, tooltipField="best"),
    ]


def month_terms(t: Words) -> list[tuple[str, str]]:
    """What the headings mean."""
    return [
        (t("trending.sector"), t("define.sector")),
        (t("volatility"), t("define.sector_volatility")),
        (t("positive_rate"), t("define.positive_rate")),
    ]


def sector_row(row: Json, t: Words) -> grid.Row:
    """One sector."""
    figures = {name: row[name] for name in ("avg_monthly_return", "spy_return_pct", "best_day", "worst_day")}
    signs = grid.signs(figures)
    signs["shown"] |= {
        "volatility": formats.number(row["volatility"]),
        "positive_rate": formats.number(row["positive_rate"], 1),
    }
    best = [f"{one['ticker']} {formats.signed(one['avg_monthly_return'], 1)}" for one in row["stocks"][:BEST]]
    return {
        **row,
        "stocks": None,
        "sector": t.or_as_is("sector", row["sector"]),
        "trending": int(row["is_trending"]),
        "marks": [mark(row["is_trending"], t.or_as_is("sector", row["sector"]), t)],
        "best": " · ".join(best),
        "why": {**dict.fromkeys(figures, t("no_value")), "volatility": t("few_bars")},
        **signs,
    }
