"""A bench that is told to stop leaves nothing running; the page keeps what was measured elsewhere."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from test.bench.__main__ import HEAD, HERE, NAMES, page, table
from test.conftest import REPO, kafka_broker

BENCH = """
import subprocess
from test.bench.program import run_bench

def main():
    server = subprocess.Popen(["sleep", "600"])
    try:
        print(server.pid, flush=True)
        server.wait()
    finally:
        server.terminate()
        server.wait()

run_bench(main)
"""
BENCHES = """
import sys
from pathlib import Path
from test.bench import __main__ as benches
from test.bench.program import run_bench

benches._git, benches.machine, sys.executable = (lambda *_: ""), dict, sys.argv[1]
run_bench(lambda: benches.run("any", [], Path("nowhere")))
"""


def test_sigterm_to_the_benches_ends_the_one_that_runs_and_its_servers(tmp_path: Path) -> None:
    (tmp_path / "bench.py").write_text(BENCH)
    python = tmp_path / "python"  # whatever bench it is asked for, it runs ours
    python.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'bench.py'}\n")
    python.chmod(0o755)
    benches = subprocess.Popen(
        [sys.executable, "-P", "-c", BENCHES, str(python)],
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with benches:
        try:
            said = benches.stdout
            assert said is not None
            server = psutil.Process(next(int(line) for line in said if line.strip().isdigit()))
            assert server.is_running()
        finally:
            benches.terminate()
    assert benches.returncode == 128 + signal.SIGTERM
    assert not server.is_running()


@pytest.mark.parametrize("name", NAMES)
def test_every_bench_is_run_so_that_it_can_be_told_to_stop(name: str) -> None:
    source = (HERE / f"{name}.py").read_text(encoding="utf-8")
    assert source.endswith('if __name__ == "__main__":\n    run_bench(main)\n')


def test_a_broker_ends_with_what_broke_off_its_block(jars: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit), kafka_broker(tmp_path, jars) as broker:
        raise SystemExit
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port))


def test_what_was_run_elsewhere_keeps_its_table(tmp_path: Path) -> None:
    machine = {"cpu": "any", "cores": 2, "memory_gib": 8.0, "system": "Linux", "python": "3.11"}
    facts = {"commit": "abc", "at": "2026-01-23T00:00:00Z", "load_before": 0.1, "machine": machine, "seconds": 1.0}

    def printed(command: str, line: str) -> dict[str, Any]:
        return facts | {"command": f"python -m test.bench.{command}", "printed": [line, "", "and more"]}

    api = table(printed("api", "of yesterday")) + "\n" + table(printed("api --years 1", "of last year"))
    before = f"{HEAD}\n## api\n\n{api}\n## stack\n\n{table(printed('stack', 'of elsewhere'))}\n"
    (tmp_path / "api.json").write_text(json.dumps(printed("api", "of today")))
    made = page(tmp_path, before)
    shown = [line for line in made.splitlines() if line.startswith("of ")]
    assert shown == ["of today", "of last year", "of elsewhere"]
    assert made.index("## api") < made.index("of last year") < made.index("## stack")
    assert page(tmp_path, made) == made
