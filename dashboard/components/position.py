"""One stock in full: the drawer of the Portfolio page."""

from collections.abc import Sequence
from typing import Any

from dash import html

from config.universe import ETFS
from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer
from dashboard.components import grid
from dashboard.components.chart import chart, line
from dashboard.components.notices import above_part, nothing_kept
from dashboard.components.parts import signed
from dashboard.components.portfolio import MONTHLY
from dashboard.context import current_client
from dashboard.data import Json, Strategy, load_frame, load_portfolios
from dashboard.texts import Words

SESSIONS = 60
PLOT_PX = 180


def content(ticker: str, address: Address, t: Words) -> tuple[str, list[Any]]:
    """Title and what is below it, for the session that the page shows."""
    client = current_client()
    about = load_frame(client, address)
    strategies = load_portfolios(client, about)
    until = {"end_date": about.shown.day.isoformat()} if about.shown.day else {}
    history = client.get(f"/stocks/{ticker}/history", limit=str(SESSIONS), **until)
    known = positions_of(ticker, strategies)
    name = next((row["company_name"] for _, row in known if row["company_name"]), None)
    name = name or history.body.get("company_name") or ticker
    return f"{name} · {ticker}", [
        *above_part([history, *(one.portfolio for one in strategies)], t),
        prices(history, t),
        *facts(known, strategies, t),
        memberships(ticker, strategies, t),
        picks(known, t),
        grid.download(f"/download/history.csv?{address.query(stock=ticker)}", t) if history.is_ok else None,
    ]


def positions_of(ticker: str, strategies: Sequence[Strategy]) -> list[tuple[str, Json]]:
    """The stock's row in each portfolio, held or next in line."""
    return [
        (one.name, row)
        for one in strategies
        for key in ("positions", "next_in_line")
        for row in one.portfolio.body.get(key, [])
        if row["ticker"] == ticker
    ]


def prices(history: Answer, t: Words) -> html.Div:
    """The closes of the last sessions, in the stock's own currency."""
    if history.status == 0:
        return html.Div(nothing_kept(t))
    bars = list(reversed(history.body.get("bars", [])))
    if not bars:
        return html.Div(html.P(t("no_prices"), className="empty"))
    first, last = bars[0], bars[-1]
    currency = history.body["currency"] or t("currency.unknown")
    words = t("prices", p=formats.price(last["close_price"], currency), d=last["trade_date"])
    trace = line(t("close_price"), [bar["trade_date"] for bar in bars], [bar["close_price"] for bar in bars], "accent")
    since = t("prices.since", d=first["trade_date"], n=len(bars))
    decimals = formats.PRICE_DECIMALS.get(currency, 2)
    layout = {"yaxis": {"nticks": 4, "tickformat": f",.{decimals}f"}, "margin": {"r": 64}}
    plot = chart(name="price", label=words, summary=since, traces=[trace], layout=layout, height=PLOT_PX)
    return html.Div([html.P(html.Strong(words), className="price"), plot])


def facts(known: Sequence[tuple[str, Json]], strategies: Sequence[Strategy], t: Words) -> list[html.Dl]:
    """What is the same in every portfolio; the market cap is that of the first one which knows the stock."""
    if not known:
        return [html.Dl()]
    name, row = known[0]
    rate = next(one.portfolio.body["usd_krw"] for one in strategies if one.name == name)
    fields = [(t("sector"), t.or_as_is("sector", row["sector"] or "Unknown"))]
    cap = row["market_cap"]
    if cap is not None:
        fields.append((t("market_cap"), f"{formats.market_cap(cap, t.lang)} ({cap:,} USD)"))
    if cap is not None and rate:
        fields.append((t("market_cap.krw"), formats.market_cap(cap * rate["rate"], t.lang, "KRW")))
    source = row.get("market_cap_source", "quote")
    if source != "quote":
        fields.append((t("market_cap.source"), f"{t(f'cap.{source}')}: {t('define.market_cap')}"))
    return [html.Dl([part for name, value in fields for part in (html.Dt(name), html.Dd(value))], className="facts")]


def memberships(ticker: str, strategies: Sequence[Strategy], t: Words) -> html.Section:
    """Its weight, rank and return in each portfolio."""
    rows = []
    for one in strategies:
        row = next((row for row in one.portfolio.body.get("positions", []) if row["ticker"] == ticker), None)
        not_held = t("not_held") if one.portfolio.is_ok else formats.MISSING
        value = row and (row["return_20d"] if one.name == MONTHLY else row["return_pct"])
        rows.append(
            html.Tr(
                [
                    html.Th(t(f"period.{one.name}"), scope="row"),
                    html.Td(f"{row['rank']}" if row else formats.MISSING, className="num"),
                    html.Td(formats.weight(row["weight_pct"]) if row else not_held, className="num"),
                    html.Td(signed(value) if row else formats.MISSING, className="num"),
                ]
            )
        )
    names = [t("periods"), t("rank.word"), t("weight_pct"), t("return_word")]
    head = html.Tr([html.Th(name, scope="col", className="num" if place else "") for place, name in enumerate(names)])
    return html.Section([html.H3(t("memberships")), html.Table([html.Thead(head), html.Tbody(rows)])])


def picks(known: Sequence[tuple[str, Json]], t: Words) -> html.Section | None:
    """The ETFs that picked it, and how much of each it is."""
    found = {pick["etf"]: pick for _, row in known for pick in row.get("picks", [])}
    if not found:
        return None
    names = {etf.ticker: etf.name_ko if t.lang == "ko" else etf.description for etf in ETFS}
    rows = [
        html.Tr(
            [
                html.Th([etf, " ", html.Small(names.get(etf, ""))], scope="row"),
                html.Td(t("reason.rank", rank=pick["holding_rank"]), className="num"),
                html.Td(f"{formats.number(pick['holding_percent'])}%", className="num"),
                html.Td(pick["holdings_as_of"], className="num mute"),
            ]
        )
        for etf, pick in sorted(found.items())
    ]
    return html.Section([html.H3(t("source_etfs")), html.Table(html.Tbody(rows))])
