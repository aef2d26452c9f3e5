"""What to ask the source for: pure, from what is stored and the calendar (rules 1, 2). Nothing missing, no request.

One request per instrument: from the first session it lacks, widened to the newest five stored sessions, to doubtful
bars and to sessions that were missing in an answer, up to the session of the run or the newest stored bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from config.universe import CATCH_UP_SESSIONS, OVERLAP_SESSIONS, PERIODS
from database.coverage import Coverage

# A session that an answer lacked is asked for again on this many runs (rules 2).
ASKED_AGAIN = 5
# A stored session that an answer lacked lies in the overlap first, and in this many sessions ASKED_AGAIN runs later.
_RECENT_SESSIONS = OVERLAP_SESSIONS + ASKED_AGAIN + 1
# What a result of a past session needs before it: the longest period, and the sessions that stage 3 catches up.
NEEDED_SESSIONS = max(PERIODS) + CATCH_UP_SESSIONS


@dataclass(frozen=True)
class BarsPlan:
    """One request for bars, both ends included. `lacking`: the sessions it is made for or hopes for.

    whole_from: the first stored session, from which on a restated history is fetched; None: nothing is stored.
    """

    ticker: str
    start: date
    end: date
    lacking: tuple[date, ...]
    whole_from: date | None


def plan_bars(
    coverage: Coverage,
    sessions: Sequence[date],
    *,
    patient_from: date | None = None,
    force: bool = False,
    deep: bool = False,
) -> BarsPlan | None:
    """The request an instrument needs to have a bar on each of the sessions; None when it needs none.

    sessions: of its own exchange, oldest first, up to the session of the run.
    patient_from: from this session on the newest that lack are never given up; others are asked for on 1 + ASKED_AGAIN
    runs.
    force: ask for the newest stored sessions again, whether or not one is missing.
    deep: sessions before the first stored bar are wanted, too, as far as the source has them.
    """
    wanted = coverage.lacking
    if coverage.begins is not None:
        wanted = tuple(session for session in wanted if session >= coverage.begins)
    if coverage.first is None or coverage.last is None:
        return _first_request(coverage, sessions, wanted)
    since = sessions[0] if deep else _wanted_since(coverage, coverage.first, sessions)
    open_from: date | None = None
    lacking: list[date] = []
    is_due = force
    for session in wanted:
        times, is_newer = coverage.asked.get(session, 0), session > coverage.last
        is_awaited = patient_from is not None and session >= patient_from and is_newer
        # What an answer has lacked at its front is asked for again, too, whether or not results need it.
        is_open = (session >= since or times > 0) and (times <= ASKED_AGAIN or is_awaited)
        # With those at the end that were given up: more than one of them says that it has stopped trading
        if is_open or is_newer:
            lacking.append(session)
        if is_open:
            open_from = open_from or session
            # A hole that an answer has already lacked waits for a request that is made anyway.
            is_due = is_due or is_newer or times == 0
    if not is_due:
        return None
    recent = sessions[-min(_RECENT_SESSIONS, len(sessions))]
    doubted = [day for day, times in coverage.asked.items() if day >= recent and times <= ASKED_AGAIN]
    reasons = (open_from, coverage.overlap_from, coverage.doubtful_from, *doubted)
    return BarsPlan(
        coverage.ticker,
        start=min(day for day in reasons if day is not None),
        end=max(sessions[-1], coverage.last),
        lacking=wanted if len(lacking) == len(wanted) else tuple(lacking),  # many instruments share what they want
        whole_from=coverage.first,
    )


def _first_request(coverage: Coverage, sessions: Sequence[date], wanted: tuple[date, ...]) -> BarsPlan | None:
    if not wanted:
        return None
    return BarsPlan(coverage.ticker, sessions[0], sessions[-1], wanted, whole_from=None)


def _wanted_since(coverage: Coverage, first: date, sessions: Sequence[date]) -> date:
    """Sessions before the first stored bar are wanted only where results of the run's session would lack them."""
    needed = sessions[-min(NEEDED_SESSIONS, len(sessions))]
    starts_in_time = first <= needed or (coverage.begins is not None and coverage.begins >= first)
    return first if starts_in_time else sessions[0]
