"""The three programs as a person or a supervisor starts them."""

import subprocess
import sys

import pytest

from test.conftest import REPO

PROGRAMS = ["kafka_01_consumer_etf_daily", "kafka_02_consumer_etf_holdings", "kafka_03_consumer_stock_daily"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_has_an_example(name: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", f"consumer.{name}", "--help"], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert f"./start.sh run consumer/{name}.py" in said.stdout


def test_a_missing_setting_is_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", f"consumer.{PROGRAMS[0]}"], cwd=REPO, env={}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (2, "settings: DB_USER: field required; DB_PASSWORD: field required\n")


def test_consumers_do_not_load_pandas() -> None:
    """Not by way of others either: it is half of their memory."""
    modules = ", ".join(f"consumer.{name}" for name in PROGRAMS)
    program = f"import sys, {modules}; print(sorted({{'pandas', 'numpy', 'yfinance'}} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
