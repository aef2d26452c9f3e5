"""One portfolio: strip, changes, table, panels, and what a reader must be told (rules 10)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from dash import html

from config.sentences import OF_MONTHLY, OF_PERIODS
from dashboard import formats
from dashboard.address import Address
from dashboard.components import choices, grid
from dashboard.components.notices import failed, line, next_run
from dashboard.components.parts import attrs, copy_link, definitions, hidden, link, opener, signed
from dashboard.data import STRATEGIES, Frame, Json, Strategy
from dashboard.site import PERFORMANCE
from dashboard.texts import Words

MONTHLY = "monthly"
PHONE_COLUMNS = ("company_name", "weight_pct", "return_pct")
LARGEST = 5
HEAD_SPAN = {"function": "params.data.kind === 'head' ? 3 : 1"}
# rows of a choice of the address: sector and the tickers of an overlap
NARROW = {"sector": "sector_name", "only": "ticker"}
ROW_CLASSES = {kind: f"params.data.kind === '{kind}'" for kind in ("sum", "head", "next", "first-new")}


def head(strategies: Sequence[Strategy], address: Address, t: Words) -> html.Div:
    """The tabs, the unit of market caps, and the link to just this."""
    found = [one.portfolio.body for one in strategies if one.portfolio.is_ok]
    off = {"krw": t("usd_krw.none")} if found and not any(body["usd_krw"] for body in found) else {}
    units = {unit: t(f"cap.unit.{unit}") for unit in address.options("cap")}
    caps = choices.switch("cap", units, address, label=t("cap.unit"), off=off)
    periods = {name: t(f"period.{name}") for name in address.options("period")}
    return html.Div(
        [
            choices.tabs("period", periods, address, label=t("periods")),
            html.Div([caps, copy_link(t)], className="tools"),
        ],
        className="tab-line",
    )


def panel(shown: Strategy, strategies: Sequence[Strategy], about: Frame, address: Address, t: Words) -> html.Div:
    """A tab's content; all come with the page, one is seen."""
    answer = shown.portfolio.body
    content: list[Any]
    if not shown.portfolio.is_ok:
        content = [] if about.has_none else [no_result(shown, t)]
    elif answer["state"] != "ok":
        moves = html.Div([changes_line(shown, t)], className="moves-line")
        content = [*empty(shown, about, t), moves, left_out(answer, t), fixed_sentences(shown.name, t)]
    else:
        columns = columns_of(shown, t)
        csv = download(shown, address)
        content = [
            strip(shown, about, t),
            *cautions(answer, t),
            html.Div(
                [changes_line(shown, t), grid.tools(grid_name(shown), columns, address, t, csv=csv)],
                className="moves-line",
            ),
            table(shown, columns, address, t),
            under_table(shown, address, t),
            html.Div(
                [
                    changes_panel(shown, address, t),
                    sectors_panel(shown, address, t),
                    overlap_panel(shown, strategies, address, t),
                ],
                className="panels",
            ),
            fixed_sentences(shown.name, t),
        ]
    return choices.panel("period", shown.name, content, address, live=live_text(shown, t))


def grid_name(shown: Strategy) -> str:
    """The table's id."""
    return f"positions-{shown.name}"


def live_text(shown: Strategy, t: Words) -> str:
    """What the live region says when the tab opens."""
    count = shown.portfolio.body.get("position_count", 0)
    return f"{t(f'period.{shown.name}')}, {t.count('positions.count', count)}"


def no_result(shown: Strategy, t: Words) -> html.P | None:
    """The API had no answer for this tab."""
    return failed(shown.portfolio, t("no_result_period", p=t(f"period.{shown.name}")), t)


def empty(shown: Strategy, about: Frame, t: Words) -> list[html.P]:
    """The sentence in the table's place."""
    answer = shown.portfolio.body
    day = date.fromisoformat(answer["as_of_date"])
    if answer["state"] == "no_snapshot":
        return [html.P(t("no_snapshot", d=day), className="empty")]
    if answer["state"] == "not_computed":
        return [html.P(t("not_computed", d=day, t=next_run(about.status.body)), className="empty")]
    period, left = t(f"period.{shown.name}"), len(answer["excluded"])
    sentence = t("empty.left_out", d=day, p=period, n=left) if left else t("empty", d=day, p=period)
    return [html.P([html.Strong(sentence), html.Br(), t("empty.hint")], className="empty")]


# -- above the table ---------------------------------------------------------------------------------------------------


