"""The ETFs of the universe as readers see them: bars, newest lists, returns between sessions (rules 2, 3)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg.rows import class_row, scalar_row

from config.universe import BENCHMARK
from database.connection import Connection


@dataclass(frozen=True)
class ListedEtf:
    """One ETF with its newest bar and the date of its newest list."""

    etf_ticker: str
    description: str
    etf_type: str
    sector_name: str | None
    trade_date: date | None
    close_price: Decimal | None
    price_change_percent: Decimal | None
    fetched_at: datetime | None
    holdings_as_of: date | None


@dataclass(frozen=True)
class EtfBar:
    """What a line is drawn from. `fetched_at`: when the source's answer arrived."""

    close_price: Decimal
    adj_close_price: Decimal
    fetched_at: datetime
    in_doubt: bool


def listed(connection: Connection) -> list[ListedEtf]:
    """The universe in ticker order."""
    with connection.cursor(row_factory=class_row(ListedEtf)) as cursor:
        return cursor.execute(
            """SELECT e.ticker AS etf_ticker, e.description, e.etf_type, e.sector_name, b.trade_date, b.close_price,
                      b.price_change_percent, b.fetched_at,
                      (SELECT max(h.as_of_date) FROM collected_04_etf_holdings h
                       WHERE h.etf_ticker = e.ticker AND h.as_of_date <= 'infinity') AS holdings_as_of
               FROM collected_00_meta_etf e
               LEFT JOIN LATERAL (SELECT trade_date, close_price, price_change_percent, fetched_at
                                  FROM collected_01_daily_etf_ohlc
                                  WHERE ticker = e.ticker ORDER BY trade_date DESC LIMIT 1) b ON true
               ORDER BY e.ticker COLLATE "C" """
        ).fetchall()


def benchmark_sessions(connection: Connection, *, last: date | None, days: int) -> list[date]:
    """The newest sessions of SPY up to `last`, as many as `days`, oldest first: the axis of every chart."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found = cursor.execute(
            """SELECT trade_date FROM collected_01_daily_etf_ohlc
               WHERE ticker = %s AND trade_date <= coalesce(%s, 'infinity'::date) AND adj_close_price > 0
               ORDER BY trade_date DESC LIMIT %s""",
            (BENCHMARK, last, days),
        ).fetchall()
    return found[::-1]


def bars(connection: Connection, tickers: list[str], first: date, last: date) -> dict[str, dict[date, EtfBar]]:
    """ticker → session → bar, from first to last."""
    rows = connection.execute(
        """SELECT ticker, trade_date, close_price, adj_close_price, fetched_at,
                  doubt IS NOT NULL AND confirmed_at IS NULL
           FROM collected_01_daily_etf_ohlc
           WHERE ticker = ANY(%s) AND trade_date BETWEEN %s AND %s AND adj_close_price > 0""",
        (tickers, first, last),
    )
    found: dict[str, dict[date, EtfBar]] = defaultdict(dict)
    for ticker, trade_date, *values in rows:
        found[ticker][trade_date] = EtfBar(*values)
    return found


def trending(connection: Connection, as_of_date: date, period_days: int) -> list[str]:
    """ETFs that rose and beat SPY in the period, in ticker order."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(
            """SELECT etf_ticker FROM analytics_03_trending_etfs
               WHERE as_of_date = %s AND period_days = %s AND is_trending ORDER BY etf_ticker COLLATE "C" """,
            (as_of_date, period_days),
        ).fetchall()
