"""The ETFs of the universe as readers see them: bars, newest lists, returns between sessions (rules 2, 3)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from psycopg.rows import class_row, scalar_row

from config.universe import BENCHMARK
from database.connection import Connection
from database.doubts import IN_DOUBT


@dataclass(frozen=True)
class Etf:
    """One fund of the universe."""

    ticker: str
    etf_type: Literal["benchmark", "sector"]
    sector_name: str | None
    description: str


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


@dataclass(frozen=True)
class EtfReturn:
    """One ETF in one period against SPY."""

    etf_ticker: str
    period_days: int
    return_pct: Decimal
    spy_return_pct: Decimal
    outperformance: Decimal
    rank_by_outperformance: int | None
    rank_by_return: int
    is_trending: bool
    updated_at: datetime


def universe(connection: Connection) -> list[Etf]:
    """The funds, in ticker order."""
    with connection.cursor(row_factory=class_row(Etf)) as cursor:
        return cursor.execute(
            'SELECT ticker, etf_type, sector_name, description FROM collected_00_meta_etf ORDER BY ticker COLLATE "C"'
        ).fetchall()


def listed(connection: Connection) -> list[ListedEtf]:
    """The universe in ticker order."""
    with connection.cursor(row_factory=class_row(ListedEtf)) as cursor:
        return cursor.execute(
            """SELECT e.ticker AS etf_ticker, e.description, e.etf_type, e.sector_name, b.trade_date, b.close_price,
                      b.price_change_percent, b.fetched_at,
                      (SELECT max(h.as_of_date) FROM collected_04_etf_holdings h
                       WHERE h.etf_ticker = e.ticker) AS holdings_as_of
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
        f"""SELECT ticker, trade_date, close_price, adj_close_price, fetched_at, {IN_DOUBT}
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


def etf_returns(connection: Connection, as_of_date: date) -> list[EtfReturn]:
    """Each ETF's return of each period; rank_by_return counts SPY, too (rules 7; ties by ticker)."""
    with connection.cursor(row_factory=class_row(EtfReturn)) as cursor:
        return cursor.execute(
            """SELECT etf_ticker, period_days, return_pct, spy_return_pct, outperformance, rank_by_outperformance,
                      row_number() OVER (PARTITION BY period_days
                                         ORDER BY return_pct DESC, etf_ticker COLLATE "C") AS rank_by_return,
                      is_trending, updated_at
               FROM analytics_03_trending_etfs WHERE as_of_date = %s""",
            (as_of_date,),
        ).fetchall()


def etf_total_returns(connection: Connection, start: date, end: date) -> dict[str, Decimal]:
    """Percent between two sessions, from adjusted closes (rules 2); an ETF without both bars, or with one between them
    that is in doubt, is not there.
    """
    with connection.cursor() as cursor:
        rows = cursor.execute(
            f"""SELECT ticker, round(100 * (late.adj_close_price / early.adj_close_price - 1), 6)
                FROM collected_01_daily_etf_ohlc late JOIN collected_01_daily_etf_ohlc early USING (ticker)
                WHERE late.trade_date = %(end)s AND early.trade_date = %(start)s AND early.adj_close_price > 0
                  AND NOT EXISTS (SELECT FROM collected_01_daily_etf_ohlc b
                                  WHERE b.ticker = late.ticker AND b.trade_date BETWEEN %(start)s AND %(end)s
                                    AND {IN_DOUBT})""",
            {"start": start, "end": end},
        ).fetchall()
        return dict(rows)


def spy_return(connection: Connection, as_of_date: date, period_days: int) -> Decimal | None:
    """SPY's return of the period, percent."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: Decimal | None = cursor.execute(
            """SELECT return_pct FROM analytics_03_trending_etfs
               WHERE as_of_date = %s AND etf_ticker = %s AND period_days = %s""",
            (as_of_date, BENCHMARK, period_days),
        ).fetchone()
        return found
