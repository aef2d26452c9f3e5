"""The Performance page in a real browser: its figures are the API's at the chosen cost, its state is in the address."""

from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import expect

from dashboard import formats
from dashboard.components.performance_table import FIGURES
from test.dashboard.conftest import Reader, Site, arrowed
from test.dashboard.followed import DAYS, FIRST, LAST, followed
from test.published import Connection


@pytest.fixture(scope="module")
def fill() -> Callable[[Connection], None]:
    """80 sessions calculated afterwards, three live ones."""
    return followed


def opened(reader: Reader, query: str = "") -> None:
    reader.page.goto(f"/performance?lang=ko{query}")
    reader.page.wait_for_selector(".figures, .empty, .notice")


def rows(reader: Reader) -> dict[tuple[str, str], list[str]]:
    """(stretch, strategy) → texts of its cells, one for what is lacked together."""
    lines = reader.page.locator(".figures.wide tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.replace(/\\s+/g, ' ').trim()))"
    )
    found: dict[tuple[str, str], list[str]] = {}
    stretch = ""
    for head, *cells in cast(list[list[str]], lines):
        if cells:
            found[stretch, head] = cells
        else:
            stretch = head
    return found


def series(site: Site, strategy: str, **query: str) -> dict[str, Any]:
    return cast(dict[str, Any], site.ask(f"/performance/{strategy}", **query))


def shown_metrics(answer: dict[str, Any], number: int = 0) -> dict[str, str]:
    """The API's figures as the page writes them."""
    metrics = {metric["name"]: metric["value"] for metric in answer["series"][number]["metrics"]}
    return {
        figure.name: arrowed(metrics[figure.name], figure.decimals)
        if figure.is_change
        else formats.number(metrics[figure.name], figure.decimals)
        for figure in FIGURES
        if metrics.get(figure.name) is not None
    }


def test_figures_are_the_apis(site: Site, reader: Reader) -> None:
    opened(reader)
    answer = series(site, "5d")
    expected = shown_metrics(answer)
    cells = rows(reader)[f"사후 계산 · {FIRST} ~ {LAST} · {DAYS}거래일", "5일"]
    shown = dict(zip([figure.name for figure in FIGURES], cells, strict=True))
    assert {name: shown[name].replace(" ", "") for name in expected} == {
        name: text.replace(" ", "") for name, text in expected.items()
    }
    assert shown["annual_return_pct"] == f"데이터 부족 {DAYS - 1}/252 일간 수익률"
    assert shown["turnover_pct"] == "50.0"
    spy = {metric["name"]: metric["value"] for metric in answer["series"][0]["benchmark_metrics"]}
    own = {metric["name"]: metric["value"] for metric in answer["series"][0]["metrics"]}
    excess = own["cumulative_return_pct"] - spy["cumulative_return_pct"]
    assert shown["excess_pp"].replace(" ", "") == arrowed(excess, 1)


def test_what_is_lacking_is_said(reader: Reader) -> None:
    opened(reader)
    live = rows(reader)["실현 · 2026-01-23 ~ 2026-01-27 · 3거래일", "20일불완전"]
    assert live[:5] == ["▼−45.1", "데이터 부족 2/252 일간 수익률", "▼−47.1", "데이터 부족 2/60 일간 수익률", "−50.0"]
    text = reader.page.locator("main").inner_text()
    assert "아직 성과 없음: 10일, 월간" in text
    assert "시세가 5거래일 넘게 없던 보유 종목: 20일 BETA." in text
    assert "실현: 선을 그리기에는 데이터 부족 (3/20거래일)" in text


def test_the_cost_slider_asks_the_api_and_is_in_the_address(site: Site, reader: Reader) -> None:
    opened(reader)
    reader.page.locator("#cost").focus()
    reader.page.keyboard.press("End")
    reader.page.wait_for_url("**cost=50**")
    reader.page.wait_for_selector("output:has-text('편도 50bp')")
    reader.page.wait_for_selector("text=누적, 비용 전 → 후 (편도 50bp)")
    answer = series(site, "5d", cost_bps="50")
    metrics = {metric["name"]: metric for metric in answer["series"][0]["metrics"]}
    found = metrics["cumulative_return_pct"]
    before, after = (formats.signed(found[name], 1) for name in ("value_before_cost", "value"))
    assert f"{before}% → {after}%" in reader.page.locator(".moves").inner_text()
    cells = rows(reader)[f"사후 계산 · {FIRST} ~ {LAST} · {DAYS}거래일", "5일"]
    assert cells[0].replace(" ", "") == arrowed(found["value"], 1)
    # who moves it by keyboard goes on where he was
    assert reader.page.evaluate("document.activeElement.id") == "cost"


