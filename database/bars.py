"""Daily bars of ETFs and stocks: how a message becomes rows (rules 2; contracts 4, 5.1).

A row is written only by a newer answer. An answer that says the same again moves `fetched_at` alone, so that an older
one that comes later finds it. Everything from the first bar of a message to the first stored bar after its last is
judged anew: `price_change_percent` over the bar's own `previous_session`, which is stored with it, so that a gap is
known without the calendar; `doubt` against the bar before.

Prices NUMERIC(18,6) in the instrument's currency, percent NUMERIC(14,6); what cannot be computed is NULL.
"""

from collections.abc import Sequence
from typing import Literal

from database import findings, staging
from database.connection import Connection
from utils.messages import BarsMessage

ETF_TABLE, STOCK_TABLE = "collected_01_daily_etf_ohlc", "collected_06_daily_stock_history"
# A larger move in one session, on adjusted closes, is in doubt (rules 2).
DOUBTED_MOVE = 0.40
# A doubted value, of a bar or a market cap, that a later session's answer gives again within this is confirmed.
REPEATED_WITHIN = 0.0001
# Beyond this a percentage does not fit its column: from a price of nearly nothing no change can be told.
LARGEST_PERCENT = 100_000_000

COLUMNS = (
    "trade_date",
    "previous_session",
    "open_price",
    "high_price",
    "low_price",
    "close_price",
    "adj_close_price",
    "volume",
    "dividend",
    "split_ratio",
)
PLAIN = (
    "open_price",
    "high_price",
    "low_price",
    "close_price",
    "volume",
    "dividend",
    "split_ratio",
    "previous_session",
)
JUDGED = ("price_change_percent", "doubt", "doubt_value", "doubt_session", "confirmed_at")


def write_bars(connection: Connection, message: BarsMessage, run_id: str) -> int:
    """Store one instrument's bars; how many rows are new, different or gone. Call it inside a transaction."""
    table = ETF_TABLE if message.asset == "etf" else STOCK_TABLE
    values = {
        "ticker": message.ticker,
        "currency": message.currency,
        "fetched_at": message.fetched_at,
        "observed_session": message.observed_session,
        "run_id": run_id,
        "mode": message.mode,
        "doubted_move": DOUBTED_MOVE,
        "repeated_within": REPEATED_WITHIN,
        "largest_percent": LARGEST_PERCENT,
        "warn_above": findings.WARN_ABOVE,
    }
    staging.fill(
        connection,
        "incoming_bars",
        (*COLUMNS, "currency"),
        (
            (
                bar.trade_date,
                bar.previous_session,
                bar.open_price,
                bar.high_price,
                bar.low_price,
                bar.close_price,
                bar.adj_close_price,
                bar.volume,
                bar.dividend,
                bar.split_ratio,
                message.currency,
            )
            for bar in message.bars
        ),
    )
    gone = _remove_what_the_answer_lacks(connection, table, values) if message.mode == "replace" else 0
    connection.execute(
        f"""DELETE FROM incoming_bars i USING {table} s
            WHERE s.ticker = %(ticker)s AND s.trade_date = i.trade_date AND s.fetched_at >= %(fetched_at)s""",
        values,
    )
    _add_neighbours(connection, table, message.mode, values)
    changed = _record_changes(connection, table, message.mode, values)
    written = _upsert(connection, table, values)
    connection.execute(
        f"""UPDATE {table} s SET fetched_at = %(fetched_at)s FROM incoming_bars i
            WHERE s.ticker = %(ticker)s AND s.trade_date = i.trade_date AND i.repeated
              AND s.fetched_at < %(fetched_at)s""",
        values,
    )
    if message.mode == "replace" and changed + gone > 0:
        findings.record(
            connection,
            run_id=run_id,
            check_name=findings.RESTATED,
            ticker=message.ticker,
            session=None,
            severity="info",
            detail=f"history replaced: {changed} bars changed, {gone} removed, {len(message.bars)} in the answer",
        )
    return written + gone


