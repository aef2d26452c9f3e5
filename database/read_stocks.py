"""Stocks, their bars and quotes, and exchange rates, as readers see them (contracts 5.1). Prices in own currency."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg.rows import class_row, scalar_row

from config.universe import FX_REACH_DAYS, UNKNOWN_SECTOR
from database.connection import Connection


@dataclass(frozen=True)
class Profile:
    """What a stock is."""

    ticker: str
    company_name: str | None
    sector: str
    industry: str | None
    exchange: str | None
    currency: str | None


@dataclass(frozen=True)
class Quote:
    """A quoted market cap, in its own currency."""

    market_cap: Decimal
    market_cap_currency: str
    market_cap_date: date


@dataclass(frozen=True)
class ListedStock(Profile):
    """A stock with its newest bar and quote. `fetched_at` is the bar's, the profile's where there is no bar."""

    trade_date: date | None
    close_price: Decimal | None
    price_change_percent: Decimal | None
    fetched_at: datetime
    market_cap: Decimal | None
    market_cap_currency: str | None
    market_cap_date: date | None


@dataclass(frozen=True)
class Bar:
    """One session of a stock. `doubt` only while it lasts."""

    trade_date: date
    open_price: Decimal | None
    high_price: Decimal | None
    low_price: Decimal | None
    close_price: Decimal
    adj_close_price: Decimal
    volume: int
    dividend: Decimal
    split_ratio: Decimal
    price_change_percent: Decimal | None
    doubt: str | None
    fetched_at: datetime


@dataclass(frozen=True)
class FxRate:
    """What one unit of a currency is worth."""

    rate_date: date
    usd_per_unit: Decimal


# A stock of a holdings list is an equity, or of a type that could not be had.
IS_STOCK = "coalesce(quote_type, 'EQUITY') = 'EQUITY'"
SECTOR = f"coalesce(s.sector, '{UNKNOWN_SECTOR}')"
PROFILE = f"s.ticker, s.company_name, {SECTOR} AS sector, s.industry, s.exchange, s.currency"
QUOTE = "market_cap, currency AS market_cap_currency, session_date AS market_cap_date"


def stocks(connection: Connection, *, sector: str | None, after: str | None, limit: int) -> list[ListedStock]:
    """Stocks in ticker order, those after a ticker."""
    where = f"AND {SECTOR} = %(sector)s" if sector is not None else ""
    with connection.cursor(row_factory=class_row(ListedStock)) as cursor:
        return cursor.execute(
            f"""SELECT s.ticker, s.company_name, s.sector, s.industry, s.exchange, s.currency,
                       b.trade_date, b.close_price, b.price_change_percent,
                       coalesce(b.fetched_at, s.profile_fetched_at) AS fetched_at,
                       c.market_cap, c.market_cap_currency, c.market_cap_date
                FROM (SELECT {PROFILE}, s.fetched_at AS profile_fetched_at FROM collected_00_meta_stock s
                      WHERE {IS_STOCK} {where} AND s.ticker COLLATE "C" > %(after)s
                      ORDER BY s.ticker COLLATE "C" LIMIT %(limit)s) s
                LEFT JOIN LATERAL (SELECT trade_date, close_price, price_change_percent, fetched_at
                                   FROM collected_06_daily_stock_history
                                   WHERE ticker = s.ticker ORDER BY trade_date DESC LIMIT 1) b ON true
                LEFT JOIN LATERAL (SELECT {QUOTE} FROM collected_00_market_cap
                                   WHERE ticker = s.ticker ORDER BY session_date DESC LIMIT 1) c ON true
                ORDER BY s.ticker COLLATE "C" """,
            {"sector": sector, "after": after or "", "limit": limit},
        ).fetchall()


def profile(connection: Connection, ticker: str) -> Profile | None:
    """What is known of a stock; None when it is in no stored list."""
    with connection.cursor(row_factory=class_row(Profile)) as cursor:
        return cursor.execute(
            f"SELECT {PROFILE} FROM collected_00_meta_stock s WHERE s.ticker = %s AND {IS_STOCK}", (ticker,)
        ).fetchone()


def newest_quote(connection: Connection, ticker: str) -> Quote | None:
    """The newest quoted market cap."""
    with connection.cursor(row_factory=class_row(Quote)) as cursor:
        return cursor.execute(
            f"SELECT {QUOTE} FROM collected_00_market_cap WHERE ticker = %s ORDER BY session_date DESC LIMIT 1",
            (ticker,),
        ).fetchone()


def bars(
    connection: Connection,
    ticker: str,
    *,
    start: date | None = None,
    end: date | None = None,
    before: date | None = None,
    limit: int,
) -> list[Bar]:
    """Bars from start to end, newest first, those before a date."""
    conditions = {"trade_date >= %(start)s": start, "trade_date <= %(end)s": end, "trade_date < %(before)s": before}
    where = "".join(f" AND {condition}" for condition, value in conditions.items() if value is not None)
    with connection.cursor(row_factory=class_row(Bar)) as cursor:
        return cursor.execute(
            f"""SELECT trade_date, open_price, high_price, low_price, close_price, adj_close_price, volume, dividend,
                       split_ratio, price_change_percent, CASE WHEN confirmed_at IS NULL THEN doubt END AS doubt,
                       fetched_at
                FROM collected_06_daily_stock_history
                WHERE ticker = %(ticker)s{where} ORDER BY trade_date DESC LIMIT %(limit)s""",
            {"ticker": ticker, "start": start, "end": end, "before": before, "limit": limit},
        ).fetchall()


def newest_bar_date(connection: Connection) -> date | None:
    """The newest session of any stock."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: date | None = cursor.execute("SELECT max(trade_date) FROM collected_06_daily_stock_history").fetchone()
        return found


def fx_rate(connection: Connection, currency: str, as_of_date: date) -> FxRate | None:
    """The newest rate dated before as_of_date and in reach: the one results of that date use (rules 4)."""
    with connection.cursor(row_factory=class_row(FxRate)) as cursor:
        return cursor.execute(
            """SELECT rate_date, usd_per_unit FROM collected_00_fx_rate
               WHERE currency = %(currency)s AND rate_date < %(day)s AND rate_date >= %(day)s::date - %(reach)s::int
               ORDER BY rate_date DESC LIMIT 1""",
            {"currency": currency, "day": as_of_date, "reach": FX_REACH_DAYS},
        ).fetchone()
