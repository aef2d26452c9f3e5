"""The session of a DAG run is decided once."""

from datetime import date

import pytest

from database import pipeline
from database.connection import connect
from test.conftest import Database


def test_the_first_decision_is_kept_by_retries_and_clears(database: Database) -> None:
    with connect(database.settings("pipeline")) as connection:
        assert pipeline.resolve(connection, "dag/run", date(2025, 12, 30)) == date(2025, 12, 30)
        assert pipeline.resolve(connection, "dag/run", date(2025, 12, 31)) == date(2025, 12, 30)
        assert pipeline.resolve(connection, "other/run", date(2025, 12, 31)) == date(2025, 12, 31)
        with pytest.raises(pipeline.NotResolved, match="first task"):
            pipeline.resolved(connection, "dag/unknown")


def test_what_is_missing_is_named_in_order(database: Database) -> None:
    with connect(database.settings("pipeline")) as connection:
        assert pipeline.missing(connection, ["b", "a"], date(2025, 12, 30)) == ["b", "a"]
