"""The run ledger (contracts 4, 5.3): who ran, for which session, and what became of each item.

An item is (run, ticker, operation): planned → sent | unchanged | failed; planned | sent → stored | unchanged |
dead_lettered by the consumer; sent → failed (unconfirmed) at the deadline. End states are final: every change is
guarded in SQL. A run's totals are derived from its items when it closes.
"""

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.rows import class_row
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from config.settings import PipelineSettings, load
from database.connection import Connection
from utils.clock import wall_now
from utils.program import USAGE, StageFailed, UsageError, dag_run_id, one_line, try_number

log = logging.getLogger(__name__)

OPEN_STATES = ("planned", "sent")
# A failure that may pass is tried again after this pause, each time a longer one, unless the source names a later time.
RETRY_AFTER = timedelta(minutes=2)
LONGEST_RETRY = timedelta(minutes=15)
# A consumer ends a run's items in the order of their messages, while the run is closed: one of the two gives way.
_again_after_a_conflict = Retrying(
    retry=retry_if_exception_type((DeadlockDetected, SerializationFailure)),
    stop=stop_after_attempt(5),
    wait=wait_random(max=0.5),
    reraise=True,
)


class Item(NamedTuple):
    """What a run deals with: an instrument and an operation, or the session of a batch program."""

    ticker: str
    operation: str


@dataclass(frozen=True)
class Failure:
    """An item that failed: `permanent` when trying again does not mend it."""

    item: Item
    error: str
    permanent: bool


@dataclass(frozen=True)
class Totals:
    """A closed run: requested = stored + unchanged + failed + dead_lettered."""

    status: str
    usable: bool
    requested: int
    stored: int
    unchanged: int
    failed: int
    dead_lettered: int
    api_calls: int
    failures: tuple[Failure, ...] = ()
    not_before: datetime | None = None

    def summary(self, *more: str) -> str:
        """The line a program ends with (contracts 3); `more`: what else it has to tell, before the names."""
        names = "; ".join(
            f"{failure.item.ticker} {failure.item.operation}: {failure.error}" for failure in self.failures
        )
        return (
            f"{self.status}: asked {self.requested}, stored {self.stored}, unchanged {self.unchanged}, "
            f"failed {self.failed}, dead-lettered {self.dead_lettered}, requests {self.api_calls}"
            + "".join(f", {each}" for each in more)
            + (f" ({names})" if names else "")
        )


