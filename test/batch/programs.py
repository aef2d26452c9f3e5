"""What tests of batch programs share: their names, how a row is written, the replayed market's clock."""

import http.server
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from datetime import date, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from pyspark.sql import SparkSession

import utils.spark
from config.settings import SparkSettings
from test.conftest import REPO
from test.e2e.market import D
from utils.program import SUCCESS
from utils.sessions import close_of
from utils.spark import ONE_SESSION

TRENDING = "batch/spark_01_trending_etf_identifier.py"
ALLOCATOR = "batch/spark_02_active_stock_allocator.py"
TOP_HOLDINGS = "batch/spark_03_etf_top_holdings.py"
REBALANCER = "batch/spark_04_monthly_portfolio_rebalancer.py"
PERFORMANCE = "batch/spark_05_portfolio_performance.py"
MONTHS = "batch/batch_monthly_sector_analyzer.py"
ETFS_TABLE = "collected_01_daily_etf_ohlc"
STOCKS = "collected_06_daily_stock_history"
FETCHED = "2025-12-31T00:00:00Z"

Row = tuple[Any, ...]
Run = Callable[..., subprocess.CompletedProcess[str]]


def write_bar(server: psycopg.Connection[Row], table: str, ticker: str, day: date, close: float) -> None:
    currency = {"currency": "KRW" if ticker.endswith(".KS") else "USD"} if table == STOCKS else {}
    values = {
        "ticker": ticker,
        "trade_date": day,
        "previous_session": day - timedelta(days=1),
        "close_price": close,
        "adj_close_price": close,
        "volume": 1000,
        "fetched_at": FETCHED,
        "changed_at": FETCHED,
        "run_id": "test",
        **currency,
    }
    columns, marks = ", ".join(values), ", ".join(f"%({name})s" for name in values)
    server.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)


class Clock(http.server.ThreadingHTTPServer):
    """The replayed market's clock."""

    now = close_of(D) + timedelta(hours=1)


class Answer(http.server.BaseHTTPRequestHandler):
    server: Clock

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"now": self.server.now.isoformat()}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


@contextmanager
def optimised(spark: SparkSession) -> Iterator[None]:
    """The session plans and compiles as that of a long range does."""
    for key in ONE_SESSION:
        spark.conf.unset(key)
    spark.conf.set("spark.sql.shuffle.partitions", str(SparkSettings.model_fields["shuffle_partitions"].default))
    try:
        yield
    finally:
        for key, value in ONE_SESSION.items():
            spark.conf.set(key, value)


def shared_session(spark: SparkSession) -> Callable[..., AbstractContextManager[SparkSession]]:
    """In the place of spark_session: the session that all tests share."""

    @contextmanager
    def session(name: str, *, years_of_data: bool = False, snapshot: str = "") -> Iterator[SparkSession]:
        spark.conf.set(utils.spark.SNAPSHOT, snapshot)
        try:
            with optimised(spark) if years_of_data else nullcontext():
                yield spark
        finally:
            spark.conf.unset(utils.spark.SNAPSHOT)
            spark.catalog.clearCache()

    return session


def run_here(
    spark: SparkSession, environment: Mapping[str, str], file: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """A program from its command line to its exit code, but in this process, on the session that all tests share: most
    of what a program of its own takes is the start of its JVM."""
    command, out, err = [file, *arguments], StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(utils.spark, "spark_session", shared_session(spark))
        patch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(REPO / file), run_name="__main__")
    return subprocess.CompletedProcess(command, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def succeed(run: Run, *command: str) -> str:
    done = run(*command)
    assert done.returncode == SUCCESS, done.stdout + done.stderr
    return done.stdout
