"""Every table as JSON or, by `Accept: text/csv`, as CSV with the same figures."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, TypeVar, get_args

from fastapi import Request, Response
from pydantic import BaseModel

from api.paging import next_link
from api.schemas import Dated

A = TypeVar("A", bound=Dated)
CSV = "text/csv"
CSV_DOCUMENTED: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}


def wants_csv(request: Request) -> bool:
    """Whether the caller asked for CSV before all else."""
    return request.headers.get("accept", "").strip().startswith(CSV)


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _is_nested(annotation: Any) -> bool:
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in _kinds(annotation))


def csv_of(row_type: type[BaseModel], rows: Sequence[BaseModel], as_of_date: date) -> str:
    """One line a row, as_of_date first; lists of names joined by spaces, nested records left to JSON."""
    nested = {name for name, field in row_type.model_fields.items() if _is_nested(field.annotation)}
    columns = [name for name in row_type.model_fields if name not in nested]
    # of the answer, unless each row has its own
    dated = [] if "as_of_date" in columns else [as_of_date.isoformat()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*(["as_of_date"] if dated else []), *columns])
    for row in rows:
        values = row.model_dump(mode="json", include=set(columns))
        cells = [" ".join(value) if isinstance(value, list) else value for value in map(values.get, columns)]
        writer.writerow([*dated, *cells])
    return text.getvalue()


def table_answer(
    request: Request,
    answer: A,
    *,
    name: str,
    row_type: type[BaseModel],
    rows: Sequence[BaseModel],
    next_cursor: str | None = None,
) -> A | Response:
    """The answer as the caller wants it."""
    if wants_csv(request):
        headers = {"Content-Disposition": f'attachment; filename="{name}-{answer.as_of_date}.csv"'}
        text = csv_of(row_type, rows, answer.as_of_date)
        return Response(text, media_type=f"{CSV}; charset=utf-8", headers=headers | next_link(request, next_cursor))
    return answer
