"""Results of stage 5 (rules 4): positions, candidates, and a header for every computed portfolio, empty ones too.

A portfolio's rows are replaced in one transaction with their header, never upserted. A header is never deleted: what
was published before is kept in analytics_portfolio_revisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from config.universe import CARRIED_CAP_REACH_DAYS, FX_REACH_DAYS, PERIODS, SNAPSHOT_REACH_DAYS
from database.connection import Connection
from database.staging import stage

POSITIONS = "analytics_05_portfolio_allocation"
CANDIDATES = "analytics_05_candidates"

# A difference in one of these makes a new revision; names and sectors are what is known today (rules 4, 7).
PUBLISHED = (
    "ticker",
    "market_cap",
    "return_pct",
    "portfolio_weight",
    "rank",
    "allocation_score",
    "source_etfs",
    "allocation_reason",
    "market_cap_source",
)
POSITION_COLUMNS = ("as_of_date", "period_days", "company_name", "sector", *PUBLISHED)
CANDIDATE_COLUMNS = (
    "as_of_date",
    "period_days",
    "etf_ticker",
    "ticker",
    "holding_rank",
    "holding_percent",
    "holdings_as_of",
    "return_pct",
    "market_cap",
    "outcome",
)


class WeightsDoNotSum(AssertionError):
    """The weights of a portfolio don't sum to exactly 1: nothing of the session is written."""


@dataclass(frozen=True)
class Portfolio:
    """One period's portfolio, to be published. `left_out`: {ticker, etf, reason} of what could have given one more."""

    period_days: int
    positions: Sequence[Mapping[str, Any]]
    candidates: Sequence[Mapping[str, Any]]
    trending_etfs: int
    holdings_oldest: date | None
    left_out: Sequence[Mapping[str, str | None]]

    @property
    def strategy(self) -> str:
        """5d, 10d or 20d."""
        return f"{self.period_days}d"

    @property
    def status(self) -> str:
        """complete, partial or empty (rules 4, Header)."""
        if self.left_out:
            return "partial"
        return "complete" if self.positions else "empty"


def replace_portfolios(
    connection: Connection,
    *,
    run_id: str,
    as_of_date: date,
    portfolios: Sequence[Portfolio],
    published_at: datetime,
    next_close: datetime,
) -> int:
    """Publish the portfolios of a session in one transaction; the number of rows written.

    published_at: the platform's clock; next_close: the close of the session after as_of_date, before which a first
    revision is live (rules 4). Raises WeightsDoNotSum.
    """
    with connection.transaction():
        positions = [row for portfolio in portfolios for row in portfolio.positions]
        candidates = [row for portfolio in portfolios for row in portfolio.candidates]
        new = stage(connection, POSITIONS, POSITION_COLUMNS, _cells(positions, POSITION_COLUMNS))
        looked_at = stage(connection, CANDIDATES, CANDIDATE_COLUMNS, _cells(candidates, CANDIDATE_COLUMNS))
        for portfolio in portfolios:
            _write_header(
                connection,
                portfolio,
                run_id=run_id,
                as_of_date=as_of_date,
                published_at=published_at,
                next_close=next_close,
                changed=_differs(connection, new, as_of_date, portfolio),
            )
        which: dict[str, Any] = {
            "as_of_date": as_of_date,
            "periods": [portfolio.period_days for portfolio in portfolios],
        }
        _replace(connection, POSITIONS, POSITION_COLUMNS, new, run_id=run_id, **which)
        _replace(connection, CANDIDATES, CANDIDATE_COLUMNS, looked_at, run_id=run_id, **which)
        _assert_weights(connection, **which)
    return len(positions) + len(candidates) + len(portfolios)


