"""What a portfolio's header says (rules 4, Header): plain functions on the rows that Spark gave."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from database.portfolios import Portfolio
from utils.sessions import close_of, next_session

Row = Mapping[str, Any]
LeftOut = dict[str, str | None]

# Outcomes of a holding that could have given a position, had the data been there.
NOT_KNOWN = ("no_return", "no_market_cap", "no_profile", "in_doubt")


def portfolio(
    as_of_date: date,
    period_days: int,
    *,
    trending: Iterable[str],
    without_return: Mapping[str, str],
    candidates: Sequence[Row],
    positions: Sequence[Row],
) -> Portfolio:
    """A period's portfolio with its header.

    without_return: ETF → reason, of the universe's ETFs that have no return; they may have been trending.

    >>> found = portfolio(date(2026, 1, 23), 5, trending=["QQQ", "XLF"], without_return={"XLV": "no_return"},
    ...     positions=[], candidates=[
    ...     {"etf_ticker": "QQQ", "ticker": "NEW", "outcome": "no_profile", "holdings_as_of": date(2026, 1, 22)}])
    >>> found.status, found.holdings_oldest, [(row["etf"], row["ticker"], row["reason"]) for row in found.left_out]
    ('partial', datetime.date(2026, 1, 22), [('QQQ', 'NEW', 'no_profile'), ('XLF', None, 'no_holdings'), \
('XLV', None, 'no_return')])
    """
    trending = sorted(trending)
    with_holdings = {row["etf_ticker"] for row in candidates}
    left_out = [
        *(_left_out(None, etf, reason) for etf, reason in without_return.items()),
        *(_left_out(None, etf, "no_holdings") for etf in trending if etf not in with_holdings),
        *(
            _left_out(row["ticker"], row["etf_ticker"], row["outcome"])
            for row in candidates
            if row["outcome"] in NOT_KNOWN
        ),
    ]
    snapshots: list[date] = [row["holdings_as_of"] for row in candidates]
    return Portfolio(
        strategy=f"{period_days}d",
        as_of_date=as_of_date,
        next_close=close_of(next_session(as_of_date)),
        positions=positions,
        candidates=candidates,
        trending_etfs=len(trending),
        holdings_oldest=min(snapshots, default=None),
        left_out=in_order(left_out),
    )


def in_order(left_out: Iterable[LeftOut]) -> list[LeftOut]:
    """By ETF, then ticker; the ETF itself first."""
    return sorted(left_out, key=lambda row: (row["etf"] or "", row["ticker"] or ""))


def _left_out(ticker: str | None, etf: str, reason: str) -> LeftOut:
    return {"ticker": ticker, "etf": etf, "reason": reason}