def strip(shown: Strategy, about: Frame, t: Words) -> html.Dl:
    """The figures beside the portfolio."""
    answer, summary = shown.portfolio.body, shown.summary.body
    facts: list[tuple[str, Any, str | None]] = [
        (t("positions"), str(answer["position_count"]), None),
        (t("largest"), f"{formats.weight(answer['largest_weight_pct'])}%", None),
        (t("top5"), f"{formats.weight(summary.get('top5_weight_pct'))}%", None),
        (t("effective"), formats.number(answer["effective_positions"], 1), t("define.effective")),
    ]
    if shown.name == MONTHLY:
        rebalance = answer["rebalance_date"]
        until = [formats.short(answer["valid_until"], rebalance), html.Small(validity(answer, about, t))]
        facts += [
            (t("rebalance_date"), formats.session(date.fromisoformat(rebalance), t.lang), None),
            (t("valid_until"), until, t("define.valid_until")),
        ]
    else:
        spy = signed(summary.get("spy_return_pct"), unit="%")
        facts.append((t("spy_period", p=t(f"period.{shown.name}")), spy, None))
    facts.append((t("origin"), origin(answer, t), t("define.origin")))
    if answer["holdings_oldest"]:
        oldest = formats.short(answer["holdings_oldest"], answer["as_of_date"])
        facts.append((t("holdings_oldest"), t("holdings_oldest.from", d=oldest), None))
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(value)], title=meaning) for name, value, meaning in facts], className="strip"
    )


def validity(answer: Json, about: Frame, t: Words) -> str:
    """What became of a monthly portfolio. The API counts sessions from today: nothing a past date could be told."""
    if answer["superseded_by"]:
        return t("superseded", d=formats.short(answer["superseded_by"], answer["rebalance_date"]))
    if about.next is not None:
        return ""
    return t("expired") if answer["is_expired"] else t("sessions_left", n=answer["sessions_left"])


def origin(answer: Json, t: Words) -> str:
    """Published in time or calculated afterwards, and how often revised."""
    words = t(f"origin.{answer['origin']}")
    return words if answer["revision"] == 1 else f"{words} · {t('revision', n=answer['revision'])}"


def download(shown: Strategy, address: Address) -> str:
    """Address of the table as the API gives it, of the date that is shown."""
    table_name = MONTHLY if shown.name == MONTHLY else "portfolio"
    return f"/download/{table_name}.csv?{address.query(period=shown.name, date=shown.portfolio.body['as_of_date'])}"


def cautions(answer: Json, t: Words) -> list[html.P]:
    """A lopsided or a simulated portfolio says so above its table."""
    found = [] if answer["origin"] == "live" else [line("quiet", t("warn.simulated"))]
    for warning in answer["warnings"]:
        decimals = 1 if warning["code"] == "few_effective_positions" else 2
        value, tickers = formats.number(warning["value"], decimals), ", ".join(warning["tickers"])
        found.append(line("warn", t(f"warn.{warning['code']}", value=value, tickers=tickers)))
    return found


def changes_line(shown: Strategy, t: Words) -> html.P | None:
    """What came in and went out, in one line."""
    changes = shown.changes.body
    if not shown.changes.is_ok:
        return None
    if changes["previous_as_of_date"] is None:
        return html.P(t("no_previous"), className="moves")
    before = formats.short(changes["previous_as_of_date"], changes["as_of_date"])

    def moved(key: str, field: str) -> list[Any]:
        if not changes[key]:
            return [html.Span(t(key), className="label"), t("none")]
        count = html.Span([t(key), " ", html.B(str(len(changes[key])))], className="label")
        return [
            count,
            *(
                html.Span([opener("stock", row["ticker"]), " ", formats.weight(row[field])], className="move")
                for row in changes[key]
            ),
        ]

    against = "compared_with.rebalance" if shown.name == MONTHLY else "compared_with"
    return html.P(
        [
            html.Span(t(against, d=before), className="label first"),
            html.Span(moved("entered", "weight_pct"), className="in"),
            html.Span(moved("left", "weight_pct_before"), className="out"),
        ],
        className="moves",
    )


# -- the table ---------------------------------------------------------------------------------------------------------


