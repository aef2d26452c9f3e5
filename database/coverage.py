"""What is stored, as the collector's planner asks it: sessions, snapshots, caps, rates, and what each stock is."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from config.universe import OVERLAP_SESSIONS
from database.connection import Connection
from database.doubts import IN_DOUBT
from database.findings import FIRST_BAR, MISSING_SESSION
from database.read_stocks import IS_STOCK

Asset = Literal["etf", "stock"]
BAR_TABLES: dict[Asset, str] = {"etf": "collected_01_daily_etf_ohlc", "stock": "collected_06_daily_stock_history"}
# Instruments whose coverage is read in one go.
AT_ONCE = 200


@dataclass(frozen=True)
class Coverage:
    """What is stored of one instrument, against the sessions it could have.

    `lacking`: sessions without a bar. `asked`: how many runs have asked in vain for a session. `begins`: the first
    session the source has at all, where an answer began later than it was asked for. Instruments that lack the same
    sessions share them.
    """

    ticker: str
    first: date | None = None
    last: date | None = None
    overlap_from: date | None = None
    doubtful_from: date | None = None
    lacking: tuple[date, ...] = ()
    asked: dict[date, int] = field(default_factory=dict)
    begins: date | None = None


class StoredBar(NamedTuple):
    """A bar as it is stored; names and units of the table."""

    trade_date: date
    open_price: float | None
    high_price: float | None
    low_price: float | None
    close_price: float
    adj_close_price: float
    volume: int
    dividend: float
    split_ratio: float
    in_doubt: bool


class Stock(NamedTuple):
    """What is known of a stock; None: not known."""

    ticker: str
    company_name: str | None = None
    quote_type: str | None = None
    sector: str | None = None
    currency: str | None = None
    exchange: str | None = None


class StoredHolding(NamedTuple):
    """One line of a snapshot; percent of the fund."""

    etf_ticker: str
    holding_ticker: str
    holding_percent: float


def bar_coverage(
    connection: Connection, asset: Asset, tickers: Iterable[str], sessions: Sequence[date]
) -> Iterator[Coverage]:
    """Coverage of the instruments over the sessions (oldest first), in the order of the tickers, a few at a time."""
    return _coverage(connection, BAR_TABLES[asset], "ticker", "trade_date", tickers, sessions)


def rate_coverage(connection: Connection, currencies: Iterable[str], days: Sequence[date]) -> Iterator[Coverage]:
    """Coverage of exchange rates over the days (oldest first)."""
    return _coverage(connection, "collected_00_fx_rate", "currency", "rate_date", currencies, days)


def _coverage(  # noqa: PLR0917 - private; names of a table before what is asked of it
    connection: Connection, table: str, key: str, day: str, tickers: Iterable[str], sessions: Sequence[date]
) -> Iterator[Coverage]:
    every, asked_for = tuple(sessions), list(tickers)
    same_day, same = {session: session for session in every}, {every: every}
    for start in range(0, len(asked_for), AT_ONCE):
        some = asked_for[start : start + AT_ONCE]
        asked, begins = _findings(connection, some, sessions[0])
        for ticker, first, last, overlap, doubtful, lacking in _spans(connection, table, key, day, some, every):
            lacks = every if first is None else tuple(same_day[session] for session in lacking or ())
            yield Coverage(
                ticker,
                first,
                last,
                overlap_from=overlap,
                doubtful_from=doubtful,
                lacking=same.setdefault(lacks, lacks),
                asked=asked.get(ticker, {}),
                begins=begins.get(ticker),
            )


def _spans(  # noqa: PLR0917 - private; names of a table before what is asked of it
    connection: Connection, table: str, key: str, day: str, tickers: Sequence[str], sessions: Sequence[date]
) -> list[tuple[Any, ...]]:
    """Per ticker: first and last day stored, since when overlap and doubt, and what lacks, if anything is stored."""
    doubtful = (
        f"""SELECT min({day}) AS since FROM {table}
            WHERE {key} = t.ticker AND {IN_DOUBT} AND {day} >= %(first)s"""
        if table in BAR_TABLES.values()
        else "SELECT NULL::date AS since"
    )
    return connection.execute(
        f"""SELECT t.ticker, span.first, span.last, overlap.since, doubtful.since, lacking.sessions
            FROM unnest(%(tickers)s::text[]) WITH ORDINALITY AS t(ticker, place)
            CROSS JOIN LATERAL (SELECT min({day}) AS first, max({day}) AS last FROM {table} WHERE {key} = t.ticker) span
            CROSS JOIN LATERAL (
                SELECT min(newest.{day}) AS since
                FROM (SELECT {day} FROM {table} WHERE {key} = t.ticker ORDER BY {day} DESC LIMIT %(overlap)s) newest
            ) overlap
            CROSS JOIN LATERAL ({doubtful}) doubtful
            CROSS JOIN LATERAL (
                SELECT array_agg(s.session ORDER BY s.session) AS sessions FROM unnest(%(sessions)s::date[]) s(session)
                WHERE span.first IS NOT NULL
                  AND NOT EXISTS (SELECT 1 FROM {table} WHERE {key} = t.ticker AND {day} = s.session)
            ) lacking
            ORDER BY t.place""",
        {
            "tickers": list(tickers),
            "sessions": list(sessions),
            "first": sessions[0],
            "overlap": OVERLAP_SESSIONS,
        },
    ).fetchall()


def _findings(
    connection: Connection, tickers: Collection[str], since: date
) -> tuple[dict[str, dict[date, int]], dict[str, date]]:
    asked: dict[str, dict[date, int]] = {}
    begins: dict[str, date] = {}
    for check, ticker, session, runs in connection.execute(
        """SELECT check_name, ticker, session, count(DISTINCT run_id) FROM data_quality_findings
           WHERE ticker = ANY(%s) AND session IS NOT NULL
             AND (check_name = %s OR (check_name = %s AND session >= %s))
           GROUP BY check_name, ticker, session ORDER BY session""",
        (list(tickers), FIRST_BAR, MISSING_SESSION, since),
    ):
        if check == FIRST_BAR:
            begins.setdefault(ticker, session)
        else:
            asked.setdefault(ticker, {})[session] = runs
    return asked, begins


def stored_bars(connection: Connection, asset: Asset, ticker: str, since: date) -> list[StoredBar]:
    """The stored bars of an instrument from a session on, oldest first."""
    rows = connection.execute(
        f"""SELECT trade_date, open_price::float8, high_price::float8, low_price::float8, close_price::float8,
                   adj_close_price::float8, volume, dividend::float8, split_ratio::float8, {IN_DOUBT}
            FROM {BAR_TABLES[asset]} WHERE ticker = %s AND trade_date >= %s ORDER BY trade_date""",
        (ticker, since),
    )
    return [StoredBar(*row) for row in rows]


def stored_rates(connection: Connection, currency: str, since: date) -> dict[date, float]:
    """The stored rates of a currency from a day on: US dollars for one unit."""
    rows = connection.execute(
        "SELECT rate_date, usd_per_unit::float8 FROM collected_00_fx_rate WHERE currency = %s AND rate_date >= %s",
        (currency, since),
    )
    return dict(rows.fetchall())


def stocks(connection: Connection, tickers: Collection[str]) -> dict[str, Stock]:
    """What is stored of each of the stocks; unknown ones are absent."""
    rows = connection.execute(
        """SELECT ticker, company_name, quote_type, sector, currency, exchange
           FROM collected_00_meta_stock WHERE ticker = ANY(%s)""",
        (list(tickers),),
    )
    return {row[0]: Stock(*row) for row in rows}


def quoted_on(connection: Connection, tickers: Collection[str], session: date) -> set[str]:
    """Those of the tickers whose market cap of the session is stored."""
    rows = connection.execute(
        "SELECT ticker FROM collected_00_market_cap WHERE ticker = ANY(%s) AND session_date = %s",
        (list(tickers), session),
    )
    return {row[0] for row in rows}


def etfs_with_snapshot(connection: Connection, etfs: Collection[str], since: date, until: date) -> set[str]:
    """Those of the ETFs of which a holdings snapshot dated from `since` to `until` is stored."""
    rows = connection.execute(
        """SELECT DISTINCT etf_ticker FROM collected_04_etf_holdings
           WHERE etf_ticker = ANY(%s) AND as_of_date BETWEEN %s AND %s""",
        (list(etfs), since, until),
    )
    return {row[0] for row in rows}


def newest_lists(
    connection: Connection, etfs: Collection[str], *, since: date, until: date
) -> dict[str, list[StoredHolding]]:
    """Each ETF's newest snapshot dated from `since` to `until` (rules 4.2); an ETF without one is absent."""
    rows = connection.execute(
        """SELECT h.etf_ticker, h.holding_ticker, h.holding_percent::float8
           FROM collected_04_etf_holdings h
           JOIN (SELECT etf_ticker, max(as_of_date) AS as_of_date FROM collected_04_etf_holdings
                 WHERE etf_ticker = ANY(%s) AND as_of_date BETWEEN %s AND %s GROUP BY etf_ticker) newest
             USING (etf_ticker, as_of_date)
           ORDER BY h.etf_ticker, h.holding_rank""",
        (list(etfs), since, until),
    )
    lists: dict[str, list[StoredHolding]] = {}
    for row in rows:
        lists.setdefault(row[0], []).append(StoredHolding(*row))
    return lists


