"""What a page needs from the API, asked for in two rounds: how fresh is it, then everything of one date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from dashboard.address import Address
from dashboard.client import Answer, ApiClient, Query

Json = dict[str, Any]
STRATEGIES = ("5", "10", "20", "monthly")
Found = Literal["newest", "past", "snapped", "not_computed", "before_first", "nothing"]


@dataclass(frozen=True)
class Shown:
    """The session a page shows, and how it was found."""

    day: date | None
    found: Found
    asked: date | None = None


@dataclass(frozen=True)
class Frame:
    """What every page's frame says."""

    status: Answer
    sessions: list[date]
    rebalances: list[date]
    shown: Shown

    @property
    def dated(self) -> dict[str, str]:
        """The query for what describes the session shown; nothing while there is none."""
        return {"as_of_date": self.shown.day.isoformat()} if self.shown.day else {}

    @property
    def rebalance(self) -> date | None:
        """The monthly portfolio that counts: the newest, or for a past session the newest by then."""
        reached = [day for day in self.rebalances if self.shown.found == "newest" or day <= (self.shown.day or day)]
        return max(reached, default=None)

    @property
    def has_none(self) -> bool:
        """The session asked for has no result: nothing is to be asked for, and nothing older to be shown."""
        return self.shown.day is None and self.shown.found != "nothing"

    @property
    def nothing(self) -> Answer:
        """The answer in place of one that was not asked for."""
        return Answer(404, {}, self.status.received_at, self.status.is_live)

    @property
    def previous(self) -> date | None:
        """The session with results before the one shown."""
        anchor = self.shown.day or self.shown.asked
        return max((day for day in self.sessions if anchor and day < anchor), default=None)

    @property
    def next(self) -> date | None:
        """The session with results after the one shown."""
        anchor = self.shown.day or self.shown.asked
        return min((day for day in self.sessions if anchor and day > anchor), default=None)


def away_since(answers: Iterable[Answer]) -> datetime | None:
    """When the oldest answer shown was received, if any of them is not live."""
    return min((answer.received_at for answer in answers if not answer.is_live), default=None)


def is_refused(answers: Iterable[Answer]) -> bool:
    """The API does not know our key."""
    return any(answer.status == 401 for answer in answers)


def resolve(asked: date | None, sessions: list[date], missing: list[date], expected: date | None) -> Shown:
    """Which session to show for the date that was asked for.

    A session without a result is said to have none: an older portfolio is never passed off as its.
    """
    if not sessions:
        return Shown(None, "nothing", asked or expected)
    newest = sessions[-1]
    if asked is None or asked == newest:
        return Shown(newest, "newest", asked)
    if asked in sessions:
        return Shown(asked, "past", asked)
    if asked in missing:
        return Shown(None, "not_computed", asked)
    if asked < sessions[0]:
        return Shown(None, "before_first", asked)
    before = max(day for day in sorted(sessions + missing) if day < asked)
    return Shown(before, "snapped", asked) if before in sessions else Shown(None, "not_computed", before)


def load_frame(client: ApiClient, address: Address) -> Frame:
    """How fresh the results are, and which date the page shows."""
    # asked anew each time: a new result shows at once, everything else may be half a minute old
    status, dates = client.get_anew("/status"), client.get_anew("/sessions")
    sessions = [date.fromisoformat(day) for day in dates.body.get("sessions", [])]
    missing = [date.fromisoformat(day) for day in dates.body.get("without_result", [])]
    rebalances = [date.fromisoformat(day) for day in dates.body.get("rebalances", [])]
    expected = status.body.get("expected_as_of_date")
    asked = address.day if address.page.is_dated else None
    shown = resolve(asked, sessions, missing, date.fromisoformat(expected) if expected else None)
    return Frame(status, sessions, rebalances, shown)


def at_or_before(client: ApiClient, path: str, day: date | None, **query: str) -> Answer:
    """The answer for a day or, where only an earlier one has a result, of that; the newest without a day."""
    if day is None:
        return client.get(path, **query)
    answer = client.get(path, as_of_date=day.isoformat(), **query)
    earlier = answer.body.get("result_at_or_before")
    return client.get(path, as_of_date=earlier, **query) if answer.status == 404 and earlier else answer


@dataclass(frozen=True)
class Strategy:
    """One portfolio of a date with what stands beside it. `name`: 5, 10, 20 or monthly."""

    name: str
    portfolio: Answer
    changes: Answer
    summary: Answer


def load_portfolios(client: ApiClient, about: Frame) -> list[Strategy]:
    """The four portfolios of the session shown; the monthly one is the newest by then."""
    if about.has_none:
        return [Strategy(name, about.nothing, about.nothing, about.nothing) for name in STRATEGIES]
    queries: list[Query] = []
    for name in STRATEGIES:
        day = about.rebalance if name == "monthly" else about.shown.day
        dated = {"as_of_date": day.isoformat()} if day else {}
        queries.append(
            ("/stocks/monthly-portfolio", {"rebalance_date": day.isoformat()} if day else {})
            if name == "monthly"
            else ("/stocks/portfolio", {"period_days": name, **dated})
        )
        beside = ("/dashboard/portfolio-changes", "/dashboard/portfolio-summary")
        queries += [(path, {"period_days": name, **dated}) for path in beside]
    answers = client.get_all(queries)
    return [Strategy(name, *answers[3 * place : 3 * place + 3]) for place, name in enumerate(STRATEGIES)]
