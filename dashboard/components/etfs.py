"""The ETFs of the universe against SPY: the table and the charts."""

from typing import Any

from dash import html

from config.universe import BENCHMARK, ETFS, PERIODS
from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer
from dashboard.components import choices, grid
from dashboard.components.chart import chart, line
from dashboard.components.notices import failed, next_run
from dashboard.components.parts import copy_link, definitions
from dashboard.data import EtfAnswers, Frame, Json
from dashboard.texts import Words

NAMES = {
    "ko": {etf.ticker: etf.name_ko for etf in ETFS},
    "en": {etf.ticker: etf.sector_name or etf.description for etf in ETFS},
}
ORDER = ["asc", "desc", None]
PHONE_COLUMNS = (
    "etf_name",
    *(f"return_{days}d@period={days}" for days in PERIODS),
    "outperformance",
    "trending",
)
CHART_PX = 380
SESSIONS_WITH_DAYS = 130  # longer charts name months
ROOM = 1.25  # around the outermost point, for names


def no_table(answer: Answer, about: Frame, t: Words) -> html.P | None:
    """What stands in the table's place; that the session asked for has no result stands above."""
    if about.has_none:
        return None
    day = about.shown.day or about.shown.asked or formats.MISSING
    return failed(answer, t("not_computed", d=day, t=next_run(about.status.body)), t)


def table(answer: Answer, sparklines: Answer, about: Frame, address: Address, t: Words) -> html.Section | html.P | None:
    """Heading, switches, one row an ETF, and what it means."""
    if not answer.is_ok:
        return no_table(answer, about, t)
    body = answer.body
    periods = {days: t(f"period.{days}") for days in address.options("period")}
    groups = {name: t(f"group.{name}") for name in address.options("group")}
    columns = columns_of(body, t)
    csvs = {
        str(days): f"/download/etfs.csv?{address.query(date=body['as_of_date'], period=str(days))}" for days in PERIODS
    }
    subtitle = html.Small(
        [
            html.Span(t("etfs.subtitle", n=days, d=body["as_of_date"]), **choices.when("period", str(days), address))
            for days in PERIODS
        ]
    )
    month = t("month.note", m=body["month"], d=body["as_of_date"]) if body["is_partial"] else ""
    return html.Section(
        [
            html.Div(
                [
                    html.H2([t("etfs"), subtitle]),
                    choices.switch("period", periods, address, label=t("periods")),
                    choices.switch("group", groups, address, label=t("group")),
                    grid.tools("etfs", columns, address, t, csv=grid.downloads("period", csvs, address, t)),
                    copy_link(t),
                ],
                className="head-line",
            ),
            grid.grid(
                name="etfs",
                label=t("etfs"),
                columns=columns,
                rows=rows_of(body, sparklines, t),
                row_classes={"benchmark": "params.data.benchmark"},
                phone_columns=PHONE_COLUMNS,
                narrow={"group": "etf_type"},
                opens=("etf", "etf_ticker"),
                address=address,
                t=t,
            ),
            html.Div([definitions(terms(t), t), html.Span(month, className="mute")], className="under"),
        ],
        className="etfs",
    )


def terms(t: Words) -> list[tuple[str, str]]:
    """What the headings mean."""
    return [
        (t("etf_return", n="N"), t("define.return_pct")),
        (t("outperformance"), t("define.outperformance")),
        (t("trending"), t("define.trending")),
        (t("month_to_date"), t("define.month_to_date")),
        (t("strength"), t("define.strength")),
    ]


