"""A column's ending tells its type (database/NAMING_CONVENTION.md)."""

import re

from test.conftest import Database

TYPES = {
    r".*_date": "date",
    r".*_at": "timestamp with time zone",
    r".*_(pct|percent|return|positive_rate)|return_.*|volatility": "numeric(14,6)",
    r".*_weight": "numeric(12,10)",
    r".*_price": "numeric(18,6)",
    r"is_.*": "boolean",
    r"(.*_)?market_cap": "numeric(20,0)",
    r"(.*_)?volume": "bigint",
    r"(.*_)?ticker|ticker": "text",
}


def test_the_ending_of_a_column_tells_its_type(database: Database) -> None:
    with database.server.connect(database.name) as connection:
        columns = connection.execute(
            """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
                 AND NOT a.attisdropped AND c.relname <> 'alembic_version'"""
        ).fetchall()
    assert len(columns) > 200
    wrong = [
        f"{table}.{name}: expected {expected}, found {found}"
        for table, name, found in columns
        for pattern, expected in TYPES.items()
        if re.fullmatch(pattern, str(name)) and found != expected
    ]
    assert wrong == []