@dataclass
class Run:
    """One attempt of one program, open. `essential` tickers must not fail for the run to be usable (contracts 4)."""

    connection: Connection
    run_id: str
    process: str
    as_of_date: date
    essential: frozenset[str] = frozenset()
    totals: Totals | None = field(default=None)

    def plan(self, items: Iterable[Item]) -> None:
        """Write down what will be dealt with, before the first request."""
        with self.connection.cursor() as cursor:
            cursor.executemany(
                """INSERT INTO asset_processing_details (run_id, ticker, operation) VALUES (%s, %s, %s)
                   ON CONFLICT DO NOTHING""",
                [(self.run_id, item.ticker, item.operation) for item in items],
            )

    def sent(self, item: Item, *, api_calls: int = 0) -> None:
        """The broker has confirmed the message; the consumer may already have stored it."""
        self._move(item, "sent", ("planned",), api_calls=api_calls)

    def unchanged(self, item: Item, *, api_calls: int = 0) -> None:
        """The source had nothing new."""
        self._move(item, "unchanged", OPEN_STATES, api_calls=api_calls)

    def stored(self, item: Item, *, rows: int) -> None:
        """A batch program has written the session's rows."""
        self._move(item, "stored", OPEN_STATES, rows=rows)

    def failed(self, item: Item, error: str, *, permanent: bool, api_calls: int = 0) -> None:
        """The item failed, and why, in one line."""
        self._move(item, "failed", OPEN_STATES, error=error[:500], permanent=permanent, api_calls=api_calls)

    def _move(
        self,
        item: Item,
        status: str,
        allowed: Sequence[str],
        *,
        rows: int = 0,
        api_calls: int = 0,
        error: str | None = None,
        permanent: bool = False,
    ) -> None:
        # The requests an item cost are counted even when the consumer was faster with its end state.
        self.connection.execute(
            """UPDATE asset_processing_details SET
                   api_calls = api_calls + %(api_calls)s, updated_at = now(),
                   rows = CASE WHEN status = ANY(%(allowed)s) THEN %(rows)s ELSE rows END,
                   error = CASE WHEN status = ANY(%(allowed)s) THEN %(error)s ELSE error END,
                   permanent = CASE WHEN status = ANY(%(allowed)s) THEN %(permanent)s ELSE permanent END,
                   finished_at = CASE WHEN status = ANY(%(allowed)s) AND %(status)s <> 'sent' THEN now()
                                      ELSE finished_at END,
                   status = CASE WHEN status = ANY(%(allowed)s) THEN %(status)s ELSE status END
               WHERE run_id = %(run_id)s AND ticker = %(ticker)s AND operation = %(operation)s""",
            {
                "run_id": self.run_id,
                "ticker": item.ticker,
                "operation": item.operation,
                "status": status,
                "allowed": list(allowed),
                "rows": rows,
                "api_calls": api_calls,
                "error": error,
                "permanent": permanent,
            },
        )

    def open_items(self) -> int:
        """How many items have not reached an end state."""
        row = self.connection.execute(
            "SELECT count(*) FROM asset_processing_details WHERE run_id = %s AND status IN ('planned', 'sent')",
            (self.run_id,),
        ).fetchone()
        return int(row[0]) if row else 0

    def close(
        self,
        *,
        error: str | None = None,
        lacks: str = "",
        deadline: timedelta | None = None,
        not_before: datetime | None = None,
    ) -> Totals:
        """End the run: what is still open has failed, the totals are derived from the items.

        Transient failures ask for another try until `deadline` after the first one for this session (contracts 4);
        `lacks`: what can't be had any more, no item of the run: partial for good.
        `not_before`: the source named a time before which that would be in vain; a run that it has stopped so is
        partial, even before anything is stored.
        """
        settings = load(PipelineSettings)
        deadline = deadline if deadline is not None else timedelta(minutes=settings.deadline_minutes)
        return _again_after_a_conflict(self._close, error, lacks, deadline, not_before)

    def _close(self, error: str | None, lacks: str, deadline: timedelta, not_before: datetime | None) -> Totals:
        with self.connection.transaction():
            _fail_open_items(self.connection, self.run_id, error or "the program ended before it was asked for")
            counts: dict[str, int] = dict(
                self.connection.execute(
                    "SELECT status, count(*) FROM asset_processing_details WHERE run_id = %s GROUP BY status",
                    (self.run_id,),
                ).fetchall()
            )
            calls = self.connection.execute(
                "SELECT coalesce(sum(api_calls), 0) FROM asset_processing_details WHERE run_id = %s", (self.run_id,)
            ).fetchone()
            failures = tuple(
                Failure(Item(ticker, operation), reason or "failed", permanent)
                for ticker, operation, reason, permanent in self.connection.execute(
                    """SELECT ticker, operation, error, permanent OR status = 'dead_lettered'
                       FROM asset_processing_details
                       WHERE run_id = %s AND status IN ('failed', 'dead_lettered') ORDER BY ticker, operation""",
                    (self.run_id,),
                )
            )
            blocked = not_before is not None
            totals = self._judge(counts, int(calls[0]) if calls else 0, failures, error, deadline, blocked=blocked)
            if lacks and totals.status == "success":
                totals = replace(totals, status="partial")
            if totals.not_before is not None and not_before is not None:
                totals = replace(totals, not_before=max(totals.not_before, not_before))
            self.totals = totals
            self._write(totals, error, lacks)
        return totals

    def close_broken(self, error: BaseException) -> bool:
        """End a run that an error broke off; whether the database still answered. The caller lets the error go on."""
        reason = one_line(error)
        if isinstance(error, SystemExit) and error.code == USAGE:
            reason = "a setting is missing or wrong: the program's log names it"
        elif isinstance(error, SystemExit | KeyboardInterrupt):
            reason = "stopped"
        elif not isinstance(error, StageFailed | UsageError):
            reason = f"{type(error).__name__}: {reason}"
        try:
            self.close(error=reason)
        except psycopg.Error as second:
            log.warning("the run could not be closed (%s): the next one closes it", second)
            return False
        return True

    def _judge(
        self,
        counts: dict[str, int],
        api_calls: int,
        failures: tuple[Failure, ...],
        error: str | None,
        deadline: timedelta,
        *,
        blocked: bool,
    ) -> Totals:
        good = counts.get("stored", 0) + counts.get("unchanged", 0)
        transient = any(not failure.permanent for failure in failures)
        now = wall_now()
        over = now - first_try(self.connection, self.process, self.as_of_date) >= deadline
        nothing_worked = bool(failures) and good == 0 and not self._stood_before()
        again = transient and not over and error is None
        partly = "partial" if failures else "success"
        status = "failed" if error is not None or (nothing_worked and not (blocked and again)) else partly
        essential_failed = any(failure.item.ticker in self.essential for failure in failures)
        for_good = not transient or over
        usable = status == "success" or (status == "partial" and for_good and not essential_failed)
        return Totals(
            status=status,
            usable=usable,
            requested=sum(counts.values()),
            stored=counts.get("stored", 0),
            unchanged=counts.get("unchanged", 0),
            failed=counts.get("failed", 0),
            dead_lettered=counts.get("dead_lettered", 0),
            api_calls=api_calls,
            failures=failures,
            not_before=now + self._pause() if again else None,
        )

    def _pause(self) -> timedelta:
        """2, 4, 8, 15, 15, … minutes, by how often the process has asked for another try for its session."""
        counted = self.connection.execute(
            "SELECT count(*) FROM process_executions WHERE process = %s AND as_of_date = %s AND not_before IS NOT NULL",
            (self.process, self.as_of_date),
        ).fetchone()
        tries = min(counted[0] if counted else 0, 8)
        return min(RETRY_AFTER * (1 << tries), LONGEST_RETRY)

    def _stood_before(self) -> bool:
        """Whether earlier runs for the session brought something: a run after `partial` asks only for the rest."""
        row = self.connection.execute(
            """SELECT EXISTS (
                   SELECT 1 FROM process_executions p JOIN asset_processing_details d USING (run_id)
                   WHERE p.process = %s AND p.as_of_date = %s AND p.run_id <> %s
                       AND d.status IN ('stored', 'unchanged'))""",
            (self.process, self.as_of_date, self.run_id),
        ).fetchone()
        return bool(row and row[0])

    def _write(self, totals: Totals, error: str | None, lacks: str) -> None:
        failed = [f"{f.item.ticker} {f.item.operation}: {f.error}" for f in totals.failures]
        reason = error or "; ".join([lacks, *failed] if lacks else failed)
        self.connection.execute(
            """UPDATE process_executions SET status = %s, usable = %s, requested = %s, stored = %s, unchanged = %s,
                   failed = %s, dead_lettered = %s, api_calls = %s, not_before = %s, error = %s,
                   finished_at = now(), updated_at = now()
               WHERE run_id = %s AND status = 'running'""",
            (
                totals.status,
                totals.usable,
                totals.requested,
                totals.stored,
                totals.unchanged,
                totals.failed,
                totals.dead_lettered,
                totals.api_calls,
                totals.not_before,
                reason[:2000] if reason else None,
                self.run_id,
            ),
        )