def columns_of(body: Json, t: Words) -> list[grid.Column]:
    """Rank and outperformance are those of the chosen period."""
    month = t("month_to_date.partial") if body.get("is_partial") else t("month_to_date")
    return [
        *(
            grid.figure(
                "rank",
                "#",
                48,
                filter=False,
                sort="asc",
                sortingOrder=ORDER,
                only=f"period={days}",
                of=f"rank_by_return_{days}d",
            )
            for days in PERIODS
        ),
        grid.text("etf_ticker", t("etf_ticker"), 72),
        grid.text("etf_name", t("etf_name"), 200, minWidth=104, flex=2, cellRenderer="ActName"),
        *(
            grid.change(
                f"return_{days}d",
                t("etf_return", n=days),
                104,
                flex=1,
                minWidth=78,
                headerTooltip=t("define.return_pct"),
            )
            for days in PERIODS
        ),
        *(
            grid.change(
                "outperformance",
                t("outperformance"),
                116,
                flex=1,
                minWidth=84,
                headerTooltip=t("define.outperformance"),
                only=f"period={days}",
                of=f"outperformance_{days}d",
            )
            for days in PERIODS
        ),
        grid.text(
            "trending",
            t("trending"),
            132,
            minWidth=76,
            flex=1,
            cellRenderer="ActMarks",
            headerTooltip=t("define.trending"),
            filter=False,
        ),
        grid.change("month_to_date_pct", month, 116, flex=1, minWidth=90, headerTooltip=t("define.month_to_date")),
        {
            "field": "strength",
            "colId": "strength",
            "headerName": t("strength.60"),
            "width": 148,
            "cellRenderer": "ActSparkline",
            "cellDataType": False,
            "sortable": False,
            "headerTooltip": t("define.strength"),
        },
    ]


def rows_of(body: Json, sparklines: Answer, t: Words) -> list[grid.Row]:
    """One row an ETF."""
    lines = {row["etf_ticker"]: row["values"] for row in sparklines.body.get("etfs", [])}
    return [etf_row(row, lines.get(row["etf_ticker"], []), t) for row in body["etfs"]]


def etf_row(row: Json, values: list[float | None], t: Words) -> grid.Row:
    """Raw values to sort by, and under `shown` what is read."""
    ticker = row["etf_ticker"]
    figures = {f"return_{days}d": row[f"return_{days}d"] for days in PERIODS}
    figures["month_to_date_pct"] = row["month_to_date_pct"]
    against = {f"outperformance_{days}d": row[f"outperformance_{days}d"] for days in PERIODS}
    signs = grid.signs(figures | against)
    ranks = {f"rank_by_return_{days}d": row[f"rank_by_return_{days}d"] for days in PERIODS}
    is_base = ticker == BENCHMARK
    if is_base:
        signs["shown"] |= dict.fromkeys(against, t("base"))
        signs["way"] |= dict.fromkeys(against, "")
    is_benchmark = row["etf_type"] == "benchmark"
    return {
        "etf_ticker": ticker,
        "ticker": ticker,
        "etf_type": row["etf_type"],
        "etf_name": NAMES[t.lang].get(ticker, row["description"]),
        "benchmark": t("benchmark") if is_benchmark else None,
        "trending": sum(bool(row[f"is_trending_{days}d"]) for days in PERIODS),
        "marks": [] if is_base else [mark(row[f"is_trending_{days}d"], t(f"period.{days}"), t) for days in PERIODS],
        "base": t("base") if is_base else None,
        **figures,
        **against,
        **ranks,
        "strength": [None if value is None else round(value, 1) for value in values],
        "why": dict.fromkeys([*figures, *against, "strength"], t("no_value")),
        **signs,
    }


def mark(is_trending: bool | None, about: str, t: Words) -> dict[str, Any]:
    """● trending, ○ not, – unknown, with the words for readers of names."""
    state = "unknown" if is_trending is None else "yes" if is_trending else "no"
    glyph = {"yes": "●", "no": "○", "unknown": formats.MISSING}[state]
    return {"glyph": glyph, "label": t(f"trending.{state}", p=about), "state": state}


# -- charts ------------------------------------------------------------------------------------------------------------


