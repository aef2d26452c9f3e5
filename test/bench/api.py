"""Answers a second, their times and memory of the API beside a plain handler. Not a test: nothing passes or fails.

    .venv-dev/bin/python -m test.bench.api                       # about four minutes
    .venv-dev/bin/python -m test.bench.api --seconds 3 --years 1

The plain handler asks the same queries, opens a connection for each request, checks no key and keeps nothing. Both run
as one server process; the caller is a process of its own on the same machine, so its work is in all figures. `full` is
as fast as 8 callers get answers; `paced` sends at a fixed rate whatever comes back, and times from when it was due.
`writes` are small transactions elsewhere in the server, after each of which no kept answer counts.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from fastapi import FastAPI
from psycopg.rows import dict_row

from database import api_keys
from database.connection import parameters
from test.bench.markets import LAST, SESSIONS_A_YEAR, fill
from test.bench.program import MEBIBYTE, answers, run_bench, running
from test.bench.sampling import meanwhile
from test.conftest import Database, free_port, fresh_database, postgres_server
from test.published import KEY
from utils.arguments import program_parser

CALLERS = 8
RATE = 200
P99_MS, WORKER_MB = 50, 200
PATHS = {
    "portfolio": "/stocks/portfolio?period_days=20",
    "history": "/stocks/S1/history?limit=250",
    "top holdings": "/etf-holdings/top-holdings/QQQ?time_period=20",
}


# -- results to be read ------------------------------------------------------------------------------------------------

RESULTS = """
CREATE TABLE bench_days AS SELECT DISTINCT trade_date AS day FROM collected_01_daily_etf_ohlc;
CREATE TABLE bench_names AS
    SELECT ticker, row_number() OVER (ORDER BY md5(ticker)) AS n FROM collected_00_meta_stock;
INSERT INTO analytics_portfolios (strategy, as_of_date, revision, status, origin, positions, trending_etfs,
    holdings_oldest, first_published_at, published_at, computed_at, run_id)
SELECT p || 'd', day, 1, 'complete', 'live', 10, 10, day, now(), now(), now(), 'bench'
FROM bench_days CROSS JOIN unnest(ARRAY[5, 10, 20]) p;
INSERT INTO analytics_05_portfolio_allocation (as_of_date, ticker, period_days, company_name, sector, market_cap,
    return_pct, portfolio_weight, rank, allocation_score, source_etfs, allocation_reason, market_cap_source, run_id)
SELECT day, ticker, p, ticker || ' Inc', 'Energy', 1e11, 5 + n / 10.0, 0.1, n, 50, 'QQQ', 'Best return', 'quote',
       'bench'
FROM bench_days CROSS JOIN unnest(ARRAY[5, 10, 20]) p CROSS JOIN (SELECT * FROM bench_names WHERE n <= 10) s;
INSERT INTO analytics_05_candidates (as_of_date, period_days, etf_ticker, ticker, holding_rank, holding_percent,
    holdings_as_of, return_pct, market_cap, outcome, run_id)
SELECT day, p, e.ticker, s.ticker, s.place, 10, day, 5, 1e11,
       CASE s.place WHEN 1 THEN 'selected' ELSE 'lower_return' END, 'bench'
FROM bench_days CROSS JOIN unnest(ARRAY[5, 10, 20]) p
CROSS JOIN (SELECT ticker, row_number() OVER (ORDER BY ticker) AS number FROM collected_00_meta_etf) e
JOIN LATERAL (SELECT ticker, row_number() OVER (ORDER BY n) AS place FROM bench_names
              WHERE n > 5 * (e.number - 1) AND n <= 5 * e.number) s ON e.number <= 10;
INSERT INTO analytics_09_etf_top_holdings (as_of_date, etf_ticker, period_days, holding_ticker, holding_name,
    holding_sector, rank_position, avg_return, total_return, volatility, sharpe_ratio, observations, avg_volume,
    current_price, market_cap, run_id)
SELECT day, e.ticker, p, s.ticker, s.ticker, 'Energy', CASE WHEN s.place <= 5 THEN s.place END, 0.1, 10 - s.place, 1,
       1.5, p, 1000, 100, 1e11, 'bench'
FROM (SELECT day FROM bench_days WHERE extract(dow FROM day) = 5 OR day = (SELECT max(day) FROM bench_days)) d
CROSS JOIN unnest(ARRAY[5, 10, 20]) p
CROSS JOIN (SELECT ticker, row_number() OVER (ORDER BY ticker) AS number FROM collected_00_meta_etf) e
JOIN LATERAL (SELECT ticker, row_number() OVER (ORDER BY n) AS place FROM bench_names
              WHERE n > 10 * (e.number - 1) AND n <= 10 * e.number) s ON true;
