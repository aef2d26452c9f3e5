"""What may be wrong in the stored data, one function a check (rules 2, 4, 8): each gives its findings, oldest first.

They look at what is stored up to the session D and change nothing. `MISSING_SESSION` is the collector's own finding: it
counts how often the source was asked in vain, so a gap has another name here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from config.universe import CATCH_UP_SESSIONS, PERIODS, SNAPSHOT_REACH_DAYS, exchange_calendar
from database import coverage, performance, portfolios
from database.connection import Connection
from database.doubts import open_doubts
from database.extracts import lists_until
from database.findings import Finding, Severity
from utils.clock import FIRST_COMPUTED
from utils.sessions import previous_session, sessions_between, sessions_until

NAMED_AT_ONCE = 5
TOLERANCE = "0.000001"
"""Of an equity of 1: returns are stored with six decimals of a percent."""


@dataclass(frozen=True)
class Asked:
    """The session D, and after how many calendar days a doubt has been open for too long."""

    as_of_date: date
    doubt_days: int


Check = Callable[[Connection, Asked], list[Finding]]


def gaps_in_bars(connection: Connection, asked: Asked) -> list[Finding]:
    """ETFs and stocks held without a bar on a session of their exchange, between their first bar and their last."""
    rows = connection.execute(
        """SELECT ticker, NULL, array_agg(trade_date) FROM collected_01_daily_etf_ohlc
           WHERE trade_date BETWEEN %(first)s AND %(last)s GROUP BY ticker
           UNION ALL
           SELECT b.ticker, m.exchange, array_agg(b.trade_date)
           FROM collected_06_daily_stock_history b LEFT JOIN collected_00_meta_stock m USING (ticker)
           WHERE b.trade_date BETWEEN %(first)s AND %(last)s AND b.ticker = ANY(%(held)s)
             -- Of a foreign stock whose exchange is not known, neither are its sessions.
             AND (m.exchange IS NOT NULL OR b.currency = 'USD')
           GROUP BY b.ticker, m.exchange ORDER BY 1""",
        {
            "first": FIRST_COMPUTED,
            "last": asked.as_of_date,
            "held": coverage.held_stocks(connection, asked.as_of_date),
        },
    )
    missing = {ticker: missing_sessions(days, exchange_calendar(exchange)) for ticker, exchange, days in rows}
    return [
        Finding("gap in bars", ticker, days[0], "warn", f"sessions without a bar: {_named(days)}")
        for ticker, days in missing.items()
        if days
    ]


def missing_sessions(days: Sequence[date], calendar: str) -> list[date]:
    """Sessions between the first of the days and the last that are not among them.

    >>> missing_sessions([date(2025, 11, 26), date(2025, 12, 1)], "XNYS")  # Thanksgiving's weekend: a Friday trades
    [datetime.date(2025, 11, 28)]
    """
    known = set(days)
    return [session for session in sessions_between(min(days), max(days), calendar) if session not in known]


def unbalanced_portfolios(connection: Connection, asked: Asked) -> list[Finding]:
    """Portfolios whose weights don't sum to exactly 1, or whose header counts other positions than there are."""
    rows = connection.execute(
        """WITH stored AS (
               SELECT period_days || 'd' AS strategy, as_of_date, portfolio_weight AS weight
               FROM analytics_05_portfolio_allocation
               UNION ALL
               SELECT 'monthly', rebalance_date, final_weight FROM analytics_08_monthly_portfolio
           ), summed AS (
               SELECT strategy, as_of_date, count(*) AS positions, sum(weight) AS weight
               FROM stored GROUP BY strategy, as_of_date
           )
           SELECT as_of_date, strategy, h.positions, coalesce(s.positions, 0), s.weight
           FROM analytics_portfolios h FULL JOIN summed s USING (strategy, as_of_date)
           WHERE as_of_date <= %s
             AND (h.positions IS DISTINCT FROM coalesce(s.positions, 0) OR coalesce(s.weight, 1) <> 1)
           ORDER BY as_of_date, strategy""",
        (asked.as_of_date,),
    )
    return _by_session(
        "unbalanced portfolio",
        "error",
        (
            (
                day,
                f"{strategy}: header says {'nothing' if said is None else said}, {found} positions"
                + (f" sum to {weight.normalize():f}" if weight is not None else ""),
            )
            for day, strategy, said, found, weight in rows
        ),
    )


def missing_headers(connection: Connection, asked: Asked) -> list[Finding]:
    """Sessions of the last 20 with trending ETFs and without a portfolio of each period, empty ones counted."""
    first = portfolios.first_snapshot(connection)
    if first is None:
        return []
    rows = connection.execute(
        """SELECT t.as_of_date, s.strategy
           FROM (SELECT DISTINCT as_of_date FROM analytics_03_trending_etfs
                 WHERE as_of_date = ANY(%(sessions)s) AND as_of_date >= %(first)s) t
           CROSS JOIN unnest(%(strategies)s::text[]) WITH ORDINALITY AS s (strategy, place)
           WHERE NOT EXISTS (SELECT FROM analytics_portfolios h
                             WHERE (h.strategy, h.as_of_date) = (s.strategy, t.as_of_date))
           ORDER BY t.as_of_date, s.place""",
        {
            "sessions": sessions_until(asked.as_of_date, CATCH_UP_SESSIONS),
            "first": first,
            "strategies": [f"{period}d" for period in PERIODS],
        },
    )
    return _by_session("portfolio missing", "error", ((day, strategy) for day, strategy in rows))


