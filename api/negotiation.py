"""Which form of an answer the caller wants: his headers, read once and handed on in a form of few variants."""

from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope
from werkzeug.datastructures import Accept, MIMEAccept
from werkzeug.http import parse_accept_header

from api.problems import ProblemError

JSON, CSV = "application/json", "text/csv"
NOTHING = "application/nothing"
CSV_OR_ELSE_ANY = f"{CSV}, */*;q=0.1"


class Form(NamedTuple):
    """What goes on to the routes as Accept and Accept-Encoding."""

    accept: str
    encoding: str


def accept_of(given: str) -> str:
    """JSON, CSV, CSV where there is one, or nothing we have; without a wish that can be read, JSON.

    >>> accept_of(";q="), accept_of("text/html, */*;q=0.8"), accept_of("text/*")
    ('application/json', 'application/json', 'text/csv')
    >>> accept_of("application/xml")
    'application/nothing'
    """
    wishes = parse_accept_header(given, MIMEAccept)
    if not any("/" in wish for wish in wishes.values()):
        return JSON
    best = wishes.best_match([JSON, CSV])
    if best == CSV:
        return CSV_OR_ELSE_ANY if wishes.quality(JSON) > 0 else CSV
    return best or NOTHING


def encoding_of(given: str) -> str:
    """Compressed when the caller takes that at least as gladly as plain.

    >>> encoding_of("br, gzip"), encoding_of("gzip;q=0"), encoding_of("")
    ('gzip', 'identity', 'identity')
    """
    wishes = parse_accept_header(given, Accept)
    return "gzip" if wishes.quality("gzip") > 0 and wishes.quality("gzip") >= wishes.quality("identity") else "identity"


def negotiate(scope: Scope) -> tuple[Scope, Form]:
    """The scope as the routes are to see it, and what stands in it."""
    headers = Headers(scope=scope)
    form = Form(accept_of(headers.get("accept", "")), encoding_of(headers.get("accept-encoding", "")))
    inner: Scope = {**scope, "headers": list(scope["headers"])}
    handed_on = MutableHeaders(scope=inner)
    handed_on["Accept"], handed_on["Accept-Encoding"] = form
    return inner, form


async def acceptable(request: Request) -> None:
    """Raises ProblemError 406 when the route has no form that the caller takes."""
    offered = [JSON, *(request.scope["route"].responses.get(200, {}).get("content", {}))]
    accepted = parse_accept_header(request.headers["accept"], MIMEAccept)
    if accepted.best_match(offered) is None:
        raise ProblemError(406, f"This path answers {' or '.join(offered)}", accepted=offered)
