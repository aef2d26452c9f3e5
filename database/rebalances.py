"""What the monthly portfolio is made of (rules 5): the newest session whose three portfolios exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from config.universe import MONTHLY_INPUT_REACH_DAYS, PERIODS
from database import changes
from database.connection import Connection


@dataclass(frozen=True)
class Input:
    """The session whose portfolios are merged. `left_out`: what any of them lacked, as {ticker, etf, reason}."""

    rebalance_date: date
    as_of_date: date
    holdings_oldest: date | None
    left_out: list[dict[str, str | None]]


def inputs(connection: Connection, rebalance_dates: Sequence[date]) -> dict[date, Input]:
    """rebalance_date → its newest input, however old; none where no session at or before it has all three headers."""
    with connection.cursor(row_factory=class_row(Input)) as cursor:
        rows = cursor.execute(
            """SELECT d.rebalance_date, newest.as_of_date, min(h.holdings_oldest) AS holdings_oldest,
                      coalesce(jsonb_agg(DISTINCT missing) FILTER (WHERE missing IS NOT NULL), '[]') AS left_out
               FROM unnest(%(dates)s::date[]) AS d (rebalance_date)
               CROSS JOIN LATERAL (
                   SELECT as_of_date FROM analytics_portfolios
                   WHERE strategy <> 'monthly' AND as_of_date <= d.rebalance_date
                   GROUP BY as_of_date HAVING count(*) = %(periods)s ORDER BY as_of_date DESC LIMIT 1) newest
               JOIN analytics_portfolios h ON h.as_of_date = newest.as_of_date AND h.strategy <> 'monthly'
               LEFT JOIN LATERAL jsonb_array_elements(h.left_out) missing ON true
               GROUP BY d.rebalance_date, newest.as_of_date""",
            {"dates": list(rebalance_dates), "periods": len(PERIODS)},
        ).fetchall()
    return {row.rebalance_date: row for row in rows}


def changed_since(connection: Connection, rebalance_date: date, first_bar: date, since: datetime) -> bool:
    """Whether what the rebalance was made of has changed: a session was added or revised, or a held stock's bar."""
    in_reach = "strategy <> 'monthly' AND as_of_date BETWEEN %(day)s - %(reach)s AND %(day)s"
    return changes.found(
        connection,
        "WITH looked_at AS (SELECT ticker FROM analytics_08_monthly_portfolio WHERE rebalance_date = %(day)s)",
        f"EXISTS (SELECT FROM analytics_portfolios WHERE {in_reach} AND created_at > %(since)s)",
        f"EXISTS (SELECT FROM analytics_portfolio_revisions WHERE {in_reach} AND created_at > %(since)s)",
        changes.BARS,
        asked=changes.parameters(rebalance_date, first_bar, since) | {"reach": MONTHLY_INPUT_REACH_DAYS},
    )
