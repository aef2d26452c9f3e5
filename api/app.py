"""The REST API (contracts 6).

uvicorn --factory api.app:create_app --host 127.0.0.1 --port 8000 --no-access-log
"""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.gzip import GZipMiddleware

from api import VERSION, logs, problems
from api.caching import KeptAnswers, Tagged
from api.dependencies import Services, authenticated, make_gate_pool, make_pool, only_known_parameters
from api.freshness import PlatformClock
from api.gate import OPEN_FILES, Gate
from api.metrics import registry_of
from api.negotiation import acceptable
from api.observation import Observed
from api.openapi import DESCRIPTION, complete, operation_id
from api.routers import ROUTERS, service
from config.settings import ApiSettings, DatabaseSettings, PlatformSettings, load


def create_app() -> FastAPI:
    """The app, from the environment: DB_*, API_*, PLATFORM_*."""
    database, api, platform = load(DatabaseSettings), load(ApiSettings), load(PlatformSettings)
    logs.configure()
    pool, gate_pool, clock = make_pool(database, api.pool_size), make_gate_pool(database), PlatformClock(platform)
    registry, requests = registry_of(pool, clock)
    services = Services(pool, gate_pool, clock, api, platform, registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pool.open(wait=False)  # the API starts without the database, too: /ready says so
        await gate_pool.open(wait=False)
        # What the start made stays: looking through it for garbage would hold every answer up for a tenth of a second.
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()
        await gate_pool.close()
        pool.close()

    app: FastAPI = FastAPIOffline(
        title="ActStock",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,  # a redirect would repeat the Host header, whatever it says
        static_url=OPEN_FILES.rstrip("/"),
    )
    app.state.services = services
    problems.install(app)
    # From the innermost to the outermost.
    app.add_middleware(Tagged)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(KeptAnswers, clock=clock, megabytes=api.cache_mb)
    app.add_middleware(Gate, pool=gate_pool, rate_per_minute=api.rate_per_minute)
    app.add_middleware(Observed, metrics=requests)
    app.include_router(service.open_router)
    every_route = [Depends(authenticated), Depends(only_known_parameters), Depends(acceptable)]
    for router in ROUTERS:
        app.include_router(router, dependencies=every_route)
    complete(app)
    return app
