"""Which portfolio was bought at which close, and how long it was held (rules 8): as the batch computes it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby, zip_longest
from operator import attrgetter
from typing import NamedTuple

from database.read_performance import Origin, Revision
from utils.sessions import close_of


class Purchase(NamedTuple):
    """One portfolio, bought at the close of `bought_on`."""

    bought_on: date
    as_of_date: date
    origin: Origin
    revision: int


class Held(NamedTuple):
    """A purchase with its end: `is_completed` when another of its series was bought at the close of `held_to`."""

    purchase: Purchase
    held_to: date
    is_completed: bool


def purchases(revisions: Iterable[Revision], sessions: Sequence[date]) -> list[Purchase]:
    """What was bought on those sessions (in order, without a gap), by session; of two for one session the newer.

    A live portfolio is bought at the first close after its session and after its publication, in the revision that was
    the newest then; a simulated one as if it had been live, in the revision of today.
    """
    bought: dict[tuple[date, Origin], Purchase] = {}
    for as_of_date, group in groupby(revisions, key=attrgetter("as_of_date")):
        found = _bought(as_of_date, list(group), sessions)
        if found is not None:
            bought[found.bought_on, found.origin] = found  # in the order of as_of_date: the newer one stays
    return sorted(bought.values())


def _bought(as_of_date: date, revisions: Sequence[Revision], sessions: Sequence[date]) -> Purchase | None:
    place = bisect_right(sessions, as_of_date)
    if place == len(sessions) or not sessions:
        return None
    newest = revisions[-1]
    if newest.origin == "simulated":
        return Purchase(sessions[place], as_of_date, newest.origin, newest.revision)
    tradable = {revision.revision: _tradable_on(revision, sessions) for revision in revisions}
    known = [day for day in tradable.values() if day is not None]
    if not known:
        return None
    bought_on = max(sessions[place], min(known))
    in_time = [number for number, day in tradable.items() if day is not None and day <= bought_on]
    return Purchase(bought_on, as_of_date, newest.origin, max(in_time))


def _tradable_on(revision: Revision, sessions: Sequence[date]) -> date | None:
    """The first of the sessions that closes after the publication; None after the last."""
    published_on = revision.published_at.date()
    place = bisect_left(sessions, published_on)
    if place < len(sessions) and sessions[place] == published_on and revision.published_at >= close_of(published_on):
        place += 1
    return sessions[place] if place < len(sessions) else None


def held(bought: Sequence[Purchase], *, last: date) -> Iterator[Held]:
    """Each purchase until the next: a live one until the next live one, a simulated one until the next of either."""
    live = [purchase for purchase in bought if purchase.origin == "live"]
    either: dict[date, Purchase] = {}
    for purchase in bought:
        known = either.get(purchase.bought_on)
        if known is None or known.as_of_date < purchase.as_of_date:
            either[purchase.bought_on] = purchase
    for series, origin in ((live, "live"), (list(either.values()), "simulated")):
        for purchase, following in zip_longest(series, series[1:]):
            if purchase.origin != origin:
                continue
            held_to = following.bought_on if following else last
            yield Held(purchase, held_to, following is not None and following.origin == origin)
