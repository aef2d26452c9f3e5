"""Which migration this version's tables are of, read from the migrations' files, and which a database is at.

For readers that only compare: Alembic, which runs migrations, would cost each of them 20 MB of memory.
"""

import re
from pathlib import Path

from psycopg.rows import scalar_row

from database.connection import Connection

VERSIONS = Path(__file__).parent / "migrations" / "versions"
LINK = re.compile(r'^(revision|down_revision)\b[^=]*= "(\w+)"', re.MULTILINE)


def newest_revision() -> str:
    """The one revision that no other follows. Raises RuntimeError when the files are no single chain."""
    links = [link for path in sorted(VERSIONS.glob("*.py")) for link in LINK.findall(path.read_text(encoding="utf-8"))]
    followed = {number for kind, number in links if kind == "down_revision"}
    heads = {number for kind, number in links if kind == "revision"} - followed
    if len(heads) != 1:
        raise RuntimeError(f"expected one newest migration in {VERSIONS}, found {sorted(heads)}")
    return str(heads.pop())


def stored_revision(connection: Connection) -> str | None:
    """The migration the database is at."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: str | None = cursor.execute("SELECT version_num FROM alembic_version").fetchone()
        return found
