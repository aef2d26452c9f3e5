"""What holds on every page: both languages and themes, phone to large screen, by keyboard, by link, without the API.

That no page writes an error to the console and none asks anybody but us is held by the fixture `reader`.
"""

import re
from collections.abc import Callable

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from dashboard.screenshots import DRAWN, READY
from dashboard.site import ETFS, PAGES, PERFORMANCE, PIPELINE, PORTFOLIO, SECTORS, Page
from dashboard.texts import LANGS, Lang, Words
from test.dashboard.conftest import Reader, Site
from test.dashboard.followed import followed
from test.published import Connection

SCREEN, TABLET, PHONE = 1440, 768, 390
# what axe looks at of every page: each width, theme and language, and every two of them together
LOOKS: dict[Lang, list[tuple[int, str]]] = {
    "ko": [(SCREEN, "light"), (TABLET, "dark"), (PHONE, "light"), (PHONE, "dark")],
    "en": [(SCREEN, "dark"), (TABLET, "light"), (PHONE, "light")],
}
FOLLOWED = """width => [...document.querySelectorAll('.ag-root, .main-svg')].every(
    part => part.getBoundingClientRect().right <= width)"""
BEGUN = "() => performance.getEntriesByType('resource').map(one => [one.name, one.startTime])"
MOST_STOPS = 150  # of Tab, from a page's top to its end
# The first rebalance of all has changed nothing; there are no top holdings of the period that the link names.
EMPTY = {
    PORTFOLIO: {"/download/changes.csv?lang=ko&period=monthly&date=2025-12-28"},
    ETFS: {"/download/top-holdings.csv?lang=ko&period=10&date=2026-01-23"},
}
# what asks the API from inside an open page for something that nobody has looked at; a page without such a thing learns
# of its absence by itself
ASKS = {
    PORTFOLIO: "#positions-20 .ag-row[row-index='0'] [col-id=company_name]",
    ETFS: "#etfs .ag-row:has-text('XLV') [col-id=etf_ticker]",
    SECTORS: "[data-choice=month][data-value='2025-12']:visible",
    PIPELINE: "#runs .ag-row:has-text('성공') [col-id=as_of_date]",
}
every_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@pytest.fixture(scope="module")
def fill() -> Callable[[Connection], None]:
    """Something on each page."""
    return followed


def opened(tab: Tab, address: str) -> None:
    """Rows are seen, charts drawn, and closed tabs made."""
    tab.goto(address)
    tab.wait_for_selector(READY)
    expect(tab.locator("[data-later=true]")).to_have_count(0)
    tab.wait_for_function(DRAWN)


def resized(tab: Tab, width: int) -> None:
    """The window is as wide; tables and charts have followed."""
    tab.set_viewport_size({"width": width, "height": 900})
    tab.wait_for_function(DRAWN)
    tab.wait_for_function(FOLLOWED, arg=width)


def themed(tab: Tab, theme: str) -> None:
    """The system has that theme, and the page has followed."""
    tab.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    expect(tab.locator("html")).to_have_attribute("data-bs-theme", theme)


def serious(tab: Tab) -> list[tuple[str, str]]:
    """What axe finds that keeps somebody out: (rule, first place)."""
    found = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]


def test_a_new_browser_asks_for_letters_before_the_page(new_reader: Reader) -> None:
    """The parts of the font come while the scripts do: all that the first words need."""
    for lang in LANGS:
        opened(new_reader.page, f"/?lang={lang}")
        begun = new_reader.page.evaluate(BEGUN)
        letters = [at for name, at in begun if name.endswith(".woff2")]
        [layout] = [at for name, at in begun if name.endswith("/_dash-layout")]
        assert letters
        assert max(letters) < layout


@every_page
@pytest.mark.parametrize("lang", LANGS)
def test_fits_is_accessible_and_in_one_language(reader: Reader, page: Page, lang: Lang) -> None:
    tab, t = reader.page, Words(lang)
    opened(tab, f"{page.path}?lang={lang}")
    assert tab.locator("html").get_attribute("lang") == lang
    assert tab.locator("h1").inner_text() == t(f"nav.{page.name}")
    assert tab.locator("nav [aria-current=page]").inner_text() == t(f"nav.{page.name}")
    assert tab.locator(".badge-demo").inner_text() == t("demo_badge")
    assert tab.title().startswith(t("demo_title", title=t(f"nav.{page.name}")))
    for width, theme in LOOKS[lang]:
        resized(tab, width)
        themed(tab, theme)
        assert (width, tab.evaluate("document.documentElement.scrollWidth")) == (width, width)
        assert (width, theme, serious(tab)) == (width, theme, [])


