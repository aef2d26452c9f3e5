"""Results by calendar month, as readers see them (rules 7). Returns are percent.

A month's as_of_date: its last session; of the running month the session that the run that wrote it was for.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg.rows import class_row

from config.universe import BENCHMARK, UNKNOWN_SECTOR
from database.connection import Connection
from database.read_stocks import IS_STOCK


@dataclass(frozen=True, order=True)
class Month:
    """One month that has a result. `run_as_of`: of the newest run that wrote a row of it."""

    year: int
    month: int
    is_partial: bool
    updated_at: datetime
    run_as_of: date | None

    @property
    def name(self) -> str:
        """2026-01."""
        return f"{self.year}-{self.month:02d}"


@dataclass(frozen=True)
class EtfMonth:
    """One ETF's month."""

    year: int
    month: int
    etf_ticker: str
    return_pct: Decimal
    spy_return_pct: Decimal
    is_partial: bool


@dataclass(frozen=True)
class SectorMonth:
    """One sector's month."""

    year: int
    month: int
    sector: str
    stock_count: int
    avg_monthly_return: Decimal
    volatility: Decimal | None
    positive_days: int
    total_trading_days: int
    positive_rate: Decimal | None
    best_day: Decimal | None
    worst_day: Decimal | None
    is_trending: bool


@dataclass(frozen=True)
class StockMonth:
    """One stock's month."""

    ticker: str
    company_name: str | None
    sector: str
    avg_monthly_return: Decimal
    vs_sector: Decimal
    volatility: Decimal | None
    total_volume: int
    month_high: Decimal | None
    month_low: Decimal | None
    trading_days: int
    is_trending: bool


MONTHS = """SELECT m.year, m.month, bool_or(m.is_partial) AS is_partial, max(m.updated_at) AS updated_at,
                   max(r.as_of_date) AS run_as_of
            FROM analytics_etf_monthly m LEFT JOIN process_executions r USING (run_id)"""


def months(connection: Connection, *, until: tuple[int, int], count: int) -> list[Month]:
    """The newest months with a result up to (year, month), oldest first."""
    with connection.cursor(row_factory=class_row(Month)) as cursor:
        found = cursor.execute(
            f"""{MONTHS} WHERE (m.year, m.month) <= (%s, %s)
                GROUP BY m.year, m.month ORDER BY m.year DESC, m.month DESC LIMIT %s""",
            (*until, count),
        ).fetchall()
    return found[::-1]


def etf_months(connection: Connection, first: Month, last: Month) -> list[EtfMonth]:
    """Every ETF's returns of those months, oldest month first."""
    with connection.cursor(row_factory=class_row(EtfMonth)) as cursor:
        return cursor.execute(
            """SELECT year, month, etf_ticker, return_pct, spy_return_pct, is_partial FROM analytics_etf_monthly
               WHERE (year, month) >= (%s, %s) AND (year, month) <= (%s, %s) ORDER BY year, month""",
            (first.year, first.month, last.year, last.month),
        ).fetchall()


def sector_months(connection: Connection, first: Month, last: Month) -> list[SectorMonth]:
    """Every sector's rows of those months, oldest month first, within it in name order, Unknown last."""
    with connection.cursor(row_factory=class_row(SectorMonth)) as cursor:
        return cursor.execute(
            f"""SELECT year, month, sector, stock_count, avg_monthly_return, volatility, positive_days,
                       total_trading_days, positive_rate, best_day, worst_day, is_trending
                FROM analytics_sector_trending
                WHERE (year, month) >= (%s, %s) AND (year, month) <= (%s, %s)
                ORDER BY year, month, sector = '{UNKNOWN_SECTOR}', sector COLLATE "C" """,
            (first.year, first.month, last.year, last.month),
        ).fetchall()


def best_stocks(connection: Connection, month: Month, *, of_each: int) -> list[StockMonth]:
    """The best stocks of each sector, as many as `of_each`, best first; ties by ticker."""
    with connection.cursor(row_factory=class_row(StockMonth)) as cursor:
        return cursor.execute(
            """SELECT s.ticker, s.company_name, s.sector, s.avg_monthly_return, s.vs_sector, s.volatility,
                      s.total_volume, s.month_high, s.month_low, s.trading_days, s.is_trending
               FROM analytics_sector_trending m CROSS JOIN LATERAL (
                   SELECT * FROM analytics_stock_trending of_sector
                   WHERE (of_sector.year, of_sector.month, of_sector.sector) = (m.year, m.month, m.sector)
                   ORDER BY avg_monthly_return DESC, ticker COLLATE "C" LIMIT %s) s
               WHERE (m.year, m.month) = (%s, %s)
               ORDER BY s.avg_monthly_return DESC, s.ticker COLLATE "C" """,
            (of_each, month.year, month.month),
        ).fetchall()


def stock_counts(connection: Connection) -> dict[str, int]:
    """sector → known stocks."""
    rows = connection.execute(
        f"""SELECT coalesce(sector, '{UNKNOWN_SECTOR}'), count(*) FROM collected_00_meta_stock
            WHERE {IS_STOCK} GROUP BY 1"""
    ).fetchall()
    return dict(rows)


def spy_returns(connection: Connection, first: Month, last: Month) -> dict[tuple[int, int], Decimal]:
    """(year, month) → SPY's return."""
    rows = [row for row in etf_months(connection, first, last) if row.etf_ticker == BENCHMARK]
    return {(row.year, row.month): row.return_pct for row in rows}
