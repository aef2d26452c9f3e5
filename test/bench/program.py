"""How a bench runs as a program: whoever stops it, what it has started ends with it."""

from collections.abc import Callable
from typing import NoReturn

from utils.program import terminable


def run_bench(main: Callable[[], int | None]) -> NoReturn:
    """Run a bench's main and exit as it says. SIGTERM unwinds it as Ctrl-C does."""
    with terminable():
        raise SystemExit(main())
