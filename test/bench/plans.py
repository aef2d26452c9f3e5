"""The plan of every query the API asks, over years of sessions and thousands of stocks. Exit code 1: too much is read.

    .venv-dev/bin/python -m test.bench.plans                            # 10 years, 20,000 stocks: 11 GB, 9 of them bars
    .venv-dev/bin/python -m test.bench.plans --years 1 --stocks 2000    # half a minute

It fills a database of its own under /tmp. Every query is noted as the API asks it for the ADDRESSES below, and
explained as it is run, twice: planned for its values, and as a prepared statement whose one plan serves any values
(psycopg prepares what is asked often). Too much is a table of more than `--large` rows read from end to end where it
need not be, or more than `--pages` pages of 8 kB for one query, besides a few for each row that it returns.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast
from unittest import mock

import psycopg
from fastapi.testclient import TestClient
from psycopg import ClientCursor, sql
from tqdm import tqdm

from api.app import create_app
from api.routers.pipeline import RUNS
from api.routers.stocks import BARS, STOCKS
from config.universe import SECTOR_NAMES
from database import api_keys
from test.bench.api import fill_results
from test.bench.markets import LAST, SESSIONS_A_YEAR, fill
from test.bench.program import run_bench
from test.conftest import Database, fresh_database, postgres_server
from test.published import KEY
from utils.arguments import program_parser
from utils.sessions import sessions_until

Connection = psycopg.Connection[tuple[object, ...]]
Node = dict[str, Any]
PAGES_A_ROW = 12
"""Two look-ups in the largest indexes."""
KNOWN = 500
"""Stocks with everything there is of a stock; of the others there are bars of few columns and a market cap a week."""
MUST: Mapping[tuple[str, str], str] = {("/metrics", "process_executions"): "totals are of every run the ledger keeps"}
"""(address, table) → why the table is read from end to end."""
EARLY, RANGE = "2025-03-14", "start_date=2025-02-03&end_date=2025-11-28"
ADDRESSES = (
    "/ready",
    "/metrics",
    "/status",
    "/sessions",
    "/stocks/?limit=1000",
    f"/stocks/?limit=100&cursor={STOCKS.cursor(('S400',), {})}",
    "/stocks/?sector=Energy&limit=100",
    "/stocks/?sector=Unknown",
    "/stocks/S7/latest",
    "/stocks/C19000/latest",
    "/stocks/S7/history?limit=250",
    f"/stocks/S7/history?{RANGE}&limit=100",
    f"/stocks/S7/history?limit=100&cursor={BARS.cursor((date(2025, 6, 2),), {'symbol': 'S7'})}",
    "/stocks/NONE/history",
    *(f"/stocks/portfolio?period_days={days}" for days in (5, 20)),
    f"/stocks/portfolio?as_of_date={EARLY}",
    "/stocks/portfolio?as_of_date=2025-03-15",
    "/stocks/monthly-portfolio",
    "/stocks/monthly-portfolio?rebalance_date=2025-03-30",
    "/sectors/",
    "/sectors/trending",
    "/sectors/trending?year=2025&month=3",
    "/dashboard/etf-list",
    "/dashboard/etf-holdings?ticker=QQQ",
    f"/dashboard/etf-holdings?ticker=QQQ&as_of_date={EARLY}",
    "/dashboard/spy-benchmark?days=1300",
    f"/dashboard/etf-benchmark?ticker=QQQ&days=60&as_of_date={EARLY}",
    "/dashboard/relative-strength?days=250",
    "/dashboard/trending-etfs",
    f"/dashboard/trending-etfs?as_of_date={EARLY}",
    "/dashboard/active-allocations",
    f"/dashboard/active-allocations?as_of_date={EARLY}",
    "/dashboard/sector-trending?months=120",
    "/dashboard/monthly-performance?months=120",
    "/dashboard/top-performers",
    f"/dashboard/top-performers?sector=Energy&as_of_date={EARLY}",
    "/dashboard/top-performers-by-sector",
    "/dashboard/trending-etf-top-holdings",
    f"/dashboard/trending-etf-top-holdings?as_of_date={EARLY}",
    "/dashboard/portfolio-changes?period_days=20",
    "/dashboard/portfolio-changes?period_days=monthly",
    f"/dashboard/portfolio-summary?as_of_date={EARLY}",
    "/etf-holdings/top-holdings/QQQ",
    "/etf-holdings/all-holdings",
    "/etf-holdings/summary",
    "/etf-holdings/comparison/S7",
    "/etf-holdings/comparison/NONE",
    "/etf-holdings/concentration",
    "/etf-holdings/overlap",
    "/performance/20d",
    f"/performance/20d?{RANGE}",
    "/performance/monthly",
    "/pipeline/runs?limit=1000",
    f"/pipeline/runs?limit=100&cursor={RUNS.cursor((datetime(2025, 6, 2, tzinfo=UTC), ''), {})}",
    "/pipeline/runs?status=failed",
    "/pipeline/runs?process=needed_stocks",
    "/pipeline/runs?process=needed_stocks&status=failed",
    "/pipeline/runs/run-60000",
    "/pipeline/runs/run-60000?status=failed",
    "/pipeline/freshness",
    "/pipeline/quality",
    "/pipeline/quality?ticker=S7",
    "/pipeline/quality?ticker=NONE",
    "/pipeline/quality?severity=error",
    "/pipeline/quality?check_name=restated&severity=info",
    "/pipeline/quality?check_name=nothing",
)


# -- years of everything -----------------------------------------------------------------------------------------------

# Of tables that fill and fill_results leave empty, or smaller than ten years of daily runs make them.
MORE = """
INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name, holding_percent,
    holding_rank, source, fetched_at, changed_at, run_id)
