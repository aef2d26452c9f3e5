"""Keys of the API: registered once, told once, never on a command line."""

import os
import subprocess
import sys

from database.api_keys import find
from database.connection import connect
from test.conftest import REPO, Database

KEY = "dash0001.0123456789abcdef0123"


def create(database: Database, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "database.api_keys", "create", "dashboard", *arguments]
    environment = os.environ | database.environment("migrate") | variables
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False)


def test_a_given_key_is_registered_once_and_not_repeated_in_the_output(database: Database) -> None:
    for _ in range(2):
        done = create(database, "--key-in", "API_KEY", API_KEY=KEY)
        assert done.returncode == 0, done.stderr
        assert KEY not in done.stdout + done.stderr
    with connect(database.settings("api")) as connection:
        assert find(connection, KEY) == "dash0001"
        assert find(connection, KEY[:-1] + "4") is None


def test_a_variable_that_is_not_set_is_named(database: Database) -> None:
    done = create(database, "--key-in", "NO_SUCH_KEY")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("expected a key in NO_SUCH_KEY, found none")


def command(database: Database, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "database.api_keys", *arguments],
        cwd=REPO,
        env=os.environ | database.environment("migrate"),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_several_are_made_listed_without_their_secrets_and_revoked(database: Database) -> None:
    keys = {name: command(database, "create", name).split()[1] for name in ("reports", "notebook")}
    assert len(set(keys.values())) == 2
    listed = command(database, "list")
    for name, key in keys.items():
        key_id, _, secret = key.partition(".")
        assert f"{key_id}  {name}  created " in listed
        assert secret not in listed
    with connect(database.settings("api")) as connection:
        assert find(connection, keys["reports"]) is not None
        assert keys["reports"].partition(".")[2] not in str(connection.execute("SELECT * FROM api_keys").fetchall())
        revoked = keys["reports"].partition(".")[0]
        assert command(database, "revoke", revoked) == f"{revoked}: revoked\n"
        assert find(connection, keys["reports"]) is None
        assert find(connection, keys["notebook"]) is not None
    assert "revoked 20" in command(database, "list")
