"""Results made by hand, for tests of what readers see: a few rows that a person can check."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from config.universe import ETFS
from test.conftest import Database

THURSDAY, FRIDAY = date(2026, 1, 22), date(2026, 1, 23)
FRIDAY_EVENING = datetime(2026, 1, 23, 22, 0, tzinfo=UTC)
TRILLION = 10**12
RUN = "by-hand"
KEY = "test.0123456789abcdef"
STOCKS = {
    "ACME": ("Acme Chips", "Technology"),
    "BETA": ("Beta Health", "Healthcare"),
    "GAMMA": ("Gamma Soft", "Technology"),
    "DELTA": ("Delta Labs", "Technology"),
    "OMEGA": ("Omega Bank", "Financial"),
}

Connection = psycopg.Connection[tuple[object, ...]]


def connect(database: Database) -> Connection:
    """As superuser: tests write what batch and consumers would."""
    return database.server.connect(database.name)


def insert(db: Connection, table: str, **values: object) -> None:
    """One row."""
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join([sql.Placeholder()] * len(values))
    db.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, places), list(values.values())
    )


def etf_returns(db: Connection, day: date, period_days: int, returns: Mapping[str, float], *, spy: float) -> None:
    """Stage 3 of one session and period; SPY's row is made, too."""
    types = {etf.ticker: etf for etf in ETFS}
    ordered = sorted(returns, key=lambda ticker: (-returns[ticker], ticker))
    for ticker, return_pct in [*returns.items(), ("SPY", spy)]:
        insert(
            db,
            "analytics_03_trending_etfs",
            as_of_date=day,
            etf_ticker=ticker,
            period_days=period_days,
            etf_type=types[ticker].etf_type,
            sector_name=types[ticker].sector_name,
            return_pct=return_pct,
            spy_return_pct=spy,
            outperformance=Decimal(str(return_pct)) - Decimal(str(spy)),
            rank_by_outperformance=None if ticker == "SPY" else ordered.index(ticker) + 1,
            is_trending=return_pct > spy and return_pct > 0,
            run_id=RUN,
        )


def header(
    db: Connection,
    strategy: str,
    day: date,
    *,
    positions: int,
    trending_etfs: int = 1,
    status: str = "complete",
    left_out: Sequence[Mapping[str, str | None]] = (),
    published_at: datetime = FRIDAY_EVENING,
    holdings_oldest: date | None = None,
) -> None:
    """A portfolio's header."""
    insert(
        db,
        "analytics_portfolios",
        strategy=strategy,
        as_of_date=day,
        revision=1,
        status=status,
        origin="live",
        positions=positions,
        trending_etfs=trending_etfs,
        holdings_oldest=holdings_oldest,
        left_out=Jsonb(list(left_out)),
        first_published_at=published_at,
        published_at=published_at,
        computed_at=published_at,
        run_id=RUN,
    )


def stock(db: Connection, ticker: str, name: str, sector: str) -> None:
    """A stock's profile."""
    insert(
        db,
        "collected_00_meta_stock",
        ticker=ticker,
        company_name=name,
        quote_type="EQUITY",
        sector=sector,
        fetched_at=FRIDAY_EVENING,
        run_id=RUN,
    )


def position(
    db: Connection,
    day: date,
    period_days: int,
    rank: int,
    ticker: str,
    weight: str,
    return_pct: float,
    cap: float,
    etfs: str,
) -> None:
    """A position; the market cap in trillion USD."""
    name, sector = STOCKS[ticker]
    insert(
        db,
        "analytics_05_portfolio_allocation",
        as_of_date=day,
        ticker=ticker,
        period_days=period_days,
        company_name=name,
        sector=sector,
        market_cap=int(cap * TRILLION),
        return_pct=return_pct,
        portfolio_weight=weight,
        rank=rank,
        allocation_score=return_pct / cap,
        source_etfs=etfs,
        allocation_reason=f"Best return among the top holdings of {etfs}",
        market_cap_source="quote",
        run_id=RUN,
    )


