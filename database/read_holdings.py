"""What ETFs hold and what stage 9 made of it, as readers see it (rules 6). `_weight` is a fraction, `_percent` percent.

An ETF's best holdings come by rank_position, the others after them by total_return; ties by ticker.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg.rows import class_row, scalar_row

from config.universe import SNAPSHOT_REACH_DAYS, UNKNOWN_SECTOR
from database.connection import Connection
from database.read_stocks import IS_STOCK


@dataclass(frozen=True)
class Snapshot:
    """One holdings list."""

    holdings_as_of: date
    covered_percent: Decimal
    fetched_at: datetime


@dataclass(frozen=True)
class Holding:
    """One line of a list. `etf_count`: ETFs whose newest list by then has it."""

    holding_rank: int
    ticker: str
    holding_name: str
    sector: str
    holding_percent: Decimal
    etf_count: int
    return_pct: Decimal | None


@dataclass(frozen=True)
class TopHolding:
    """One holding of an ETF over a period."""

    etf_ticker: str
    rank_position: int | None
    ticker: str
    holding_name: str
    sector: str
    total_return: Decimal
    avg_return: Decimal | None
    volatility: Decimal | None
    sharpe_ratio: Decimal | None
    observations: int
    avg_volume: int | None
    current_price: Decimal
    currency: str | None
    market_cap: Decimal | None
    updated_at: datetime


@dataclass(frozen=True)
class Concentration:
    """How concentrated an ETF is, as far as its list shows."""

    etf_ticker: str
    etf_type: str
    sector_name: str | None
    holdings_as_of: date
    covered_weight: Decimal
    top_1_weight: Decimal
    top_5_weight: Decimal
    top_10_weight: Decimal
    herfindahl_index: Decimal
    effective_holdings_min: Decimal
    effective_holdings_max: Decimal
    updated_at: datetime


@dataclass(frozen=True)
class Overlap:
    """A pair of ETFs."""

    etf_ticker: str
    other_etf_ticker: str
    shared_count: int
    shared_tickers: list[str]
    overlap_weight: Decimal
    covered_weight: Decimal
    other_covered_weight: Decimal
    holdings_as_of: date
    other_holdings_as_of: date
    updated_at: datetime


@dataclass(frozen=True)
class Holder:
    """One ETF that holds a stock."""

    etf_ticker: str
    etf_type: str
    sector_name: str | None
    holdings_as_of: date
    holding_rank: int
    holding_percent: Decimal
    rank_position: int | None


@dataclass(frozen=True)
class Performer:
    """One stock over a period, whoever holds it."""

    ticker: str
    holding_name: str
    sector: str
    total_return: Decimal
    volatility: Decimal | None
    current_price: Decimal
    market_cap: Decimal | None
    etfs: list[str]
    updated_at: datetime


# Each ETF's newest list at or before a day.
NEWEST_LISTS = """
    SELECT e.ticker AS etf_ticker, (SELECT max(h.as_of_date) FROM collected_04_etf_holdings h
                                    WHERE h.etf_ticker = e.ticker AND h.as_of_date <= %(day)s) AS as_of_date
    FROM collected_00_meta_etf e"""
BEST_FIRST = 't.rank_position NULLS LAST, t.total_return DESC, t.holding_ticker COLLATE "C"'


def snapshot(connection: Connection, etf: str, day: date | None) -> Snapshot | None:
    """The ETF's newest list at or before the day."""
    with connection.cursor(row_factory=class_row(Snapshot)) as cursor:
        return cursor.execute(
            """SELECT as_of_date AS holdings_as_of, sum(holding_percent) AS covered_percent,
                      max(fetched_at) AS fetched_at
               FROM collected_04_etf_holdings
               WHERE etf_ticker = %(etf)s AND as_of_date = (
                   SELECT max(as_of_date) FROM collected_04_etf_holdings
                   WHERE etf_ticker = %(etf)s AND as_of_date <= coalesce(%(day)s, 'infinity'::date))
               GROUP BY as_of_date""",
            {"etf": etf, "day": day},
        ).fetchone()


