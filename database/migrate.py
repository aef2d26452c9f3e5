"""Bring the database to the newest schema, and the universe's table to config (contracts 5).

python -m database.migrate            # as role migrate; running it again changes nothing
python -m database.migrate --check    # exit code 1 when a migration is missing
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError

from config.settings import DatabaseSettings, load
from config.universe import ETFS
from database.connection import DatabaseUnavailable, connect
from database.schema_revision import newest_revision
from utils.arguments import program_parser
from utils.program import FAILED, SUCCESS, StageFailed, one_line, run_program

LOCK_TIMEOUT_S = 30
MIGRATIONS = Path(__file__).parent / "migrations"


@contextmanager
def _connection(settings: DatabaseSettings) -> Iterator[sa.Connection]:
    """One of ours, as Alembic wants it. Raises DatabaseUnavailable."""
    with connect(settings, autocommit=False) as own:
        # A job reads from its begin to its end, and writes in between: who waited for it here would be waited for, too.
        own.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
        own.commit()
        engine = sa.create_engine("postgresql+psycopg://", creator=lambda: own, poolclass=sa.StaticPool)
        with engine.connect() as connection:
            yield connection


def current_revision(settings: DatabaseSettings) -> str | None:
    """The revision the database is at; None when it is empty."""
    with _connection(settings) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(settings: DatabaseSettings, revision: str = "head") -> None:
    """Run the migrations that are missing up to the revision, each in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with _connection(settings) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def migrate(settings: DatabaseSettings) -> None:
    """Run what is missing, then write the universe."""
    upgrade(settings)
    write_universe(settings)


def write_universe(settings: DatabaseSettings) -> None:
    """collected_00_meta_etf as config says: new rows in, changed ones updated, others out."""
    rows = [(etf.ticker, etf.etf_type, etf.sector_name, etf.description) for etf in ETFS]
    with connect(settings) as connection, connection.transaction(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM collected_00_meta_etf WHERE ticker <> ALL(%s)", ([row[0] for row in rows],))
        cursor.executemany(
            """INSERT INTO collected_00_meta_etf AS old (ticker, etf_type, sector_name, description, run_id)
               VALUES (%s, %s, %s, %s, 'migrate')
               ON CONFLICT (ticker) DO UPDATE SET etf_type = excluded.etf_type, sector_name = excluded.sector_name,
                   description = excluded.description, updated_at = now()
               WHERE (old.etf_type, old.sector_name, old.description)
                   IS DISTINCT FROM (excluded.etf_type, excluded.sector_name, excluded.description)""",
            rows,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Bring the schema up to date and the universe into it; with --check only say whether it is. Raises StageFailed."""
    parser = program_parser(__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the schema is current")
    arguments = parser.parse_args(argv)
    settings = load(DatabaseSettings)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        if arguments.check:
            found, expected = current_revision(settings), newest_revision()
            print(f"schema: expected {expected}, found {found or 'an empty database'}")
            return SUCCESS if found == expected else FAILED
        migrate(settings)
    except (DatabaseUnavailable, psycopg.OperationalError, sa.exc.OperationalError, CommandError) as error:
        raise StageFailed(one_line(error)) from error
    print(f"schema {newest_revision()}")
    return SUCCESS


if __name__ == "__main__":
    raise SystemExit(run_program(main))