SELECT e.ticker, s.ticker, d.day, s.ticker, 11 - place, place, 'bench', '2000-01-01', '2000-01-01', 'bench'
FROM plan_days d CROSS JOIN plan_etfs e CROSS JOIN generate_series(1, 10) place
JOIN plan_stocks s ON s.number = 1 + (d.number / 20 * 150 + e.number * 10 + place) % (SELECT count(*) FROM plan_stocks)
ON CONFLICT DO NOTHING;
INSERT INTO analytics_03_trending_etfs (as_of_date, etf_ticker, period_days, etf_type, sector_name, return_pct,
    spy_return_pct, outperformance, rank_by_outperformance, is_trending, run_id)
SELECT d.day, e.ticker, p, e.etf_type, e.sector_name, e.number, 5, e.number - 5,
       CASE WHEN e.ticker <> 'SPY' THEN e.number END, e.number > 5, 'bench'
FROM plan_days d CROSS JOIN plan_etfs e CROSS JOIN unnest(ARRAY[5, 10, 20]) p;
INSERT INTO analytics_09_etf_concentration (as_of_date, etf_ticker, top_1_weight, top_5_weight, top_10_weight,
    herfindahl_index, effective_holdings_min, effective_holdings_max, covered_weight, holdings_as_of, run_id)
SELECT d.day, e.ticker, 0.1, 0.4, 0.5, 0.03, 20, 33, 0.5, d.day, 'bench' FROM plan_weeks d CROSS JOIN plan_etfs e;
INSERT INTO analytics_09_etf_overlap (as_of_date, etf_ticker, other_etf_ticker, shared_count, overlap_weight,
    covered_weight, other_covered_weight, holdings_as_of, other_holdings_as_of, run_id)
SELECT d.day, e.ticker, o.ticker, 1, 0.1, 0.5, 0.5, d.day, d.day, 'bench'
FROM plan_weeks d CROSS JOIN plan_etfs e JOIN plan_etfs o ON o.ticker <> e.ticker;
INSERT INTO analytics_portfolios (strategy, as_of_date, revision, status, origin, positions, first_published_at,
    published_at, computed_at, input_as_of_date, run_id)
SELECT 'monthly', sunday, 1, 'complete', 'live', 20, sunday, sunday, sunday, sunday - 2, 'bench' FROM plan_months;
INSERT INTO analytics_08_monthly_portfolio (rebalance_date, ticker, valid_until, sector, final_rank, final_weight,
    score, source_periods, market_cap, allocation_reason, run_id)
SELECT m.sunday, s.ticker, m.sunday + 28, 'Energy', s.number, 0.05, 1, '20d', 1e11, 'In one portfolio', 'bench'
FROM plan_months m JOIN plan_stocks s ON s.number <= 20;
INSERT INTO analytics_portfolio_revisions (strategy, as_of_date, revision, header, positions, run_id)
SELECT h.strategy, h.as_of_date, 0, jsonb_build_object('published_at', h.published_at),
       '[{"ticker": "S1", "portfolio_weight": 1}]', 'bench'
