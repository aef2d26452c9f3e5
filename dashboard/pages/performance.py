"""Performance: what following the portfolios would have earned, against SPY."""

from typing import Any

import dash

from dashboard.components import grid, performance
from dashboard.components.rebalances import rebalance_columns
from dashboard.components.shell import frame
from dashboard.context import current_address, current_client
from dashboard.data import load_frame
from dashboard.site import PERFORMANCE
from dashboard.texts import Words

dash.register_page(__name__, path=PERFORMANCE.path, title="ActStock")  # type: ignore[no-untyped-call]


def layout(**query: str) -> Any:
    """The whole page: every strategy in the table, the chosen ones in charts and rebalances."""
    address = current_address(PERFORMANCE, query)
    t = Words(address.lang)
    address = grid.checked(address, rebalance_columns(t))
    client = current_client()
    asked = performance.queries(address)
    answers = dict(zip(performance.STRATEGIES, client.get_all(asked), strict=True))
    return frame(
        address,
        load_frame(client, address),
        t,
        content=performance.content(answers, address, t),
        answers=list(answers.values()),
        pins=performance.pins(answers),
    )
