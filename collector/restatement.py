"""Has the source restated history? Pure (rules 2).

A dividend or split changes adjusted closes of every session before it: the whole history is fetched and replaced.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from database.coverage import StoredBar
from utils.messages import Bar

RATIO_TOLERANCE = 1e-5
_EVENT_TOLERANCE = 1e-6


class Restated(NamedTuple):
    """On which session the source's history departed from what is stored, and how."""

    session: date
    reason: str


def restated(stored: Mapping[date, StoredBar], answered: Sequence[Bar]) -> Restated | None:
    """Why the history before the answer is no longer what is stored; None when it is.

    stored: the bars from the start of the request on; nothing stored at all means nothing to restate, and
    what is older than all of them is only now to be stored.
    """
    if not stored:
        return None
    first = min(stored)
    answered = [bar for bar in answered if bar.trade_date >= first]
    for bar in answered:
        # An event says more than the ratios of the sessions before it, which it changes
        known = stored.get(bar.trade_date)
        dividend, split = (known.dividend, known.split_ratio) if known else (0.0, 0.0)
        if _differs(bar.dividend, dividend) or _differs(bar.split_ratio, split):
            return Restated(bar.trade_date, f"dividend {bar.dividend:g}, split {bar.split_ratio:g}")
    for bar in answered:
        known = stored.get(bar.trade_date)
        if known is not None and _ratio_differs(known, bar):
            return Restated(bar.trade_date, "adjusted close over close has changed")
    return None


def differing(stored: Mapping[date, StoredBar], answered: Sequence[Bar]) -> list[date]:
    """Sessions of the answer that are not stored, or not as the answer has them."""
    return [bar.trade_date for bar in answered if not _same(stored.get(bar.trade_date), bar)]


def _same(known: StoredBar | None, bar: Bar) -> bool:
    return known is not None and known[:-1] == (
        bar.trade_date,
        bar.open_price,
        bar.high_price,
        bar.low_price,
        bar.close_price,
        bar.adj_close_price,
        bar.volume,
        bar.dividend,
        bar.split_ratio,
    )


def _differs(now: float, before: float) -> bool:
    return abs(now - before) > _EVENT_TOLERANCE * max(abs(now), abs(before), 1.0)


def _ratio_differs(known: StoredBar, bar: Bar) -> bool:
    if known.close_price == 0 or bar.close_price == 0:
        return False
    before, now = known.adj_close_price / known.close_price, bar.adj_close_price / bar.close_price
    return abs(now - before) > RATIO_TOLERANCE * abs(before)
