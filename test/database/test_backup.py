"""A backup comes back whole, with owners, rights and offsets; whatever goes wrong, the old database stays."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import psycopg
import pytest
from alembic.script import ScriptDirectory

from config.settings import MaintenanceSettings
from database import archives, backup, offsets, restore
from database.connection import DatabaseUnavailable, connect
from database.migrate import MIGRATIONS, upgrade
from database.schema_revision import newest_revision
from test.conftest import REPO, Database, free_port
from test.published import two_evenings
from utils.program import StageFailed, UsageError
from utils.stack.services import postgres_binary

Connection = psycopg.Connection[tuple[object, ...]]
SECOND_NAMES = ("_restoring", "_before_restore", "_outdated", "_older")


@pytest.fixture
def market(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with two evenings' results, and the environment of role migrate in a market's folder."""
    database.as_role("migrate", monkeypatch, ACTSTOCK_MARKET_DIR=str(tmp_path), PLATFORM_MARKET="demo")
    with database.server.connect() as server:
        server.execute(f"REVOKE ALL ON DATABASE {database.name} FROM PUBLIC")
        server.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {database.name} TO migrate, consumer, api, collector")
    with database.server.connect(database.name) as connection:
        two_evenings(connection)
        connection.execute(
            """INSERT INTO consumer_offsets (topic, "partition", topic_id, next_offset)
               VALUES ('etf-daily-data', 0, 'id', 17)"""
        )
    yield database
    with database.server.connect() as server:
        for name in SECOND_NAMES:
            server.execute(f"DROP DATABASE IF EXISTS {database.name}{name} WITH (FORCE)")


def backed_up(tmp_path: Path) -> Path:
    """A fresh backup of the market."""
    assert backup.main([]) == 0
    [file] = (tmp_path / "backups").iterdir()
    return file


def contents(market: Database, name: str = "") -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as text."""
    with market.server.connect(name or market.name) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
        return {
            str(table): connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall()
            for (table,) in tables
        }


def rights(market: Database) -> list[tuple[object, ...]]:
    """Who owns and who may do what, with every relation, the schema, functions and the database itself."""
    with market.server.connect(market.name) as connection:
        return connection.execute(
            """SELECT relname::text, relowner::regrole::text, a::text
               FROM pg_class c LEFT JOIN unnest(relacl) a ON true
               WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')
               UNION ALL
               SELECT attrelid::regclass::text || '.' || attname, '', a::text
               FROM pg_attribute, unnest(attacl) a WHERE attrelid::regclass::text = 'api_keys'
               UNION ALL
               SELECT nspname, nspowner::regrole::text, a::text FROM pg_namespace, unnest(nspacl) a
               WHERE nspname = 'public'
               UNION ALL
               SELECT proname, proowner::regrole::text, a::text FROM pg_proc LEFT JOIN unnest(proacl) a ON true
               WHERE pronamespace = 'public'::regnamespace
               UNION ALL
               SELECT 'database', datdba::regrole::text, a::text FROM pg_database, unnest(datacl) a
               WHERE datname = current_database()
               ORDER BY 1, 2, 3"""
        ).fetchall()


def change(market: Database) -> None:
    """What a day after the backup does."""
    with market.server.connect(market.name) as connection:
        connection.execute("DELETE FROM analytics_05_portfolio_allocation")
        connection.execute("UPDATE consumer_offsets SET next_offset = 99")


def databases(market: Database) -> set[str]:
    """This test's databases, by what follows their name."""
    with market.server.connect() as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (market.name,)
        ).fetchall()
    return {str(name).removeprefix(market.name) for (name,) in rows}


