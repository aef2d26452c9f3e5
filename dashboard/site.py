"""The pages of the dashboard, and what the address of each may say.

A page is one line here, a file of the same name in pages/, and its texts and components.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from config.universe import ETFS as UNIVERSE
from config.universe import SECTOR_NAMES
from dashboard.texts import TEXTS


@dataclass(frozen=True)
class Choice:
    """One value of an address: what it is when left out, and which others are understood.

    values: all of them as a reader is offered them, where they can be listed.
    """

    default: str
    accepts: Callable[[str], bool]
    values: tuple[str, ...] = ()


def one_of(*values: str, default: str | None = None) -> Choice:
    """In this order; the first is the default unless another is named."""
    return Choice(values[0] if default is None else default, values.__contains__, values)


def matching(pattern: str) -> Choice:
    """Empty, or all of the pattern."""
    return Choice("", lambda given: re.fullmatch(pattern, given) is not None)


def _is_date(given: str) -> bool:
    try:
        date.fromisoformat(given)
    except ValueError:
        return False
    return len(given) == len("2026-01-23")


def _is_filters(given: str) -> bool:
    try:
        found = json.loads(given)
    except ValueError:
        return False
    return (
        len(given) <= MOST_OF_FILTERS
        and isinstance(found, dict)
        and all(isinstance(one, dict) for one in found.values())
    )


DATE = Choice("", _is_date)
MONTH = matching(r"\d{4}-(0[1-9]|1[0-2])")
WORDS = matching(r"[^\x00-\x1f]{1,60}")
TICKERS = matching(r"[A-Za-z0-9.^=-]{1,16}(,[A-Za-z0-9.^=-]{1,16}){0,40}")
NAME = matching(r"[A-Za-z0-9_.:+-]{1,120}")
MOST_OF_FILTERS = 600
PROCESSES = tuple(key.removeprefix("process.") for key in TEXTS if key.startswith("process."))
# what a reader does with a table: search words, column:direction, and filters by column as AG Grid writes them
TABLE = {"q": WORDS, "sort": matching(r"\w{1,40}:(asc|desc)"), "filter": Choice("", _is_filters)}


@dataclass(frozen=True)
class Page:
    """One page. `key`: pressed after g it leads there; `nav.<name>` is its text."""

    name: str
    path: str
    key: str
    choices: Mapping[str, Choice] = field(hash=False)

    @property
    def is_dated(self) -> bool:
        """It shows one session that the reader chooses."""
        return "date" in self.choices


PORTFOLIO = Page(
    "portfolio",
    "/",
    "p",
    {
        "period": one_of("5", "10", "20", "monthly", default="20"),
        "date": DATE,
        "sector": one_of("", *SECTOR_NAMES),
        "only": TICKERS,
        "cap": one_of("usd", "krw"),
        "stock": TICKERS,
        **TABLE,
    },
)
ETFS = Page(
    "etfs",
    "/etfs",
    "e",
    {
        "period": one_of("5", "10", "20", default="20"),
        "date": DATE,
        "group": one_of("all", "sector", "benchmark"),
        "etf": one_of(*(etf.ticker for etf in UNIVERSE), default="QQQ"),
        "panel": one_of("holdings", "top", "concentration", "overlap"),
        "range": one_of("60", "120", "250"),
        "chart": one_of("lines", "rotation"),
        **TABLE,
    },
)
SECTORS = Page(
    "sectors",
    "/sectors",
    "s",
    {
        "end": MONTH,
        "measure": one_of("return", "excess"),
        "order": one_of("fixed", "latest", "total"),
        "cells": one_of("colour", "plain"),
        "month": MONTH,
        **TABLE,
    },
)
PERFORMANCE = Page(
    "performance",
    "/performance",
    "f",
    {
        "strategy": one_of("all", "5d", "10d", "20d", "monthly"),
        "from": DATE,
        "to": DATE,
        "cost": one_of(*map(str, range(0, 55, 5)), default="10"),
        "scale": one_of("linear", "log"),
        **TABLE,
    },
)
PIPELINE = Page(
    "pipeline",
    "/pipeline",
    "l",
    {
        "tab": one_of("runs", "freshness", "quality"),
        "status": one_of("all", "failed", "partial", "running", "success", "skipped"),
        "process": one_of("all", *PROCESSES),
        "severity": one_of("all", "error", "warn", "info"),
        "run": NAME,
        "rows": one_of("100", "300", "1000"),
        **TABLE,
    },
)
PAGES = (PORTFOLIO, ETFS, SECTORS, PERFORMANCE, PIPELINE)
NOT_FOUND = Page("not_found", "/", "", {})  # of an address without a page: nothing leads there, it has no choice