def charts(answers: EtfAnswers, address: Address, t: Words) -> html.Section | html.P | None:
    """Relative strength over time, or which way each ETF turns."""
    if not answers.etfs.is_ok:
        return None
    if not answers.strength.is_ok:
        return failed(answers.strength, t("no_analysis"), t)
    ranges = {days: t("sessions", n=days) for days in address.options("range")}
    kinds = {name: t(f"chart.{name}") for name in address.options("chart")}
    csv = f"/download/relative-strength.csv?{address.query(date=answers.strength.body['as_of_date'])}"
    when_lines = choices.when("chart", "lines", address)
    return html.Section(
        [
            html.Div(
                [
                    html.H2([t("strength"), html.Small(t("strength.unit"), **when_lines)]),
                    html.Div(
                        [
                            choices.switch("chart", kinds, address, label=t("chart")),
                            html.Div(
                                choices.switch("range", ranges, address, label=t("strength.range"), asks=True),
                                **when_lines,
                            ),
                            grid.download(csv, t),
                        ],
                        className="tools",
                    ),
                ],
                className="head-line",
            ),
            html.Div(lines_chart(answers.strength.body, t), **when_lines),
            html.Div(rotation_chart(answers.etfs.body, t), **choices.when("chart", "rotation", address)),
        ]
    )


def lines_chart(body: Json, t: Words) -> html.Div:
    """The chosen ETF's line stands out; SPY is 100."""
    sessions = body["sessions"]
    traces = [
        line(row["etf_ticker"], sessions, row["values"], "faint", width=1, hoverinfo="skip")
        for row in body["etfs"]
        if row["etf_ticker"] != BENCHMARK
    ]
    traces.append(line(BENCHMARK, sessions, [100.0] * len(sessions), "spy", dash="dot", hoverinfo="skip"))
    return chart(
        name="strength",
        label=t("strength"),
        summary=t("strength.says", a=sessions[0], b=sessions[-1]),
        traces=traces,
        layout={
            "xaxis": {"tickformat": "%y-%m" if len(sessions) > SESSIONS_WITH_DAYS else "%m-%d"},
            "yaxis": {"ticklabelstandoff": 28},  # the chosen line's name stands before the scale
            "margin": {"r": 62},
        },
        height=CHART_PX,
        highlight="etf",
    )


def rotation_chart(body: Json, t: Words) -> html.Div:
    """20-session against 5-session outperformance: who leads, and who gains or loses."""
    traces = []
    for row in body["etfs"]:
        x, y = row["outperformance_20d"], row["outperformance_5d"]
        if row["etf_ticker"] == BENCHMARK or x is None or y is None:
            continue
        is_benchmark = row["etf_type"] == "benchmark"
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": row["etf_ticker"],
                "x": [round(x, 2)],
                "y": [round(y, 2)],
                "text": [row["etf_ticker"]],
                "textposition": "top center",
                "textfont": {"size": 11, "color": "var(--ink)"},
                "marker": {
                    "size": 9,
                    "symbol": "diamond" if is_benchmark else "circle",
                    "color": "var(--bench-edge)" if is_benchmark else "var(--mute)",
                },
                "hovertemplate": f"%{{x:+.2f}} · %{{y:+.2f}} {t('unit.pp')}<extra>{row['etf_ticker']}</extra>",
            }
        )
    corners = (("leading", 1, 1), ("weakening", 1, 0), ("improving", 0, 1), ("lagging", 0, 0))
    widest, highest = (ROOM * max((abs(trace[axis][0]) for trace in traces), default=1) for axis in ("x", "y"))
    zero = {"zeroline": True, "zerolinecolor": "var(--mute)", "zerolinewidth": 1, "showgrid": True, "ticksuffix": ""}
    layout = {
        "hovermode": "closest",
        "margin": {"b": 40, "l": 12},
        "xaxis": {
            **zero,
            "range": [-widest, widest],
            "tickformat": "+.1f",
            "title": {"text": t("rotation.x"), "font": {"size": 11}},
        },
        "yaxis": {
            **zero,
            "range": [-highest, highest],
            "tickformat": "+.1f",
            "title": {"text": t("rotation.y"), "font": {"size": 11}},
        },
        "annotations": [
            {
                "text": t(f"rotation.{name}"),
                "xref": "paper",
                "yref": "paper",
                "x": x,
                "y": y,
                "xanchor": "right" if x else "left",
                "yanchor": "top" if y else "bottom",
                "showarrow": False,
                "font": {"size": 12, "color": "var(--mute)"},
            }
            for name, x, y in corners
        ],
    }
    return chart(
        name="rotation",
        label=t("chart.rotation"),
        summary=t("rotation.says"),
        traces=traces,
        layout=layout,
        height=CHART_PX,
        highlight="etf",
    )
