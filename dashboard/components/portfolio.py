"""One portfolio: strip, changes, table, panels, and what a reader must be told (dashboard.md 3.1, rules 10)."""

from datetime import date
from typing import Any

from dash import html

from config.sentences import OF_PERIODS
from dashboard import formats
from dashboard.components import grid
from dashboard.components.notices import line, next_run
from dashboard.components.parts import attrs, definitions, hidden, signed
from dashboard.data import Frame, Json, Period
from dashboard.texts import Words

PHONE_COLUMNS = ("company_name", "weight_pct", "return_pct")
LARGEST = 5
HEAD_SPAN = {"function": "params.data.kind === 'head' ? 3 : 1"}
FIXED = tuple(f"fixed.{code}" for code in OF_PERIODS)


def panel(period: Period, about: Frame, t: Words, *, is_open: bool) -> html.Div:
    """A tab's content; all come with the page, one is seen."""
    answer = period.portfolio.body
    content: list[Any]
    if not period.portfolio.is_ok:
        content = [] if about.shown.found in ("not_computed", "before_first") else [failed(period, t)]
    elif answer["state"] != "ok":
        content = [*empty(period, about, t), changes_line(period, t), left_out(answer, t)]
    else:
        content = [
            html.Div([strip(period, t), download(period, t)], className="strip-line"),
            *cautions(answer, t),
            changes_line(period, t),
            table(period, t),
            under_table(answer, t),
            html.Div(
                [changes_panel(period, t), sectors_panel(period, t), overlap_panel(period, t)], className="panels"
            ),
            fixed_sentences(t),
        ]
    return html.Div(
        content,
        id=f"panel-{period.name}",
        role="tabpanel",
        className="panel",
        hidden=not is_open,
        **attrs(aria_labelledby=f"tab-{period.name}", data_live=live_text(period, t)),
    )


def live_text(period: Period, t: Words) -> str:
    """What the live region says when the tab opens."""
    count = period.portfolio.body.get("position_count", 0)
    return f"{t(f'period.{period.name}')}, {t('positions.count', n=count)}"


def failed(period: Period, t: Words) -> html.P | None:
    """The API had no answer for this tab; that it is away or refuses the key stands above the tabs."""
    if period.portfolio.status in (0, 401):
        return None
    if period.portfolio.status == 404:
        return line("warn", t("no_result_period", d="", p=t(f"period.{period.name}")).lstrip(" ·"))
    return line("error", t("problem", detail=period.portfolio.body.get("detail", period.portfolio.status)))


def empty(period: Period, about: Frame, t: Words) -> list[html.P]:
    """The sentence in the table's place."""
    answer = period.portfolio.body
    day = date.fromisoformat(answer["as_of_date"])
    if answer["state"] == "no_snapshot":
        return [html.P(t("no_snapshot", d=day), className="empty")]
    if answer["state"] == "not_computed":
        return [html.P(t("not_computed", d=day, t=next_run(about.status.body)), className="empty")]
    sentence = t("empty", d=formats.short(day), p=t(f"period.{period.name}"))
    return [html.P([html.Strong(sentence), html.Br(), t("empty.hint")], className="empty")]


def strip(period: Period, t: Words) -> html.Dl:
    """The figures beside the portfolio."""
    answer, summary = period.portfolio.body, period.summary.body
    origin = t(f"origin.{answer['origin']}")
    if answer["revision"] > 1:
        origin += f" · {t('revision', n=answer['revision'])}"
    facts: list[tuple[str, Any, str | None]] = [
        (t("positions"), str(answer["position_count"]), None),
        (t("largest"), f"{formats.weight(answer['largest_weight_pct'])}%", None),
        (t("top5"), f"{formats.weight(summary.get('top5_weight_pct'))}%", None),
        (t("effective"), formats.number(answer["effective_positions"], 1), t("define.effective")),
        (t("spy_period", p=t(f"period.{period.name}")), signed(summary.get("spy_return_pct"), unit="%"), None),
        (t("origin"), origin, t("define.origin")),
    ]
    if answer["holdings_oldest"]:
        oldest = formats.short(date.fromisoformat(answer["holdings_oldest"]))
        facts.append((t("holdings_oldest"), t("holdings_oldest.from", d=oldest), None))
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(value)], title=meaning) for name, value, meaning in facts], className="strip"
    )


def download(period: Period, t: Words) -> html.A:
    """The table as the API gives it."""
    day = period.portfolio.body["as_of_date"]
    href = f"/download/portfolio.csv?period={period.name}&date={day}&lang={t.lang}"
    return html.A(["CSV", hidden(t("download_csv"))], href=href, className="button", title=t("download_csv"))


def cautions(answer: Json, t: Words) -> list[html.P]:
    """A lopsided or a simulated portfolio says so above its table."""
    found = [] if answer["origin"] == "live" else [line("quiet", t("warn.simulated"))]
    for warning in answer["warnings"]:
        decimals = 1 if warning["code"] == "few_effective_positions" else 2
        value, tickers = formats.number(warning["value"], decimals), ", ".join(warning["tickers"])
        found.append(line("warn", t(f"warn.{warning['code']}", value=value, tickers=tickers)))
    return found


