"""What one ETF holds: its list, the best of it, how concentrated it is, what it shares (rules 6)."""

from datetime import date
from typing import Any

from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.components import choices, grid
from dashboard.components.etfs import NAMES, ORDER
from dashboard.components.notices import nothing_kept
from dashboard.components.parts import attrs, definitions, opener
from dashboard.data import PERIODS, EtfDetail, Json
from dashboard.site import TABLE
from dashboard.texts import Words

HOLDINGS_PHONE = ("holding_name", "holding_percent", "return_pct")
TOP_PHONE = ("holding_name", "total_return", "volatility")
CONCENTRATION_PHONE = ("etf_ticker", "top_5_weight", "effective")


def content(detail: EtfDetail, address: Address, t: Words) -> list[Any]:
    """Heading, tabs and panels."""
    name = NAMES[t.lang].get(detail.etf, "")
    if all(answer.status == 0 for answer in detail.answers):
        return [html.H2(f"{detail.etf} {name}"), nothing_kept(t)]
    own = address.without(*TABLE)
    panels = {
        "holdings": holdings(detail, own, t),
        "top": top_holdings(detail, own, t),
        "concentration": concentration(detail, own, t),
        "overlap": overlap(detail, own, t),
    }
    labels = {panel: t(f"panel.{panel}") for panel in address.options("panel")}
    return [
        html.Div(
            [
                html.H2([f"{detail.etf} {name}"]),
                choices.tabs("panel", labels, address, label=t("detail")),
            ],
            className="head-line detail-head",
        ),
        *(
            choices.panel("panel", panel, panels[panel], address, live=f"{detail.etf} {labels[panel]}")
            for panel in labels
        ),
    ]


def about_list(covered_pct: float | None, listed: str | None, t: Words, *, is_old: bool = False) -> html.P:
    """The weight that figures from holdings cover, and the date of the list: above each of them."""
    day = formats.session(date.fromisoformat(listed), t.lang) if listed else formats.MISSING
    shown = f"{formats.number(covered_pct, 1)}%" if covered_pct is not None else formats.MISSING
    old = html.Span(t("snapshot.old", d=day), className="old") if is_old else t("snapshot", d=day)
    return html.P([t("covered", w=shown), " · ", old], className="covered")


def no_answer(answer_status: int, t: Words) -> list[Any]:
    """Nothing was analysed yet, or the API is away for it."""
    return [html.P(t("away_empty") if answer_status == 0 else t("no_analysis"), className="empty")]


def holdings(detail: EtfDetail, address: Address, t: Words) -> list[Any]:
    """The list as the source gives it, with each stock's return."""
    answer, body = detail.holdings, detail.holdings.body
    if not answer.is_ok:
        return no_answer(answer.status, t)
    columns = [
        grid.figure("holding_rank", "#", 44, filter=False, sort="asc", sortingOrder=ORDER),
        grid.text("holding_name", t("company_name"), 150, minWidth=110, flex=2, cellRenderer="ActName"),
        grid.text("ticker", t("ticker"), 88),
        grid.text("sector", t("sector"), 136, minWidth=96),
        grid.figure(
            "holding_percent",
            t("weight_pct"),
            112,
            minWidth=84,
            cellRenderer="ActWeight",
            cellRendererParams={"largest": max((row["holding_percent"] for row in body["holdings"]), default=1)},
            headerTooltip=t("define.holding_percent"),
        ),
        grid.change("return_pct", t("return_pct", n=20), 116, headerTooltip=t("define.holding_return")),
        grid.figure("etf_count", t("etf_count"), 84, headerTooltip=t("define.etf_count")),
    ]
    rows = []
    for row in body["holdings"]:
        signs = grid.signs({"return_pct": row["return_pct"]})
        signs["shown"]["holding_percent"] = formats.weight(row["holding_percent"])
        rows.append(
            {**row, "sector": t.or_as_is("sector", row["sector"]), "why": {"return_pct": t("no_value")}, **signs}
        )
    returns = body["returns_as_of"]
    note = t("returns_as_of", d=formats.short(returns, body["as_of_date"])) if returns else ""
    csv = f"/download/holdings.csv?{address.query(etf=detail.etf, date=body['as_of_date'])}"
    return [
        html.Div(
            [
                about_list(body["covered_weight_pct"], body["holdings_as_of"], t, is_old=not body["is_in_reach"]),
                grid.download(csv, t),
            ],
            className="panel-line",
        ),
        grid.grid(
            name=f"holdings-{detail.etf}",
            label=f"{detail.etf} {t('panel.holdings')}",
            columns=columns,
            rows=rows,
            phone_columns=HOLDINGS_PHONE,
            address=address,
            t=t,
            keeps_order=False,
        ),
        html.P(note, className="mute note"),
    ]