def columns_of(shown: Strategy, t: Words) -> list[grid.Column]:
    """The columns of a tab; the monthly one has score and periods instead of source ETFs."""
    is_monthly = shown.name == MONTHLY
    answer = shown.portfolio.body
    days = "20" if is_monthly else shown.name
    before = t("define.change_pp.monthly") if is_monthly else t("define.change_pp")
    order = ["asc", "desc", None]
    rank = grid.figure("rank", "#", 48, filter=False, sortingOrder=order, sort="asc" if is_monthly else None)
    monthly = [
        grid.figure("score", t("score"), 76, headerTooltip=t("define.score")),
        grid.text("source_periods", t("source_periods"), 104),
    ]
    return [
        rank,
        grid.text(
            "company_name", t("company_name"), 190, minWidth=150, flex=2, cellRenderer="ActName", colSpan=HEAD_SPAN
        ),
        grid.text("ticker", t("ticker"), 84),
        grid.text("sector", t("sector"), 144, minWidth=112),
        grid.figure(
            "weight_pct",
            t("weight_pct"),
            124,
            minWidth=84,
            cellRenderer="ActWeight",
            cellRendererParams={"largest": answer.get("largest_weight_pct")},
            headerTooltip=t("define.weight_pct.monthly") if is_monthly else t("define.weight_pct"),
            sort=None if is_monthly else "desc",
        ),
        *(monthly if is_monthly else []),
        grid.change("change_pp", t("change_pp"), 100, headerTooltip=before),
        grid.change("return_pct", t("return_pct", n=days), 128, minWidth=116, headerTooltip=t("define.return_pct")),
        *(
            grid.figure(
                "market_cap",
                heading,
                120,
                headerTooltip=t("define.market_cap"),
                minWidth=104,
                cellRenderer=grid.SAYS_WHY,
                only=f"cap={unit}",
            )
            for unit, heading in (("usd", t("market_cap")), ("krw", t("market_cap.krw")))
        ),
        *([] if is_monthly else [grid.text("source_etfs", t("source_etfs"), 120)]),
        grid.text("reason", t("allocation_reason"), 200, minWidth=180, flex=3, tooltipField="reason"),
    ]


def table(shown: Strategy, columns: list[grid.Column], address: Address, t: Words) -> html.Div:
    """Positions, their sum, and below it the next in line."""
    answer = shown.portfolio.body
    changes = shown.changes.body if shown.changes.is_ok else {}
    rows_of = monthly_rows if shown.name == MONTHLY else position_rows
    return grid.grid(
        name=grid_name(shown),
        label=f"{t('nav.portfolio')} {t(f'period.{shown.name}')}",
        columns=columns,
        rows=rows_of(answer, changes, t),
        pinned_bottom=bottom_rows(answer, t),
        row_classes=ROW_CLASSES,
        phone_columns=PHONE_COLUMNS,
        narrow=NARROW,
        opens=("stock", "ticker"),
        address=address,
        t=t,
    )


def position_rows(answer: Json, changes: Json, t: Words) -> list[grid.Row]:
    """One row a position: raw values to sort by, and under `shown` what is read."""
    rows = []
    for row in answer["positions"]:
        more = {"source_etfs": ", ".join(row["source_etfs"]), "reason": reason(row["picks"], t)}
        rows.append(stock_row(row, row["return_pct"], answer, changes, t) | more)
    return rows


def monthly_rows(answer: Json, changes: Json, t: Words) -> list[grid.Row]:
    """The stocks of the 20-session portfolio, then those that are not in it, below a rule."""
    rows = []
    is_first_new = True
    for row in answer["positions"]:
        found = stock_row(row, row["return_20d"], answer, changes, t)
        periods = [name.removesuffix("d") for name in row["source_periods"]]
        named = "·".join(t(f"period.{name}") for name in periods)
        found |= {"score": row["score"], "source_periods": "·".join(periods), "reason": t("reason.monthly", p=named)}
        found["shown"]["score"] = formats.number(row["score"], 1)
        if row["is_new"] and is_first_new:
            found["kind"], is_first_new = "first-new", False
        rows.append(found)
    return rows


def stock_row(row: Json, return_pct: float | None, answer: Json, changes: Json, t: Words) -> grid.Row:
    """What the rows of all tabs have."""
    change = {move["ticker"]: move["change_pp"] for key in ("entered", "stayed") for move in changes.get(key, [])}
    new = {move["ticker"] for move in changes.get("entered", [])}
    figures = grid.signs({"change_pp": change.get(row["ticker"]), "return_pct": return_pct})
    figures["shown"] |= {"weight_pct": formats.weight(row["weight_pct"]), **caps(row, answer, t)}
    return {
        "rank": row["rank"],
        "company_name": row["company_name"] or row["ticker"],
        "new": t("new") if row["ticker"] in new else None,
        "ticker": row["ticker"],
        "sector": t.or_as_is("sector", row["sector"]),
        "sector_name": row["sector"],
        "weight_pct": row["weight_pct"],
        "change_pp": change.get(row["ticker"]),
        "return_pct": return_pct,
        "market_cap": row["market_cap"],
        "why": {"change_pp": t("no_previous"), "return_pct": t("no_value"), **no_cap(row, t)},
        **figures,
    }


