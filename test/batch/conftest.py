"""One real Spark session for all tests of the batch programs' transforms."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from config.settings import SparkSettings
from utils.spark import spark_session


@pytest.fixture(scope="session")
def jdbc_jar(jars: Path) -> Path:
    """PostgreSQL's JDBC driver, as set-up keeps it."""
    found = sorted(jars.glob("postgresql-*.jar"))
    assert found, f"expected postgresql-*.jar in {jars}: run bash test/test.sh once"
    return found[-1]


@pytest.fixture(scope="session")
def spark(jdbc_jar: Path) -> Iterator[SparkSession]:
    """local[2], with this run's own JVM."""
    # It tells of its end when the interpreter does: after pytest's closing lines, to a stream that is closed.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    with spark_session("test", settings=SparkSettings(jdbc_jar=jdbc_jar)) as session:
        yield session
