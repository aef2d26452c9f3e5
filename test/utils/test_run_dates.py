"""Which session a run describes, against a calendar written down by hand: three years, every hour 05:00–23:00 UTC."""

from calendar import SUNDAY, monthcalendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from utils.clock import NotAClosedSession
from utils.run_dates import (
    NothingToRun,
    rebalance_of_run,
    refuse_first_session,
    refuse_no_sundays,
    refuse_other_days,
    session_of_run,
)

NEW_YORK = ZoneInfo("America/New_York")  # the clock changes of both years are its own
# As the exchange published them. 2025-01-09: mourning.
HOLIDAYS = {
    *("2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19", "2024-07-04", "2024-09-02"),
    *("2024-11-28", "2024-12-25", "2025-01-01", "2025-01-09", "2025-01-20", "2025-02-17", "2025-04-18", "2025-05-26"),
    *("2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25", "2026-01-01", "2026-01-19", "2026-02-16"),
    *("2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25"),
}
HALF_DAYS = {
    *("2024-07-03", "2024-11-29", "2024-12-24", "2025-07-03", "2025-11-28", "2025-12-24", "2026-11-27", "2026-12-24"),
}
FIRST, LAST = date(2024, 1, 2), date(2026, 12, 30)
DAYS = [FIRST + timedelta(days=count) for count in range((LAST - FIRST).days + 1)]
SESSIONS = [day for day in DAYS if day.weekday() < 5 and day.isoformat() not in HOLIDAYS]
SETTLE = timedelta(minutes=20)


def counts_from(session: date) -> datetime:
    """The instant from which a session is the last closed one."""
    close = time(13) if session.isoformat() in HALF_DAYS else time(16)
    return datetime.combine(session, close, NEW_YORK).astimezone(UTC) + SETTLE


def resolved(due: datetime, now: datetime | None = None, asked: date | None = None) -> date:
    """The session of a run that was due then; it runs at that moment unless said otherwise."""
    return session_of_run(run_after=due, now=now or due, asked=asked, settle_minutes=20)


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_hour_of_three_years_resolves_to_the_last_session_that_has_settled(year: int) -> None:
    settled = [(counts_from(session), session) for session in SESSIONS]
    checked = 0
    for day in DAYS[1:]:
        if day.year != year:
            continue
        for hour in range(5, 24):
            at = datetime.combine(day, time(hour), UTC)
            expected = [session for instant, session in settled[: DAYS.index(day) + 1] if instant <= at][-1]
            assert resolved(at) == expected, at
            checked += 1
    assert checked == 19 * sum(day.year == year for day in DAYS[1:])


@pytest.mark.parametrize(
    ("minute_before", "expected"),
    [
        ("2026-01-23T21:19", "2026-01-22"),  # closes 21:00 UTC in winter
        ("2026-07-02T20:19", "2026-07-01"),  # 20:00 in summer
        ("2026-03-09T20:19", "2026-03-06"),  # the first Monday of summer time
        ("2026-11-02T21:19", "2026-10-30"),  # the first Monday of winter time
        ("2025-11-28T18:19", "2025-11-26"),  # half day after Thanksgiving
        ("2026-11-27T18:19", "2026-11-25"),
        ("2025-07-03T17:19", "2025-07-02"),  # half day in summer
    ],
)
def test_a_session_counts_twenty_minutes_after_its_close_to_the_minute(minute_before: str, expected: str) -> None:
    before = datetime.fromisoformat(minute_before).replace(tzinfo=UTC)
    assert resolved(before).isoformat() == expected
    assert resolved(before + timedelta(minutes=1)) == before.date()


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ("2026-01-20T09:00", "2026-01-16"),  # the morning after Martin Luther King's day
        ("2026-01-19T21:30", "2026-01-16"),  # the controller on the holiday itself repairs the session before
        ("2026-01-23T21:30", "2026-01-23"),  # the controller, winter
        ("2026-07-06T21:30", "2026-07-06"),  # and summer
        ("2026-01-26T13:00", "2026-01-23"),  # stage 5 of Monday describes Friday
        ("2026-01-25T18:00", "2026-01-23"),  # a Sunday
    ],
)
def test_the_schedules_of_the_dags(due: str, expected: str) -> None:
    assert resolved(datetime.fromisoformat(due).replace(tzinfo=UTC)).isoformat() == expected


