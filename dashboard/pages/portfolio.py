"""Portfolio: what to hold, how much, and what changed."""

from typing import Any

import dash

from dashboard.components import choices, drawer, grid, portfolio, position
from dashboard.components.shell import frame
from dashboard.context import current_address, current_client
from dashboard.data import load_frame, load_portfolios
from dashboard.site import PORTFOLIO
from dashboard.texts import Words

dash.register_page(__name__, path=PORTFOLIO.path, title="ActStock")  # type: ignore[no-untyped-call]
drawer.filled_by("stock", PORTFOLIO, position.content)


def layout(**query: str) -> Any:
    """The whole page, all tabs."""
    address = current_address(PORTFOLIO, query)
    t = Words(address.lang)
    client = current_client()
    about = load_frame(client, address)
    strategies = load_portfolios(client, about)
    address = grid.checked(address, (column for one in strategies for column in portfolio.columns_of(one, t)))
    panels = [portfolio.panel(strategy, strategies, about, address, t) for strategy in strategies]
    return frame(
        address,
        about,
        t,
        content=[portfolio.head(strategies, address, t), *panels, drawer.drawer("stock"), choices.store("stock")],
        answers=[answer for one in strategies for answer in (one.portfolio, one.changes, one.summary)],
        stores=["stock"],
    )