def changes_line(period: Period, t: Words) -> html.P | None:
    """What came in and went out, in one line."""
    changes = period.changes.body
    if not period.changes.is_ok:
        return None
    if changes["previous_as_of_date"] is None:
        return html.P(t("no_previous"), className="moves")
    before = formats.short(date.fromisoformat(changes["previous_as_of_date"]))

    def moved(key: str, field: str) -> list[Any]:
        shown = [f"{row['ticker']} {formats.weight(row[field])}" for row in changes[key]]
        if not shown:
            return [html.Span(t(key), className="label"), t("none")]
        return [html.Span([t(key), " ", html.B(str(len(shown)))], className="label"), " · ".join(shown)]

    return html.P(
        [
            html.Span(t("compared_with", d=before), className="label first"),
            html.Span(moved("entered", "weight_pct"), className="in"),
            html.Span(moved("left", "weight_pct_before"), className="out"),
        ],
        className="moves",
    )


def table(period: Period, t: Words) -> html.Div:
    """Positions, their sum, and below it the next in line."""
    answer = period.portfolio.body
    days = period.name
    largest = answer["largest_weight_pct"]
    columns = [
        grid.figure("rank", t("rank"), 44, filter=False, sortingOrder=["asc", "desc", None]),
        grid.text(
            "company_name", t("company_name"), 190, minWidth=150, flex=2, cellRenderer="ActName", colSpan=HEAD_SPAN
        ),
        grid.text("ticker", t("ticker"), 84),
        grid.text("sector", t("sector"), 140),
        grid.figure(
            "weight_pct",
            t("weight_pct"),
            124,
            minWidth=84,
            cellRenderer="ActWeight",
            cellRendererParams={"largest": largest},
            headerTooltip=t("define.weight_pct"),
            sort="desc",
        ),
        grid.change("change_pp", t("change_pp"), 100, headerTooltip=t("define.change_pp")),
        grid.change("return_pct", t("return_pct", n=days), 128, minWidth=116, headerTooltip=t("define.return_pct")),
        grid.figure("market_cap", t("market_cap"), 112, headerTooltip=t("define.market_cap")),
        grid.text("source_etfs", t("source_etfs"), 120),
        grid.text("reason", t("allocation_reason"), 200, minWidth=180, flex=3, tooltipField="reason"),
    ]
    rows = position_rows(answer, period.changes.body if period.changes.is_ok else {}, t)
    return grid.grid(
        name=f"positions-{period.name}",
        label=f"{t('portfolio')} {t(f'period.{period.name}')}",
        columns=columns,
        rows=rows,
        pinned_bottom=bottom_rows(answer, t),
        row_classes={kind: f"params.data.kind === '{kind}'" for kind in ("sum", "head", "next")},
        phone_columns=PHONE_COLUMNS,
        t=t,
    )


def position_rows(answer: Json, changes: Json, t: Words) -> list[grid.Row]:
    """One row a position: raw values to sort by, and under `shown` what is read."""
    change = {row["ticker"]: row["change_pp"] for key in ("entered", "stayed") for row in changes.get(key, [])}
    new = {row["ticker"] for row in changes.get("entered", [])}
    return [
        {
            "rank": row["rank"],
            "company_name": row["company_name"] or row["ticker"],
            "new": t("new") if row["ticker"] in new else None,
            "ticker": row["ticker"],
            "sector": t.or_as_is("sector", row["sector"]),
            "weight_pct": row["weight_pct"],
            "change_pp": change.get(row["ticker"]),
            "return_pct": row["return_pct"],
            "market_cap": row["market_cap"],
            "source_etfs": ", ".join(row["source_etfs"]),
            "reason": reason(row["picks"], t),
            "shown": {
                "weight_pct": formats.weight(row["weight_pct"]),
                "change_pp": formats.signed(change.get(row["ticker"])),
                "return_pct": formats.signed(row["return_pct"]),
                "market_cap": cap(row, t),
            },
            "way": {
                "change_pp": formats.direction(change.get(row["ticker"])),
                "return_pct": formats.direction(row["return_pct"]),
            },
        }
        for row in answer["positions"]
    ]


def bottom_rows(answer: Json, t: Words) -> list[grid.Row]:
    """The sum, then candidates that were not picked: no weight, greyed."""
    total = sum(row["weight_pct"] for row in answer["positions"])
    rows: list[grid.Row] = [
        {"kind": "sum", "company_name": t("total"), "weight_pct": total, "shown": {"weight_pct": formats.number(total)}}
    ]
    if answer["next_in_line"]:
        rows.append({"kind": "head", "company_name": t("next_in_line"), "shown": {}})
    for row in answer["next_in_line"]:
        rows.append(
            {
                "kind": "next",
                "company_name": row["company_name"] or row["ticker"],
                "ticker": row["ticker"],
                "sector": t.or_as_is("sector", row["sector"] or "Unknown"),
                "return_pct": row["return_pct"],
                "market_cap": row["market_cap"],
                "source_etfs": ", ".join(row["source_etfs"]),
                "shown": {
                    "return_pct": formats.signed(row["return_pct"]),
                    "market_cap": formats.market_cap(row["market_cap"], t.lang),
                },
                "way": {"return_pct": formats.direction(row["return_pct"])},
            }
        )
    return rows


