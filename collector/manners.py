"""How the source is asked: at the machine's pace, within the day's budget, and not at all after a 429.

Every request takes a slot of the pace and a place in the budget, and stops at a block that any program has met. What is
answered with an error status is raised here at once: yfinance would ask again by itself.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import curl_cffi.requests

from collector.answers import NoData, RateLimited, SourceUnavailable
from collector.pace import Pace
from config.settings import YahooSettings
from database import budget
from database.connection import Connection
from utils.clock import wall_now

SOURCE = "yahoo"
# In cooldowns: how long the source is left alone after the first 429 of a day, the second, …
PAUSES = (1, 3, 6, 12)
CHART_PATH, SUMMARY_PATH, QUOTES_PATH = "/v8/finance/chart/", "/v10/finance/quoteSummary/", "/v7/finance/quote"


class _Counter(threading.local):
    requests: int = 0


class Manners:
    """Pace, budget and block of one program; may be used from several threads.

    connection: for budget and block, at best not the one that holds the ledger's lock.
    """

    def __init__(self, settings: YahooSettings, connection: Connection) -> None:
        self._settings, self._connection = settings, connection
        self.pace = Pace(settings.cache_dir / "pace")
        self._counter = _Counter()

    def requests_made(self) -> int:
        """Requests this thread has made so far."""
        return self._counter.requests

    @contextmanager
    def request(self, *, slow: bool) -> Iterator[None]:
        """Around a request: a slot of the pace and a place in the day's budget before, its settlement after.

        The slot first: what another program has met while this one waited for it stops the request.
        Raises RateLimited when there is no place.
        """
        self.pace.wait(self._settings.slow_pace_seconds if slow else self._settings.pace_seconds)
        now = wall_now()
        wait_until = budget.reserve(self._connection, SOURCE, daily_budget=self._settings.daily_budget, now=now)
        if wait_until is not None:
            is_blocked = budget.blocked_until(self._connection, SOURCE, now=now) is not None
            why = "the source asked for a pause" if is_blocked else "the day's budget of requests is used up"
            raise RateLimited(why, wait_until)
        self._counter.requests += 1
        try:
            yield
        finally:
            budget.settle(self._connection, SOURCE, reserved_at=now)

    def blocked(self, retry_after: str) -> RateLimited:
        """Note a 429 for all programs; nobody asks before the pause is over, and a further one is longer."""
        now = wall_now()
        until = budget.block(
            self._connection,
            SOURCE,
            pauses=[timedelta(seconds=self._settings.cooldown_seconds * each) for each in PAUSES],
            at_least=_pause_of(retry_after, now),
            now=now,
        )
        return RateLimited("the source answered 429", until)


class PoliteSession(curl_cffi.requests.Session[curl_cffi.requests.Response]):
    """A browser-like session through which every request passes, those for cookie and crumb included."""

    def __init__(self, manners: Manners, **options: Any) -> None:
        super().__init__(impersonate="chrome", **options)
        self._manners = manners

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """Ask, politely. Raises RateLimited, NoData or SourceUnavailable for the statuses that mean so."""
        path = urlsplit(url).path
        with self._manners.request(slow=path.startswith(SUMMARY_PATH)):
            response = super().request(method, url, *args, **options)
            self._check(path, response)
        return response

    def _check(self, path: str, response: Any) -> None:
        """Name what the status means. Statuses of cookie and crumb requests are yfinance's business, but for 429."""
        status = response.status_code
        if status == 429:
            raise self._manners.blocked(response.headers.get("retry-after", ""))
        if not path.startswith((CHART_PATH, SUMMARY_PATH, QUOTES_PATH)):
            return
        if status >= 500:
            raise SourceUnavailable(f"the source answered {status}")
        if status in (400, 404):
            if path == QUOTES_PATH:  # of many at once: no word on any of them
                raise SourceUnavailable(f"the source answered {status}")
            raise NoData(_reason(response) or f"the source answered {status}")


def _reason(response: Any) -> str | None:
    """The description in an error answer, if there is one."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        (envelope,) = response.json().values()
        return str(envelope["error"]["description"])
    return None


def _pause_of(retry_after: str, now: datetime) -> timedelta:
    """What a Retry-After asks for, in seconds or as a date; none when it can't be read.

    >>> _pause_of("Fri, 23 Jan 2026 12:30:00 GMT", datetime(2026, 1, 23, 12, tzinfo=UTC))
    datetime.timedelta(seconds=1800)
    >>> [_pause_of(text, datetime(2026, 1, 23, 12, tzinfo=UTC)).seconds for text in ("90", "\u00b2", "soon", "")]
    [90, 0, 0, 0]
    """
    with suppress(ValueError, OverflowError):
        if retry_after.isdecimal():
            return timedelta(seconds=int(retry_after))
        return max(parsedate_to_datetime(retry_after).astimezone(UTC) - now, timedelta())
    return timedelta()
