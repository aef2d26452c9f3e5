"""What a reader chooses on a page. act.js shows it without asking the server and writes it into the address.

A choice (site.py) has buttons here, and elsewhere
- parts that are seen with one value of it: `when("period", "5")`,
- columns of a table that are: `only="period=5"` (grid.py), and rows: `narrow={"sector": "sector_key"}`,
- lines of a chart that stand out: `highlight="etf"` (chart.py),
- or a callback, where the server must be asked: `Input("choice-etf", "data")` of a `store("etf")`.
"""

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from dashboard.address import Address
from dashboard.components.markup import lightened
from dashboard.components.parts import attrs


def tabs(name: str, labels: Mapping[str, str], address: Address, *, label: str) -> html.Div:
    """Tabs of our own markup: dbc's fail the accessibility check. Each opens `panel`."""
    return html.Div(
        [
            html.Button(
                words,
                id=f"tab-{name}-{value}",
                role="tab",
                tabIndex="0" if value == address[name] else "-1",
                **attrs(
                    aria_selected="true" if value == address[name] else "false",
                    aria_controls=f"panel-{name}-{value}",
                    data_choice=name,
                    data_value=value,
                ),
            )
            for value, words in labels.items()
        ],
        role="tablist",
        className="tabs",
        **attrs(aria_label=label),
    )


def panel(name: str, value: str, content: list[Any], address: Address, *, live: str) -> html.Div:
    """What a tab opens. `live`: what is said to who cannot see it.

    What is not seen is kept as data, out of which act.js makes it when there is time or it is opened: a table takes a
    browser a fifth of a second, and nobody should wait for those of closed tabs.
    """
    panel_id, is_later = f"panel-{name}-{value}", address[name] != value
    return html.Div(
        dcc.Store(id=f"later-{panel_id}", data=lightened(content)) if is_later else content,
        id=panel_id,
        role="tabpanel",
        className="panel",
        **when(name, value, address),
        **attrs(aria_labelledby=f"tab-{name}-{value}", data_live=live, data_later="true" if is_later else ""),
    )


def switch(
    name: str,
    labels: Mapping[str, str],
    address: Address,
    *,
    label: str,
    asks: bool = False,
    off: Mapping[str, str] | None = None,
) -> html.Div:
    """A row of buttons, one of them pressed. `asks`: the page is asked for anew, as its data depend on it.

    off: value → why it cannot be chosen now.
    """
    closed = off or {}
    return html.Div(
        [
            html.Button(
                words,
                disabled=value in closed,
                title=closed.get(value),
                **attrs(
                    aria_pressed="true" if value == address[name] else "false",
                    data_choice=name,
                    data_value=value,
                    **({"data_asks": "true"} if asks else {}),
                ),
            )
            for value, words in labels.items()
        ],
        role="group",
        className="switches",
        **attrs(aria_label=label),
    )


def select(name: str, labels: Mapping[str, str], address: Address, *, label: str) -> html.Label:
    """A list to choose from; the page is asked for anew."""
    return html.Label(
        [
            html.Span(label),
            dbc.Select(
                id=f"select-{name}",
                options=[{"value": value, "label": words} for value, words in labels.items()],
                value=address[name],
                persistence=False,
            ),
        ],
        className="select",
        **attrs(data_choice_of=name),
    )


def when(name: str, value: str, address: Address) -> dict[str, Any]:
    """Attributes of a part that is seen with this value only."""
    return {"hidden": address[name] != value, "data-when": f"{name}={value}"}


def store(name: str) -> dcc.Store:
    """Where a callback hears of a choice: `Input("choice-<name>", "data")`. `State("address", "data")` is the page."""
    return dcc.Store(id=f"choice-{name}")


def toggle(name: str, value: str, address: Address) -> dict[str, Any]:
    """Attributes of any other button of a choice; pressed again it takes the choice back."""
    pressed = "true" if address[name] == value else "false"
    return attrs(data_choice=name, data_value=value, data_toggles="true", aria_pressed=pressed)
