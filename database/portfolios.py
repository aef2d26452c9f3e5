"""Published portfolios (rules 4, 5): positions, candidates, and a header for every computed one, empty ones too.

A portfolio's rows are replaced in one transaction with their header, never upserted. A header is never deleted: what
was published before is kept in analytics_portfolio_revisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg import sql
from psycopg.types.json import Jsonb

from config.universe import PERIODS
from database import changes
from database.connection import Connection
from database.staging import names, replace_rows, stage

HEADERS = "analytics_portfolios"
CANDIDATES = "analytics_05_candidates"
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


class Kind(NamedTuple):
    """Where the positions of a kind of portfolio are kept. `strategy` and `day`: SQL of its header's key."""

    table: str
    group: tuple[str, ...]
    published: tuple[str, ...]  # a difference in one of these makes a new revision
    known_today: tuple[str, ...]  # names and sectors are what is known today (rules 4, 7)
    strategy: str
    day: str
    weight: str
    rank: str

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, in the table's order of importance."""
        return (*self.group, *self.published, *self.known_today)


DAILY = Kind(
    table="analytics_05_portfolio_allocation",
    group=("as_of_date", "period_days"),
    published=(
        "ticker",
        "market_cap",
        "return_pct",
        "portfolio_weight",
        "rank",
        "allocation_score",
        "source_etfs",
        "allocation_reason",
        "market_cap_source",
    ),
    known_today=("company_name", "sector"),
    strategy="p.period_days || 'd'",
    day="p.as_of_date",
    weight="portfolio_weight",
    rank="rank",
)
MONTHLY = Kind(
    table="analytics_08_monthly_portfolio",
    group=("rebalance_date",),
    published=(
        "ticker",
        "valid_until",
        "final_rank",
        "final_weight",
        "score",
        "source_periods",
        "return_20d",
        "market_cap",
        "allocation_reason",
    ),
    known_today=("company_name", "sector"),
    strategy="'monthly'",
    day="p.rebalance_date",
    weight="final_weight",
    rank="final_rank",
)


class WeightsDoNotSum(AssertionError):
    """The weights of a portfolio don't sum to exactly 1: nothing of the transaction is written."""


@dataclass(frozen=True)
class Portfolio:
    """One portfolio to be published. `left_out`: {ticker, etf, reason} of what could have given one more position.

    `next_close`: the close of the session after as_of_date, before which a first revision is live (rules 4).
    """

    strategy: str
    as_of_date: date
    next_close: datetime
    positions: Sequence[Mapping[str, Any]]
    left_out: Sequence[Mapping[str, str | None]]
    candidates: Sequence[Mapping[str, Any]] = field(default=())
    trending_etfs: int | None = None
    holdings_oldest: date | None = None
    input_as_of_date: date | None = None

    @property
    def status(self) -> str:
        """complete, partial or empty (rules 4, Header)."""
        if self.left_out:
            return "partial"
        return "complete" if self.positions else "empty"

    def header(self, published_at: datetime) -> dict[str, Any]:
        """The header's row, as if it were a first publication."""
        return {
            "strategy": self.strategy,
            "as_of_date": self.as_of_date,
            "status": self.status,
            "origin": "live" if published_at < self.next_close else "simulated",
            "positions": len(self.positions),
            "trending_etfs": self.trending_etfs,
            "holdings_oldest": self.holdings_oldest,
            "input_as_of_date": self.input_as_of_date,
            "left_out": Jsonb(list(self.left_out)),
            "published_at": published_at,
        }


HEADER_COLUMNS = (
    "strategy",
    "as_of_date",
    "status",
    "origin",
    "positions",
    "trending_etfs",
    "holdings_oldest",
    "input_as_of_date",
    "left_out",
    "published_at",
)