def _remove_what_the_answer_lacks(connection: Connection, table: str, values: dict[str, object]) -> int:
    gone = connection.execute(
        f"""DELETE FROM {table} s WHERE s.ticker = %(ticker)s AND s.fetched_at < %(fetched_at)s
              AND NOT EXISTS (SELECT FROM incoming_bars i WHERE i.trade_date = s.trade_date)
            RETURNING s.trade_date""",
        values,
    ).fetchall()
    if gone:
        # A bar that is gone cannot say that it has changed (database/changes.py): those on both sides of it say it.
        connection.execute(
            f"""UPDATE {table} SET changed_at = now() WHERE ticker = %(ticker)s AND trade_date IN (
                    SELECT unnest(ARRAY[max(b.trade_date) FILTER (WHERE b.trade_date < day),
                                        min(b.trade_date) FILTER (WHERE b.trade_date > day)])
                    FROM {table} b, unnest(%(gone)s::date[]) AS gone (day) WHERE b.ticker = %(ticker)s GROUP BY day)""",
            values | {"gone": [day for (day,) in gone]},
        )
    return len(gone)


def _add_neighbours(
    connection: Connection, table: str, mode: Literal["merge", "replace"], values: dict[str, object]
) -> None:
    """Stored bars that stand between those of the message, and the first one after it. All, when rows were removed."""
    reach = (
        "true"
        if mode == "replace"
        else f"""s.trade_date > (SELECT min(trade_date) FROM incoming_bars)
            AND s.trade_date <= coalesce(
                (SELECT min(n.trade_date) FROM {table} n WHERE n.ticker = %(ticker)s
                   AND n.trade_date > (SELECT max(trade_date) FROM incoming_bars)), 'infinity')"""
    )
    names = ", ".join(COLUMNS)
    currency = "s.currency" if table == STOCK_TABLE else "%(currency)s"
    connection.execute(
        f"""INSERT INTO incoming_bars ({names}, currency, repeated)
            SELECT {names}, {currency}, false FROM {table} s
            WHERE s.ticker = %(ticker)s AND {reach} ON CONFLICT DO NOTHING""",
        values,
    )


def _record_changes(
    connection: Connection, table: str, mode: Literal["merge", "replace"], values: dict[str, object]
) -> int:
    """A stored value that the source now gives differently is a finding; a replaced history is one finding, later."""
    names = ("open_price", "high_price", "low_price", "close_price", "volume")
    by = ", ".join(f"abs(i.{name}::numeric / nullif(s.{name}, 0) - 1)" for name in names)
    changed = f"""
        SELECT i.trade_date, i.close_price AS new_close, s.close_price AS old_close, greatest({by}) AS by
        FROM incoming_bars i JOIN {table} s ON s.ticker = %(ticker)s AND s.trade_date = i.trade_date
        WHERE i.repeated
          AND ({_of("i", names)}) IS DISTINCT FROM ({_of("s", names)})"""
    if mode == "replace":
        row = connection.execute(f"SELECT count(*) FROM ({changed}) changed", values).fetchone()
        return int(row[0]) if row else 0
    return connection.execute(
        f"""INSERT INTO data_quality_findings (run_id, check_name, ticker, session, severity, detail)
            SELECT %(run_id)s, '{findings.CHANGED}', %(ticker)s, trade_date,
                   CASE WHEN by > %(warn_above)s THEN 'warn' ELSE 'info' END,
                   format('close %%s, was %%s; largest change %%s %%%%', trim_scale(new_close), trim_scale(old_close),
                          coalesce(round(100 * by, 4)::text, 'unknown'))
            FROM ({changed}) changed ON CONFLICT DO NOTHING""",
        values,
    ).rowcount


