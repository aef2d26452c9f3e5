"""The Spark session as a program has it: what it lacks, and what breaks in Java, is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from test.conftest import REPO

ASKS_FOR_A_SESSION = """
from utils.program import run_program
from utils.spark import spark_session

def main(argv):
    with spark_session("nothing") as spark:
        spark.sql("SELECT 1 / 0").collect()
    return 0

raise SystemExit(run_program(main))
"""


def test_a_java_that_is_not_there_is_one_line_that_names_where_it_was_looked_for(tmp_path: Path) -> None:
    java = tmp_path / "no-java"
    program = subprocess.run(
        [sys.executable, "-c", ASKS_FOR_A_SESSION],
        env=os.environ | {"PYTHONPATH": str(REPO), "JAVA_HOME": str(java), "SPARK_JDBC_JAR": str(tmp_path / "x.jar")},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in program.stderr.splitlines() if "spark-class" not in line]  # Spark's script says its own
    assert program.returncode == 1
    assert ours == [
        f"-c: Spark did not start, expected Java 17 or newer ({java}) "
        "and a master such as local[2] or spark://host:7077 (local[2])"
    ]


@pytest.mark.parametrize(
    ("master", "says"),
    [
        ("local[1]", "Spark: [DIVIDE_BY_ZERO] Division by zero. "),
        ("local[x]", "Spark: org.apache.spark.SparkException: Could not parse Master URL: 'local[x]'"),
    ],
)
def test_what_breaks_in_java_is_one_line_and_the_log_has_its_trace(jdbc_jar: Path, master: str, says: str) -> None:
    program = subprocess.run(
        [sys.executable, "-c", ASKS_FOR_A_SESSION],
        env=os.environ | {"PYTHONPATH": str(REPO), "SPARK_MASTER_URL": master, "SPARK_JDBC_JAR": str(jdbc_jar)},
        capture_output=True,
        text=True,
        check=False,
    )
    *log, last = program.stderr.splitlines()
    assert program.returncode == 1
    assert last.startswith(f"-c: {says}")
    assert "Traceback (most recent call last):" in log
