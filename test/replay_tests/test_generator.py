"""What the synthetic market promises, whatever the day (contracts 9)."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from config.universe import ETFS, PERIODS, TOP_HOLDINGS
from test.replay.generator import generate, main
from test.replay.market import Bars, Market, load_market
from utils.sessions import session_offset, sessions_between

LAST = [date(2025, 1, 2), date(2025, 11, 28), date(2025, 12, 31), date(2026, 4, 6), date(2026, 10, 30)]


def return_pct(bars: Bars, last: date, period: int) -> float | None:
    """Rules 2: from adjusted closes on exactly the two sessions."""
    at = {day: float(price) for day, price in zip(bars.dates.tolist(), bars.adj_close, strict=True)}
    before = session_offset(last, -period)
    return round(100 * (at[last] / at[before] - 1), 6) if last in at and before in at else None


def top_stocks(market: Market, etf: str) -> list[str]:
    """Rules 4.2 on what the source shows: the ten largest lines, companies only, the five largest."""
    lines = market.holdings[etf][-1].holdings[:10]
    companies = [
        line.symbol
        for line in lines
        if line.symbol in market.profiles and market.profiles[line.symbol].quote_type == "EQUITY"
    ]
    return companies[:TOP_HOLDINGS]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    directory = tmp_path_factory.mktemp("demo")
    generate(directory, last_session=date(2026, 1, 23), seed=7)
    return load_market(directory)


@pytest.mark.parametrize("seed", [1, 20])
@pytest.mark.parametrize("last", LAST, ids=str)
def test_the_last_session_has_something_to_show(tmp_path: Path, last: date, seed: int) -> None:
    story = generate(tmp_path, last_session=last, seed=seed, sessions=252)
    market = load_market(tmp_path)
    assert market.last_session == last
    for period in PERIODS:
        returns = {etf.ticker: return_pct(market.bars[etf.ticker], last, period) for etf in ETFS}
        spy = returns["SPY"]
        assert spy is not None
        trending = {ticker for ticker, value in returns.items() if value is not None and value > max(spy, 0)}
        assert {*story.trending, story.without_candidate} <= trending
        rising = {
            ticker: [
                symbol
                for symbol in top_stocks(market, ticker)
                if (return_pct(market.bars[symbol], last, period) or 0) > 0
            ]
            for ticker in trending
        }
        assert len(trending) >= 4
        assert not rising[story.without_candidate]
        assert len(top_stocks(market, story.without_candidate)) == TOP_HOLDINGS
        assert all(rising[ticker] for ticker in story.trending)


def test_the_same_seed_gives_the_same_market(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        generate(tmp_path / name, last_session=date(2026, 1, 23), seed=seed, sessions=100)
    files = [(tmp_path / name / "bars.parquet").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]


def test_who_is_in_it(market: Market) -> None:
    days = sessions_between(market.first_session, market.last_session)
    assert len(days) == 756
    assert all(market.bars[etf.ticker].dates.tolist() == days for etf in ETFS)
    assert market.synthetic
    stocks = {symbol: profile for symbol, profile in market.profiles.items() if profile.quote_type == "EQUITY"}
    assert len(stocks) == 110
    korean = [symbol for symbol, profile in stocks.items() if profile.exchange == "KSC"]
    assert len(korean) >= 10
    assert all(symbol.endswith(".KS") and stocks[symbol].currency == "KRW" for symbol in korean)
    assert {profile.sector for profile in stocks.values()} >= {"Financial Services", "Communication Services"}
    assert all(symbol in market.market_caps and symbol in market.bars for symbol in stocks)


def test_what_happens_in_it(market: Market) -> None:
    days = sessions_between(market.first_session, market.last_session)
    american = {
        symbol: bars.dates.tolist()
        for symbol, bars in market.bars.items()
        if market.profiles[symbol].quote_type == "EQUITY" and not symbol.endswith(".KS")
    }
    late = [symbol for symbol, dates in american.items() if dates[0] > days[-30]]
    gone = [symbol for symbol, dates in american.items() if dates[-1] < days[-1]]
    halted = [symbol for symbol, dates in american.items() if len(dates) == len(days) - 1]
    assert (len(late), len(gone), len(halted)) == (1, 1, 1)
    assert days[-8] not in american[halted[0]]
    splits = {symbol: bars.split[bars.split > 0].tolist() for symbol, bars in market.bars.items() if bars.split.any()}
    assert len(splits) == 6
    assert any(ratio < 1 for ratios in splits.values() for ratio in ratios)
    assert sum(bool(bars.dividend.any()) for bars in market.bars.values()) > 50
    holders: dict[str, set[str]] = {}
    for etf, snapshots in market.holdings.items():
        for line in snapshots[-1].holdings:
            holders.setdefault(line.symbol, set()).add(etf)
    assert any(len(etfs) >= 3 for symbol, etfs in holders.items() if symbol in market.bars)
    assert gone[0] not in holders
    assert late[0] in holders
    newest = {etf: snapshots[-1].holdings for etf, snapshots in market.holdings.items()}
    assert set(newest) == {etf.ticker for etf in ETFS}
    assert sum(len(lines) > 10 for lines in newest.values()) >= 3
    funds = [line for line in newest["XLF"][:5] if market.profiles[line.symbol].quote_type == "ETF"]
    assert len(funds) == 1
    unknown = [line.symbol for line in newest["XLB"] if line.symbol not in market.profiles]
    assert len(unknown) == 1
    assert all(sum(line.weight for line in lines) == pytest.approx(1, abs=1e-4) for lines in newest.values())


def test_prices_are_those_a_source_would_have(market: Market) -> None:
    for symbol, bars in market.bars.items():
        moves = bars.adj_close[1:] / bars.adj_close[:-1] - 1
        assert np.abs(moves).max(initial=0) < 0.2, symbol  # half of what rules 2 doubt
        assert (bars.low <= np.minimum(bars.open, bars.close)).all(), symbol
        assert (bars.high >= np.maximum(bars.open, bars.close)).all(), symbol
        assert bars.adj_close[-1] == bars.close[-1]
        # Yahoo's way: each dividend scales what is before by 1 − d / previous close
        expected = (bars.close[1:] / (bars.close[:-1] - bars.dividend[1:])) - 1
        np.testing.assert_allclose(moves, expected, rtol=0, atol=1e-12)


def test_market_caps_are_plausible_in_dollars(market: Market) -> None:
    won = float(1 / market.bars["KRW=X"].close[-1])
    caps = [
        float(series.values[-1]) * (won if symbol.endswith(".KS") else 1)
        for symbol, series in market.market_caps.items()
    ]
    assert min(caps) > 1.5e9
    assert 2.9e12 < max(caps) < 3.1e12


def test_bad_usage_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--last-session", "2026-01-24", "--seed", "1"]) == 2
    assert main([str(tmp_path), "--last-session", "2026-01-23", "--seed", "1", "--stocks", "3"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