def _fail_open_items(connection: Connection, run_id: str, reason: str) -> None:
    """`planned` items fail with the reason, `sent` ones as unconfirmed."""
    connection.execute(
        """UPDATE asset_processing_details
           SET error = CASE status WHEN 'sent' THEN 'unconfirmed: not stored before the deadline' ELSE %s END,
               status = 'failed', finished_at = now(), updated_at = now()
           WHERE run_id = %s AND status IN ('planned', 'sent')""",
        (reason[:500], run_id),
    )


def first_try(connection: Connection, process: str, as_of_date: date) -> datetime:
    """When the process was first tried for the session; now when it never was."""
    row = connection.execute(
        "SELECT min(started_at) FROM process_executions WHERE process = %s AND as_of_date = %s", (process, as_of_date)
    ).fetchone()
    return row[0] if row and row[0] is not None else wall_now()


@contextmanager
def locked(connection: Connection, process: str, as_of_date: date | None) -> Iterator[None]:
    """Only one program of its kind at a time: collectors per (process, session), batch programs per process.

    Whoever gets the lock closes older runs that never ended as failed, even if it has nothing to do itself. Raises
    StageFailed when another holds the lock for longer than PIPELINE_LOCK_TIMEOUT_S.
    """
    key = _lock_key(process, as_of_date)
    seconds = load(PipelineSettings).lock_timeout_s
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{seconds}s",))
            connection.execute("SELECT pg_advisory_lock(hashtext(%s), %s)", key)
    except psycopg.errors.LockNotAvailable as error:
        raise StageFailed(f"{process}: another run is still at work after {seconds} s of waiting") from error
    try:
        _again_after_a_conflict(_close_dead_runs, connection, process, as_of_date)
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)


def _lock_key(process: str, as_of_date: date | None) -> tuple[str, int]:
    return process, (as_of_date - date(2000, 1, 1)).days if as_of_date else 0


