"""What an address without a page shows: the frame, so that the way on is seen."""

from typing import Any

import dash
from dash import html

from dashboard.components.parts import link
from dashboard.components.shell import frame
from dashboard.context import current_address, current_client
from dashboard.data import load_frame
from dashboard.site import NOT_FOUND, PORTFOLIO
from dashboard.texts import Words

dash.register_page(__name__, title="ActStock")  # type: ignore[no-untyped-call]


def layout(**query: str) -> Any:
    """One sentence, and the first page."""
    address = current_address(NOT_FOUND, query)
    t = Words(address.lang)
    about = load_frame(current_client(), address)
    sentence = html.P([t("not_found"), " ", link(t("nav.portfolio"), address.to(PORTFOLIO))], className="empty")
    return frame(address, about, t, content=[sentence], answers=[])
