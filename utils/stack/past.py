"""The demo's past as a plan: where the clock stands, and which programs run then (contracts 9)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from utils.sessions import close_of, previous_session, session_offset

MONTHS = 7  # of snapshots: 120 sessions, and the 20 that the first of them looks back
ANALYSED_SESSIONS = 120
AFTER_CLOSE = timedelta(hours=4)
ETFS = ("collector/kafka_01_producer_etf_daily.py", "--group", "all")
HOLDINGS = ("collector/kafka_02_producer_etf_holdings.py",)
STOCKS = ("collector/kafka_04_producer_stock_daily.py", "--scope", "known")
TRENDING = ("batch/spark_01_trending_etf_identifier.py",)
ALLOCATION = ("batch/spark_02_active_stock_allocator.py",)
TOP_HOLDINGS = ("batch/spark_03_etf_top_holdings.py",)
REBALANCES = ("batch/spark_04_monthly_portfolio_rebalancer.py",)
PERFORMANCE = ("batch/spark_05_portfolio_performance.py",)
MONTHS_AND_SECTORS = ("batch/batch_monthly_sector_analyzer.py",)


@dataclass(frozen=True)
class Chapter:
    """A session the clock stands at, and what runs then."""

    session: date
    programs: tuple[tuple[str, ...], ...]

    @property
    def instant(self) -> datetime:
        """Where the clock stands: some hours after the close."""
        return evening_of(self.session)


def evening_of(session: date) -> datetime:
    """Some hours after the close, when everything of the day is known."""
    return close_of(session) + AFTER_CLOSE


def last_session(market: Path) -> date:
    """The newest session of the generated market."""
    marker = json.loads((market / "market.json").read_text(encoding="utf-8"))
    return date.fromisoformat(marker["last_session"])


def chapters(last: date) -> list[Chapter]:
    """The past up to the session before the last, oldest first; the last itself is the controller's."""
    before = previous_session(last)
    months = [Chapter(session, (ETFS, HOLDINGS, STOCKS)) for session in month_ends(before, MONTHS)]
    first = session_offset(before, 1 - ANALYSED_SESSIONS)
    span = ("--from", first.isoformat(), "--to", before.isoformat())
    analysis = [stage + span for stage in (TRENDING, ALLOCATION, REBALANCES, PERFORMANCE, TOP_HOLDINGS)]
    return [*months, Chapter(before, (ETFS, STOCKS, *analysis, MONTHS_AND_SECTORS))]


def month_ends(before: date, count: int) -> list[date]:
    """The last session of each of the `count` months before the one of a day, oldest first.

    >>> month_ends(date(2026, 1, 22), 2)
    [datetime.date(2025, 11, 28), datetime.date(2025, 12, 31)]
    """
    return sorted(_month_ends(before, count))


def _month_ends(day: date, count: int) -> Iterator[date]:
    for _ in range(count):
        day = previous_session(day.replace(day=1))
        yield day


def first_instant(last: date) -> datetime:
    """Where the clock of a new demo begins."""
    return chapters(last)[0].instant
