"""Whether the API is up, and how fresh the platform is."""

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder
from psycopg import errors

from api import VERSION
from api.dependencies import App, Database, RawConnection
from api.figures import won_per_dollar
from api.freshness import late_at, next_run_at, sessions_behind
from api.problems import DOCUMENTED, RETRY_AFTER_SECONDS, ProblemError
from api.schemas import Health, Ready, Sessions, Status
from database import read_portfolios, read_stocks
from database.schema_revision import newest_revision, stored_revision
from utils.sessions import next_session, sessions_between

open_router = APIRouter(tags=["service"])
router = APIRouter(tags=["service"], responses=DOCUMENTED)
NEWEST_REVISION = newest_revision()


NOT_KEPT = {"Cache-Control": "no-store"}


@open_router.get("/health", summary="Is the process up?")
async def health(response: Response) -> Health:
    """Always 200 while the process answers: on its event loop, so that no wait for the database delays it."""
    response.headers.update(NOT_KEPT)
    return Health()


@open_router.get("/ready", summary="Can requests be answered?", responses={503: DOCUMENTED[503]})
def ready(response: Response, db: RawConnection) -> Ready:
    """200 with a migrated database; 503 while it is away or a migration is missing."""
    response.headers.update(NOT_KEPT)
    try:
        found = stored_revision(db)
    except errors.UndefinedTable:
        found = None
    if found != NEWEST_REVISION:
        raise ProblemError(
            503,
            f"Migrations are missing: expected {NEWEST_REVISION}, found {found or 'none'}",
            {"Retry-After": RETRY_AFTER_SECONDS},
        )
    return Ready(schema_revision=found)


@open_router.get(
    "/metrics",
    summary="For Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, app: App) -> Response:
    """Requests of this process; ledger, freshness, budget and incidents as the database has them, if it answers."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(app.registry), headers=NOT_KEPT | {"Content-Type": media_type})


@router.get("/status", summary="How fresh are the results?")
def status(app: App, db: Database) -> Status:
    """Newest results against the session they should describe (rules 1), and when the pipeline runs next."""
    newest = read_portfolios.newest_portfolio_date(db)
    expected = app.clock.expected_session()
    behind = None if newest is None else sessions_behind(newest, expected)
    is_current = newest is not None and app.is_current(newest)
    rate = read_stocks.fx_rate(db, "KRW", newest) if newest else None
    return Status(
        as_of_date=newest,
        expected_as_of_date=expected,
        sessions_behind=behind,
        freshness="current" if behind == 0 else "due" if is_current else "behind",
        due_at=late_at(newest, app.api.fresh_hours) if newest and behind else None,
        is_current=is_current,
        computed_at=read_portfolios.newest_computed_at(db, newest) if newest else None,
        next_run_at=next_run_at(app.clock.now()),
        is_demo=app.platform.is_demo,
        market=app.platform.market,
        usd_krw=won_per_dollar(rate.usd_per_unit) if rate else None,
        usd_krw_date=rate.rate_date if rate else None,
        version=VERSION,
    )


@router.get("/sessions", summary="Which dates have results?")
def sessions(app: App, db: Database) -> Sessions:
    """Sessions with portfolios, those in between without, and the rebalance dates."""
    found = read_portfolios.portfolio_dates(db, monthly=False)
    until = app.clock.expected_session()
    return Sessions(
        first=found[0] if found else None,
        newest=found[-1] if found else None,
        sessions=found,
        without_result=sorted(set(sessions_between(found[0], until)) - set(found)) if found else [],
        next_session=next_session(until),
        rebalances=read_portfolios.portfolio_dates(db, monthly=True),
    )
