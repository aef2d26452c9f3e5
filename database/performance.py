"""Realised performance (rules 8): analytics_portfolio_performance, one row per strategy, origin and session."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from config.universe import BENCHMARK
from database import changes
from database.connection import Connection
from database.extracts import WEIGHTS
from database.staging import replace_rows

TABLE = "analytics_portfolio_performance"
KEY = ("strategy", "origin", "trade_date")
COLUMNS = (
    *KEY,
    "daily_return",
    "benchmark_return",
    "equity",
    "equity_net",
    "benchmark_equity",
    "turnover",
    "cost",
    "positions",
    "incomplete",
    "without_bar",
)

REACH_DAYS = 30  # before the oldest portfolio: a bar that is older has been missing for more than 5 sessions


def oldest_portfolio(connection: Connection, *, before: date) -> date | None:
    """Date of the oldest published portfolio of any strategy; only one before the session can have been bought."""
    row = connection.execute(
        "SELECT min(as_of_date) FROM analytics_portfolios WHERE as_of_date < %s", (before,)
    ).fetchone()
    return row[0] if row else None


def sessions_without_row(connection: Connection, sessions: Sequence[date]) -> list[date]:
    """Which of the sessions come after a strategy's oldest portfolio and have no row of that strategy; oldest first.

    From its first purchase on a strategy is always in one of its series: what is live is held until the next live one.
    """
    rows = connection.execute(
        f"""SELECT day FROM unnest(%s::date[]) AS sessions (day)
            WHERE EXISTS (SELECT FROM (SELECT strategy, min(as_of_date) AS oldest
                                       FROM analytics_portfolios GROUP BY strategy) p
                          WHERE p.oldest < day AND NOT EXISTS (
                              SELECT FROM {TABLE} r WHERE (r.strategy, r.trade_date) = (p.strategy, day)))
            ORDER BY day""",
        (list(sessions),),
    )
    return [row[0] for row in rows]


def changed_since(connection: Connection, as_of_date: date, since: datetime) -> bool:
    """Whether a portfolio was published or revised, or a bar or rate that the series use has changed.

    Adjusted closes restated alone don't count, here as everywhere.
    """
    return changes.found(
        connection,
        "WITH oldest AS (SELECT min(as_of_date) AS day FROM analytics_portfolios WHERE as_of_date < %(day)s)",
        "EXISTS (SELECT FROM analytics_portfolios WHERE as_of_date < %(day)s AND created_at > %(since)s)",
        "EXISTS (SELECT FROM analytics_portfolio_revisions WHERE as_of_date < %(day)s AND created_at > %(since)s)",
        f"""EXISTS (SELECT FROM collected_06_daily_stock_history, oldest
                    WHERE changed_at > %(since)s AND trade_date BETWEEN oldest.day - %(reach)s AND %(day)s
                      AND ticker IN (SELECT ticker FROM ({WEIGHTS}) w WHERE as_of_date < %(day)s))""",
        """EXISTS (SELECT FROM collected_01_daily_etf_ohlc, oldest WHERE ticker = %(benchmark)s
                   AND changed_at > %(since)s AND trade_date BETWEEN oldest.day - %(reach)s AND %(day)s)""",
        """EXISTS (SELECT FROM collected_00_fx_rate, oldest
                   WHERE changed_at > %(since)s AND rate_date BETWEEN oldest.day - %(reach)s AND %(day)s)""",
        asked={"day": as_of_date, "since": since, "benchmark": BENCHMARK, "reach": REACH_DAYS},
    )


def replace_performance(connection: Connection, rows: Sequence[Mapping[str, Any]], *, last: date, run_id: str) -> None:
    """Put the series in the place of all rows up to the session, in one transaction; a row that is equal stays.

    Rows up to the session that the series no longer have go; later rows are another run's.
    """
    with connection.transaction():
        stored: Iterable[Sequence[object]] = connection.execute(
            f"SELECT strategy, origin, trade_date FROM {TABLE} WHERE trade_date <= %s", (last,)
        ).fetchall()
        replace_rows(
            connection,
            TABLE,
            COLUMNS,
            rows,
            group=KEY,
            groups={*stored, *((row["strategy"], row["origin"], row["trade_date"]) for row in rows)},
            run_id=run_id,
        )
