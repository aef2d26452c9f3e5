"""The frame: a date that goes along, keys, an address without a page, newer results, nothing to show."""

from collections.abc import Callable

import httpx
import pytest

from test.api.market import everything
from test.dashboard.conftest import Reader, Site
from test.published import Connection

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def fill() -> Callable[[Connection], None]:
    """Each page has something to show."""
    return everything


def test_a_date_goes_with_the_reader_to_pages_that_have_one(reader: Reader) -> None:
    reader.open("/?lang=ko&date=2026-01-22")
    links = {link.get_attribute("data-key"): link.get_attribute("href") for link in reader.page.locator("nav a").all()}
    assert links["e"] == "/etfs?lang=ko&date=2026-01-22"
    assert links["s"] == "/sectors?lang=ko"


def test_keys_are_listed(reader: Reader) -> None:
    reader.open("/?lang=en")
    reader.page.keyboard.press("?")
    assert "Previous, next session" in reader.page.get_by_role("dialog").inner_text()
    reader.page.keyboard.press("Escape")
    reader.page.get_by_role("dialog").wait_for(state="hidden")


def test_an_address_without_a_page_has_the_frame(reader: Reader) -> None:
    reader.open("/nowhere?lang=ko")
    assert "이 주소에는 화면이 없습니다." in reader.page.locator("main").inner_text()
    assert reader.page.get_by_role("navigation").is_visible()


def test_an_open_page_says_that_there_is_something_newer(reader: Reader) -> None:
    reader.page.clock.install()
    reader.page.route("**/newest", lambda route: route.fulfill(json={"as_of_date": "2026-01-26"}))
    reader.open("/?lang=ko")
    reader.page.clock.run_for(61_000)
    assert reader.page.locator(".notice.new").inner_text() == "새 결과(01-26)가 있습니다 · 보기"
    reader.page.clock.run_for(61_000)
    assert reader.page.locator(".notice.new").count() == 1


def test_away_and_never_seen(site: Site, reader: Reader) -> None:
    site.api.stop()
    try:
        reader.page.goto("/etfs?lang=ko&range=250&etf=XLU&date=2026-01-22")
        assert "저장된 자료도 없습니다" in reader.page.locator(".notice.error").first.inner_text()
        assert httpx.get(f"{site.dashboard.url}/download/etfs.csv?lang=ko").status_code == 503
    finally:
        site.api.start()
    reader.page.wait_for_selector("#etfs .ag-row", timeout=30_000)
