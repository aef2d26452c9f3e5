"""What is collected (contracts 5.1), read from a database and kept as arrays, one set an instrument.

A day is its proleptic Gregorian ordinal (`date.toordinal`), so that days can be compared and subtracted in arrays.
Prices are in the instrument's currency, market caps in the quote's, weights in percent of the fund.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg

from config.universe import NEW_YORK, exchange_calendar
from utils.sessions import session_at_or_before, session_offset, sessions_between

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

US_DOLLAR, EQUITY = "USD", "EQUITY"
EPOCH = date(1970, 1, 1).toordinal()
# Sessions of the calendar that are known before the first bar and after the last one.
SESSIONS_AROUND = 60


class Series(NamedTuple):
    """The bars of one instrument, oldest first; arrays of one length. foreign: of an exchange outside New York."""

    ticker: str
    foreign: bool
    currency: str
    day: Ints
    close: Floats
    adj_close: Floats
    high: Floats
    low: Floats
    volume: Floats
    split_ratio: Floats
    doubt: Bools
    confirmed: Bools


class Line(NamedTuple):
    """One line of a list of holdings; percent of the fund."""

    ticker: str
    name: str
    percent: float


class Profile(NamedTuple):
    """What is known of a stock; None: not known."""

    company_name: str | None
    quote_type: str | None
    sector: str | None
    currency: str | None
    exchange: str | None


class Quote(NamedTuple):
    """A market cap as it was quoted, in `currency`, with the price of the same answer."""

    day: int
    market_cap: float
    quote_price: float
    currency: str
    in_doubt: bool
    knows: int  # splits up to that day


class Snapshot(NamedTuple):
    """One ETF's list of one day."""

    day: int
    lines: tuple[Line, ...]


class Rates(NamedTuple):
    """US dollars for one unit of a currency, oldest first."""

    day: Ints
    usd_per_unit: Floats


NO_PROFILE = Profile(None, None, None, None, None)


@dataclass(frozen=True)
class Market:
    """Everything that is collected, and the calendar around it."""

    sessions: Ints
    as_of: int  # the newest closed session
    etfs: Mapping[str, Series]
    stocks: Mapping[str, Series]
    snapshots: Mapping[str, tuple[Snapshot, ...]]
    profiles: Mapping[str, Profile]
    quotes: Mapping[str, tuple[Quote, ...]]
    rates: Mapping[str, Rates]

    def profile(self, ticker: str) -> Profile:
        """What is known of a stock, if anything."""
        return self.profiles.get(ticker, NO_PROFILE)

    def place(self, days: Ints) -> Ints:
        """Where sessions stand in the calendar."""
        return np.searchsorted(self.sessions, days).astype(np.int64)

    def between(self, first: date, last: date) -> list[date]:
        """The sessions from first to last."""
        return [date.fromordinal(int(day)) for day in self.sessions if first.toordinal() <= day <= last.toordinal()]


def read(connection: Connection, as_of: date) -> Market:
    """All that a database has collected; `as_of` is the newest closed session."""
    etf_bars = _frame(connection, _BARS.format("'USD'", "collected_01_daily_etf_ohlc"))
    stock_bars = _frame(connection, _BARS.format("currency", "collected_06_daily_stock_history"))
    days = pd.concat([etf_bars["day"], stock_bars["day"]])
    first = session_at_or_before(date.fromordinal(int(days.min())))
    sessions = sessions_between(
        session_offset(first, -SESSIONS_AROUND), session_offset(session_at_or_before(as_of), SESSIONS_AROUND)
    )
    profiles = _profiles(connection)
    return Market(
        sessions=np.array([session.toordinal() for session in sessions], dtype=np.int64),
        as_of=as_of.toordinal(),
        etfs={ticker: _series(ticker, rows, None) for ticker, rows in _groups(etf_bars)},
        stocks={ticker: _series(ticker, rows, profiles.get(ticker)) for ticker, rows in _groups(stock_bars)},
        snapshots=_snapshots(connection),
        profiles=profiles,
        quotes=_quotes(connection, profiles),
        rates=_rates(connection),
    )


_BARS = """SELECT ticker, trade_date - date '1970-01-01' AS day, {} AS currency, close_price AS close,
                  adj_close_price AS adj_close, high_price AS high, low_price AS low, volume, split_ratio,
                  (doubt IS NOT NULL)::int AS doubt, (confirmed_at IS NOT NULL)::int AS confirmed
           FROM {} ORDER BY ticker, trade_date"""


