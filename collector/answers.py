"""What the source answers, by kind, and errors named for what to do when it doesn't.

Prices are split-adjusted in the instrument's currency; shares of a fund are fractions, as the source gives them.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import pandas as pd


class SourceUnavailable(Exception):
    """The source did not answer, or not sensibly: another try may help."""


class RateLimited(Exception):
    """Not to be asked before `not_before`: the source said so, or the day's budget is used up."""

    def __init__(self, reason: str, not_before: datetime) -> None:
        super().__init__(f"{reason}, until {not_before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
        self.not_before = not_before


class NoData(Exception):
    """The source answered that it has nothing: the symbol is unknown, renamed, delisted. Trying again won't help."""


class NoSessions(Exception):
    """The source knows the instrument, but gave no bar of the range."""


@dataclass(frozen=True)
class History:
    """Daily bars of one instrument. The frame's index is the session's date; columns are yfinance's.

    first_trade: from which day on the source knows the instrument at all, whatever was asked for.
    session_open, session_open_until: the session that goes on, or is the last or next one, and the instant it ends;
    None: the answer doesn't say.
    """

    frame: pd.DataFrame
    currency: str | None
    exchange: str | None
    first_trade: date | None
    session_open: date | None
    session_open_until: datetime | None
    fetched_at: datetime


class ListedHolding(NamedTuple):
    """One line of a fund's list as the source gives it; `fraction` of the fund."""

    symbol: str | None
    name: str | None
    fraction: float | None


@dataclass(frozen=True)
class TopHoldings:
    """A fund's list: at most ten lines."""

    etf: str
    lines: tuple[ListedHolding, ...]
    fetched_at: datetime


@dataclass(frozen=True)
class Quote:
    """What one batch quote says of an instrument. `market_cap` in the major unit of `currency`."""

    ticker: str
    quote_type: str | None
    name: str | None
    currency: str | None
    exchange: str | None
    price: float | None
    market_cap: float | None
    fetched_at: datetime


@dataclass(frozen=True)
class Profile:
    """What an instrument is."""

    ticker: str
    quote_type: str | None
    name: str | None
    sector: str | None
    industry: str | None
    currency: str | None
    exchange: str | None
    fetched_at: datetime
