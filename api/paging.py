"""Long lists in parts. A cursor is opaque: the place of the last row seen, bound to the list and its filters.

A place is a key, not a count: rows that arrive while a caller reads neither repeat nor hide others.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.problems import ProblemError

R = TypeVar("R")
K = TypeVar("K", bound=tuple[Any, ...])
CHECK_BYTES = 6
BEGIN = "leave it out to begin at the start"


class Listing(Generic[K]):
    """A list in parts: its name and the type of its key.

    >>> bars = Listing("bars", tuple[date])
    >>> cursor = bars.cursor((date(2026, 1, 23),), {"symbol": "NVDA"})
    >>> bars.place(cursor, {"symbol": "NVDA"})
    (datetime.date(2026, 1, 23),)
    """

    def __init__(self, name: str, key: type[K]) -> None:
        self.name = name
        self._key: TypeAdapter[K] = TypeAdapter(key)

    def cursor(self, place: K, filters: dict[str, Any]) -> str:
        """The cursor that goes on after the place."""
        body = self._key.dump_json(place)
        return base64.urlsafe_b64encode(self._check(body, filters) + body).decode().rstrip("=")

    def place(self, cursor: str | None, filters: dict[str, Any]) -> K | None:
        """Where to go on; None without a cursor. Raises ProblemError 422 for one that this list did not give."""
        if cursor is None:
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            body = raw[CHECK_BYTES:]
            place = self._key.validate_json(body, strict=True)
        except (binascii.Error, ValueError, ValidationError):
            raise ProblemError(422, f"cursor: expected the next_cursor of an answer; {BEGIN}") from None
        if raw[:CHECK_BYTES] != self._check(body, filters):
            raise ProblemError(422, f"cursor: it belongs to a query with other parameters; {BEGIN}")
        return place

    def _check(self, body: bytes, filters: dict[str, Any]) -> bytes:
        bound = json.dumps([self.name, filters], default=str, sort_keys=True).encode()
        return hashlib.blake2b(bound + body, digest_size=CHECK_BYTES).digest()


def part(rows: Sequence[R], limit: int) -> tuple[Sequence[R], R | None]:
    """(rows of this part, the last of them if more follow): of one row more than the limit, where there is one.

    >>> part([1, 2, 3], 2)
    ([1, 2], 2)
    >>> part([1, 2], 2)
    ([1, 2], None)
    """
    return (rows[:limit], rows[limit - 1]) if len(rows) > limit else (rows, None)


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The Link header that leads to the next part (RFC 8288): a CSV answer has no other place for it."""
    if cursor is None:
        return {}
    url = request.url.include_query_params(cursor=cursor)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}


def filters_of(**given: date | datetime | str | BaseModel | None) -> dict[str, Any]:
    """The parameters a cursor is bound to, without those that were not given."""
    return {name: value for name, value in given.items() if value is not None}
