"""A database beside the platform's: made, then put in its place by renaming, all names in one transaction.

All of it is done from another database of the server, by the role that owns the platform's: it may make databases and
end sessions (database/roles.py). A kill at any point leaves the platform's name on a whole database.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import psycopg
from psycopg import sql

from config.settings import DatabaseSettings
from database.connection import Connection, connect
from utils.program import StageFailed

MEETING_PLACE = "postgres"
"""The database every server has: names of others can't be changed from within."""
BESIDE, KEPT, OUTDATED = "_restoring", "_before_restore", "_outdated"
LOOK_AGAIN_SECONDS = 0.05


def called(settings: DatabaseSettings, name: str) -> DatabaseSettings:
    """The same server and role, another database."""
    return settings.model_copy(update={"name": name})


@contextmanager
def alone(connection: Connection, name: str) -> Iterator[None]:
    """One restore of the database at a time. Raises StageFailed when another is at work."""
    key = f"restore of {name}"
    row = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (key,)).fetchone()
    if not (row and row[0]):
        raise StageFailed(f"another restore of {name} is at work")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", (key,))


def sessions(connection: Connection, name: str) -> str:
    """Who is connected to the database, by role: "api 2, consumer 3"; empty when nobody is."""
    rows = connection.execute(
        """SELECT usename, count(*) FROM pg_stat_activity WHERE datname = %s AND usesysid IS NOT NULL
           GROUP BY usename ORDER BY usename""",
        (name,),
    ).fetchall()
    return ", ".join(f"{role} {count}" for role, count in rows)


def make(connection: Connection, name: str, *, like: str) -> None:
    """An empty database with that name, and the same rights to enter it as `like`; one that is there goes first."""
    drop(connection, name)
    beside = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(beside))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(beside))
    for grantee, privilege in connection.execute(
        """SELECT r.rolname, a.privilege_type
           FROM pg_database d CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
           LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = %s""",
        (like,),
    ).fetchall():
        to = sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
        connection.execute(sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(privilege), beside, to))


def drop(connection: Connection, name: str) -> None:
    """Have no database of that name; a program that was left writing into it is ended."""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def put_in_place(connection: Connection, settings: DatabaseSettings, *, force: bool) -> None:
    """Give the name of the settings' database to the one beside it; the old one is kept under its own second name.

    `force` ends the sessions of the old one. Raises StageFailed, and nothing has changed, when somebody is connected.
    """
    name = settings.name
    kept, outdated = f"{name}{KEPT}", f"{name}{OUTDATED}"
    drop(connection, outdated)
    renames = [(name, kept), (f"{name}{BESIDE}", name)]
    if _exists(connection, kept):
        renames.insert(0, (kept, outdated))
    if force:
        _end_sessions(connection, name)
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            # A renaming holds off those who come, and waits some seconds until those who are there have left.
            renaming = pool.submit(_rename, called(settings, MEETING_PLACE), renames)
            while force and not wait([renaming], timeout=LOOK_AGAIN_SECONDS).done:
                try:
                    _end_sessions(connection, name)
                except psycopg.errors.InsufficientPrivilege:
                    break  # whether that session stays is told by the renaming
            renaming.result()
    except psycopg.errors.ObjectInUse as error:
        raise StageFailed(f"{name}: somebody connected meanwhile ({sessions(connection, name)})") from error
    drop(connection, outdated)


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None


def _end_sessions(connection: Connection, name: str) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usesysid IS NOT NULL", (name,)
    )


def _rename(meeting_place: DatabaseSettings, renames: Sequence[tuple[str, str]]) -> None:
    with connect(meeting_place) as connection, connection.transaction():
        for old, new in renames:
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
            )
