"""From the source to stored rows: how fast, and what limits it. Not a test: nothing passes or fails.

    .venv-dev/bin/python -m test.bench.collector                                 # 500 stocks, ten years each
    .venv-dev/bin/python -m test.bench.collector --stocks 20000 --years 0.1      # memory over many instruments

The real producer asks a replay server without a pause; a real broker, consumer and PostgreSQL store what it sends. Each
is a process of its own, on this machine. `busy` is a process's processor time as a share of the time that passed: what
is near 100 % of a core, or all of them together near all cores, is what limits it. Memory is PSS.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from tenacity import retry, stop_after_delay, wait_fixed

from config.settings import KafkaSettings
from config.topics import TOPICS
from config.universe import FIRST_FETCH_SESSIONS
from test.bench.markets import LAST, SESSIONS_A_YEAR
from test.bench.program import MEBIBYTE, busy_seconds, memory, run_bench, running
from test.conftest import DOWNLOADS, Database, Server, free_port, fresh_database, kafka_broker, postgres_server
from test.replay.market import write_market
from utils import topics
from utils.arguments import program_parser
from utils.kafka import admin
from utils.sessions import sessions_until

NOW = "2025-12-30T23:00:00Z"
SAMPLE_SECONDS = 0.5
PROCESSES = ("producer", "consumer", "replay server", "PostgreSQL", "broker")


def market(folder: Path, stocks: Sequence[str], sessions: int) -> Path:
    """Every stock with the same slow wave of prices, another phase each; never a split, never a dividend."""
    days = sessions_until(LAST, sessions)
    write_market(
        folder,
        bars=[{"symbol": "SPY", "date": day, "close": 100.0, "adj_close": 100.0} for day in days],
        profiles=[{"symbol": stock, "sector": "Energy"} for stock in stocks],
        market_caps=[{"symbol": stock, "date": LAST, "market_cap": 1e10} for stock in stocks],
    )
    (folder / "bars.csv").unlink()
    at = np.arange(sessions)
    with pq.ParquetWriter(folder / "bars.parquet", _SCHEMA) as writer:
        for number, stock in enumerate(stocks):
            close = np.round(100 + 20 * np.sin((at + 7 * number) / 60), 2)
            prices = dict.fromkeys(("open", "high", "low", "close", "adj_close"), close)
            table = {"symbol": [stock] * sessions, "date": days, **prices, "volume": 1000.0 + at}
            writer.write_table(pa.table(table, schema=_SCHEMA))
    return folder


_SCHEMA = pa.schema(
    [("symbol", pa.string()), ("date", pa.date32())]
    + [(name, pa.float64()) for name in ("open", "high", "low", "close", "adj_close", "volume")]
)


def known_holdings(database: Database, stocks: Sequence[str]) -> None:
    """So that --scope known means these stocks, and nothing else of them is missing."""
    with database.server.connect(database.name) as connection:
        connection.execute(
            """INSERT INTO collected_00_meta_stock (ticker, company_name, quote_type, sector, currency, exchange,
                   fetched_at, changed_at, run_id)
               SELECT ticker, ticker, 'EQUITY', 'Energy', 'USD', 'NYQ', now(), now(), 'bench'
               FROM unnest(%s::text[]) ticker""",
            (list(stocks),),
        )
        connection.execute(
            """INSERT INTO collected_04_etf_holdings (etf_ticker, holding_ticker, as_of_date, holding_name,
                   holding_percent, holding_rank, source, fetched_at, changed_at, run_id)
               SELECT 'SPY', ticker, %s, ticker, 0.001, n, 'bench', now(), now(), 'bench'
               FROM unnest(%s::text[]) WITH ORDINALITY t(ticker, n)""",
            (LAST, list(stocks)),
        )


@retry(stop=stop_after_delay(120), wait=wait_fixed(0.2), reraise=True)
def _said(file: Path, text: str) -> None:
    assert text in file.read_text(), f"{file.name} has not said {text!r} yet"


def measure(folder: Path, server: Server, broker: str, *, stocks: int, years: float) -> None:
    """Fetch a market and print what it took."""
    sessions = max(round(years * SESSIONS_A_YEAR), 1)
    names = [f"S{number}" for number in range(stocks)]
    market(folder / "market", names, sessions)
    proxy, control = free_port(), free_port()
    source = {
        "YAHOO_PROXY": f"http://127.0.0.1:{proxy}",
        "YAHOO_CA_FILE": str(folder / "replay" / "ca.pem"),
        "YAHOO_CACHE_DIR": str(folder / "cache"),
        "YAHOO_PACE_SECONDS": "0",
        "YAHOO_SLOW_PACE_SECONDS": "0",
        "YAHOO_DAILY_BUDGET": "1000000",
        "PLATFORM_NOW_URL": f"http://127.0.0.1:{control}/_control/clock",
        "KAFKA_BOOTSTRAP_SERVERS": broker,
        "KAFKA_STORE_TIMEOUT_S": "600",
    }
    serve = ["-m", "test.replay", str(folder / "market"), "--state", str(folder / "replay"), "--now", NOW]
    serve += ["--proxy-port", str(proxy), "--control-port", str(control)]
    collect = ["collector/kafka_04_producer_stock_daily.py", "--scope", "known"]
    collect += ["--sessions", str(max(sessions, FIRST_FETCH_SESSIONS))]
    with ExitStack() as opened:
        database = opened.enter_context(fresh_database(server))
        known_holdings(database, names)
        replay = opened.enter_context(running(serve, {}, folder / "replay.log"))
        _said(folder / "replay.log", "control")
        consumer = opened.enter_context(
            running(
                ["-m", "consumer.kafka_03_consumer_stock_daily"],
                source | database.environment("consumer"),
                folder / "consumer.log",
            )
        )
        _said(folder / "consumer.log", "stores stock-daily-data")
        services = psutil.Process().children()
        others = {
            "consumer": psutil.Process(consumer.pid),
            "replay server": psutil.Process(replay.pid),
            "PostgreSQL": next(each for each in services if "postgres" in " ".join(each.cmdline())),
            "broker": next(each for each in services if "kafka.Kafka" in each.cmdline()),
        }
        before = {name: busy_seconds(process) for name, process in others.items()}
        begun = time.monotonic()
        producer = opened.enter_context(
            running(collect, source | database.environment("collector"), folder / "producer.log")
        )
        samples: list[tuple[float, int, int]] = []
        busy = 0.0
        ours = psutil.Process(producer.pid)
        while producer.poll() is None:
            busy = max(busy, busy_seconds(ours))
            samples.append((time.monotonic() - begun, memory(ours), memory(others["consumer"])))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - begun
        spent = {"producer": busy} | {name: busy_seconds(others[name]) - before[name] for name in others}
        with server.connect(database.name) as connection:
            row = connection.execute("SELECT count(*) FROM collected_06_daily_stock_history").fetchone()
        rows = int(str(row[0])) if row else 0
    print((folder / "producer.log").read_text().splitlines()[-1][:200])
    print(
        f"{stocks} stocks, {sessions} sessions: {rows} rows in {seconds:.1f} s, {rows / seconds:.0f} rows/s, ", end=""
    )
    print(f"{stocks / seconds:.1f} instruments/s; {os.cpu_count()} cores")
    for name in PROCESSES:
        print(f"  {name:<14} {spent[name]:>7.1f} s busy, {100 * spent[name] / seconds:>4.0f} % of a core")
    print(f"{'after s':>8} {'producer MiB':>13} {'consumer MiB':>13}")
    for after, of_producer, of_consumer in samples[:: max(len(samples) // 12, 1)]:
        print(f"{after:>8.0f} {of_producer / MEBIBYTE:>13.0f} {of_consumer / MEBIBYTE:>13.0f}")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = program_parser(__doc__)
    parser.add_argument("--stocks", type=int, default=500)
    parser.add_argument("--years", type=float, default=10)
    given = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory(prefix="act-") as name,
        postgres_server(Path(name)) as server,
        kafka_broker(Path(name), DOWNLOADS / "jars") as broker,
    ):
        client = admin(KafkaSettings(bootstrap_servers=broker.bootstrap))
        topics.create(client, TOPICS)
        client.close()
        measure(Path(name), server, broker.bootstrap, stocks=given.stocks, years=given.years)


if __name__ == "__main__":
    run_bench(main)
