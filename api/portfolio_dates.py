"""A date without a result is 404 naming the newest date that has one (contracts 6)."""

from datetime import date, timedelta
from typing import Any

from api.dependencies import Services
from api.freshness import monthly_late_at
from api.problems import ProblemError
from api.schemas.choices import PortfolioState
from database import portfolios, read_portfolios
from database.connection import Connection
from database.read_dates import Result, result_dates
from database.read_portfolios import Header, Strategy
from utils.clock import FIRST_COMPUTED, wall_now
from utils.sessions import is_session, session_at_or_before

# The calendar knows about a year ahead; who asks for later days needs no hint about them.
AHEAD = timedelta(days=300)


def no_portfolio_yet(db: Connection) -> tuple[PortfolioState, str]:
    """Why there is no portfolio at all."""
    if result_dates(db, "trending").newest and not portfolios.first_snapshot(db):
        return "no_snapshot", "No holdings snapshot is stored yet: no portfolio can be made"
    return "not_computed", "No portfolio has been computed yet"


def required_header(db: Connection, strategy: Strategy, as_of_date: date | None) -> Header | None:
    """The header of that date, or the newest; None only when nothing was asked for and nothing was ever computed.

    Raises ProblemError 404 with the newest date that has a portfolio.
    """
    found = read_portfolios.header(db, strategy, as_of_date)
    if found is not None or as_of_date is None:
        return found
    newest = read_portfolios.header(db, strategy)
    before = read_portfolios.header_at_or_before(db, strategy, as_of_date)
    raise missing_date(
        as_of_date,
        newest.as_of_date if newest else None,
        before=before.as_of_date if before else None,
        what=f"{strategy} portfolio",
        is_of_session=strategy != "monthly",
    )


def required_date(db: Connection, result: Result, as_of_date: date | None, *, what: str) -> date:
    """The date asked for, or the newest that has the result. Raises ProblemError 404 naming those that have one."""
    found = result_dates(db, result, as_of_date)
    if found.newest is None:
        raise nothing_yet(what)
    if as_of_date is None:
        return found.newest
    if found.at_or_before != as_of_date:
        raise missing_date(as_of_date, found.newest, before=found.at_or_before, what=what)
    return as_of_date


def nothing_yet(what: str) -> ProblemError:
    """The 404 before the first result."""
    return ProblemError(404, f"There is no {what} yet", newest_as_of_date=None)


def missing_date(
    as_of_date: date, newest: date | None, *, what: str, before: date | None = None, is_of_session: bool = True
) -> ProblemError:
    """The 404 for a date without a result; `before`: the newest result at or before it."""
    is_known = FIRST_COMPUTED <= as_of_date <= wall_now().date() + AHEAD
    if is_of_session and is_known and not is_session(as_of_date):
        why = f"{as_of_date} is not a session of the New York Stock Exchange"
    else:
        why = f"There is no {what} of {as_of_date}"
    hint = f"the newest is of {newest}" if newest else "there is none of any date yet"
    return ProblemError(
        404,
        f"{why}; {hint}",
        as_of_date=as_of_date,
        newest_as_of_date=newest,
        result_at_or_before=before,
        session_at_or_before=session_at_or_before(as_of_date) if is_known else None,
    )


def dated(app: Services, header: Header) -> dict[str, Any]:
    """The fields of Dated about a portfolio; a monthly one is current until the next rebalance (rules 5)."""
    if header.strategy == "monthly":
        is_current = app.clock.now() <= monthly_late_at(header.as_of_date, app.api.fresh_hours)
    else:
        is_current = app.is_current(header.as_of_date)
    return {"as_of_date": header.as_of_date, "computed_at": header.computed_at, "is_current": is_current}
