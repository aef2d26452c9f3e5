"""Figures of a daily series (rules 8), against numbers computed by hand."""

from dataclasses import fields
from datetime import date
from itertools import accumulate
from math import isfinite, sqrt

import pytest

from utils.metrics import DEFINITIONS, Day, Figure, Figures, figures, net_equity
from utils.sessions import session_offset, sessions_between

FIRST = date(2025, 1, 2)


def days(
    returns: list[float], benchmark: list[float] | None = None, costs: dict[int, float] | None = None
) -> list[Day]:
    """A series of these daily returns; costs by number of the day, 0 the first."""
    sessions = sessions_between(FIRST, session_offset(FIRST, len(returns)))
    equity = accumulate(returns, lambda value, r: value * (1 + r), initial=1.0)
    spy = accumulate(benchmark or [0.0] * len(returns), lambda value, r: value * (1 + r), initial=1.0)
    return [
        Day(session, value, index, (costs or {}).get(number, 0.0))
        for number, (session, value, index) in enumerate(zip(sessions, equity, spy, strict=True))
    ]


def followed(series: list[Day], *, cost_bps: float = 10) -> Figures:
    """Bought on the first day and held."""
    return figures(series, purchases={FIRST}, cost_bps=cost_bps)


def test_the_first_day_has_lost_its_cost_and_nothing_else() -> None:
    found = followed(days([], costs={0: 0.001}))
    assert found.cumulative_return_pct.value == pytest.approx(-0.1)
    assert found.max_drawdown_pct.value == pytest.approx(-0.1)
    assert (found.sharpe_ratio.value, found.sharpe_ratio.n, found.sharpe_ratio.has_enough_data) == (None, 0, False)


def test_cumulative_return_and_drawdown_count_from_the_first_day() -> None:
    # 1 → 1.2 → 0.9 → 1.08: the largest fall is from 1.2 to 0.9.
    found = followed(days([0.2, -0.25, 0.2]))
    assert found.cumulative_return_pct.value == pytest.approx(8)
    assert found.max_drawdown_pct.value == pytest.approx(-25)
    # A series that only falls has fallen from the 1 it began with.
    assert followed(days([-0.1, -0.1])).max_drawdown_pct.value == pytest.approx(-19)


def test_ratios_from_sixty_returns() -> None:
    # +2 % and −1 % by turns: mean 0.5 %, every one of them 1.5 % away from it. SPY moves half as much.
    series = days([0.02, -0.01] * 30, [0.01, -0.005] * 30)
    deviation = 0.015 * sqrt(60 / 59)
    found = followed(series)
    assert found.annual_volatility_pct.value == pytest.approx(100 * deviation * sqrt(252))
    assert found.sharpe_ratio.value == pytest.approx(0.005 / deviation * sqrt(252))
    assert found.sortino_ratio.value == pytest.approx(0.005 * 252 / (sqrt(0.0001 / 2) * sqrt(252)))
    assert found.beta.value == pytest.approx(2)
    assert found.alpha_pct.value == pytest.approx(0, abs=1e-9)
    # A day less, and there is none of them.
    short = followed(series[:60])
    for figure in (short.annual_volatility_pct, short.sharpe_ratio, short.sortino_ratio, short.beta, short.alpha_pct):
        assert (figure.value, figure.n, figure.needed, figure.has_enough_data) == (None, 59, 60, False)


def test_alpha_is_what_spys_moves_leave() -> None:
    # 0.1 % a day on top of SPY: beta 1, alpha 1.001^252 − 1.
    spy = [0.01, -0.005] * 30
    found = followed(days([0.001 + move for move in spy], spy))
    assert found.beta.value == pytest.approx(1)
    assert found.alpha_pct.value == pytest.approx(100 * (1.001**252 - 1))


def test_the_annualised_return_waits_for_a_year() -> None:
    year = [0.0] * 251 + [0.1]
    found = followed(days(year, costs={0: 0.001}))
    assert found.annual_return_pct.value == found.cumulative_return_pct.value == pytest.approx(100 * (0.999 * 1.1 - 1))
    longer = followed(days([0.0] * 503 + [0.21]))  # two years: the square root of 1.21
    assert longer.annual_return_pct.value == pytest.approx(10)
    assert followed(days(year[1:])).annual_return_pct.value is None


