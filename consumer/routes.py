"""Which message goes where: by its kind, to the function that writes it and tells how many rows changed.

A new stream is one type and one line.
"""

from collections.abc import Callable, Mapping
from typing import Any

from database.bars import write_bars
from database.connection import Connection
from database.holdings import write_holdings
from database.stocks import write_market_cap, write_profile, write_rates
from utils.messages import Kind

ROUTES: Mapping[Kind, Callable[[Connection, Any, str], int]] = {
    "bars": write_bars,
    "holdings": write_holdings,
    "quotes": write_market_cap,
    "profile": write_profile,
    "fx": write_rates,
}
