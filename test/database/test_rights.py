"""What each role may do, against a list kept by hand: a right that is not here is one too many (contracts 8)."""

from collections import defaultdict

import pytest

from database.connection import connect
from test.conftest import ROLES, Database

ADD, KEEP, REPLACE = "INSERT", "INSERT, UPDATE", "DELETE, INSERT"
ALL = "DELETE, INSERT, UPDATE"
WRITES: dict[str, dict[str, str]] = {
    "collector": {
        "process_executions": KEEP,
        "asset_processing_details": KEEP,
        "asset_processing_state": KEEP,
        "source_budget": KEEP,
        "data_quality_findings": ADD,
    },
    "consumer": {
        "collected_00_meta_stock": KEEP,
        "collected_00_market_cap": KEEP,
        "collected_00_fx_rate": KEEP,
        "collected_01_daily_etf_ohlc": ALL,
        "collected_04_etf_holdings": ALL,
        "collected_06_daily_stock_history": ALL,
        "consumer_offsets": KEEP,
        "logs_consumer_error": KEEP,
        "data_quality_findings": ADD,
        "asset_processing_details": "UPDATE (error, finished_at, permanent, rows, status, updated_at)",
    },
    "batch": {
        "process_executions": KEEP,
        "asset_processing_details": KEEP,
        "data_quality_findings": ADD,
        "analytics_portfolios": KEEP,
        "analytics_portfolio_revisions": ADD,
        "analytics_03_trending_etfs": REPLACE,
        "analytics_05_portfolio_allocation": REPLACE,
        "analytics_05_candidates": REPLACE,
        "analytics_08_monthly_portfolio": REPLACE,
        "analytics_09_etf_top_holdings": REPLACE,
        "analytics_09_etf_concentration": REPLACE,
        "analytics_09_etf_overlap": REPLACE,
        "analytics_etf_monthly": REPLACE,
        "analytics_sector_trending": REPLACE,
        "analytics_stock_trending": REPLACE,
        "analytics_portfolio_performance": REPLACE,
    },
    "api": {"api_keys": "UPDATE (last_used_at)"},
    "pipeline": {"pipeline_runs": ADD, "alert_incidents": KEEP},
}
# Of the tables; None: all but the keys of the API.
READS: dict[str, set[str] | None] = {
    "collector": None,
    "batch": None,
    "consumer": {
        *WRITES["consumer"],
    },
    "pipeline": {
        "process_executions",
        "asset_processing_details",
        "asset_processing_state",
        "analytics_portfolios",
        "analytics_03_trending_etfs",
        "pipeline_runs",
        "alert_incidents",
    },
}


def rights(database: Database) -> dict[str, dict[str, set[str]]]:
    """Role → table → rights on all of it, or on some columns."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for role, table, right in database.rows(
        """SELECT g.rolname, c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
           JOIN pg_roles g ON g.oid = a.grantee
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND g.rolname <> 'migrate'""",
    ):
        found[role][table].add(right)
    for role, table, right, columns in database.rows(
        """SELECT g.rolname, c.relname, a.privilege_type, string_agg(attname, ', ' ORDER BY attname::text COLLATE "C")
           FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
           JOIN pg_roles g ON g.oid = a.grantee
           WHERE c.relnamespace = 'public'::regnamespace AND g.rolname <> 'migrate' GROUP BY 1, 2, 3""",
    ):
        found[role][table].add(f"{right} ({columns})")
    return found


def test_each_role_writes_what_its_programs_write_and_nothing_else(database: Database) -> None:
    found = {
        role: {table: ", ".join(sorted(given - {"SELECT"})) for table, given in tables.items() if given - {"SELECT"}}
        for role, tables in rights(database).items()
    }
    assert found == WRITES


def test_each_role_reads_what_it_must(database: Database) -> None:
    tables = {name for (name,) in database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    found = {role: {table for table, given in of.items() if "SELECT" in given} for role, of in rights(database).items()}
    assert found.pop("api") == tables
    assert found == {role: tables - {"api_keys"} if reads is None else reads for role, reads in READS.items()}


def test_nobody_has_a_right_without_being_named_and_only_migrate_owns(database: Database) -> None:
    public = database.rows(
        """SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a
           WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 0""",
    )
    owners = database.rows(
        """SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
           WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')""",
    )
    assert (public, owners) == ([], [("migrate",)])


@pytest.mark.parametrize("role", [role for role in ROLES if role != "migrate"])
def test_no_role_makes_or_changes_a_table(database: Database, role: str) -> None:
    with connect(database.settings(role)) as connection:
        allowed = connection.execute(
            """SELECT has_schema_privilege('public', 'CREATE'), rolsuper OR rolcreaterole OR rolcreatedb
                   OR rolbypassrls OR rolreplication FROM pg_roles WHERE rolname = current_user"""
        ).fetchone()
    assert allowed == (False, False)