def test_a_strategy_alone_with_its_lines_and_purchases(site: Site, reader: Reader) -> None:
    opened(reader)
    reader.page.get_by_role("button", name="5일", exact=True).click()
    reader.page.wait_for_url("**strategy=5d**")
    reader.page.wait_for_selector("#chart-equity-simulated .main-svg")
    figure = reader.page.locator("#chart-equity-simulated")
    drawn = reader.page.evaluate("node => JSON.parse(node.dataset.figure).data", figure.element_handle())
    answer = series(site, "5d")
    assert [trace["name"] for trace in drawn] == ["5일", "SPY"]
    assert drawn[0]["x"] == [day["trade_date"] for day in answer["days"]]
    assert drawn[0]["y"] == [round(100 * day["equity_net"], 2) for day in answer["days"]]
    assert drawn[1]["y"] == [round(100 * day["benchmark_equity"], 2) for day in answer["days"]]
    assert (drawn[0]["line"]["dash"], drawn[1]["line"]["dash"]) == ("dash", "dot")
    purchases = answer["rebalances"]
    assert len(purchases) == -(-DAYS // 3)
    for number, row in enumerate(purchases[:3]):
        bought = reader.page.locator(f"#rebalances .ag-row[row-index='{number}'] [col-id=bought_on]")
        expect(bought).to_have_text(row["bought_on"])
    held = reader.page.locator("#rebalances .ag-row[row-index='1'] [col-id=weights]")
    expect(held).to_have_text("ACME 60.0 · OMEGA 40.0")


def test_a_range_begins_at_100_and_the_link_shows_the_same(site: Site, reader: Reader) -> None:
    first = series(site, "5d")["days"][20]["trade_date"]
    opened(reader)
    reader.page.locator("#day-from").fill(first)
    reader.page.wait_for_url(f"**from={first}**")
    reader.page.wait_for_selector("text=전체 구간")
    assert (f"사후 계산 · {first} ~ {LAST} · {DAYS - 20}거래일", "5일") in rows(reader)
    before = rows(reader)
    reader.open(reader.page.url.replace(reader.page.url.split("/performance")[0], ""))
    assert rows(reader) == before
    expected = shown_metrics(series(site, "5d", start_date=first))["cumulative_return_pct"]
    cells = before[f"사후 계산 · {first} ~ {LAST} · {DAYS - 20}거래일", "5일"]
    assert cells[0].replace(" ", "") == expected.replace(" ", "")


def test_a_range_without_sessions_says_so_and_leads_back(reader: Reader) -> None:
    opened(reader, "&from=2027-01-04")
    expect(reader.page.locator(".empty")).to_contain_text("2027-01-04에는 성과가 없습니다.")
    reader.page.locator(".empty a").click()
    reader.page.wait_for_selector(".figures")


def test_meanings_on_hover_focus_and_in_a_list(reader: Reader) -> None:
    opened(reader)
    sharpe = reader.page.locator(".figures.wide .define", has_text="샤프")
    meaning = reader.page.locator("#meaning-wide-sharpe_ratio")
    expect(meaning).not_to_be_visible()
    sharpe.hover()
    expect(meaning).to_contain_text("표준편차 × √252")
    reader.page.keyboard.press("Escape")
    expect(meaning).not_to_be_visible()
    reader.page.mouse.move(0, 0)
    sharpe.focus()
    expect(meaning).to_be_visible()
    assert sharpe.get_attribute("aria-describedby") == "meaning-wide-sharpe_ratio"
    reader.page.locator("summary", has_text="정의").click()
    expect(reader.page.locator(".definitions")).to_contain_text("SPY의 움직임(베타)으로 설명되지 않는 연수익률")


def test_on_a_phone_strategies_are_columns(reader: Reader) -> None:
    reader.page.set_viewport_size({"width": 390, "height": 844})
    opened(reader)
    assert not reader.page.locator(".figures.wide").is_visible()
    table = reader.page.locator(".figures.narrow", has=reader.page.locator("caption", has_text="사후 계산"))
    assert [text.split()[0] for text in table.locator("thead th").all_inner_texts()] == ["5일", "SPY"]
    assert f"데이터 부족: 연환산 % {DAYS - 1}/252" in table.inner_text()


def test_csv_is_the_apis_days_and_purchases(site: Site) -> None:
    answer = httpx.get(f"{site.dashboard.url}/download/performance.csv?strategy=5d&cost=20&lang=ko")
    head, first, *rest = answer.content.decode("utf-8-sig").splitlines()
    assert head.startswith("기준일,구분,구간 시작,거래일,일간 수익률 %")
    assert first.split(",")[1:4] == ["simulated", str(FIRST), str(FIRST)] and len(rest) == DAYS - 1
    assert "0.998" in first.split(",")  # equity_net after 20 basis points of the first purchase
    answer = httpx.get(f"{site.dashboard.url}/download/rebalances.csv?strategy=5d&lang=en")
    assert answer.headers["content-disposition"] == 'attachment; filename="demo-rebalances-5d.csv"'
    head, newest, *_ = answer.content.decode("utf-8-sig").splitlines()
    (purchase, *_) = series(site, "5d")["rebalances"]
    assert head.startswith("Strategy,Origin,Stretch from,As of,")
    assert newest.startswith(f"5d,simulated,{FIRST},{purchase['as_of_date']},") and "ACME 0.6; OMEGA 0.4" in newest
