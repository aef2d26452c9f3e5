"""When an instrument trades: the sessions of its own exchange, and those of currencies, which have no exchange."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from config.universe import exchange_calendar
from test.replay.market import Profile
from utils.sessions import close_of, is_session, open_of, session_at_or_before

AROUND_THE_CLOCK = ""  # instead of a calendar's name: currencies trade on weekdays, from midnight to midnight


class Hours(NamedTuple):
    """One session, as instants in UTC."""

    open: datetime
    close: datetime


def calendar_of(profile: Profile) -> str:
    """The calendar an instrument trades by."""
    return AROUND_THE_CLOCK if profile.quote_type == "CURRENCY" else exchange_calendar(profile.exchange)


@cache
def hours_of(day: date, calendar: str, timezone: str) -> Hours:
    """Opening and close of a session; a day that is none (a bar may be dated so) has those of the session before."""
    if calendar == AROUND_THE_CLOCK:
        opening = _midnight(day, timezone)
        return Hours(opening, opening + timedelta(hours=23, minutes=59))
    session = day if is_session(day, calendar) else session_at_or_before(day, calendar)
    later = day - session
    return Hours(open_of(session, calendar) + later, close_of(session, calendar) + later)


def newest_session(now: datetime, calendar: str, timezone: str) -> date:
    """The newest session that has opened at or before the instant."""
    session = _session_at_or_before(now.astimezone(ZoneInfo(timezone)).date(), calendar)
    while hours_of(session, calendar, timezone).open > now:
        session = _session_at_or_before(session - timedelta(days=1), calendar)
    return session


def shown_session(now: datetime, calendar: str, timezone: str) -> date:
    """The session the source describes as current: today's at the exchange, even before it opens, else the last one."""
    return _session_at_or_before(now.astimezone(ZoneInfo(timezone)).date(), calendar)


def _session_at_or_before(day: date, calendar: str) -> date:
    if calendar == AROUND_THE_CLOCK:
        return day - timedelta(days=max(0, day.weekday() - 4))
    return session_at_or_before(day, calendar)


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC)