def holdings(
    connection: Connection, etf: str, holdings_as_of: date, *, day: date, period_days: int, returns_as_of: date | None
) -> list[Holding]:
    """The list's lines, largest first, with their returns of another session."""
    with connection.cursor(row_factory=class_row(Holding)) as cursor:
        return cursor.execute(
            f"""WITH lists AS MATERIALIZED ({NEWEST_LISTS})
                SELECT h.holding_rank, h.holding_ticker AS ticker, h.holding_name,
                       coalesce(s.sector, '{UNKNOWN_SECTOR}') AS sector, h.holding_percent,
                       (SELECT count(*) FROM lists l JOIN collected_04_etf_holdings o USING (etf_ticker, as_of_date)
                        WHERE o.holding_ticker = h.holding_ticker) AS etf_count,
                       (SELECT t.total_return FROM analytics_09_etf_top_holdings t
                        WHERE t.as_of_date = %(returns_as_of)s AND t.etf_ticker = %(etf)s
                          AND t.period_days = %(period_days)s AND t.holding_ticker = h.holding_ticker) AS return_pct
                FROM collected_04_etf_holdings h LEFT JOIN collected_00_meta_stock s ON s.ticker = h.holding_ticker
                WHERE h.etf_ticker = %(etf)s AND h.as_of_date = %(holdings_as_of)s
                ORDER BY h.holding_rank, h.holding_ticker COLLATE "C" """,
            {
                "etf": etf,
                "holdings_as_of": holdings_as_of,
                "day": day,
                "period_days": period_days,
                "returns_as_of": returns_as_of,
            },
        ).fetchall()


def top_holdings(
    connection: Connection, as_of_date: date, period_days: int, *, etfs: list[str], limit: int
) -> list[TopHolding]:
    """The best holdings of each of the ETFs, `limit` of each, ETFs in ticker order."""
    with connection.cursor(row_factory=class_row(TopHolding)) as cursor:
        return cursor.execute(
            f"""SELECT etf_ticker, rank_position, holding_ticker AS ticker, holding_name, holding_sector AS sector,
                       total_return, avg_return, volatility, CASE period_days WHEN 20 THEN sharpe_ratio END
                           AS sharpe_ratio, observations, avg_volume, current_price, currency, market_cap, updated_at
                FROM (SELECT t.*, s.currency,
                             row_number() OVER (PARTITION BY t.etf_ticker ORDER BY {BEST_FIRST}) AS place
                      FROM analytics_09_etf_top_holdings t
                      LEFT JOIN collected_00_meta_stock s ON s.ticker = t.holding_ticker
                      WHERE t.as_of_date = %s AND t.period_days = %s AND t.etf_ticker = ANY(%s)) ranked
                WHERE place <= %s ORDER BY etf_ticker COLLATE "C", place""",
            (as_of_date, period_days, etfs, limit),
        ).fetchall()


def concentrations(connection: Connection, as_of_date: date) -> list[Concentration]:
    """One row an ETF that had a list, in ticker order."""
    with connection.cursor(row_factory=class_row(Concentration)) as cursor:
        return cursor.execute(
            """SELECT c.etf_ticker, e.etf_type, e.sector_name, c.holdings_as_of, c.covered_weight, c.top_1_weight,
                      c.top_5_weight, c.top_10_weight, c.herfindahl_index, c.effective_holdings_min,
                      c.effective_holdings_max, c.updated_at
               FROM analytics_09_etf_concentration c JOIN collected_00_meta_etf e ON e.ticker = c.etf_ticker
               WHERE c.as_of_date = %s ORDER BY c.etf_ticker COLLATE "C" """,
            (as_of_date,),
        ).fetchall()


