"""Pipeline: what ran, what failed, what is behind, what looked wrong."""

from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import Input, Output, State, callback, html

from dashboard.components import grid, pipeline
from dashboard.components.notices import above_part
from dashboard.components.shell import frame
from dashboard.context import current_address, current_client
from dashboard.data import load_frame
from dashboard.site import PIPELINE
from dashboard.texts import Words

dash.register_page(__name__, path=PIPELINE.path, title="ActStock")  # type: ignore[no-untyped-call]


def layout(**query: str) -> Any:
    """The whole page, all tabs; the run that is open with its items."""
    address = current_address(PIPELINE, query)
    client, t = current_client(), Words(address.lang)
    address = grid.checked(address, pipeline.all_columns(t))
    about, asked = load_frame(client, address), pipeline.load(client, address)
    return frame(
        address,
        about,
        t,
        content=pipeline.content(asked, about, address, t),
        answers=[answer for answer in asked if answer is not None],
        stores=["run"],
    )


@callback(Output("run", "children"), Input("choice-run", "data"), State("address", "data"), prevent_initial_call=True)
def show_run(run_id: str | None, at: dict[str, str]) -> Any:
    """The run that a row opens, which act-live.js goes to; nothing when it is closed."""
    address = current_address(PIPELINE, dict(parse_qsl(at["query"])) | {"run": run_id or ""})
    if not address["run"]:
        return []
    path, asked = pipeline.run_query(address["run"])
    answer, t = current_client().get(path, **asked), Words(address.lang)
    return html.Div([*above_part([answer], t), *pipeline.run_panel(answer, t, address)], className="opened")
