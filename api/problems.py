"""Errors as problem details (RFC 9457): what was wrong and what would be right, in one sentence."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import InterfaceError, OperationalError, errors
from starlette.exceptions import HTTPException

from api.schemas import Problem
from utils.clock import ClockUnavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "5"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
TITLES = {
    400: "Bad request",
    401: "Key needed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    414: "Address too long",
    422: "Bad parameter",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}
# What a route of results can answer with besides its data. api.openapi describes each once, for all routes.
NOT_MODIFIED = "NotModified"
DOCUMENTED_PROBLEMS = (401, 404, 406, 414, 422, 429, 503)
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    304: {"$ref": f"#/components/responses/{NOT_MODIFIED}"},
    **{status: {"$ref": f"#/components/responses/Problem{status}"} for status in DOCUMENTED_PROBLEMS},
}
LONGEST_PATH = 200
"""Characters of a path that an answer repeats."""


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
    given = {"Cache-Control": "no-store"} | (headers or {})
    return JSONResponse(jsonable_encoder(body), status_code=status, headers=given, media_type=MEDIA_TYPE)


def unavailable(detail: str) -> JSONResponse:
    """503: try again soon."""
    return problem(503, detail, {"Retry-After": RETRY_AFTER_SECONDS})


def answer(error: Exception) -> JSONResponse:
    """What a caller is told of an error; one that nobody foresaw is a bug of ours and stands in the log."""
    match error:
        case ProblemError():
            return problem(error.status, error.detail, error.headers, **error.members)
        # The pool's own errors are operational ones; a connection that died under a query may be either.
        case OperationalError() | InterfaceError():
            log.warning("database away: %s", _first_line(error))
            return unavailable("The database cannot be reached; try again in a few seconds")
        case errors.UndefinedTable() | errors.UndefinedColumn() | errors.UndefinedFunction():
            log.error("schema of another version: %s", _first_line(error))
            return unavailable("The database's schema is not the one of this version; see /ready")
        case ClockUnavailable():
            log.warning("%s", error)
            return unavailable(
                "The market's clock cannot be reached, so nothing can be dated; try again in a few seconds"
            )
    log.error("unforeseen: %s", type(error).__name__, exc_info=error)
    return problem(500, "Something went wrong here; it is in the log, under the X-Request-ID of this answer")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _sentence(error: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}"


def install(app: FastAPI) -> None:
    """Every error of the app becomes a problem answer."""

    @app.exception_handler(ProblemError)
    @app.exception_handler(OperationalError)
    @app.exception_handler(InterfaceError)
    @app.exception_handler(ClockUnavailable)
    async def _foreseen(_: Request, error: Exception) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def _parameters(_: Request, error: RequestValidationError) -> JSONResponse:
        sentences = [_sentence(item) for item in error.errors()]
        return problem(422, "; ".join(sentences), errors=sentences)

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        detail = str(error.detail)
        if error.status_code == 404:
            detail = f"There is no {request.url.path[:LONGEST_PATH]}; see /docs"
        if error.status_code == 405:
            allowed = sorted({"GET", "HEAD"} if "GET" in headers.get("Allow", "GET") else {headers["Allow"]})
            headers["Allow"] = ", ".join(allowed)
            detail = f"This path answers {' and '.join(allowed)}"
        return problem(error.status_code, detail, headers)
