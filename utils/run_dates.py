"""Which date a DAG run describes (rules 1): pure, from when the run was due, the platform's clock and what was asked.

A run that has nothing to describe says so in plain words: it is skipped, not failed.
"""

from datetime import date, datetime

from utils.clock import FIRST_COMPUTED, closed_session
from utils.sessions import last_closed_session, last_sunday, last_sunday_at_or_before, last_sundays_between


class NothingToRun(Exception):
    """The run's day is none of its DAG's, and why."""


def session_of_run(*, run_after: datetime, now: datetime, asked: date | None, settle_minutes: int) -> date:
    """The session asked for, else the last that closed `settle_minutes` before the run was due, or before `now`.

    Raises NotAClosedSession for a day that is no session, or had not closed by then.

    >>> due, now = datetime.fromisoformat("2026-01-24T02:30Z"), datetime.fromisoformat("2026-02-02T09:00Z")
    >>> session_of_run(run_after=due, now=now, asked=None, settle_minutes=20)
    datetime.date(2026, 1, 23)
    """
    if asked is not None:
        return closed_session(asked, last_closed_session(now, settle_minutes=settle_minutes))
    return last_closed_session(min(run_after, now), settle_minutes=settle_minutes)


def rebalance_of_run(*, run_after: datetime, now: datetime, asked: date | None, force: bool) -> date:
    """The last Sunday of a month that a run makes a portfolio for: the day asked for, else the run's own.

    force: also another day that is asked for; without one, the newest last Sunday. Raises NothingToRun.

    >>> sunday = datetime.fromisoformat("2026-01-25T14:00Z")
    >>> rebalance_of_run(run_after=sunday, now=sunday, asked=None, force=False)
    datetime.date(2026, 1, 25)
    """
    today = min(run_after, now).date()
    if asked is None:
        if force:
            return last_sunday_at_or_before(today)
        refuse_other_days(today)
        return today
    if asked > now.date():
        raise NothingToRun(f"{asked} is in the future: today is {now.date()}")
    _refuse_before_the_calendar(asked)
    if asked != last_sunday(asked) and not force:
        raise NothingToRun(f"{asked} is not the last Sunday of its month, {last_sunday(asked)}; set force to use it")
    return asked


def refuse_other_days(today: date) -> None:
    """Raises NothingToRun unless it is the last Sunday of a month.

    >>> refuse_other_days(date(2026, 1, 18))
    Traceback (most recent call last):
    utils.run_dates.NothingToRun: 2026-01-18 is not the last Sunday of its month, 2026-01-25
    """
    if today != last_sunday(today):
        raise NothingToRun(f"{today} is not the last Sunday of its month, {last_sunday(today)}")


def refuse_first_session(first: date, last: date) -> None:
    """Raises NothingToRun or NotAClosedSession unless a range of sessions up to `last` may begin with `first`."""
    _refuse_backwards(first, last)
    closed_session(first, last)


def refuse_no_sundays(first: date, last: date) -> None:
    """Raises NothingToRun unless there is a month's last Sunday to rebalance on from `first` to `last`."""
    _refuse_backwards(first, last)
    _refuse_before_the_calendar(first)
    if not last_sundays_between(first, last):
        raise NothingToRun(f"no month's last Sunday lies between {first} and {last}")


def _refuse_backwards(first: date, last: date) -> None:
    if first > last:
        raise NothingToRun(f"from_date {first} is after {last}")


def _refuse_before_the_calendar(day: date) -> None:
    if day < FIRST_COMPUTED:
        raise NothingToRun(f"{day} is before the first day that can be computed, {FIRST_COMPUTED}")
