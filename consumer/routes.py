"""Which message goes where: a new stream is one type and one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from database.bars import write_bars
from database.connection import Connection
from database.holdings import write_holdings
from database.stocks import write_market_cap, write_profile, write_rates
from utils.messages import BarsMessage, FxMessage, HoldingsMessage, Kind, ProfileMessage, QuotesMessage


@dataclass(frozen=True)
class Route:
    """A kind's type, and the function that writes it and tells how many rows changed."""

    type: type[Any]
    write: Callable[[Connection, Any, str], int]


ROUTES: Mapping[Kind, Route] = {
    "bars": Route(BarsMessage, write_bars),
    "holdings": Route(HoldingsMessage, write_holdings),
    "quotes": Route(QuotesMessage, write_market_cap),
    "profile": Route(ProfileMessage, write_profile),
    "fx": Route(FxMessage, write_rates),
}
