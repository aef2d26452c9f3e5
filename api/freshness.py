"""How old a result may be before a reader is told so (contracts 6), by the platform's clock."""

import threading
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from config.settings import PlatformSettings
from utils.clock import platform_now, wall_now
from utils.sessions import (
    close_of,
    last_closed_session,
    last_sunday,
    last_sunday_at_or_before,
    next_session,
    sessions_between,
)

# When DAGs start (contracts 2); test/dags holds these to their schedules. The controller, Monday to Friday:
DAILY_RUN_UTC = time_of_day(21, 30)
# The last Sunday of a month: DAG 08; every Sunday: DAG 09.
REBALANCE_UTC = time_of_day(14, 0)
WEEKLY_RUN_UTC = time_of_day(18, 0)
CLOCK_SECONDS = 1.0


class PlatformClock:
    """The platform's time; a replayed market's clock is asked at most once a second."""

    def __init__(self, settings: PlatformSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._read: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        """Raises ClockUnavailable when the replayed clock does not answer."""
        if self.settings.now_url is None:
            return wall_now()
        with self._lock:
            if self._read is None or time.monotonic() - self._read[0] > CLOCK_SECONDS:
                self._read = (time.monotonic(), platform_now(self.settings))
            return self._read[1]

    def expected_session(self) -> date:
        """The session that results should describe now."""
        return last_closed_session(self.now(), settle_minutes=self.settings.settle_minutes)


def late_at(as_of_date: date, fresh_hours: int) -> datetime:
    """From when on a result of that session is no longer current: the next session is closed that long."""
    return close_of(next_session(as_of_date)) + timedelta(hours=fresh_hours)


def monthly_late_at(rebalance_date: date, fresh_hours: int) -> datetime:
    """From when on a monthly portfolio is no longer current: the next rebalance is that long overdue.

    >>> monthly_late_at(date(2026, 1, 25), 18)  # the next one is made on 22 February
    datetime.datetime(2026, 2, 23, 8, 0, tzinfo=datetime.timezone.utc)
    """
    following = last_sunday(rebalance_date.replace(day=1) + timedelta(days=32))
    return datetime.combine(following, REBALANCE_UTC, tzinfo=UTC) + timedelta(hours=fresh_hours)


def sessions_behind(as_of_date: date, expected: date) -> int:
    """Sessions after as_of_date up to the expected one.

    >>> sessions_behind(date(2025, 11, 26), date(2025, 12, 1))  # 27 November is Thanksgiving
    2
    """
    return max(len(sessions_between(as_of_date, expected)) - 1, 0)


def next_run_at(now: datetime) -> datetime:
    """The next scheduled start of the daily pipeline.

    >>> next_run_at(datetime(2025, 11, 28, 22, 0, tzinfo=UTC))  # a Friday evening
    datetime.datetime(2025, 12, 1, 21, 30, tzinfo=datetime.timezone.utc)
    """
    slot = datetime.combine(now.date(), DAILY_RUN_UTC, tzinfo=UTC)
    while slot <= now or slot.weekday() >= 5:
        slot += timedelta(days=1)
    return slot


def ends_month(session: date) -> bool:
    """Whether the session is the last one of its month."""
    return next_session(session).month != session.month


def newest_rebalance(now: datetime) -> date:
    """The last Sunday of a month whose portfolio should be there.

    >>> newest_rebalance(datetime(2026, 1, 25, 13, 59, tzinfo=UTC))
    datetime.date(2025, 12, 28)
    """
    return last_sunday_at_or_before((now - timedelta(hours=REBALANCE_UTC.hour)).date())


def weekly_session(now: datetime, *, settle_minutes: int) -> date:
    """The session that weekly results should describe: the last one closed on the newest Sunday of DAG 09.

    >>> weekly_session(datetime(2026, 1, 25, 17, 0, tzinfo=UTC), settle_minutes=20)  # an hour before it
    datetime.date(2026, 1, 16)
    """
    started = now - timedelta(hours=WEEKLY_RUN_UTC.hour)
    sunday = started.date() - timedelta(days=(started.weekday() + 1) % 7)
    return last_closed_session(datetime.combine(sunday, WEEKLY_RUN_UTC, tzinfo=UTC), settle_minutes=settle_minutes)