def program(*arguments: object, **given: str) -> subprocess.Popen[str]:
    """The restore as a program of its own."""
    return subprocess.Popen(
        [sys.executable, str(REPO / "database" / "restore.py"), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(REPO)} | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(*arguments: object) -> str:
    """The one line with which the restore refuses; exit code 2."""
    process = program(*arguments)
    said, complained = process.communicate()
    assert (process.returncode, said) == (2, "")
    [line] = complained.splitlines()
    return line


def tools(folder: Path, **scripts: str) -> Path:
    """A folder with PostgreSQL's own programs, but for those that are given as shell scripts ($REAL: the own one)."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        script = scripts.get(name, 'exec "$REAL" "$@"')
        (folder / name).write_text(f'#!/bin/sh\nREAL="{postgres_binary(name)}"\n{script}\n')
        (folder / name).chmod(0o700)
    return folder


def test_what_was_backed_up_comes_back(market: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, allowed = contents(market), rights(market)
    file = backed_up(tmp_path)
    assert re.fullmatch(r"actstock-demo-\d{8}T\d{6}Z\.dump", file.name)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "read back whole; 1 kept, 0 removed" in capsys.readouterr().out
    change(market)
    changed = contents(market)
    assert changed != before

    assert restore.main([file.name]) == 0
    assert capsys.readouterr().out.startswith(f"restored {market.name} from {file.name}; the one before is kept as ")
    assert (contents(market), rights(market)) == (before, allowed)
    assert databases(market) == {"", "_before_restore"}
    assert contents(market, f"{market.name}_before_restore") == changed


def test_programs_work_with_their_roles_after_it_and_read_again_what_came_since(
    market: Database, tmp_path: Path
) -> None:
    file = backed_up(tmp_path)
    change(market)
    restore.main([str(file)])
    with connect(market.settings("consumer")) as connection:
        place = {"topic": "etf-daily-data", "partition": 0, "topic_id": "id"}
        assert offsets.claim(connection, **place, first=0, end=200).offset == 17  # type: ignore[arg-type]
        with pytest.raises(offsets.PartitionTaken):
            offsets.move(connection, **place, position=99, to=100)  # type: ignore[arg-type]
        offsets.move(connection, **place, position=17, to=99)  # type: ignore[arg-type]
    with connect(market.settings("api")) as connection:
        assert connection.execute("SELECT count(*) FROM analytics_portfolio_20d").fetchone() == (4,)
    with connect(market.settings("collector")) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT FROM api_keys")
    with pytest.raises(DatabaseUnavailable, match="not have CONNECT"), connect(market.settings("batch")):
        pass


def test_the_next_restore_replaces_what_was_kept(market: Database, tmp_path: Path) -> None:
    file = backed_up(tmp_path)
    restore.main([str(file)])
    change(market)
    changed = contents(market)
    restore.main([str(file)])
    assert databases(market) == {"", "_before_restore"}
    assert contents(market, f"{market.name}_before_restore") == changed


def test_a_database_in_use_is_left_alone_unless_forced(market: Database, tmp_path: Path) -> None:
    file = backed_up(tmp_path)
    change(market)
    changed = contents(market)
    with connect(market.settings("consumer")) as consumer:
        with pytest.raises(StageFailed, match=rf"^{market.name} is in use \(consumer 1\): stop what uses it"):
            restore.main([str(file)])
        assert (contents(market), databases(market)) == (changed, {""})
        restore.main([str(file), "--force"])
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            consumer.execute("SELECT 1")
    assert contents(market) != changed


def test_a_client_that_comes_back_at_once_does_not_hold_it_up(market: Database, tmp_path: Path) -> None:
    file = backed_up(tmp_path)
    done, came_back = Event(), []

    def insist() -> None:
        while not done.is_set():
            with suppress(psycopg.OperationalError, DatabaseUnavailable), connect(market.settings("consumer")) as own:
                came_back.append(1)
                while not done.is_set():
                    own.execute("SELECT pg_backend_pid()")

    before = contents(market)
    change(market)
    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(insist) for _ in range(3)]
        try:
            restore.main([str(file), "--force"])
        finally:
            done.set()
        for client in clients:
            client.result()
    assert contents(market) == before
    assert len(came_back) >= 3


def test_a_session_that_migrate_may_not_end_is_left_alone_even_then(market: Database, tmp_path: Path) -> None:
    file = backed_up(tmp_path)
    change(market)
    changed = contents(market)
    with (
        market.server.connect(market.name),
        pytest.raises(StageFailed, match="permission denied to terminate process"),
    ):
        restore.main([str(file), "--force"])
    assert (contents(market), databases(market)) == (changed, {""})


@pytest.mark.parametrize("share", [0.99, 0.5, 0.0])
def test_a_cut_off_file_is_refused_in_one_line_and_nothing_changes(
    market: Database, tmp_path: Path, share: float
) -> None:
    file = backed_up(tmp_path)
    with file.open("r+b") as opened:
        opened.truncate(int(share * file.stat().st_size))
    before = contents(market)
    assert re.fullmatch(
        rf"restore\.py: {file.name}: not a whole backup: pg_restore: error: .+; nothing was changed", refusal(file)
    )
    assert (contents(market), databases(market)) == (before, {""})


def test_what_is_no_backup_of_this_market_is_refused(market: Database, tmp_path: Path) -> None:
    file = backed_up(tmp_path)
    other = file.rename(file.with_name(file.name.replace("demo", "yahoo")))
    assert refusal(other).endswith("expected a backup of the market demo, found one of yahoo")
    assert "expected a name such as actstock-demo-" in refusal(other.rename(tmp_path / "mine.dump"))
    assert refusal("none.dump") == "restore.py: none.dump: expected a backup, found no such file"


def test_a_backup_of_a_newer_schema_is_refused(market: Database, tmp_path: Path) -> None:
    with market.server.connect(market.name) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    file = backed_up(tmp_path)
    with pytest.raises(UsageError, match=f"expected a schema up to {newest_revision()}, found 9999"):
        restore.main([str(file)])
    assert databases(market) == {""}


def test_a_backup_of_an_older_schema_is_brought_to_this_one(
    market: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = Database(market.server, f"{market.name}_older")
    with market.server.connect() as server:
        server.execute(f"CREATE DATABASE {older.name} OWNER migrate")
    revision = ScriptDirectory(str(MIGRATIONS)).get_revision("head").down_revision
    assert isinstance(revision, str)
    upgrade(older.settings("migrate"), revision)
    with older.server.connect(older.name) as opened:
        opened.execute("INSERT INTO collected_00_meta_etf VALUES ('SPY', 'benchmark', NULL, 'x', 'r')")
        opened.execute(
            """INSERT INTO collected_01_daily_etf_ohlc
                   (ticker, trade_date, close_price, adj_close_price, volume, fetched_at, run_id)
               VALUES ('SPY', '2026-01-23', 1, 1, 1, now(), 'r')"""
        )
    monkeypatch.setenv("DB_NAME", older.name)
    file = backed_up(tmp_path)
    monkeypatch.setenv("DB_NAME", market.name)
    restore.main([str(file)])
    found = contents(market)
    assert found["alembic_version"] == [(f"({newest_revision()})",)]
    assert len(found["collected_01_daily_etf_ohlc"]) == 1


def test_a_backup_without_bars_is_refused(market: Database, tmp_path: Path) -> None:
    with market.server.connect(market.name) as connection:
        connection.execute("DELETE FROM collected_01_daily_etf_ohlc")
    with pytest.raises(UsageError, match="expected rows in collected_01_daily_etf_ohlc, found none"):
        restore.main([str(backed_up(tmp_path))])
    assert databases(market) == {""}


def test_a_restore_killed_half_way_leaves_the_old_database_and_can_be_repeated(
    market: Database, tmp_path: Path
) -> None:
    file = backed_up(tmp_path)
    before = contents(market)
    change(market)
    changed = contents(market)
    reached, go_on = tmp_path / "reached", tmp_path / "go_on"
    os.mkfifo(reached)
    os.mkfifo(go_on)
    half = f"""case "$*" in *--single-transaction*)
        "$REAL" --section=pre-data "$@"; echo > "{reached}"; read _ < "{go_on}"; exit 1 ;; esac
        exec "$REAL" "$@" """
    process = program(file, MAINTENANCE_PG_BIN=str(tools(tmp_path / "bin", pg_restore=half)))
    reached.read_text()  # returns when the tables are there, and no rows yet
    process.kill()
    process.wait()
    go_on.write_text("\n")
    process.communicate()  # ends with the last of its children
    assert (contents(market), databases(market)) == (changed, {"", "_restoring"})
    restore.main([str(file)])
    assert contents(market) == before
    assert databases(market) == {"", "_before_restore"}


def test_a_restore_killed_while_the_names_change_leaves_the_old_database(market: Database, tmp_path: Path) -> None:
    file = backed_up(tmp_path)
    change(market)
    changed = contents(market)
    reached, go_on = tmp_path / "reached", tmp_path / "go_on"
    os.mkfifo(reached)
    os.mkfifo(go_on)
    late = f"""case "$*" in *--single-transaction*) echo > "{reached}"; read _ < "{go_on}" ;; esac
        exec "$REAL" "$@" """
    process = program(file, MAINTENANCE_PG_BIN=str(tools(tmp_path / "bin", pg_restore=late)))
    reached.read_text()
    with market.server.connect() as server, market.server.connect(market.name):
        # Somebody who came after the restore looked: the renaming holds its lock, and waits for them.
        go_on.write_text("\n")
        renaming = """SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = objid
                      WHERE classid = 'pg_database'::regclass AND mode = 'AccessExclusiveLock' AND datname = %s"""
        while (held := server.execute(renaming, (market.name,)).fetchone()) is None:
            assert process.poll() is None, process.communicate()
        process.kill()
        process.wait()
    with market.server.connect() as server:
        while server.execute("SELECT FROM pg_stat_activity WHERE pid = %s", held).fetchone() is not None:
            pass
    process.communicate()
    assert (contents(market), databases(market)) == (changed, {"", "_restoring"})


def test_only_the_newest_backups_of_the_market_are_kept(
    market: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("demo-20240101", "demo-20240108", "demo-20240115", "yahoo-20240101"):
        (folder / f"actstock-{name}T030000Z.dump").touch()
    (folder / "notes.txt").touch()
    (folder / "actstock-demo-20240122T030000Z.dump.part").touch()
    monkeypatch.setenv("MAINTENANCE_BACKUP_DIR", str(folder))
    monkeypatch.setenv("MAINTENANCE_BACKUP_KEEP", "2")
    backup.main([])
    assert "2 kept, 2 removed" in capsys.readouterr().out
    left = sorted(file.name for file in folder.iterdir())
    newest = left.pop(1)
    assert newest > "actstock-demo-2025"
    assert left == ["actstock-demo-20240115T030000Z.dump", "actstock-yahoo-20240101T030000Z.dump", "notes.txt"]


def test_a_backup_that_was_made_is_said_to_be_although_an_old_one_stays(
    market: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = backed_up(tmp_path).with_name("actstock-demo-20240101T030000Z.dump")
    old.mkdir()  # which nobody can remove as a file
    monkeypatch.setenv("MAINTENANCE_BACKUP_KEEP", "1")
    with pytest.raises(StageFailed, match=rf"^backup .*\.dump was made, but {old} cannot be removed: ") as said:
        backup.main([])
    assert Path(str(said.value).split()[1]).stat().st_size > 0


def test_a_backup_that_fails_leaves_nothing_and_removes_nothing(
    market: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backed_up(tmp_path)
    monkeypatch.setenv("MAINTENANCE_BACKUP_KEEP", "1")
    broken = tools(tmp_path / "bin", pg_dump='case "$*" in --version) exec "$REAL" "$@" ;; esac; exit 1')
    monkeypatch.setenv("MAINTENANCE_PG_BIN", str(broken))
    with pytest.raises(StageFailed, match="no backup was made: it said nothing"):
        backup.main([])
    short = tools(
        tmp_path / "short",
        pg_dump="""case "$*" in --version) exec "$REAL" "$@" ;; esac
            for part; do case "$part" in --file=*) file="${part#--file=}" ;; esac; done
            "$REAL" "$@" && truncate --size=-100 "$file" """,
    )
    monkeypatch.setenv("MAINTENANCE_PG_BIN", str(short))
    with pytest.raises(StageFailed, match=r"no backup was made: .* not a whole backup"):
        backup.main([])
    assert list(file.parent.iterdir()) == [file]


def test_a_disk_without_room_is_told_before_anything_is_written(
    market: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    with pytest.raises(StageFailed, match=r"expected \d+\.\d MB of free disk, found 5\.0 MB"):
        backup.main([])
    assert list((tmp_path / "backups").iterdir()) == []


def test_one_backup_at_a_time(market: Database, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with archives.alone_in(folder), pytest.raises(StageFailed, match="another backup is at work"):
        backup.main([])
    backup.main([])


def test_no_password_is_on_a_command_line(market: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noting = f'echo "$*" >> "{tmp_path / "noted"}"; exec "$REAL" "$@"'
    monkeypatch.setenv("MAINTENANCE_PG_BIN", str(tools(tmp_path / "bin", pg_dump=noting, pg_restore=noting)))
    restore.main([str(backed_up(tmp_path))])
    noted = (tmp_path / "noted").read_text()
    assert "--format=custom" in noted and "--single-transaction" in noted
    assert market.server.password not in noted


def test_a_client_older_than_the_server_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tools(tmp_path / "old", pg_dump="echo 'pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'")
    monkeypatch.setenv("PATH", f"{old}:{os.environ['PATH']}")
    assert archives.client("pg_dump", 150004, MaintenanceSettings()) == str(old / "pg_dump")
    assert archives.client("pg_dump", 180004, MaintenanceSettings()) == postgres_binary("pg_dump")
    with pytest.raises(StageFailed, match=r"expected one of version 99 or newer, found .*/pg_dump of version 15, .*18"):
        archives.client("pg_dump", 990000, MaintenanceSettings())


def test_without_a_folder_the_setting_is_named(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTSTOCK_MARKET_DIR")
    with pytest.raises(UsageError, match=r"^MAINTENANCE_BACKUP_DIR: expected a folder"):
        backup.main([])


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_to_is_named(
    market: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MAINTENANCE_BACKUP_DIR", str(tmp_path / folder))
    with pytest.raises(StageFailed, match=f"^no backup was made: {tmp_path / folder}: (File exists|Not a directory)$"):
        backup.main([])


def test_a_database_that_is_away_is_named(market: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("DB_PORT", str(port))
    with pytest.raises(StageFailed, match=f"^database 127.0.0.1:{port}/{market.name}: "):
        backup.main([])


def test_a_migration_that_dies_without_a_word_fails_the_restore_in_one_line(
    market: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = subprocess.CompletedProcess[str]([], -signal.SIGKILL, stdout="", stderr="\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(StageFailed, match=r"^the backup could not be brought to this schema: it ended with -9$"):
        restore._migrate(market.settings("migrate"))


def test_sigterm_ends_a_restore_and_what_it_made(market: Database, tmp_path: Path) -> None:
    file = backed_up(tmp_path)
    before = contents(market)
    reached = tmp_path / "reached"
    os.mkfifo(reached)
    stuck = f'case "$*" in *--single-transaction*) echo > "{reached}"; exec sleep 60 ;; esac; exec "$REAL" "$@"'
    process = program(file, MAINTENANCE_PG_BIN=str(tools(tmp_path / "bin", pg_restore=stuck)))
    reached.read_text()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert (contents(market), databases(market)) == (before, {""})
