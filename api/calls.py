"""What the layers of the app know of one request, handed on in its ASGI scope."""

import time
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import Scope


@dataclass
class Call:
    """One request.

    route: the template of its path, which has no value in it; None for a path that does not exist
    data_version: equal ones see equal data; None on open paths
    """

    request_id: str
    started: float = field(default_factory=time.perf_counter)
    route: str | None = None
    key_name: str | None = None
    refused: str | None = None
    data_version: str | None = None
    stored: Literal["hit", "miss"] | None = None

    @property
    def milliseconds(self) -> float:
        """Since it arrived."""
        return round((time.perf_counter() - self.started) * 1000, 2)


def begin(scope: Scope, call: Call) -> None:
    """Hand the call on to the layers below."""
    scope.setdefault("state", {})["call"] = call


def call_of(scope: Scope) -> Call:
    """What `begin` handed on."""
    found: Call = scope["state"]["call"]
    return found
