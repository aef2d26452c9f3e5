"""What a page needs from the API, asked for in two rounds: how fresh is it, then everything of one date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from dashboard.address import TABS, Address
from dashboard.client import Answer, ApiClient

Json = dict[str, Any]
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
    shown: Shown

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


@dataclass(frozen=True)
class Period:
    """One tab of the Portfolio page."""

    name: str
    portfolio: Answer
    changes: Answer
    summary: Answer


@dataclass(frozen=True)
class PortfolioPage:
    """All tabs of a date, and its ETFs."""

    frame: Frame
    periods: list[Period]
    etfs: Answer

    @property
    def away_since(self) -> datetime | None:
        """When the oldest answer shown was received, if any of them is not live."""
        return away_since(self._answers())

    @property
    def is_refused(self) -> bool:
        """The API does not know our key."""
        return any(answer.status == 401 for answer in self._answers())

    def _answers(self) -> Iterable[Answer]:
        yield self.frame.status
        yield self.etfs
        for period in self.periods:
            yield from (period.portfolio, period.changes, period.summary)


def away_since(answers: Iterable[Answer]) -> datetime | None:
    """When the oldest answer shown was received, if any is not live."""
    return min((answer.received_at for answer in answers if not answer.is_live), default=None)


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
    status, dates = client.get("/status", fresh_seconds=0), client.get("/sessions", fresh_seconds=0)
    sessions = [date.fromisoformat(day) for day in dates.body.get("sessions", [])]
    missing = [date.fromisoformat(day) for day in dates.body.get("without_result", [])]
    expected = status.body.get("expected_as_of_date")
    shown = resolve(address.day, sessions, missing, date.fromisoformat(expected) if expected else None)
    return Frame(status, sessions, shown)


def load_portfolio_page(client: ApiClient, address: Address) -> PortfolioPage:
    """Frame, three periods and the ETFs of one session."""
    frame = load_frame(client, address)
    day = frame.shown.day
    query = {"as_of_date": day.isoformat()} if day else {}
    if day is None and frame.shown.found != "nothing":
        nothing = Answer(404, {}, frame.status.received_at, frame.status.is_live)
        return PortfolioPage(frame, [Period(name, nothing, nothing, nothing) for name in TABS], nothing)
    paths = ("/stocks/portfolio", "/dashboard/portfolio-changes", "/dashboard/portfolio-summary")
    queries = [(path, query | {"period_days": name}) for name in TABS for path in paths]
    *answers, etfs = client.get_all([*queries, ("/dashboard/trending-etfs", query)])
    periods = [Period(name, *answers[3 * index : 3 * index + 3]) for index, name in enumerate(TABS)]
    return PortfolioPage(frame, periods, etfs)
