"""How every batch program runs: which sessions, one at a time, what the ledger says, how it ends (contracts 3, 4).

An item of a run is the date that a result describes: a session, a rebalance date, the as-of session of a month. Without
a range a program computes D and what is missing before it (of sessions: the last 20, rules 4); unless forced, it has
nothing to do when it succeeded for D and nothing it reads has changed.
"""

import logging
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import psycopg

from config.universe import CATCH_UP_SESSIONS
from database.connection import Connection, DatabaseUnavailable, connect, snapshot
from database.ledger import Item, Run, last_success, locked, open_run, record_skipped
from utils.arguments import parse_dates, program_parser
from utils.clock import ClockUnavailable, NotAClosedSession, closed_session, newest_session
from utils.program import FAILED, SUCCESS, AlreadyComplete, StageFailed, one_line, run_program, terminable
from utils.sessions import previous_session, sessions_between, sessions_until
from utils.spark import begin_early, early_start

log = logging.getLogger(__name__)

MANY_SESSIONS = 500  # measured: over 122 sessions the optimisers double a job's time, over 600 it is about even

EARLY_RANGE = timedelta(days=30)  # of a range that no program takes for years of data

NAMED_AT_ONCE = 10  # a long range leaves out more than a line can hold; the log has them all


class MissingInput(StageFailed):
    """What D cannot be computed without: a bar to fetch, a doubt to end, a stage to run before."""


@dataclass(frozen=True)
class Asked:
    """The date a person or a DAG asked for: D, or every one of a range that ends with it.

    `force`: D is computed although it is complete and nothing it reads has changed. A range always is.
    """

    as_of_date: date
    from_date: date | None = None
    force: bool = False


def batch_parser(doc: str | None, *, force: str = "compute again although nothing has changed") -> ArgumentParser:
    """A parser that shows the module's text, example included, with --force."""
    parser = program_parser(doc)
    parser.add_argument("--force", action="store_true", help=force)
    return parser


def parse_sessions(argv: Sequence[str] | None, *, doc: str | None) -> Asked:
    """--as-of D (default: the newest closed session), or --from and --to. Spark begins early for few of them.

    Raises UsageError or NotAClosedSession with one line.
    """
    given = parse_dates(batch_parser(doc), argv, one="--as-of", what="session", default="the newest closed")
    if given.first is None or given.last - given.first <= EARLY_RANGE:
        begin_early()
    newest = newest_session()
    if given.first is None:
        return Asked(closed_session(given.one, newest) if given.one else newest, force=given.force)
    return Asked(closed_session(given.last, newest), closed_session(given.first, newest), given.force)


@dataclass(frozen=True)
class Stage:
    """What differs between the batch programs.

    `catch_up`: dates before D that have no result yet and can have one, oldest first.
    `changed_since`: whether a row that is read for D has changed since that instant.
    `between`: the dates of a range, first and last included.
    """

    process: str
    catch_up: Callable[[Connection, date], list[date]]
    changed_since: Callable[[Connection, date, datetime], bool]
    between: Callable[[date, date], list[date]] = sessions_between


def sessions_before(as_of_date: date) -> list[date]:
    """The 20 sessions before D, oldest first: those that a daily stage makes up (rules 4)."""
    return sessions_until(previous_session(as_of_date), CATCH_UP_SESSIONS)


