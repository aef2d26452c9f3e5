"""The control server, the clock that is kept, and the program."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.settings import PlatformSettings
from test.replay.server import ClockRefused, ReplayServer
from utils.clock import platform_now

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def control(yahoo: ReplayServer) -> httpx.Client:
    return httpx.Client(base_url=f"{yahoo.control_url}/_control", trust_env=False)


def test_the_clock_moves_forward_and_back_only_by_force(control: httpx.Client, yahoo: ReplayServer) -> None:
    assert control.get("clock").json() == {"now": "2026-01-24T01:00:00Z"}
    assert control.post("clock", json={"now": "2026-01-26T22:00:00+01:00"}).json() == {"now": "2026-01-26T21:00:00Z"}
    refused = control.post("clock", json={"now": "2026-01-23T22:00:00Z"})
    assert refused.status_code == 409
    assert "never moves back on a folder that has results" in refused.json()["detail"]
    assert control.post("clock?force=1", json={"now": "2026-01-23T22:00:00Z"}).status_code == 200
    assert platform_now(PlatformSettings(now_url=yahoo.now_url)) == datetime(2026, 1, 23, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "body", ['{"now": "2026-01-24"}', '{"now": "soon"}', "{}", "[]", "now", '{"now": "2026-01-20T14:29:00Z"}']
)
def test_a_wrong_instant_is_refused_in_one_line(control: httpx.Client, body: str) -> None:
    answer = control.post("clock?force=1", content=body)
    assert answer.status_code == 422
    assert "expected" in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


def test_faults_are_listed_and_deleted(control: httpx.Client, yahoo: ReplayServer) -> None:
    fault = {"match": "chart", "times": None, "status": 503, "body": None, "delay_seconds": 0}
    assert control.post("faults", json=[fault]).json()[0]["times"] is None
    assert [fault.status for fault in yahoo.faults()] == [503]
    assert control.delete("faults").json() == []
    for wrong in ([{"match": "("}], [{"match": "x", "kind": "odd"}], [{"match": "x", "typo": 1}], {"match": "x"}):
        answer = control.post("faults", json=wrong)
        assert (answer.status_code, "\n" in answer.text) == (422, False)


def test_the_log_counts_on(control: httpx.Client, session: Any) -> None:
    session.get("https://query2.finance.yahoo.com/v8/finance/chart/SPY?range=1d")
    session.get("https://query2.finance.yahoo.com/v8/finance/chart/NOPE?range=1d")
    first, second = control.get("requests").json()
    assert (first["host"], first["path"], first["query"], first["status"]) == (
        "query2.finance.yahoo.com",
        "/v8/finance/chart/SPY",
        "range=1d",
        200,
    )
    assert second["status"] == 404
    assert control.get("requests", params={"since": 1}).json() == [second]
    assert control.get("requests", params={"since": second["time"]}).json() == [second]
    assert control.delete("requests").json() == []
    assert control.get("requests", params={"since": "yesterday"}).status_code == 422


def test_health_tells_what_is_served(control: httpx.Client) -> None:
    told = control.get("health").json()
    assert (told["status"], told["last_session"], told["synthetic"]) == ("ok", "2026-01-26", False)


def test_the_clock_and_the_authority_outlive_a_restart(market_dir: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with ReplayServer(market_dir, state=state) as server:
        assert server.clock.now == datetime(2026, 1, 27, 1, tzinfo=UTC)  # 4 hours after the last close
        authority = server.ca_file.read_bytes()
    server = ReplayServer(market_dir, state=state, now="2026-01-28T00:00:00Z")
    with ReplayServer(market_dir, state=state) as again:
        assert again.clock.now == datetime(2026, 1, 28, tzinfo=UTC)
        assert again.ca_file.read_bytes() == authority
    with pytest.raises(ClockRefused, match="never moves back"):
        ReplayServer(market_dir, state=state, now="2026-01-27T00:00:00Z")
    assert ReplayServer(market_dir, state=state, now="2026-01-27T00:00:00Z", force=True).clock.now.day == 27
    assert server.market.name == "market"


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "test.replay", *map(str, arguments)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_program_refuses_in_one_line(market_dir: Path, tmp_path: Path) -> None:
    for arguments in (
        (tmp_path / "none", "--state", tmp_path / "s"),
        (market_dir, "--state", tmp_path / "s", "--now", "tomorrow"),
        (market_dir, "--state", tmp_path / "s", "--now", "2026-01-19T12:00:00Z"),
    ):
        done = _run(*arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("replay: ")
        assert len(done.stderr.splitlines()) == 1


def test_the_program_serves_until_it_is_told_to_stop(market_dir: Path, tmp_path: Path) -> None:
    ports = []
    for _ in range(2):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            ports.append(found.getsockname()[1])
    options = ["--proxy-port", str(ports[0]), "--control-port", str(ports[1]), "--state", str(tmp_path / "s")]
    command = [sys.executable, "-m", "test.replay", str(market_dir), *options, "--now", "2026-01-23T22:00:00Z"]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "at 2026-01-23T22:00:00Z" in process.stdout.readline()  # printed once it serves
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/_control/health", timeout=10) as answer:
            assert answer.status == 200
        taken = _run(market_dir, *options)
        assert (taken.returncode, len(taken.stderr.splitlines())) == (1, 1)
        assert f"127.0.0.1:{ports[0]}" in taken.stderr
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()
