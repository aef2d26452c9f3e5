"""The REST API (contracts 6).

uvicorn --factory api.app:create_app --host 127.0.0.1 --port 8000
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware

from api import VERSION, problems
from api.caching import ConditionalGet
from api.dependencies import Services, authenticated, make_pool, only_known_parameters
from api.freshness import PlatformClock
from api.routers import dashboard, service, stocks
from config.settings import ApiSettings, DatabaseSettings, PlatformSettings, load

OPEN_PATHS = frozenset({"/health", "/ready", "/metrics", "/docs", "/redoc", "/openapi.json"})
DESCRIPTION = """Which US ETFs beat SPY, and the portfolios of their best holdings, every evening.

Percent where a name ends in `_pct` or `_percent`, fractions where it ends in `_weight`, USD for market caps. A number
that could not be computed is null. Results are computed, past returns selected them: not investment advice."""


def operation_id(route: APIRoute) -> str:
    """Stable and readable in generated clients: the function's name."""
    return route.name


def create_app() -> FastAPI:
    """The app, from the environment: DB_*, API_*, PLATFORM_*."""
    database, api, platform = load(DatabaseSettings), load(ApiSettings), load(PlatformSettings)
    services = Services(make_pool(database, api.pool_size), PlatformClock(platform), api, platform)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        services.pool.open(wait=False)  # the API starts without the database, too: /ready says so
        yield
        services.pool.close()

    app = FastAPI(
        title="ActStock",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
    )
    app.state.services = services
    problems.install(app)
    app.add_middleware(ConditionalGet, untagged=OPEN_PATHS)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.include_router(service.open_router)
    for router in (service.router, stocks.router, dashboard.router):
        app.include_router(router, dependencies=[Depends(authenticated), Depends(only_known_parameters)])
    return app
