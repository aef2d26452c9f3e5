"""What is asked for, as a table: sessions of two weeks, what is stored of them, and the request that follows."""

import tracemalloc
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from collector.planner import ASKED_AGAIN, BarsPlan, plan_bars
from database.connection import connect
from database.coverage import Coverage, bar_coverage
from test.conftest import Database
from utils.sessions import sessions_until

D = date(2026, 1, 23)
SESSIONS = sessions_until(D, 60)


def stored(*missing: date, first: int = 0, last: int = 59, **more: object) -> Coverage:
    """An instrument with bars on SESSIONS[first..last] but for the missing ones."""
    have = [session for session in SESSIONS[first : last + 1] if session not in missing]
    coverage = Coverage(
        "X",
        first=have[0],
        last=have[-1],
        overlap_from=have[-5:][0],
        lacking=tuple(session for session in SESSIONS if session not in have),
    )
    return replace(coverage, **more)  # type: ignore[arg-type]


def test_nothing_stored_asks_for_all_sessions_at_once() -> None:
    plan = plan_bars(Coverage("X", lacking=tuple(SESSIONS)), SESSIONS)
    assert plan == BarsPlan("X", SESSIONS[0], D, tuple(SESSIONS), whole_from=None)


def test_everything_stored_asks_for_nothing() -> None:
    assert plan_bars(stored(), SESSIONS) is None


def test_a_forced_run_asks_for_the_newest_five_stored_again() -> None:
    plan = plan_bars(stored(), SESSIONS, force=True)
    assert plan is not None
    assert (plan.start, plan.end, plan.lacking) == (SESSIONS[55], D, ())


def test_a_new_session_is_asked_for_with_the_newest_five_stored() -> None:
    plan = plan_bars(stored(last=58), SESSIONS)
    assert plan is not None
    assert (plan.start, plan.end, plan.lacking) == (SESSIONS[54], D, (D,))


def test_a_hole_is_asked_for_once_and_then_waits_for_the_next_request() -> None:
    hole = SESSIONS[30]
    first = plan_bars(stored(hole), SESSIONS)
    assert first is not None
    assert (first.start, first.lacking) == (hole, (hole,))
    assert plan_bars(stored(hole, asked={hole: 1}), SESSIONS) is None
    later = plan_bars(stored(hole, last=58, asked={hole: 5}), SESSIONS)
    assert later is not None
    assert (later.start, later.lacking) == (hole, (hole, D))
    given_up = plan_bars(stored(hole, last=58, asked={hole: 6}), SESSIONS)
    assert given_up is not None
    assert given_up.start == SESSIONS[54]


def test_newest_sessions_that_lack_are_not_given_up_where_they_are_awaited() -> None:
    asked = {D: ASKED_AGAIN + 1}
    assert plan_bars(stored(last=58, asked={D: ASKED_AGAIN}), SESSIONS) is not None
    assert plan_bars(stored(last=58, asked=asked), SESSIONS) is None
    for awaited in (SESSIONS[0], SESSIONS[-1]):  # of an ETF, and of a stock
        assert plan_bars(stored(last=58, asked=asked), SESSIONS, patient_from=awaited) is not None


def test_a_doubtful_bar_is_asked_for_again_with_the_next_request() -> None:
    assert plan_bars(stored(doubtful_from=SESSIONS[20]), SESSIONS) is None
    plan = plan_bars(stored(last=58, doubtful_from=SESSIONS[20]), SESSIONS)
    assert plan is not None
    assert plan.start == SESSIONS[20]


def test_what_is_newer_than_the_run_is_in_the_request_so_that_nothing_is_cut() -> None:
    newer = date(2026, 2, 20)
    coverage = replace(stored(SESSIONS[30]), last=newer, overlap_from=date(2026, 2, 13))
    plan = plan_bars(coverage, SESSIONS)
    assert plan is not None
    assert (plan.start, plan.end) == (SESSIONS[30], newer)


def test_history_that_starts_too_late_is_asked_for_unless_the_source_has_none() -> None:
    plan = plan_bars(stored(first=50), SESSIONS)
    assert plan is not None
    assert plan.start == SESSIONS[0]
    assert plan_bars(stored(first=50, begins=SESSIONS[50]), SESSIONS) is None
    assert plan_bars(stored(first=20), SESSIONS) is None  # the 40 that results need are there


def test_what_an_answer_lacked_at_its_front_waits_for_the_next_request_and_is_given_up_at_last() -> None:
    def cut(times: int, last: int = 59) -> Coverage:
        return stored(first=20, last=last, asked=dict.fromkeys(SESSIONS[:20], times))

    assert plan_bars(cut(1), SESSIONS) is None
    for times, since in ((1, SESSIONS[0]), (ASKED_AGAIN, SESSIONS[0]), (ASKED_AGAIN + 1, SESSIONS[54])):
        plan = plan_bars(cut(times, last=58), SESSIONS)
        assert plan is not None
        assert plan.start == since


def test_plans_of_many_instruments_hold_the_sessions_they_lack_once(database: Database) -> None:
    years = sessions_until(D, 2520)
    tickers = [f"S{number}" for number in range(2000)]
    with database.server.connect(database.name) as connection:  # each twentieth has its newest session
        connection.execute(
            """INSERT INTO collected_06_daily_stock_history (ticker, trade_date, close_price, adj_close_price, volume,
                   currency, fetched_at, changed_at, run_id)
               SELECT ticker, %s, 1, 1, 1, 'USD', now(), now(), 'test' FROM unnest(%s::text[]) ticker""",
            (D, tickers[::20]),
        )
    with connect(database.settings("collector")) as connection:
        tracemalloc.start()
        plans = [plan_bars(each, years, deep=True) for each in bar_coverage(connection, "stock", tickers, years)]
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert [plan.ticker for plan in plans if plan is not None] == tickers
    assert [len(plan.lacking) for plan in plans[:2] if plan is not None] == [2519, 2520]
    assert kept / len(plans) < 2000  # bytes; the sessions of one alone are ten times as much


@given(
    have=st.sets(st.integers(0, 59)),
    asked=st.dictionaries(st.integers(0, 59), st.integers(0, 8)),
    patient_from=st.sampled_from([None, SESSIONS[0], SESSIONS[-1]]),
)
def test_a_plan_covers_what_it_is_made_for(have: set[int], asked: dict[int, int], patient_from: date | None) -> None:
    days = sorted(SESSIONS[at] for at in have)
    coverage = Coverage(
        "X",
        first=days[0] if days else None,
        last=days[-1] if days else None,
        overlap_from=days[-5:][0] if days else None,
        lacking=tuple(session for at, session in enumerate(SESSIONS) if at not in have),
        asked={SESSIONS[at]: times for at, times in asked.items()},
    )
    plan = plan_bars(coverage, SESSIONS, patient_from=patient_from)
    if plan is None:
        assert days
        return
    assert plan.lacking
    assert plan.start <= min(plan.lacking)
    assert plan.end >= D
    assert not set(plan.lacking) & set(days)
    if coverage.overlap_from is not None:
        assert plan.start <= coverage.overlap_from