def test_a_run_that_starts_late_describes_the_session_it_was_due_for() -> None:
    due, days_later = datetime(2026, 1, 20, 21, 30, tzinfo=UTC), datetime(2026, 1, 23, 23, tzinfo=UTC)
    assert resolved(due, days_later) == date(2026, 1, 20)


def test_the_platforms_clock_caps_it() -> None:
    """On a replayed market the wall is far ahead."""
    assert resolved(datetime(2026, 11, 20, 21, 30, tzinfo=UTC), datetime(2025, 12, 30, 22, tzinfo=UTC)) == date(
        2025, 12, 30
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (date(2026, 1, 19), "2026-01-19 is not a session of the New York Stock Exchange"),
        (date(2026, 1, 24), "2026-01-24 has not closed yet: the last closed session is 2026-01-23"),
        (date(2026, 1, 18), "2026-01-18 is not a session"),
    ],
)
def test_a_day_that_cannot_be_is_refused_in_words(asked: date, reason: str) -> None:
    with pytest.raises(NotAClosedSession, match=reason):
        resolved(datetime(2026, 1, 23, 22, tzinfo=UTC), asked=asked)


LAST_SUNDAYS = {
    date(year, month, [week[SUNDAY] for week in monthcalendar(year, month) if week[SUNDAY]][-1])
    for year in (2024, 2025, 2026)
    for month in range(1, 13)
}


def test_of_three_years_thirty_six_sundays_rebalance() -> None:
    accepted = set()
    for day in DAYS:
        at = datetime.combine(day, time(14), UTC)
        try:
            refuse_other_days(day)
            accepted.add(rebalance_of_run(run_after=at, now=at, asked=None, force=False))
        except NothingToRun:
            with pytest.raises(NothingToRun, match="is not the last Sunday of its month"):
                rebalance_of_run(run_after=at, now=at, asked=None, force=False)
    assert accepted == {day for day in LAST_SUNDAYS if FIRST <= day <= LAST}
    assert len(accepted) == 36


def test_a_rebalance_that_is_asked_for() -> None:
    now = datetime(2026, 2, 3, 9, tzinfo=UTC)

    def made(asked: date | None, *, force: bool = False) -> date:
        return rebalance_of_run(run_after=now, now=now, asked=asked, force=force)

    assert made(date(2026, 1, 25)) == date(2026, 1, 25)
    assert made(date(2026, 1, 20), force=True) == date(2026, 1, 20)
    assert made(None, force=True) == date(2026, 1, 25)
    with pytest.raises(NothingToRun, match="2026-01-20 is not the last Sunday of its month, 2026-01-25"):
        made(date(2026, 1, 20))
    with pytest.raises(NothingToRun, match="2026-02-22 is in the future: today is 2026-02-03"):
        made(date(2026, 2, 22), force=True)
    with pytest.raises(NothingToRun, match="1995-01-29 is before the first day that can be computed, 2002-01-02"):
        made(date(1995, 1, 29))


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (date(2026, 1, 26), "from_date 2026-01-26 is after 2026-01-23"),
        (date(2025, 11, 1), "2025-11-01 is not a session of the New York Stock Exchange"),
        (date(2001, 12, 31), "2001-12-31 is before the first session that can be computed, 2002-01-02"),
    ],
)
def test_a_range_of_sessions_begins_with_a_session(first: date, reason: str) -> None:
    with pytest.raises((NothingToRun, NotAClosedSession), match=reason):
        refuse_first_session(first, date(2026, 1, 23))
    refuse_first_session(date(2026, 1, 23), date(2026, 1, 23))


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (date(2026, 1, 26), "from_date 2026-01-26 is after 2026-01-25"),
        (date(2001, 12, 30), "2001-12-30 is before the first day that can be computed, 2002-01-02"),
    ],
)
def test_a_range_of_months_begins_anywhere_but_before_the_calendar(first: date, reason: str) -> None:
    with pytest.raises(NothingToRun, match=reason):
        refuse_no_sundays(first, date(2026, 1, 25))
    refuse_no_sundays(date(2026, 1, 3), date(2026, 1, 25))


def test_a_range_of_months_has_a_last_sunday() -> None:
    with pytest.raises(NothingToRun, match="no month's last Sunday lies between 2026-01-03 and 2026-01-20"):
        refuse_no_sundays(date(2026, 1, 3), date(2026, 1, 20))
