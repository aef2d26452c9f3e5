"""Backups as files: how they are named, made by pg_dump, proved whole, and read back by pg_restore.

A backup is one file in pg_dump's custom format, named after the market and the UTC instant it was begun at. It is
written beside and renamed when it is whole, and only its owner reads it. Passwords go by the environment.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from config.settings import DatabaseSettings, MaintenanceSettings
from utils.program import StageFailed, UsageError
from utils.stack.services import postgres_binary

NAME = re.compile(r"actstock-(?P<market>.+)-\d{8}T\d{6}Z\.dump")
PART = ".part"
LOCK_PATIENCE = "600s"  # pg_dump waits this long for a migration that holds a table


class NotWhole(Exception):
    """The file is no backup of this platform, or a part of one."""


def folder_of(settings: MaintenanceSettings) -> Path:
    """The folder of the backups. Raises UsageError when nothing names one."""
    market = os.environ.get("ACTSTOCK_MARKET_DIR")
    if settings.backup_dir is None and not market:
        raise UsageError("MAINTENANCE_BACKUP_DIR: expected a folder, found neither it nor ACTSTOCK_MARKET_DIR")
    return (settings.backup_dir or Path(market or "") / "backups").absolute()


def name_of(market: str, at: datetime) -> str:
    """The name of a backup; those of a market sort by their age.

    >>> from datetime import UTC
    >>> name_of("yahoo", datetime(2026, 1, 25, 3, 0, tzinfo=UTC))
    'actstock-yahoo-20260125T030000Z.dump'
    """
    return f"actstock-{market}-{at:%Y%m%dT%H%M%SZ}.dump"


def market_of(file: Path) -> str | None:
    """The market a backup is of, as its name says; None when that is no backup's name.

    >>> market_of(Path("backups/actstock-replay-hand-20260125T030000Z.dump"))
    'replay-hand'
    """
    found = NAME.fullmatch(file.name)
    return found["market"] if found else None


def backups_of(folder: Path, market: str) -> list[Path]:
    """The market's backups, oldest first."""
    return sorted(file for file in folder.glob("*.dump") if market_of(file) == market)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """The folder, made if need be, with one backup at work in it; what a killed one left is removed.

    Raises StageFailed when another is at work.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(handle, folder)
        for left in folder.glob(f"*{PART}"):
            left.unlink()
        yield
    finally:
        os.close(handle)


def require_room(folder: Path, needed: int) -> None:
    """Raises StageFailed when the disk has less room than the database takes: a backup takes no more."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StageFailed(f"{folder}: expected {megabytes(needed)} of free disk, found {megabytes(free)}")


def dump(tool: str, checker: str, database: DatabaseSettings, file: Path) -> None:
    """Back the database up: the file appears when it is whole and on the disk. Raises StageFailed."""
    part = file.with_name(file.name + PART)
    # Made first, so that nobody else can ever read it.
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        command = [tool, "--format=custom", "--no-password", f"--lock-wait-timeout={LOCK_PATIENCE}"]
        _run([*command, f"--file={part}", database.name], database)
        verify(checker, part)
        _sync(part)
        part.replace(file)
        _sync(file.parent)
    except (ClientFailed, NotWhole) as error:
        raise StageFailed(f"no backup was made: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def verify(tool: str, file: Path) -> None:
    """Read all of a backup. Raises NotWhole with one line."""
    try:
        contents = _run([tool, "--list", str(file)])
        # The list stands at the file's beginning, so a cut-off file has it, too: every row is read once.
        _run([tool, f"--file={os.devnull}", str(file)])
    except ClientFailed as error:
        raise NotWhole(f"{file.name}: not a whole backup: {error}") from error
    if "TABLE DATA public alembic_version" not in contents:
        raise NotWhole(f"{file.name}: expected a backup of this platform, found one of something else")


def load_into(tool: str, database: DatabaseSettings, file: Path) -> None:
    """Restore a backup into an empty database, all of it or nothing, with owners and rights. Raises StageFailed."""
    command = [tool, "--single-transaction", "--exit-on-error", "--no-password", f"--dbname={database.name}", str(file)]
    try:
        _run(command, database)
    except ClientFailed as error:
        raise StageFailed(f"{file.name}: {error}") from error


def client(name: str, server_version: int, settings: MaintenanceSettings) -> str:
    """A program of PostgreSQL that the server accepts: its version or a newer one. server_version: such as 180004.

    That of MAINTENANCE_PG_BIN, else the system's, else the one that came with the packages. Raises StageFailed.
    """
    wanted = server_version // 10000
    found = []
    for program in _candidates(name, settings):
        version = _version(program)
        if version >= wanted:
            return program
        found.append(f"{program} of version {version}")
    raise StageFailed(f"{name}: expected one of version {wanted} or newer, found {', '.join(found) or 'none'}")


def megabytes(size: int) -> str:
    """A size for people.

    >>> megabytes(12_345_678)
    '12.3 MB'
    """
    return f"{size / 1e6:.1f} MB"


class ClientFailed(Exception):
    """A program of PostgreSQL did not do its work: its own words, in one line."""


def _candidates(name: str, settings: MaintenanceSettings) -> list[str]:
    if settings.pg_bin is not None:
        return [str(settings.pg_bin / name)]
    found = [shutil.which(name)]
    try:
        found.append(postgres_binary(name))
    except FileNotFoundError:
        found.append(None)  # in a container the packages need not have one
    return [program for program in found if program]


def _version(program: str) -> int:
    """Its major version; 0 when it doesn't say."""
    try:
        found = re.search(r"\(PostgreSQL\) (\d+)", _run([program, "--version"]))
    except OSError as error:
        raise StageFailed(f"{program}: {error.strerror}") from error
    except ClientFailed:
        return 0  # Debian's stand-in without a version of its own behind it
    return int(found[1]) if found else 0


def _run(command: Sequence[str], database: DatabaseSettings | None = None) -> str:
    """What the program printed. Raises ClientFailed."""
    given = dict(os.environ)
    if database is not None:
        given |= {
            "PGHOST": database.host,
            "PGPORT": str(database.port),
            "PGUSER": database.user,
            "PGPASSWORD": database.password.get_secret_value(),
            "PGCONNECT_TIMEOUT": "10",
        }
    done = subprocess.run(
        command, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in said if "error:" in line), said[0] if said else "it said nothing")
        raise ClientFailed(reason)
    return done.stdout


def _lock(handle: int, folder: Path) -> None:
    """Held as long as the handle is open: it ends with the process, however that ends."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StageFailed(f"{folder}: another backup is at work") from None


def _sync(path: Path) -> None:
    """Have it on the disk, whatever happens to the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
