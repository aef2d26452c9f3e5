"""The Spark session as a program has it: what it lacks, and what breaks in Java, is one line; frames used twice."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from test.batch.programs import optimised
from test.conftest import REPO
from utils.spark import cached
from utils.stack.environment import spark_jars

KINDS = """SELECT DATE'2026-01-23' AS day, TIMESTAMP'2026-01-23 21:00:00Z' AS at, 5 AS number, 7L AS units,
    0.1D AS price, CAST(0.25 AS DECIMAL(12, 10)) AS weight,
    array('A', 'B') AS tickers, true AS held, 'KRW' AS currency"""

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


BEGINS_EARLY = """
import psutil
from pyspark import SparkContext
from utils import spark as ours
from utils.program import run_program

def main(argv):
    with ours.early_start():
        ours.begin_early()
        ours._wait_for_early()
        print("begun" if SparkContext._active_spark_context else "not begun")
        if {asks}:
            with ours.spark_session("asked for", snapshot="of today") as spark:
                kept = [spark.conf.get(key) for key in (ours.SNAPSHOT, "spark.sql.codegen.wholeStage")]
                print(*kept, spark.range(3).count())
    print(psutil.Process().children(recursive=True))
    return 0

raise SystemExit(run_program(main))
"""


def begins_early(*, asks: bool, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", BEGINS_EARLY.format(asks=asks)],
        env=os.environ | {"PYTHONPATH": str(REPO)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_context_begun_early_is_the_sessions_and_ends_with_it(jdbc_jar: Path) -> None:
    program = begins_early(asks=True, SPARK_JDBC_JAR=str(jdbc_jar))
    assert (program.returncode, program.stdout.splitlines()) == (0, ["begun", "of today false 3", "[]"])


def test_a_context_begun_early_ends_when_nothing_asks_for_it(jdbc_jar: Path) -> None:
    program = begins_early(asks=False, SPARK_JDBC_JAR=str(jdbc_jar))
    assert (program.returncode, program.stdout.splitlines()) == (0, ["begun", "[]"])


def test_nothing_is_begun_early_on_a_cluster(jdbc_jar: Path) -> None:
    """Its cores would be taken by a program that waits for another's lock, which may wait for cores."""
    program = begins_early(asks=False, SPARK_JDBC_JAR=str(jdbc_jar), SPARK_MASTER_URL="spark://127.0.0.1:1")
    assert (program.returncode, program.stdout.splitlines()) == (0, ["not begun", "[]"])


def test_a_class_archive_is_made_by_the_session_not_by_what_began_early(jdbc_jar: Path, tmp_path: Path) -> None:
    archive = tmp_path / "spark.jsa"
    program = begins_early(asks=True, SPARK_JDBC_JAR=str(jdbc_jar), SPARK_CLASS_ARCHIVE=str(archive))
    assert (program.returncode, program.stdout.splitlines()) == (0, ["not begun", "of today false 3", "[]"])
    assert archive.exists()


def test_what_an_early_start_lacks_the_session_says_in_one_line(tmp_path: Path) -> None:
    no_java = {"JAVA_HOME": str(tmp_path / "no-java"), "SPARK_JDBC_JAR": str(tmp_path / "x.jar")}
    program = begins_early(asks=True, **no_java)
    ours = [line for line in program.stderr.splitlines() if "spark-class" not in line]
    assert (program.returncode, program.stdout, len(ours)) == (1, "not begun\n", 1)
    assert ours[0].startswith("-c: Spark did not start, expected Java 17 or newer")


def test_a_setting_that_is_missing_is_said_when_a_session_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_JDBC_JAR", raising=False)
    says = "settings: SPARK_JDBC_JAR: field required"
    for asks, lines in ((True, [says]), (False, [])):
        program = begins_early(asks=asks)
        assert (program.returncode, program.stderr.splitlines()) == (2 if asks else 0, lines)


ENDS_ITS_JVM = """
import os, signal
from pyspark import SparkContext
from utils.program import run_program
from utils.spark import spark_session

def main(argv):
    with spark_session("killed") as spark:
        os.kill(SparkContext._gateway.proc.pid, signal.SIGKILL)
        spark.sql("SELECT 1").collect()
    return 0

raise SystemExit(run_program(main))
"""


def test_a_jvm_that_was_killed_is_one_line(jdbc_jar: Path) -> None:
    program = subprocess.run(
        [sys.executable, "-c", ENDS_ITS_JVM],
        env=os.environ | {"PYTHONPATH": str(REPO), "SPARK_JDBC_JAR": str(jdbc_jar)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (program.returncode, program.stderr.splitlines()[-1]) == (1, "-c: Spark: its JVM ended with -9")


def of_one_session(spark: SparkSession) -> AbstractContextManager[None]:
    return nullcontext()


@pytest.mark.parametrize("size", [of_one_session, optimised])
def test_a_frame_for_several_uses_is_computed_once(
    spark: SparkSession, size: Callable[[SparkSession], AbstractContextManager[None]]
) -> None:
    with size(spark):
        frame = cached(spark.sql("SELECT 1 AS number").withColumn("at", F.current_timestamp()))
        assert frame.select("at").collect() == frame.select("at").collect()  # two queries: each has its own instant
        spark.catalog.clearCache()


@pytest.mark.parametrize("rows", [2, 0])
def test_a_frame_that_was_brought_to_the_driver_and_back_is_the_same(spark: SparkSession, rows: int) -> None:
    frame = spark.sql(f"{KINDS} UNION ALL SELECT {', '.join(['null'] * 9)}").limit(rows)
    back = cached(frame)
    assert back.dtypes == frame.dtypes
    assert back.collect() == frame.collect()
    assert back.count() == rows


def test_no_session_sets_up_what_mllib_would_add() -> None:
    names = {jar.name.partition("_2.13")[0] for jar in spark_jars()}
    assert "spark-sql" in names
    assert "spark-mllib" not in names
