"""The OpenAPI page (contracts 6): what FastAPI reads off the routes, and what it cannot know.

Refusals are problem details, answers of results have an ETag, and everything that may be answered has an example: a
real answer, whole, of the market in test/api/market.py. Each is a file of api/examples/, named after the operation, or
after the status of a refusal. test/api/test_examples.py holds the API to them, and makes them anew.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.problems import DOCUMENTED_PROBLEMS, MEDIA_TYPE, NOT_MODIFIED, TITLES
from api.schemas import Problem

EXAMPLES = Path(__file__).with_name("examples")
DESCRIPTION = """Which US ETFs beat SPY, and the portfolios of their best holdings, every evening.

Percent where a name ends in `_pct` or `_percent`, fractions where it ends in `_weight`, USD for market caps. A number
that could not be computed is null. "Rules 4.2" is a section of RULES.md, beside the code. Results are computed, past
returns selected them: not investment advice."""

_TEXT = {"type": "string"}
ETAG = {"description": "Names this answer: send it back as If-None-Match", "schema": _TEXT}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of the answer you have: a 304 without a body says that it still holds",
    "schema": _TEXT,
}
PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": {"description": "How to come in", "schema": _TEXT}},
    429: {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
}


def operation_id(route: APIRoute) -> str:
    """Stable and readable in generated clients: the function's name."""
    return route.name


def complete(app: FastAPI) -> None:
    """Have the page completed when it is first asked for."""
    read_off = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        return completed(read_off())

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def completed(page: dict[str, Any]) -> dict[str, Any]:
    """The page with the parts that its routes refer to, ETags and examples."""
    components = page["components"]
    components["schemas"]["Problem"] = Problem.model_json_schema()
    components["headers"] = {"ETag": ETAG}
    components["parameters"] = {"IfNoneMatch": IF_NONE_MATCH}
    components["responses"] = {NOT_MODIFIED: {"description": "The caller has this answer", "headers": _with_etag()}} | {
        f"Problem{status}": _refusal(status) for status in DOCUMENTED_PROBLEMS
    }
    for operation in _of_results(page):
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IfNoneMatch"})
        answer = operation["responses"]["200"]
        answer["headers"] = _with_etag()
        answer["content"]["application/json"] |= _examples(operation["operationId"])
    return page


def _of_results(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The operations that need a key."""
    for operations in page["paths"].values():
        yield from (operation for operation in operations.values() if operation.get("security"))


def _refusal(status: int) -> dict[str, Any]:
    content = {"schema": {"$ref": "#/components/schemas/Problem"}} | _examples(str(status))
    return {
        "description": TITLES[status],
        "headers": PROBLEM_HEADERS.get(status, {}),
        "content": {MEDIA_TYPE: content},
    }


def _with_etag() -> dict[str, Any]:
    return {"ETag": {"$ref": "#/components/headers/ETag"}}


def _examples(name: str) -> dict[str, Any]:
    file = EXAMPLES / f"{name}.json"
    if not file.exists():
        return {}
    example = json.loads(file.read_text(encoding="utf-8"))
    return {"examples": {"answer": {"summary": f"GET {example['request']}", "value": example["answer"]}}}
