"""The API's log: one JSON object a line, for people with `jq` and for machines.

A line of a request says who asked for which route and what came of it, never what was in the query or in a header: a
secret that somebody put at a wrong place is not written down.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

from config.settings import LogSettings, load


def _without_colours(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # the server's, for terminals
    return event


# What a line begins with, whoever wrote it: our own modules, the pool, the server.
BEGINNING: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    _without_colours,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
]
# The server's own, which have another form; its line of each request repeats the query.
SERVER_LOGGERS = ("uvicorn", "uvicorn.error")
REQUESTS_LOGGER = "uvicorn.access"


def formatter() -> logging.Formatter:
    """Any record as one line of JSON, its trace included."""
    return ProcessorFormatter(
        foreign_pre_chain=BEGINNING,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def configure() -> None:
    """Have the whole process log so, at LOG_LEVEL; where logging is set up already, nothing changes."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter())
    logging.basicConfig(level=load(LogSettings).level, handlers=[handler])
    for name in SERVER_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger(REQUESTS_LOGGER).disabled = True


def bound(**values: str) -> Mapping[str, Any]:
    """Values that stand in every line written for this request, in its threads, too; to be given to `unbound`."""
    return structlog.contextvars.bind_contextvars(**values)


def unbound(tokens: Mapping[str, Any]) -> None:
    """Forget what `bound` bound."""
    structlog.contextvars.reset_contextvars(**tokens)