OPENED = {
    "a stock": ("/?lang=ko&stock=ACME", ".offcanvas.show:not(.showing) .main-svg"),
    "top holdings": ("/etfs?lang=ko&panel=top", "#panel-panel-top .ag-row"),
    "concentration": ("/etfs?lang=ko&panel=concentration", "#panel-panel-concentration .ag-row"),
    "overlap": ("/etfs?lang=ko&panel=overlap", "#panel-panel-overlap table.matrix"),
    "a run": ("/pipeline?lang=ko&run=bars-2", "#items .ag-row"),
}


@pytest.mark.parametrize("what", OPENED)
def test_what_a_choice_opens_is_accessible(reader: Reader, what: str) -> None:
    address, shown = OPENED[what]
    opened(reader.page, address)
    reader.page.wait_for_selector(shown)
    themed(reader.page, "dark")
    assert serious(reader.page) == []


@every_page
def test_definitions_menus_and_the_list_of_keys_are_accessible_when_open(reader: Reader, page: Page) -> None:
    tab = reader.page
    opened(tab, f"{page.path}?lang=ko")
    themed(tab, "light")
    parts = tab.locator("details")
    assert parts.count() > 1
    parts.evaluate_all("parts => parts.forEach(part => { part.open = true; })")
    assert serious(tab) == []
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_be_visible()
    assert serious(tab) == []


@every_page
def test_the_footer_leads_to_what_words_mean_and_to_the_apis_documentation(reader: Reader, page: Page) -> None:
    tab = reader.page
    opened(tab, f"{page.path}?lang=en")
    tab.locator("footer").get_by_role("button", name="Definitions").click()
    lists = tab.locator("main details.definitions:visible")
    assert lists.count() > 0
    assert lists.evaluate_all("lists => lists.every(list => list.open)")
    expect(lists.first.locator("summary")).to_be_focused()
    docs = tab.locator("footer").get_by_role("link", name="API docs").get_attribute("href")
    assert "ActStock" in httpx.get(docs or "").raise_for_status().text


@every_page
def test_keys_lead_through_a_page_and_to_the_next(reader: Reader, page: Page) -> None:
    tab, t = reader.page, Words("ko")
    opened(tab, f"{page.path}?lang=ko")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    for _ in range(MOST_STOPS):  # a table is entered once and left once
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.id") == "keys":
            break
    assert tab.evaluate("document.activeElement.id") == "keys"
    following = PAGES[(PAGES.index(page) + 1) % len(PAGES)]
    tab.keyboard.press("g")
    tab.keyboard.press(following.key)
    tab.wait_for_url(f"**{following.path}?lang=ko")
    expect(tab.locator("h1")).to_have_text(t(f"nav.{following.name}"))
    expect(tab.locator("h1")).to_be_focused()


# an address with other values than the defaults, and what shows them: name=value is a button of a choice that is
# pressed, `selector: value` a field that has it, any other a selector
LINKS = [
    (PORTFOLIO, "period=5&cap=krw", ["#tab-period-5[aria-selected=true]", "cap=krw"]),
    (PORTFOLIO, "date=2026-01-22", ["#date: 2026-01-22", ".badge-fresh.quiet"]),
    (ETFS, "period=5&group=benchmark", ["period=5", "group=benchmark"]),
    (SECTORS, "measure=excess&order=latest", ["measure=excess", "order=latest"]),
    (PERFORMANCE, "strategy=5d&cost=25&scale=log", ["strategy=5d", "#cost: 25", "scale=log"]),
    (PIPELINE, "tab=quality&severity=warn", ["#tab-tab-quality[aria-selected=true]", "#findings .ag-row"]),
    (PIPELINE, "run=bars-2", ["#items .ag-row"]),
]


def see(tab: Tab, shown: list[str]) -> None:
    """All of a link's marks are seen."""
    for mark in shown:
        name, _, value = mark.partition("=")
        field, _, content = mark.partition(": ")
        if content:
            expect(tab.locator(field)).to_have_value(content)
        elif name.isalpha():
            tab.wait_for_selector(f"[data-choice={name}][data-value='{value}'][aria-pressed=true]")
        else:
            tab.wait_for_selector(mark)


@pytest.mark.parametrize(("page", "query", "shown"), LINKS, ids=[f"{page.name} {query}" for page, query, _ in LINKS])
def test_a_link_shows_the_same_in_either_language(
    reader: Reader, site: Site, page: Page, query: str, shown: list[str]
) -> None:
    tab = reader.page
    opened(tab, f"{page.path}?lang=ko&{query}")
    see(tab, shown)
    assert tab.url == f"{site.dashboard.url}{page.path}?lang=ko&{query}"
    tab.get_by_label("Switch to English").click()
    tab.wait_for_selector("html[lang=en]")
    tab.wait_for_selector(READY)
    see(tab, shown)


PINNED = {
    PORTFOLIO: "&date=2026-01-23",
    ETFS: "&date=2026-01-23",
    SECTORS: "&end=2026-01&month=2026-01",
    PERFORMANCE: "&to=2026-01-27",  # of test.api.market
    PIPELINE: "",  # how things stand
}
CLIPBOARD = "Object.getOwnPropertyDescriptor(Navigator.prototype, 'clipboard').get.call(navigator)"
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"  # as on http


