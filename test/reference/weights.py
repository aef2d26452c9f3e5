"""Fractions that sum to exactly 1 (rules 4.6)."""

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

DECIMALS = 10


def shares(scores: Mapping[str, float]) -> dict[str, Decimal]:
    """Ticker → score / Σ scores, 10 decimals by the largest-remainder method, ties by ticker.

    >>> {ticker: str(weight) for ticker, weight in shares({"A": 1.0, "B": 1.0, "C": 1.0}).items()}
    {'A': '0.3333333334', 'B': '0.3333333333', 'C': '0.3333333333'}
    >>> scores = {"A": 0.5, "B": 2.0, "C": 16.7}
    >>> {ticker: str(weight) for ticker, weight in shares(scores).items()}
    {'A': '0.0260416667', 'B': '0.1041666667', 'C': '0.8697916666'}
    """
    if not scores:
        return {}
    # Fractions, as float64 breaks ties: of 0.5 and 2.0 in 19.2 the remainders are the same.
    exact = {ticker: Fraction(Decimal(repr(score))) for ticker, score in scores.items()}
    total = sum(exact.values(), Fraction(0))
    scaled = {ticker: score / total * 10**DECIMALS for ticker, score in exact.items()}
    units = {ticker: math.floor(value) for ticker, value in scaled.items()}
    left = 10**DECIMALS - sum(units.values())
    by_remainder = sorted(scaled, key=lambda ticker: (units[ticker] - scaled[ticker], ticker))
    for ticker in by_remainder[:left]:
        units[ticker] += 1
    return {ticker: Decimal(unit).scaleb(-DECIMALS) for ticker, unit in units.items()}
