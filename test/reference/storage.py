"""How a number is written: NUMERIC's decimals, ties half up on the number's shortest decimal form (rules 9)."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from test.reference.market import Floats

PRICE, PERCENT, WEIGHT, CAP, SCORE = 6, 6, 10, 0, 10

Key: TypeAlias = tuple[Any, ...]
Row: TypeAlias = dict[str, Any]

# Key columns of each table of contracts 5.2 that the reference calculates.
KEYS: dict[str, tuple[str, ...]] = {
    "analytics_03_trending_etfs": ("as_of_date", "etf_ticker", "period_days"),
    "analytics_05_candidates": ("as_of_date", "period_days", "etf_ticker", "ticker"),
    "analytics_05_portfolio_allocation": ("as_of_date", "period_days", "ticker"),
    "analytics_portfolios": ("strategy", "as_of_date"),
    "analytics_08_monthly_portfolio": ("rebalance_date", "ticker"),
    "analytics_09_etf_top_holdings": ("as_of_date", "etf_ticker", "period_days", "holding_ticker"),
    "analytics_09_etf_concentration": ("as_of_date", "etf_ticker"),
    "analytics_09_etf_overlap": ("as_of_date", "etf_ticker", "other_etf_ticker"),
    "analytics_etf_monthly": ("year", "month", "etf_ticker"),
    "analytics_sector_trending": ("year", "month", "sector"),
    "analytics_stock_trending": ("year", "month", "ticker"),
    "analytics_portfolio_performance": ("strategy", "origin", "trade_date"),
}

# Decimals of every column that is a number; what is not named is a date, a text, a whole number or a truth.
DECIMALS: dict[str, int] = (
    dict.fromkeys(("current_price", "month_high", "month_low"), PRICE)
    | dict.fromkeys(
        (
            "return_pct",
            "spy_return_pct",
            "outperformance",
            "holding_percent",
            "return_20d",
            "avg_return",
            "total_return",
            "volatility",
            "sharpe_ratio",
            "effective_holdings_min",
            "effective_holdings_max",
            "avg_monthly_return",
            "vs_sector",
            "positive_rate",
            "best_day",
            "worst_day",
            "daily_return",
            "benchmark_return",
        ),
        PERCENT,
    )
    | dict.fromkeys(
        (
            "portfolio_weight",
            "final_weight",
            "top_1_weight",
            "top_5_weight",
            "top_10_weight",
            "herfindahl_index",
            "covered_weight",
            "other_covered_weight",
            "overlap_weight",
            "turnover",
            "cost",
        ),
        WEIGHT,
    )
    | dict.fromkeys(("allocation_score", "equity", "equity_net", "benchmark_equity"), SCORE)
    | {"market_cap": CAP, "score": 1, "avg_volume": 0, "total_volume": 0}
)


def rounded(values: Floats, decimals: int) -> Floats:
    """The nearest numbers with that many decimals, ties half up on the shortest decimal form; NaN stays.

    >>> rounded(np.array([1.0000005, 2.675, -0.0000005, 1.49]), 6).tolist(), rounded(np.array([2.5, 0.49]), 0).tolist()
    ([1.000001, 2.675, -1e-06, 1.49], [3.0, 0.0])
    """
    scale = 10.0**decimals
    scaled = np.abs(values) * scale
    whole = np.floor(scaled + 0.5)
    # Near a tie float64 cannot tell which side; there it is done in decimals.
    for at in np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < 1e-3):
        whole.flat[at] = float(exact(abs(float(values.flat[at])), decimals).scaleb(decimals))
    result: Floats = np.copysign(whole / scale, values)
    return result


def exact(value: float, decimals: int) -> Decimal:
    """The decimal number that NUMERIC stores.

    >>> exact(0.1 + 0.2, 10), exact(2.5, 0)
    (Decimal('0.3000000000'), Decimal('3'))
    """
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def stored(frame: pd.DataFrame, table: str) -> dict[Key, Row]:
    """The rows as the table holds them, by key."""
    return keyed({str(name): frame[name].tolist() for name in frame.columns}, table, cell)


def keyed(columns: Mapping[str, list[Any]], table: str, cell: Any) -> dict[Key, Row]:
    """Rows by key; refuses a key that is there twice."""
    names = list(columns)
    lists = [[cell(name, value) for value in columns[name]] for name in names]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*lists, strict=True)]
    result = {tuple(row[name] for name in KEYS[table]): row for row in rows}
    assert len(result) == len(rows), f"{table}: a key is there twice"
    return result


def cell(name: str, value: Any) -> Any:
    """One value as the column holds it; NULL for what could not be computed."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if name in DECIMALS:
        return exact(value, DECIMALS[name])
    if isinstance(value, float):  # a whole number in a column with NULLs
        return int(value)
    return value


def day_of(ordinal: int) -> date:
    """The date of an ordinal."""
    return date.fromordinal(int(ordinal))