def cap(row: Json, t: Words) -> str:
    """The market cap, marked when it is another day's moved by price."""
    shown = formats.market_cap(row["market_cap"], t.lang)
    source = row["market_cap_source"]
    return shown if source == "quote" else f"{t(f'cap.{source}')} {shown}"


def reason(picks: list[Json], t: Words) -> str:
    """Why a stock is in, from the fields."""
    named = ", ".join(t("reason.pick", etf=pick["etf"], rank=pick["holding_rank"]) for pick in picks)
    without = sorted({ticker for pick in picks for ticker in pick["better_without_cap"]})
    best = t("reason.best", picks=named)
    return f"{best} ({t('reason.no_cap', tickers=', '.join(without))})" if without else best


def under_table(answer: Json, t: Words) -> html.Div:
    """Left out, and what the headings mean."""
    days = answer["period_days"]
    terms = [
        (t("weight_pct"), t("define.weight_pct")),
        (t("change_pp"), t("define.change_pp")),
        (t("return_pct", n=days), t("define.return_pct")),
        (t("market_cap"), t("define.market_cap")),
        (t("effective"), t("define.effective")),
        (t("overlap"), t("define.overlap")),
    ]
    return html.Div([left_out(answer, t), definitions(terms, t)], className="under")


def left_out(answer: Json, t: Words) -> html.Details | None:
    """What could have given a position but could not be judged, by name."""
    if not answer.get("excluded"):
        return None
    items = []
    for row in answer["excluded"]:
        both = row["ticker"] and row["etf"]
        what = t("excluded.of", **row) if both else row["ticker"] or row["etf"] or formats.MISSING
        items.append(html.Li(t("excluded.item", what=what, reason=t.or_as_is("excluded", row["reason"]))))
    return html.Details(
        [html.Summary(t("excluded", n=len(items))), html.Ul(items, className="names")], className="left-out"
    )


def fixed_sentences(t: Words) -> html.Ul:
    """Never hidden (rules 10)."""
    return html.Ul([html.Li(t(key)) for key in FIXED], className="fixed")


def changes_panel(period: Period, t: Words) -> html.Section:
    """The largest changes of what stayed."""
    changes = period.changes.body if period.changes.is_ok else {}
    rows = [
        html.Tr(
            [
                html.Th(row["ticker"], scope="row", title=row["company_name"]),
                html.Td(formats.weight(row["weight_pct_before"]), className="num"),
                html.Td("→", className="mute", **attrs(aria_hidden="true")),
                html.Td(formats.weight(row["weight_pct"]), className="num"),
                html.Td(signed(row["change_pp"]), className="num"),
            ]
        )
        for row in changes.get("stayed", [])[:LARGEST]
    ]
    content = html.Table(html.Tbody(rows)) if rows else html.P(t("no_changes"), className="mute")
    return html.Section([html.H2([t("stayed"), html.Small(t("largest_first"))]), content])


def sectors_panel(period: Period, t: Words) -> html.Section:
    """Weight by sector as bars of the same scale."""
    sectors = period.summary.body.get("sectors", [])
    largest = max((row["weight_pct"] for row in sectors), default=1)
    rows = [
        html.Tr(
            [
                html.Th(t.or_as_is("sector", row["sector"]), scope="row"),
                html.Td(
                    html.Span(className="bar", style={"width": f"{100 * row['weight_pct'] / largest:.1f}%"}),
                    className="bar-cell",
                    **attrs(aria_hidden="true"),
                ),
                html.Td(formats.number(row["weight_pct"], 1), className="num"),
            ]
        )
        for row in sectors
    ]
    return html.Section([html.H2(t("sector_split")), html.Table(html.Tbody(rows))])


def overlap_panel(period: Period, t: Words) -> html.Section:
    """What this portfolio shares with the others of the date."""
    rows = [
        html.Tr(
            [
                html.Th(t(f"period.{row['strategy'].removesuffix('d')}"), scope="row"),
                html.Td(str(row["shared_count"]), className="num"),
                html.Td(formats.number(row["overlap_weight_pct"], 1), className="num"),
                html.Td(" ".join(row["shared_tickers"]), className="mute names"),
            ]
        )
        for row in period.summary.body.get("overlaps", [])
    ]
    heading = html.H2([t("overlap"), html.Small(t("overlap.unit"))], title=t("define.overlap"))
    return html.Section([heading, html.Table(html.Tbody(rows))])