def _frame(connection: Connection, query: str) -> pd.DataFrame:
    """The rows of a query. COPY, for there are many; numbers are read to the nearest float64."""
    text = io.BytesIO()
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy:
        for block in copy:
            text.write(block)
    text.seek(0)
    frame = pd.read_csv(text, float_precision="round_trip", keep_default_na=False, na_values=[""])
    return frame.assign(day=frame["day"] + EPOCH)


def _groups(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for ticker, rows in frame.groupby("ticker", sort=False):
        yield str(ticker), rows


def _series(ticker: str, rows: pd.DataFrame, profile: Profile | None) -> Series:
    profile = profile or NO_PROFILE
    currency = str(rows["currency"].iloc[0])
    numbers = {
        name: rows[name].to_numpy(dtype=np.float64)
        for name in ("close", "adj_close", "high", "low", "volume", "split_ratio")
    }
    return Series(
        ticker=ticker,
        foreign=exchange_calendar(profile.exchange) != NEW_YORK or (profile.currency or currency) != US_DOLLAR,
        currency=currency,
        day=rows["day"].to_numpy(dtype=np.int64),
        doubt=rows["doubt"].to_numpy(dtype=np.bool_),
        confirmed=rows["confirmed"].to_numpy(dtype=np.bool_),
        **numbers,
    )


def _snapshots(connection: Connection) -> dict[str, tuple[Snapshot, ...]]:
    rows = connection.execute(
        """SELECT etf_ticker, as_of_date, holding_ticker, holding_name, holding_percent
           FROM collected_04_etf_holdings ORDER BY 1, 2, 5 DESC, 3"""
    ).fetchall()
    lists: dict[str, dict[int, list[Line]]] = {}
    for etf, day, ticker, name, percent in rows:
        lists.setdefault(etf, {}).setdefault(day.toordinal(), []).append(Line(ticker, name, float(percent)))
    return {
        etf: tuple(Snapshot(day, tuple(lines)) for day, lines in sorted(snapshots.items()))
        for etf, snapshots in lists.items()
    }


def _profiles(connection: Connection) -> dict[str, Profile]:
    rows = connection.execute(
        "SELECT ticker, company_name, quote_type, sector, currency, exchange FROM collected_00_meta_stock"
    ).fetchall()
    return {ticker: Profile(*values) for ticker, *values in rows}


def _quotes(connection: Connection, profiles: Mapping[str, Profile]) -> dict[str, tuple[Quote, ...]]:
    rows = connection.execute(
        """SELECT ticker, session_date, market_cap::float8, quote_price::float8, currency,
                  doubt IS NOT NULL AND confirmed_at IS NULL, quoted_at
           FROM collected_00_market_cap ORDER BY 1, 2"""
    ).fetchall()
    quotes: dict[str, list[Quote]] = {}
    for ticker, day, cap, price, currency, in_doubt, quoted_at in rows:
        knows = day_begun(quoted_at, profiles.get(ticker, NO_PROFILE).exchange).toordinal()
        quotes.setdefault(ticker, []).append(Quote(day.toordinal(), cap, price, currency, in_doubt, knows))
    return {ticker: tuple(found) for ticker, found in quotes.items()}


def day_begun(at: datetime, exchange: str | None) -> date:
    """The last day on which trading had begun: New York's begins at 9:30, another exchange's at midnight UTC."""
    if exchange_calendar(exchange) != NEW_YORK:
        return at.astimezone(UTC).date()
    local = at.astimezone(ZoneInfo("America/New_York"))
    return local.date() if local.time() >= time(9, 30) else local.date() - timedelta(days=1)


def _rates(connection: Connection) -> dict[str, Rates]:
    rows = connection.execute(
        "SELECT currency, rate_date, usd_per_unit::float8 FROM collected_00_fx_rate ORDER BY 1, 2"
    ).fetchall()
    found: dict[str, list[tuple[int, float]]] = {}
    for currency, day, rate in rows:
        found.setdefault(currency, []).append((day.toordinal(), rate))
    return {
        currency: Rates(
            np.array([day for day, _ in rates], dtype=np.int64), np.array([rate for _, rate in rates], dtype=np.float64)
        )
        for currency, rates in found.items()
    }
