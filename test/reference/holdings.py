"""What an ETF holds (rules 4.2): its newest snapshot in reach, without what is known to be no company."""

from typing import NamedTuple

from test.reference.market import EQUITY, Line, Market, Snapshot

# Calendar days: how old a snapshot may be.
SNAPSHOT_REACH_DAYS = 45
TOP_HOLDINGS = 5


class Holding(NamedTuple):
    """A usable line; rank counts the usable ones, 1 = largest."""

    rank: int
    ticker: str
    name: str
    percent: float


def newest(market: Market, etf: str, day: int, *, before: int | None = None) -> Snapshot | None:
    """The newest snapshot dated at or before the day (or before `before`), unless it is too old for the day."""
    last = day if before is None else before - 1
    dated = [snapshot for snapshot in market.snapshots.get(etf, ()) if snapshot.day <= last]
    return dated[-1] if dated and day - dated[-1].day <= SNAPSHOT_REACH_DAYS else None


def is_usable(quote_type: str | None) -> bool:
    """A line of unknown type keeps its place; one that is known to be no company goes."""
    return quote_type is None or quote_type == EQUITY


def order(line: Line) -> tuple[float, str]:
    """Largest first; ties by ticker."""
    return (-line.percent, line.ticker)


def usable(market: Market, snapshot: Snapshot) -> list[Holding]:
    """All usable lines, largest first."""
    kept = [line for line in snapshot.lines if is_usable(market.profile(line.ticker).quote_type)]
    return [Holding(rank, *line) for rank, line in enumerate(sorted(kept, key=order), start=1)]


def top(market: Market, snapshot: Snapshot) -> list[Holding]:
    """The lines the strategy looks at."""
    return usable(market, snapshot)[:TOP_HOLDINGS]