FROM analytics_portfolios h WHERE extract(day FROM h.as_of_date) < 5;
INSERT INTO analytics_portfolio_performance (strategy, origin, trade_date, daily_return, benchmark_return, equity,
    equity_net, benchmark_equity, turnover, cost, positions, incomplete, run_id)
SELECT strategy, 'live', d.day, CASE WHEN d.number > 0 THEN 0.1 END, CASE WHEN d.number > 0 THEN 0.1 END,
       1 + d.number / 1000.0, 1 + d.number / 2000.0, 1 + d.number / 3000.0, 0.5, 0.001, 10, false, 'bench'
FROM plan_days d CROSS JOIN unnest(ARRAY['5d', '10d', '20d', 'monthly']) strategy;
UPDATE analytics_portfolio_performance SET equity = 1, equity_net = 1, benchmark_equity = 1 WHERE daily_return IS NULL;
INSERT INTO analytics_etf_monthly (year, month, etf_ticker, return_pct, spy_return_pct, is_partial, run_id)
SELECT extract(year FROM sunday), extract(month FROM sunday), e.ticker, 1, 1, false, 'run-' || m.number
FROM plan_months m CROSS JOIN plan_etfs e;
INSERT INTO analytics_sector_trending (year, month, sector, stock_count, avg_monthly_return, positive_days,
    total_trading_days, is_trending, run_id)
SELECT extract(year FROM sunday), extract(month FROM sunday), sector, 100, 1, 10, 20, false, 'bench'
FROM plan_months CROSS JOIN plan_sectors;
INSERT INTO analytics_stock_trending (year, month, ticker, sector, avg_monthly_return, vs_sector, total_volume,
    trading_days, is_trending, run_id)
SELECT extract(year FROM m.sunday), extract(month FROM m.sunday), s.ticker, s.sector, s.number % 100, 0, 1, 20, false,
       'bench'
FROM plan_months m CROSS JOIN plan_stocks s;
INSERT INTO process_executions (run_id, process, as_of_date, status, usable, requested, stored, started_at, finished_at)
SELECT 'run-' || (d.number * 25 + n), 'process_' || n, d.day,
       CASE WHEN d.number % 100 = n THEN 'failed' ELSE 'success' END, d.number % 100 <> n, 1, 1,
       d.day + n * interval '1 hour', d.day + n * interval '1 hour' + interval '1 minute'
FROM plan_days d CROSS JOIN generate_series(0, 24) n;
UPDATE process_executions SET process = 'needed_stocks' WHERE process = 'process_7';
INSERT INTO asset_processing_details (run_id, ticker, operation, status, rows, finished_at)
SELECT 'run-' || (d.number * 25 + 7), s.ticker, operation, 'stored', 1, d.day
FROM (SELECT * FROM plan_days ORDER BY day DESC LIMIT 60) d CROSS JOIN plan_stocks s
CROSS JOIN unnest(ARRAY['bars', 'quotes']) operation;
INSERT INTO data_quality_findings (run_id, check_name, ticker, session, severity, detail, created_at)
SELECT 'run-' || (d.number * 25 + 7), CASE n % 3 WHEN 0 THEN 'restated' WHEN 1 THEN 'missing session' ELSE 'doubt' END,
       s.ticker, d.day, CASE WHEN n % 3 = 0 THEN 'info' ELSE 'warn' END, 'Something', d.day
FROM plan_days d CROSS JOIN generate_series(1, 100) n
JOIN plan_stocks s ON s.number = 1 + (d.number * 7919 + n * 104729) % (SELECT count(*) FROM plan_stocks)
ON CONFLICT DO NOTHING;
INSERT INTO source_budget (source, day, used) SELECT 'yahoo', day, 100 FROM plan_days;
INSERT INTO alert_incidents (key, opened_at, closed_at, detail, settled_at)
SELECT 'failed/' || number, day, day, 'Something', day FROM plan_days;
INSERT INTO logs_consumer_error (topic_id, partition, "offset", topic, error_msg, status)
SELECT 'bench', 0, number, 'stock-daily-data', 'Something', 'dropped' FROM plan_days;
"""
CROWD = """
INSERT INTO collected_00_meta_stock (ticker, company_name, quote_type, sector, currency, exchange, fetched_at, run_id)
SELECT 'C' || n, 'C' || n || ' Inc', 'EQUITY', (ARRAY(SELECT sector FROM plan_sectors))[1 + n % 12], 'USD', 'NYQ',
       '2000-01-01', 'bench'
