"""The frame: a date that goes along, keys, an address without a page, newer results, nothing to show."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from test.api.market import everything
from test.dashboard.conftest import Reader, Site
from test.published import Connection


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
    expect(reader.page.get_by_role("dialog")).to_contain_text("Previous, next session")
    reader.page.keyboard.press("Escape")
    reader.page.get_by_role("dialog").wait_for(state="hidden")


def test_after_g_any_key_may_follow(reader: Reader) -> None:
    reader.open("/?lang=en")
    for key in ('"', "\\", "]"):  # none of which names a page; what is in a selector for something else breaks it
        reader.page.keyboard.press("g")
        reader.page.keyboard.press(key)
    reader.page.keyboard.press("g")
    reader.page.keyboard.press("e")
    reader.page.wait_for_url("**/etfs?lang=en")


def test_the_bar_of_a_page_on_its_way_goes_when_the_page_is_there(new_reader: Reader) -> None:
    new_reader.page.clock.install()
    new_reader.page.add_init_script(  # the moment at which the bar is shown comes after a quick answer
        "const wait = setTimeout; window.setTimeout = (work, ms) => wait(work, ms === 150 ? 30_000 : ms)"
    )
    new_reader.open("/?lang=ko")
    new_reader.page.keyboard.press("[")
    new_reader.page.wait_for_selector(".badge-fresh:has-text('과거 조회')")
    new_reader.page.clock.run_for(30_000)
    assert "loading" not in (new_reader.page.locator("html").get_attribute("class") or "")


def test_an_address_without_a_page_has_the_frame(reader: Reader) -> None:
    reader.open("/nowhere?lang=ko&date=2026-01-22&period=7")
    expect(reader.page.locator("main")).to_contain_text("이 주소에는 화면이 없습니다.")
    assert reader.page.get_by_role("navigation").is_visible()
    assert reader.page.locator("h1").inner_text() == "없는 화면"  # and no other page's
    assert reader.page.title().startswith("[데모] 없는 화면")
    assert reader.page.locator("[aria-current], #date, [data-step], main > .notice").count() == 0
    reader.page.locator("main").get_by_role("link", name="포트폴리오").click()
    reader.page.wait_for_selector("#positions-20 .ag-row")
    assert reader.page.url.endswith("/?lang=ko")


def test_an_open_page_says_that_there_is_something_newer(new_reader: Reader) -> None:
    new_reader.page.clock.install()
    new_reader.page.route("**/newest", lambda route: route.fulfill(json={"as_of_date": "2026-01-26"}))
    new_reader.open("/?lang=ko")
    new_reader.page.clock.run_for(61_000)
    assert new_reader.page.locator(".notice.new").inner_text() == "새 결과(01-26)가 있습니다 · 보기"
    new_reader.page.clock.run_for(61_000)
    assert new_reader.page.locator(".notice.new").count() == 1


def test_away_and_never_seen(site: Site, reader: Reader) -> None:
    site.api.stop()
    try:
        reader.page.goto("/etfs?lang=ko&range=250&etf=XLU&date=2026-01-22")
        expect(reader.page.locator(".notice.error").first).to_contain_text("저장된 자료도 없습니다")
        assert httpx.get(f"{site.dashboard.url}/download/etfs.csv?lang=ko").status_code == 503
    finally:
        site.api.start()
    reader.page.wait_for_selector("#etfs .ag-row", timeout=30_000)


def test_a_page_that_comes_back_without_its_answers_is_asked_for_less_and_less(new_reader: Reader, site: Site) -> None:
    tab = new_reader.page
    tab.clock.install()
    tab.route("**/healthz", lambda route: route.fulfill(json={"api": "up"}))
    loads = list[str]()
    tab.on("domcontentloaded", lambda page: loads.append(page.url))
    site.api.stop()
    try:
        tab.goto("/etfs?lang=ko&range=120&date=2026-01-22")
        for times, seconds in enumerate((5, 10, 20), start=1):
            tab.wait_for_selector("[data-away]")
            tab.clock.run_for(500 * seconds)
            tab.evaluate("fetch('/healthz')")  # whoever had asked for the page by now, had asked before
            assert len(loads) == times
            with tab.expect_event("domcontentloaded"):
                tab.clock.run_for(500 * seconds)
    finally:
        site.api.start()