def overlaps(connection: Connection, as_of_date: date) -> list[Overlap]:
    """Each pair once, the first by ticker in front; the shared tickers are those of the two lists that were used."""
    with connection.cursor(row_factory=class_row(Overlap)) as cursor:
        return cursor.execute(
            f"""SELECT o.etf_ticker, o.other_etf_ticker, o.shared_count,
                       CASE WHEN o.shared_count = 0 THEN ARRAY[]::text[] ELSE ARRAY(
                           SELECT one.holding_ticker FROM collected_04_etf_holdings one
                           JOIN collected_04_etf_holdings other USING (holding_ticker)
                           LEFT JOIN collected_00_meta_stock s ON s.ticker = one.holding_ticker
                           WHERE one.etf_ticker = o.etf_ticker AND one.as_of_date = o.holdings_as_of
                             AND other.etf_ticker = o.other_etf_ticker AND other.as_of_date = o.other_holdings_as_of
                             AND {IS_STOCK}
                           ORDER BY one.holding_ticker COLLATE "C") END AS shared_tickers,
                       o.overlap_weight, o.covered_weight, o.other_covered_weight, o.holdings_as_of,
                       o.other_holdings_as_of, o.updated_at
                FROM analytics_09_etf_overlap o
                WHERE o.as_of_date = %s AND o.etf_ticker COLLATE "C" < o.other_etf_ticker COLLATE "C"
                ORDER BY o.etf_ticker COLLATE "C", o.other_etf_ticker COLLATE "C" """,
            (as_of_date,),
        ).fetchall()


def holders(
    connection: Connection, ticker: str, *, day: date, period_days: int, returns_as_of: date | None
) -> list[Holder]:
    """ETFs whose newest list in reach of the day has the stock, largest share first."""
    with connection.cursor(row_factory=class_row(Holder)) as cursor:
        return cursor.execute(
            f"""SELECT h.etf_ticker, e.etf_type, e.sector_name, h.as_of_date AS holdings_as_of, h.holding_rank,
                       h.holding_percent, t.rank_position
                FROM ({NEWEST_LISTS}) l
                JOIN collected_04_etf_holdings h USING (etf_ticker, as_of_date)
                JOIN collected_00_meta_etf e ON e.ticker = h.etf_ticker
                LEFT JOIN analytics_09_etf_top_holdings t
                    ON t.as_of_date = %(returns_as_of)s AND t.etf_ticker = h.etf_ticker
                    AND t.period_days = %(period_days)s AND t.holding_ticker = h.holding_ticker
                WHERE h.holding_ticker = %(ticker)s AND h.as_of_date >= %(day)s::date - %(reach)s::int
                ORDER BY h.holding_percent DESC, h.etf_ticker COLLATE "C" """,
            {
                "ticker": ticker,
                "day": day,
                "reach": SNAPSHOT_REACH_DAYS,
                "period_days": period_days,
                "returns_as_of": returns_as_of,
            },
        ).fetchall()


def holding_name(connection: Connection, ticker: str) -> str | None:
    """The newest name of a stock that was ever in a list; None when it never was."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: str | None = cursor.execute(
            """SELECT h.holding_name FROM collected_00_meta_etf e
               JOIN collected_04_etf_holdings h ON h.etf_ticker = e.ticker AND h.holding_ticker = %s
               ORDER BY h.as_of_date DESC LIMIT 1""",
            (ticker,),
        ).fetchone()
        return found


def performers(
    connection: Connection, as_of_date: date, period_days: int, *, sector: str | None = None
) -> list[Performer]:
    """Every stock of any list with a total return, best first; ties by ticker."""
    where = "AND holding_sector = %(sector)s" if sector is not None else ""
    with connection.cursor(row_factory=class_row(Performer)) as cursor:
        return cursor.execute(
            f"""SELECT holding_ticker AS ticker, min(holding_name) AS holding_name, min(holding_sector) AS sector,
                       max(total_return) AS total_return, max(volatility) AS volatility,
                       max(current_price) AS current_price, max(market_cap) AS market_cap,
                       array_agg(etf_ticker ORDER BY etf_ticker COLLATE "C") AS etfs, max(updated_at) AS updated_at
                FROM analytics_09_etf_top_holdings
                WHERE as_of_date = %(day)s AND period_days = %(period_days)s {where}
                GROUP BY holding_ticker ORDER BY max(total_return) DESC, holding_ticker COLLATE "C" """,
            {"day": as_of_date, "period_days": period_days, "sector": sector},
        ).fetchall()
