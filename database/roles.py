"""A role and a password for each program, and the two databases (contracts 8); running it again changes nothing.

DB_USER=postgres DB_NAME=postgres DB_<ROLE>_PASSWORD=... python -m database.roles    # as superuser
"""

import os
from collections.abc import Sequence

import psycopg
from psycopg import sql

from config.roles import ROLES
from config.settings import DatabaseSettings, load
from database.connection import Connection, DatabaseUnavailable, connect
from utils.arguments import program_parser
from utils.program import SUCCESS, StageFailed, UsageError, one_line, run_program

DATABASES = {"stockdb": "migrate", "airflow": "airflow"}
"""Each database and its owner."""


def set_role(connection: Connection, role: str, password: str) -> None:
    """Have the role log in with that password."""
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    statement = "ALTER ROLE {} LOGIN PASSWORD {}" if found else "CREATE ROLE {} LOGIN PASSWORD {}"
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(password)))


def set_database(connection: Connection, name: str, owner: str) -> None:
    """Have the database, its owner's; airflow's is closed to the other roles, as theirs is to airflow."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
    others = [role for role in ROLES if role != "airflow"] if name == "stockdb" else [owner]
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    for role in others:
        connection.execute(
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(name), sql.Identifier(role))
        )


def set_rights_on_the_server(connection: Connection) -> None:
    """What no right on a table gives.

    migrate: what a restore takes, to make a database beside its own, swap the names, end who still uses it.
    batch: to see since when others have been writing (database/ledger.py).
    """
    connection.execute("ALTER ROLE migrate CREATEDB")
    connection.execute("GRANT pg_signal_backend TO migrate")
    connection.execute("GRANT pg_read_all_stats TO batch")


def main(argv: Sequence[str] | None = None) -> int:
    """Make what is missing. Raises UsageError that names the passwords not given, StageFailed."""
    program_parser(__doc__).parse_args(argv)
    missing = [f"DB_{role.upper()}_PASSWORD" for role in ROLES if not os.environ.get(f"DB_{role.upper()}_PASSWORD")]
    if missing:
        raise UsageError(f"expected {', '.join(missing)}, found none")
    try:
        with connect(load(DatabaseSettings)) as connection:
            for role in ROLES:
                set_role(connection, role, os.environ[f"DB_{role.upper()}_PASSWORD"])
            set_rights_on_the_server(connection)
            for name, owner in DATABASES.items():
                set_database(connection, name, owner)
    except (DatabaseUnavailable, psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
        raise StageFailed(one_line(error)) from error
    print(f"roles {', '.join(ROLES)}; databases {', '.join(DATABASES)}")
    return SUCCESS


if __name__ == "__main__":
    raise SystemExit(run_program(main))
