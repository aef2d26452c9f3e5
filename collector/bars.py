"""From the source's frame to bars and their message; pure (rules 2).

Prices in the instrument's currency, rounded to the six decimals that are stored; volume in shares. A bar with a missing
or infinite close is no bar, a missing open, high or low is None, a session still in progress is left out.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from collector.answers import History
from config.universe import EXCHANGE_OF_SUFFIX
from database.coverage import Asset
from database.findings import FIRST_BAR, MISSING_SESSION, Finding
from utils.messages import Bar, BarsMessage
from utils.sessions import last_closed_session, previous_session, session_at_or_before, sessions_between

DECIMALS = 6
LARGEST = 1e12


def exchange_of(ticker: str, known: str | None) -> str | None:
    """The source's exchange code: as known, else as the symbol's ending says.

    >>> exchange_of("005930.KS", None), exchange_of("AAPL", "NMS"), exchange_of("AAPL", None)
    ('KSC', 'NMS', None)
    """
    _, dot, suffix = ticker.rpartition(".")
    return known or (EXCHANGE_OF_SUFFIX.get(suffix) if dot else None)


def bars_of(history: History, *, calendar: str, now: datetime, settle_minutes: int) -> list[Bar]:
    """The finished bars of an answer, oldest first.

    now: the platform's clock. The calendar says which session has closed; the source's own hours can only say later.
    """
    frame = history.frame
    newest = last_closed_session(now, settle_minutes=settle_minutes, calendar=calendar)
    if history.session_open is not None and history.session_open_until is not None and now < history.session_open_until:
        newest = min(newest, history.session_open - timedelta(days=1))
    frame = frame[[day <= newest for day in frame.index]]
    if frame.empty:
        return []
    before = sessions_between(
        session_at_or_before(frame.index[0] - timedelta(days=1), calendar), frame.index[-1], calendar
    )
    found = []
    for day, row in zip(frame.index, frame.to_dict("records"), strict=True):
        close, adjusted = _price(row["Close"]), _price(row["Adj Close"])
        if close is None or adjusted is None:
            continue
        found.append(
            Bar(
                trade_date=day,
                previous_session=before[bisect_left(before, day) - 1],
                open_price=_price(row["Open"]),
                high_price=_price(row["High"]),
                low_price=_price(row["Low"]),
                close_price=close,
                adj_close_price=adjusted,
                volume=_volume(row["Volume"]),
                dividend=_price(row["Dividends"]) or 0.0,
                split_ratio=_price(row["Stock Splits"]) or 0.0,
            )
        )
    return found


def bars_message(
    bars: Sequence[Bar],
    history: History,
    *,
    ticker: str,
    asset: Asset,
    currency: str,
    whole: bool,
    observed_at: datetime,
    observed_session: date,
) -> BarsMessage:
    """All bars of one fetch as one message; `whole`: they replace the instrument's history."""
    return BarsMessage(
        ticker=ticker,
        asset=asset,
        currency=currency,
        mode="replace" if whole else "merge",
        observed_session=observed_session,
        bars=tuple(bars),
        fetched_at=history.fetched_at,
        observed_at=observed_at,
    )


def missing_sessions(ticker: str, missing: Iterable[date], *, stored: Iterable[date]) -> list[Finding]:
    """A finding per session the answer lacks; those stored before say so."""
    known = set(stored)
    return [
        Finding(
            MISSING_SESSION,
            ticker,
            session,
            "warn",
            "stored, but no longer in the source's answer" if session in known else "no bar in the source's answer",
        )
        for session in sorted(missing)
    ]


def begins(history: History, first: date, calendar: str) -> bool:
    """Whether the source has nothing before its answer's first bar; an answer can also be cut at its front.

    Its word on when the instrument was first traded decides; where it gives none, the answer is believed.
    """
    return history.first_trade is None or history.first_trade > previous_session(first, calendar)


def first_bar(ticker: str, session: date, asked_from: date) -> Finding:
    """The source's history begins later than it was asked for: what is before is not missing."""
    return Finding(FIRST_BAR, ticker, session, "info", f"the source's history begins here, asked from {asked_from}")


def _price(value: object) -> float | None:
    number = float(value) if isinstance(value, int | float) else math.nan
    if not math.isfinite(number) or abs(number) > LARGEST:
        return None
    return round(number, DECIMALS)


def _volume(value: object) -> int:
    return max(int(value), 0) if isinstance(value, int | float) and math.isfinite(value) else 0
