"""A role for each program: what an operator reads when that can't be done."""

import os
import subprocess
import sys

from config.roles import ROLES
from test.conftest import REPO, Database, free_port

PASSWORDS = {f"DB_{role.upper()}_PASSWORD": "secret" for role in ROLES}


def roles(database: Database, user: str = "postgres", **given: str) -> tuple[int, list[str]]:
    """Exit code, and the lines on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "database.roles"],
        cwd=REPO,
        env=os.environ | database.environment(user) | given,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


def test_passwords_that_are_missing_are_named(database: Database) -> None:
    given = PASSWORDS | {"DB_API_PASSWORD": "", "DB_BATCH_PASSWORD": ""}
    assert roles(database, **given) == (2, ["roles.py: expected DB_BATCH_PASSWORD, DB_API_PASSWORD, found none"])


def test_a_database_that_is_away_is_one_line_that_names_it(database: Database) -> None:
    port = free_port()
    code, [line] = roles(database, **PASSWORDS, DB_PORT=str(port))
    assert code == 1
    assert line.startswith(f"roles.py: database 127.0.0.1:{port}/{database.name}: ")


def test_a_wrong_password_is_one_line(database: Database) -> None:
    code, [line] = roles(database, **PASSWORDS, DB_PASSWORD="wrong")
    assert code == 1
    assert line.endswith('password authentication failed for user "postgres"')


def test_who_is_no_superuser_is_told_so(database: Database) -> None:
    code, [line] = roles(database, "api", **PASSWORDS)
    assert (code, line.startswith("roles.py: permission denied")) == (1, True), line
