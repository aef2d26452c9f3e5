"""Which months an answer is about (rules 7)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from api.dependencies import Services
from api.portfolio_dates import nothing_yet
from api.problems import ProblemError
from database import read_months
from database.connection import Connection
from database.read_months import Month
from utils.sessions import last_session_of_month, session_at_or_before

WHAT = "monthly result"
LAST = (9999, 12)


def newest_months(db: Connection, count: int, *, until: date | None = None) -> list[Month]:
    """The newest months that have a result, up to that of a day, oldest first. Raises ProblemError 404 without any."""
    newest = newest_month(db)
    until = until or date(newest.year, newest.month, 1)
    found = read_months.months(db, until=(until.year, until.month), count=count)
    if not found:
        raise missing_month(f"{until:%Y-%m}", newest)
    return found


def newest_month(db: Connection) -> Month:
    """The newest month that has a result. Raises ProblemError 404 without any."""
    found = read_months.months(db, until=LAST, count=1)
    if not found:
        raise nothing_yet(WHAT)
    return found[0]


def one_month(db: Connection, year: int | None, month: int | None) -> Month:
    """The month, or the newest. Raises ProblemError 422 for half a month, 404 for one without a result."""
    if (year is None) != (month is None):
        raise ProblemError(422, "year and month: expected both, or neither for the newest month")
    newest = newest_month(db)
    if year is None or month is None:
        return newest
    found = read_months.months(db, until=(year, month), count=1)
    if found and (found[0].year, found[0].month) == (year, month):
        return found[0]
    raise missing_month(f"{year:04d}-{month:02d}", newest)


def missing_month(asked: str, newest: Month) -> ProblemError:
    """The 404 for a month without a result."""
    detail = f"There is no {WHAT} of {asked}; the newest is of {newest.name}"
    return ProblemError(404, detail, newest_month=newest.name, newest_as_of_date=as_of_date(newest))


def as_of_date(month: Month) -> date:
    """The session a month's rows describe: its last, or that of the run that wrote a running one."""
    last = last_session_of_month(date(month.year, month.month, 1))
    return last if not month.is_partial else min(last, month.run_as_of or session_at_or_before(month.updated_at.date()))


def dated(app: Services, months: Sequence[Month]) -> dict[str, Any]:
    """The fields of Dated, and is_partial, about months, oldest first."""
    day = as_of_date(months[-1])
    return {
        "as_of_date": day,
        "computed_at": max(month.updated_at for month in months),
        "is_current": app.is_current(day),
        "is_partial": months[-1].is_partial,
    }