def _upsert(connection: Connection, table: str, values: dict[str, object]) -> int:
    """Write what differs, with its price change and its doubt, and a finding for every new doubt."""
    # A change of these moves changed_at; one of adj_close_price alone is a pure restatement and doesn't.
    visible = (*PLAIN, *(("currency",) if table == STOCK_TABLE else ()), *JUDGED)
    every = (*visible, "adj_close_price")
    given = ", ".join(name for name in every if name not in JUDGED)
    written = connection.execute(
        f"""WITH context AS MATERIALIZED (
                SELECT trade_date, close_price, adj_close_price FROM incoming_bars
                UNION ALL
                SELECT s.trade_date, s.close_price, s.adj_close_price FROM {table} s
                WHERE s.ticker = %(ticker)s
                  AND s.trade_date >= least(
                      (SELECT min(previous_session) FROM incoming_bars),
                      (SELECT max(b.trade_date) FROM {table} b WHERE b.ticker = %(ticker)s
                         AND b.trade_date < (SELECT min(trade_date) FROM incoming_bars)))
                  AND NOT EXISTS (SELECT FROM incoming_bars i WHERE i.trade_date = s.trade_date)
            ), before AS (
                SELECT trade_date, lag(adj_close_price) OVER (ORDER BY trade_date) AS adj_close_before FROM context
            ), reasoned AS (
                SELECT i.*,
                    CASE WHEN p.close_price > 0
                          AND abs(100 * (i.close_price / p.close_price - 1)) < %(largest_percent)s
                         THEN round(100 * (i.close_price / p.close_price - 1), 6) END AS price_change_percent,
                    CASE
                        WHEN least(i.open_price, i.high_price, i.low_price, i.close_price, i.adj_close_price) <= 0
                            THEN 'a price is not positive'
                        WHEN i.low_price > i.high_price THEN 'low above high'
                        WHEN i.close_price < i.low_price OR i.close_price > i.high_price
                            THEN 'close outside low and high'
                        WHEN b.adj_close_before > 0
                         AND abs(i.adj_close_price / b.adj_close_before - 1) > %(doubted_move)s
                         AND NOT (i.split_ratio > 0 AND
                                  abs(i.adj_close_price * i.split_ratio / b.adj_close_before - 1) <= %(doubted_move)s)
                            THEN format('moved %%s %%%% in one session without a split',
                                        round(100 * (i.adj_close_price / b.adj_close_before - 1), 2))
                    END AS reason
                FROM incoming_bars i
                JOIN before b ON b.trade_date = i.trade_date
                LEFT JOIN context p ON p.trade_date = i.previous_session
            ), judged AS (
                SELECT r.*, s.fetched_at AS last_fetched, s.doubt_value AS doubted, s.doubt_session AS since,
                    s.confirmed_at AS ended,
                    s.doubt IS NOT NULL
                        AND abs(r.close_price - s.doubt_value) <= %(repeated_within)s * abs(s.doubt_value) AS known
                FROM reasoned r LEFT JOIN {table} s ON s.ticker = %(ticker)s AND s.trade_date = r.trade_date
            ), written AS (
                INSERT INTO {table} AS old (ticker, trade_date, {given}, {", ".join(JUDGED)}, fetched_at, run_id)
                SELECT %(ticker)s, trade_date, {given}, price_change_percent, reason,
                    CASE WHEN reason IS NULL THEN NULL WHEN known THEN doubted ELSE close_price END,
                    CASE WHEN reason IS NULL THEN NULL WHEN known THEN since ELSE %(observed_session)s END,
                    CASE WHEN reason IS NULL OR NOT coalesce(known, false) THEN NULL
                         WHEN ended IS NOT NULL THEN ended
                         -- The answer that raised a doubt cannot end it, nor can another of the same session.
                         WHEN repeated AND %(observed_session)s > trade_date AND %(observed_session)s > since
                             THEN %(fetched_at)s END,
                    CASE WHEN repeated THEN %(fetched_at)s ELSE last_fetched END, %(run_id)s
                FROM judged ORDER BY trade_date
                ON CONFLICT (ticker, trade_date) DO UPDATE SET
                    ({", ".join(every)}, fetched_at, run_id) =
                    ({_of("excluded", every)}, excluded.fetched_at, excluded.run_id),
                    updated_at = now(),
                    changed_at = CASE WHEN ({_of("old", visible)}) IS DISTINCT FROM ({_of("excluded", visible)})
                                      THEN now() ELSE old.changed_at END
                WHERE ({_of("old", every)}) IS DISTINCT FROM ({_of("excluded", every)})
                RETURNING trade_date, doubt, doubt_value, confirmed_at
            ), found AS (
                INSERT INTO data_quality_findings (run_id, check_name, ticker, session, severity, detail)
                SELECT %(run_id)s, '{findings.DOUBT}', %(ticker)s, w.trade_date,
                       CASE WHEN w.confirmed_at IS NULL THEN 'warn' ELSE 'info' END,
                       CASE WHEN w.confirmed_at IS NULL
                            THEN format('close %%s: %%s', trim_scale(w.doubt_value), w.doubt)
                            ELSE format('close %%s confirmed by a later session', trim_scale(w.doubt_value)) END
                FROM written w JOIN judged j ON j.trade_date = w.trade_date
                WHERE w.doubt IS NOT NULL AND (NOT coalesce(j.known, false) OR w.confirmed_at IS DISTINCT FROM j.ended)
                ON CONFLICT DO NOTHING
            )
            SELECT count(*) FROM written""",
        values,
    ).fetchone()
    return int(written[0]) if written else 0


def _of(side: str, names: Sequence[str]) -> str:
    return ", ".join(f"{side}.{name}" for name in names)
