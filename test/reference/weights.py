"""Fractions that sum to exactly 1 (rules 4.6)."""

import math
from collections.abc import Mapping
from decimal import Decimal

DECIMALS = 10


def shares(scores: Mapping[str, float]) -> dict[str, Decimal]:
    """Ticker → score / Σ scores, 10 decimals by the largest-remainder method, ties by ticker.

    >>> {ticker: str(weight) for ticker, weight in shares({"A": 1.0, "B": 1.0, "C": 1.0}).items()}
    {'A': '0.3333333334', 'B': '0.3333333333', 'C': '0.3333333333'}
    """
    if not scores:
        return {}
    total = sum(scores[ticker] for ticker in sorted(scores))
    scaled = {ticker: score / total * 10**DECIMALS for ticker, score in scores.items()}
    units = {ticker: math.floor(value) for ticker, value in scaled.items()}
    left = 10**DECIMALS - sum(units.values())
    by_remainder = sorted(scaled, key=lambda ticker: (units[ticker] - scaled[ticker], ticker))
    for ticker in by_remainder[:left]:
        units[ticker] += 1
    return {ticker: Decimal(unit).scaleb(-DECIMALS) for ticker, unit in units.items()}
