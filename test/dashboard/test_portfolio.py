"""Rows and sentences of the Portfolio page, from an API's answer."""

from typing import Any

import pytest

from dashboard.components import etfs, portfolio
from dashboard.texts import Words

KO, EN = Words("ko"), Words("en")


def pick(etf: str, rank: int, *without_cap: str) -> dict[str, Any]:
    return {"etf": etf, "holding_rank": rank, "better_without_cap": list(without_cap)}


def test_a_reason_in_both_languages() -> None:
    assert portfolio.reason([pick("QQQ", 3)], KO) == "QQQ 보유 3위, 최고 수익률"
    assert portfolio.reason([pick("IWM", 4), pick("XLV", 1)], EN) == "No. 4 of IWM, No. 1 of XLV, best return"


def test_a_reason_names_what_could_not_be_picked() -> None:
    assert portfolio.reason([pick("QQQ", 3, "DELTA")], KO) == "QQQ 보유 3위, 최고 수익률 (시총 없는 DELTA 제외)"


def position(**more: Any) -> dict[str, Any]:
    return {
        "rank": 1,
        "ticker": "ACME",
        "company_name": "Acme Chips",
        "sector": "Technology",
        "weight_pct": 76.92307692,
        "return_pct": 5.0,
        "market_cap": 100_000_000_000,
        "market_cap_source": "quote",
        "source_etfs": ["QQQ"],
        "picks": [pick("QQQ", 3)],
    } | more


def answer(*positions: dict[str, Any]) -> dict[str, Any]:
    return {"positions": list(positions), "usd_krw": {"rate": 1400.0, "rate_date": "2026-01-22"}}


def test_a_row_has_the_apis_numbers_and_what_is_read() -> None:
    changes = {"entered": [{"ticker": "ACME", "change_pp": 76.92307692}], "stayed": []}
    (row,) = portfolio.position_rows(answer(position()), changes, KO)
    assert (row["weight_pct"], row["shown"]["weight_pct"]) == (76.92307692, "76.92")
    assert (row["new"], row["sector"], row["shown"]["market_cap@cap=usd"]) == ("신규", "기술", "1,000억")
    assert (row["shown"]["change_pp"], row["way"]["change_pp"]) == ("+76.92", "up")


def test_a_cap_of_another_day_is_marked() -> None:
    caps = portfolio.caps(position(market_cap_source="carried"), answer(), EN)
    assert caps == {"market_cap@cap=usd": "carried $100.0B", "market_cap@cap=krw": "carried ₩140T"}


def test_without_a_rate_there_is_no_cap_in_won() -> None:
    assert portfolio.caps(position(), {"usd_krw": None}, KO)["market_cap@cap=krw"] == "–"


def test_a_tiny_weight_is_not_nothing() -> None:
    (row,) = portfolio.position_rows(answer(position(weight_pct=0.0031)), {}, KO)
    assert (row["shown"]["weight_pct"], row["shown"]["change_pp"]) == ("<0.01", "–")


def test_the_next_in_line_stand_below_the_sum_without_weight() -> None:
    candidate = position() | {"return_pct": 4.5}
    rows = portfolio.bottom_rows(answer(position()) | {"next_in_line": [candidate]}, KO)
    assert [row["kind"] for row in rows] == ["sum", "head", "next"]
    assert "weight_pct" not in rows[2] and rows[2]["shown"]["return_pct"] == "+4.50"


@pytest.mark.parametrize(("etf", "label"), [("SPY", "벤치마크"), ("QQQ", None)])
def test_benchmarks_are_named_not_only_coloured(etf: str, label: str | None) -> None:
    names = ("return", "outperformance", "rank_by_return")
    figures = {f"{name}_{days}d": 1.0 for name in names for days in (5, 10, 20)}
    flags = {f"is_trending_{days}d": flag for days, flag in ((5, True), (10, False), (20, None))}
    row = etfs.etf_row(
        figures
        | flags
        | {
            "etf_ticker": etf,
            "etf_type": "benchmark" if label else "sector",
            "description": "as the API says",
            "month_to_date_pct": None,
        },
        [100.0, None, 101.26],
        KO,
    )
    assert row["benchmark"] == label
    assert row["shown"]["outperformance_20d"] == ("기준" if etf == "SPY" else "+1.00")
    assert row["shown"]["month_to_date_pct"] == "–"
    assert [mark["glyph"] for mark in row["marks"]] == ([] if etf == "SPY" else ["●", "○", "–"])
    assert row["strength"] == [100.0, None, 101.3]


def test_what_is_not_in_the_20_session_portfolio_stands_below_a_rule() -> None:
    rows = [
        position(rank=rank, is_new=rank >= 20, return_20d=5.0, score=1.0, source_periods=["20d", "5d"])
        for rank in (1, 20, 21)
    ]
    shown = portfolio.monthly_rows(answer(*rows), {}, KO)
    assert [row.get("kind") for row in shown] == [None, "first-new", None]
    assert shown[0]["reason"] == "20일·5일 포트폴리오에 있음"
