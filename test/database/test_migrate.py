"""The schema as contracts 5 promises it."""

import os
import subprocess
import sys

import psycopg
import pytest

from config.universe import ETFS
from database.schema_revision import newest_revision
from test.api.market import analysis
from test.conftest import REPO, Database, free_port
from test.published import connect


def migrate(database: Database, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """The program, with the environment of its role and what is given besides."""
    return subprocess.run(
        [sys.executable, "-m", "database.migrate", *arguments],
        cwd=REPO,
        env=os.environ | database.environment("migrate") | given,
        capture_output=True,
        text=True,
        check=False,
    )


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


def test_every_row_says_when_it_was_written_and_what_was_collected_or_computed_by_which_run(database: Database) -> None:
    columns = {
        table: set(names)
        for table, names in database.rows(
            """SELECT table_name, array_agg(column_name::text) FROM information_schema.columns
                   JOIN information_schema.tables USING (table_schema, table_name)
               WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version'
               GROUP BY 1"""
        )
    }
    results = [table for table in columns if table.startswith(("collected_", "analytics_"))]
    assert (len(columns), len(results)) == (30, 20)
    assert [table for table, names in columns.items() if not {"created_at", "updated_at"} <= names] == []
    assert [table for table in results if "run_id" not in columns[table]] == []


def test_running_it_again_changes_nothing(database: Database) -> None:
    for _ in range(2):
        done = migrate(database)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"schema {newest_revision()}\n", "")
    with database.server.connect(database.name) as connection:
        assert connection.execute("SELECT count(*) FROM collected_meta_etf").fetchone() == (len(ETFS),)


def test_a_wrong_setting_is_one_line_that_names_it(database: Database) -> None:
    done = migrate(database, DB_PORT="none")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "settings: DB_PORT: input should be a valid integer, unable to parse string as an integer"
    ]


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_database_that_is_away_is_one_line_that_names_it(database: Database, arguments: list[str]) -> None:
    port = free_port()
    done = migrate(database, *arguments, DB_PORT=str(port))
    [line] = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert line.startswith(f"migrate.py: database 127.0.0.1:{port}/{database.name}: ")


def test_a_schema_of_a_newer_version_is_one_line(database: Database) -> None:
    with database.server.connect(database.name) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = migrate(database)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "migrate.py: Can't locate revision identified by '9999'\n"


def test_a_wrong_password_is_one_line(database: Database) -> None:
    done = migrate(database, DB_PASSWORD="wrong")
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.endswith('password authentication failed for user "migrate"')


@pytest.mark.parametrize("found", ["0001", None])
def test_the_check_says_which_migration_is_expected_and_which_is_there(database: Database, found: str | None) -> None:
    newest = newest_revision()
    assert migrate(database, "--check").stdout == f"schema: expected {newest}, found {newest}\n"
    with database.server.connect(database.name) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'" if found else "DROP TABLE alembic_version")
    done = migrate(database, "--check")
    expected = f"schema: expected {newest}, found {found or 'an empty database'}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, expected, "")


@pytest.mark.parametrize(
    ("table", "wrong", "named"),
    [
        ("concentration", "top_1_weight = top_5_weight + 0.1", "largest_first"),
        ("concentration", "covered_weight = top_10_weight - 0.1", "largest_first"),
        ("concentration", "herfindahl_index = 0", "herfindahl_index"),
        ("concentration", "effective_holdings_min = effective_holdings_max + 1", "range"),
        ("overlap", "other_etf_ticker = etf_ticker", "two_etfs"),
        ("overlap", "overlap_weight = other_covered_weight + 0.1", "no_more_than_either"),
        ("overlap", "shared_count = 0", "shared"),
    ],
)
def test_a_row_that_cannot_be_is_refused(database: Database, table: str, wrong: str, named: str) -> None:
    with connect(database) as connection:
        analysis(connection)
        with pytest.raises(psycopg.errors.CheckViolation, match=f'"analytics_09_etf_{table}_{named}"'):
            connection.execute(f"UPDATE analytics_09_etf_{table} SET {wrong}")
