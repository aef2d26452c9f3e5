"""The ETFs of the universe against SPY (dashboard.md 3.2)."""

from datetime import date
from typing import Any

from dash import html

from config.universe import BENCHMARK, ETFS, PERIODS
from dashboard import formats
from dashboard.client import Answer
from dashboard.components import grid
from dashboard.components.parts import definitions, hidden
from dashboard.data import Json
from dashboard.texts import Words

RANKED_BY = 20
PHONE_COLUMNS = ("etf_name", "return_20d", "outperformance", "trending")
NAMES_KO = {etf.ticker: etf.name_ko for etf in ETFS}


def section(answer: Answer, t: Words) -> html.Section | None:
    """Heading, table, and what it means."""
    if not answer.is_ok:
        return None
    body = answer.body
    day = date.fromisoformat(body["as_of_date"])
    href = f"/download/etfs.csv?date={day}&lang={t.lang}"
    heading = html.H2([t("etfs"), html.Small(t("etfs.subtitle", d=formats.short(day)))])
    csv = html.A(["CSV", hidden(t("download_csv"))], href=href, className="button", title=t("download_csv"))
    month = t("month.note", m=body["month"], d=formats.short(day)) if body["is_partial"] else ""
    terms = [
        (t("etf_return", n="N"), t("define.return_pct")),
        (t("outperformance"), t("define.outperformance")),
        (t("trending"), t("define.trending")),
        (t("month_to_date"), t("define.month_to_date")),
    ]
    return html.Section(
        [
            html.Div([heading, csv], className="strip-line"),
            table(body, t),
            html.Div([definitions(terms, t), html.Span(month, className="mute")], className="under"),
        ],
        className="etfs",
    )


def table(body: Json, t: Words) -> html.Div:
    """One row an ETF; benchmarks on yellow and named so."""
    returns = [
        grid.change(
            f"return_{days}d", t("etf_return", n=days), 104, flex=1, minWidth=78, headerTooltip=t("define.return_pct")
        )
        for days in PERIODS
    ]
    month = t("month_to_date.partial") if body["is_partial"] else t("month_to_date")
    columns = [
        grid.figure("rank_by_return", t("rank"), 44, filter=False, sort="asc", sortingOrder=["asc", "desc", None]),
        grid.text("etf_ticker", t("etf_ticker"), 64),
        grid.text("etf_name", t("etf_name"), 190, minWidth=104, flex=2, cellRenderer="ActName"),
        *returns,
        grid.change(
            "outperformance", t("outperformance"), 116, flex=1, minWidth=96, headerTooltip=t("define.outperformance")
        ),
        grid.text(
            "trending",
            t("trending"),
            140,
            minWidth=80,
            flex=1,
            cellRenderer="ActMarks",
            headerTooltip=t("define.trending"),
            filter=False,
        ),
        grid.change("month_to_date_pct", month, 116, flex=1, minWidth=90, headerTooltip=t("define.month_to_date")),
    ]
    return grid.grid(
        name="etfs",
        label=t("etfs"),
        columns=columns,
        rows=[etf_row(row, t) for row in body["etfs"]],
        row_classes={"benchmark": "params.data.benchmark"},
        phone_columns=PHONE_COLUMNS,
        t=t,
    )


def etf_row(row: Json, t: Words) -> grid.Row:
    """Raw values to sort by, and under `shown` what is read."""
    figures = {f"return_{days}d": row[f"return_{days}d"] for days in PERIODS}
    figures["outperformance"] = row[f"outperformance_{RANKED_BY}d"]
    figures["month_to_date_pct"] = row["month_to_date_pct"]
    shown = {name: formats.signed(value) for name, value in figures.items()}
    if row["etf_ticker"] == BENCHMARK:
        figures["outperformance"], shown["outperformance"] = 0.0, t("base")
    is_benchmark = row["etf_type"] == "benchmark"
    return {
        "rank_by_return": row["rank_by_return"],
        "etf_ticker": row["etf_ticker"],
        "ticker": row["etf_ticker"],
        "etf_name": NAMES_KO.get(row["etf_ticker"], row["description"]) if t.lang == "ko" else row["description"],
        "benchmark": t("benchmark") if is_benchmark else None,
        "trending": sum(bool(row[f"is_trending_{days}d"]) for days in PERIODS),
        "marks": [mark(row[f"is_trending_{days}d"], days, t) for days in PERIODS],
        **figures,
        "shown": shown,
        "way": {name: formats.direction(value) for name, value in figures.items()},
        "missing": t("no_value"),
    }


def mark(is_trending: bool | None, days: int, t: Words) -> dict[str, Any]:
    """● trending, ○ not, – unknown, with the words for readers of names."""
    state = "unknown" if is_trending is None else "yes" if is_trending else "no"
    glyph = {"yes": "●", "no": "○", "unknown": formats.MISSING}[state]
    return {"glyph": glyph, "label": t(f"trending.{state}", p=t(f"period.{days}")), "state": state}
