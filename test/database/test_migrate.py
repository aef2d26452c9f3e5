"""The schema as contracts 5 promises it."""

import os
import subprocess
import sys

from config.universe import ETFS
from test.conftest import REPO, Database


def test_every_column_says_its_unit_and_every_table_has_a_key(database: Database) -> None:
    with database.server.connect(database.name) as connection:
        tables = """SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname <> 'alembic_version'"""
        silent = connection.execute(
            f"""SELECT t.relname, a.attname FROM ({tables}) t JOIN pg_attribute a ON a.attrelid = t.oid
                WHERE a.attnum > 0 AND NOT a.attisdropped AND col_description(t.oid, a.attnum) IS NULL"""
        ).fetchall()
        keyless = connection.execute(
            f"""SELECT t.relname FROM ({tables}) t
                WHERE NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)"""
        ).fetchall()
        count = connection.execute(f"SELECT count(*) FROM ({tables}) t").fetchone()
    assert (silent, keyless) == ([], [])
    assert count == (30,)


def test_running_it_again_changes_nothing(database: Database) -> None:
    environment = os.environ | database.environment("migrate")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "database.migrate"],
            cwd=REPO,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("schema ")
    with database.server.connect(database.name) as connection:
        assert connection.execute("SELECT count(*) FROM collected_meta_etf").fetchone() == (len(ETFS),)


def test_a_wrong_setting_is_one_line_that_names_it(database: Database) -> None:
    environment = os.environ | database.environment("migrate") | {"DB_PORT": "none"}
    done = subprocess.run(
        [sys.executable, "-m", "database.migrate"],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "settings: DB_PORT: input should be a valid integer, unable to parse string as an integer"
    ]
