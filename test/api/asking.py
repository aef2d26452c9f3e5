"""How tests ask the API."""

import csv
import io
from typing import Any

from fastapi.testclient import TestClient


def get(client: TestClient, path: str, **parameters: Any) -> dict[str, Any]:
    """An answer that must be good."""
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def problem(client: TestClient, path: str, status: int, /, **parameters: Any) -> dict[str, Any]:
    """A refusal that must have that status."""
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return dict(answer.json())


def table(client: TestClient, path: str, **parameters: Any) -> list[dict[str, str]]:
    """The rows of the answer as CSV."""
    answer = client.get(path, params=parameters or None, headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def parts(client: TestClient, path: str, rows: str, **parameters: Any) -> list[list[dict[str, Any]]]:
    """Every part of a long list, following next_cursor."""
    found: list[list[dict[str, Any]]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = get(client, path, **parameters, **cursor)
        found.append(answer[rows])
        if answer["next_cursor"] is None:
            return found
        cursor = {"cursor": answer["next_cursor"]}
