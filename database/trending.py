"""Results of stage 3 (rules 3): analytics_03_trending_etfs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from config.universe import BENCHMARK, tickers_of
from database.connection import Connection
from database.staging import replace_rows
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
    bars = _Bars.read(connection, sorted({day for session, period in etfs for day in _ends(session, period)}))
    return {
        (session, period): Measured(
            tuple(sorted(etf for etf, is_trending in found.items() if is_trending)),
            {etf: bars.missing(etf, session, period) for etf in tickers_of("all") if etf not in found},
        )
        for (session, period), found in etfs.items()
    }


def _ends(session: date, period: int) -> tuple[date, date]:
    return session_offset(session, -period), session


@dataclass(frozen=True)
class _Bars:
    """Where the ETFs have bars, and which are in doubt: why an ETF has no return."""

    stored: set[tuple[str, date]]
    doubtful: set[tuple[str, date]]

    @classmethod
    def read(cls, connection: Connection, days: list[date]) -> "_Bars":
        rows = connection.execute(
            """SELECT ticker, trade_date, doubt IS NOT NULL AND confirmed_at IS NULL FROM collected_01_daily_etf_ohlc
               WHERE trade_date = ANY(%(days)s)
                  OR (trade_date BETWEEN %(first)s AND %(last)s AND doubt IS NOT NULL AND confirmed_at IS NULL)""",
            {"days": days, "first": min(days, default=None), "last": max(days, default=None)},
        ).fetchall()
        return cls({(etf, day) for etf, day, _ in rows}, {(etf, day) for etf, day, doubtful in rows if doubtful})

    def missing(self, etf: str, session: date, period: int) -> str:
        """Stage 3's own rule: a doubt counts between the bars that are there."""
        start, end = _ends(session, period)
        if (etf, end) not in self.stored:
            return "no_return"
        first = start if (etf, start) in self.stored else end
        return "in_doubt" if any(name == etf and first <= day <= end for name, day in self.doubtful) else "no_return"


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
    connection: Connection, rows: Iterable[Mapping[str, Any]], *, as_of_dates: Sequence[date], run_id: str
) -> None:
    """Put the sessions' rows in place of their old ones, in one transaction; a session that is equal stays untouched.

    Rows that stay keep their updated_at, which tells stage 5 that nothing it reads has changed.
    """
    with connection.transaction():
        replace_rows(
            connection,
            TABLE,
            COLUMNS,
            rows,
            group=("as_of_date",),
            groups=[(session,) for session in as_of_dates],
            run_id=run_id,
        )
