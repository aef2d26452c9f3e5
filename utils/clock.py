"""The platform's clock: wall time, or the time of the replayed market (contracts 9).

It decides sessions, `observed_at`, `published_at`, `origin` and `is_current`; everything else uses wall time.
"""

import json
import urllib.request
from datetime import UTC, date, datetime

from config.settings import PlatformSettings, load
from utils.sessions import is_session, last_closed_session

FIRST_COMPUTED = date(2002, 1, 2)  # the calendar begins two years before: no run looks back further


class ClockUnavailable(Exception):
    """The replayed market's clock does not answer: there is no time to work at."""


def wall_now() -> datetime:
    """The real time, in UTC."""
    return datetime.now(UTC)


def platform_now(settings: PlatformSettings | None = None) -> datetime:
    """The time the platform lives at, in UTC.

    Raises ClockUnavailable when PLATFORM_NOW_URL is set and does not answer: wall time would be wrong.
    """
    url = (settings or load(PlatformSettings)).now_url
    if url is None:
        return wall_now()
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - an address of the operator's settings
            return datetime.fromisoformat(json.load(answer)["now"]).astimezone(UTC)
    except (OSError, ValueError, KeyError) as error:
        raise ClockUnavailable(f"PLATFORM_NOW_URL {url}: expected the market's clock, got {error}") from error


def newest_session(at: datetime | None = None, settings: PlatformSettings | None = None) -> date:
    """The session that results describe at that instant, now by default (rules 1)."""
    settings = settings or load(PlatformSettings)
    return last_closed_session(at or platform_now(settings), settle_minutes=settings.settle_minutes)


class NotAClosedSession(ValueError):
    """A day that was asked for is no session, or not over yet."""


def closed_session(day: date, newest: date) -> date:
    """The day, when it is a session of New York that has closed by `newest`.

    Raises NotAClosedSession with a line that says which.
    """
    if day > newest:  # first: the calendar knows only about a year ahead
        raise NotAClosedSession(f"{day} has not closed yet: the last closed session is {newest}")
    if not is_session(day):
        raise NotAClosedSession(f"{day} is not a session of the New York Stock Exchange")
    if day < FIRST_COMPUTED:
        raise NotAClosedSession(f"{day} is before the first session that can be computed, {FIRST_COMPUTED}")
    return day
