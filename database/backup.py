"""Back the platform's database up into one file: pg_dump, proved whole, the newest few kept.

python database/backup.py
./start.sh run database/backup.py        # the same, with the role and the folder of the running market

The file is actstock-<market>-<UTC instant>.dump in the market's folder backups/ (MAINTENANCE_BACKUP_DIR), readable by
its owner only; the newest 8 (MAINTENANCE_BACKUP_KEEP) stay. Nothing has to be stopped for it. Copy it to another
machine: this disk can break. Airflow's own database (its runs and logins) and the broker are not in it.
Back again: database/restore.py.
"""

from collections.abc import Sequence
from pathlib import Path

import psycopg

from config.settings import DatabaseSettings, MaintenanceSettings, PlatformSettings, load
from database import archives
from database.connection import Connection, DatabaseUnavailable, connect
from utils.arguments import program_parser
from utils.clock import wall_now
from utils.program import SUCCESS, StageFailed, one_line, run_program, terminable


def main(argv: Sequence[str] | None = None) -> int:
    """Make one backup and remove those that are too old. Raises StageFailed with one line."""
    program_parser(__doc__).parse_args(argv)
    database, settings = load(DatabaseSettings), load(MaintenanceSettings)
    market = load(PlatformSettings).market
    folder = archives.folder_of(settings)
    file = folder / archives.name_of(market, wall_now())
    try:
        with connect(database) as connection:
            size, version = size_of_database(connection), connection.info.server_version
        dumper, restorer = (archives.client(name, version, settings) for name in ("pg_dump", "pg_restore"))
        with terminable(), archives.alone_in(folder):
            archives.require_room(folder, size)
            archives.dump(dumper, restorer, database, file)
            removed = _remove_oldest(folder, market, settings.backup_keep, made=file)
    except (DatabaseUnavailable, psycopg.OperationalError) as error:
        raise StageFailed(one_line(error)) from error
    except OSError as error:
        raise StageFailed(f"no backup was made: {folder}: {error.strerror}") from error
    print(
        f"backup {file}: {archives.megabytes(file.stat().st_size)} of a database of {archives.megabytes(size)}, "
        f"read back whole; {len(archives.backups_of(folder, market))} kept, {removed} removed"
    )
    return SUCCESS


def size_of_database(connection: Connection) -> int:
    """What the connection's database takes on the server's disk, in bytes."""
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def _remove_oldest(folder: Path, market: str, keep: int, *, made: Path) -> int:
    old, stays = archives.backups_of(folder, market)[:-keep], []
    for file in old:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            stays.append(f"{file} cannot be removed: {error.strerror}")
    if stays:
        raise StageFailed(f"backup {made} was made, but {'; '.join(stays)}")
    return len(old)


if __name__ == "__main__":
    raise SystemExit(run_program(main))
