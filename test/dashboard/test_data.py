"""Which session a page shows for the date in its address."""

from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

import dashboard
from config.settings import DashboardSettings
from dashboard.address import read
from dashboard.client import Answer, ApiClient
from dashboard.data import Found, Frame, Shown, load_portfolios, resolve
from dashboard.site import ETFS, PAGES, PIPELINE, PORTFOLIO, SECTORS, TABLE, Page
from dashboard.texts import TEXTS

TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, MONDAY = (date(2026, 1, day) for day in (20, 21, 22, 23, 26))
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
    assert resolve(asked, SESSIONS, MISSING, FRIDAY, MONDAY) == expected


def test_a_holiday_shows_the_session_before() -> None:
    saturday = date(2026, 1, 24)
    assert resolve(saturday, [THURSDAY, FRIDAY], [], FRIDAY, MONDAY) == Shown(FRIDAY, "snapped", saturday)


PRESIDENTS_DAY = date(2026, 2, 16)  # a Monday: the session after Friday 13 is Tuesday's


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (date(2026, 2, 14), Shown(date(2026, 2, 13), "snapped", date(2026, 2, 14))),
        (PRESIDENTS_DAY, Shown(date(2026, 2, 13), "snapped", PRESIDENTS_DAY)),  # no session, even before it is over
        (date(2026, 2, 17), Shown(None, "not_computed", date(2026, 2, 17))),  # the next run's
        (date(2026, 2, 18), Shown(None, "to_come", date(2026, 2, 18))),
        (date(2026, 2, 21), Shown(None, "to_come", date(2026, 2, 21))),  # a Saturday after sessions that are to come
    ],
)
def test_a_day_to_come_is_told_from_one_without_trade(asked: date, found: Shown) -> None:
    friday, tuesday = date(2026, 2, 13), date(2026, 2, 17)
    assert resolve(asked, [date(2026, 2, 12), friday], [], friday, tuesday) == found


def test_before_the_first_result() -> None:
    assert resolve(None, [], [], FRIDAY, MONDAY) == Shown(None, "nothing", FRIDAY)


def test_the_address_is_the_state() -> None:
    address = read(PORTFOLIO, {"period": "5", "date": "2026-01-22", "lang": "en"}, cookie_lang="ko")
    assert (address["period"], address.day, address.lang) == ("5", THURSDAY, "en")
    assert address.url() == "/?lang=en&period=5&date=2026-01-22"
    assert address.url(date="", period="20") == "/?lang=en"
    assert address.to(ETFS) == "/etfs?lang=en&date=2026-01-22"
    assert address.to(SECTORS) == "/sectors?lang=en"


def test_an_address_without_what_was_done_to_a_table() -> None:
    address = read(PIPELINE, {"run": "bars-2", "q": "QQQ", "sort": "status:asc", "lang": "en"})
    assert address.without(*TABLE).url() == "/pipeline?lang=en&run=bars-2"


def test_an_unknown_value_is_the_default_and_is_named() -> None:
    address = read(PORTFOLIO, {"period": "7", "date": "soon", "lang": "fr"}, cookie_lang="en")
    assert (address["period"], address.day, address.lang) == ("20", None, "en")
    assert dict(address.unknown) == {"period": "7", "date": "soon", "lang": "fr"}


@pytest.mark.parametrize(
    ("page", "given", "is_known"),
    [
        (PORTFOLIO, {"sector": "Real Estate"}, True),
        (PORTFOLIO, {"sector": "Unknown"}, True),
        (PORTFOLIO, {"sector": "Space Mining"}, False),
        (PIPELINE, {"process": "needed_stocks"}, True),
        (PIPELINE, {"process": "lunch"}, False),
    ],
)
def test_a_filter_that_would_hide_everything_is_unknown(page: Page, given: dict[str, str], *, is_known: bool) -> None:
    address = read(page, given)
    assert (dict(address.values), dict(address.unknown)) == ((given, {}) if is_known else ({}, given))


def test_of_a_name_given_twice_the_first_counts() -> None:
    """Dash hands on a list, which no value of a choice is."""
    address = read(PORTFOLIO, {"date": ["2026-01-22", "2026-01-23"], "period": ["7", "5"], "lang": ["en", "ko"]})
    assert (address.day, address["period"], address.lang) == (THURSDAY, "20", "en")
    assert dict(address.unknown) == {"period": "7"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_has_a_file_a_text_and_a_key_of_its_own(page: Page) -> None:
    assert (Path(dashboard.__file__).parent / "pages" / f"{page.name}.py").exists()
    assert f"nav.{page.name}" in TEXTS
    assert [other.key for other in PAGES].count(page.key) == 1


def frame_of(day: date | None, *rebalances: date, sessions: list[date]) -> Frame:
    answer = Answer(200, {}, datetime(2026, 1, 23, tzinfo=UTC))
    found: Found = "newest" if day == sessions[-1] else "past"
    return Frame(answer, sessions, list(rebalances), Shown(day, found, day))


DECEMBER, JANUARY = date(2025, 12, 28), date(2026, 1, 25)


@pytest.mark.parametrize("sessions", [[THURSDAY, FRIDAY], [THURSDAY, FRIDAY, MONDAY]])
def test_the_rebalance_that_counts(sessions: list[date]) -> None:
    """Friday's page has Sunday's portfolio, and still has it after Monday's results: a link shows the same."""
    assert frame_of(FRIDAY, DECEMBER, JANUARY, sessions=sessions).rebalance == JANUARY
    assert frame_of(THURSDAY, DECEMBER, JANUARY, sessions=sessions).rebalance == DECEMBER


def test_before_the_first_rebalance_no_later_one_is_asked_for(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={})

    settings = DashboardSettings(api_key=SecretStr("k"), cache_dir=tmp_path)
    client = ApiClient(settings, transport=httpx.MockTransport(answer))
    found = load_portfolios(client, frame_of(THURSDAY, JANUARY, sessions=[THURSDAY, FRIDAY]))
    statuses = [(one.name, one.portfolio.status) for one in found]
    assert statuses == [("5", 200), ("10", 200), ("20", 200), ("monthly", 404)]
    assert len(asked) == 3 * 3
    assert "/stocks/monthly-portfolio" not in asked
