"""What a stock is, what it is worth, and what its currency is worth (rules 4; contracts 5.1).

Market caps are in the row's currency, rates US dollars for one unit. A row is written only by a newer answer; one that
says the same again moves `fetched_at` alone.
"""

from database import findings, staging
from database.bars import REPEATED_WITHIN
from database.connection import Connection
from database.doubts import IN_DOUBT
from utils.messages import FxMessage, ProfileMessage, QuotesMessage

# marketCap / price is the number of shares: a larger change between two quotes is in doubt (rules 2).
DOUBTED_CHANGE = 0.25

PROFILE = ("company_name", "quote_type", "sector", "source_sector", "industry", "currency", "exchange", "issuer")


def write_profile(connection: Connection, message: ProfileMessage, run_id: str) -> int:
    """Store what is known of a stock; a field that this answer does not know keeps its stored value."""
    names = ", ".join(PROFILE)
    known = ", ".join(f"coalesce(excluded.{name}, old.{name})" for name in PROFILE)
    values = message.model_dump(include={*PROFILE, "ticker", "fetched_at"}) | {"run_id": run_id}
    written = connection.execute(
        f"""INSERT INTO collected_00_meta_stock AS old (ticker, {names}, fetched_at, run_id)
            VALUES (%(ticker)s, {", ".join(f"%({name})s" for name in PROFILE)}, %(fetched_at)s, %(run_id)s)
            ON CONFLICT (ticker) DO UPDATE SET ({names}) = ({known}),
                fetched_at = excluded.fetched_at, run_id = excluded.run_id, changed_at = now(), updated_at = now()
            WHERE old.fetched_at < excluded.fetched_at
              AND ({", ".join(f"old.{name}" for name in PROFILE)}) IS DISTINCT FROM ({known})""",
        values,
    ).rowcount
    connection.execute(
        """UPDATE collected_00_meta_stock SET fetched_at = %(fetched_at)s
           WHERE ticker = %(ticker)s AND fetched_at < %(fetched_at)s""",
        values,
    )
    return written


def write_rates(connection: Connection, message: FxMessage, run_id: str) -> int:
    """Store the rates of one currency."""
    values = {"currency": message.ticker, "fetched_at": message.fetched_at, "run_id": run_id}
    staging.fill(
        connection,
        "incoming_rates",
        ("rate_date", "usd_per_unit"),
        ((rate.rate_date, rate.usd_per_unit) for rate in message.rates),
    )
    written = connection.execute(
        """INSERT INTO collected_00_fx_rate AS old (currency, rate_date, usd_per_unit, fetched_at, run_id)
           SELECT %(currency)s, rate_date, usd_per_unit, %(fetched_at)s, %(run_id)s
           FROM incoming_rates ORDER BY rate_date
           ON CONFLICT (currency, rate_date) DO UPDATE SET usd_per_unit = excluded.usd_per_unit,
               fetched_at = excluded.fetched_at, run_id = excluded.run_id, changed_at = now(), updated_at = now()
           WHERE old.fetched_at < excluded.fetched_at AND old.usd_per_unit <> excluded.usd_per_unit""",
        values,
    ).rowcount
    connection.execute(
        """UPDATE collected_00_fx_rate s SET fetched_at = %(fetched_at)s FROM incoming_rates i
           WHERE s.currency = %(currency)s AND s.rate_date = i.rate_date AND s.fetched_at < %(fetched_at)s""",
        values,
    )
    return written


