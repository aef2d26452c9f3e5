"""Dead letters: messages the consumers could not store. List them, look at one, send one again, or put it aside.

./start.sh run consumer/dead_letters.py list                               # those nobody has dealt with; or --all
./start.sh run consumer/dead_letters.py show stock-daily-data/3/1742
./start.sh run consumer/dead_letters.py replay stock-daily-data/3/1742     # to its topic again, unchanged; or --all
./start.sh run consumer/dead_letters.py drop stock-daily-data/3/1742       # kept, and not listed any more; or --all

A replayed message is stored like a new one: rows change, the closed run it came from does not. One that is still
wrong comes back as a new dead letter. One that cannot be sent is named and stays; the others are sent.
"""

import argparse
import sys
from collections.abc import Sequence

import psycopg
from kafka import KafkaProducer
from kafka.errors import KafkaError, RetriableError

from config.settings import KafkaSettings, load
from consumer import unpacking
from database import dead_letters
from database.connection import Connection, DatabaseUnavailable, connect
from database.dead_letters import DeadLetter
from utils.arguments import program_parser
from utils.kafka import BrokerUnavailable, close_producer, producer
from utils.program import FAILED, SUCCESS, StageFailed, UsageError, one_line, run_program

SHOWN_BYTES = 2000


def main(argv: Sequence[str] | None = None) -> int:
    """List, show, replay or drop. Raises UsageError for a name that is none, StageFailed when a service is away."""
    arguments = _parser().parse_args(argv)
    try:
        with connect() as connection:
            if arguments.action == "list":
                return _list(connection, every=arguments.all)
            letters = _named(connection, arguments)
            if arguments.action == "show":
                return _show(connection, letters)
            return _replay(connection, letters) if arguments.action == "replay" else _drop(connection, letters)
    except (DatabaseUnavailable, BrokerUnavailable, psycopg.OperationalError) as error:
        raise StageFailed(one_line(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = program_parser(__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="one line each").add_argument("--all", action="store_true", help="every status")
    show = actions.add_parser("show", help="one in full")
    show.add_argument("name", help="topic/partition/offset")
    for action, about in (("replay", "send to the topic again"), ("drop", "put aside")):
        command = actions.add_parser(action, help=about)
        command.add_argument("name", nargs="?", help="topic/partition/offset")
        command.add_argument("--all", action="store_true", help="all that are new")
    return parser


def _named(connection: Connection, arguments: argparse.Namespace) -> list[DeadLetter]:
    """What the person means. Raises UsageError when that is unclear or nothing."""
    every = getattr(arguments, "all", False)
    if every == (arguments.name is not None):
        raise UsageError("name one dead letter as topic/partition/offset, or say --all")
    if every:
        return dead_letters.find(connection, status="new")
    topic, _, place = arguments.name.partition("/")
    partition, _, offset = place.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise UsageError(f"{arguments.name}: expected topic/partition/offset, such as stock-daily-data/3/1742")
    found = dead_letters.find(connection, topic=topic, partition=int(partition), offset=int(offset))
    if not found:
        raise UsageError(f"{arguments.name}: no such dead letter")
    if arguments.action != "show" and all(letter.status != "new" for letter in found):
        raise UsageError(f"{arguments.name} is {found[-1].status} already")
    return found if arguments.action == "show" else [letter for letter in found if letter.status == "new"]


def _list(connection: Connection, *, every: bool) -> int:
    letters = dead_letters.find(connection, status=None if every else "new")
    for letter in letters:
        key = (letter.key_begins or b"").decode(errors="backslashreplace")
        print(f"{letter.received_at:%Y-%m-%d %H:%M:%S}  {letter.status:<8}  {letter.name}  {key}  {letter.error_msg}")
    print(f"{len(letters)} dead letters")
    return SUCCESS


def _show(connection: Connection, letters: Sequence[DeadLetter]) -> int:
    for letter in letters:
        key, value, headers = dead_letters.content(connection, letter)
        value = value or b""
        print(f"{letter.name} (topic id {letter.topic_id}), {letter.status}, received {letter.received_at.isoformat()}")
        print(f"reason: {letter.error_msg}")
        print(f"key: {key!r}")
        for name, given in headers:
            print(f"header {name}: {given!r}")
        rest = f" … and {len(value) - SHOWN_BYTES} bytes more" if len(value) > SHOWN_BYTES else ""
        print(f"value: {value[:SHOWN_BYTES].decode(errors='backslashreplace')}{rest}")
    return SUCCESS


def _replay(connection: Connection, letters: Sequence[DeadLetter]) -> int:
    """Send first, mark then: a crash in between sends one twice, which changes nothing, instead of never.

    Raises StageFailed when the broker takes no messages.
    """
    settings = load(KafkaSettings)
    sender = producer(settings)
    replayed = 0
    try:
        for letter in letters:
            try:
                where = _send(connection, sender, letter, settings.delivery_timeout_s)
            except RetriableError as error:
                reason = f"the broker did not take it: {type(error).__name__}"
                raise StageFailed(f"{letter.name}: {reason}; {replayed} replayed before") from error
            except (ValueError, KafkaError) as error:
                print(f"{letter.name} cannot be sent and stays: {error}", file=sys.stderr)
                continue
            dead_letters.mark(connection, letter, "replayed")
            replayed += 1
            print(f"{letter.name} sent again as {where}")
    finally:
        close_producer(sender)
    print(f"{replayed} replayed")
    return SUCCESS if replayed == len(letters) else FAILED


def _send(connection: Connection, sender: KafkaProducer, letter: DeadLetter, timeout_s: float) -> str:
    """Where it stands now. Raises ValueError with what of it was not kept as it came, and KafkaError."""
    key, value, headers = dead_letters.content(connection, letter)
    for name, _ in headers:
        if name.startswith((unpacking.INSTEAD, unpacking.NOT_TEXT)):
            raise ValueError(name)
    sent = sender.send(
        letter.topic, key=key, value=value, headers=headers, partition=None if key else letter.partition
    ).get(timeout=timeout_s)
    return f"{sent.topic}/{sent.partition}/{sent.offset}"


def _drop(connection: Connection, letters: Sequence[DeadLetter]) -> int:
    for letter in letters:
        dead_letters.mark(connection, letter, "dropped")
        print(f"{letter.name} dropped")
    print(f"{len(letters)} dropped")
    return SUCCESS


if __name__ == "__main__":
    raise SystemExit(run_program(main))