FROM generate_series(1, {crowd}) n;
UPDATE collected_00_meta_stock SET sector = NULL WHERE sector = 'Unknown';
"""
CROWDS_BARS = """
INSERT INTO collected_06_daily_stock_history (ticker, trade_date, close_price, adj_close_price, volume, currency,
    fetched_at, changed_at, run_id)
SELECT 'C' || n, day, 100, 100, 1000, 'USD', '2000-01-01', '2000-01-01', 'b'
FROM generate_series(1, {crowd}) n CROSS JOIN plan_days
"""
CROWDS_CAPS = """
INSERT INTO collected_00_market_cap (ticker, session_date, market_cap, currency, quote_price, quoted_at, fetched_at,
    changed_at, run_id)
SELECT 'C' || n, day, 1000000000, 'USD', 100, '2000-01-01', '2000-01-01', '2000-01-01', 'b'
FROM generate_series(1, {crowd}) n CROSS JOIN plan_weeks
"""
FRAME = """
CREATE TABLE plan_days AS
    SELECT row_number() OVER (ORDER BY day)::int - 1 AS number, day
    FROM (SELECT DISTINCT trade_date AS day FROM collected_01_daily_etf_ohlc WHERE trade_date > {first}) d;
CREATE TABLE plan_weeks AS SELECT day FROM plan_days WHERE extract(dow FROM day) = 5 OR day = {last};
CREATE TABLE plan_months AS
    SELECT row_number() OVER (ORDER BY month)::int AS number,
           (month + interval '1 month' - interval '1 day')::date
               - extract(dow FROM month + interval '1 month' - interval '1 day')::int AS sunday
    FROM (SELECT DISTINCT date_trunc('month', day) AS month FROM plan_days) m;
CREATE TABLE plan_etfs AS
    SELECT row_number() OVER (ORDER BY ticker)::int AS number, ticker, etf_type, sector_name FROM collected_00_meta_etf;
CREATE TABLE plan_sectors AS SELECT unnest({sectors}::text[]) AS sector;
"""
STOCKS_OF_FRAME = """
CREATE TABLE plan_stocks AS
    SELECT row_number() OVER (ORDER BY ticker LIKE 'C%', length(ticker), ticker)::int AS number, ticker,
           coalesce(sector, 'Unknown') AS sector
    FROM collected_00_meta_stock;
CREATE INDEX ON plan_stocks (number);
ANALYZE plan_stocks;
"""


def fill_everything(connection: Connection, *, years: int, stocks: int) -> None:
    """Every table with as many rows as so many years of running daily leave in it."""
    crowd = max(stocks - KNOWN, 0)
    sessions = years * SESSIONS_A_YEAR
    connection.execute("SET maintenance_work_mem = '1GB'")
    fill(connection, last=LAST, sessions=sessions, stocks=min(stocks, KNOWN))
    fill_results(connection)
    _execute(connection, FRAME, first=sessions_until(LAST, sessions + 1)[0], last=LAST, sectors=list(SECTOR_NAMES))
    _execute(connection, CROWD, crowd=crowd)
    with without_indexes(connection, "collected_06_daily_stock_history"):
        _execute(connection, CROWDS_BARS, crowd=crowd)
    with without_indexes(connection, "collected_00_market_cap"):
        _execute(connection, CROWDS_CAPS, crowd=crowd)
    connection.execute(STOCKS_OF_FRAME)
    connection.execute(MORE)
    connection.execute("DROP TABLE plan_days, plan_weeks, plan_months, plan_etfs, plan_sectors, plan_stocks")
    connection.execute("VACUUM ANALYZE")


def _execute(connection: Connection, statements: str, **values: object) -> None:
    """Several statements, with values in them."""
    filled = sql.SQL(statements).format(**{name: sql.Literal(value) for name, value in values.items()})
    connection.execute(filled)


@contextmanager
def without_indexes(connection: Connection, table: str) -> Iterator[None]:
    """Rows written in the block are indexed at its end, at once; and nothing of it is kept for a crash."""
    keys = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'",
        (table,),
    ).fetchall()
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname <> ALL(%s)",
        (table, [name for name, _ in keys]),
    ).fetchall()
    connection.execute(f"ALTER TABLE {table} SET UNLOGGED")
    for name, _ in keys:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for name, definition in keys:
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in indexes:
        connection.execute(str(definition))


# -- what the API asks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One query with its values."""

    query: str
    values: Sequence[object]