def top_holdings(detail: EtfDetail, address: Address, t: Words) -> list[Any]:
    """The five best of each period; those of the chosen one are seen."""
    first = detail.best[PERIODS[-1]]
    if not first.is_ok:
        return no_answer(first.status, t)
    columns = [
        grid.figure("rank_position", "#", 44, filter=False, sort="asc", sortingOrder=ORDER),
        grid.text("holding_name", t("company_name"), 120, minWidth=104, flex=2, cellRenderer="ActName"),
        grid.text("ticker", t("ticker"), 80),
        *(
            grid.change(
                "total_return",
                t("return_pct", n=name),
                108,
                headerTooltip=t("define.holding_return"),
                only=f"period={name}",
            )
            for name in PERIODS
        ),
        grid.change("avg_return", t("avg_return"), 84, headerTooltip=t("define.avg_return")),
        grid.figure(
            "volatility", t("volatility"), 84, headerTooltip=t("define.volatility"), cellRenderer=grid.SAYS_WHY
        ),
        grid.figure(
            "sharpe_ratio",
            t("sharpe"),
            68,
            headerTooltip=t("define.sharpe"),
            cellRenderer=grid.SAYS_WHY,
            only="period=20",
        ),
        grid.figure("current_price", t("current_price"), 112, headerTooltip=t("define.current_price")),
        grid.figure(
            "market_cap", t("market_cap"), 96, headerTooltip=t("define.market_cap"), cellRenderer=grid.SAYS_WHY
        ),
    ]
    rows = [best_row(row, name, t) for name in PERIODS for row in detail.best[name].body.get("holdings", [])]
    csvs = {name: f"/download/top-holdings.csv?{csv_query(detail, name, address)}" for name in PERIODS}
    body = first.body
    return [
        html.Div(
            [
                about_list(body["covered_weight_pct"], body["holdings_as_of"], t),
                html.Div(grid.downloads("period", csvs, address, t)),
            ],
            className="panel-line",
        ),
        grid.grid(
            name=f"top-{detail.etf}",
            label=f"{detail.etf} {t('panel.top')}",
            columns=columns,
            rows=rows,
            phone_columns=TOP_PHONE,
            narrow={"period": "period"},
            address=address,
            t=t,
            keeps_order=False,
        ),
        html.P(t("analysed", d=body["as_of_date"]), className="mute note"),
        definitions([(t("volatility"), t("define.volatility")), (t("sharpe"), t("define.sharpe"))], t),
    ]


def csv_query(detail: EtfDetail, period: str, address: Address) -> str:
    """Of the date that the table shows."""
    day = detail.best[period].body.get("as_of_date", "")
    return address.query(etf=detail.etf, period=period, date=day)


def best_row(row: Json, period: str, t: Words) -> grid.Row:
    """One of the best holdings."""
    signs = grid.signs({name: row[name] for name in ("total_return", "avg_return")})
    signs["shown"] |= {
        "volatility": formats.number(row["volatility"]),
        "sharpe_ratio": formats.number(row["sharpe_ratio"]),
        "current_price": formats.price(row["current_price"], row["currency"] or t("currency.unknown")),
        "market_cap": formats.market_cap(row["market_cap"], t.lang),
    }
    why = {
        "avg_return": t("few_bars"),
        "volatility": t("few_bars"),
        "sharpe_ratio": t("few_bars") if row["volatility"] is None else t("undefined"),
        "market_cap": t("no_cap"),
    }
    return {**row, "period": period, "why": why, **signs}


def concentration(detail: EtfDetail, address: Address, t: Words) -> list[Any]:
    """All ETFs, the chosen one marked: figures of one mean little alone."""
    answer = detail.concentration
    if not answer.is_ok:
        return no_answer(answer.status, t)
    columns = [
        grid.text("etf_ticker", t("etf_ticker"), 72),
        grid.figure("covered_weight", t("covered.heading"), 104, headerTooltip=t("define.covered")),
        *(
            grid.figure(f"top_{count}_weight", t("top_weight", n=count), 96, headerTooltip=t("define.concentration"))
            for count in (1, 5, 10)
        ),
        grid.figure("herfindahl_index", "HHI", 84, headerTooltip=t("define.concentration")),
        grid.figure(
            "effective", t("effective"), 120, headerTooltip=t("define.effective_holdings"), minWidth=100, flex=1
        ),
    ]
    rows = []
    for row in answer.body["etfs"]:
        percents = {name: 100 * row[name] for name in ("covered_weight", *(f"top_{n}_weight" for n in (1, 5, 10)))}
        low, high = (formats.number(row[f"effective_holdings_{end}"], 1) for end in ("min", "max"))
        shown = {name: formats.number(value, 1) for name, value in percents.items()}
        shown |= {"herfindahl_index": formats.number(row["herfindahl_index"], 4), "effective": f"{low} – {high}"}
        rows.append({**row, **percents, "effective": row["effective_holdings_min"], "shown": shown})
    mine = next((row for row in answer.body["etfs"] if row["etf_ticker"] == detail.etf), None)
    csv = f"/download/concentration.csv?{address.query(date=answer.body['as_of_date'])}"
    return [
        html.Div(
            [
                about_list(100 * mine["covered_weight"] if mine else None, mine and mine["holdings_as_of"], t),
                grid.download(csv, t),
            ],
            className="panel-line",
        ),
        grid.grid(
            name=f"concentration-{detail.etf}",
            label=t("panel.concentration"),
            columns=columns,
            rows=rows,
            phone_columns=CONCENTRATION_PHONE,
            opens=("etf", "etf_ticker"),
            address=address,
            t=t,
            keeps_order=False,
        ),
        definitions(
            [
                (t("panel.concentration"), t("define.concentration")),
                (t("effective"), t("define.effective_holdings")),
                (t("covered.heading"), t("define.covered")),
            ],
            t,
        ),
    ]


