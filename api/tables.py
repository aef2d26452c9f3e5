"""Every table as JSON or, by `Accept: text/csv`, as CSV with the same figures."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar, get_args

from fastapi import Request, Response
from pydantic import BaseModel

A = TypeVar("A", bound=BaseModel)
CSV = "text/csv"
CSV_DOCUMENTED: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}


def wants_csv(request: Request) -> bool:
    """Whether the caller asked for CSV and not also for JSON."""
    accept = request.headers.get("accept", "")
    return CSV in accept and "json" not in accept


def _is_nested(annotation: Any) -> bool:
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in get_args(annotation))


def csv_of(row_type: type[BaseModel], rows: Sequence[BaseModel], as_of_date: date) -> str:
    """One line a row, as_of_date first; lists of names joined by spaces, nested records left to JSON."""
    nested = {name for name, field in row_type.model_fields.items() if _is_nested(field.annotation)}
    columns = [name for name in row_type.model_fields if name not in nested]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["as_of_date", *columns])
    for row in rows:
        values = row.model_dump(mode="json", exclude=nested)
        cells = [" ".join(value) if isinstance(value, list) else value for value in values.values()]
        writer.writerow([as_of_date.isoformat(), *cells])
    return text.getvalue()


def table_answer(
    request: Request, answer: A, *, name: str, row_type: type[BaseModel], rows: Sequence[BaseModel], as_of_date: date
) -> A | Response:
    """The answer as the caller wants it."""
    if not wants_csv(request):
        return answer
    headers = {"Content-Disposition": f'attachment; filename="{name}-{as_of_date}.csv"'}
    return Response(csv_of(row_type, rows, as_of_date), media_type=f"{CSV}; charset=utf-8", headers=headers)
