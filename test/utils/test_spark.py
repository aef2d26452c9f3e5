"""The Spark session as a program has it: a machine without Java is told so."""

import os
import subprocess
import sys
from pathlib import Path

from test.conftest import REPO

ASKS_FOR_A_SESSION = """
from utils.program import run_program
from utils.spark import spark_session

def main(argv):
    with spark_session("nothing"):
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
    assert (program.returncode, ours) == (1, [f"-c: Spark's JVM did not start, expected Java 17 or newer: {java}"])
