"""Published portfolios as readers see them: headers, positions, what was looked at (rules 4, 5; contracts 5.2).

Units as in the tables' comments: `_pct` percent, `_weight` a fraction, market caps in USD.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from psycopg.rows import class_row, scalar_row

from database.connection import Connection

Strategy = Literal["5d", "10d", "20d", "monthly"]
Outcome = Literal["selected", "lower_return", "not_positive", "no_return", "no_market_cap", "no_profile", "in_doubt"]


@dataclass(frozen=True)
class Header:
    """One computed portfolio, empty ones too."""

    strategy: Strategy
    as_of_date: date
    revision: int
    status: Literal["complete", "partial", "empty"]
    origin: Literal["live", "simulated"]
    positions: int
    trending_etfs: int | None
    holdings_oldest: date | None
    input_as_of_date: date | None
    left_out: list[dict[str, str | None]]
    first_published_at: datetime
    published_at: datetime
    computed_at: datetime


@dataclass(frozen=True)
class Position:
    """One stock of a portfolio. `source_etfs` is empty and `return_pct` may be None in a monthly one."""

    ticker: str
    company_name: str | None
    sector: str
    market_cap: Decimal | None
    market_cap_source: Literal["quote", "carried", "scaled"] | None
    return_pct: Decimal | None
    portfolio_weight: Decimal
    rank: int
    allocation_score: Decimal
    source_etfs: str
    allocation_reason: str


@dataclass(frozen=True)
class MonthlyPosition:
    """One stock of a monthly portfolio. `source_periods`: 20d,10d,5d or part of it."""

    rank: int
    ticker: str
    company_name: str | None
    sector: str
    portfolio_weight: Decimal
    score: Decimal
    source_periods: str
    return_20d: Decimal | None
    market_cap: Decimal | None
    allocation_reason: str


@dataclass(frozen=True)
class Allocation:
    """One stock of one of a session's portfolios."""

    period_days: int
    rank: int
    ticker: str
    company_name: str | None
    sector: str
    portfolio_weight: Decimal
    return_pct: Decimal
    market_cap: Decimal
    source_etfs: str
    allocation_reason: str


@dataclass(frozen=True)
class Candidate:
    """One holding of a trending ETF that was looked at, with what became of it."""

    etf_ticker: str
    ticker: str
    company_name: str | None
    sector: str | None
    holding_rank: int
    holding_percent: Decimal
    holdings_as_of: date
    return_pct: Decimal | None
    market_cap: Decimal | None
    outcome: Outcome


HEADERS = """SELECT strategy, as_of_date, revision, status, origin, positions, trending_etfs, holdings_oldest,
                   input_as_of_date, left_out, first_published_at, published_at, computed_at
            FROM analytics_portfolios"""
HEADER = f"{HEADERS} WHERE strategy = %(strategy)s"


def header(connection: Connection, strategy: Strategy, as_of_date: date | None = None) -> Header | None:
    """Header of that date, or the strategy's newest one."""
    which = "" if as_of_date is None else "AND as_of_date = %(day)s"
    with connection.cursor(row_factory=class_row(Header)) as cursor:
        return cursor.execute(
            f"{HEADER} {which} ORDER BY as_of_date DESC LIMIT 1", {"strategy": strategy, "day": as_of_date}
        ).fetchone()


def header_at_or_before(connection: Connection, strategy: Strategy, day: date) -> Header | None:
    """The header that holds on that day: its own, or the newest before it."""
    with connection.cursor(row_factory=class_row(Header)) as cursor:
        return cursor.execute(
            f"{HEADER} AND as_of_date <= %(day)s ORDER BY as_of_date DESC LIMIT 1", {"strategy": strategy, "day": day}
        ).fetchone()


def previous_portfolio_date(connection: Connection, strategy: Strategy, before: date) -> date | None:
    """The newest date of the strategy that has a header and lies before the given one."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: date | None = cursor.execute(
            "SELECT max(as_of_date) FROM analytics_portfolios WHERE strategy = %s AND as_of_date < %s",
            (strategy, before),
        ).fetchone()
        return found


def next_portfolio_date(connection: Connection, strategy: Strategy, after: date) -> date | None:
    """The oldest date of the strategy that has a header and lies after the given one."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: date | None = cursor.execute(
            "SELECT min(as_of_date) FROM analytics_portfolios WHERE strategy = %s AND as_of_date > %s",
            (strategy, after),
        ).fetchone()
        return found