def caps(row: Json, answer: Json, t: Words) -> dict[str, str]:
    """The market cap as it is read in dollars and in won, marked when it is another day's moved by price."""
    mark = "" if row.get("market_cap_source", "quote") == "quote" else f"{t('cap.' + row['market_cap_source'])} "
    rate = answer["usd_krw"]["rate"] if answer["usd_krw"] else None
    won = row["market_cap"] * rate if rate and row["market_cap"] is not None else None
    return {
        "market_cap@cap=usd": mark + formats.market_cap(row["market_cap"], t.lang),
        "market_cap@cap=krw": (mark if won else "") + formats.market_cap(won, t.lang, "KRW"),
    }


def no_cap(row: Json, t: Words) -> dict[str, str]:
    """Why a market cap is missing; one in won may lack the rate alone."""
    lacking = "no_cap" if row["market_cap"] is None else "usd_krw.none"
    return {"market_cap": t("no_cap"), "market_cap@cap=krw": t(lacking)}


def bottom_rows(answer: Json, t: Words) -> list[grid.Row]:
    """The sum, then candidates that were not picked: no weight, greyed."""
    total = sum(row["weight_pct"] for row in answer["positions"])
    rows: list[grid.Row] = [
        {"kind": "sum", "company_name": t("total"), "weight_pct": total, "shown": {"weight_pct": formats.number(total)}}
    ]
    candidates = answer.get("next_in_line", [])
    if candidates:
        rows.append({"kind": "head", "company_name": t("next_in_line"), "shown": {}})
    for row in candidates:
        figures = grid.signs({"return_pct": row["return_pct"]})
        figures["shown"] |= caps(row, answer, t)
        rows.append(
            {
                "kind": "next",
                "company_name": row["company_name"] or row["ticker"],
                "ticker": row["ticker"],
                "sector": t.or_as_is("sector", row["sector"] or "Unknown"),
                "return_pct": row["return_pct"],
                "market_cap": row["market_cap"],
                "source_etfs": ", ".join(row["source_etfs"]),
                "why": no_cap(row, t),
                **figures,
            }
        )
    return rows


def reason(picks: list[Json], t: Words) -> str:
    """Why a stock is in, from the fields."""
    named = ", ".join(t("reason.pick", etf=pick["etf"], rank=pick["holding_rank"]) for pick in picks)
    without = sorted({ticker for pick in picks for ticker in pick["better_without_cap"]})
    best = t("reason.best", picks=named)
    return f"{best} ({t('reason.no_cap', tickers=', '.join(without))})" if without else best


# -- below the table ---------------------------------------------------------------------------------------------------


def under_table(shown: Strategy, address: Address, t: Words) -> html.Div:
    """Left out, what the headings mean, and the rate of market caps in won."""
    answer, is_monthly = shown.portfolio.body, shown.name == MONTHLY
    days = "20" if is_monthly else shown.name
    terms = [
        (t("weight_pct"), t("define.weight_pct.monthly") if is_monthly else t("define.weight_pct")),
        *([(t("score"), t("define.score")), (t("valid_until"), t("define.valid_until"))] if is_monthly else []),
        (t("change_pp"), t("define.change_pp.monthly") if is_monthly else t("define.change_pp")),
        (t("return_pct", n=days), t("define.return_pct")),
        (t("market_cap"), t("define.market_cap")),
        (t("effective"), t("define.effective")),
        (t("origin"), t("define.origin")),
        (t("overlap"), t("define.overlap")),
    ]
    rate = answer["usd_krw"]
    won = (
        t("usd_krw", r=formats.number(rate["rate"], 1), d=formats.short(rate["rate_date"], answer["as_of_date"]))
        if rate
        else t("usd_krw.none")
    )
    rate_line = html.Span(won, className="mute", **choices.when("cap", "krw", address))
    earned = link(t("see_performance"), address.to(PERFORMANCE))
    return html.Div([left_out(answer, t), definitions(terms, t), rate_line, earned], className="under")


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