def publish_daily(
    connection: Connection, portfolios: Sequence[Portfolio], *, published_at: datetime, run_id: str
) -> None:
    """Publish the 5/10/20-session portfolios, with every holding looked at, in one transaction (rules 4).

    published_at: the platform's clock. Raises WeightsDoNotSum.
    """
    with connection.transaction():
        _publish(connection, DAILY, portfolios, published_at=published_at, run_id=run_id)
        replace_rows(
            connection,
            CANDIDATES,
            CANDIDATE_COLUMNS,
            (row for portfolio in portfolios for row in portfolio.candidates),
            group=("as_of_date", "period_days"),
            groups=[(each.as_of_date, int(each.strategy.removesuffix("d"))) for each in portfolios],
            run_id=run_id,
        )


def publish_monthly(
    connection: Connection, portfolios: Sequence[Portfolio], *, published_at: datetime, run_id: str
) -> None:
    """Publish monthly portfolios in one transaction (rules 5). Raises WeightsDoNotSum."""
    with connection.transaction():
        _publish(connection, MONTHLY, portfolios, published_at=published_at, run_id=run_id)


def _publish(
    connection: Connection, kind: Kind, portfolios: Sequence[Portfolio], *, published_at: datetime, run_id: str
) -> None:
    headers = stage(connection, HEADERS, HEADER_COLUMNS, (each.header(published_at) for each in portfolios))
    positions = [row for each in portfolios for row in each.positions]
    groups = [
        (each.as_of_date, *([int(each.strategy.removesuffix("d"))] if kind is DAILY else [])) for each in portfolios
    ]
    old_positions = sql.Identifier(f"old_{kind.table}")
    parts = {
        "headers": headers,
        "table": sql.Identifier(kind.table),
        "old": old_positions,
        "published": names(kind.published),
        "strategy": sql.SQL(kind.strategy),
        "day": sql.SQL(kind.day),
        "rank": sql.Identifier("p", kind.rank),
        "weight": sql.Identifier("p", kind.weight),
    }
    of_header = sql.SQL("({day}, {strategy}) IN (SELECT as_of_date, strategy FROM {headers})").format(**parts)
    # What was published is read before it is replaced: revisions keep it.
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {old} ON COMMIT DROP AS SELECT p.* FROM {table} p WHERE ").format(**parts)
        + of_header
    )
    new_positions = replace_rows(
        connection, kind.table, kind.columns, positions, group=kind.group, groups=groups, run_id=run_id
    )
    connection.execute(
        sql.SQL(
            """CREATE TEMPORARY TABLE revised ON COMMIT DROP AS
               SELECT strategy, as_of_date FROM analytics_portfolios h JOIN {headers} n USING (strategy, as_of_date)
               WHERE h.status <> n.status OR h.left_out <> n.left_out
               UNION
               SELECT h.strategy, h.as_of_date FROM analytics_portfolios h JOIN (
                   SELECT {strategy} AS strategy, {day} AS as_of_date FROM (
                       (SELECT {group}, {published} FROM {new} EXCEPT SELECT {group}, {published} FROM {old})
                       UNION ALL
                       (SELECT {group}, {published} FROM {old} EXCEPT SELECT {group}, {published} FROM {new})) p
               ) d ON (d.strategy, d.as_of_date) = (h.strategy, h.as_of_date)"""
        ).format(**parts, new=new_positions, group=names(kind.group))
    )
    connection.execute(
        sql.SQL(
            """INSERT INTO analytics_portfolio_revisions (strategy, as_of_date, revision, header, positions, run_id)
               SELECT h.strategy, h.as_of_date, h.revision, to_jsonb(h),
                      coalesce((SELECT jsonb_agg(to_jsonb(p) ORDER BY {rank}) FROM {old} p
                                WHERE ({strategy}, {day}) = (h.strategy, h.as_of_date)), '[]'), %s
               FROM analytics_portfolios h JOIN revised USING (strategy, as_of_date)"""
        ).format(**parts),
        (run_id,),
    )
    # The platform's clock may have been set back between two revisions; published_at never is.
    connection.execute(
        sql.SQL(
            """INSERT INTO analytics_portfolios AS h
                   (strategy, as_of_date, revision, status, origin, positions, trending_etfs, holdings_oldest,
                    input_as_of_date, left_out, first_published_at, published_at, computed_at, run_id)
               SELECT strategy, as_of_date, 1, status, origin, positions, trending_etfs, holdings_oldest,
                      input_as_of_date, left_out, published_at, published_at, now(), %s
               FROM {headers}
               ON CONFLICT (strategy, as_of_date) DO UPDATE SET
                   (status, positions, trending_etfs, holdings_oldest, input_as_of_date, left_out) =
                   (excluded.status, excluded.positions, excluded.trending_etfs, excluded.holdings_oldest,
                    excluded.input_as_of_date, excluded.left_out),
                   (revision, published_at) = (
                       SELECT h.revision + count(*)::int,
                              CASE WHEN count(*) > 0 THEN greatest(h.published_at, excluded.published_at)
                                   ELSE h.published_at END
                       FROM revised r WHERE (r.strategy, r.as_of_date) = (h.strategy, h.as_of_date)),
                   computed_at = now(), run_id = excluded.run_id, updated_at = now()"""
        ).format(**parts),
        (run_id,),
    )
    _assert_weights(connection, of_header, parts)


