"""Errors as problem details (RFC 9457): what was wrong and what would be right, in one sentence."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import OperationalError
from psycopg_pool import PoolClosed, PoolTimeout
from starlette.exceptions import HTTPException

from api.schemas import Problem
from utils.clock import ClockUnavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "5"
TITLES = {
    400: "Bad request",
    401: "Key needed",
    404: "Not found",
    405: "Method not allowed",
    422: "Bad parameter",
    500: "Internal error",
    503: "Unavailable",
}
# Which problems a data route can answer with, for its OpenAPI entry.
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": TITLES[status], "content": {MEDIA_TYPE: {}}}
    for status in (401, 404, 422, 503)
}


class ProblemError(Exception):
    """Ends a request with a problem answer; `members` are further fields of it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> JSONResponse:
    """The answer itself."""
    body = Problem(title=TITLES.get(status, "Error"), status=status, detail=detail).model_dump() | members
    return JSONResponse(jsonable_encoder(body), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def unavailable(detail: str) -> JSONResponse:
    """503: try again soon."""
    return problem(503, detail, {"Retry-After": RETRY_AFTER_SECONDS})


def _sentence(error: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    return f"{name}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def install(app: FastAPI) -> None:
    """Every error of the app becomes a problem answer."""

    @app.exception_handler(ProblemError)
    async def _ours(_: Request, error: ProblemError) -> JSONResponse:
        return problem(error.status, error.detail, error.headers, **error.members)

    @app.exception_handler(RequestValidationError)
    async def _parameters(_: Request, error: RequestValidationError) -> JSONResponse:
        sentences = [_sentence(item) for item in error.errors()]
        return problem(422, "; ".join(sentences), errors=sentences)

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> JSONResponse:
        detail = f"There is no {request.url.path}; see /docs" if error.status_code == 404 else str(error.detail)
        return problem(error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeout)
    @app.exception_handler(PoolClosed)
    async def _database(_: Request, error: Exception) -> JSONResponse:
        log.warning("database away: %s", str(error).splitlines()[0] if str(error) else type(error).__name__)
        return unavailable("The database cannot be reached; try again in a few seconds")

    @app.exception_handler(ClockUnavailable)
    async def _clock(_: Request, error: ClockUnavailable) -> JSONResponse:
        log.warning("%s", error)
        return unavailable("The market's clock cannot be reached, so nothing can be dated; try again in a few seconds")

    @app.exception_handler(Exception)
    async def _bug(_: Request, __: Exception) -> JSONResponse:
        return problem(500, "Something went wrong here; it is in the log")
