"""All tables of the reference, as the database would hold them."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from test.reference import allocation, months, performance, rebalance, top_holdings, trending
from test.reference.market import Market
from test.reference.performance import Published
from test.reference.storage import Key, Row, stored

Tables = dict[str, dict[Key, Row]]

TRENDING = "analytics_03_trending_etfs"
CANDIDATES = "analytics_05_candidates"
POSITIONS = "analytics_05_portfolio_allocation"
HEADERS = "analytics_portfolios"
MONTHLY = "analytics_08_monthly_portfolio"
TOP_HOLDINGS = "analytics_09_etf_top_holdings"
CONCENTRATION = "analytics_09_etf_concentration"
OVERLAP = "analytics_09_etf_overlap"
ETF_MONTHS = "analytics_etf_monthly"
SECTOR_MONTHS = "analytics_sector_trending"
STOCK_MONTHS = "analytics_stock_trending"
PERFORMANCE = "analytics_portfolio_performance"


def daily(market: Market, sessions: Sequence[date]) -> Tables:
    """Stages 3 and 5."""
    trends = trending.trending(market, sessions)
    made = allocation.allocate(market, trends)
    return _stored({TRENDING: trends, CANDIDATES: made.candidates, POSITIONS: made.positions, HEADERS: made.headers})


def monthly(market: Market, sessions: Sequence[date], rebalance_dates: Sequence[date]) -> Tables:
    """The monthly portfolios of these dates, from those of the sessions."""
    made = allocation.allocate(market, trending.trending(market, sessions))
    merged, headers = rebalance.rebalance(market, made.portfolios, rebalance_dates)
    return _stored({MONTHLY: merged, HEADERS: headers})


def of_etfs(market: Market, sessions: Sequence[date]) -> Tables:
    """Stage 9."""
    return _stored(
        {
            TOP_HOLDINGS: top_holdings.top_holdings(market, sessions),
            CONCENTRATION: top_holdings.concentration(market, sessions),
            OVERLAP: top_holdings.overlap(market, sessions),
        }
    )


def of_months(market: Market, sessions: Sequence[date]) -> Tables:
    """ETFs, sectors and stocks of the sessions' months."""
    made = months.months(market, sorted({(session.year, session.month) for session in sessions}))
    return _stored({ETF_MONTHS: made.etfs, SECTOR_MONTHS: made.sectors, STOCK_MONTHS: made.stocks})


def realised(market: Market, portfolios: Sequence[Published]) -> Tables:
    """What was published, followed."""
    return _stored({PERFORMANCE: performance.performance(market, portfolios)})


def _stored(frames: dict[str, pd.DataFrame]) -> Tables:
    return {table: stored(frame, table) for table, frame in frames.items()}
