"""Markets of any size, made inside PostgreSQL: invented prices, monthly lists, weekly market caps.

A tenth of the stocks are Korean. Prices never move 40 % in a session, so nothing is in doubt. Every number follows
from the instrument's number and the session's, so that two runs measure the same.
"""

from datetime import date, timedelta

import psycopg

from config.universe import ETFS
from utils.sessions import sessions_until

LAST = date(2025, 12, 30)
SESSIONS_A_YEAR = 252
LINES = 10  # of a list, as the source gives
BAR_COLUMNS = """ticker, trade_date, previous_session, open_price, high_price, low_price, close_price, adj_close_price,
                 volume, fetched_at, changed_at, run_id"""


def fill(server: psycopg.Connection[tuple[object, ...]], *, last: date, sessions: int, stocks: int) -> None:
    """Store a market of that many sessions up to `last`, and the sessions its longest period looks back."""
    days = sessions_until(last, sessions + 21)
    server.execute("CREATE TABLE bench_sessions (number int PRIMARY KEY, day date, before date)")
    with server.cursor() as cursor, cursor.copy("COPY bench_sessions FROM STDIN") as copy:
        for number, day in enumerate(days):
            copy.write_row((number, day, days[number - 1] if number else day - timedelta(days=1)))
    server.execute("CREATE TABLE bench_etfs (number int PRIMARY KEY, ticker text)")
    with server.cursor() as cursor, cursor.copy("COPY bench_etfs FROM STDIN") as copy:
        for number, etf in enumerate(ETFS):
            copy.write_row((number, etf.ticker))
    server.execute(
        f"""CREATE TABLE bench_stocks AS
            SELECT n AS number, CASE WHEN n % 10 = 0 THEN n || '.KS' ELSE 'S' || n END AS ticker,
                   n % 10 = 0 AS korean, n % {len(ETFS)} AS etf FROM generate_series(1, {stocks}) n"""
    )
    # A slow wave and noise of one session: what rose last says nothing of what rises next, so nobody gets rich.
    wave = "0.3 * sin(i.number + d.number / 187.0)"
    noise = "0.03 * (hashint8(i.number * 100003::bigint + d.number) % 1000) / 1000.0"
    price = f"round((100 * exp({wave} + {noise}))::numeric, 2)"
    for table, instruments, currency in (
        ("collected_01_daily_etf_ohlc", "SELECT number, ticker, false AS korean FROM bench_etfs", False),
        ("collected_06_daily_stock_history", "SELECT number + 1000 AS number, ticker, korean FROM bench_stocks", True),
    ):
        extra, value = (", currency", ", CASE WHEN korean THEN 'KRW' ELSE 'USD' END") if currency else ("", "")
        server.execute(
            f"""INSERT INTO {table} ({BAR_COLUMNS}{extra})
                SELECT ticker, day, before, p, p, p, p, p, 1000, '2000-01-01', '2000-01-01', 'bench'{value}
                FROM (SELECT i.ticker, i.korean, d.day, d.before, {price} AS p
                      FROM ({instruments}) i CROSS JOIN bench_sessions d) b ORDER BY ticker, day"""
        )
    server.execute(
        """INSERT INTO collected_00_meta_stock (ticker, company_name, quote_type, sector, currency, exchange,
               fetched_at, changed_at, run_id)
           SELECT ticker, ticker || ' Inc', 'EQUITY', 'Energy', CASE WHEN korean THEN 'KRW' ELSE 'USD' END,
                  CASE WHEN korean THEN 'KSC' ELSE 'NYQ' END, '2000-01-01', '2000-01-01', 'bench' FROM bench_stocks"""
    )
    server.execute(
        f"""INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name,
               holding_percent, holding_rank, source, fetched_at, changed_at, run_id)
            SELECT e.ticker, s.ticker, m.day, s.ticker, 12 - place, place, 'bench', '2000-01-01', '2000-01-01', 'bench'
            FROM (SELECT min(day) AS day, min(number) AS number FROM bench_sessions GROUP BY date_trunc('month', day)) m
            CROSS JOIN bench_etfs e
            CROSS JOIN LATERAL (
                SELECT ticker, row_number() OVER (ORDER BY md5(m.number || ticker)) AS place FROM bench_stocks
                WHERE etf = e.number ORDER BY place LIMIT {LINES}) s"""
    )
    server.execute(
        """INSERT INTO collected_00_market_cap (ticker, session_date, market_cap, currency, quote_price, quoted_at,
               fetched_at, changed_at, run_id)
           SELECT b.ticker, b.trade_date, round(b.close_price * (1e8 + hashtext(b.ticker) % 90000000)), b.currency,
                  b.close_price, '2000-01-01', '2000-01-01', '2000-01-01', 'bench'
           FROM collected_06_daily_stock_history b JOIN bench_sessions d ON d.day = b.trade_date
           WHERE d.number % 5 = 0"""
    )
    server.execute(
        """INSERT INTO collected_00_fx_rate (currency, rate_date, usd_per_unit, fetched_at, changed_at, run_id)
           SELECT 'KRW', day, 0.0007 + 0.0000001 * (number % 100), '2000-01-01', '2000-01-01', 'bench'
           FROM bench_sessions"""
    )
    server.execute("DROP TABLE bench_sessions, bench_etfs, bench_stocks")
    server.execute("VACUUM ANALYZE")
