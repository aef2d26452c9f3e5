"""From the history of a currency pair to rates; pure. The source quotes units per dollar: usd_per_unit = 1 / close."""

import math
from datetime import date, datetime

from collector.yahoo import History
from utils.messages import FxRate
from utils.sessions import last_closed_session

# Currencies trade around the clock from Monday to Friday; a day is finished at midnight UTC.
CALENDAR = "24/5"
TIMEZONE = "Europe/London"
_DECIMALS = 12


def symbol_of(currency: str) -> str:
    """The source's symbol of a currency against the dollar.

    >>> symbol_of("KRW")
    'KRW=X'
    """
    return f"{currency}=X"


def rates_of(history: History, *, now: datetime) -> list[FxRate]:
    """The finished days' rates, oldest first; a day without a close has none."""
    newest = last_closed_session(now, calendar=CALENDAR)
    closes: zip[tuple[date, float]] = zip(history.frame.index.tolist(), history.frame["Close"].tolist(), strict=True)
    return [
        FxRate(rate_date=day, usd_per_unit=round(1 / close, _DECIMALS))
        for day, close in closes
        if day <= newest and math.isfinite(close) and 1e-6 < close < 1e9
    ]
