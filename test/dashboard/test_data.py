"""Which session a page shows for the date in its address."""

from datetime import date

import pytest

from dashboard.address import read
from dashboard.data import Shown, resolve

TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 1, day) for day in (20, 21, 22, 23))
SESSIONS, MISSING = [TUESDAY, THURSDAY], [WEDNESDAY, FRIDAY]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, Shown(THURSDAY, "newest", None)),
        (THURSDAY, Shown(THURSDAY, "newest", THURSDAY)),
        (TUESDAY, Shown(TUESDAY, "past", TUESDAY)),
        (WEDNESDAY, Shown(None, "not_computed", WEDNESDAY)),  # never Tuesday's passed off as its own
        (date(2026, 1, 24), Shown(None, "not_computed", FRIDAY)),  # a Saturday after a session without result
        (date(2026, 1, 17), Shown(None, "before_first", date(2026, 1, 17))),
    ],
)
def test_the_session_shown(asked: date | None, expected: Shown) -> None:
    assert resolve(asked, SESSIONS, MISSING, FRIDAY) == expected


def test_a_holiday_shows_the_session_before() -> None:
    assert resolve(date(2026, 1, 24), [THURSDAY, FRIDAY], [], FRIDAY) == Shown(FRIDAY, "snapped", date(2026, 1, 24))


def test_before_the_first_result() -> None:
    assert resolve(None, [], [], FRIDAY) == Shown(None, "nothing", FRIDAY)


def test_the_address_is_the_state() -> None:
    address = read("/", {"period": "5", "date": "2026-01-22", "lang": "en"}, cookie_lang="ko")
    assert (address.period, address.day, address.lang) == ("5", THURSDAY, "en")
    assert address.url() == "/?lang=en&period=5&date=2026-01-22"
    assert address.url(day=None, period="20") == "/?lang=en"


def test_an_unknown_value_is_the_default_and_is_named() -> None:
    address = read("/", {"period": "7", "date": "soon", "lang": "fr"}, cookie_lang="en")
    assert (address.period, address.day, address.lang) == ("20", None, "en")
    assert dict(address.unknown) == {"period": "7", "date": "soon", "lang": "fr"}