def known_holdings(connection: Connection) -> list[str]:
    """Every ticker of any stored snapshot that is an equity, or whose type is not known, by code point."""
    rows = connection.execute(
        f"""SELECT h.holding_ticker FROM (SELECT DISTINCT holding_ticker FROM collected_04_etf_holdings) h
            LEFT JOIN collected_00_meta_stock m ON m.ticker = h.holding_ticker
            WHERE {IS_STOCK} AND NOT EXISTS (SELECT 1 FROM collected_00_meta_etf e WHERE e.ticker = h.holding_ticker)
            ORDER BY h.holding_ticker COLLATE "C\""""
    )
    return [row[0] for row in rows]


def trending_etfs(connection: Connection, session: date) -> list[str] | None:
    """ETFs trending in at least one period of the session, by code point; None when stage 3 has no result for it."""
    row = connection.execute(
        """SELECT count(*), array_agg(DISTINCT etf_ticker) FILTER (WHERE is_trending)
           FROM analytics_03_trending_etfs WHERE as_of_date = %s""",
        (session,),
    ).fetchone()
    return sorted(row[1] or []) if row and row[0] else None


def held_stocks(connection: Connection, session: date) -> list[str]:
    """Stocks in the newest portfolio of each strategy at or before the session, by code point (rules 3)."""
    rows = connection.execute(
        """WITH newest AS (
               SELECT strategy, max(as_of_date) AS as_of_date FROM analytics_portfolios
               WHERE as_of_date <= %s GROUP BY strategy
           )
           SELECT a.ticker FROM newest n JOIN analytics_05_portfolio_allocation a
               ON a.as_of_date = n.as_of_date AND n.strategy = a.period_days || 'd'
           UNION
           SELECT m.ticker FROM newest n JOIN analytics_08_monthly_portfolio m
               ON n.strategy = 'monthly' AND m.rebalance_date = n.as_of_date""",
        (session,),
    )
    return sorted(row[0] for row in rows)


def currencies_of(connection: Connection, tickers: Collection[str]) -> set[str]:
    """Currencies of the tickers' stored bars and market caps."""
    rows = connection.execute(
        """SELECT DISTINCT currency FROM collected_06_daily_stock_history WHERE ticker = ANY(%(tickers)s)
           UNION SELECT DISTINCT currency FROM collected_00_market_cap WHERE ticker = ANY(%(tickers)s)""",
        {"tickers": list(tickers)},
    )
    return {row[0] for row in rows}


def universe_etfs(connection: Connection, tickers: Collection[str]) -> list[str]:
    """Those of the tickers that are ETFs of the universe."""
    rows = connection.execute(
        "SELECT ticker FROM collected_00_meta_etf WHERE ticker = ANY(%s) ORDER BY ticker", (list(tickers),)
    )
    return [row[0] for row in rows]
