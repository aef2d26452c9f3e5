"""What only grows goes; what a result, the ledger or a quarantine stands on stays, however old."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import MaintenanceSettings
from database import ledger, processing, retention
from database.connection import Connection, connect
from database.findings import DOUBT, FIRST_BAR, MISSING_SESSION, RESTATED, Finding, record_all
from database.ledger import Item
from test.conftest import Database
from test.published import two_evenings

D, NEXT = date(2024, 1, 5), date(2024, 1, 8)
NOW = datetime(2026, 1, 25, 3, 0, tzinfo=UTC)
OLD = datetime(2024, 1, 5, 22, 0, tzinfo=UTC)  # beyond every limit
SPY, QQQ, TSLA = Item("SPY", "bars"), Item("QQQ", "bars"), Item("TSLA", "bars")
SETTINGS = MaintenanceSettings()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with connect(database.settings("migrate")) as opened:
        yield opened


def attempt(
    connection: Connection, at: datetime, *, as_of_date: date = D, failed: tuple[Item, ...] = (), broken: bool = False
) -> str:
    """One run of SPY and QQQ that ended at that instant; its id."""
    run = ledger.open_run(connection, process="etf_bars", as_of_date=as_of_date)
    run.plan([SPY, QQQ])
    for item in (SPY, QQQ):
        if item in failed:
            run.failed(item, "no data", permanent=True)
        else:
            run.unchanged(item)
    run.close(error="broken" if broken else None)
    processing.update_state(connection, run.run_id)
    aged(connection, run.run_id, at)
    return run.run_id


def aged(connection: Connection, run_id: str, at: datetime) -> None:
    for table in ("process_executions", "asset_processing_details"):
        connection.execute(f"UPDATE {table} SET started_at = %s, finished_at = %s WHERE run_id = %s", (at, at, run_id))


def removed(connection: Connection, *, dry_run: bool = False) -> dict[str, int]:
    """What went, by table, of those that lost something."""
    found = retention.remove_rows(connection, SETTINGS, now=NOW, dry_run=dry_run)
    return {table: count for table, count in found.items() if count}


def runs(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT run_id FROM process_executions")}


def items(connection: Connection) -> set[tuple[str, str]]:
    return set(connection.execute("SELECT run_id, ticker FROM asset_processing_details").fetchall())


def test_the_first_try_the_last_success_and_the_last_usable_run_stay(connection: Connection) -> None:
    hours = [OLD + timedelta(hours=hour) for hour in range(6)]
    first = attempt(connection, hours[0], broken=True)
    attempt(connection, hours[1], broken=True)
    attempt(connection, hours[2])
    success = attempt(connection, hours[3])
    partial = attempt(connection, hours[4], failed=(QQQ,))
    attempt(connection, hours[5], broken=True)
    other = attempt(connection, hours[5], as_of_date=NEXT)
    asked = [
        (ledger.last_success, D, success),
        (ledger.last_usable, D, partial),
        (ledger.last_success, NEXT, other),
    ]
    before = [find(connection, "etf_bars", day) for find, day, _ in asked]
    assert [found and found.run_id for found in before] == [run_id for *_, run_id in asked]

    # Two items that count towards a quarantine stay: QQQ has not succeeded since, as the table of states says.
    connection.execute("UPDATE asset_processing_state SET last_success = %s WHERE ticker = 'QQQ'", (hours[3],))
    assert removed(connection) == {"asset_processing_details": 13, "process_executions": 3}
    assert runs(connection) == {first, success, partial, other}
    assert [find(connection, "etf_bars", day) for find, day, _ in asked] == before
    assert ledger.first_try(connection, "etf_bars", D) == hours[0]
    assert removed(connection) == {}


def test_what_is_young_stays(connection: Connection) -> None:
    young = NOW - timedelta(days=SETTINGS.details_days - 1)
    middle = NOW - timedelta(days=SETTINGS.details_days + 1)
    runs_of = [attempt(connection, at) for at in (middle, middle, young, young)]
    assert removed(connection) == {"asset_processing_details": 4}
    assert items(connection) == {(run_id, ticker) for run_id in runs_of[2:] for ticker in ("SPY", "QQQ")}
    assert runs(connection) == set(runs_of)


def test_a_run_that_a_row_names_as_its_writer_stays(connection: Connection) -> None:
    writer, finder, nobody, _first, _last = (
        attempt(connection, OLD + timedelta(hours=hour)) for hour in (1, 2, 3, 0, 4)
    )
    connection.execute(
        """INSERT INTO collected_00_fx_rate (currency, rate_date, usd_per_unit, fetched_at, run_id)
           VALUES ('KRW', '2024-01-05', 0.0007, now(), %s)""",
        (writer,),
    )
    record_all(connection, finder, [Finding(DOUBT, "TSLA", D, "warn", "moved")])
    removed(connection)
    assert {writer, finder} <= runs(connection)
    assert nobody not in runs(connection)


def test_a_run_at_work_stays_with_its_items(connection: Connection) -> None:
    run = ledger.open_run(connection, process="etf_bars", as_of_date=D)
    run.plan([SPY, QQQ])
    connection.execute("UPDATE process_executions SET started_at = %s", (OLD,))
    assert removed(connection) == {}
    assert len(items(connection)) == 2


def test_a_quarantine_still_counts_its_failures(connection: Connection) -> None:
    """Eight sessions, eight strikes since long ago: the ninth must be seen as one more."""
    days = [date(2024, 1, 8) + timedelta(days=day) for day in range(9)]
    for day in days[:8]:
        run = ledger.open_run(connection, process="etf_bars", as_of_date=day)
        run.plan([TSLA])
        run.failed(TSLA, "delisted", permanent=True)
        run.close()
        processing.update_state(connection, run.run_id)
        aged(connection, run.run_id, OLD)
    connection.execute("UPDATE asset_processing_state SET next_retry_at = now() - interval '1 day'")
    removed(connection)
    run = ledger.open_run(connection, process="etf_bars", as_of_date=days[8])
    run.plan([TSLA])
    run.failed(TSLA, "delisted", permanent=True)
    run.close()
    processing.update_state(connection, run.run_id)
    assert processing.quarantined(connection, "bars", ["TSLA"]).keys() == {"TSLA"}


def test_a_session_without_success_still_knows_that_something_stood(connection: Connection) -> None:
    attempt(connection, OLD, failed=(QQQ,))
    connection.execute("UPDATE asset_processing_state SET last_success = now()")
    assert removed(connection) == {"asset_processing_details": 1}
    run = ledger.open_run(connection, process="etf_bars", as_of_date=D)
    run.plan([QQQ])
    run.failed(QQQ, "no data", permanent=True)
    assert run.close().status == "partial"


def test_findings_of_severity_info_go_but_for_what_the_collector_reads(connection: Connection) -> None:
    found = [
        Finding(RESTATED, "SPY", D, "info", "goes"),
        Finding(FIRST_BAR, "SPY", D, "info", "or the source would be asked for what it does not have"),
        Finding(MISSING_SESSION, "SPY", D, "info", "or it would be asked again"),
        Finding(DOUBT, "SPY", D, "warn", "stays"),
    ]
    record_all(connection, "run", found)
    connection.execute("UPDATE data_quality_findings SET created_at = %s", (OLD,))
    record_all(connection, "young", found[:1])
    connection.execute("UPDATE data_quality_findings SET created_at = %s WHERE run_id = 'young'", (NOW,))
    assert removed(connection) == {"data_quality_findings": 1}
    left = connection.execute("SELECT detail FROM data_quality_findings WHERE run_id = 'run'").fetchall()
    assert [row[0] for row in left] == [finding.detail for finding in found[1:]]


def test_letters_budget_runs_of_dags_and_incidents_go_when_they_are_dealt_with(connection: Connection) -> None:
    for offset, (status, at) in enumerate((("new", OLD), ("replayed", OLD), ("dropped", OLD), ("dropped", NOW))):
        connection.execute(
            """INSERT INTO logs_consumer_error (topic_id, "partition", "offset", topic, error_msg, status, updated_at)
               VALUES ('id', 0, %s, 't', 'x', %s, %s)""",
            (offset, status, at),
        )
    for source, day, until in (("a", OLD, None), ("b", OLD, "infinity"), ("c", NOW, None)):
        connection.execute(
            "INSERT INTO source_budget (source, day, blocked_until) VALUES (%s, %s, %s)", (source, day.date(), until)
        )
    for name, at in (("old", OLD), ("young", NOW)):
        connection.execute(
            "INSERT INTO pipeline_runs (dag_run_id, as_of_date, resolved_at) VALUES (%s, %s, %s)", (name, D, at)
        )
        connection.execute(
            "INSERT INTO alert_incidents (key, opened_at, closed_at, detail) VALUES (%s, %s, %s, 'x')", (name, OLD, at)
        )
    connection.execute("INSERT INTO alert_incidents (key, opened_at, detail) VALUES ('open', %s, 'x')", (OLD,))
    assert removed(connection) == {
        "logs_consumer_error": 2,
        "source_budget": 1,
        "pipeline_runs": 1,
        "alert_incidents": 1,
    }


def test_results_and_collected_rows_stay_however_old(database: Database, connection: Connection) -> None:
    with database.server.connect(database.name) as superuser:
        two_evenings(superuser)
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE tablename LIKE 'analytics%' OR tablename LIKE 'collected%'"
    ).fetchall()

    def counts() -> list[object]:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for (table,) in tables]

    before = counts()
    retention.remove_rows(connection, SETTINGS, now=datetime(2099, 1, 1, tzinfo=UTC))
    assert counts() == before


def test_a_dry_run_counts_and_changes_nothing(connection: Connection) -> None:
    attempt(connection, OLD)
    attempt(connection, OLD + timedelta(hours=1))
    attempt(connection, OLD + timedelta(hours=2))
    counted = removed(connection, dry_run=True)
    assert len(runs(connection)) == 3
    assert removed(connection) == counted == {"asset_processing_details": 6, "process_executions": 1}


def test_the_program_says_what_went_and_cleans_up(
    database: Database,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database.as_role("migrate", monkeypatch, ACTSTOCK_MARKET_DIR=str(tmp_path))
    attempt(connection, OLD)
    old = tmp_path / "airflow" / "logs" / "dag_id=a" / "run_id=old"
    young = old.with_name("run_id=young")
    for folder in (old, young):
        (folder / "task_id=t").mkdir(parents=True)
        (folder / "task_id=t" / "attempt=1.log").touch()
    for path in (old, *old.rglob("*")):
        os.utime(path, (OLD.timestamp(), OLD.timestamp()))
    retention.main(["--dry-run"])
    assert old.exists()
    retention.main([])
    dry, real = capsys.readouterr().out.splitlines()
    assert dry.startswith("would remove: asset_processing_details 2, process_executions 0, ")
    assert real.endswith("folders of task logs 1")
    assert not old.exists() and young.exists()
    row = connection.execute(
        "SELECT last_vacuum IS NOT NULL, last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = %s",
        ("process_executions",),
    ).fetchone()
    assert row == (True, True)


def test_logs_of_the_dag_processor_go_by_their_day(tmp_path: Path) -> None:
    for day in ("2025-12-01", "2026-01-20", "notes"):
        (tmp_path / "dag_processor" / day).mkdir(parents=True)
    (tmp_path / "dag_processor" / "latest").symlink_to("2025-12-01")
    found = retention.old_logs(tmp_path, NOW - timedelta(days=SETTINGS.log_days))
    assert [folder.name for folder in found] == ["2025-12-01"]
