"""Values in doubt: bars and market caps that moved too far to be believed unseen (rules 2). List them, confirm one.

./start.sh run consumer/doubts.py list
./start.sh run consumer/doubts.py confirm TSLA 2026-01-23 --note "as in the exchange's own list"
./start.sh run consumer/doubts.py confirm TSLA 2026-01-23 --what cap --note "as in the quarterly report"

What is in doubt is left out of results and named there. A doubt also ends by itself when a later session's fetch gives
the value again. After a confirmation, run the stages again: they see that a row they read has changed.
"""

import argparse
from collections.abc import Sequence
from typing import get_args

import psycopg

from database.connection import Connection, DatabaseUnavailable, connect
from database.doubts import Doubt, What, confirm, open_doubts
from utils.arguments import DAY, a_date, program_parser
from utils.program import SUCCESS, StageFailed, UsageError, one_line, run_program


def main(argv: Sequence[str] | None = None) -> int:
    """List or confirm. Raises UsageError when what is named is not in doubt, StageFailed when the database is away."""
    given = _parser().parse_args(argv)
    try:
        with connect() as connection:
            return _list(connection) if given.action == "list" else _confirm(connection, given)
    except (DatabaseUnavailable, psycopg.OperationalError) as error:
        raise StageFailed(one_line(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = program_parser(__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="one line each")
    command = actions.add_parser("confirm", help="the value is right")
    command.add_argument("ticker", help="the source's symbol")
    command.add_argument("session", type=a_date, help=DAY)
    command.add_argument("--what", choices=get_args(What), default="bar", help="the bar (default) or the market cap")
    command.add_argument("--note", required=True, help="how you know: kept with the finding")
    return parser


def _list(connection: Connection) -> int:
    doubts = open_doubts(connection)
    for doubt in doubts:
        print(_line(doubt))
    print(f"{len(doubts)} in doubt")
    return SUCCESS


def _confirm(connection: Connection, given: argparse.Namespace) -> int:
    named = [
        doubt
        for doubt in open_doubts(connection)
        if (doubt.ticker, doubt.session, doubt.what) == (given.ticker.upper(), given.session, given.what)
    ]
    if not named:
        raise UsageError(f"{given.ticker} {given.session}: no {given.what} in doubt; see: consumer/doubts.py list")
    for doubt in named:
        if not confirm(connection, doubt, note=given.note):
            raise StageFailed(f"{doubt.ticker} {doubt.session}: the value has just changed; list again")
        print(f"confirmed: {_line(doubt)}")
    return SUCCESS


def _line(doubt: Doubt) -> str:
    return f"{doubt.ticker:<10} {doubt.session}  {doubt.what}  {doubt.value.normalize():f}  {doubt.reason}"


if __name__ == "__main__":
    raise SystemExit(run_program(main))
