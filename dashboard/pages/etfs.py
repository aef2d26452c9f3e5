"""ETFs: who beats SPY, and what is inside."""

from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import Input, Output, State, html

from dashboard.components import choices, etf_detail, etfs, grid
from dashboard.components.markup import lightened
from dashboard.components.notices import above_part
from dashboard.components.parts import attrs
from dashboard.components.shell import frame
from dashboard.context import current_address, current_client
from dashboard.data import load_etf, load_etfs, load_frame
from dashboard.site import ETFS
from dashboard.texts import Words

dash.register_page(__name__, path=ETFS.path, title="ActStock")  # type: ignore[no-untyped-call]


def layout(**query: str) -> Any:
    """The table, the charts, and the chosen ETF."""
    address = current_address(ETFS, query)
    t = Words(address.lang)
    client = current_client()
    about = load_frame(client, address)
    answers = load_etfs(client, about, address["range"])
    detail = load_etf(client, about, address["etf"])
    address = grid.checked(address, etfs.columns_of(answers.etfs.body, t))
    beside = [
        etfs.charts(answers, address, t),
        html.Section(etf_detail.content(detail, address, t), id="etf-detail", **attrs(data_shows="etf")),
    ]
    return frame(
        address,
        about,
        t,
        content=[
            etfs.table(answers.etfs, answers.sparklines, about, address, t),
            html.Div(beside, className="halves") if answers.etfs.is_ok else None,
            choices.store("etf"),
        ],
        answers=[answers.etfs, answers.sparklines, answers.strength, *detail.answers],
        stores=["etf"],
    )


@dash.callback(
    Output("etf-detail", "children"), Input("choice-etf", "data"), State("address", "data"), prevent_initial_call=True
)
def show_etf(etf: str, at: dict[str, str]) -> Any:
    """What the ETF holds that a row was clicked for."""
    address = current_address(ETFS, {**dict(parse_qsl(at["query"])), "etf": etf})
    client, t = current_client(), Words(address.lang)
    detail = load_etf(client, load_frame(client, address), address["etf"])
    return lightened([*above_part(detail.answers, t), *etf_detail.content(detail, address, t)])
