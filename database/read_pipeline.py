"""What ran, how far each table reaches and what looked wrong, as readers see it (contracts 5.3)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

from psycopg.rows import class_row, scalar_row

from database.connection import Connection
from database.findings import Severity

Status = Literal["running", "success", "partial", "failed", "skipped"]
ItemStatus = Literal["planned", "sent", "stored", "unchanged", "failed", "dead_lettered"]
Cadence = Literal["daily", "weekly", "monthly"]
COUNTED = 10_000  # a table with more rows is not counted but estimated


@dataclass(frozen=True)
class Run:
    """One attempt of one program."""

    run_id: str
    process: str
    dag_run_id: str | None
    try_number: int
    from_date: date | None
    as_of_date: date
    status: Status
    usable: bool
    requested: int
    stored: int
    unchanged: int
    failed: int
    dead_lettered: int
    api_calls: int
    started_at: datetime
    finished_at: datetime | None
    not_before: datetime | None
    error: str | None


@dataclass(frozen=True)
class Item:
    """What became of one item of a run."""

    ticker: str
    operation: str
    status: ItemStatus
    rows: int
    api_calls: int
    error: str | None
    permanent: bool
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Finding:
    """Something that looked wrong."""

    finding_id: int
    found_at: datetime
    run_id: str
    check_name: str
    severity: Severity
    ticker: str | None
    session: date | None
    detail: str


class Dated(NamedTuple):
    """A table with dates: what it holds, how often it is brought up to date, the query of how far it reaches, how many
    sessions before the newest that should be."""

    table: str
    about: str
    cadence: Cadence
    newest: str
    sessions_before: int = 0


def _daily(table: str, about: str, column: str, *, sessions_before: int = 0) -> Dated:
    return Dated(table, about, "daily", f"SELECT max({column}) FROM {table}", sessions_before)


def _weekly(table: str, about: str) -> Dated:
    return Dated(table, about, "weekly", f"SELECT max(as_of_date) FROM {table}")


class Reach(NamedTuple):
    """How far a table reaches."""

    newest_date: date | None
    row_count: int
    is_estimate: bool


# A portfolio may be empty, and its header says so: what belongs to it reaches as far as the headers. Those of 5, 10 and
# 20 sessions are published in one transaction.
DAILY_HEADERS = "SELECT max(as_of_date) FROM analytics_portfolios WHERE strategy = '20d'"
MONTHLY_HEADERS = "SELECT max(as_of_date) FROM analytics_portfolios WHERE strategy = 'monthly'"
# Lists are asked for of ETFs that trend: where none did since the newest list, none is missing.
LISTS = """SELECT CASE WHEN newest IS NULL OR newest < needed THEN newest ELSE greatest(newest, computed) END
           FROM (SELECT (SELECT max(as_of_date) FROM collected_04_etf_holdings) AS newest,
                        (SELECT max(as_of_date) FROM analytics_03_trending_etfs WHERE is_trending) AS needed,
                        (SELECT max(as_of_date) FROM analytics_03_trending_etfs) AS computed) reached"""
# In the order in which they are filled.
TABLES = (
    _daily("collected_01_daily_etf_ohlc", "daily bars of the ETFs", "trade_date"),
    _daily("analytics_03_trending_etfs", "ETF returns against SPY", "as_of_date"),
    Dated("collected_04_etf_holdings", "holdings lists", "daily", LISTS),
    _daily("collected_06_daily_stock_history", "daily bars of the stocks", "trade_date"),
    _daily("collected_00_market_cap", "quoted market caps", "session_date"),
    # A session is converted with a rate dated before it (rules 4).
    _daily("collected_00_fx_rate", "exchange rates", "rate_date", sessions_before=1),
    Dated("analytics_portfolios", "headers of the portfolios of 5, 10 and 20 sessions", "daily", DAILY_HEADERS),
    Dated("analytics_05_portfolio_allocation", "their positions", "daily", DAILY_HEADERS),
    Dated("analytics_05_candidates", "what was looked at for them", "daily", DAILY_HEADERS),
    _daily("analytics_portfolio_performance", "realised performance", "trade_date"),
    Dated("analytics_08_monthly_portfolio", "positions of the monthly portfolios", "monthly", MONTHLY_HEADERS),
    _weekly("analytics_09_etf_top_holdings", "best holdings of each ETF"),
    _weekly("analytics_09_etf_concentration", "concentration of each ETF"),
    _weekly("analytics_09_etf_overlap", "overlap of the ETFs"),
)
RUN = """SELECT run_id, process, dag_run_id, try_number, from_date, as_of_date, status, usable, requested, stored,
                unchanged, failed, dead_lettered, api_calls, started_at, finished_at, not_before, error
         FROM process_executions"""
# Hops over the index instead of reading it.
PROCESSES = """WITH RECURSIVE hops AS (
                   SELECT min(process) AS process FROM process_executions
                   UNION ALL
                   SELECT (SELECT min(p.process) FROM process_executions p WHERE p.process > hops.process) FROM hops
                   WHERE hops.process IS NOT NULL)
               SELECT process FROM hops WHERE process IS NOT NULL"""


def runs(
    connection: Connection,
    *,
    status: Status | None = None,
    process: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> list[Run]:
    """Runs, newest start first, those before a place (started_at, run_id)."""
    started_at, run_id = before or (None, None)
    conditions = {
        "status = %(status)s": status,
        "process = %(process)s": process,
        "(started_at, run_id) < (%(started_at)s, %(run_id)s)": run_id,
    }
    where = " AND ".join(condition for condition, value in conditions.items() if value is not None) or "true"
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            f"{RUN} WHERE {where} ORDER BY started_at DESC, run_id DESC LIMIT %(limit)s",
            {"status": status, "process": process, "started_at": started_at, "run_id": run_id, "limit": limit},
        ).fetchall()


def run(connection: Connection, run_id: str) -> Run | None:
    """One run."""
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(f"{RUN} WHERE run_id = %s", (run_id,)).fetchone()


def processes(connection: Connection) -> list[str]:
    """Every process that ever ran, in name order."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(f"{PROCESSES} ORDER BY process").fetchall()