def copied(tab: Tab) -> str:
    """What the button puts on the clipboard."""
    button, t = tab.locator("[data-copy]:visible"), Words("ko")
    tab.evaluate(f"{CLIPBOARD}.writeText('')")
    expect(button).to_have_text(t("copy_link"))
    button.click()
    expect(button).to_have_text(t("copied"))
    return str(tab.evaluate(f"{CLIPBOARD}.readText()"))


@every_page
def test_a_copied_link_shows_the_same_tomorrow(reader: Reader, site: Site, page: Page) -> None:
    tab = reader.page
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(tab, f"{page.path}?lang=ko")
    link = f"{site.dashboard.url}{page.path}?lang=ko{PINNED[page]}"
    assert copied(tab) == link
    tab.evaluate(NO_CLIPBOARD)
    assert copied(tab) == link


def test_a_copied_link_has_what_the_reader_chose(reader: Reader, site: Site) -> None:
    tab = reader.page
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(tab, "/sectors?lang=ko&end=2025-12")
    tab.get_by_role("button", name="2025년 11월").first.click()
    tab.wait_for_url("**month=2025-11**")
    assert copied(tab) == f"{site.dashboard.url}/sectors?lang=ko&end=2025-12&month=2025-11"


@every_page
def test_every_csv_link_gives_a_file(reader: Reader, site: Site, page: Page) -> None:
    tab = reader.page
    opened(tab, f"{page.path}?lang=ko")
    found = tab.locator("a[href^='/download/']").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    missing, empty = set[str](), set[str]()
    for link in sorted(set(found)):
        answer = httpx.get(site.dashboard.url + link)
        assert (link, answer.status_code, answer.headers["content-type"]) == (link, 200, "text/csv; charset=utf-8")
        head, *rows = answer.content.decode("utf-8-sig").splitlines()
        missing |= {name for name in head.split(",") if "_" in name}
        if not rows:
            empty.add(link)
    assert missing == set(), "headings without a text"
    assert empty == EMPTY.get(page, set())
    with tab.expect_download() as started:
        tab.locator("main a[href^='/download/']:visible").first.click()
    name = started.value.suggested_filename
    assert name.startswith("demo-") and name.endswith(".csv")


@every_page
def test_unknown_values_are_named_and_the_defaults_shown(reader: Reader, page: Page) -> None:
    refused = [name for name, choice in page.choices.items() if not choice.accepts("no/such")]
    wrong = dict.fromkeys(refused, "no/such")
    del wrong["sort"]
    wrong["sort"] = "colour:asc"  # as an order is written, of a column that no table has
    opened(reader.page, f"{page.path}?lang=en&" + "&".join(f"{name}={value}" for name, value in wrong.items()))
    told = reader.page.locator(".notice.warn").all_inner_texts()
    assert [Words("en")("unknown_value", name=name, value=value) for name, value in wrong.items()] == told[: len(wrong)]


def test_the_api_goes_and_comes_back_and_every_open_page_recovers_alone(new_reader: Reader, site: Site) -> None:
    t, context = Words("en"), new_reader.page.context
    context.clock.install()
    tabs = [new_reader.page, *(context.new_page() for _ in PAGES[1:])]
    for tab, page in zip(tabs, PAGES, strict=True):
        opened(tab, f"{page.path}?lang=ko")
    site.api.stop()
    try:
        for tab, page in zip(tabs, PAGES, strict=True):
            if page in ASKS:
                tab.locator(ASKS[page]).first.click()
            else:
                context.clock.run_for(61_000)
            expect(tab.locator("[data-away]").first).to_be_visible()
            expect(tab.locator(".badge-fresh.error")).to_contain_text(Words("ko")("away.badge"))
        expect(tabs[0].locator(".drawer")).not_to_contain_text(Words("ko")("no_prices"))
        for tab, page in zip(tabs, PAGES, strict=True):
            tab.goto(f"{page.path}?lang=en")
            tab.wait_for_selector(f"text={t('away', t='#').partition('#')[0]}")
            expect(tab.locator(READY).first).to_be_visible()
            expect(tab.locator(".badge-fresh")).to_have_text(re.compile(re.escape(t("away.badge")) + "$"))
        never_seen = context.new_page()
        never_seen.goto("/performance?lang=en&cost=40")
        never_seen.wait_for_selector(f"text={t('away_empty')}")
        assert never_seen.locator("nav a").count() == len(PAGES)
    finally:
        site.api.start()
    context.clock.run_for(61_000)  # at most a minute passes between two looks for the API
    for tab in [*tabs, never_seen]:
        tab.wait_for_selector(".badge-fresh.ok")
        assert tab.locator(".notice.error").count() == 0
