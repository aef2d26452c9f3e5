"""Remove what only grows and is no result, then have PostgreSQL clean up after it (VACUUM, ANALYZE).

python database/retention.py --dry-run    # how many rows and folders would go
python database/retention.py

Goes: items of runs after MAINTENANCE_DETAILS_DAYS, runs after MAINTENANCE_RUNS_DAYS, findings of severity info, dead
letters that were replayed or dropped, days of the source's budget, closed incidents, logs of Airflow's tasks.

Stays, however old: every result and everything collected; runs that a row names as its writer; of each process and
session the first try, the newest success and the newest usable run, without which work would be done twice; failures
that still count towards a quarantine; what is known of sessions the source does not have.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from config.settings import MaintenanceSettings, load
from database.connection import Connection, DatabaseUnavailable, connect
from database.findings import FIRST_BAR, MISSING_SESSION
from utils.arguments import program_parser
from utils.clock import wall_now
from utils.program import SUCCESS, StageFailed, one_line, run_program, terminable


@dataclass(frozen=True)
class Rule:
    """Which rows of a table go. `days`: a setting's name, whose instant the condition calls %(before)s."""

    table: str
    days: str
    where: str


# Failures for good since the last success are strikes: without them a quarantined instrument would be asked for daily.
STRIKES = """SELECT d.run_id, d.ticker, d.operation FROM asset_processing_details d
    JOIN asset_processing_state s USING (ticker, operation)
    WHERE (d.status = 'dead_lettered' OR (d.status = 'failed' AND d.permanent))
      AND d.finished_at > coalesce(s.last_success, '-infinity')"""
# A session without a success may be run again: one item tells that earlier runs brought something.
STOOD_BEFORE = """SELECT DISTINCT ON (p.process, p.as_of_date) d.run_id, d.ticker, d.operation
    FROM asset_processing_details d JOIN process_executions p USING (run_id)
    WHERE d.status IN ('stored', 'unchanged')
      AND NOT EXISTS (SELECT FROM process_executions s
                      WHERE (s.process, s.as_of_date, s.status) = (p.process, p.as_of_date, 'success'))
    ORDER BY p.process, p.as_of_date, p.started_at DESC, d.ticker, d.operation"""
# What ledger.last_success, last_usable and first_try find.
NEEDED_RUNS = """
    (SELECT DISTINCT ON (process, as_of_date) run_id FROM process_executions WHERE status = 'success'
     ORDER BY process, as_of_date, started_at DESC)
    UNION ALL
    (SELECT DISTINCT ON (process, as_of_date) run_id FROM process_executions WHERE usable
     ORDER BY process, as_of_date, started_at DESC)
    UNION ALL
    (SELECT DISTINCT ON (process, as_of_date) run_id FROM process_executions
     ORDER BY process, as_of_date, started_at)"""
RULES = (
    Rule(
        "asset_processing_details",
        "details_days",
        f"""run_id IN (SELECT run_id FROM process_executions WHERE finished_at < %(before)s)
            AND (run_id, ticker, operation) NOT IN ({STRIKES})
            AND (run_id, ticker, operation) NOT IN ({STOOD_BEFORE})""",
    ),
    # After the items: a run stays as long as one of them does.
    Rule(
        "process_executions",
        "runs_days",
        f"""finished_at < %(before)s AND run_id NOT IN ({NEEDED_RUNS})
            AND NOT EXISTS (SELECT FROM ({{writers}}) w WHERE w.run_id = process_executions.run_id)""",
    ),
    Rule("pipeline_runs", "runs_days", "resolved_at < %(before)s"),
    Rule("alert_incidents", "runs_days", "closed_at < %(before)s"),
    Rule(
        "data_quality_findings",
        "findings_days",
        f"""severity = 'info' AND created_at < %(before)s
            AND check_name NOT IN ('{FIRST_BAR}', '{MISSING_SESSION}')""",
    ),
    Rule("logs_consumer_error", "details_days", "status IN ('replayed', 'dropped') AND updated_at < %(before)s"),
    # A block outlives its day.
    Rule("source_budget", "details_days", "day < %(before)s::date AND coalesce(blocked_until < now(), true)"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Remove, clean up, say how much. Raises StageFailed with one line."""
    parser = program_parser(__doc__)
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    given = parser.parse_args(argv)
    settings, now = load(MaintenanceSettings), wall_now()
    market = os.environ.get("ACTSTOCK_MARKET_DIR")
    try:
        with terminable(), connect() as connection:
            removed = remove_rows(connection, settings, now=now, dry_run=given.dry_run)
            logs = (
                old_logs(Path(market) / "airflow" / "logs", now - timedelta(days=settings.log_days)) if market else []
            )
            if not given.dry_run:
                for folder in logs:
                    shutil.rmtree(folder)
                vacuum(connection)
    except (DatabaseUnavailable, psycopg.OperationalError, OSError) as error:
        raise StageFailed(one_line(error)) from error
    rows = ", ".join(f"{table} {count}" for table, count in removed.items())
    print(f"{'would remove' if given.dry_run else 'removed'}: {rows}; folders of task logs {len(logs)}")
    return SUCCESS


def remove_rows(
    connection: Connection, settings: MaintenanceSettings, *, now: datetime, dry_run: bool = False
) -> dict[str, int]:
    """Remove what the rules name, in one transaction; how many rows of each table went, or would go."""
    removed = {}
    with connection.transaction(force_rollback=dry_run):
        writers = _writers(connection)
        for rule in RULES:
            before = now - timedelta(days=getattr(settings, rule.days))
            statement = sql.SQL(f"DELETE FROM {rule.table} WHERE {rule.where}").format(writers=writers)
            removed[rule.table] = connection.execute(statement, {"before": before}).rowcount
    return removed


def _writers(connection: Connection) -> sql.Composed:
    """Every run_id that a row of any other table names: its own items', too."""
    tables = connection.execute(
        """SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_name)
           WHERE columns.table_schema = 'public' AND tables.table_schema = 'public' AND table_type = 'BASE TABLE'
             AND column_name = 'run_id' AND table_name <> 'process_executions' ORDER BY table_name"""
    ).fetchall()
    each = (sql.SQL("SELECT run_id FROM {}").format(sql.Identifier(table)) for (table,) in tables)
    return sql.SQL(" UNION ").join(each)


def vacuum(connection: Connection) -> None:
    """Give the room of removed rows back to their tables, and the planner fresh figures."""
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user ORDER BY tablename"
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(table) for (table,) in tables)
    connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(names))


def old_logs(root: Path, before: datetime) -> list[Path]:
    """Folders below Airflow's logs of runs that wrote nothing since, and of its DAG processor's days before."""
    runs = [folder for folder in root.glob("dag_id=*/run_id=*") if folder.is_dir() and not folder.is_symlink()]
    days = [folder for folder in root.glob("dag_processor/*") if folder.is_dir() and not folder.is_symlink()]
    return sorted(
        [folder for folder in runs if _last_written(folder) < before.timestamp()]
        + [folder for folder in days if _is_day_before(folder.name, before.date())]
    )


def _last_written(folder: Path) -> float:
    return max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))


def _is_day_before(name: str, day: date) -> bool:
    try:
        return date.fromisoformat(name) < day
    except ValueError:
        return False  # "latest", or what a later Airflow keeps there


if __name__ == "__main__":
    raise SystemExit(run_program(main))