def positions(connection: Connection, strategy: Strategy, as_of_date: date) -> list[Position]:
    """Positions in rank order."""
    with connection.cursor(row_factory=class_row(Position)) as cursor:
        if strategy == "monthly":
            return cursor.execute(
                """SELECT ticker, company_name, sector, market_cap, NULL AS market_cap_source, return_20d AS return_pct,
                          final_weight AS portfolio_weight, final_rank AS rank, score AS allocation_score,
                          '' AS source_etfs, allocation_reason
                   FROM analytics_08_monthly_portfolio WHERE rebalance_date = %s ORDER BY final_rank""",
                (as_of_date,),
            ).fetchall()
        return cursor.execute(
            """SELECT ticker, company_name, sector, market_cap, market_cap_source, return_pct, portfolio_weight, rank,
                      allocation_score, source_etfs, allocation_reason
               FROM analytics_05_portfolio_allocation WHERE as_of_date = %s AND period_days = %s ORDER BY rank""",
            (as_of_date, int(strategy.removesuffix("d"))),
        ).fetchall()


def monthly_positions(connection: Connection, rebalance_date: date) -> list[MonthlyPosition]:
    """Positions of a monthly portfolio in rank order."""
    with connection.cursor(row_factory=class_row(MonthlyPosition)) as cursor:
        return cursor.execute(
            """SELECT final_rank AS rank, ticker, company_name, sector, final_weight AS portfolio_weight, score,
                      source_periods, return_20d, market_cap, allocation_reason
               FROM analytics_08_monthly_portfolio WHERE rebalance_date = %s ORDER BY final_rank""",
            (rebalance_date,),
        ).fetchall()


def allocations(connection: Connection, as_of_date: date) -> list[Allocation]:
    """Positions of all periods of a session, by period and rank."""
    with connection.cursor(row_factory=class_row(Allocation)) as cursor:
        return cursor.execute(
            """SELECT period_days, rank, ticker, company_name, sector, portfolio_weight, return_pct, market_cap,
                      source_etfs, allocation_reason
               FROM analytics_05_portfolio_allocation WHERE as_of_date = %s ORDER BY period_days, rank""",
            (as_of_date,),
        ).fetchall()


def headers_of(connection: Connection, as_of_date: date) -> list[Header]:
    """Headers of a session's portfolios of 5, 10 and 20 sessions."""
    with connection.cursor(row_factory=class_row(Header)) as cursor:
        return cursor.execute(
            f"{HEADERS} WHERE as_of_date = %s AND strategy <> 'monthly' ORDER BY length(strategy), strategy",
            (as_of_date,),
        ).fetchall()


def candidates(connection: Connection, as_of_date: date, period_days: int) -> list[Candidate]:
    """Every (ETF, holding) looked at, ETFs in ticker order, each ETF's best return first."""
    with connection.cursor(row_factory=class_row(Candidate)) as cursor:
        return cursor.execute(
            """SELECT c.etf_ticker, c.ticker, s.company_name, s.sector, c.holding_rank, c.holding_percent,
                      c.holdings_as_of, c.return_pct, c.market_cap, c.outcome
               FROM analytics_05_candidates c LEFT JOIN collected_00_meta_stock s ON s.ticker = c.ticker
               WHERE c.as_of_date = %s AND c.period_days = %s
               ORDER BY c.etf_ticker COLLATE "C", c.return_pct DESC NULLS LAST, c.ticker COLLATE "C" """,
            (as_of_date, period_days),
        ).fetchall()


def portfolio_dates(connection: Connection, *, monthly: bool) -> list[date]:
    """Sessions with a computed portfolio of any period, or the rebalance dates; oldest first."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(
            """SELECT DISTINCT as_of_date FROM analytics_portfolios
               WHERE (strategy = 'monthly') = %s ORDER BY as_of_date""",
            (monthly,),
        ).fetchall()


def newest_portfolio_date(connection: Connection) -> date | None:
    """The newest session with a portfolio of any period."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: date | None = cursor.execute(
            "SELECT max(as_of_date) FROM analytics_portfolios WHERE strategy <> 'monthly'"
        ).fetchone()
        return found


def newest_computed_at(connection: Connection, as_of_date: date) -> datetime | None:
    """When the newest of that session's portfolios was computed."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: datetime | None = cursor.execute(
            "SELECT max(computed_at) FROM analytics_portfolios WHERE as_of_date = %s AND strategy <> 'monthly'",
            (as_of_date,),
        ).fetchone()
        return found