def candidate(
    db: Connection, day: date, period_days: int, etf: str, ticker: str, rank: int, return_pct: float, outcome: str
) -> None:
    """A holding that was looked at; it weighs 10 − rank percent of its ETF."""
    insert(
        db,
        "analytics_05_candidates",
        as_of_date=day,
        period_days=period_days,
        etf_ticker=etf,
        ticker=ticker,
        holding_rank=rank,
        holding_percent=10 - rank,
        holdings_as_of=day,
        return_pct=return_pct,
        market_cap=None if outcome == "no_market_cap" else TRILLION,
        outcome=outcome,
        run_id=RUN,
    )


def bar(db: Connection, ticker: str, day: date, adjusted: float) -> None:
    """An ETF's bar; only its adjusted close matters here."""
    insert(
        db,
        "collected_01_daily_etf_ohlc",
        ticker=ticker,
        trade_date=day,
        close_price=adjusted,
        adj_close_price=adjusted,
        volume=1,
        fetched_at=FRIDAY_EVENING,
        run_id=RUN,
    )


def two_evenings(db: Connection) -> None:
    """Thursday's and Friday's 20-session portfolio; Friday's of 10 is empty; of 5 there is Friday's alone.

    Friday, 20 sessions: QQQ picked ACME (5 %, 0.1 trillion: score 50), XLV and SCHD BETA (6 %, 0.4 trillion: 15).
    Weights 50/65 and 15/65. DELTA's return was higher than ACME's but it lacked a market cap; GAMMA was second in QQQ.
    """
    for ticker, (name, sector) in STOCKS.items():
        stock(db, ticker, name, sector)
    etf_returns(db, THURSDAY, 20, {"XLF": 2.0, "QQQ": 1.5}, spy=1.0)
    for period_days, qqq in ((5, 0.5), (10, -1.0), (20, 3.0)):
        etf_returns(db, FRIDAY, period_days, {"QQQ": qqq, "XLV": qqq - 1, "SCHD": qqq - 1}, spy=0.25)
    for day, adjusted in ((date(2025, 12, 31), 100.0), (FRIDAY, 103.5)):
        bar(db, "QQQ", day, adjusted)
    thursday_evening = datetime(2026, 1, 22, 22, 0, tzinfo=UTC)
    header(db, "20d", THURSDAY, positions=2, published_at=thursday_evening)
    position(db, THURSDAY, 20, 1, "ACME", "0.6", 4.0, 0.1, "QQQ")
    position(db, THURSDAY, 20, 2, "OMEGA", "0.4", 4.0, 0.15, "XLF")
    left_out = [{"ticker": "DELTA", "etf": "QQQ", "reason": "no_market_cap"}]
    header(
        db, "20d", FRIDAY, positions=2, trending_etfs=3, status="partial", left_out=left_out, holdings_oldest=THURSDAY
    )
    position(db, FRIDAY, 20, 1, "ACME", "0.7692307692", 5.0, 0.1, "QQQ")
    position(db, FRIDAY, 20, 2, "BETA", "0.2307692308", 6.0, 0.4, "SCHD,XLV")
    candidate(db, FRIDAY, 20, "QQQ", "ACME", 2, 5.0, "selected")
    candidate(db, FRIDAY, 20, "QQQ", "GAMMA", 1, 4.5, "lower_return")
    candidate(db, FRIDAY, 20, "QQQ", "DELTA", 3, 9.0, "no_market_cap")
    candidate(db, FRIDAY, 20, "SCHD", "BETA", 1, 6.0, "selected")
    candidate(db, FRIDAY, 20, "XLV", "BETA", 1, 6.0, "selected")
    candidate(db, FRIDAY, 20, "XLV", "ACME", 4, 5.0, "lower_return")
    header(db, "10d", FRIDAY, positions=0, trending_etfs=0, status="empty")
    header(db, "5d", FRIDAY, positions=1)
    position(db, FRIDAY, 5, 1, "ACME", "1", 1.5, 0.1, "QQQ")
    candidate(db, FRIDAY, 5, "QQQ", "ACME", 2, 1.5, "selected")
    insert(
        db,
        "collected_00_fx_rate",
        currency="KRW",
        rate_date=THURSDAY,
        usd_per_unit=Decimal("0.000713674"),
        fetched_at=FRIDAY_EVENING,
        run_id=RUN,
    )