def _cells(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Sequence[list[Any]]:
    return [[row[name] for name in columns] for row in rows]


def _differs(connection: Connection, new: sql.Identifier, as_of_date: date, portfolio: Portfolio) -> bool:
    """Whether a position differs from the published ones."""
    columns = sql.SQL(", ").join(map(sql.Identifier, PUBLISHED))
    which = sql.SQL("WHERE as_of_date = %(day)s AND period_days = %(days)s")
    staged = sql.SQL("SELECT {} FROM {} ").format(columns, new) + which
    stored = sql.SQL("SELECT {} FROM {} ").format(columns, sql.Identifier(POSITIONS)) + which
    row = connection.execute(
        sql.SQL("SELECT EXISTS (({0} EXCEPT {1}) UNION ALL ({1} EXCEPT {0}))").format(staged, stored),
        {"day": as_of_date, "days": portfolio.period_days},
    ).fetchone()
    return bool(row and row[0])


def _write_header(
    connection: Connection,
    portfolio: Portfolio,
    *,
    run_id: str,
    as_of_date: date,
    published_at: datetime,
    next_close: datetime,
    changed: bool,
) -> None:
    """The first header, the same revision computed again, or the next revision with the old one kept."""
    values = {
        "strategy": portfolio.strategy,
        "day": as_of_date,
        "days": portfolio.period_days,
        "run_id": run_id,
        "status": portfolio.status,
        "origin": "live" if published_at < next_close else "simulated",
        "positions": len(portfolio.positions),
        "trending_etfs": portfolio.trending_etfs,
        "holdings_oldest": portfolio.holdings_oldest,
        "left_out": Jsonb(list(portfolio.left_out)),
        "published_at": published_at,
        "changed": changed,
    }
    old = connection.execute(
        """SELECT %(changed)s OR status <> %(status)s OR left_out <> %(left_out)s FROM analytics_portfolios
           WHERE strategy = %(strategy)s AND as_of_date = %(day)s FOR UPDATE""",
        values,
    ).fetchone()
    if old is None:
        connection.execute(
            """INSERT INTO analytics_portfolios
                   (strategy, as_of_date, revision, status, origin, positions, trending_etfs, holdings_oldest, left_out,
                    first_published_at, published_at, computed_at, run_id)
               VALUES (%(strategy)s, %(day)s, 1, %(status)s, %(origin)s, %(positions)s, %(trending_etfs)s,
                       %(holdings_oldest)s, %(left_out)s, %(published_at)s, %(published_at)s, now(), %(run_id)s)""",
            values,
        )
        return
    values["revised"] = old[0]
    if old[0]:
        connection.execute(
            f"""INSERT INTO analytics_portfolio_revisions (strategy, as_of_date, revision, header, positions, run_id)
                SELECT h.strategy, h.as_of_date, h.revision, to_jsonb(h),
                       coalesce((SELECT jsonb_agg(to_jsonb(p) ORDER BY p.rank) FROM {POSITIONS} p
                                 WHERE p.as_of_date = h.as_of_date AND p.period_days = %(days)s), '[]'), %(run_id)s
                FROM analytics_portfolios h WHERE h.strategy = %(strategy)s AND h.as_of_date = %(day)s""",
            values,
        )
    # The platform's clock may have been set back between two revisions; published_at never is.
    connection.execute(
        """UPDATE analytics_portfolios SET
               revision = revision + %(revised)s::int, status = %(status)s, positions = %(positions)s,
               trending_etfs = %(trending_etfs)s, holdings_oldest = %(holdings_oldest)s, left_out = %(left_out)s,
               published_at = CASE WHEN %(revised)s THEN greatest(published_at, %(published_at)s)
                                   ELSE published_at END,
               computed_at = now(), run_id = %(run_id)s, updated_at = now()
           WHERE strategy = %(strategy)s AND as_of_date = %(day)s""",
        values,
    )


def _replace(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    staged: sql.Identifier,
    *,
    run_id: str,
    as_of_date: date,
    periods: list[int],
) -> None:
    parts = {"table": sql.Identifier(table), "new": staged, "columns": sql.SQL(", ").join(map(sql.Identifier, columns))}
    connection.execute(
        sql.SQL("DELETE FROM {table} WHERE as_of_date = %s AND period_days = ANY(%s)").format(**parts),
        (as_of_date, periods),
    )
    connection.execute(
        sql.SQL("INSERT INTO {table} ({columns}, run_id) SELECT {columns}, %s FROM {new}").format(**parts), (run_id,)
    )


def _assert_weights(connection: Connection, *, as_of_date: date, periods: list[int]) -> None:
    wrong = connection.execute(
        f"""SELECT period_days, sum(portfolio_weight) FROM {POSITIONS}
            WHERE as_of_date = %s AND period_days = ANY(%s) GROUP BY period_days HAVING sum(portfolio_weight) <> 1""",
        (as_of_date, periods),
    ).fetchall()
    if wrong:
        found = ", ".join(f"{days}d: {total}" for days, total in wrong)
        raise WeightsDoNotSum(f"{as_of_date}: expected weights that sum to 1, got {found}")


def computed_sessions(connection: Connection, first: date, last: date) -> set[date]:
    """Sessions of that range which have all three headers."""
    rows = connection.execute(
        """SELECT as_of_date FROM analytics_portfolios WHERE as_of_date BETWEEN %s AND %s AND strategy <> 'monthly'
           GROUP BY as_of_date HAVING count(*) = %s""",
        (first, last, len(PERIODS)),
    )
    return {row[0] for row in rows}


def first_snapshot(connection: Connection) -> date | None:
    """Date of the oldest stored holdings list."""
    row = connection.execute("SELECT min(as_of_date) FROM collected_04_etf_holdings").fetchone()
    return row[0] if row else None


def changed_since(connection: Connection, as_of_date: date, first: date, since: datetime) -> bool:
    """Whether a row that was read for the session's portfolios has changed; adjusted closes restated alone don't count.

    What was read: its trending ETFs; their lists in reach, with what is known of each holding; bars (from `first`),
    caps and rates of the holdings looked at. Of later caps only one that may serve is read: the nearest.
    """
    row = connection.execute(
        """WITH trending AS (SELECT DISTINCT etf_ticker FROM analytics_03_trending_etfs
                             WHERE as_of_date = %(day)s AND is_trending),
                listed AS (SELECT holding_ticker, changed_at
                           FROM collected_04_etf_holdings JOIN trending USING (etf_ticker)
                           WHERE as_of_date BETWEEN %(day)s - %(list_reach)s AND %(day)s),
                looked_at AS (SELECT DISTINCT ticker FROM analytics_05_candidates WHERE as_of_date = %(day)s),
                quotes AS (SELECT ticker, session_date, changed_at FROM collected_00_market_cap
                           JOIN looked_at USING (ticker) WHERE session_date >= %(day)s - %(cap_reach)s)
           SELECT EXISTS (SELECT FROM analytics_03_trending_etfs WHERE as_of_date = %(day)s AND updated_at > %(since)s)
               OR EXISTS (SELECT FROM listed WHERE changed_at > %(since)s)
               OR EXISTS (SELECT FROM collected_00_meta_stock WHERE changed_at > %(since)s
                          AND ticker IN (SELECT holding_ticker FROM listed))
               OR EXISTS (SELECT FROM collected_06_daily_stock_history JOIN looked_at USING (ticker)
                          WHERE trade_date BETWEEN %(first)s AND %(day)s AND changed_at > %(since)s)
               OR EXISTS (SELECT FROM quotes q WHERE changed_at > %(since)s
                          AND (session_date <= %(day)s
                               OR session_date = (SELECT min(o.session_date) FROM quotes o WHERE o.ticker = q.ticker)))
               OR EXISTS (SELECT FROM collected_00_fx_rate WHERE changed_at > %(since)s
                          AND rate_date >= %(day)s - %(rate_reach)s AND rate_date < %(day)s)""",
        {
            "day": as_of_date,
            "first": first,
            "since": since,
            "list_reach": SNAPSHOT_REACH_DAYS,
            "cap_reach": CARRIED_CAP_REACH_DAYS,
            "rate_reach": FX_REACH_DAYS,
        },
    ).fetchone()
    return bool(row and row[0])
