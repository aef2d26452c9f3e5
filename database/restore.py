"""Bring a backup back: into a database beside, checked, then put in the place of the platform's in one go.

python database/restore.py backups/actstock-yahoo-20260125T030000Z.dump
./start.sh run database/restore.py actstock-yahoo-20260125T030000Z.dump            # a name in the folder of backups
./start.sh run database/restore.py actstock-yahoo-20260125T030000Z.dump --force    # ends the sessions of programs

Until the last moment the platform's database is untouched: a file that is not whole, of another market or of a newer
schema is refused, and a kill leaves the old database or the new one, never a half. The old one is kept as
stockdb_before_restore until the next restore. A backup of an older schema is brought to this one first.

Where the consumers stood comes back with the data: they read the messages since the backup again from Kafka, as far as
it still has them. One that ran all the while notices at its next message, or when the stack is started again. What is
older than Kafka's log is fetched by the next runs. The ledger, API keys and findings are those of the backup, too;
Airflow's own database is not touched. Programs at work when the database is swapped fail: clear their tasks afterwards.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
from alembic.script import ScriptDirectory

from config.settings import DatabaseSettings, MaintenanceSettings, PlatformSettings, load
from database import archives, swap
from database.connection import Connection, DatabaseUnavailable, connect
from database.migrate import MIGRATIONS
from database.schema_revision import newest_revision, stored_revision
from utils.arguments import program_parser
from utils.program import SUCCESS, StageFailed, UsageError, one_line, run_program, terminable
from utils.stack.folder import REPO

NEVER_EMPTY = ("collected_00_meta_etf", "collected_01_daily_etf_ohlc")
"""Tables without whose rows a backup is of no use."""


def main(argv: Sequence[str] | None = None) -> int:
    """Restore the file that is named. Raises UsageError when it can't be, StageFailed when it couldn't."""
    given = _parser().parse_args(argv)
    database, settings = load(DatabaseSettings), load(MaintenanceSettings)
    file = _file(given.file, settings)
    _require_market(file, load(PlatformSettings).market)
    try:
        with (
            terminable(),
            connect(swap.called(database, swap.MEETING_PLACE)) as connection,
            swap.alone(connection, database.name),
        ):
            _restore(connection, database, settings, file, force=given.force)
    except DatabaseUnavailable as error:
        raise StageFailed(str(error)) from error
    except psycopg.Error as error:
        raise StageFailed(f"{file.name}: {one_line(error)}") from error
    print(
        f"restored {database.name} from {file.name}; the one before is kept as {database.name}{swap.KEPT} until the "
        f"next restore. Consumers read what came after the backup again, as far as Kafka still has it"
    )
    return SUCCESS


def _parser() -> argparse.ArgumentParser:
    parser = program_parser(__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="a backup, or its name in the folder of backups")
    parser.add_argument("--force", action="store_true", help="end the sessions that others have with the database")
    return parser


def _file(asked: Path, settings: MaintenanceSettings) -> Path:
    if asked.is_file():
        return asked
    if asked.name == str(asked):
        kept = archives.folder_of(settings) / asked
        if kept.is_file():
            return kept
    raise UsageError(f"{asked}: expected a backup, found no such file")


def _require_market(file: Path, market: str) -> None:
    """Invented rows never meet real ones (contracts 8)."""
    found = archives.market_of(file)
    if found is None:
        raise UsageError(f"{file.name}: expected a name such as actstock-{market}-20260125T030000Z.dump")
    if found != market:
        raise UsageError(f"{file.name}: expected a backup of the market {market}, found one of {found}")


def _restore(
    connection: Connection, database: DatabaseSettings, settings: MaintenanceSettings, file: Path, *, force: bool
) -> None:
    restorer = archives.client("pg_restore", connection.info.server_version, settings)
    try:
        archives.verify(restorer, file)
    except archives.NotWhole as error:
        raise UsageError(f"{error}; nothing was changed") from error
    connected = swap.sessions(connection, database.name)
    if connected and not force:
        raise StageFailed(
            f"{database.name} is in use ({connected}): stop what uses it, or end those sessions with --force"
        )
    beside = swap.called(database, f"{database.name}{swap.BESIDE}")
    swap.make(connection, beside.name, like=database.name)
    try:
        archives.load_into(restorer, beside, file)
        _make_usable(beside, file)
        swap.put_in_place(connection, database, force=force)
    except BaseException:
        # Should the server be away, too, the next restore drops it.
        with suppress(psycopg.OperationalError):
            swap.drop(connection, beside.name)
        raise


def _make_usable(beside: DatabaseSettings, file: Path) -> None:
    """Check what was restored, and bring it to the schema of these programs. Raises UsageError or StageFailed."""
    with connect(beside) as connection:
        found, newest = stored_revision(connection) or "none", newest_revision()
        if found not in {each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}:
            raise UsageError(f"{file.name}: expected a schema up to {newest}, found {found}: made by newer programs")
        for table in NEVER_EMPTY:
            if connection.execute(f"SELECT FROM {table} LIMIT 1").fetchone() is None:
                raise UsageError(f"{file.name}: expected rows in {table}, found none; nothing was changed")
        connection.execute("ANALYZE")
    if found != newest:
        _migrate(beside)


def _migrate(beside: DatabaseSettings) -> None:
    # As a program of its own: no connection of it may be left when the database gets its name.
    given = os.environ | {"DB_NAME": beside.name}
    command = [sys.executable, "-m", "database.migrate"]
    done = subprocess.run(command, cwd=REPO, env=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise StageFailed(f"the backup could not be brought to this schema: {said[-1]}")


if __name__ == "__main__":
    raise SystemExit(run_program(main))