@contextmanager
def noted() -> Iterator[list[Asked]]:
    """Every query that is asked in the block, in the form that a prepared statement has."""
    found: list[Asked] = []
    execute, execute_async = psycopg.Cursor.execute, psycopg.AsyncCursor.execute

    def note(query: Any, values: Any) -> None:
        if str(query).lstrip().startswith(("SELECT", "WITH", "UPDATE")):
            found.append(numbered(str(query), values))

    def noting(self: Any, query: Any, params: Any = None, **more: Any) -> Any:
        note(query, params)
        return execute(self, query, params, **more)

    async def noting_async(self: Any, query: Any, params: Any = None, **more: Any) -> Any:
        note(query, params)
        return await execute_async(self, query, params, **more)

    with (
        mock.patch.object(psycopg.Cursor, "execute", noting),
        mock.patch.object(psycopg.AsyncCursor, "execute", noting_async),
    ):
        yield found


def numbered(query: str, values: Sequence[object] | Mapping[str, object] | None) -> Asked:
    """With $1, $2 for the places of values.

    >>> numbered("SELECT %(b)s, %(a)s, %(b)s, 'x%%'", {"a": 1, "b": 2})
    Asked(query="SELECT $1, $2, $1, 'x%'", values=[2, 1])
    """
    if values is None:
        return Asked(query, [])
    places: dict[str, int] = {}
    given: list[object] = []

    def place(found: re.Match[str]) -> str:
        name = found[1] or str(len(given))
        if found[0] == "%%":
            return "%"
        if name not in places:
            given.append(values[name] if isinstance(values, Mapping) else values[len(given)])
            places[name] = len(given)
        return f"${places[name]}"

    return Asked(re.sub(r"%\((\w+)\)s|%s|%%", place, query), given)


# -- plans -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explained:
    """One query as it ran: milliseconds, pages of 8 kB, tables read from end to end, and what reads what."""

    address: str
    query: str
    mode: str
    milliseconds: float
    rows: int
    pages: int
    whole_tables: Sequence[str]
    scans: Sequence[str]

    def too_much(self, sizes: Mapping[str, float], *, large: int, pages: int) -> list[str]:
        """What is wrong with it."""
        whole = [table for table in self.whole_tables if sizes[table] > large and (self.address, table) not in MUST]
        found = [f"reads {table} from end to end" for table in whole]
        allowed = pages + PAGES_A_ROW * self.rows
        return found + ([f"{self.pages} pages for {self.rows} rows"] if self.pages > allowed else [])


