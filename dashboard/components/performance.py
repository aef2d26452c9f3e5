"""The Performance page: what following the portfolios would have earned, against SPY (rules 8)."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer, Query
from dashboard.components import choices, grid
from dashboard.components.notices import line
from dashboard.components.parts import attrs, copy_link, link
from dashboard.components.performance_chart import SHORT_SESSIONS, drawn
from dashboard.components.performance_table import Stretch, meanings, stretches, table
from dashboard.components.rebalances import rebalances
from dashboard.data import Json
from dashboard.texts import Words

STRATEGIES = ("5d", "10d", "20d", "monthly")
FIXED = ("fixed.returns", "fixed.periods")


def queries(address: Address) -> list[Query]:
    """What the API is asked for: every strategy at the cost and in the range of the address."""
    given = {"cost_bps": address["cost"], "start_date": address["from"], "end_date": address["to"]}
    asked = {name: value for name, value in given.items() if value}
    return [(f"/performance/{strategy}", asked) for strategy in STRATEGIES]


def pins(answers: Mapping[str, Answer]) -> dict[str, str]:
    """The last session of an address that names none."""
    last = max((answer.body["end_date"] for answer in answers.values() if answer.is_ok), default=None)
    return {"to": last} if last else {}


def content(answers: Mapping[str, Answer], address: Address, t: Words) -> list[Any]:
    """The page: what to choose, the table, lines, purchases."""
    found = {strategy: answer.body for strategy, answer in answers.items() if answer.is_ok}
    lacking = [t(f"strategy.{strategy}") for strategy, answer in answers.items() if answer.status == 404]
    if not found:
        return [controls(answers, address, t), *nothing(answers, address, t)]
    chosen = {name: body for name, body in found.items() if address["strategy"] in ("all", name)}
    link_to = {name: address.url(strategy=name) for name in STRATEGIES}
    ordered = stretches(found, t)
    short = [one for one in ordered if one.origin == "simulated" and one.sessions < SHORT_SESSIONS and len(ordered) > 1]
    shown = [one for one in ordered if one not in short]
    return [
        controls(answers, address, t),
        html.H2([t("performance"), html.Small(t("performance.question"))]),
        cost_effect(found, address, t),
        None if any(one.origin == "live" for one in shown) else line("quiet", t("stretch.none_live")),
        line("quiet", t("no_performance.of", names=", ".join(lacking))) if lacking else None,
        table(shown, link_to, address["strategy"], t),
        folded(short, link_to, address["strategy"], t) if short else None,
        without_price(found, t),
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
    first, last = span(answers)
    asked = " ~ ".join(filter(None, (address["from"], address["to"])))
    sentence = t("no_performance.range", d=asked, first=first, last=last)
    return [html.P([sentence, " ", link(t("range.whole"), address.url(**{"from": "", "to": ""}))], className="empty")]


def span(answers: Mapping[str, Answer]) -> tuple[str, str]:
    """First and last session that there are of any strategy, whatever the range; empty where that is not known."""
    known = [answer.body for answer in answers.values() if "oldest_as_of_date" in answer.body]
    first = min((body["oldest_as_of_date"] for body in known), default="")
    return first, max((body["newest_as_of_date"] for body in known), default="")


def controls(answers: Mapping[str, Answer], address: Address, t: Words) -> html.Div:
    """Strategy, range, cost and scale; the link to just this, the tables as the API gives them."""
    names = {name: t(f"strategy.{name}") for name in address.options("strategy")}
    scales = {name: t(f"scale.{name}") for name in address.options("scale")}
    first, last = span(answers)
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
            copy_link(t),
        ],
        className="controls-line",
    )


def day_field(name: str, day: str, between: tuple[str, str], label: str) -> html.Label:
    """One end of the range."""
    first, last = between
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
                persistence=False,
            ),
            html.Output(t("cost.unit", n=address["cost"]), htmlFor="cost", **attrs(data_unit=t("cost.unit", n="#"))),
        ],
        className="slider",
        **attrs(data_choice_of="cost"),
    )


def cost_effect(answers: Mapping[str, Json], address: Address, t: Words) -> html.P:
    """Before and after cost of each strategy, in one line; what was not earned but calculated says so."""
    shown: list[Any] = []
    for strategy, body in answers.items():
        series = most_telling(body["series"])
        cumulative = next(metric for metric in series["metrics"] if metric["name"] == "cumulative_return_pct")
        before, after = (formats.signed(cumulative[name], 1) for name in ("value_before_cost", "value"))
        name = html.Span(t(f"strategy.{strategy}"), className="label")
        told = None if series["origin"] == "live" else html.Small(f" {t('stretch.simulated')}", className="mute")
        shown.append(html.Span([name, f"{before}% → ", html.B(f"{after}%"), told]))
    about = t("cost.effect", unit=t("cost.unit", n=address["cost"]))
    return html.P([html.Span(about, className="label"), *shown], className="moves")


def most_telling(found: Sequence[Json]) -> Json:
    """The newest live series, however short; where none is, the longest simulated one."""
    live = [series for series in found if series["origin"] == "live"]
    if live:
        return max(live, key=lambda series: str(series["ended_on"]))
    return max(found, key=lambda series: int(series["sessions"]))


def without_price(answers: Mapping[str, Json], t: Words) -> html.P | None:
    """Stocks held that had no bar for long, by name (rules 8)."""
    named = []
    for strategy, body in answers.items():
        tickers = sorted({ticker for day in body["days"] for ticker in day["without_bar"]})
        if tickers:
            named.append(f"{t(f'strategy.{strategy}')} {', '.join(tickers)}")
    return line("warn", t("without_price", names=" · ".join(named))) if named else None


def daily(answers: Mapping[str, Json], address: Address, t: Words) -> html.Div:
    """Heading of the lines, and the sessions they are made of as the API gives them."""
    files = [
        grid.download(f"/download/performance.csv?{address.query(strategy=name)}", t, of=t(f"strategy.{name}"))
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
