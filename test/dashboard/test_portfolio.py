"""Rows and sentences of the Portfolio page, from an API's answer."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from dashboard.address import read
from dashboard.client import Answer
from dashboard.components import etfs, grid, portfolio
from dashboard.components.notices import above_part, date_notice
from dashboard.components.position import facts, memberships, prices
from dashboard.data import Found, Frame, Shown, Strategy
from dashboard.site import PORTFOLIO
from dashboard.texts import Words

KO, EN = Words("ko"), Words("en")
THURSDAY, FRIDAY = date(2026, 1, 22), date(2026, 1, 23)


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


@pytest.mark.parametrize(
    ("given", "meant"), [("", "weight:desc"), ("name:asc", "name:asc"), ("score:desc", "weight:desc")]
)
def test_a_table_without_the_column_of_the_address_keeps_its_own_order(given: str, meant: str) -> None:
    columns = [grid.text("name", "Name", 80), grid.figure("weight", "Weight %", 80, sort="desc")]
    assert grid.order(columns, read(PORTFOLIO, {"sort": given})) == meant


def test_an_order_that_no_table_has_is_refused_and_named() -> None:
    columns = [grid.text("ticker", "Ticker", 80), grid.figure("market_cap", "Cap", 80, only="cap=usd")]
    known, unknown = (read(PORTFOLIO, {"sort": given, "q": "a"}) for given in ("market_cap:asc", "colour:asc"))
    assert grid.checked(known, columns) is known
    refused = grid.checked(unknown, columns)
    assert (dict(refused.values), refused.unknown) == ({"q": "a"}, (("sort", "colour:asc"),))
    assert grid.checked(read(PORTFOLIO, {}), columns).unknown == ()


def test_a_missing_market_cap_says_whether_it_or_the_rate_is_missing() -> None:
    assert portfolio.no_cap(position(), EN)["market_cap@cap=krw"] == "No exchange rate of that day"
    assert set(portfolio.no_cap(position(market_cap=None), EN).values()) == {"No market cap"}


@pytest.mark.parametrize(("rate", "off"), [({"rate": 1400.0}, False), (None, True)])
def test_without_a_rate_won_cannot_be_chosen_and_says_why(rate: dict[str, float] | None, *, off: bool) -> None:
    found = Answer(200, {"usd_krw": rate}, datetime(2026, 1, 24, tzinfo=UTC))
    head = portfolio.head([Strategy("20", found, found, found)], read(PORTFOLIO, {}), EN)
    usd, krw = head.children[1].children[0].children
    assert (usd.disabled, krw.disabled, krw.title) == (False, off, "No exchange rate of that day" if off else None)


@pytest.mark.parametrize(
    ("excluded", "told"),
    [
        ([], "2026-01-23 · 20 days: no position. No ETF rose and beat SPY, or no candidate rose."),
        (
            [{"ticker": "DELTA", "etf": "QQQ", "reason": "no_market_cap"}],
            "2026-01-23 · 20 days: no position. No candidate qualified; 1 could not be judged.",
        ),
    ],
)
def test_an_empty_portfolio_is_not_said_to_have_been_judged_whole(excluded: list[dict[str, str]], told: str) -> None:
    body = {"as_of_date": "2026-01-23", "state": "empty", "excluded": excluded}
    found = Answer(200, body, NOW)
    about = Frame(Answer(200, {}, NOW), [FRIDAY], [], Shown(FRIDAY, "newest"))
    (shown,) = portfolio.empty(Strategy("20", found, found, found), about, EN)
    assert shown.children[0].children == told


def test_a_stock_in_full_has_its_cap_in_won_at_the_rate_of_its_portfolio() -> None:
    """As its table, on a past date too: not at the newest rate."""
    found = Answer(200, answer(position()), NOW)
    (shown,) = facts([("20", position())], [Strategy("20", found, found, found)], EN)
    assert "₩140T" in [part.children for part in shown.children]
    without = Answer(200, answer(position()) | {"usd_krw": None}, NOW)
    (shown,) = facts([("20", position())], [Strategy("20", without, without, without)], EN)
    assert EN("market_cap.krw") not in [part.children for part in shown.children]


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


@pytest.mark.parametrize(
    ("day", "more", "told"),
    [
        (FRIDAY, {}, "3 sessions left"),
        (FRIDAY, {"is_expired": True}, "expired, still held"),
        (THURSDAY, {}, ""),
        (THURSDAY, {"is_expired": True}, ""),  # of today, not of Thursday
        (THURSDAY, {"superseded_by": "2026-01-25"}, "next rebalance 2026-01-25"),
    ],
)
def test_a_past_date_is_not_told_how_long_the_portfolio_holds_from_today(
    day: date, more: dict[str, Any], told: str
) -> None:
    status = Answer(200, {}, datetime(2026, 1, 24, tzinfo=UTC))
    about = Frame(status, [THURSDAY, FRIDAY], [], Shown(day, "newest" if day == FRIDAY else "past"))
    known = {"rebalance_date": "2025-12-28", "superseded_by": None, "is_expired": False, "sessions_left": 3}
    assert portfolio.validity(known | more, about, EN) == told


@pytest.mark.parametrize(
    ("status", "found", "told"),
    [
        (404, "nothing", "No result for 2026-01-23 yet. Next run: 01-27 06:30 KST."),
        (404, "newest", "No result for 2026-01-23 yet. Next run: 01-27 06:30 KST."),
        (422, "newest", "The API could not answer: no such day"),
        (404, "not_computed", None),  # a notice above says so
        (0, "newest", None),
    ],
)
def test_without_a_table_of_etfs_a_sentence_says_why(status: int, found: Found, told: str | None) -> None:
    at = datetime(2026, 1, 24, tzinfo=UTC)
    shown = Shown(FRIDAY if found == "newest" else None, found, FRIDAY)
    about = Frame(Answer(200, {"next_run_at": "2026-01-26T21:30:00Z"}, at), [], [], shown)
    found_instead = etfs.no_table(Answer(status, {"detail": "no such day"}, at), about, EN)
    assert told == (None if found_instead is None else "".join(found_instead.children))


def test_what_is_not_in_the_20_session_portfolio_stands_below_a_rule() -> None:
    rows = [
        position(rank=rank, is_new=rank >= 20, return_20d=5.0, score=1.0, source_periods=["20d", "5d"])
        for rank in (1, 20, 21)
    ]
    shown = portfolio.monthly_rows(answer(*rows), {}, KO)
    assert [row.get("kind") for row in shown] == [None, "first-new", None]
    assert shown[0]["reason"] == "20일·5일 포트폴리오에 있음"


NOW = datetime(2026, 1, 24, tzinfo=UTC)
AWAY, KEPT = Answer(0, {}, NOW, is_live=False), Answer(200, {}, NOW, is_live=False)


def test_while_the_api_is_away_a_drawer_says_nothing_of_prices_and_positions() -> None:
    assert EN("away_empty") in str(prices(AWAY, EN)) and "data-away" in str(prices(AWAY, EN))
    assert EN("no_prices") not in str(prices(AWAY, EN))
    assert EN("not_held") not in str(memberships("ACME", [Strategy("20", AWAY, AWAY, AWAY)], EN))
    assert EN("not_held") in str(memberships("ACME", [Strategy("20", KEPT, KEPT, KEPT)], EN))


@pytest.mark.parametrize(("t", "unit"), [(KO, "%p"), (EN, "pp")])
def test_a_point_of_the_rotation_names_its_unit_in_the_readers_language(
    monkeypatch: pytest.MonkeyPatch, t: Words, unit: str
) -> None:
    monkeypatch.setattr("dash.get_asset_url", str)
    etf = {"etf_ticker": "XLV", "etf_type": "sector", "outperformance_20d": 2.75, "outperformance_5d": 0.25}
    plot, _ = etfs.rotation_chart({"etfs": [etf]}, t).children
    (point,) = json.loads(getattr(plot, "data-figure"))["data"]
    assert point["hovertemplate"] == f"%{{x:+.2f}} · %{{y:+.2f}} {unit}<extra>XLV</extra>"


def test_a_chart_says_which_years_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dash.get_asset_url", str)
    strength = str(etfs.lines_chart({"sessions": ["2025-10-28", "2026-01-23"], "etfs": []}, EN))
    assert "from 100 on 2025-10-28 to 2026-01-23" in strength
    bars = [{"trade_date": day, "close_price": 75.0} for day in ("2026-01-23", "2025-10-28")]
    drawn = str(prices(Answer(200, {"currency": "USD", "bars": bars}, NOW), EN))
    assert "75.00 USD (2026-01-23)" in drawn and "Closes of 2 sessions since 2025-10-28" in drawn


def test_of_a_day_to_come_is_said_that_it_is_one() -> None:
    about = Frame(Answer(200, {}, NOW), [THURSDAY, FRIDAY], [], Shown(None, "to_come", date(2026, 2, 21)))
    (line,) = date_notice(about, read(PORTFOLIO, {"date": "2026-02-21"}), EN)
    assert line.children[0] == "2026-02-21 is still to come. The newest result is of 2026-01-23."


def test_a_date_of_another_year_than_the_one_beside_it_names_its_year() -> None:
    new_year, before = date(2026, 1, 1), date(2025, 12, 31)
    about = Frame(Answer(200, {}, NOW), [before], [], Shown(before, "snapped", new_year))
    (line,) = date_notice(about, read(PORTFOLIO, {}), EN)
    assert line.children == ["2026-01-01 is not a session. Showing 2025-12-31."]


def test_a_part_of_an_open_page_says_when_it_is_made_of_kept_answers() -> None:
    (line,) = above_part([KEPT, AWAY], EN)
    assert EN("away", t="01-24 09:00 KST") in str(line) and "data-away" in str(line)
    assert above_part([AWAY], EN) == []  # says so itself
    assert above_part([Answer(200, {}, NOW)], EN) == []
