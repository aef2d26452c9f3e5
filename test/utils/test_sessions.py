"""Sessions of New York and Seoul: holidays, half days, DST (rules 1)."""

from datetime import UTC, date, datetime

import pytest

from utils import sessions
from utils.clock import NotAClosedSession, closed_session


@pytest.mark.parametrize(
    ("at", "session"),
    [
        ("2025-12-30T22:00", "2025-12-30"),  # a normal evening: closed 21:00 UTC
        ("2025-12-30T21:19", "2025-12-29"),  # 19 minutes after the close: not settled yet
        ("2025-12-30T21:20", "2025-12-30"),
        ("2025-11-28T18:20", "2025-11-28"),  # half day after Thanksgiving: closes 18:00 UTC
        ("2025-11-27T23:00", "2025-11-26"),  # Thanksgiving
        ("2025-03-10T20:20", "2025-03-10"),  # the first Monday of summer time: closes 20:00 UTC
        ("2025-11-03T20:59", "2025-10-31"),  # the first Monday of winter time: closes 21:00 UTC
        ("2025-12-28T14:00", "2025-12-26"),  # a Sunday
        ("2025-12-31T00:10", "2025-12-30"),  # after midnight in UTC, still the evening in New York
    ],
)
def test_the_last_closed_session(at: str, session: str) -> None:
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert sessions.last_closed_session(instant, settle_minutes=20) == date.fromisoformat(session)


def test_sessions_are_counted_by_the_calendar_not_by_days() -> None:
    assert sessions.session_offset(date(2025, 12, 30), -5) == date(2025, 12, 22)  # Christmas between
    assert sessions.sessions_until(date(2025, 12, 30), 3) == [
        date(2025, 12, 26),
        date(2025, 12, 29),
        date(2025, 12, 30),
    ]
    assert sessions.sessions_between(date(2025, 12, 30), date(2025, 12, 29)) == []


def test_seoul_has_its_own_holidays() -> None:
    assert sessions.is_session(date(2025, 10, 6)) and not sessions.is_session(date(2025, 10, 6), "XKRX")


@pytest.mark.parametrize(
    ("day", "words"), [(date(2025, 12, 25), "is not a session"), (date(2025, 12, 31), "not closed yet")]
)
def test_a_day_that_is_no_closed_session_is_refused(day: date, words: str) -> None:
    with pytest.raises(NotAClosedSession, match=words):
        closed_session(day, date(2025, 12, 30))
