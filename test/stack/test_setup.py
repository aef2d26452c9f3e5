"""utils/stack/setup.sh, which start.sh, test.sh and bench.sh share: sourced by a shell that asks it one thing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from test.conftest import REPO, free_port
from utils.stack.environment import environment
from utils.stack.folder import DEMO, make


def sourced(script: str, **given: str) -> subprocess.CompletedProcess[str]:
    """That script behind setup.sh, in an environment of the test's own."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'source "$repo/utils/stack/setup.sh"; {script}'],
        env={"PATH": os.environ["PATH"], "repo": str(REPO), "PYTHONPATH": str(REPO)} | given,
        capture_output=True,
        text=True,
        check=False,
    )


def program(folder: Path, name: str, script: str) -> None:
    """A program of that name which does something else."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


# -- a proxy of the network ------------------------------------------------------------------------------------------


def test_a_proxy_of_the_network_is_not_asked_for_this_machine(tmp_path: Path) -> None:
    """What asks so: our health checks, the market's clock, the dashboard, Airflow's tasks."""
    nobody = f"http://127.0.0.1:{free_port()}"
    ask = f"""{sys.executable} - <<'END'
import http.server, threading, urllib.request, httpx
with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{{host}}:{{server.server_port}}/"
        print(urllib.request.urlopen(url).status, httpx.get(url).status_code)
    server.shutdown()
END"""
    asked = sourced(ask, http_proxy=nobody, HTTP_PROXY=nobody, HOME=str(tmp_path))
    assert asked.stdout.split() == ["200"] * 4, asked.stderr


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"no_proxy": ".corp"}, "127.0.0.1,localhost,.corp"),
        # The one in small letters wins wherever both are read: it must not hide the other.
        ({"NO_PROXY": ".corp"}, "127.0.0.1,localhost,.corp"),
        ({"no_proxy": "*"}, "*"),  # means everything when it stands alone
    ],
)
def test_what_the_operator_leaves_out_of_the_proxy_stays_so(given: dict[str, str], kept: str, tmp_path: Path) -> None:
    told = sourced('env | grep -i "_proxy=" | sort', http_proxy="http://proxy:3128", **given)
    assert told.stdout.splitlines() == [f"NO_PROXY={kept}", "http_proxy=http://proxy:3128", f"no_proxy={kept}"]
    inherited = dict(line.split("=", 1) for line in told.stdout.splitlines())
    handed_on = environment(make(tmp_path / "demo", DEMO, {}), "dashboard", inherited)
    assert inherited.items() <= handed_on.items()


# -- packages --------------------------------------------------------------------------------------------------------


def test_what_a_python_without_venv_lacks_is_of_the_same_version(tmp_path: Path) -> None:
    """Where 3.11 is not the system's own, python3-venv is another one's."""
    program(tmp_path, "python3.11", 'case "$*" in *print*) echo "$0" ;; *venv*) exit 1 ;; esac')
    program(tmp_path, "id", "echo 1000")
    told = sourced("find_python; find_uv", PATH=f"{tmp_path}:{os.environ['PATH']}", ACTSTOCK_DOWNLOADS=str(tmp_path))
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].endswith("install it with: sudo apt-get install -y python3.11-venv")
