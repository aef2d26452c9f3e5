"""The frame of every page: header with date and freshness, notices, main, footer."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer
from dashboard.components.markup import lightened
from dashboard.components.notices import notices
from dashboard.components.parts import attrs, link
from dashboard.context import api_docs_url
from dashboard.data import Frame, Json
from dashboard.kept import MOMENT
from dashboard.site import PAGES, PIPELINE, PORTFOLIO, Page
from dashboard.texts import LANGS, Words

KEYS = ("1 – 4", "[ ]", "g", "/", "t", "?")


def frame(
    address: Address,
    about: Frame,
    t: Words,
    *,
    content: list[Any],
    answers: Sequence[Answer],
    stores: Sequence[str] = (),
    pins: Mapping[str, str] | None = None,
) -> html.Div:
    """A whole page. answers: what its content is made of; that one is not live, or refused, stands above the content.

    stores: the choices that a callback listens to (choices.store). pins: what a copied link says where the address is
    silent, so that it shows the same tomorrow; a dated page's session goes without saying. The key, of the moment,
    makes React build the page anew: act.js may have changed attributes of the old one.
    """
    status = about.status.body
    is_demo = bool(status.get("is_demo"))
    day = about.shown.day
    title = t(f"nav.{address.page.name}")
    heading = f"{title} · {formats.session(day, t.lang)}" if day else title
    parts = lightened(
        [
            html.A(t("skip"), href="#main", className="skip"),
            header(address, about, t, is_demo=is_demo),
            html.Main(
                [
                    html.H1(title, className="visually-hidden", tabIndex="-1"),
                    *notices(about, answers, address, t),
                    *content,
                ],
                id="main",
                tabIndex="-1",
            ),
            footer(status, t),
            key_list(t),
            dcc.Store(id="address", data={"query": address.query()}),
            html.Div(id="live", className="visually-hidden", role="status", **attrs(aria_live="polite")),
        ]
    )
    return html.Div(
        parts,
        key=f"{address.url()} {MOMENT}",
        className="page demo" if is_demo else "page",
        **attrs(
            data_title=t("demo_title", title=heading) if is_demo else heading,
            data_name=t("name"),
            data_lang=t.lang,
            data_path=address.page.path,
            data_pins=json.dumps({"date": day.isoformat()} if day and address.page.is_dated else dict(pins or {})),
            data_choices=json.dumps({name: choice.default for name, choice in address.page.choices.items()}),
            data_refused=json.dumps(dict(address.unknown)),
            data_stores=" ".join(stores),
            data_back=t("back"),
            data_newest=status.get("as_of_date") or "",
            data_lost=t("away", t=formats.instant(min(one.received_at for one in (about.status, *answers)))),
            data_lost_badge=t("away.badge"),
            data_new=t("new_data"),
            data_show=t("new_data.show"),
            data_rows=t("rows"),
        ),
    )


def header(address: Address, about: Frame, t: Words, *, is_demo: bool) -> html.Header:
    """Name, pages, as-of date, freshness, date steps, language, theme."""
    steps = date_steps(address, about, t) if address.page.is_dated else []
    return html.Header(
        [
            html.Div(
                [
                    link(t("name"), address.to(PORTFOLIO), className="name"),
                    html.Nav([_page(page, address, t) for page in PAGES], **attrs(aria_label=t("nav"))),
                ],
                className="brand",
            ),
            html.Div(
                [
                    as_of(about, t),
                    freshness(address, about, t),
                    html.Span(t("demo_badge"), className="badge-demo", title=t("demo")) if is_demo else None,
                ],
                className="about",
            ),
            html.Div([*steps, *switches(address, t)], className="controls"),
        ],
        className="top",
    )


def _page(page: Page, address: Address, t: Words) -> Any:
    current = attrs(aria_current="page") if address.page is page else {}
    return html.Span(
        link(t(f"nav.{page.name}"), address.to(page), **attrs(data_key=page.key), **current),
        className="here" if address.page is page else "",
    )


def as_of(about: Frame, t: Words) -> html.Span:
    """The session shown, in words."""
    day = about.shown.day
    text = formats.session(day, t.lang) if day else formats.MISSING
    return html.Span([html.Span(t("as_of"), className="label"), html.Strong(text)], className="as-of")


def freshness(address: Address, about: Frame, t: Words) -> html.Details:
    """Badge whose click opens what it is made of. The API decides; sessions are counted, not hours."""
    status = about.status.body
    mark, kind, words = badge(about, t)
    facts = []
    if "expected_as_of_date" in status:
        expected = date.fromisoformat(status["expected_as_of_date"])
        facts.append(t("expected", d=formats.session(expected, t.lang)))
    if status.get("computed_at"):  # of the newest results, whichever date is shown
        at = formats.instant(datetime.fromisoformat(status["computed_at"]))
        facts.append(t("computed_at", d=status["as_of_date"], t=at))
    if "next_run_at" in status:
        facts.append(t("next_run", t=formats.instant(datetime.fromisoformat(status["next_run_at"]))))
    return html.Details(
        [
            html.Summary([html.Span(mark, **attrs(aria_hidden="true")), words], className=f"badge-fresh {kind}"),
            html.Ul(
                [*(html.Li(fact) for fact in facts), html.Li(link(t("see_pipeline"), address.to(PIPELINE)))],
                className="pop",
            ),
        ],
        className="fresh",
    )


def badge(about: Frame, t: Words) -> tuple[str, str, str]:
    """(mark, kind, words) of the freshness badge."""
    status: Json = about.status.body
    if not about.status.is_live or not about.status.is_ok:
        return "✕", "error", t("away.badge")
    if about.shown.found in ("past", "snapped", "before_first") and not about.is_newest:
        return "◷", "quiet", t("past")
    behind = status.get("sessions_behind")
    if behind is None or about.has_none:
        return "○", "quiet", t("no_results")
    if status["freshness"] == "current":
        return "●", "ok", t("fresh")
    if status["freshness"] == "due":
        return "→", "quiet", t("due")
    mark, kind = ("▲", "warn") if behind == 1 else ("■", "error")
    return mark, kind, t.count("behind", behind)


def date_steps(address: Address, about: Frame, t: Words) -> list[Any]:
    """◀ date ▶, and 최신 when another date is shown."""
    first, last = (about.sessions[0], about.sessions[-1]) if about.sessions else (None, None)
    expected = about.status.body.get("expected_as_of_date")
    newest = max(filter(None, (last and last.isoformat(), expected)), default="")
    shown = about.shown.day or about.shown.asked
    return [
        _step("◀", about.previous, t("previous_session"), "previous", address),
        dbc.Input(
            type="date",
            value=shown.isoformat() if shown else "",
            min=first.isoformat() if first else "",
            max=newest,
            id="date",
            className="date",
            persistence=False,
            html_size="10",
        ),
        html.Label(t("pick_date"), htmlFor="date", className="visually-hidden"),
        _step("▶", about.next, t("next_session"), "next", address),
        _latest(address, t) if about.shown.found not in ("newest", "nothing") else None,
    ]


def _latest(address: Address, t: Words) -> html.A:
    return html.A(t("latest"), href=address.url(date=""), className="to-latest", **attrs(data_go="date="))


def _step(mark: str, day: date | None, label: str, name: str, address: Address) -> Any:
    if day is None:
        return html.Span(mark, className="step off", **attrs(aria_hidden="true"))
    return html.A(
        mark,
        href=address.url(date=day.isoformat()),
        className="step",
        title=label,
        **attrs(aria_label=label, data_go=f"date={day.isoformat()}", data_step=name),
    )


def switches(address: Address, t: Words) -> list[Any]:
    """Language and theme."""
    other = next(lang for lang in LANGS if lang != t.lang)
    return [
        html.A(
            t("other_lang"),
            href=address.url(lang=other),
            className="switch",
            hrefLang=other,
            **attrs(aria_label=t("other_lang_label"), data_lang_link=other),
        ),
        html.Button(
            "◐",
            id="theme",
            className="switch",
            title=t("theme"),
            **attrs(
                aria_label=t("theme"), data_auto=t("theme.auto"), data_light=t("theme.light"), data_dark=t("theme.dark")
            ),
        ),
    ]


def key_list(t: Words) -> html.Dialog:
    """What ? opens."""
    return html.Dialog(
        [
            html.H2(t("keys"), id="key-list-title"),
            html.Dl([part for key in KEYS for part in (html.Dt(html.Kbd(key)), html.Dd(t(f"key.{key}")))]),
            html.Form(html.Button(t("close"), className="button"), method="dialog"),
        ],
        id="key-list",
        **attrs(aria_labelledby="key-list-title"),
    )


def source(status: Json, t: Words) -> str | None:
    """Where the prices are from; nothing while that is not known."""
    market = status.get("market")
    if status.get("is_demo"):
        return t("footer.source_demo")
    return t("footer.source") if market == "yahoo" else market and t("footer.source_replay", name=market)


def footer(status: Json, t: Words) -> html.Footer:
    """One line: source, what this is not, what the words mean, the API's documentation, version."""
    docs = api_docs_url()
    return html.Footer(
        [
            html.Span(source(status, t)),
            html.Span(t("footer.disclaimer")),
            html.Button(t("definitions"), id="definitions", className="plain"),
            *([html.A(t("footer.api_docs"), href=docs)] if docs else []),
            html.Span(t("footer.version", v=status.get("version", formats.MISSING))),
            html.Button(t("keys"), id="keys", className="plain"),
        ]
    )
