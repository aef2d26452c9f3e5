"""Failures the market can be told to have, and the log of what it was asked (contracts 9)."""

import re
from collections import deque
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt

TIMEOUT_SECONDS = 30.0


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


class Fault(BaseModel):
    """What to do to the next `times` requests that match.

    Without a kind: answer with `status` and `body` (a text for the status by default), or, with neither, the true
    answer after `delay_seconds`. Kinds: timeout (an answer that begins and, after the delay, 30 s by default, a dropped
    connection), broken_json (half of the true answer), missing_days (the chart without `days`), unknown_symbol (as if
    the source had never heard of it; in a batch quote of `symbols` only, when they are given).
    """

    model_config = ConfigDict(extra="forbid")
    match: Annotated[str, AfterValidator(_compiles)] = Field(description="regex on host + path + ? + query, unquoted")
    times: PositiveInt | None = Field(default=1, description="null: until the faults are deleted")
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    body: str | None = None
    delay_seconds: NonNegativeFloat = 0.0
    kind: Literal["timeout", "broken_json", "missing_days", "unknown_symbol"] | None = None
    days: list[date] = []
    symbols: list[str] = []

    @property
    def delay(self) -> float:
        """Seconds to wait before the answer, or before the connection is dropped."""
        return self.delay_seconds or (TIMEOUT_SECONDS if self.kind == "timeout" else 0.0)


class Faults:
    """The faults still to come, oldest first; the first that matches a request is the one it meets."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, faults: list[Fault]) -> None:
        """More faults, after those already there."""
        self._faults.extend(faults)

    def clear(self) -> None:
        """No faults any more."""
        self._faults.clear()

    def left(self) -> list[Fault]:
        """The faults with the number of times that are left."""
        return list(self._faults)

    def meet(self, target: str) -> Fault | None:
        """The fault this request meets, counted down."""
        for at, fault in enumerate(self._faults):
            if re.search(fault.match, target):
                if fault.times is not None and fault.times > 1:
                    self._faults[at] = fault.model_copy(update={"times": fault.times - 1})
                elif fault.times is not None:
                    del self._faults[at]
                return fault
        return None


class LoggedRequest(BaseModel):
    """One request the market got; status is null when the connection was dropped instead of an answer."""

    index: int
    time: datetime = Field(description="wall clock, UTC")
    host: str
    path: str
    query: str
    status: int | None


class RequestLog:
    """The newest requests; an index counts on when the log is cleared."""

    def __init__(self, limit: int = 50_000) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=limit)
        self._next = 0

    def add(self, host: str, path: str, query: str, status: int | None) -> None:
        """Note one request."""
        entry = {"index": self._next, "time": datetime.now(UTC), "host": host, "path": path, "query": query}
        self._requests.append(LoggedRequest.model_validate(entry | {"status": status}))
        self._next += 1

    def clear(self) -> None:
        """Forget all requests."""
        self._requests.clear()

    def since(self, start: datetime | int | None = None) -> list[LoggedRequest]:
        """The requests from an instant or an index on; all by default."""
        if isinstance(start, datetime):
            return [entry for entry in list(self._requests) if entry.time >= start]
        return [entry for entry in list(self._requests) if entry.index >= (start or 0)]
