"""Cells and rows of the sectors page, and what an ETF shares, from an API's answer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.address import read
from dashboard.client import Answer
from dashboard.components import etf_detail, sectors
from dashboard.site import SECTORS
from dashboard.texts import Words

KO, EN = Words("ko"), Words("en")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-7.0, "n4"),
        (-6.99, "n3"),
        (-4.0, "n3"),
        (-2.0, "n2"),
        (-0.5, "n1"),
        (-0.49, "z0"),
        (0.0, "z0"),
        (0.5, "p1"),
        (2.0, "p2"),
        (4.0, "p3"),
        (7.0, "p4"),
        (None, ""),
    ],
)
def test_steps_are_the_same_on_both_sides(value: float | None, expected: str) -> None:
    assert sectors.step(value) == expected


def test_months_step_over_the_year() -> None:
    assert (sectors.moved("2026-01", -1), sectors.moved("2025-12", 1)) == ("2025-12", "2026-01")
    assert (sectors.month_name("2026-11", KO), sectors.month_name("2026-11", EN)) == ("2026년 11월", "Nov 2026")


@pytest.mark.parametrize(
    ("t", "sentence"),
    [
        (KO, "2020년 1월까지의 월간 결과가 없습니다. 가장 최근 결과는 2026년 1월입니다."),
        (EN, "There is no monthly result up to Jan 2020. The newest is of Jan 2026."),
    ],
)
def test_an_end_before_the_first_month_is_told_in_the_readers_language(t: Words, sentence: str) -> None:
    body = {"detail": "There is no monthly result of 2020-01; the newest is of 2026-01", "newest_month": "2026-01"}
    assert sectors.no_months(Answer(404, body, datetime(2026, 1, 24, tzinfo=UTC)), "2020-01", t) == sentence


@pytest.mark.parametrize(
    ("last", "newest", "on"),
    [
        ("2026-01", "2026-01", None),  # in February, too, while no result of it is there: the months come on Sundays
        ("2025-12", "2026-01", "end="),
        ("2025-11", "2026-01", "end=2025-12"),
    ],
)
def test_a_month_on_leads_to_a_month_that_has_a_result(last: str, newest: str, on: str | None) -> None:
    *_, step = sectors.steps({"months": [last], "newest_month": newest}, read(SECTORS, {}), KO).children
    assert getattr(step, "data-go", None) == on


def sector(**more: Any) -> dict[str, Any]:
    figures = ("avg_monthly_return", "spy_return_pct", "best_day", "worst_day", "volatility", "positive_rate")
    stock = {"ticker": "ACME", "avg_monthly_return": 8.0}
    return dict.fromkeys(figures, 1.0) | {"sector": "Technology", "is_trending": True, "stocks": [stock]} | more


def test_a_sector_row_reads_in_the_readers_language() -> None:
    row = sectors.sector_row(sector(), KO)
    assert (row["sector"], row["best"], row["marks"][0]["label"]) == ("기술", "ACME +8.0", "기술: 흐름")
    assert sectors.sector_row(sector(sector="Space Mining", is_trending=False), EN)["marks"][0]["glyph"] == "○"


def test_a_price_names_its_currency_or_that_it_is_not_known() -> None:
    row = {"total_return": 1.0, "avg_return": None, "volatility": None, "sharpe_ratio": None, "market_cap": None}
    prices: list[tuple[float, str | None]] = [(71200.0, "KRW"), (12393.424, "USD"), (75.0, None)]
    shown = [
        etf_detail.best_row(row | {"current_price": price, "currency": currency}, "20", EN)["shown"]
        for price, currency in prices
    ]
    assert [one["current_price"] for one in shown] == ["71,200 KRW", "12,393.42 USD", "75.00 currency?"]
    assert shown[0]["volatility"] == shown[0]["avg_return"] == "–"


@pytest.mark.parametrize(
    ("volatility", "told"), [(None, "Too few prices"), (0.0, "Not defined: nothing moved")], ids=["few", "still"]
)
def test_a_sharpe_ratio_that_is_missing_says_why(volatility: float | None, told: str) -> None:
    row = {"total_return": 0.0, "avg_return": 0.0, "sharpe_ratio": None, "market_cap": None}
    price = {"current_price": 1.0, "currency": "USD"}
    why = etf_detail.best_row(row | price | {"volatility": volatility}, "20", EN)["why"]
    assert (why["sharpe_ratio"], why["market_cap"]) == (told, "No market cap")
