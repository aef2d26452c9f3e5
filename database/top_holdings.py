"""Results of stage 9 (rules 6): analytics_09_etf_top_holdings, _etf_concentration and _etf_overlap."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from database import changes
from database.connection import Connection
from database.extracts import lists_until
from database.staging import replace_rows

TOP_HOLDINGS = "analytics_09_etf_top_holdings"
CONCENTRATION = "analytics_09_etf_concentration"
OVERLAP = "analytics_09_etf_overlap"
COLUMNS = {
    TOP_HOLDINGS: (
        "as_of_date",
        "etf_ticker",
        "period_days",
        "holding_ticker",
        "holding_name",
        "holding_sector",
        "rank_position",
        "avg_return",
        "total_return",
        "volatility",
        "sharpe_ratio",
        "observations",
        "avg_volume",
        "current_price",
        "market_cap",
    ),
    CONCENTRATION: (
        "as_of_date",
        "etf_ticker",
        "top_1_weight",
        "top_5_weight",
        "top_10_weight",
        "herfindahl_index",
        "effective_holdings_min",
        "effective_holdings_max",
        "covered_weight",
        "holdings_as_of",
    ),
    OVERLAP: (
        "as_of_date",
        "etf_ticker",
        "other_etf_ticker",
        "shared_count",
        "overlap_weight",
        "covered_weight",
        "other_covered_weight",
        "holdings_as_of",
        "other_holdings_as_of",
    ),
}

Rows = Iterable[Mapping[str, Any]]


def replace_top_holdings(
    connection: Connection,
    *,
    holdings: Rows,
    concentration: Rows,
    overlap: Rows,
    as_of_dates: Sequence[date],
    run_id: str,
) -> None:
    """Put the sessions' rows in place of their old ones, all three tables in one transaction."""
    with connection.transaction():
        for table, rows in ((TOP_HOLDINGS, holdings), (CONCENTRATION, concentration), (OVERLAP, overlap)):
            replace_rows(
                connection,
                table,
                COLUMNS[table],
                rows,
                group=("as_of_date",),
                groups=[(session,) for session in as_of_dates],
                run_id=run_id,
            )


def changed_since(connection: Connection, as_of_date: date, first: date, since: datetime) -> bool:
    """Whether a row that was read for the session has changed; adjusted closes restated alone don't count.

    What was read: every list in reach, with what is known of each holding; their bars (from `first`), caps and rates.
    """
    return changes.found(
        connection,
        """WITH listed AS (SELECT holding_ticker, changed_at FROM collected_04_etf_holdings
                           WHERE as_of_date BETWEEN %(day)s - %(list_reach)s AND %(lists_until)s),
                looked_at AS (SELECT DISTINCT holding_ticker AS ticker FROM listed)""",
        changes.LISTS,
        changes.PROFILES,
        changes.BARS,
        changes.CAPS,
        changes.RATES,
        asked=changes.parameters(as_of_date, first, since) | {"lists_until": lists_until(as_of_date)},
    )
