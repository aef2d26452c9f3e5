"""Sessions of the exchanges (rules 1). A session is a date; an instant is an aware datetime in UTC.

Every function takes the calendar's name where it can be another than New York's (`XNYS`).
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from config.universe import NEW_YORK

# Half of what a batch program loads: where they are used, so that Spark's JVM starts beside it.
if TYPE_CHECKING:
    import exchange_calendars
    import pandas as pd

# Sessions are counted from here on; the calendars begin a month earlier, so that the first has one before it.
FIRST_DAY = date(2000, 1, 1)


@cache
def _calendar(name: str) -> "exchange_calendars.ExchangeCalendar":
    import exchange_calendars  # noqa: PLC0415

    return exchange_calendars.get_calendar(name, start=_timestamp(FIRST_DAY - timedelta(days=31)))


def _timestamp(day: date) -> "pd.Timestamp":
    import pandas as pd  # noqa: PLC0415

    return pd.Timestamp(day.year, day.month, day.day)


def is_session(day: date, calendar: str = NEW_YORK) -> bool:
    """Whether the exchange trades on that day; False before the calendar's first one.

    >>> is_session(date(2026, 1, 19)), is_session(date(1970, 1, 2))
    (False, False)
    """
    sessions = _calendar(calendar)
    return bool(_timestamp(day) >= sessions.first_session and sessions.is_session(_timestamp(day)))


def session_at_or_before(day: date, calendar: str = NEW_YORK) -> date:
    """The day itself when it is a session, else the newest session before it."""
    result: date = _calendar(calendar).date_to_session(_timestamp(day), direction="previous").date()
    return result


def previous_session(day: date, calendar: str = NEW_YORK) -> date:
    """The newest session before the day."""
    return session_at_or_before(day - timedelta(days=1), calendar)


def next_session(day: date, calendar: str = NEW_YORK) -> date:
    """The first session after the day."""
    result: date = _calendar(calendar).date_to_session(_timestamp(day + timedelta(days=1)), direction="next").date()
    return result


def session_offset(session: date, count: int, calendar: str = NEW_YORK) -> date:
    """The session `count` sessions after (negative: before) a session of the calendar, never counted in days.

    >>> session_offset(date(2025, 12, 1), -1)  # over Thanksgiving's weekend
    datetime.date(2025, 11, 28)
    """
    result: date = _calendar(calendar).session_offset(_timestamp(session), count).date()
    return result


def sessions_between(first: date, last: date, calendar: str = NEW_YORK) -> list[date]:
    """All sessions from first to last, both included, oldest first; empty when first is after last."""
    if first > last:
        return []
    return [stamp.date() for stamp in _calendar(calendar).sessions_in_range(_timestamp(first), _timestamp(last))]


def sessions_until(last: date, count: int, calendar: str = NEW_YORK) -> list[date]:
    """The `count` sessions that end with `last`, oldest first; fewer where that would be before 2000."""
    known = _calendar(calendar).sessions
    first, end = known.searchsorted(_timestamp(FIRST_DAY)), known.searchsorted(_timestamp(last), side="right")
    return [stamp.date() for stamp in known[max(first, end - count) : end]]


def close_of(session: date, calendar: str = NEW_YORK) -> datetime:
    """The instant the session closes, early closes included."""
    result: datetime = _calendar(calendar).session_close(_timestamp(session)).to_pydatetime().astimezone(UTC)
    return result


def open_of(session: date, calendar: str = NEW_YORK) -> datetime:
    """The instant the session opens."""
    result: datetime = _calendar(calendar).session_open(_timestamp(session)).to_pydatetime().astimezone(UTC)
    return result


def last_closed_session(at: datetime, *, settle_minutes: int = 0, calendar: str = NEW_YORK) -> date:
    """The last session that closed at least `settle_minutes` before the instant (rules 1).

    >>> last_closed_session(datetime(2025, 11, 28, 18, 19, tzinfo=UTC), settle_minutes=20)  # closes 18:00 that day
    datetime.date(2025, 11, 26)
    """
    settled = at - timedelta(minutes=settle_minutes)
    session = session_at_or_before(settled.date() + timedelta(days=1), calendar)
    while close_of(session, calendar) > settled:
        session = previous_session(session, calendar)
    return session


def timezone_of(calendar: str = NEW_YORK) -> str:
    """Time zone of the exchange.

    >>> timezone_of("XKRX")
    'Asia/Seoul'
    """
    return str(_calendar(calendar).tz)


def _last_day_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def last_session_of_month(day: date) -> date:
    """The last session of the day's month, past or to come (rules 7).

    >>> last_session_of_month(date(2026, 1, 5))  # the 31st is a Saturday
    datetime.date(2026, 1, 30)
    """
    return session_at_or_before(_last_day_of_month(day))


def month_start(day: date) -> date:
    """The last session of the month before the day's: where its monthly return starts (rules 7).

    >>> month_start(date(2026, 1, 5))
    datetime.date(2025, 12, 31)
    """
    return previous_session(day.replace(day=1))


def last_sunday(day: date) -> date:
    """The last Sunday of the day's month: when a monthly portfolio is made (rules 1).

    >>> last_sunday(date(2026, 1, 5))
    datetime.date(2026, 1, 25)
    """
    last = _last_day_of_month(day)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def last_sundays_between(first: date, last: date) -> list[date]:
    """Every last Sunday of a month from first to last, both included, oldest first.

    >>> [day.isoformat() for day in last_sundays_between(date(2025, 11, 30), date(2026, 1, 24))]
    ['2025-11-30', '2025-12-28']
    """
    months = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in range(1, 13)]
    sundays = map(last_sunday, months)
    return [day for day in sundays if first <= day <= last]


def last_sunday_at_or_before(day: date) -> date:
    """The newest last Sunday of a month that is not after the day.

    >>> last_sunday_at_or_before(date(2026, 1, 24))
    datetime.date(2025, 12, 28)
    """
    this_month = last_sunday(day)
    return this_month if this_month <= day else last_sunday(day.replace(day=1) - timedelta(days=1))