def overlap(detail: EtfDetail, address: Address, t: Words) -> list[Any]:
    """The whole matrix, and below it by name what the chosen ETF shares."""
    answer = detail.overlap
    if not answer.is_ok:
        return no_answer(answer.status, t)
    pairs: dict[tuple[str, str], Json] = {}
    for row in answer.body["overlaps"]:
        one, other = row["etf_ticker"], row["other_etf_ticker"]
        pairs[one, other] = pairs[other, one] = row
    etfs = answer.body["etfs"]
    csv = f"/download/overlap.csv?{address.query(date=answer.body['as_of_date'])}"
    mine = [row for row in answer.body["overlaps"] if detail.etf in (row["etf_ticker"], row["other_etf_ticker"])]
    first = mine[0] if mine else None
    side = "" if first and first["etf_ticker"] == detail.etf else "other_"
    covered = 100 * first[f"{side}covered_weight"] if first else None
    listed = first[f"{side}holdings_as_of"] if first else None
    return [
        html.Div([about_list(covered, listed, t), grid.download(csv, t)], className="panel-line"),
        html.Div(
            matrix(etfs, pairs, detail.etf, t),
            className="scroll",
            tabIndex="0",
            role="region",
            **attrs(aria_label=t("overlap.etfs")),
        ),
        shared(mine, detail.etf, t),
        definitions([(t("overlap.etfs"), t("define.overlap.etfs")), (t("covered.heading"), t("define.covered"))], t),
    ]


def matrix(etfs: list[str], pairs: dict[tuple[str, str], Json], chosen: str, t: Words) -> html.Table:
    """Percent, at least; the darker the more. A name at the left chooses its ETF."""

    def cell(one: str, other: str) -> html.Td:
        row = pairs.get((one, other))
        if row is None:
            return html.Td(formats.MISSING if one != other else "", className="self")
        percent = 100 * row["overlap_weight"]
        title = f"{one} · {other}: {t.count('stocks.count', row['shared_count'])}"
        shade = {"--share": f"{min(percent, 50):.0f}%"}
        return html.Td(formats.number(percent, 0) if percent else "", title=title, style=shade)

    top = html.Tr([html.Td(), *(html.Th(html.Span(name), scope="col") for name in etfs)])
    rows = [
        html.Tr(
            [html.Th(opener("etf", one), scope="row"), *(cell(one, other) for other in etfs)],
            className="chosen" if one == chosen else "",
        )
        for one in etfs
    ]
    return html.Table([html.Thead(top), html.Tbody(rows)], className="matrix")


def shared(rows: list[Json], etf: str, t: Words) -> html.Table:
    """By name what the chosen ETF shares with each other one."""
    found = sorted((row for row in rows if row["shared_count"]), key=lambda row: -row["overlap_weight"])
    return html.Table(
        [
            html.Caption(t("shared", etf=etf)),
            html.Tbody(
                [
                    html.Tr(
                        [
                            html.Th(other_of(row, etf), scope="row"),
                            html.Td(f"{formats.number(100 * row['overlap_weight'], 1)}%", className="num"),
                            html.Td(t.count("stocks.count", row["shared_count"]), className="num mute"),
                            html.Td(" ".join(row["shared_tickers"]), className="names-cell"),
                        ]
                    )
                    for row in found
                ]
                or html.Tr(html.Td(t("none")))
            ),
        ],
        className="shared",
    )


def other_of(row: Json, etf: str) -> str:
    """The other ETF of a pair."""
    return str(row["other_etf_ticker"] if row["etf_ticker"] == etf else row["etf_ticker"])
