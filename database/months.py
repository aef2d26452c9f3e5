"""Results by calendar month (rules 7): analytics_etf_monthly, analytics_sector_trending, analytics_stock_trending.

A month is named by its as_of_date: its last session, or the newest one of the running month.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from config.universe import BENCHMARK
from database import changes
from database.connection import Connection
from database.staging import replace_rows

ETFS = "analytics_etf_monthly"
SECTORS = "analytics_sector_trending"
STOCKS = "analytics_stock_trending"
MONTH = ("year", "month")
COLUMNS = {
    ETFS: (*MONTH, "etf_ticker", "return_pct", "spy_return_pct", "is_partial"),
    SECTORS: (
        *MONTH,
        "sector",
        "stock_count",
        "avg_monthly_return",
        "volatility",
        "positive_days",
        "total_trading_days",
        "positive_rate",
        "best_day",
        "worst_day",
        "is_trending",
    ),
    STOCKS: (
        *MONTH,
        "ticker",
        "company_name",
        "sector",
        "avg_monthly_return",
        "vs_sector",
        "volatility",
        "total_volume",
        "month_high",
        "month_low",
        "trading_days",
        "is_trending",
    ),
}

Rows = Iterable[Mapping[str, Any]]


def replace_months(
    connection: Connection, *, etfs: Rows, sectors: Rows, stocks: Rows, as_of_dates: Sequence[date], run_id: str
) -> None:
    """Put the months' rows in place of their old ones, all three tables in one transaction."""
    with connection.transaction():
        for table, rows in ((ETFS, etfs), (SECTORS, sectors), (STOCKS, stocks)):
            replace_rows(
                connection,
                table,
                COLUMNS[table],
                rows,
                group=MONTH,
                groups=[(as_of_date.year, as_of_date.month) for as_of_date in as_of_dates],
                run_id=run_id,
            )


def complete_months(connection: Connection) -> set[tuple[int, int]]:
    """(year, month) of the months that have a result of all their sessions."""
    return set(connection.execute(f"SELECT DISTINCT year, month FROM {ETFS} WHERE NOT is_partial").fetchall())


def benchmark_days(connection: Connection, days: Collection[date]) -> set[date]:
    """Those of the days on which SPY has a bar."""
    rows = connection.execute(
        "SELECT trade_date FROM collected_01_daily_etf_ohlc WHERE ticker = %s AND trade_date = ANY(%s)",
        (BENCHMARK, list(days)),
    )
    return {row[0] for row in rows}


def stocks_changed_since(connection: Connection, as_of_date: date, first: date, since: datetime) -> bool:
    """Whether a row that was read for the month's stocks has changed; adjusted closes restated alone don't count.

    What was read: every list in reach, with what is known of each holding, and their bars from `first`.
    """
    return changes.found(
        connection,
        """WITH listed AS (SELECT holding_ticker, changed_at FROM collected_04_etf_holdings
                           WHERE as_of_date BETWEEN %(day)s - %(list_reach)s AND %(day)s),
                looked_at AS (SELECT DISTINCT holding_ticker AS ticker FROM listed)""",
        changes.LISTS,
        changes.PROFILES,
        changes.BARS,
        asked=changes.parameters(as_of_date, first, since),
    )
