"""What ran, how fresh each table is, what looked wrong: for operators (contracts 5.3)."""

from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from api.dependencies import App, Database, Services
from api.freshness import newest_rebalance, weekly_session
from api.paging import Listing, filters_of, part
from api.parameters import (
    CheckName,
    Cursor,
    ItemStatusQuery,
    Limit,
    Process,
    RunId,
    RunStatusQuery,
    SeverityQuery,
    TickerQuery,
)
from api.problems import DOCUMENTED, ProblemError
from api.schemas import Finding, Findings, Freshness, Run, RunDetail, RunItem, Runs, TableFreshness
from api.tables import CSV_DOCUMENTED, table_answer
from database import read_pipeline
from database.connection import Connection
from database.read_pipeline import Reach
from utils.sessions import session_offset, sessions_between

router = APIRouter(prefix="/pipeline", tags=["pipeline"], responses=DOCUMENTED)
RUNS = Listing("runs", tuple[datetime, str])
ITEMS = Listing("items", tuple[str, str])
FINDINGS = Listing("findings", tuple[int])
FIRST_SESSION = date(2000, 1, 3)  # of the calendar


@router.get("/runs", summary="What ran", response_model=Runs, responses=CSV_DOCUMENTED)
def pipeline_runs(
    request: Request,
    app: App,
    db: Database,
    *,
    status: RunStatusQuery = None,
    process: Process = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Runs | Response:
    """Every attempt of every program, newest start first, with what became of its items in numbers (contracts 4).

    as_of_date and computed_at are those of the newest run, whatever the filters.
    """
    filters = filters_of(status=status, process=process)
    place = RUNS.place(cursor, filters)
    found = read_pipeline.runs(db, status=status, process=process, before=place, limit=limit + 1)
    if not found and process is not None:
        known = read_pipeline.processes(db)
        if process not in known:
            detail = f"process: expected one of {', '.join(known) or 'none: nothing has run yet'}"
            raise ProblemError(422, detail, accepted=known)
    rows, last = part(found, limit)
    answer = Runs(
        **dated(app, db),
        next_cursor=RUNS.cursor((last.started_at, last.run_id), filters) if last else None,
        runs=[run_row(row) for row in rows],
    )
    return table_answer(request, answer, name="runs", row_type=Run, rows=answer.runs, next_cursor=answer.next_cursor)


@router.get("/runs/{run_id}", summary="One run with its items", response_model=RunDetail, responses=CSV_DOCUMENTED)
def pipeline_run(
    request: Request,
    app: App,
    db: Database,
    run_id: RunId,
    *,
    status: ItemStatusQuery = None,
    limit: Limit = 500,
    cursor: Cursor = None,
) -> RunDetail | Response:
    """What became of each item of a run, by ticker; with status, only those (contracts 4).

    Items of a batch program are sessions. Items are kept for a while (a setting), runs for longer.
    """
    found = read_pipeline.run(db, run_id)
    if found is None:
        raise ProblemError(404, f"There is no run {run_id}; GET /pipeline/runs lists them")
    filters = filters_of(run_id=run_id, status=status)
    place = ITEMS.place(cursor, filters)
    rows, last = part(read_pipeline.items(db, run_id, status=status, after=place, limit=limit + 1), limit)
    answer = RunDetail(
        as_of_date=found.as_of_date,
        computed_at=found.finished_at,
        is_current=app.is_current(found.as_of_date),
        next_cursor=ITEMS.cursor((last.ticker, last.operation), filters) if last else None,
        run=run_row(found),
        items=[RunItem.model_validate(row) for row in rows],
    )
    return table_answer(
        request, answer, name=f"items-{run_id}", row_type=RunItem, rows=answer.items, next_cursor=answer.next_cursor
    )


def run_row(row: read_pipeline.Run) -> Run:
    """A run with what follows from its columns."""
    took = None if row.finished_at is None else (row.finished_at - row.started_at).total_seconds()
    accounted = row.stored + row.unchanged + row.failed + row.dead_lettered
    adds_up = row.status == "running" or row.requested == accounted
    return Run.model_validate(vars(row) | {"took_seconds": took, "adds_up": adds_up})


def dated(app: Services, db: Connection) -> dict[str, Any]:
    """The fields of Dated about the newest run; before the first, about the session that is expected."""
    newest = read_pipeline.runs(db, limit=1)
    if not newest:
        return {"as_of_date": app.clock.expected_session(), "computed_at": None, "is_current": False}
    return {
        "as_of_date": newest[0].as_of_date,
        "computed_at": newest[0].finished_at,
        "is_current": app.is_current(newest[0].as_of_date),
    }


@router.get("/freshness", summary="How far each table reaches", response_model=Freshness, responses=CSV_DOCUMENTED)
def pipeline_freshness(request: Request, app: App, db: Database) -> Freshness | Response:
    """The newest date in each table against the one that should be there by now, and how many rows there are.

    Daily tables should have the last closed session (rules 1), exchange rates the one before it (rules 4). A session
    that only just closed is expected, too: /status tells when it is due. Weekly tables should have the session of the
    last Sunday, monthly ones the last rebalance, both from API_FRESH_HOURS after their run began.
    """
    due = app.clock.now() - timedelta(hours=app.api.fresh_hours)
    expected = {
        "daily": app.clock.expected_session(),
        "weekly": weekly_session(due, settle_minutes=app.platform.settle_minutes),
        "monthly": newest_rebalance(due),
    }
    tables = [
        table_row(table, read_pipeline.reach(db, table), expected[table.cadence]) for table in read_pipeline.TABLES
    ]
    daily = [row.newest_date for row in tables if row.cadence == "daily" and row.newest_date is not None]
    answer = Freshness(
        as_of_date=expected["daily"],
        computed_at=dated(app, db)["computed_at"],
        is_current=bool(daily) and app.is_current(min(daily)),
        tables=tables,
    )
    return table_answer(request, answer, name="freshness", row_type=TableFreshness, rows=answer.tables)


def table_row(table: read_pipeline.Dated, found: Reach, expected: date) -> TableFreshness:
    """One table against what is expected of it."""
    newest = found.newest_date
    expected = session_offset(expected, -table.sessions_before) if table.sessions_before else expected
    # After the date itself: a rate is dated by its day and a list by a Sunday, and neither need be a session.
    after = None if newest is None else max(newest, FIRST_SESSION) + timedelta(days=1)
    return TableFreshness(
        table=table.table,
        about=table.about,
        cadence=table.cadence,
        newest_date=newest,
        expected_date=expected,
        sessions_behind=None if after is None else len(sessions_between(after, expected)),
        row_count=found.row_count,
        is_estimate=found.is_estimate,
    )


@router.get("/quality", summary="What looked wrong in the data", response_model=Findings, responses=CSV_DOCUMENTED)
def pipeline_quality(
    request: Request,
    app: App,
    db: Database,
    *,
    severity: SeverityQuery = None,
    check_name: CheckName = None,
    ticker: TickerQuery = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Findings | Response:
    """Findings of every run, newest first: missing sessions, doubts, restated values, … (rules 2).

    as_of_date and computed_at are those of the newest run.
    """
    filters = filters_of(severity=severity, check_name=check_name, ticker=ticker)
    place = FINDINGS.place(cursor, filters)
    found = read_pipeline.findings(
        db,
        severity=severity,
        check_name=check_name,
        ticker=ticker,
        before=place[0] if place else None,
        limit=limit + 1,
    )
    rows, last = part(found, limit)
    answer = Findings(
        **dated(app, db),
        next_cursor=FINDINGS.cursor((last.finding_id,), filters) if last else None,
        findings=[Finding.model_validate(row) for row in rows],
    )
    return table_answer(
        request, answer, name="findings", row_type=Finding, rows=answer.findings, next_cursor=answer.next_cursor
    )
