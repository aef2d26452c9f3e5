"""What the batch programs read: queries as text, which Spark hands to PostgreSQL over JDBC.

Prices, percentages and caps come as double precision, dates as dates; only the columns and sessions that are needed.
A row is in doubt from when it was doubted until a later fetch or a person confirmed it (rules 2).
"""

from collections.abc import Sequence
from datetime import date, timedelta

from psycopg import sql

from config.universe import (
    BENCHMARK,
    CARRIED_CAP_REACH_DAYS,
    EXCHANGE_CALENDARS,
    FOREIGN_BAR_REACH_DAYS,
    FX_REACH_DAYS,
    SNAPSHOT_REACH_DAYS,
)
from database.doubts import IN_DOUBT
from utils.sessions import next_session, timezone_of

BAR = f"b.ticker, b.trade_date, b.close_price::float8, b.adj_close_price::float8, {IN_DOUBT} AS in_doubt"
# Sessions of other exchanges are taken to begin at midnight UTC: those of Asia and Europe have begun whenever a DAG
# quotes by day, and the next ones have not in the evening.
NEW_YORK_OPENS = "09:30"
# What a position may be valued by (rules 8). A confirmed 0 is none either: a later answer that repeats it confirms it.
COUNTS = f"(b.adj_close_price > 0 AND NOT {IN_DOUBT})"
STOCK_BAR = f"""{BAR}, b.currency, p.exchange
            FROM collected_06_daily_stock_history b LEFT JOIN collected_00_meta_stock p USING (ticker)"""


def _text(query: str, **values: object) -> str:
    """The query with its values as literals: JDBC's `query` takes no parameters."""
    literals = {name: sql.Literal(value) for name, value in values.items()}
    return sql.SQL(query).format(**literals).as_string(None)


def etf_bars(tickers: Sequence[str], days: Sequence[date]) -> str:
    """ticker, trade_date, close_price, adj_close_price, in_doubt, reach_days: on those days, and what is in doubt
    between the first and the last of them.
    """
    return _text(
        f"""SELECT {BAR}, 0 AS reach_days FROM collected_01_daily_etf_ohlc b
            WHERE b.ticker = ANY({{tickers}}) AND b.trade_date BETWEEN {{first}} AND {{last}}
              AND (b.trade_date = ANY({{days}}) OR {IN_DOUBT})""",
        tickers=list(tickers),
        days=list(days),
        first=min(days),
        last=max(days),
    )


# Stocks in the lists that may serve between two sessions.
LISTED = "SELECT holding_ticker FROM collected_04_etf_holdings WHERE as_of_date BETWEEN {oldest_list} AND {newest_list}"


def lists_until(session: date) -> date:
    """The last day a list may be dated by that stage 9 uses: that before the next session (rules 1).

    >>> lists_until(date(2026, 1, 23))  # a Friday: with the list of the Sunday after it
    datetime.date(2026, 1, 25)
    """
    return next_session(session) - timedelta(days=1)


def _lists(sessions: Sequence[date]) -> dict[str, date]:
    """Which lists are read: those any stage may use. Which of them it does use for a session, it decides itself."""
    return {
        "oldest_list": min(sessions) - timedelta(days=SNAPSHOT_REACH_DAYS),
        "newest_list": lists_until(max(sessions)),
    }


def stock_bars(sessions: Sequence[date], days: Sequence[date]) -> str:
    """Bars of the listed stocks, like etf_bars, with exchange and currency; of other exchanges also the days before."""
    return _text(
        f"""SELECT {STOCK_BAR}
            WHERE b.ticker IN ({LISTED}) AND b.trade_date BETWEEN {{first}} AND {{last}}
              AND (b.trade_date = ANY({{days}}) OR {IN_DOUBT}
                   OR b.currency <> 'USD' OR p.exchange = ANY({{elsewhere}}))""",
        **_lists(sessions),
        first=min(days) - timedelta(days=FOREIGN_BAR_REACH_DAYS),
        last=max(days),
        days=list(days),
        elsewhere=list(EXCHANGE_CALENDARS),
    )


