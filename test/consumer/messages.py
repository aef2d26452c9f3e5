"""Messages for tests, short to write: bars of January 2026, a quote, a list."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

from utils.messages import Bar, BarsMessage, Holding, HoldingsMessage, QuotesMessage

# Sessions of New York in January 2026, to the 9th; the 1st is a holiday.
SESSIONS = [date(2025, 12, 30), date(2025, 12, 31), *(date(2026, 1, day) for day in (2, 5, 6, 7, 8, 9))]
_, D31, J2, J5, J6, J7, J8, J9 = SESSIONS


def at(hour: int) -> datetime:
    """When an answer came: hours of one evening."""
    return datetime(2026, 1, 9, hour, tzinfo=UTC)


def bar(session: date, close: float, **other: Any) -> Bar:
    """A bar whose prices are its close, unless told."""
    given = {"open_price": close, "high_price": close, "low_price": close, "adj_close_price": close, "volume": 1000}
    return Bar(
        trade_date=session,
        previous_session=SESSIONS[SESSIONS.index(session) - 1],
        close_price=close,
        **(given | other),
    )


def bars(
    *rows: Bar,
    hour: int = 1,
    ticker: str = "AAA",
    mode: Literal["merge", "replace"] = "merge",
    asset: Literal["etf", "stock"] = "stock",
    observed: date = J9,
) -> BarsMessage:
    """An answer of that hour."""
    return BarsMessage(
        ticker=ticker,
        fetched_at=at(hour),
        observed_at=at(hour),
        asset=asset,
        currency="USD",
        mode=mode,
        observed_session=observed,
        bars=rows,
    )


def quote(session: date, market_cap: float, price: float, *, hour: int = 1, ticker: str = "AAA") -> QuotesMessage:
    """A market cap of that session."""
    return QuotesMessage(
        ticker=ticker,
        fetched_at=at(hour),
        observed_at=at(hour),
        session_date=session,
        market_cap=market_cap,
        currency="USD",
        quote_price=price,
        quoted_at=at(hour),
    )


def snapshot(lines: Sequence[tuple[str, float]], *, hour: int = 1, etf: str = "XLF") -> HoldingsMessage:
    """An ETF's list, ranked as given."""
    return HoldingsMessage(
        ticker=etf,
        fetched_at=at(hour),
        observed_at=at(hour),
        as_of_date=J9,
        source="yahoo",
        holdings=tuple(
            Holding(holding_ticker=ticker, holding_name=ticker.title(), holding_percent=percent, holding_rank=rank)
            for rank, (ticker, percent) in enumerate(lines, start=1)
        ),
    )


class Latin(str):
    """A header's name as a program sends it that does not know UTF-8."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding
        return super().encode("latin-1", errors)