def _is_at_work(connection: Connection, process: str, as_of_date: date) -> bool:
    """Whether another program holds the lock: a run of it that is open may be alive."""
    key = _lock_key(process, as_of_date)
    row = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", key).fetchone()
    if row and row[0]:
        connection.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)
        return False
    return True


def _close_dead_runs(connection: Connection, process: str, as_of_date: date | None) -> None:
    """Close as failed what never ended; call it holding the lock.

    A batch program's lock is the process's: its running runs of any session are dead. A collector's of another session
    are when nobody holds that session's lock.
    """
    running = connection.execute(
        "SELECT run_id, as_of_date FROM process_executions WHERE process = %s AND status = 'running'", (process,)
    ).fetchall()
    for run_id, session in running:
        if as_of_date is not None and session != as_of_date and _is_at_work(connection, process, session):
            continue
        with connection.transaction():
            _fail_open_items(connection, run_id, "the run never ended")
            closed = connection.execute(
                """UPDATE process_executions p SET status = 'failed', usable = false,
                       finished_at = now(), updated_at = now(), error = 'the run never ended; closed by the next one',
                       (requested, stored, unchanged, failed, dead_lettered, api_calls) = (
                           SELECT count(*), count(*) FILTER (WHERE d.status = 'stored'),
                                  count(*) FILTER (WHERE d.status = 'unchanged'),
                                  count(*) FILTER (WHERE d.status = 'failed'),
                                  count(*) FILTER (WHERE d.status = 'dead_lettered'), coalesce(sum(d.api_calls), 0)
                           FROM asset_processing_details d WHERE d.run_id = p.run_id)
                   WHERE p.run_id = %s AND p.status = 'running'""",  # one may just have ended by itself
                (run_id,),
            ).rowcount
        if closed:
            log.warning("run %s never ended: closed as failed", run_id)


def open_run(
    connection: Connection,
    *,
    process: str,
    as_of_date: date,
    from_date: date | None = None,
    essential: Iterable[str] = (),
) -> Run:
    """Begin an attempt; call it holding the lock.

    A row bears the instant its transaction began: who is still writing may commit, unseen by the run, a row older than
    it. `reads_since` lies before every such row.
    """
    run_id = f"{process}-{as_of_date:%Y%m%d}-{uuid.uuid4().hex[:12]}"
    connection.execute(
        """INSERT INTO process_executions (run_id, process, dag_run_id, try_number, from_date, as_of_date, reads_since)
           VALUES (%s, %s, %s, %s, %s, %s,
                   least(now(), (SELECT min(xact_start) - interval '1 microsecond' FROM pg_stat_activity
                                 WHERE datname = current_database() AND backend_type = 'client backend'
                                     AND pid <> pg_backend_pid())))""",
        (run_id, process, dag_run_id(), try_number(), from_date, as_of_date),
    )
    return Run(connection, run_id, process, as_of_date, frozenset(essential))


def record_skipped(connection: Connection, *, process: str, as_of_date: date, reason: str) -> None:
    """A run that had nothing to do: its stage is complete. The row keeps who asked and when."""
    connection.execute(
        """INSERT INTO process_executions
               (run_id, process, dag_run_id, try_number, as_of_date, status, finished_at, error)
           VALUES (%s, %s, %s, %s, %s, 'skipped', now(), %s)""",
        (
            f"{process}-{as_of_date:%Y%m%d}-{uuid.uuid4().hex[:12]}",
            process,
            dag_run_id(),
            try_number(),
            as_of_date,
            reason,
        ),
    )


@dataclass(frozen=True)
class LastRun:
    """The newest run of a process for a session that counts; a row changed after `reads_since` may be unknown to it."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    reads_since: datetime


def last_success(connection: Connection, process: str, as_of_date: date) -> LastRun | None:
    """The newest successful run: the stage is complete for the session (contracts 4)."""
    return _last(connection, process, as_of_date, "status = 'success'")


def last_usable(connection: Connection, process: str, as_of_date: date) -> LastRun | None:
    """The newest run that what follows may build on."""
    return _last(connection, process, as_of_date, "usable")


def _last(connection: Connection, process: str, as_of_date: date, which: str) -> LastRun | None:
    with connection.cursor(row_factory=class_row(LastRun)) as cursor:
        return cursor.execute(
            f"""SELECT run_id, started_at, finished_at, reads_since FROM process_executions
                WHERE process = %s AND as_of_date = %s AND {which} ORDER BY started_at DESC LIMIT 1""",
            (process, as_of_date),
        ).fetchone()
