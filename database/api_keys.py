"""Keys of the REST API's clients: `id.secret`, of which the database keeps the secret's SHA-256 (contracts 6).

python -m database.api_keys create NAME               # as role migrate; prints the new key once
python -m database.api_keys create NAME --key-in VAR  # registers the key in that variable; again changes nothing
python -m database.api_keys list
python -m database.api_keys revoke ID
"""

import argparse
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from config.settings import DatabaseSettings, load
from database.connection import Connection, DatabaseUnavailable, connect
from database.data_version import DATA_VERSION
from utils.arguments import program_parser
from utils.program import StageFailed, UsageError, run_program

FORMAT = re.compile(r"[A-Za-z0-9_-]{4,64}\.[A-Za-z0-9_-]{16,128}")
NO_KEY_HASH = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class ApiKey:
    """One registered client."""

    key_id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class Visit:
    """What one look at the database tells of a request: who asks, if anybody known, and which data he will see."""

    key_id: str
    name: str | None
    data_version: str


def new_key() -> str:
    """A key nobody has yet."""
    return f"{secrets.token_hex(4)}.{secrets.token_urlsafe(32)}"


def hash_of(secret: str) -> str:
    """What the database keeps. The secret has 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def register(connection: Connection, name: str, key: str) -> bool:
    """Make the key known; False when it is already, with the same secret.

    Raises UsageError for a key of another form, or an id that another secret or a revoked key has.
    """
    if not FORMAT.fullmatch(key):
        raise UsageError("expected a key of the form id.secret: letters, digits, - and _, secret of at least 16")
    key_id, _, secret = key.partition(".")
    added = connection.execute(
        "INSERT INTO api_keys (key_id, name, hash) VALUES (%s, %s, %s) ON CONFLICT (key_id) DO NOTHING",
        (key_id, name, hash_of(secret)),
    )
    if added.rowcount == 0 and find(connection, key) is None:
        raise UsageError(f"key id {key_id} is taken by another secret, or revoked: make a new key")
    return bool(added.rowcount)


LOOK_UP = f"""
SELECT {DATA_VERSION}, name, hash, coalesce(last_used_at < now() - interval '1 minute', true)
FROM (SELECT %s::text AS key_id) asked LEFT JOIN api_keys USING (key_id) WHERE revoked_at IS NULL"""
# Guarded, so that of many requests at once only one writes.
NOTE_USE = """
UPDATE api_keys SET last_used_at = now()
WHERE key_id = %s AND coalesce(last_used_at < now() - interval '1 minute', true)"""


def find(connection: Connection, key: str) -> str | None:
    """The id of a valid key, else None. Notes its use, to the minute; equally fast whether the id exists or not."""
    key_id, secret = _parts(key)
    visit, is_note_due = _judge(key_id, secret, connection.execute(LOOK_UP, (key_id,)).fetchone())
    if visit.name is None:
        return None
    if is_note_due:
        connection.execute(NOTE_USE, (key_id,))
    return key_id


async def visit(connection: AsyncConnection[TupleRow], key: str) -> Visit:
    """Who has that key, and the version of the data, in one round trip; else as `find`."""
    key_id, secret = _parts(key)
    cursor = await connection.execute(LOOK_UP, (key_id,))
    found, is_note_due = _judge(key_id, secret, await cursor.fetchone())
    if is_note_due:
        await connection.execute(NOTE_USE, (key_id,))
    return found


def _parts(key: str) -> tuple[str, str]:
    key_id, _, secret = key.replace("\0", "").partition(".")
    return key_id, secret


def _judge(key_id: str, secret: str, row: TupleRow | None) -> tuple[Visit, bool]:
    """The visit, and whether its use is to be noted. A revoked key has no row, an unknown one no hash."""
    version, name, stored, is_note_due = row or ("", None, None, False)
    is_valid = hmac.compare_digest(stored or NO_KEY_HASH, hash_of(secret)) and stored is not None
    return Visit(key_id, name if is_valid else None, version), is_valid and is_note_due


def registered(connection: Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(
            "SELECT key_id, name, created_at, revoked_at, last_used_at FROM api_keys ORDER BY created_at, key_id"
        ).fetchall()


def revoke(connection: Connection, key_id: str) -> None:
    """The key is not accepted from now on. Raises UsageError when there is no such key in use."""
    changed = connection.execute(
        "UPDATE api_keys SET revoked_at = now(), updated_at = now() WHERE key_id = %s AND revoked_at IS NULL", (key_id,)
    )
    if changed.rowcount == 0:
        raise UsageError(f"no key {key_id} in use")


def _parser() -> argparse.ArgumentParser:
    parser = program_parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key, or register a given one")
    create.add_argument("name", help="who has it")
    # not as an argument: everybody on the machine may read a command line
    create.add_argument("--key-in", metavar="VAR", help="variable that holds id.secret; a key is made when left out")
    commands.add_parser("list", help="keys, without their secrets")
    commands.add_parser("revoke", help="stop accepting a key").add_argument("id", help="the part before the dot")
    return parser


def _given(variable: str) -> str:
    """The key in an environment variable. Raises UsageError when it is not set."""
    key = os.environ.get(variable)
    if not key:
        raise UsageError(f"expected a key in {variable}, found none")
    return key


def main(argv: Sequence[str] | None = None) -> int:
    """Make, list or revoke. Raises UsageError for a key or an id that cannot be."""
    arguments = _parser().parse_args(argv)
    try:
        with connect(load(DatabaseSettings)) as connection:
            if arguments.command == "create":
                key = _given(arguments.key_in) if arguments.key_in else new_key()
                added = register(connection, arguments.name, key)
                # a given key is known to who gave it: it need not stand in a log
                shown = key.partition(".")[0] if arguments.key_in else key
                print(f"{arguments.name}: {shown}{'' if added else ' (already registered)'}")
            elif arguments.command == "list":
                for entry in registered(connection):
                    state = f"revoked {entry.revoked_at:%Y-%m-%d}" if entry.revoked_at else "in use"
                    used = f"{entry.last_used_at:%Y-%m-%d %H:%M}" if entry.last_used_at else "never"
                    print(
                        f"{entry.key_id}  {entry.name}  created {entry.created_at:%Y-%m-%d}  last used {used}  {state}"
                    )
            else:
                revoke(connection, arguments.id)
                print(f"{arguments.id}: revoked")
    except DatabaseUnavailable as error:
        raise StageFailed(str(error)) from error
    return 0


if __name__ == "__main__":
    raise SystemExit(run_program(main))