@pytest.mark.parametrize("r", [0.0, 0.001, -0.001])
def test_what_does_not_move_has_no_ratio(r: float) -> None:
    # As stored: ten decimals, so that the daily returns differ in their last digits.
    series = [day._replace(equity=round(day.equity, 10)) for day in days([r] * 80)]
    found = followed(series)
    assert found.sharpe_ratio.value is found.beta.value is found.alpha_pct.value is None
    assert found.sharpe_ratio.has_enough_data
    assert found.annual_volatility_pct.value == pytest.approx(0, abs=1e-5)
    if r >= 0:
        assert found.sortino_ratio.value is None


def test_a_total_loss_is_a_number() -> None:
    found = followed(days([0.01, -1.0, *[0.0] * 300], [0.001, -0.001] * 151))
    assert found.cumulative_return_pct.value == found.max_drawdown_pct.value == found.annual_return_pct.value == -100
    for field in fields(Figures):
        value = getattr(found, field.name).value
        assert value is None or isfinite(value)


class TestHitRate:
    SESSIONS = sessions_between(FIRST, session_offset(FIRST, 20))

    def test_it_counts_completed_intervals_after_the_cost_of_their_purchase(self) -> None:
        # Five days of +1 %, five of 0.15 %, ten of nothing; SPY +0.1 % a day; a purchase a day costs 0.1 %.
        series = days([0.01] * 5 + [0.0015] * 5 + [0.0] * 10, [0.001] * 20, dict.fromkeys(range(21), 0.001))
        found = figures(series, purchases=self.SESSIONS)
        assert (found.hit_rate_pct.value, found.hit_rate_pct.n) == (25, 20)  # 0.15 − 0.1 % is less than SPY's 0.1 %
        assert figures(series, purchases=self.SESSIONS, cost_bps=0).hit_rate_pct.value == 50
        assert figures(series, purchases=self.SESSIONS, cost_bps=200).hit_rate_pct.value == 0

    def test_equality_does_not_beat_and_what_is_still_held_is_not_counted(self) -> None:
        series = days([0.0] * 20)
        assert figures(series, purchases=self.SESSIONS).hit_rate_pct.value == 0
        short = figures(series, purchases=self.SESSIONS[:-1]).hit_rate_pct
        assert (short.value, short.n, short.has_enough_data) == (None, 19, False)

    def test_an_interval_spans_the_days_between_two_purchases(self) -> None:
        series = days([0.01, -0.01] * 21, [0.0] * 42)
        every_other = [day.trade_date for day in series[::2]]
        found = figures(series, purchases=every_other)  # 1.01 × 0.99 < 1, each time
        assert (found.hit_rate_pct.value, found.hit_rate_pct.n) == (0, 21)


def test_another_cost_is_the_stored_one_in_proportion() -> None:
    # Bought for all of it, then half of it turned over: Σ|Δw| 1 and 1, stored at 10 basis points.
    series = days([0.1, 0.1], costs={0: 0.001, 1: 0.001})
    equity, cost = [day.equity for day in series], [day.cost for day in series]
    assert net_equity(equity, cost) == pytest.approx([0.999, 1.1 * 0.999**2, 1.21 * 0.999**2])
    assert net_equity(equity, cost, cost_bps=25) == pytest.approx([0.9975, 1.1 * 0.9975**2, 1.21 * 0.9975**2])
    assert net_equity(equity, cost, cost_bps=0) == equity
    assert followed(series, cost_bps=25).cumulative_return_pct.value == pytest.approx(100 * (1.21 * 0.9975**2 - 1))


def test_every_figure_says_what_it_is() -> None:
    found = followed(days([0.01]))
    assert list(DEFINITIONS) == [field.name for field in fields(Figures)]
    for name, definition in DEFINITIONS.items():
        figure: Figure = getattr(found, name)
        assert (figure.definition, figure.needed, figure.counted) == (
            definition.text,
            definition.needed,
            definition.counted,
        )
        assert definition.text.endswith(".")


def test_without_a_day_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="found no day"):
        figures([], purchases=[])
