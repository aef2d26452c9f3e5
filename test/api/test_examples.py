"""The examples of the OpenAPI page are what the API answers of test.api.market, whole: golden answers, one a path.
What holds for every path that needs a key is tried with the request of its example.

After a change that is meant, or for a new path (a file with its request alone), all of them are made anew by

    ACTSTOCK_RENEW_EXAMPLES=1 python -m pytest test/api/test_examples.py

and the difference is to be read before it is committed.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.openapi import EXAMPLES
from test.api.asking import table

FILES = sorted(EXAMPLES.glob("*.json"))
EMPTY = {"sessions": ["without_result"]}  # a list without a row shows nobody what a row is
UNDATED = {"sessions"}  # dates themselves


def operations(client: TestClient) -> dict[str, Any]:
    """operation id → its entry, of every operation that needs a key."""
    page = client.get("/openapi.json").json()
    found = [entry for entries in page["paths"].values() for entry in entries.values()]
    return {entry["operationId"]: entry for entry in found if "security" in entry}


def test_each_is_what_the_api_answers(reader: TestClient) -> None:
    for file in FILES:
        example = json.loads(file.read_text(encoding="utf-8"))
        answer = reader.get(example["request"])
        assert str(answer.status_code) == (file.stem if file.stem.isdigit() else "200"), answer.text
        if os.environ.get("ACTSTOCK_RENEW_EXAMPLES"):
            file.write_text(written({"request": example["request"], "answer": answer.json()}), encoding="utf-8")
        else:
            assert answer.json() == example["answer"], file.name
            assert file.read_text(encoding="utf-8") == written(example), f"{file.name} is not as it is written"


def written(example: dict[str, Any]) -> str:
    """As it stands in its file."""
    return json.dumps(example, indent=1, ensure_ascii=False) + "\n"


def test_every_operation_shows_its_own(reader: TestClient) -> None:
    found = operations(reader)
    assert {file.stem for file in FILES if not file.stem.isdigit()} == set(found)
    for name, operation in found.items():
        (shown,) = operation["responses"]["200"]["content"]["application/json"]["examples"].values()
        example = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        assert (shown["summary"], shown["value"]) == (f"GET {example['request']}", example["answer"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: Path(file).stem)
def test_none_is_empty_or_long(file: Path) -> None:
    answer = json.loads(file.read_text(encoding="utf-8"))["answer"]
    assert [name for name, value in answer.items() if value == []] == EMPTY.get(file.stem, [])
    assert len(file.read_text(encoding="utf-8").splitlines()) < 600


def test_every_answer_is_dated_confirmed_and_where_it_is_a_table_given_as_csv(reader: TestClient) -> None:
    tables = 0
    for name, operation in operations(reader).items():
        request = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))["request"]
        first = reader.get(request)
        lacking = {"as_of_date", "computed_at", "is_current"} - first.json().keys()
        assert bool(lacking) is (name in UNDATED), (name, lacking)
        again = reader.get(request, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"]), name
        if "text/csv" in operation["responses"]["200"]["content"]:
            rows = table(reader, request)
            assert rows and None not in rows[0], name  # each cell has a heading
            assert "as_of_date" in rows[0], name
            tables += 1
    assert tables > 20