def fixed_sentences(name: str, t: Words) -> html.Ul:
    """Never hidden (rules 10)."""
    codes = OF_MONTHLY if name == MONTHLY else OF_PERIODS
    return html.Ul([html.Li(t(f"fixed.{code}")) for code in codes], className="fixed")


def part(heading: list[Any], content: list[Any], *, title: str | None = None) -> html.Details:
    """A panel: open, and closed by act.js on a phone."""
    return html.Details(
        [html.Summary(html.H2(heading, title=title)), *content], open=True, className="part", **attrs(data_part="true")
    )


def changes_panel(shown: Strategy, address: Address, t: Words) -> html.Details:
    """The largest changes of what stayed."""
    changes = shown.changes.body if shown.changes.is_ok else {}
    rows = [
        html.Tr(
            [
                html.Th(opener("stock", row["ticker"]), scope="row", title=row["company_name"]),
                html.Td(formats.weight(row["weight_pct_before"]), className="num"),
                html.Td("→", className="mute", **attrs(aria_hidden="true")),
                html.Td(formats.weight(row["weight_pct"]), className="num"),
                html.Td(signed(row["change_pp"]), className="num"),
            ]
        )
        for row in changes.get("stayed", [])[:LARGEST]
    ]
    content: list[Any] = [html.Table(html.Tbody(rows)) if rows else html.P(t("no_changes"), className="mute")]
    if changes:
        query = address.query(period=shown.name, date=changes["as_of_date"])
        content.append(html.A(t("changes.all"), href=f"/download/changes.csv?{query}", className="more"))
    return part([t("stayed"), html.Small(t("largest_first"))], content)


def sectors_panel(shown: Strategy, address: Address, t: Words) -> html.Details:
    """Weight by sector as bars of the same scale; a click narrows the table."""
    sectors = shown.summary.body.get("sectors", [])
    largest = max((row["weight_pct"] for row in sectors), default=1)
    rows = [
        html.Tr(
            [
                html.Th(
                    html.Button(
                        t.or_as_is("sector", row["sector"]),
                        className="plain",
                        **choices.toggle("sector", row["sector"], address),
                    ),
                    scope="row",
                ),
                html.Td(
                    html.Span(className="bar", style={"width": f"{100 * row['weight_pct'] / largest:.1f}%"}),
                    className="bar-cell",
                    **attrs(aria_hidden="true"),
                ),
                html.Td(formats.number(row["weight_pct"], 1), className="num"),
                html.Td(t.count("positions.count", row["positions"]), className="num mute"),
            ]
        )
        for row in sectors
    ]
    return part([t("sector_split")], [html.Table(html.Tbody(rows))])


def overlap_panel(shown: Strategy, strategies: Sequence[Strategy], address: Address, t: Words) -> html.Details:
    """What each pair of portfolios shares; a click on one of this tab narrows its table to the shared stocks."""
    found = {
        pair: row
        for one in strategies
        # a rebalance is held against the portfolios of its own day: here against those of the session shown
        if one.summary.is_ok and one.name != MONTHLY
        for row in one.summary.body["overlaps"]
        for other in [row["strategy"].removesuffix("d")]
        for pair in ([(one.name, other), (other, one.name)] if other == MONTHLY else [(one.name, other)])
    }

    def cell(one: str, other: str) -> html.Td:
        row = found.get((one, other))
        if row is None:
            return html.Td(formats.MISSING, className="num mute")
        words = f"{row['shared_count']} · {formats.number(row['overlap_weight_pct'], 1)}"
        names = ", ".join(row["shared_tickers"]) or t("none")
        if shown.name not in (one, other) or not row["shared_tickers"]:
            return html.Td(words, className="num mute", title=names)
        pressed = choices.toggle("only", ",".join(row["shared_tickers"]), address)
        inside = html.Button([words, hidden(names)], className="plain", title=names, **pressed)
        return html.Td(inside, className="num")

    top = html.Tr([html.Td(), *(html.Th(t(f"period.{name}"), scope="col", className="num") for name in STRATEGIES)])
    rows = [
        html.Tr([html.Th(t(f"period.{one}"), scope="row"), *(cell(one, other) for other in STRATEGIES)])
        for one in STRATEGIES
    ]
    heading = [t("overlap"), html.Small(t("overlap.unit"))]
    return part(heading, [html.Table([html.Thead(top), html.Tbody(rows)])], title=t("define.overlap"))
