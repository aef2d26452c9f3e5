"""Arguments that the producers share, and their one way to end."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence

import psycopg

from config.universe import FIRST_FETCH_SESSIONS
from database.connection import DatabaseUnavailable
from utils.arguments import DAY, a_date, program_parser
from utils.clock import ClockUnavailable, NotAClosedSession
from utils.messages import SYMBOL
from utils.program import StageFailed, one_line, run_program

# About as many as there are since 2000, where sessions begin.
MOST_SESSIONS = 6_500


def parser(doc: str) -> argparse.ArgumentParser:
    """A parser that shows the module's text, example included, with --as-of and --plan."""
    made = program_parser(doc)
    made.add_argument("--as-of", type=a_date, metavar=DAY, help="session to collect (default: the newest closed)")
    made.add_argument("--force", action="store_true", help="ask again for what is stored: newest bars, caps, lists")
    made.add_argument("--plan", action="store_true", help="show what would be asked for, and ask for nothing")
    return made


def add_sessions(arguments: argparse.ArgumentParser) -> None:
    """--sessions: the length of the history, for the producers of bars."""
    arguments.add_argument(
        "--sessions",
        type=a_count,
        default=FIRST_FETCH_SESSIONS,
        metavar="N",
        help=f"history to have of each, one request whatever the length (default: {FIRST_FETCH_SESSIONS} when first"
        " fetched; 2520 are ten years)",
    )


def a_count(text: str) -> int:
    """A number of sessions. Raises ArgumentTypeError."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_SESSIONS:
        raise argparse.ArgumentTypeError(f"expected a number of sessions from 1 to {MOST_SESSIONS}, got {text!r}")
    return int(text)


def tickers(text: str) -> list[str]:
    """A comma-separated list of symbols, as written by a person. Raises ArgumentTypeError."""
    found = [part.strip().upper() for part in text.split(",") if part.strip()]
    wrong = [ticker for ticker in found if not re.fullmatch(SYMBOL, ticker)]
    if wrong or not found:
        raise argparse.ArgumentTypeError(f"expected symbols such as NVDA,005930.KS, got {text!r}")
    return list(dict.fromkeys(found))


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a producer's main as a program: the exit codes of contracts 3, one line for what went wrong.

    Raises SystemExit with that code.
    """

    def named(argv: Sequence[str] | None) -> int:
        try:
            return main(argv)
        except (DatabaseUnavailable, ClockUnavailable) as error:
            raise StageFailed(str(error)) from error
        except (psycopg.OperationalError, OSError) as error:
            # The database went away, the disk is full: what was sent is stored, the next run asks for the rest
            raise StageFailed(f"{type(error).__name__}: {one_line(error)}") from error

    sys.exit(run_program(named, mistakes=(NotAClosedSession,)))
