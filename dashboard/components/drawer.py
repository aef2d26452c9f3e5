"""A drawer at the right that shows one thing in full: a row that is opened, by a choice of the address.

A page has `drawer(choice)` and `choices.store(choice)`, names the choice in the stores of its frame, and says at import
what fills it: `filled_by(choice, page, content)`.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import dash
import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Input, Output, State, html

from dashboard.address import Address
from dashboard.components.markup import lightened
from dashboard.components.parts import attrs
from dashboard.context import current_address
from dashboard.site import Page
from dashboard.texts import Words

Content = Callable[[str, Address, Words], tuple[str, list[Any]]]


def drawer(choice: str) -> html.Div:
    """The drawer, closed. A page that is opened with the choice in its address opens it (act.js)."""
    return html.Div(
        dbc.Offcanvas(
            id=f"drawer-{choice}",
            placement="end",
            is_open=False,
            labelledby=f"drawer-{choice}-title",
            close_button=True,
            class_name="drawer",
        ),
        **attrs(data_drawer=choice),
    )


def filled_by(choice: str, page: Page, content: Content) -> None:
    """content: value, address, words → title and what is below it."""

    def fill(value: str | None, address: dict[str, str]) -> tuple[Any, Any, bool]:
        if not value:
            return dash.no_update, dash.no_update, False
        read = current_address(page, {**dict(parse_qsl(address["query"])), choice: value})
        title, shown = content(value, read, Words(read.lang))
        return html.Span(title, id=f"drawer-{choice}-title"), lightened(shown), True

    dash.callback(
        Output(f"drawer-{choice}", "title"),
        Output(f"drawer-{choice}", "children"),
        Output(f"drawer-{choice}", "is_open"),
        Input(f"choice-{choice}", "data"),
        State("address", "data"),
        prevent_initial_call=True,
    )(fill)
    dash.clientside_callback(
        ClientsideFunction("act", "closed"),
        Output(f"drawer-{choice}", "class_name"),
        Input(f"drawer-{choice}", "is_open"),
        State(f"drawer-{choice}", "id"),
        prevent_initial_call=True,
    )
