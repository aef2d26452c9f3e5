"""How numbers and dates read. Pure functions: value in, text out; a missing value is an en dash.

Percent and percentage points come as percent, market caps in their currency's unit.
"""

import math
from datetime import date, datetime, timedelta, timezone

from dashboard.texts import Lang

MISSING = "–"
MINUS = "−"
ARROWS = {"up": "▲", "down": "▼", "": ""}
KST = timezone(timedelta(hours=9))
WEEKDAYS = {"ko": "월화수목금토일", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
EOK, JO = 10**8, 10**12
PRICE_DECIMALS = {"KRW": 0, "JPY": 0}  # of others 2


def number(value: float | None, decimals: int = 2) -> str:
    """Thousands separated, a real minus sign.

    >>> number(-1234.5), number(None)
    ('−1,234.50', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:,.{decimals}f}"
    return f"{0:.{decimals}f}" if float(text.replace(",", "")) == 0 else text.replace("-", MINUS)


def direction(value: float | None, decimals: int = 2) -> str:
    """up, down, or nothing when the value rounds to zero.

    >>> direction(0.004), direction(-0.005001)
    ('', 'down')
    """
    if value is None or not math.isfinite(value) or float(f"{value:.{decimals}f}") == 0:
        return ""
    return "up" if value > 0 else "down"


def signed(value: float | None, decimals: int = 2) -> str:
    """A change: always with its sign, none when it rounds to zero.

    >>> signed(1.234), signed(-1.234), signed(0.001)
    ('+1.23', '−1.23', '0.00')
    """
    text = number(value, decimals)
    return f"+{text}" if direction(value, decimals) == "up" else text


def weight(percent: float | None) -> str:
    """A weight in percent; what would read 0.00 says that it is small, not nothing.

    >>> weight(10.8712), weight(0.0042), weight(0.0)
    ('10.87', '<0.01', '0.00')
    """
    if percent is not None and 0 < percent < 0.005:
        return "<0.01"
    return number(percent)


def market_cap(value: float | None, lang: Lang, currency: str = "USD") -> str:
    """A market cap in the reader's steps: 억 and 조, or M, B and T.

    >>> market_cap(205_000_000_000, "ko"), market_cap(1_300_000_000_000, "ko"), market_cap(82_000_000, "ko")
    ('2,050억', '1.30조', '8,200만')
    >>> market_cap(205_000_000_000, "en"), market_cap(287e12, "en", "KRW")
    ('$205.0B', '₩287T')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if lang == "ko":
        return _korean_steps(value)
    sign = {"USD": "$", "KRW": "₩"}[currency]
    for step, unit in ((10**12, "T"), (10**9, "B")):
        # what would read 1,000.0 of the unit below is one of this
        if round(value * 1000 / step, 1) >= 1000:
            return f"{sign}{_trillions(value / step) if unit == 'T' else f'{value / step:,.1f}'}{unit}"
    return f"{sign}{value / 10**6:,.1f}M"


def _korean_steps(value: float) -> str:
    # what would read 10,000 of the unit below is one of this
    if round(value / EOK) >= JO // EOK:
        return f"{_trillions(value / JO)}조"
    if round(value / 10**4) >= EOK // 10**4:
        return f"{value / EOK:,.0f}억"
    return f"{value / 10**4:,.0f}만"


def _trillions(count: float) -> str:
    decimals = 2 if round(count, 2) < 10 else 1 if round(count, 1) < 100 else 0
    return f"{count:,.{decimals}f}"


def price(value: float | None, currency: str) -> str:
    """A price with its currency; won and yen have no decimals.

    >>> price(1234.5, "USD"), price(71200.0, "KRW"), price(None, "USD")
    ('1,234.50 USD', '71,200 KRW', '–')
    """
    text = number(value, PRICE_DECIMALS.get(currency, 2))
    return text if text == MISSING else f"{text} {currency}"


def session(day: date, lang: Lang) -> str:
    """A New York trading day with its weekday.

    >>> session(date(2026, 11, 20), "ko"), session(date(2026, 11, 20), "en")
    ('2026-11-20 (금)', '2026-11-20 (Fri)')
    """
    return f"{day:%Y-%m-%d} ({WEEKDAYS[lang][day.weekday()]})"


def short(day: date | str, beside: date | str) -> str:
    """A date, or its ISO text, read beside another one: with its year where that is not the same.

    >>> short(date(2026, 11, 20), date(2026, 11, 19)), short("2025-12-31", "2026-01-02")
    ('11-20', '2025-12-31')
    """
    return str(day).removeprefix(f"{str(beside)[:4]}-")


def instant(at: datetime) -> str:
    """A moment, in Korea.

    >>> instant(datetime.fromisoformat("2026-11-20T23:41:00Z"))
    '11-21 08:41 KST'
    """
    return f"{at.astimezone(KST):%m-%d %H:%M} KST"
