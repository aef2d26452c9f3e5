"""What is not asked for, as it has failed too often: instruments in quarantine. List them, lift one.

./start.sh run collector/quarantine.py list
./start.sh run collector/quarantine.py lift BRKB                       # everything of an instrument
./start.sh run collector/quarantine.py lift BRKB --operation bars
./start.sh run collector/quarantine.py lift --all

Permanent failures on five sessions without a success between them are a quarantine of 7 days, each further one of 30.
What is lifted is asked for by the next run; a success forgets the past, one more failure is a quarantine of 30 days.
"""

import argparse
from collections.abc import Sequence
from typing import get_args

from collector.arguments import run
from database.connection import connect
from database.processing import Quarantine, lift, quarantines
from utils.arguments import program_parser
from utils.messages import Kind
from utils.program import SUCCESS, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """List or lift. Raises UsageError when what is named is not in quarantine."""
    given = _parser().parse_args(argv)
    with connect() as connection:
        found = quarantines(connection)
        if given.action == "list":
            for each in found:
                print(_line(each))
            print(f"{len(found)} in quarantine")
            return SUCCESS
        for each in _named(found, given):
            lift(connection, each)
            print(f"lifted: {_line(each)}")
    return SUCCESS


def _parser() -> argparse.ArgumentParser:
    parser = program_parser(__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="one line each")
    command = actions.add_parser("lift", help="ask again with the next run")
    command.add_argument("ticker", nargs="?", help="the source's symbol, or a currency")
    command.add_argument("--operation", choices=get_args(Kind), help="this one only (default: all of the instrument)")
    command.add_argument("--all", action="store_true", help="all that are in quarantine")
    return parser


def _named(found: Sequence[Quarantine], given: argparse.Namespace) -> list[Quarantine]:
    if given.all == (given.ticker is not None):
        raise UsageError("name one instrument, or say --all")
    named = [
        each
        for each in found
        if (given.all or each.ticker.upper() == given.ticker.upper()) and given.operation in (None, each.operation)
    ]
    if not named and not given.all:
        what = f"{given.ticker} {given.operation or ''}".strip()
        raise UsageError(f"{what}: not in quarantine; see: collector/quarantine.py list")
    return named


def _line(each: Quarantine) -> str:
    good = f"{each.last_success:%Y-%m-%d}" if each.last_success else "never"
    return (
        f"{each.ticker:<10} {each.operation:<8}  until {each.next_retry_at:%Y-%m-%d}  "
        f"failed on {each.strikes} sessions, last good {good}: {each.last_error}"
    )


if __name__ == "__main__":
    run(main)