def broken_performance(connection: Connection, asked: Asked) -> list[Finding]:
    """Sessions after a strategy's first row that have none in any of its series, and rows that don't go on from the
    session before in theirs.
    """
    row = connection.execute(
        f"SELECT min(trade_date), max(trade_date) FROM {performance.TABLE} WHERE trade_date <= %s", (asked.as_of_date,)
    ).fetchone()
    if row is None or row[0] is None:
        return []
    sessions = sessions_between(*row)
    rows = connection.execute(
        f"""WITH days AS (
                SELECT * FROM unnest(%(sessions)s::date[], %(before)s::date[]) AS d (trade_date, before)
            ), spans AS (
                SELECT strategy, min(trade_date) AS first
                FROM {performance.TABLE} WHERE trade_date <= %(last)s GROUP BY strategy
            )
            SELECT d.trade_date, s.strategy || ': no row'
            FROM spans s JOIN days d ON d.trade_date >= s.first
            WHERE NOT EXISTS (SELECT FROM {performance.TABLE} r
                              WHERE (r.strategy, r.trade_date) = (s.strategy, d.trade_date))
            UNION ALL
            SELECT r.trade_date, concat(r.strategy, ' ', r.origin, CASE
                WHEN d.before IS NULL THEN ': not a session'
                WHEN p.equity IS NULL THEN ': a return without the row before'
                ELSE ': equity is not that of the row before and the return' END)
            FROM {performance.TABLE} r
            LEFT JOIN days d USING (trade_date)
            LEFT JOIN {performance.TABLE} p
                ON (p.strategy, p.origin, p.trade_date) = (r.strategy, r.origin, d.before)
            WHERE r.daily_return IS NOT NULL AND r.trade_date <= %(last)s
              AND (p.equity IS NULL OR abs(r.equity - p.equity * (1 + r.daily_return / 100))
                                       > {TOLERANCE} * greatest(1, p.equity))
            ORDER BY 1, 2""",
        {
            "sessions": sessions,
            "before": [previous_session(day) for day in sessions],
            "last": asked.as_of_date,
        },
    )
    return _by_session("broken performance", "error", rows.fetchall())


def missing_changes(connection: Connection, asked: Asked) -> list[Finding]:
    """Bars after an instrument's first without a change against the session before, though that one's bar is there."""
    found: dict[str, list[date]] = {}
    for table in coverage.BAR_TABLES.values():
        rows = connection.execute(
            f"""SELECT b.ticker, array_agg(b.trade_date ORDER BY b.trade_date)
                FROM {table} b
                JOIN (SELECT ticker, min(trade_date) AS first FROM {table} GROUP BY ticker) f USING (ticker)
                WHERE b.price_change_percent IS NULL AND b.trade_date > f.first AND b.trade_date <= %s
                  AND (b.previous_session IS NULL OR EXISTS (
                      SELECT FROM {table} p WHERE (p.ticker, p.trade_date) = (b.ticker, b.previous_session)))
                GROUP BY b.ticker ORDER BY b.ticker""",
            (asked.as_of_date,),
        )
        found |= dict(rows.fetchall())
    return [
        Finding("bar without change", ticker, days[0], "warn", f"price change unknown: {_named(days)}")
        for ticker, days in found.items()
    ]


def old_doubts(connection: Connection, asked: Asked) -> list[Finding]:
    """Doubts that neither the source nor a person has ended for too long."""
    open_for: dict[tuple[str, date], list[str]] = defaultdict(list)
    for doubt in open_doubts(connection):
        if (asked.as_of_date - doubt.session).days > asked.doubt_days:
            open_for[doubt.ticker, doubt.session].append(f"{doubt.what} of {doubt.value.normalize():f}: {doubt.reason}")
    return [
        Finding("doubt still open", ticker, session, "warn", "; ".join(reasons))
        for (ticker, session), reasons in open_for.items()
    ]


def old_snapshots(connection: Connection, asked: Asked) -> list[Finding]:
    """ETFs whose newest list of holdings is too old to serve (rules 4.2)."""
    rows = connection.execute(
        """SELECT etf_ticker, max(as_of_date) FROM collected_04_etf_holdings WHERE as_of_date <= %(newest)s
           GROUP BY etf_ticker HAVING max(as_of_date) < %(last)s::date - %(reach)s ORDER BY etf_ticker""",
        {
            "newest": lists_until(asked.as_of_date),
            "last": asked.as_of_date,
            "reach": SNAPSHOT_REACH_DAYS,
        },
    )
    return [
        Finding("old snapshot", etf, day, "warn", f"newest list of holdings is older than {SNAPSHOT_REACH_DAYS} days")
        for etf, day in rows
    ]


CHECKS: tuple[Check, ...] = (
    gaps_in_bars,
    unbalanced_portfolios,
    missing_headers,
    broken_performance,
    missing_changes,
    old_doubts,
    old_snapshots,
)


def _by_session(check_name: str, severity: Severity, found: Iterable[tuple[date, str]]) -> list[Finding]:
    """One finding a session, as the table has room for no more: what is wrong with each strategy stands in it."""
    sessions: dict[date, list[str]] = defaultdict(list)
    for session, what in found:
        sessions[session].append(what)
    return [Finding(check_name, None, session, severity, "; ".join(what)) for session, what in sessions.items()]


def _named(days: Sequence[date]) -> str:
    more = f" and {len(days) - NAMED_AT_ONCE} more" if len(days) > NAMED_AT_ONCE else ""
    return ", ".join(map(str, days[:NAMED_AT_ONCE])) + more