def _assert_weights(connection: Connection, of_header: sql.Composed, parts: Mapping[str, sql.Composable]) -> None:
    wrong = connection.execute(
        sql.SQL("SELECT {strategy}, {day}, sum({weight}) FROM {table} p WHERE ").format(**parts)
        + of_header
        + sql.SQL(" GROUP BY 1, 2 HAVING sum({weight}) <> 1 ORDER BY 2, 1").format(**parts)
    ).fetchall()
    if wrong:
        found = ", ".join(f"{day} {strategy}: {total}" for strategy, day, total in wrong)
        raise WeightsDoNotSum(f"expected weights that sum to 1, got {found}")


def computed_sessions(connection: Connection, first: date, last: date) -> set[date]:
    """Sessions of that range which have all three headers."""
    rows = connection.execute(
        """SELECT as_of_date FROM analytics_portfolios WHERE as_of_date BETWEEN %s AND %s AND strategy <> 'monthly'
           GROUP BY as_of_date HAVING count(*) = %s""",
        (first, last, len(PERIODS)),
    )
    return {row[0] for row in rows}


def first_snapshot(connection: Connection) -> date | None:
    """Date of the oldest stored holdings list: there is no portfolio before it."""
    row = connection.execute("SELECT min(as_of_date) FROM collected_04_etf_holdings").fetchone()
    return row[0] if row else None


def changed_since(connection: Connection, as_of_date: date, first: date, since: datetime) -> bool:
    """Whether a row that was read for the session's portfolios has changed; adjusted closes restated alone don't count.

    What was read: its trending ETFs; their lists in reach, with what is known of each holding; bars (from `first`),
    caps and rates of the holdings looked at.
    """
    return changes.found(
        connection,
        """WITH trending AS (SELECT DISTINCT etf_ticker FROM analytics_03_trending_etfs
                             WHERE as_of_date = %(day)s AND is_trending),
                listed AS (SELECT holding_ticker, changed_at
                           FROM collected_04_etf_holdings JOIN trending USING (etf_ticker)
                           WHERE as_of_date BETWEEN %(day)s - %(list_reach)s AND %(day)s),
                looked_at AS (SELECT DISTINCT ticker FROM analytics_05_candidates WHERE as_of_date = %(day)s)""",
        "EXISTS (SELECT FROM analytics_03_trending_etfs WHERE as_of_date = %(day)s AND updated_at > %(since)s)",
        changes.LISTS,
        changes.PROFILES,
        changes.BARS,
        changes.CAPS,
        changes.RATES,
        asked=changes.parameters(as_of_date, first, since),
    )
