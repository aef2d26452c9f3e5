"""Thousands of requests made from the OpenAPI page, good and bad, against a served market (schemathesis): no answer is
an error of ours, each has a status, a type, headers and a body that the page says, good data are taken, bad ones not.

What is asked, and with which values: schemathesis.toml beside this file.
"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from database import api_keys
from test.api.market import everything, holding, stock_bar
from test.api.serving import Served, served
from test.conftest import Server, fresh_database
from test.published import FRIDAY, KEY, THURSDAY, connect

PROGRAM = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")

EXAMPLE = "NVDA"  # the stock of the page's examples, with which most requests are made


@pytest.fixture(scope="module")
def server(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The market of the other tests, in which the page's examples exist."""
    with fresh_database(postgres) as database:
        with connect(database) as connection:
            everything(connection)
            api_keys.register(connection, "tests", KEY)
            holding(connection, "QQQ", THURSDAY, EXAMPLE, 4, 1.0)
            stock_bar(connection, EXAMPLE, FRIDAY, 180.0)
        with served(database, tmp_path_factory.mktemp("api") / "api.log", API_RATE_PER_MINUTE="0") as found:
            yield found


def ask(server: Served, folder: Path, *, examples: int) -> None:
    """Have every operation asked, with so many made-up requests each besides those at the limits of its schema."""
    asked = subprocess.run(
        [
            *(str(PROGRAM), "--config-file", str(CONFIG), "--no-color", "run", f"{server.url}/openapi.json"),
            *("--header", f"X-API-Key: {KEY}", "--max-examples", str(examples), "--continue-on-failure"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr


def test_every_answer_is_as_the_page_says(server: Served, tmp_path: Path) -> None:
    ask(server, tmp_path, examples=10)
    found = defaultdict(set)
    for line in server.lines():
        if line["event"] == "request":
            found[line["route"]].add(line["status"])
    with server.client() as client:
        paths = set(client.get("/openapi.json").json()["paths"]) - {"/health", "/ready", "/metrics"}
    assert {path for path in paths if 200 not in found[path]} == set(), "asked, but never well"
    assert {path: statuses for path, statuses in found.items() if max(statuses) >= 500} == {}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_answer_to_many_more(server: Served, tmp_path: Path) -> None:
    ask(server, tmp_path, examples=200)