def items(
    connection: Connection,
    run_id: str,
    *,
    status: ItemStatus | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
) -> list[Item]:
    """Items of a run by ticker and operation, those after a place."""
    ticker, operation = after or (None, None)
    conditions = {
        "status = %(status)s": status,
        '(ticker COLLATE "C", operation COLLATE "C") > (%(ticker)s, %(operation)s)': ticker,
    }
    where = "".join(f" AND {condition}" for condition, value in conditions.items() if value is not None)
    with connection.cursor(row_factory=class_row(Item)) as cursor:
        return cursor.execute(
            f"""SELECT ticker, operation, status, rows, api_calls, error, permanent, started_at, finished_at
                FROM asset_processing_details WHERE run_id = %(run_id)s{where}
                ORDER BY ticker COLLATE "C", operation COLLATE "C" LIMIT %(limit)s""",
            {"run_id": run_id, "status": status, "ticker": ticker, "operation": operation, "limit": limit},
        ).fetchall()


def reach(connection: Connection, dated: Dated) -> Reach:
    """How far one table reaches, and how large it is: counted only where the planner's estimate is small."""
    row = connection.execute(
        f"""SELECT ({dated.newest}), reltuples::bigint
            FROM pg_class WHERE oid = '{dated.table}'::regclass"""
    ).fetchone()
    newest, estimate = row or (None, 0)
    if estimate > COUNTED:
        return Reach(newest, estimate, True)
    [(counted,)] = connection.execute(f"SELECT count(*) FROM (SELECT FROM {dated.table} LIMIT {COUNTED + 1}) few")
    return Reach(newest, counted, counted > COUNTED)


def findings(
    connection: Connection,
    *,
    severity: Severity | None = None,
    check_name: str | None = None,
    ticker: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Finding]:
    """Findings, newest first, those before a place (finding_id)."""
    conditions = {
        "severity = %(severity)s": severity,
        "check_name = %(check_name)s": check_name,
        "ticker = %(ticker)s": ticker,
        "finding_id < %(before)s": before,
    }
    where = " AND ".join(condition for condition, value in conditions.items() if value is not None) or "true"
    with connection.cursor(row_factory=class_row(Finding)) as cursor:
        return cursor.execute(
            f"""SELECT finding_id, created_at AS found_at, run_id, check_name, severity, ticker, session, detail
                FROM data_quality_findings WHERE {where} ORDER BY finding_id DESC LIMIT %(limit)s""",
            {
                "severity": severity,
                "check_name": check_name,
                "ticker": ticker,
                "before": before,
                "limit": limit,
            },
        ).fetchall()
