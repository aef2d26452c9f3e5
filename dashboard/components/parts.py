"""Small parts used by several components."""

from typing import Any

from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.texts import Words


def attrs(**given: str) -> dict[str, Any]:
    """data- and aria- attributes, which have no keyword of their own.

    >>> attrs(aria_label="Search")
    {'aria-label': 'Search'}
    """
    return {name.replace("_", "-"): value for name, value in given.items()}


def link(label: str, href: str, **more: Any) -> html.A:
    """A link inside the dashboard: a page change without a reload (act.js)."""
    return html.A(label, href=href, **attrs(data_page="true"), **more)


def again(label: str, address: Address, **changes: str) -> html.A:
    """A link to the same page with other values; the rest is as the reader has it by then (act.js), the tab too."""
    go = " ".join(f"{name}={value}" for name, value in changes.items())
    return html.A(label, href=address.url(**changes), **attrs(data_go=go))


def signed(value: float | None, decimals: int = 2, unit: str = "") -> html.Span:
    """A change in its colour, with arrow and sign."""
    way = formats.direction(value, decimals)
    arrow = html.Span(formats.ARROWS[way], className="arrow", **attrs(aria_hidden="true"))
    return html.Span([arrow, formats.signed(value, decimals), unit], className=f"signed {way}".strip())


def missing(why: str) -> html.Span:
    """No value, and why: for who points at it, comes to it, or cannot see it."""
    return html.Span(formats.MISSING, title=why, tabIndex="0", role="note", **attrs(aria_label=why))


def opener(choice: str, value: str, words: str | None = None) -> html.Button:
    """A name that opens what it names: the same as its row does."""
    opens = attrs(data_choice=choice, data_value=value, data_history="new")
    return html.Button(words or value, className="plain", **opens)


def copy_link(t: Words) -> html.Button:
    """Copies the address of just what is shown; the date, or the month, is pinned."""
    return html.Button(t("copy_link"), className="button", **attrs(data_copy="true", data_done=t("copied")))


def hidden(text: str) -> html.Span:
    """For readers of names only."""
    return html.Span(text, className="visually-hidden")


def definitions(terms: list[tuple[str, str]], t: Words) -> html.Details:
    """The same words as the heading tooltips, for keyboards and phones."""
    return html.Details(
        [
            html.Summary(t("definitions")),
            html.Dl([part for name, meaning in terms for part in (html.Dt(name), html.Dd(meaning))]),
        ],
        className="definitions",
    )
