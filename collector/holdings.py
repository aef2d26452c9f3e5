"""From a fund's list to its snapshot, and from snapshots to the stocks that matter; pure (rules 1, 4.2).

The source's fractions become percent here, once (rules 9).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from collector.answers import NoData, TopHoldings
from config.universe import TOP_HOLDINGS
from database.coverage import Stock, StoredHolding
from utils.messages import SYMBOL, Holding, HoldingsMessage
from utils.sessions import is_session

EQUITY = "EQUITY"
_DECIMALS = 6


def snapshot_date(newest: date, today: date) -> date:
    """The date of a list fetched now: the last session closed, or the day itself when New York doesn't trade on it.

    today: the day in New York. Stage 4 always uses the session (rules 1).
    """
    return newest if is_session(today) else max(today, newest)


def holdings_message(listed: TopHoldings, *, as_of_date: date, observed_at: datetime) -> HoldingsMessage:
    """A fund's snapshot: rows without a usable symbol go, rows of one symbol are summed, the largest is first.

    Raises NoData when no usable row is left: a failed fetch (rules 4.2).
    """
    percents: dict[str, float] = {}
    names: dict[str, str] = {}
    for line in listed.lines:
        symbol = (line.symbol or "").upper()
        if not re.fullmatch(SYMBOL, symbol) or line.fraction is None or not 0 < line.fraction < float("inf"):
            continue
        percents[symbol] = percents.get(symbol, 0.0) + 100 * line.fraction
        names.setdefault(symbol, (line.name or symbol)[:200])
    percents = {symbol: rounded for symbol, exact in percents.items() if (rounded := round(exact, _DECIMALS)) > 0}
    if not percents:
        raise NoData(f"a list of {len(listed.lines)} lines without one usable row")
    ranked = sorted(percents, key=lambda symbol: (-percents[symbol], symbol))
    return HoldingsMessage(
        ticker=listed.etf,
        as_of_date=as_of_date,
        source="yahoo",
        holdings=tuple(
            Holding(
                holding_ticker=symbol, holding_name=names[symbol], holding_percent=percents[symbol], holding_rank=rank
            )
            for rank, symbol in enumerate(ranked, start=1)
        ),
        fetched_at=listed.fetched_at,
        observed_at=observed_at,
    )


def largest(lists: Mapping[str, Iterable[StoredHolding]], known: Mapping[str, Stock]) -> list[str]:
    """The 5 largest holdings of each ETF, by code point, each once; a holding of unknown type keeps its place.

    Funds, cash and futures go first, then the largest are taken, ties by ticker (rules 4.2).
    """
    found: set[str] = set()
    for rows in lists.values():
        usable = [row for row in rows if type_of(row.holding_ticker, known) in (None, EQUITY)]
        usable.sort(key=lambda row: (-row.holding_percent, row.holding_ticker))
        found.update(row.holding_ticker for row in usable[:TOP_HOLDINGS])
    return sorted(found)


def type_of(ticker: str, known: Mapping[str, Stock]) -> str | None:
    """The quote type as far as it is known."""
    stock = known.get(ticker)
    return stock.quote_type if stock else None