DROP TABLE bench_days, bench_names;
CREATE TABLE bench_writes (at timestamptz);
"""


def fill_results(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Portfolios of ten stocks every session, five candidates of each of ten ETFs, weekly top holdings."""
    connection.execute(RESULTS)
    connection.execute("VACUUM ANALYZE")


# -- the plain handler -------------------------------------------------------------------------------------------------


def create_plain_app() -> FastAPI:
    """What one writes first: a function a path, a connection a request, rows as they are."""
    app = FastAPI()
    given = parameters()

    def rows(*queries: tuple[str, Sequence[object]]) -> list[list[dict[str, Any]]]:
        with psycopg.connect(**given, row_factory=dict_row) as connection:
            return [connection.execute(sql, values).fetchall() for sql, values in queries]

    @app.get("/stocks/portfolio")
    def portfolio(period_days: int = 20) -> Any:
        strategy = f"{period_days}d"
        newest = "(SELECT max(as_of_date) FROM analytics_portfolios WHERE strategy = %s)"
        header, positions, candidates = rows(
            (f"SELECT * FROM analytics_portfolios WHERE strategy = %s AND as_of_date = {newest}", (strategy, strategy)),
            (
                f"""SELECT * FROM analytics_05_portfolio_allocation
                    WHERE as_of_date = {newest} AND period_days = %s ORDER BY rank""",
                (strategy, period_days),
            ),
            (
                f"""SELECT c.*, s.company_name, s.sector FROM analytics_05_candidates c
                    LEFT JOIN collected_00_meta_stock s USING (ticker)
                    WHERE c.as_of_date = {newest} AND c.period_days = %s ORDER BY c.return_pct DESC""",
                (strategy, period_days),
            ),
        )
        return {"header": header, "positions": positions, "candidates": candidates}

    @app.get("/stocks/{symbol}/history")
    def history(symbol: str, limit: int = 100) -> Any:
        return rows(
            (
                "SELECT * FROM collected_06_daily_stock_history WHERE ticker = %s ORDER BY trade_date DESC LIMIT %s",
                (symbol, limit),
            )
        )[0]

    @app.get("/etf-holdings/top-holdings/{etf}")
    def top_holdings(etf: str, time_period: int = 20) -> Any:
        return rows(
            (
                """SELECT * FROM analytics_09_etf_top_holdings
                   WHERE as_of_date = (SELECT max(as_of_date) FROM analytics_09_etf_top_holdings)
                       AND etf_ticker = %s AND period_days = %s ORDER BY rank_position""",
                (etf, time_period),
            )
        )[0]

    return app


@contextmanager
def server(factory: str, database: Database, **settings: str) -> Iterator[tuple[int, psutil.Process]]:
    """One server process of that app: (port, process)."""
    port = free_port()
    command = ["-m", "uvicorn", "--factory", factory, "--no-access-log", "--port", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="act-") as folder,
        running(command, database.environment("api") | settings, Path(folder) / "said.log") as process,
    ):
        answers(f"http://127.0.0.1:{port}/openapi.json")
        yield port, psutil.Process(process.pid)


# -- callers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """Times in milliseconds; `wrong` answers had another status than expected."""

    per_second: float
    p50: float
    p99: float
    wrong: int


