"""Time and memory of the batch programs over years of sessions, as a table. Not a test: nothing passes or fails.

    .venv-dev/bin/python -m test.bench.batch_jobs                        # 1, 2, 5 and 10 years; 500 to 20,000 stocks
    .venv-dev/bin/python -m test.bench.batch_jobs --years 10 --stocks 500

Each program runs as a person runs it, on a PostgreSQL server of its own; memory is the peak of the program and its JVM
(PSS: what the kernel shares between them is counted once). `--one` is the last session alone. Ranges have a heap of
2 GB (SPARK_DRIVER_MEMORY), as .env.example says of years of data; the session alone has the default, and stands beside
a job that does nothing.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from test.bench.markets import LAST, SESSIONS_A_YEAR, fill
from test.bench.program import MEBIBYTE, memory, run_bench, running
from test.conftest import DOWNLOADS, Database, fresh_database, postgres_server
from utils.arguments import program_parser
from utils.sessions import sessions_until

SAMPLE_SECONDS = 1
PROGRAMS = (
    "batch/spark_01_trending_etf_identifier.py",
    "batch/spark_02_active_stock_allocator.py",
    "batch/spark_05_portfolio_performance.py",
)
# What no program can be quicker than: Python, the JVM and a session that is asked for one row.
EMPTY_JOB = """
from utils.spark import spark_session

with spark_session("empty") as spark:
    spark.range(1).collect()
"""
LIMIT_OF_ONE_S, LIMITS_S = 8, {(10, 500): 90}
SIZES = ((1, 500), (2, 500), (5, 500), (10, 500), (1, 5_000), (1, 20_000))


def measured(database: Database, archive: Path, *program: str, **settings: str) -> tuple[float, int]:
    """Seconds from start to end, and the most memory seen in bytes. Raises CalledProcessError when the program fails.

    Seen once in `SAMPLE_SECONDS`: five times as often, half a second of a job of ten was the looking.
    """
    [jdbc_jar] = (DOWNLOADS / "jars").glob("postgresql-*.jar")
    spark = {"SPARK_JDBC_JAR": str(jdbc_jar), "SPARK_CLASS_ARCHIVE": str(archive)}
    said = archive.with_name("said.log")
    begun, peak = time.monotonic(), 0
    with running(program, database.environment("batch") | spark | settings, said) as process:
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, memory(tree))
            with suppress(subprocess.TimeoutExpired):
                process.wait(SAMPLE_SECONDS)
        seconds = time.monotonic() - begun
    if process.returncode:
        print(said.read_text()[-4000:], file=sys.stderr)
        raise subprocess.CalledProcessError(process.returncode, program[0])
    return seconds, peak


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = program_parser(__doc__)
    parser.add_argument("--years", type=int, help="one size only: years of sessions")
    parser.add_argument("--stocks", type=int, default=500)
    parser.add_argument("--one", action="store_true", help="the last session alone, five times")
    given = parser.parse_args(argv)
    sizes = SIZES if given.years is None else ((given.years, given.stocks),)
    with tempfile.TemporaryDirectory(prefix="act-") as folder, postgres_server(Path(folder)) as server:
        archive = Path(folder) / "spark.jsa"
        print(f"{'years':>5} {'stocks':>7} {'program':<42} {'seconds':>8} {'MiB':>6}", flush=True)
        for years, stocks in sizes:
            sessions = years * SESSIONS_A_YEAR
            with fresh_database(server) as database:
                with server.connect(database.name) as connection:
                    fill(connection, last=LAST, sessions=sessions, stocks=stocks)
                days = sessions_until(LAST, sessions)
                one = ("--from", days[-1].isoformat(), "--to", days[-1].isoformat())
                if not archive.exists():
                    measured(database, archive, PROGRAMS[0], *one)
                span = ("--from", days[0].isoformat(), "--to", days[-1].isoformat())
                total = 0.0
                for program in PROGRAMS:
                    seconds, peak = measured(database, archive, program, *span, SPARK_DRIVER_MEMORY="2g")
                    total += seconds
                    print(f"{years:>5} {stocks:>7} {program:<42} {seconds:>8.1f} {peak / MEBIBYTE:>6.0f}", flush=True)
                limit = LIMITS_S.get((years, stocks))
                beside = f"        limit {limit} s" if limit else ""
                print(f"{years:>5} {stocks:>7} {'together':<42} {total:>8.1f}{beside}", flush=True)
                if given.one:
                    for name in (*PROGRAMS, "an empty job") * 5:
                        command = (name, *one) if name in PROGRAMS else ("-c", EMPTY_JOB)
                        seconds, peak = measured(database, archive, *command)
                        print(
                            f"  one {stocks:>7} {name:<42} {seconds:>8.1f} {peak / MEBIBYTE:>6.0f}"
                            f" limit {LIMIT_OF_ONE_S} s",
                            flush=True,
                        )


if __name__ == "__main__":
    run_bench(main)
