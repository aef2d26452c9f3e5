"""What programs' command lines have in common: help as it is written, and dates, one or a range of them."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from datetime import date
from typing import Any

from utils.program import UsageError

DAY, MONTH = "YYYY-MM-DD", "YYYY-MM"


def program_parser(doc: str | None) -> ArgumentParser:
    """A parser whose --help begins with the module's text, line by line as it stands there."""
    return ArgumentParser(description=doc, formatter_class=RawDescriptionHelpFormatter)


def a_date(text: str) -> date:
    """A day of the calendar, written YYYY-MM-DD and in no other way. Raises ArgumentTypeError.

    >>> a_date("2026-01-23")
    datetime.date(2026, 1, 23)
    """
    return _read(text, first_day=text, written=DAY)


def a_month(text: str) -> date:
    """The first day of a month, written YYYY-MM. Raises ArgumentTypeError.

    >>> a_month("2026-01")
    datetime.date(2026, 1, 1)
    """
    return _read(text, first_day=f"{text}-01", written=MONTH)


def _read(text: str, *, first_day: str, written: str) -> date:
    try:
        found: date | None = date.fromisoformat(first_day)
    except ValueError:
        found = None
    # Python also reads 20260105 and 2026-W05-1: a person who writes a week meant something else.
    if found is None or found.isoformat() != first_day:
        raise ArgumentTypeError(f"expected {written}, got {text!r}")
    return found


def parse_dates(
    parser: ArgumentParser, argv: Sequence[str] | None, *, one: str, what: str, default: str, written: str = DAY
) -> Namespace:
    """Parse `one`, --from and --to, each a `what`, beside the parser's own: in the result they are one, first and last.

    Either the one date is given, or both ends of a range, or nothing: all three are None then. Raises UsageError.
    """
    date_of: dict[str, Any] = {"type": a_month if written == MONTH else a_date, "metavar": written}
    parser.add_argument(one, dest="one", help=f"{what} to compute (default: {default})", **date_of)
    parser.add_argument("--from", dest="first", help=f"first {what} of a range, all of it anew", **date_of)
    parser.add_argument("--to", dest="last", help=f"last {what} of the range", **date_of)
    given = parser.parse_args(argv)
    if (given.first is None) != (given.last is None) or (given.one and given.first):
        raise UsageError(f"expected {one}, or both --from and --to")
    if given.first and given.first > given.last:
        first, last = (day.isoformat()[: len(written)] for day in (given.first, given.last))
        raise UsageError(f"--from {first} is after --to {last}")
    return given