class Caller:
    """One connection that is kept, and a request that is made once: a caller must not cost more than the server."""

    def __init__(self, port: int, request: bytes) -> None:
        self.port, self.request = port, request

    async def connect(self) -> "Caller":
        """Open it."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def ask(self) -> int:
        """The status of one answer, read to its end."""
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if length:
            await self.reader.readexactly(int(length))
        return int(head[9:12])


def request_of(path: str, tag: str | None) -> bytes:
    """The bytes of a GET."""
    condition = f"If-None-Match: {tag}\r\n" if tag else ""
    key = f"X-API-Key: {KEY}\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n{key}{condition}\r\n".encode()


async def full(port: int, request: bytes, seconds: float, status: int) -> Measured:
    """Eight callers, each with its next request as soon as it has its answer."""
    took: list[float] = []
    wrong = 0
    end = time.perf_counter() + seconds

    async def call(caller: Caller) -> None:
        nonlocal wrong
        while (begun := time.perf_counter()) < end:
            wrong += await caller.ask() != status
            took.append(time.perf_counter() - begun)

    callers = [await Caller(port, request).connect() for _ in range(CALLERS)]
    begun = time.perf_counter()
    await asyncio.gather(*map(call, callers))
    return _measured(took, time.perf_counter() - begun, wrong)


async def paced(port: int, request: bytes, seconds: float, status: int) -> Measured:
    """RATE requests a second, each timed from the instant it was due."""
    idle: asyncio.Queue[Caller] = asyncio.Queue()
    for _ in range(4 * CALLERS):
        idle.put_nowait(await Caller(port, request).connect())
    took: list[float] = []
    wrong = 0

    async def call(due: float) -> None:
        nonlocal wrong
        caller = await idle.get()
        wrong += await caller.ask() != status
        took.append(time.perf_counter() - due)
        idle.put_nowait(caller)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as calls:
        for number in range(int(RATE * seconds)):
            due = begun + number / RATE
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            calls.create_task(call(due))
    return _measured(took, time.perf_counter() - begun, wrong)


def _measured(took: list[float], seconds: float, wrong: int) -> Measured:
    cuts = statistics.quantiles(took, n=100) if len(took) > 1 else took * 99
    return Measured(len(took) / seconds, 1000 * cuts[49], 1000 * cuts[98], wrong)


@contextmanager
def writing(database: Database, per_second: float) -> Iterator[None]:
    """Somebody else's small transactions, as Airflow's heartbeats are; none when they are 0 a second."""
    if not per_second:
        yield
        return
    with database.server.connect(database.name) as connection:

        def write() -> None:
            connection.execute("INSERT INTO bench_writes VALUES (now())")

        with meanwhile(write, every_s=1 / per_second):
            yield


# -- the table ---------------------------------------------------------------------------------------------------------


def measure(
    name: str,
    port: int,
    database: Database,
    seconds: float,
    *,
    writes: float = 0,
    tags: bool = True,
    plain: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Print a line a path, way and condition, beside the limits; path → answers a second, of all that can be given.

    `plain`: what the plain handler gave.
    """
    given: dict[str, float] = {}
    for path_name, path in PATHS.items():
        for condition in (False, True) if tags else (False,):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": KEY}, trust_env=False)
            if answer.status_code != 200:
                print(f"{name:28} {path_name:13} answers {answer.status_code}: left out")
                break
            request = request_of(path, answer.headers["etag"] if condition else None)
            with writing(database, writes):
                for way in (full, paced):
                    found = asyncio.run(way(port, request, seconds, 304 if condition else 200))
                    beside = ""
                    if way is full:
                        given[path_name] = found.per_second
                        beside = f"{found.per_second / plain[path_name]:5.1f} × plain" if plain else ""
                    elif plain:
                        beside = f"{'' if found.p99 <= P99_MS else 'over '}{P99_MS} ms"
                    print(
                        f"{name:28} {path_name:13} {304 if condition else 200} {way.__name__:6} "
                        f"{found.per_second:8.0f}/s  p50 {found.p50:8.2f} ms  p99 {found.p99:8.2f} ms"
                        f"{f'  {found.wrong} WRONG' if found.wrong else ''}  {beside}".rstrip(),
                        flush=True,
                    )
    return given


def memory_of(process: psutil.Process) -> str:
    """What one worker takes. PSS: what other processes have, too, is counted by their number."""
    found = process.memory_full_info()
    return f"resident {found.rss / MEBIBYTE:.0f} MB, PSS {found.pss / MEBIBYTE:.0f} MB, peak {_peak(process)} MB"


def _peak(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = program_parser(__doc__)
    parser.add_argument("--years", type=int, default=3, help="of sessions (default 3)")
    parser.add_argument("--stocks", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5, help="of each line (default 5)")
    chosen = parser.parse_args(argv)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {chosen.years} years, {chosen.stocks} stocks")
    with (
        tempfile.TemporaryDirectory(prefix="act-") as folder,
        postgres_server(Path(folder)) as postgres,
        fresh_database(postgres) as database,
    ):
        with postgres.connect(database.name) as connection:
            fill(connection, last=LAST, sessions=chosen.years * SESSIONS_A_YEAR, stocks=chosen.stocks)
            fill_results(connection)
            api_keys.register(connection, "bench", KEY)
            connection.execute("CHECKPOINT")  # else what was filled is written to disk while answers are timed
        ours = "api.app:create_app"
        with (
            server("test.bench.api:create_plain_app", database) as (plain, _),
            server(ours, database, API_RATE_PER_MINUTE="0") as (keeping, worker),
            server(ours, database, API_RATE_PER_MINUTE="0", API_CACHE_MB="0") as (making, other),
        ):
            beside = measure("plain handler", plain, database, chosen.seconds, tags=False)
            measure("API", keeping, database, chosen.seconds, plain=beside)
            measure("API, 5 writes/s", keeping, database, chosen.seconds, writes=5, plain=beside)
            measure("API, nothing kept", making, database, chosen.seconds, plain=beside)
            measure("plain handler, again", plain, database, chosen.seconds, tags=False)
            print(f"memory of a worker: {memory_of(worker)}; nothing kept: {memory_of(other)}")
            print(f"limit {WORKER_MB} MB a worker")


if __name__ == "__main__":
    run_bench(main)
