"""From the history of a currency pair to rates; pure. The source quotes units per dollar: usd_per_unit = 1 / close.

A hundredth in which an exchange quotes its prices (GBp) is a unit of its own: its rates are a hundredth of the major's.
"""

import math
from datetime import date, datetime

from collector.answers import History
from utils.messages import FxRate
from utils.sessions import last_closed_session

# Currencies trade around the clock from Monday to Friday; a day is finished at midnight UTC.
CALENDAR = "24/5"
TIMEZONE = "Europe/London"
USD = "USD"
_DECIMALS = 12
# London, Johannesburg and Tel Aviv quote prices in a hundredth of the unit in which caps are given.
_MAJOR_UNIT = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}


def major_unit(currency: str) -> str:
    """The ISO code of a currency that may be a hundredth of one.

    >>> major_unit("GBp"), major_unit("KRW")
    ('GBP', 'KRW')
    """
    return _MAJOR_UNIT.get(currency, currency)


def symbol_of(currency: str) -> str:
    """The source's symbol of a currency against the dollar.

    >>> symbol_of("KRW"), symbol_of("GBp")
    ('KRW=X', 'GBP=X')
    """
    return f"{major_unit(currency)}=X"


def rates_of(history: History, currency: str, *, now: datetime) -> list[FxRate]:
    """The finished days' rates of a unit of the pair, oldest first; a day without a close has none."""
    units = 1 if currency == major_unit(currency) else 100
    newest = last_closed_session(now, calendar=CALENDAR)
    closes: zip[tuple[date, float]] = zip(history.frame.index.tolist(), history.frame["Close"].tolist(), strict=True)
    return [
        FxRate(rate_date=day, usd_per_unit=round(1 / (units * close), _DECIMALS))
        for day, close in closes
        if day <= newest and math.isfinite(close) and 1e-6 < close < 1e9
    ]
