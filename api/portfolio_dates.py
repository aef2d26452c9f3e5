"""A date without a result is 404 naming the newest date that has one (contracts 6)."""

from datetime import date

from api.problems import ProblemError
from api.schemas import State
from database import results
from database.connection import Connection
from database.results import Header, Strategy
from utils.sessions import is_session, session_at_or_before


def no_portfolio_yet(db: Connection) -> tuple[State, str]:
    """Why there is no portfolio at all."""
    if results.newest_trending_date(db) and not results.first_snapshot_date(db):
        return "no_snapshot", "No holdings snapshot is stored yet: no portfolio can be made"
    return "not_computed", "No portfolio has been computed yet"


def required_header(db: Connection, strategy: Strategy, as_of_date: date | None) -> Header | None:
    """The header of that date, or the newest; None only when nothing was asked for and nothing was ever computed.

    Raises ProblemError 404 with the newest date that has a portfolio.
    """
    found = results.header(db, strategy, as_of_date)
    if found is not None or as_of_date is None:
        return found
    newest = results.header(db, strategy)
    raise missing_date(as_of_date, newest.as_of_date if newest else None, what=f"{strategy} portfolio")


def missing_date(as_of_date: date, newest: date | None, *, what: str) -> ProblemError:
    """The 404 for a date without a result."""
    if is_session(as_of_date):
        why = f"There is no {what} of {as_of_date}"
    else:
        why = f"{as_of_date} is not a session of the New York Stock Exchange"
    hint = f"the newest is of {newest}" if newest else "there is none of any date yet"
    return ProblemError(
        404,
        f"{why}; {hint}",
        as_of_date=as_of_date,
        newest_as_of_date=newest,
        session_at_or_before=session_at_or_before(as_of_date),
    )
