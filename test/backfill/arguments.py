"""What both backfill programs take, and the way to the source that they share."""

import argparse
from datetime import timedelta
from pathlib import Path

from collector.arguments import a_count
from config.settings import PlatformSettings, load
from config.universe import FIRST_FETCH_SESSIONS
from test.backfill.cache import remove_old
from utils.arguments import program_parser
from utils.clock import wall_now

CACHE = Path(__file__).resolve().parent.parent / ".cache"
# What a backfill has not got today it may get tomorrow: nothing is for good.
NO_DEADLINE = timedelta.max


def parser(doc: str) -> argparse.ArgumentParser:
    """A parser that shows the module's text, with --days, --no-cache and --plan."""
    made = program_parser(doc)
    made.add_argument(
        "--days",
        type=a_count,
        default=20,
        metavar="N",
        help=f"newest sessions to have (default: 20; what is first fetched has {FIRST_FETCH_SESSIONS} at least)",
    )
    made.add_argument("--no-cache", action="store_true", help="ask for what was answered within a day, too")
    made.add_argument("--plan", action="store_true", help="show what would be asked for, and ask for nothing")
    return made


def seconds(text: str) -> float:
    """A number of seconds or minutes, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number, 0 or more, got {text!r}")
    return value


def sessions(days: int) -> int:
    """How long a history the planner looks at: a first fetch never brings less than the usual."""
    return max(days, FIRST_FETCH_SESSIONS)


def cache_folder(*, no_cache: bool) -> Path | None:
    """Where this market's answers are kept; old ones are removed."""
    if no_cache:
        return None
    folder = CACHE / load(PlatformSettings).market
    remove_old(folder, now=wall_now())
    return folder
