"""Sectors by month: which led for months, and which lead now."""

from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import Input, Output, State, html

from dashboard.components import choices, grid, sectors
from dashboard.components.markup import lightened
from dashboard.components.notices import above_part
from dashboard.components.shell import frame
from dashboard.context import current_address, current_client
from dashboard.data import load_frame, load_month, load_months
from dashboard.site import SECTORS
from dashboard.texts import Words

dash.register_page(__name__, path=SECTORS.path, title="ActStock")  # type: ignore[no-untyped-call]


def layout(**query: str) -> Any:
    """The months, and the sectors of the chosen one."""
    address = current_address(SECTORS, query)
    t = Words(address.lang)
    address = grid.checked(address, sectors.month_columns(t))
    client = current_client()
    about = load_frame(client, address)
    months = load_months(client, address["end"])
    month = load_month(client, address["month"] or address["end"])
    return frame(
        address,
        about,
        t,
        content=[
            sectors.months(months, address, t),
            html.Section(sectors.of_month(month, address, t), id="sector-month"),
            choices.store("month"),
        ],
        answers=[months, month],
        stores=["month"],
        pins=sectors.pins(months, month),
    )


@dash.callback(
    Output("sector-month", "children"),
    Input("choice-month", "data"),
    State("address", "data"),
    prevent_initial_call=True,
)
def show_month(month: str, at: dict[str, str]) -> Any:
    """The sectors of the month whose heading was pressed."""
    address = current_address(SECTORS, {**dict(parse_qsl(at["query"])), "month": month})
    answer, t = load_month(current_client(), address["month"] or address["end"]), Words(address.lang)
    return lightened([*above_part([answer], t), *sectors.of_month(answer, address, t)])