def stock_history(sessions: Sequence[date], start: date) -> str:
    """Every bar of the listed stocks from `start` (of other exchanges the days before, too), like stock_bars, with
    volume, high_price, low_price.
    """
    return _text(
        f"""SELECT b.volume, b.high_price::float8, b.low_price::float8, {STOCK_BAR}
            WHERE b.ticker IN ({LISTED}) AND b.trade_date BETWEEN {{first}} AND {{last}}""",
        **_lists(sessions),
        first=start - timedelta(days=FOREIGN_BAR_REACH_DAYS),
        last=max(sessions),
    )


def splits(sessions: Sequence[date]) -> str:
    """ticker, trade_date, split_ratio of the listed stocks, up to the newest known: stored closes reflect them all."""
    return _text(
        f"""SELECT b.ticker, b.trade_date, b.split_ratio::float8 FROM collected_06_daily_stock_history b
            WHERE b.ticker IN ({LISTED}) AND b.split_ratio NOT IN (0, 1) AND b.trade_date >= {{oldest_quote}}""",
        **_lists(sessions),
        oldest_quote=min(sessions) - timedelta(days=CARRIED_CAP_REACH_DAYS),
    )


def market_cap_quotes(sessions: Sequence[date]) -> str:
    """ticker, session_date, market_cap, currency, quote_price, quoted_on, in_doubt of the listed stocks, later ones
    included. `quoted_on`: the last day whose session had begun by the quote, so that it knows that day's splits.
    """
    return _text(
        f"""SELECT b.ticker, b.session_date, b.market_cap::float8, b.currency, b.quote_price::float8,
                   CASE WHEN p.exchange = ANY({{elsewhere}}) THEN (b.quoted_at AT TIME ZONE 'UTC')::date
                        ELSE (b.quoted_at AT TIME ZONE {{new_york}} - {{opens}}::time)::date END AS quoted_on,
                   {IN_DOUBT} AS in_doubt
            FROM collected_00_market_cap b LEFT JOIN collected_00_meta_stock p USING (ticker)
            WHERE b.ticker IN ({LISTED}) AND b.session_date >= {{oldest_quote}}""",
        **_lists(sessions),
        elsewhere=list(EXCHANGE_CALENDARS),
        new_york=timezone_of(),
        opens=NEW_YORK_OPENS,
        oldest_quote=min(sessions) - timedelta(days=CARRIED_CAP_REACH_DAYS),
    )


def exchange_rates(sessions: Sequence[date]) -> str:
    """currency, rate_date, usd_per_unit."""
    return _text(
        """SELECT currency, rate_date, usd_per_unit::float8 FROM collected_00_fx_rate
           WHERE rate_date >= {oldest} AND rate_date < {last}""",
        oldest=min(sessions) - timedelta(days=FX_REACH_DAYS),
        last=max(sessions),
    )


def holdings(sessions: Sequence[date]) -> str:
    """etf_ticker, holdings_as_of, ticker, holding_percent of the lists in reach, with what is known of each stock."""
    return _text(
        """SELECT h.etf_ticker, h.as_of_date AS holdings_as_of, h.holding_ticker AS ticker, h.holding_percent::float8,
                  p.quote_type, coalesce(p.company_name, h.holding_name) AS company_name, p.sector
           FROM collected_04_etf_holdings h LEFT JOIN collected_00_meta_stock p ON p.ticker = h.holding_ticker
           WHERE h.as_of_date BETWEEN {oldest_list} AND {newest_list}""",
        **_lists(sessions),
    )


def positions(sessions: Sequence[date]) -> str:
    """as_of_date, period_days, ticker, portfolio_weight, company_name, sector, market_cap of those sessions."""
    return _text(
        """SELECT as_of_date, period_days, ticker, portfolio_weight::float8, company_name, sector, market_cap::float8
           FROM analytics_05_portfolio_allocation WHERE as_of_date = ANY({sessions})""",
        sessions=list(sessions),
    )


