"""Portfolio: what to hold, how much, and what changed (dashboard.md 3.1)."""

from typing import Any

import dash

from dashboard.components import etfs, portfolio
from dashboard.components.notices import notices
from dashboard.components.shell import frame
from dashboard.components.tabs import tabs
from dashboard.context import current_address, current_client
from dashboard.data import load_portfolio_page
from dashboard.texts import Words

dash.register_page(  # type: ignore[no-untyped-call]
    __name__, path="/", title="ActStock"
)


def layout(**query: str) -> Any:
    """The whole page, all tabs."""
    address = current_address("/", query)
    t = Words(address.lang)
    page = load_portfolio_page(current_client(), address)
    panels = [portfolio.panel(period, page.frame, t, is_open=period.name == address.period) for period in page.periods]
    content = [tabs(address, t), *panels, etfs.section(page.etfs, t)]
    return frame(address, page.frame, t, title=t("portfolio"), notices=notices(page, address, t), content=content)