def write_market_cap(connection: Connection, message: QuotesMessage, run_id: str) -> int:
    """Store a quote, the newest of its session, with its doubt; and end the doubts that it repeats."""
    values = {
        **message.model_dump(exclude={"kind", "observed_at"}),
        "run_id": run_id,
        "doubted_change": DOUBTED_CHANGE,
        "repeated_within": REPEATED_WITHIN,
        "check": findings.DOUBT,
    }
    written = connection.execute(
        """WITH quote AS (
               SELECT %(market_cap)s::numeric(20,0) AS market_cap, %(quote_price)s::numeric(18,6) AS quote_price
           ), previous AS (
               SELECT session_date, market_cap / quote_price AS shares FROM collected_00_market_cap
               WHERE ticker = %(ticker)s AND session_date < %(session_date)s ORDER BY session_date DESC LIMIT 1
           ), splits AS (
               -- The product of what was split since the previous quote; 1 without a split.
               SELECT coalesce(exp(sum(ln(b.split_ratio))), 1) AS ratio FROM collected_06_daily_stock_history b
               WHERE b.ticker = %(ticker)s AND b.split_ratio > 0 AND b.trade_date <= %(session_date)s
                 AND b.trade_date > (SELECT session_date FROM previous)
           ), change AS (
               SELECT q.market_cap / q.quote_price / p.shares - 1 AS plain,
                      q.market_cap / q.quote_price / (p.shares * s.ratio) - 1 AS after_splits
               FROM quote q, previous p, splits s
           ), judged AS (
               SELECT q.*, (
                   SELECT format('shares (market cap / price) changed %%s %%%% without a split', round(100 * plain, 2))
                   FROM change WHERE least(abs(plain), abs(after_splits)) > %(doubted_change)s) AS reason
               FROM quote q
           ), written AS (
               INSERT INTO collected_00_market_cap AS old
                   (ticker, session_date, market_cap, currency, quote_price, quoted_at, doubt, doubt_value,
                    fetched_at, run_id)
               SELECT %(ticker)s, %(session_date)s, market_cap, %(currency)s, quote_price, %(quoted_at)s, reason,
                      CASE WHEN reason IS NOT NULL THEN market_cap END, %(fetched_at)s, %(run_id)s
               FROM judged
               ON CONFLICT (ticker, session_date) DO UPDATE SET
                   (market_cap, currency, quote_price, quoted_at, doubt, doubt_value, fetched_at, run_id) =
                   (excluded.market_cap, excluded.currency, excluded.quote_price, excluded.quoted_at, excluded.doubt,
                    excluded.doubt_value, excluded.fetched_at, excluded.run_id),
                   confirmed_at = CASE WHEN excluded.doubt IS NOT NULL AND
                       abs(excluded.doubt_value - old.doubt_value) <= %(repeated_within)s * old.doubt_value
                       THEN old.confirmed_at END,
                   changed_at = now(), updated_at = now()
               WHERE old.fetched_at < excluded.fetched_at
                 AND (old.market_cap, old.currency, old.quote_price, old.doubt)
                     IS DISTINCT FROM (excluded.market_cap, excluded.currency, excluded.quote_price, excluded.doubt)
               RETURNING doubt, doubt_value
           ), found AS (
               INSERT INTO data_quality_findings (run_id, check_name, ticker, session, severity, detail)
               SELECT %(run_id)s, %(check)s, %(ticker)s, %(session_date)s, 'warn',
                      format('market cap %%s: %%s', doubt_value, doubt)
               FROM written WHERE doubt IS NOT NULL ON CONFLICT DO NOTHING
           )
           SELECT count(*) FROM written""",
        values,
    ).fetchone()
    connection.execute(
        """UPDATE collected_00_market_cap SET fetched_at = %(fetched_at)s
           WHERE ticker = %(ticker)s AND session_date = %(session_date)s AND fetched_at < %(fetched_at)s""",
        values,
    )
    return (int(written[0]) if written else 0) + _end_doubts(connection, values)


def _end_doubts(connection: Connection, values: dict[str, object]) -> int:
    """Doubts of earlier sessions whose shares the quote repeats are over."""
    return connection.execute(
        f"""WITH confirmed AS (
                UPDATE collected_00_market_cap SET confirmed_at = %(fetched_at)s, changed_at = now(),
                    updated_at = now(), run_id = %(run_id)s
                WHERE ticker = %(ticker)s AND session_date < %(session_date)s
                  AND {IN_DOUBT} AND fetched_at < %(fetched_at)s
                  AND abs(%(market_cap)s::numeric / %(quote_price)s::numeric / (market_cap / quote_price) - 1)
                      <= %(repeated_within)s
                RETURNING session_date, doubt_value
            ), found AS (
                INSERT INTO data_quality_findings (run_id, check_name, ticker, session, severity, detail)
                SELECT %(run_id)s, %(check)s, %(ticker)s, session_date, 'info',
                       format('market cap %%s confirmed by a later session''s quote', doubt_value)
                FROM confirmed ON CONFLICT DO NOTHING
            )
            SELECT session_date FROM confirmed""",
        values,
    ).rowcount