# Every revision of every portfolio: what counts is the one that was the newest when it was bought (rules 8).
REVISIONS = """
    SELECT strategy, as_of_date, origin, revision, published_at FROM analytics_portfolios
    UNION ALL
    SELECT strategy, as_of_date, h.origin, r.revision, (r.header ->> 'published_at')::timestamptz
    FROM analytics_portfolio_revisions r JOIN analytics_portfolios h USING (strategy, as_of_date)"""
DAILY_WEIGHTS = """
    SELECT h.strategy, h.as_of_date, h.revision, p.ticker, p.portfolio_weight
    FROM (VALUES ('5d', 5), ('10d', 10), ('20d', 20)) s (strategy, period_days)
    JOIN analytics_portfolios h USING (strategy)
    JOIN analytics_05_portfolio_allocation p USING (as_of_date, period_days)"""
MONTHLY_WEIGHTS = """
    SELECT h.strategy, h.as_of_date, h.revision, p.ticker, p.final_weight AS portfolio_weight
    FROM analytics_08_monthly_portfolio p
    JOIN analytics_portfolios h ON (h.strategy, h.as_of_date) = ('monthly', p.rebalance_date)"""
REPLACED_WEIGHTS = """
    SELECT r.strategy, r.as_of_date, r.revision, p.ticker, coalesce(p.portfolio_weight, p.final_weight)
    FROM analytics_portfolio_revisions r,
         jsonb_to_recordset(r.positions) AS p (ticker text, portfolio_weight numeric, final_weight numeric)"""
WEIGHTS = f"{DAILY_WEIGHTS} UNION ALL {MONTHLY_WEIGHTS} UNION ALL {REPLACED_WEIGHTS}"


def published_portfolios(last: date) -> str:
    """strategy, as_of_date, origin, revision, published_at: every revision of what can be bought by the session."""
    return _text(f"SELECT * FROM ({REVISIONS}) p WHERE as_of_date < {{last}}", last=last)


def published_weights(last: date) -> str:
    """strategy, as_of_date, revision, ticker, portfolio_weight of the positions of published_portfolios."""
    return _text(
        f"""SELECT strategy, as_of_date, revision, ticker, portfolio_weight::float8 FROM ({WEIGHTS}) w
            WHERE as_of_date < {{last}}""",
        last=last,
    )


def held_bars(last: date) -> str:
    """ticker, trade_date, adj_close_price, currency of every stock in them, from the bar that serves its first purchase
    up to the session. What is in doubt, or not above zero, is none.
    """
    # Materialized: else the first bar would be looked up again for every bar of the stock.
    return _text(
        f"""WITH held AS MATERIALIZED (
                SELECT ticker, coalesce(
                    (SELECT max(b.trade_date) FROM collected_06_daily_stock_history b
                     WHERE b.ticker = first.ticker AND b.trade_date <= first.as_of_date AND {COUNTS}),
                    first.as_of_date) AS from_date
                FROM (SELECT ticker, min(as_of_date) AS as_of_date FROM ({WEIGHTS}) p GROUP BY ticker) first)
            SELECT b.ticker, b.trade_date, b.adj_close_price::float8, b.currency
            FROM held JOIN collected_06_daily_stock_history b USING (ticker)
            WHERE {COUNTS} AND b.trade_date BETWEEN held.from_date AND {{last}}""",
        last=last,
    )


def benchmark_bars(last: date) -> str:
    """ticker, trade_date, adj_close_price of SPY up to the session; as of held_bars."""
    return _text(
        f"""SELECT b.ticker, b.trade_date, b.adj_close_price::float8 FROM collected_01_daily_etf_ohlc b
            WHERE b.ticker = {{benchmark}} AND b.trade_date <= {{last}} AND {COUNTS}""",
        benchmark=BENCHMARK,
        last=last,
    )


def exchange_rates_until(last: date) -> str:
    """currency, rate_date, usd_per_unit up to the session, that day's included."""
    return _text(
        "SELECT currency, rate_date, usd_per_unit::float8 FROM collected_00_fx_rate WHERE rate_date <= {last}",
        last=last,
    )