def explained(connection: Connection, address: str, asked: Asked) -> Iterator[Explained]:
    """The query planned for its values, and for any."""
    cursor = ClientCursor(connection)
    for mode in ("custom", "generic"):
        with connection.transaction(force_rollback=True):
            connection.execute(f"SET LOCAL plan_cache_mode = force_{mode}_plan")
            connection.execute(f"PREPARE asked AS {asked.query}")
            values = f"({', '.join(['%s'] * len(asked.values))})" if asked.values else ""
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked{values}", asked.values or None)
            row = cursor.fetchone()
            connection.execute("DEALLOCATE asked")
        plan: Node = cast(Any, row)[0][0]
        nodes = list(nodes_of(plan["Plan"]))
        yield Explained(
            address=address,
            query=" ".join(asked.query.split()),
            mode=mode,
            milliseconds=plan["Execution Time"],
            rows=int(plan["Plan"].get("Actual Rows", 0)),
            pages=plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"],
            whole_tables=[node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"],
            scans=[f"{node['Node Type']} {node.get('Index Name') or node['Relation Name']}" for node in nodes
                   if "Relation Name" in node or "Index Name" in node],
        )  # fmt: skip


def nodes_of(plan: Node) -> Iterator[Node]:
    """The plan's node, and those below it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)


def plans(database: Database) -> Iterator[Explained]:
    """Every query of every address."""
    settings = {"API_RATE_PER_MINUTE": "0", "API_CACHE_MB": "0", "LOG_LEVEL": "WARNING"}
    with (
        mock.patch.dict(os.environ, database.environment("api") | settings),
        TestClient(create_app(), headers={"X-API-Key": KEY}) as client,
        database.server.connect(database.name) as connection,
    ):
        paths = [path for path in client.get("/openapi.json").json()["paths"] if path != "/health"]
        forgotten = [path for path in paths if not any(map(re.compile(pattern_of(path)).fullmatch, ADDRESSES))]
        assert not forgotten, f"expected an address of {', '.join(forgotten)}"
        for address in tqdm(ADDRESSES, unit="address", disable=None):
            with noted() as asked:
                answer = client.get(address)
            assert answer.status_code in (200, 404, 422), f"{address}: {answer.text}"
            for query in asked:
                yield from explained(connection, address, query)


def pattern_of(path: str) -> str:
    """Its addresses.

    >>> pattern_of("/stocks/{symbol}/latest")
    '/stocks/[^/?]+/latest([?].*)?'
    """
    return re.sub(r"\{\w+\}", "[^/?]+", path) + "([?].*)?"


def sizes_of(connection: Connection) -> dict[str, float]:
    """table → rows, as the planner knows them."""
    found: list[Any] = connection.execute("SELECT relname, reltuples FROM pg_class WHERE relkind = 'r'").fetchall()
    return dict(found)


def report(found: Sequence[Explained], sizes: Mapping[str, float], *, large: int, pages: int) -> int:
    """Print a line an address, the slowest queries, and what reads too much: how many those are."""
    for address in dict.fromkeys(plan.address for plan in found):
        of_address = [plan for plan in found if plan.address == address]
        custom = [plan for plan in of_address if plan.mode == "custom"]
        slowest = max(of_address, key=lambda plan: plan.milliseconds)
        print(
            f"{address[:70]:70} {len(custom):3} queries {sum(plan.milliseconds for plan in custom):8.2f} ms "
            f"{sum(plan.pages for plan in custom):6} pages; slowest {slowest.milliseconds:8.2f} ms ({slowest.mode})"
        )
    print("\nthe slowest queries")
    slowest_of = {plan.query: plan for plan in sorted(found, key=lambda plan: plan.milliseconds)}
    for plan in sorted(slowest_of.values(), key=lambda plan: -plan.milliseconds)[:15]:
        print(f"{plan.milliseconds:8.2f} ms {plan.pages:6} pages ({plan.mode}) {plan.query[:150]}")
        print(f"{'':12}{'; '.join(dict.fromkeys(plan.scans))[:300]}")
    print("\nread from end to end, as it must be")
    for (address, table), why in MUST.items():
        took = max(plan.milliseconds for plan in found if plan.address == address and table in plan.whole_tables)
        print(f"{took:8.2f} ms {sizes[table]:9.0f} rows of {table} for {address}: {why}")
    wrong: dict[tuple[str, str], tuple[Explained, str]] = {}
    for plan in found:
        for what in plan.too_much(sizes, large=large, pages=pages):
            wrong.setdefault((what if "pages" not in what else "pages", plan.query), (plan, what))
    for plan, what in wrong.values():
        print(f"\nTOO MUCH: {plan.address} ({plan.mode}, {plan.milliseconds:.1f} ms) {what}\n  {plan.query}")
        print(f"  {'; '.join(dict.fromkeys(plan.scans))}")
    return len(wrong)


def main(argv: Sequence[str] | None = None) -> int:
    """Fill, explain, print."""
    parser = program_parser(__doc__)
    parser.add_argument("--years", type=int, default=10, help="of sessions (default 10)")
    parser.add_argument("--stocks", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=10_000, help="rows of a table that is not read from end to end")
    parser.add_argument("--pages", type=int, default=5_000, help="of 8 kB that a query may read")
    chosen = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory(prefix="act-") as folder,
        postgres_server(Path(folder)) as postgres,
        fresh_database(postgres) as database,
        postgres.connect(database.name) as connection,
    ):
        begun = time.perf_counter()
        fill_everything(connection, years=chosen.years, stocks=chosen.stocks)
        api_keys.register(connection, "bench", KEY)
        sizes = sizes_of(connection)
        [(size,)] = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchall()
        print(f"{chosen.years} years, {chosen.stocks} stocks: {size}, filled in {time.perf_counter() - begun:.0f} s")
        for table, rows in sorted(sizes.items(), key=lambda item: -item[1])[:12]:
            print(f"  {table:40} {rows:12.0f} rows")
        found = list(plans(database))
        return 1 if report(found, sizes, large=chosen.large, pages=chosen.pages) else 0


if __name__ == "__main__":
    run_bench(main)
