"""The table of rooms (ARCHITECTURE.md, The rooms): which folder may import which, and what it never imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
OURS = {"airflow", "api", "batch", "collector", "config", "consumer", "dashboard", "database", "test", "utils"}
ROOMS: dict[str, tuple[set[str], set[str]]] = {  # room: (may import of ours, never imports of others)
    "config": (set(), {"pandas", "pyspark", "kafka", "yfinance", "fastapi", "dash", "psycopg", "exchange_calendars"}),
    "utils": ({"config"}, {"yfinance", "fastapi", "dash"}),
    "collector": ({"config", "utils", "database"}, {"pyspark"}),
    "consumer": ({"config", "utils", "database"}, {"yfinance", "pandas"}),
    "batch": ({"config", "utils", "database"}, {"yfinance", "kafka"}),
    "database": ({"config", "utils"}, {"pyspark", "kafka"}),
    "api": ({"config", "utils", "database"}, {"pyspark", "kafka", "yfinance"}),
    "dashboard": ({"config", "utils"}, {"database", "pyspark", "psycopg"}),
    "airflow": ({"config", "utils", "database"}, {"pandas", "yfinance", "pyspark"}),
}
# DAG files import their neighbours in airflow/dags by plain name.
NEIGHBOURS = {path.stem for path in (REPO / "airflow" / "dags").glob("*.py")}


def imports_of(path: Path) -> set[str]:
    """First parts of the names a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


def strangers(room: str, path: Path) -> set[str]:
    """What a file of the room imports and may not."""
    found = imports_of(path)
    if room == "airflow":
        found -= {"airflow"} | NEIGHBOURS  # the package Apache Airflow, and the files beside it
    allowed, forbidden = ROOMS[room]
    return found & ((OURS - allowed - {room}) | forbidden)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_the_table_allows(room: str) -> None:
    files = [path for path in (REPO / room).rglob("*.py") if "__pycache__" not in path.parts]
    assert files, f"no Python file in {room}/"
    found = {path.relative_to(REPO).as_posix(): strangers(room, path) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("room", "line", "stranger"),
    [
        ("dashboard", "from database import ledger", "database"),
        ("api", "import kafka.admin as admin", "kafka"),
        ("collector", "def later():\n    from pyspark.sql import SparkSession", "pyspark"),
        ("config", "from utils.clock import wall_now", "utils"),
        ("consumer", "import collector.run", "collector"),
        ("airflow", "import pandas as pd", "pandas"),
        ("utils", "import test.conftest", "test"),
    ],
)
def test_a_stranger_is_noticed(room: str, line: str, stranger: str, tmp_path: Path) -> None:
    file = tmp_path / "planted.py"
    file.write_text(f"import json\n{line}\n", encoding="utf-8")
    assert strangers(room, file) == {stranger}


def test_the_page_has_the_same_table() -> None:
    lines = (REPO / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    told = {row[0].strip("`/").split("/")[0]: row for row in rows if len(row) == 4}
    assert told.keys() == ROOMS.keys() | {"test"}
    for room, (allowed, forbidden) in ROOMS.items():
        _, _, may, never = told[room]
        assert set(may.split(", ")) - {"nothing"} == allowed, room
        assert set(never.partition(":")[0].split(", ")) - {"anything heavy; reads nothing at import"} <= forbidden, room


def test_yfinance_has_one_importer() -> None:
    importers = {
        path.relative_to(REPO).as_posix()
        for room in OURS - {"test"}
        for path in (REPO / room).rglob("*.py")
        if "yfinance" in imports_of(path)
    }
    assert importers <= {"collector/yahoo.py"}


def test_the_api_and_the_dashboard_load_no_source() -> None:
    """Not by way of a dependency either."""
    code = "import sys, api.app, dashboard.app; assert not {'yfinance', 'kafka', 'pyspark'} & set(sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-P", "-c", code], env={"PYTHONPATH": str(REPO)}, check=True)


def test_airflow_is_no_package_of_ours() -> None:
    """An __init__.py there would hide Apache Airflow."""
    assert (REPO / "airflow" / "dags").is_dir()
    assert not list((REPO / "airflow").rglob("__init__.py"))
