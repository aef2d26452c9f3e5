"""Results of stage 3 (rules 3): analytics_03_trending_etfs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import sql

from config.universe import BENCHMARK, PERIODS, tickers_of
from database.connection import Connection
from database.staging import stage
from utils.sessions import session_offset

TABLE = "analytics_03_trending_etfs"
COLUMNS = (
    "as_of_date",
    "etf_ticker",
    "period_days",
    "etf_type",
    "sector_name",
    "return_pct",
    "spy_return_pct",
    "outperformance",
    "rank_by_outperformance",
    "is_trending",
)


def computed_sessions(connection: Connection, first: date, last: date) -> set[date]:
    """Sessions of that range which have a result."""
    rows = connection.execute(
        f"SELECT DISTINCT as_of_date FROM {TABLE} WHERE as_of_date BETWEEN %s AND %s", (first, last)
    )
    return {row[0] for row in rows}


@dataclass(frozen=True)
class Measured:
    """What stage 3 found for one session and period."""

    trending: tuple[str, ...]
    without_return: dict[str, str]


def measured(connection: Connection, sessions: Sequence[date]) -> dict[tuple[date, int], Measured]:
    """(session, period) → its trending ETFs and, with the reason, the ETFs of the universe that have no return.

    A session that stage 3 has no result for is not among the keys.
    """
    rows = connection.execute(
        f"SELECT as_of_date, period_days, etf_ticker, is_trending FROM {TABLE} WHERE as_of_date = ANY(%s)",
        (list(sessions),),
    )
    etfs: dict[tuple[date, int], dict[str, bool]] = defaultdict(dict)
    for session, period, etf, is_trending in rows:
        etfs[session, period][etf] = is_trending
    doubts = _doubts(connection, min(sessions), max(sessions)) if sessions else {}
    return {
        (session, period): Measured(
            tuple(sorted(etf for etf, is_trending in found.items() if is_trending)),
            {
                etf: "in_doubt"
                if _between(doubts.get(etf, []), session_offset(session, -period), session)
                else "no_return"
                for etf in tickers_of("all")
                if etf not in found
            },
        )
        for (session, period), found in etfs.items()
    }


def _doubts(connection: Connection, first: date, last: date) -> dict[str, list[date]]:
    rows = connection.execute(
        """SELECT ticker, array_agg(trade_date) FROM collected_01_daily_etf_ohlc
           WHERE doubt IS NOT NULL AND confirmed_at IS NULL AND trade_date BETWEEN %s AND %s GROUP BY ticker""",
        (session_offset(first, -max(PERIODS)), last),
    )
    return dict(rows.fetchall())


def _between(days: Sequence[date], first: date, last: date) -> bool:
    return any(first <= day <= last for day in days)


def first_benchmark_bar(connection: Connection) -> date | None:
    """The oldest stored bar of SPY: no return can start before it."""
    row = connection.execute(
        "SELECT min(trade_date) FROM collected_01_daily_etf_ohlc WHERE ticker = %s", (BENCHMARK,)
    ).fetchone()
    return row[0] if row else None


def changed_since(connection: Connection, first: date, last: date, since: datetime) -> bool:
    """Whether an ETF's bar of those sessions has changed; restated adjusted closes alone do not count."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM collected_01_daily_etf_ohlc
                          WHERE trade_date BETWEEN %s AND %s AND changed_at > %s)""",
        (first, last, since),
    ).fetchone()
    return bool(row and row[0])


def replace_trending(
    connection: Connection, *, run_id: str, as_of_date: date, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Put a session's rows in place of its old ones, in one transaction; equal ones stay untouched.

    Rows that stay keep their updated_at, which tells stage 5 that nothing it reads has changed. Returns the number of
    rows of the session.
    """
    with connection.transaction():
        new = stage(connection, TABLE, COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
        columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        parts = {"new": new, "table": sql.Identifier(TABLE), "columns": columns}
        old = sql.SQL("SELECT {columns} FROM {table} WHERE as_of_date = %(day)s").format(**parts)
        differs = connection.execute(
            sql.SQL(
                """SELECT EXISTS ((SELECT {columns} FROM {new} EXCEPT {old}) UNION ALL
                                  ({old} EXCEPT SELECT {columns} FROM {new}))"""
            ).format(**parts, old=old),
            {"day": as_of_date},
        ).fetchone()
        if differs and differs[0]:
            connection.execute(sql.SQL("DELETE FROM {table} WHERE as_of_date = %s").format(**parts), (as_of_date,))
            connection.execute(
                sql.SQL("INSERT INTO {table} ({columns}, run_id) SELECT {columns}, %s FROM {new}").format(**parts),
                (run_id,),
            )
    return len(rows)
