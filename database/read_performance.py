"""Realised performance as readers see it (rules 8): the stored series, and what was published when."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from psycopg.rows import class_row

from database.connection import Connection
from database.extracts import DAILY_WEIGHTS, MONTHLY_WEIGHTS, REPLACED_WEIGHTS, REVISIONS
from database.read_portfolios import Strategy

Origin = Literal["live", "simulated"]


@dataclass(frozen=True)
class StoredDay:
    """One session: returns in percent, the rest in fractions. A series begins where daily_return is None."""

    origin: Origin
    trade_date: date
    daily_return: Decimal | None
    benchmark_return: Decimal | None
    equity: Decimal
    benchmark_equity: Decimal
    turnover: Decimal
    cost: Decimal
    positions: int
    incomplete: bool
    without_bar: str | None
    updated_at: datetime


@dataclass(frozen=True)
class Revision:
    """One revision of a published portfolio."""

    as_of_date: date
    origin: Origin
    revision: int
    published_at: datetime


def stored_days(connection: Connection, strategy: Strategy) -> list[StoredDay]:
    """All series of a strategy: the live one first, each from its first session on."""
    with connection.cursor(row_factory=class_row(StoredDay)) as cursor:
        return cursor.execute(
            """SELECT origin, trade_date, daily_return, benchmark_return, equity, benchmark_equity, turnover, cost,
                      positions, incomplete, without_bar, updated_at
               FROM analytics_portfolio_performance WHERE strategy = %s ORDER BY origin, trade_date""",
            (strategy,),
        ).fetchall()


def revisions(connection: Connection, strategy: Strategy) -> list[Revision]:
    """Every revision of the strategy's portfolios, by date and revision."""
    with connection.cursor(row_factory=class_row(Revision)) as cursor:
        return cursor.execute(
            f"""SELECT as_of_date, origin, revision, published_at FROM ({REVISIONS}) p
                WHERE strategy = %s ORDER BY as_of_date, revision""",
            (strategy,),
        ).fetchall()


def weights(
    connection: Connection, strategy: Strategy, first: date, last: date
) -> dict[tuple[date, int], dict[str, Decimal]]:
    """(as_of_date, revision) → ticker → fraction, largest first, of the portfolios from first to last."""
    newest = MONTHLY_WEIGHTS if strategy == "monthly" else DAILY_WEIGHTS
    rows = connection.execute(
        f"""SELECT as_of_date, revision, ticker, portfolio_weight FROM ({newest} UNION ALL {REPLACED_WEIGHTS}) p
            WHERE strategy = %s AND as_of_date BETWEEN %s AND %s
            ORDER BY portfolio_weight DESC, ticker COLLATE "C" """,
        (strategy, first, last),
    )
    found: dict[tuple[date, int], dict[str, Decimal]] = defaultdict(dict)
    for as_of_date, revision, ticker, weight in rows:
        found[as_of_date, revision][ticker] = weight
    return found
