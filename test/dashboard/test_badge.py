"""The freshness badge: what a reader is told of the session he sees."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from dashboard.address import read
from dashboard.client import Answer
from dashboard.components.shell import badge, freshness
from dashboard.data import Found, Frame, Shown
from dashboard.site import ETFS
from dashboard.texts import Words

DAY, NEXT = date(2026, 1, 23), date(2026, 1, 26)


def frame(found: Found = "newest", *, is_live: bool = True, **status: Any) -> Frame:
    answer = Answer(200, {"sessions_behind": 0, "freshness": "current"} | status, datetime(2026, 1, 24, tzinfo=UTC))
    shown = Shown(None if found in ("not_computed", "to_come") else DAY, found, DAY)
    sessions = [DAY, NEXT] if found == "past" else [DAY]
    return Frame(Answer(answer.status, answer.body, answer.received_at, is_live), sessions, [], shown)


@pytest.mark.parametrize(
    ("about", "told"),
    [
        (frame(), ("●", "ok", "Current")),
        (frame(sessions_behind=1, freshness="due"), ("→", "quiet", "Computing")),
        (frame(sessions_behind=1, freshness="behind"), ("▲", "warn", "1 session behind")),
        (frame(sessions_behind=3, freshness="behind"), ("■", "error", "3 sessions behind")),
        (frame("past"), ("◷", "quiet", "Past date")),
        (frame("snapped"), ("●", "ok", "Current")),  # a Saturday: Friday's is the newest
        (frame("snapped", sessions_behind=1, freshness="due"), ("→", "quiet", "Computing")),
        (frame("to_come"), ("○", "quiet", "No results yet")),
        (frame("not_computed"), ("○", "quiet", "No results yet")),
        (frame(sessions_behind=None), ("○", "quiet", "No results yet")),
        (frame(is_live=False), ("✕", "error", "API away")),
        (frame("past", is_live=False), ("✕", "error", "API away")),
    ],
)
def test_the_badge(about: Frame, told: tuple[str, str, str]) -> None:
    assert badge(about, Words("en")) == told


def test_what_a_badge_opens_says_of_which_date_the_results_are() -> None:
    about = frame("past", as_of_date="2026-01-26", computed_at="2026-01-26T22:10:00Z")
    told = str(freshness(read(ETFS, {"date": "2026-01-23"}), about, Words("en")))
    assert "Results of 2026-01-26 computed 01-27 07:10 KST" in told
