"""The ledger's promises (contracts 4): end states are final, totals add up, what may be built upon."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from database import ledger
from database.connection import Connection, connect
from database.ledger import Item
from test.conftest import Database
from utils.program import StageFailed

D = date(2025, 12, 30)
SPY, QQQ = Item("SPY", "bars"), Item("QQQ", "bars")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with connect(database.settings("collector")) as opened:
        yield opened


def start(connection: Connection, *, essential: tuple[str, ...] = ()) -> ledger.Run:
    run = ledger.open_run(connection, process="benchmark_etf_bars", as_of_date=D, essential=essential)
    run.plan([SPY, QQQ])
    return run


def statuses(connection: Connection, run: ledger.Run) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT ticker, status FROM asset_processing_details WHERE run_id = %s", (run.run_id,)
        ).fetchall()
    )


def consume(connection: Connection, run: ledger.Run, item: Item, status: str = "stored") -> None:
    """What the consumer does to an item, in its own transaction."""
    connection.execute(
        """UPDATE asset_processing_details SET status = %s, rows = 1, finished_at = now()
           WHERE run_id = %s AND ticker = %s AND status IN ('planned', 'sent')""",
        (status, run.run_id, item.ticker),
    )


def test_totals_are_derived_from_the_items(connection: Connection) -> None:
    run = start(connection)
    run.sent(SPY, api_calls=2)
    consume(connection, run, SPY)
    run.unchanged(QQQ, api_calls=1)
    totals = run.close()
    assert (totals.status, totals.usable, totals.requested, totals.stored, totals.unchanged, totals.api_calls) == (
        "success",
        True,
        2,
        1,
        1,
        3,
    )
    assert ledger.last_success(connection, "benchmark_etf_bars", D) is not None


def test_a_consumer_faster_than_the_note_sent_wins(connection: Connection) -> None:
    run = start(connection)
    consume(connection, run, SPY)
    run.sent(SPY, api_calls=1)
    run.failed(SPY, "too late to fail", permanent=True)
    assert statuses(connection, run)["SPY"] == "stored"


def test_what_is_sent_and_never_stored_is_unconfirmed_and_asked_for_again(connection: Connection) -> None:
    run = start(connection)
    run.sent(SPY)
    run.unchanged(QQQ)
    totals = run.close()
    assert (totals.status, totals.usable, totals.failed) == ("partial", False, 1)
    assert "unconfirmed" in totals.failures[0].error
    assert totals.not_before is not None


def test_a_permanent_failure_leaves_a_usable_partial_run(connection: Connection) -> None:
    run = start(connection)
    run.unchanged(SPY)
    run.failed(QQQ, "the source knows no such symbol", permanent=True)
    totals = run.close()
    assert (totals.status, totals.usable, totals.not_before) == ("partial", True, None)
    assert ledger.last_success(connection, "benchmark_etf_bars", D) is None
    assert ledger.last_usable(connection, "benchmark_etf_bars", D) is not None


def test_what_cannot_be_had_any_more_makes_a_run_partial_for_good_beside_what_has_failed(
    connection: Connection,
) -> None:
    for failure, error in ((None, "no caps"), ("delisted", "no caps; QQQ bars: delisted")):
        run = start(connection)
        consume(connection, run, SPY)
        if failure:
            run.failed(QQQ, failure, permanent=True)
        consume(connection, run, QQQ)
        totals = run.close(lacks="no caps")
        assert (totals.status, totals.usable, totals.not_before) == ("partial", True, None)
        noted = "SELECT error FROM process_executions WHERE run_id = %s"
        assert connection.execute(noted, (run.run_id,)).fetchone() == (error,)


def test_without_spy_a_stage_is_never_usable(connection: Connection) -> None:
    run = start(connection, essential=("SPY",))
    run.failed(SPY, "the source knows no such symbol", permanent=True)
    run.unchanged(QQQ)
    assert not run.close().usable


def test_a_passing_failure_counts_as_for_good_after_the_deadline(connection: Connection) -> None:
    run = start(connection)
    run.unchanged(SPY)
    run.failed(QQQ, "no answer", permanent=False)
    totals = run.close(deadline=timedelta(0))
    assert (totals.status, totals.usable, totals.not_before) == ("partial", True, None)


def test_each_further_try_comes_after_a_longer_pause(connection: Connection) -> None:
    pauses = []
    for _ in range(6):
        run = start(connection)
        run.unchanged(SPY)
        run.failed(QQQ, "no answer", permanent=False)
        not_before = run.close().not_before
        assert not_before is not None
        pauses.append(round((not_before - datetime.now(UTC)).total_seconds() / 60))
    assert pauses == [2, 4, 8, 15, 15, 15]


def test_no_answer_at_all_is_a_failed_run(connection: Connection) -> None:
    run = start(connection)
    run.failed(SPY, "no answer", permanent=False)
    run.failed(QQQ, "no answer", permanent=False)
    totals = run.close()
    assert (totals.status, totals.usable) == ("failed", False)
    assert totals.summary() == (
        "failed: asked 2, stored 0, unchanged 0, failed 2, dead-lettered 0, requests 0 "
        "(QQQ bars: no answer; SPY bars: no answer)"
    )


def test_a_rerun_of_what_is_left_does_not_undo_what_stands(connection: Connection) -> None:
    """The next run asks only for what is missing; that this fails again leaves the stage as it was."""
    first = start(connection)
    first.unchanged(SPY)
    first.failed(QQQ, "the source knows no such symbol", permanent=True)
    first.close()
    second = ledger.open_run(connection, process="benchmark_etf_bars", as_of_date=D)
    second.plan([QQQ])
    second.failed(QQQ, "the source knows no such symbol", permanent=True)
    totals = second.close()
    assert (totals.status, totals.usable, totals.requested, totals.failed) == ("partial", True, 1, 1)


def test_what_keeps_failing_until_the_deadline_is_left_out_for_good(connection: Connection) -> None:
    first = start(connection)
    first.unchanged(SPY)
    first.failed(QQQ, "no answer", permanent=False)
    assert not first.close().usable
    last = ledger.open_run(connection, process="benchmark_etf_bars", as_of_date=D)
    last.plan([QQQ])
    last.failed(QQQ, "no answer", permanent=False)
    totals = last.close(deadline=timedelta(0))
    assert (totals.status, totals.usable, totals.not_before) == ("partial", True, None)


def test_a_run_that_never_ended_is_closed_by_the_next(connection: Connection) -> None:
    dead = start(connection)
    dead.unchanged(SPY)
    with ledger.locked(connection, "benchmark_etf_bars", D):  # even if there is nothing to do
        pass
    row = connection.execute(
        "SELECT status, requested, unchanged, failed, error FROM process_executions WHERE run_id = %s", (dead.run_id,)
    ).fetchone()
    assert row == ("failed", 2, 1, 1, "the run never ended; closed by the next one")


def test_a_run_of_another_session_that_never_ended_is_closed_too_unless_it_is_at_work(
    database: Database, connection: Connection
) -> None:
    yesterday, day_before = D - timedelta(days=1), D - timedelta(days=4)
    dead = ledger.open_run(connection, process="etf_bars", as_of_date=yesterday)
    with (
        connect(database.settings("collector")) as other,
        ledger.locked(other, "etf_bars", day_before),
    ):
        alive = ledger.open_run(other, process="etf_bars", as_of_date=day_before)
        with ledger.locked(connection, "etf_bars", D):
            pass
        found: dict[str, str] = dict(connection.execute("SELECT run_id, status FROM process_executions").fetchall())
    assert (found[dead.run_id], found[alive.run_id]) == ("failed", "running")


def test_a_run_that_ends_while_the_next_looks_at_it_stays_as_it_ended(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database.settings("collector")) as other:
        alive = ledger.open_run(other, process="etf_bars", as_of_date=D - timedelta(days=1))

        def ends_now(*_: object) -> bool:
            alive.close()
            return False

        monkeypatch.setattr(ledger, "_is_at_work", ends_now)
        with ledger.locked(connection, "etf_bars", D):
            pass
    assert connection.execute("SELECT status, error FROM process_executions").fetchall() == [("success", None)]


def test_a_batch_program_closes_dead_runs_of_every_session(connection: Connection) -> None:
    for days in (0, 3):
        ledger.open_run(connection, process="trending_etfs", as_of_date=D - timedelta(days=days))
    with ledger.locked(connection, "trending_etfs", None):
        pass
    assert connection.execute("SELECT status FROM process_executions").fetchall() == [("failed",)] * 2


def test_a_run_that_gives_way_to_a_consumer_is_closed_all_the_same(database: Database, connection: Connection) -> None:
    run = start(connection)
    with database.server.connect(database.name) as superuser:
        superuser.execute(
            """CREATE SEQUENCE tries; GRANT USAGE ON tries TO collector;
               CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF nextval('tries') = 1 THEN RAISE EXCEPTION 'in conflict' USING ERRCODE = '40P01'; END IF;
                   RETURN NEW; END $$;
               CREATE TRIGGER conflict BEFORE UPDATE ON asset_processing_details
                   FOR EACH ROW EXECUTE FUNCTION conflict()"""
        )
    assert (run.close().failed, statuses(connection, run)) == (2, {"SPY": "failed", "QQQ": "failed"})


def test_only_one_program_of_its_kind_works_on_a_session(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_LOCK_TIMEOUT_S", "1")
    with (
        ledger.locked(connection, "benchmark_etf_bars", D),
        connect(database.settings("collector")) as other,
        pytest.raises(StageFailed, match="another run is still at work"),
        ledger.locked(other, "benchmark_etf_bars", D),
    ):
        pytest.fail("two programs held the same lock")


def test_another_session_is_not_kept_waiting(database: Database, connection: Connection) -> None:
    with (
        ledger.locked(connection, "benchmark_etf_bars", D),
        connect(database.settings("collector")) as other,
        ledger.locked(other, "benchmark_etf_bars", D - timedelta(days=1)),
    ):
        assert not other.closed


def test_progress_is_right_on_empty_tables_and_with_items(connection: Connection) -> None:
    assert connection.execute("SELECT * FROM get_processing_progress()").fetchall() == [("total", 0, None)]
    run = start(connection)
    run.unchanged(SPY)
    rows = {row[0]: row[1:] for row in connection.execute("SELECT * FROM get_processing_progress()")}
    assert {name: (count, float(share)) for name, (count, share) in rows.items()} == {
        "unchanged": (1, 50.0),
        "planned": (1, 50.0),
        "total": (2, 100.0),
    }
