"""The freshness badge: what a reader is told of the session he sees."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from dashboard.client import Answer
from dashboard.components.shell import badge
from dashboard.data import Found, Frame, Shown
from dashboard.texts import Words

DAY = date(2026, 1, 23)


def frame(found: Found = "newest", *, is_live: bool = True, **status: Any) -> Frame:
    answer = Answer(200, {"sessions_behind": 0, "freshness": "current"} | status, datetime(2026, 1, 24, tzinfo=UTC))
    return Frame(Answer(answer.status, answer.body, answer.received_at, is_live), [DAY], [], Shown(DAY, found))


@pytest.mark.parametrize(
    ("about", "told"),
    [
        (frame(), ("●", "ok", "Current")),
        (frame(sessions_behind=1, freshness="due"), ("→", "quiet", "Computing")),
        (frame(sessions_behind=1, freshness="behind"), ("▲", "warn", "1 session behind")),
        (frame(sessions_behind=3, freshness="behind"), ("■", "error", "3 sessions behind")),
        (frame("past"), ("◷", "quiet", "Past date")),
        (frame("not_computed"), ("○", "quiet", "No results yet")),
        (frame(sessions_behind=None), ("○", "quiet", "No results yet")),
        (frame(is_live=False), ("✕", "error", "API away")),
        (frame("past", is_live=False), ("✕", "error", "API away")),
    ],
)
def test_the_badge(about: Frame, told: tuple[str, str, str]) -> None:
    assert badge(about, Words("en")) == told
