"""A producer as a program: through the real broker and the real consumer, with its exit code; killed in the middle."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from config.settings import KafkaSettings
from test.collector.conftest import EVENING, D
from test.conftest import REPO, Broker, Database
from test.consumer.topics import remake_topics
from test.replay.server import ReplayServer
from utils.program import ALREADY_COMPLETE, SUCCESS, USAGE

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def yahoo(market: Path, tmp_path: Path) -> Iterator[ReplayServer]:
    """The market, at the evening of D."""
    with ReplayServer(market, state=tmp_path / "state", now=EVENING) as server:
        yield server


@pytest.fixture
def start(yahoo: ReplayServer, database: Database, broker: Broker, tmp_path: Path) -> Iterator[Start]:
    """Starts a program of a role; what still runs at the end is told to stop."""
    remake_topics(KafkaSettings(bootstrap_servers=broker.bootstrap))
    source = {
        "YAHOO_PROXY": yahoo.proxy_url,
        "YAHOO_CA_FILE": str(yahoo.ca_file),
        "YAHOO_CACHE_DIR": str(tmp_path / "cache"),
        "YAHOO_PACE_SECONDS": "0",
        "YAHOO_SLOW_PACE_SECONDS": "0",
        "PLATFORM_NOW_URL": yahoo.now_url,
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "PYTHONPATH": str(REPO),
    }

    with ExitStack() as stopped:

        def run(role: str, program: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, str(REPO / program), *arguments],
                env=os.environ | source | database.environment(role) | more,
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stopped.callback(process.wait, 30)
            stopped.callback(process.terminate)
            return process

        yield run


def test_kafka_01_from_the_source_to_stored_rows(start: Start, database: Database) -> None:
    start("consumer", "consumer/kafka_01_consumer_etf_daily.py")
    program = "collector/kafka_01_producer_etf_daily.py"
    first = start("collector", program, "--group", "benchmark")
    said, _ = first.communicate(timeout=120)
    assert first.returncode == SUCCESS, said
    assert "success: asked 6, stored 6, unchanged 0, failed 0, dead-lettered 0, requests 8" in said
    stored = database.rows(
        "SELECT ticker, count(*), max(trade_date) FROM collected_01_daily_etf_ohlc GROUP BY 1 ORDER BY 1"
    )
    assert stored == [(etf, 300, D) for etf in ("DIA", "EWY", "IWM", "QQQ", "SCHD", "SPY")]
    again = start("collector", program, "--group", "benchmark", ACTSTOCK_DAG_RUN_ID="dag/run")
    assert again.wait(60) == ALREADY_COMPLETE
    future = start("collector", program, "--as-of", "2026-01-26")
    assert future.wait(60) == USAGE


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.1))
def asked_for(yahoo: ReplayServer, path: str) -> None:
    """Wait until the source was asked for that."""
    assert any(path in each.path for each in yahoo.requests())


def test_a_producer_told_to_stop_leaves_a_truthful_ledger_and_the_next_goes_on(
    start: Start, database: Database, yahoo: ReplayServer
) -> None:
    start("consumer", "consumer/kafka_01_consumer_etf_daily.py")
    yahoo.faults({"match": "chart/IWM", "times": 1, "delay_seconds": 8})
    program = "collector/kafka_01_producer_etf_daily.py"
    process = start("collector", program, "--group", "benchmark", YAHOO_WORKERS="1")
    asked_for(yahoo, "chart/IWM")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    runs = database.rows("SELECT status, error, requested FROM process_executions")
    open_items = database.rows("SELECT ticker FROM asset_processing_details WHERE status IN ('planned', 'sent')")
    assert (runs, open_items) == ([("failed", "stopped", 6)], [])
    done = start("collector", program, "--group", "benchmark")
    said, _ = done.communicate(timeout=120)
    assert done.returncode == SUCCESS, said


def test_a_killed_producer_is_closed_by_the_next_one(start: Start, database: Database, yahoo: ReplayServer) -> None:
    start("consumer", "consumer/kafka_01_consumer_etf_daily.py")
    yahoo.faults({"match": "chart/IWM", "times": 1, "delay_seconds": 5})
    program = "collector/kafka_01_producer_etf_daily.py"
    process = start("collector", program, "--group", "benchmark", YAHOO_WORKERS="1")
    asked_for(yahoo, "chart/IWM")
    process.kill()
    process.communicate(timeout=60)
    done = start("collector", program, "--group", "benchmark")
    said, _ = done.communicate(timeout=120)
    assert done.returncode == SUCCESS, said
    runs = database.rows("SELECT status, error FROM process_executions ORDER BY started_at")
    assert runs == [("failed", "the run never ended; closed by the next one"), ("success", None)]
