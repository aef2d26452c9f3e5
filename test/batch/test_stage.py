"""Which sessions a batch program computes, and how its run ends (contracts 3, 4)."""

from collections.abc import Sequence
from datetime import date, datetime

import pytest
from pyspark.sql import SparkSession

from batch.stage import Asked, MissingInput, Stage, StageRun, parse_sessions, sessions_before, stage_run
from database.connection import Connection, connect
from test.batch.programs import STOCKS, write_bar
from test.conftest import Database
from utils.clock import NotAClosedSession
from utils.program import USAGE, AlreadyComplete, UsageError
from utils.sessions import session_offset
from utils.spark import SNAPSHOT, read_query

D = date(2026, 1, 23)


def test_a_day_or_a_range() -> None:
    assert parse_sessions(["--as-of", "2026-01-23"], doc="") == Asked(D)
    assert parse_sessions(["--from", "2026-01-05", "--to", "2026-01-23"], doc="") == Asked(D, date(2026, 1, 5))
    assert parse_sessions(["--as-of", "2026-01-23", "--force"], doc="") == Asked(D, force=True)
    assert parse_sessions(["--from", "2026-01-23", "--to", "2026-01-23", "--force"], doc="") == Asked(D, D, force=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--as-of", "2026-01-24"], "is not a session"),
        (["--as-of", "1970-01-02"], "is not a session"),
        (["--as-of", "2099-01-02"], "has not closed yet"),
        (["--from", "2026-01-23", "--to", "2026-01-22"], "is after"),
        (["--from", "2026-01-23"], "expected --as-of, or both"),
        (["--from", "2026-01-03", "--to", "2026-01-23"], "is not a session"),
        (["--as-of", "2026-01-23", "--from", "2026-01-22", "--to", "2026-01-23"], "expected --as-of, or both"),
    ],
)
def test_what_cannot_be_is_a_users_mistake(arguments: list[str], says: str) -> None:
    with pytest.raises((UsageError, NotAClosedSession), match=says):
        parse_sessions(arguments, doc="")


@pytest.fixture
def as_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    database.as_role("batch", monkeypatch)
    return database


def newest_two(_: Connection, as_of_date: date) -> list[date]:
    return sessions_before(as_of_date)[-2:]


def a_stage(*, changed: bool = False) -> Stage:
    def changed_since(_: Connection, as_of_date: date, since: datetime) -> bool:
        assert as_of_date == D
        assert since.tzinfo is not None
        return changed

    return Stage("some_stage", newest_two, changed_since)


def compute(*, changed: bool = False, asked: Asked | None = None, impossible: Sequence[date] = ()) -> StageRun:
    with stage_run(a_stage(changed=changed), asked or Asked(D)) as run:
        for session in run.as_of_dates:
            if session in impossible:
                run.impossible(session, "SPY has no bar")
            else:
                run.stored(session, rows=1)
    return run


def runs(database: Database) -> list[tuple[str, bool, int, int]]:
    with connect(database.settings("batch")) as connection:
        return connection.execute(
            "SELECT status, usable, stored, failed FROM process_executions ORDER BY started_at"
        ).fetchall()


def test_what_is_missing_before_the_session_is_made_up(as_batch: Database) -> None:
    run = compute()
    assert run.as_of_dates == [session_offset(D, -2), session_offset(D, -1), D]
    assert run.exit_code == 0
    assert runs(as_batch) == [("success", True, 3, 0)]


def test_a_complete_session_is_not_computed_twice(as_batch: Database) -> None:
    compute()
    with pytest.raises(AlreadyComplete, match="already complete"):
        compute()
    compute(changed=True)
    assert [status for status, *_ in runs(as_batch)] == ["success", "skipped", "success"]


def test_a_complete_session_is_computed_again_by_force(as_batch: Database) -> None:
    compute()
    run = compute(asked=Asked(D, force=True))
    assert run.as_of_dates == [session_offset(D, -2), session_offset(D, -1), D]
    assert [status for status, *_ in runs(as_batch)] == ["success", "success"]


def test_force_changes_nothing_of_a_range(as_batch: Database) -> None:
    first = session_offset(D, -4)
    assert compute(asked=Asked(D, first)).as_of_dates == compute(asked=Asked(D, first, force=True)).as_of_dates
    assert runs(as_batch) == 2 * [("success", True, 5, 0)]


def test_a_range_is_computed_anew_all_of_it(as_batch: Database) -> None:
    first = session_offset(D, -4)
    compute()
    assert len(compute(asked=Asked(D, first)).as_of_dates) == 5


def test_without_prices_for_the_session_itself_the_run_fails(as_batch: Database) -> None:
    with pytest.raises(MissingInput, match="2026-01-23: SPY has no bar"):
        compute(impossible=[D])
    assert runs(as_batch) == [("failed", False, 2, 1)]


def test_an_earlier_session_that_cannot_be_had_does_not_stop_the_others(as_batch: Database) -> None:
    run = compute(impossible=[session_offset(D, -1)])
    assert run.exit_code == 0
    assert runs(as_batch) == [("partial", True, 2, 1)]
    compute()  # partial is not complete: the next run makes it up
    assert runs(as_batch)[-1] == ("success", True, 3, 0)


def test_a_range_without_its_last_session_is_not_to_be_built_upon(as_batch: Database) -> None:
    run = compute(asked=Asked(D, session_offset(D, -1)), impossible=[D])
    assert run.exit_code == 1
    assert runs(as_batch) == [("partial", False, 1, 1)]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ZeroDivisionError("by hand\nand more"), "ZeroDivisionError: by hand"),
        (MissingInput("2026-01-23: SPY has no bar"), "2026-01-23: SPY has no bar"),
        (SystemExit(143), "stopped"),
        (SystemExit(USAGE), "a setting is missing or wrong: the program's log names it"),
    ],
)
def test_what_breaks_a_run_leaves_none_open_and_is_its_end(as_batch: Database, error: BaseException, says: str) -> None:
    with pytest.raises(type(error)), stage_run(a_stage(), Asked(D)):
        raise error
    assert runs(as_batch) == [("failed", False, 0, 3)]
    with connect(as_batch.settings("batch")) as connection:
        assert connection.execute("SELECT error FROM process_executions").fetchall() == [(says,)]


def test_what_is_written_meanwhile_is_not_read(as_batch: Database, spark: SparkSession) -> None:
    """A split and the prices it restates are of one message: whoever reads one of them has to read the other."""
    query = f"SELECT ticker FROM {STOCKS}"
    with stage_run(a_stage(), Asked(D)) as run, as_batch.server.connect(as_batch.name) as server:
        spark.conf.set(SNAPSHOT, run.snapshot)
        try:
            write_bar(server, STOCKS, "AAA", D, 100)
            assert read_query(spark, query).collect() == []
        finally:
            spark.conf.unset(SNAPSHOT)
        assert run.inputs.execute(query).fetchall() == []
        assert run.connection.execute(query).fetchall() == [("AAA",)]
        assert [row.ticker for row in read_query(spark, query).collect()] == ["AAA"]