@dataclass
class StageRun:
    """An open run and the dates to compute, oldest first.

    `inputs`: a connection for what is computed with; `snapshot`: the name of the state of the database that it reads,
    for Spark to read the same. Were it not one, a split could be seen without the prices it restates.
    """

    run: Run
    asked: Asked
    as_of_dates: list[date]
    inputs: Connection
    snapshot: str
    notes: list[str] = field(default_factory=list)

    @property
    def years_of_data(self) -> bool:
        """Whether the range is so long that Spark's optimisers earn what they cost."""
        return len(self.as_of_dates) > MANY_SESSIONS

    @property
    def connection(self) -> Connection:
        """The program's connection: it holds the lock."""
        return self.run.connection

    def stored(self, as_of_date: date, *, rows: int) -> None:
        """The date's rows are in the tables."""
        self.run.stored(self._item(as_of_date), rows=rows)

    def impossible(self, as_of_date: date, reason: str) -> None:
        """The date has no result, and why. Raises MissingInput for D itself, unless it ends a range: nothing is written
        then.
        """
        if as_of_date == self.asked.as_of_date and self.asked.from_date is None:
            raise MissingInput(f"{as_of_date}: {reason}")
        log.warning("%s has no result: %s", as_of_date, reason)
        self.run.failed(self._item(as_of_date), reason, permanent=True)

    def note(self, text: str) -> None:
        """Something left out, to be named in the line the program ends with."""
        log.warning("%s", text)
        self.notes.append(text)

    @property
    def exit_code(self) -> int:
        """After the run: failed when D has no result; that earlier dates have none is partial for good."""
        totals = self.run.totals
        if totals is None or any(failure.item == self._item(self.asked.as_of_date) for failure in totals.failures):
            return FAILED
        return SUCCESS

    def plan(self) -> None:
        """Write the dates down."""
        self.run.plan(map(self._item, self.as_of_dates))

    def _item(self, as_of_date: date) -> Item:
        return Item(as_of_date.isoformat(), self.run.process)


@contextmanager
def stage_run(stage: Stage, asked: Asked) -> Iterator[StageRun]:
    """Lock, plan, hand over, close. The next program of the kind closes what a killed one left open.

    Raises AlreadyComplete when there is nothing to do, StageFailed when the work could not be done.
    """
    with connect() as connection, locked(connection, stage.process, None):
        if asked.from_date is None and not asked.force:
            _refuse_double_work(connection, stage, asked.as_of_date)
        run = open_run(
            connection,
            process=stage.process,
            as_of_date=asked.as_of_date,
            from_date=asked.from_date,
            essential={asked.as_of_date.isoformat()},
        )
        try:
            with terminable(), snapshot() as (inputs, name):
                open_stage = StageRun(run, asked, _dates(inputs, stage, asked), inputs, name)
                open_stage.plan()
                yield open_stage
        except BaseException as error:
            run.close_broken(error)
            raise
        totals = run.close()
    print(f"{stage.process} {asked.as_of_date}: {totals.summary()}{_named(open_stage.notes)}", flush=True)


def _named(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    more = f"; and {len(notes) - NAMED_AT_ONCE} more" if len(notes) > NAMED_AT_ONCE else ""
    return f"; left out: {'; '.join(notes[-NAMED_AT_ONCE:])}{more}"


def _refuse_double_work(connection: Connection, stage: Stage, as_of_date: date) -> None:
    done = last_success(connection, stage.process, as_of_date)
    if done is None or stage.changed_since(connection, as_of_date, done.reads_since):
        return
    reason = f"{as_of_date} is already complete, and nothing it reads has changed"
    record_skipped(connection, process=stage.process, as_of_date=as_of_date, reason=reason)
    raise AlreadyComplete(reason)


def _dates(connection: Connection, stage: Stage, asked: Asked) -> list[date]:
    if asked.from_date is not None:
        return stage.between(asked.from_date, asked.as_of_date)
    return [*stage.catch_up(connection, asked.as_of_date), asked.as_of_date]


def run_batch(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a batch program's main as a program: the exit codes of contracts 3, one line for what went wrong.

    Raises SystemExit with that code.
    """

    def named(argv: Sequence[str] | None) -> int:
        try:
            with early_start():
                return main(argv)
        except (DatabaseUnavailable, ClockUnavailable, psycopg.OperationalError) as error:
            raise StageFailed(one_line(error)) from error

    sys.exit(run_program(named, mistakes=(NotAClosedSession,)))
