"""How every producer runs: lock, plan, fetch, send, wait until each item is accounted for, close (contracts 3, 4).

A producer hands in its phases: a generator that yields tasks and gets back what became of them. Items are written to
the ledger before their own first request. One item's failure has a name and does not stop the others; a block by the
source, or a source that doesn't answer at all, stops the run.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import FrameType
from typing import Any

import psycopg
from kafka import KafkaProducer
from kafka.errors import KafkaError
from pydantic import ValidationError
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from collector.tasks import Outcome, Source, Task
from collector.yahoo import NoData, NoSessions, RateLimited, SourceUnavailable, Yahoo
from config.settings import KafkaSettings, PlatformSettings, YahooSettings, load
from database import findings
from database.connection import Connection, connect
from database.ledger import Item, Run, Totals, last_success, locked, open_run, record_skipped
from database.processing import update_state
from utils.clock import closed_session, newest_session, platform_now
from utils.kafka import BrokerUnavailable, producer
from utils.messages import Message, ProfileMessage, encode, topic_of
from utils.program import FAILED, SUCCESS, AlreadyComplete, RunAgain, StageFailed

log = logging.getLogger(__name__)

Phases = Generator[Sequence[Task], Sequence[Outcome], None]

# The source is taken to be away after this many unanswered tasks in a row without one answer.
AWAY_AFTER = 5
UNCONFIRMED_AT_ONCE = 100
POLL_SECONDS = 0.2
LOG_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Request:
    """What a producer is asked for: its session, and the platform's newest one."""

    connection: Connection
    as_of_date: date
    newest: date
    now: datetime

    @property
    def is_newest(self) -> bool:
        """Holdings and market caps are known of today only (rules 1)."""
        return self.as_of_date == self.newest


@dataclass(frozen=True)
class Stage:
    """One process of a producer."""

    process: str
    phases: Callable[[Request], Phases]
    essential: frozenset[str] = frozenset()


@dataclass
class _Progress:
    """What a run has learned on its way about the source."""

    answered: bool = False
    silent: int = 0
    stopped: str | None = None
    not_before: datetime | None = None
    pending: list[tuple[Item, int, Any]] = field(default_factory=list)


class _Workshop:
    """The source and the broker, made when a stage has something to ask for, once for all stages of a program."""

    def __init__(self, settings: PlatformSettings, opened: ExitStack) -> None:
        self._settings, self._opened = settings, opened
        self._made: tuple[Source, KafkaProducer] | None = None

    def open(self) -> tuple[Source, KafkaProducer]:
        """Raises StageFailed or UsageError with the one thing that isn't there."""
        if self._made is None:
            try:
                sender = producer()
            except BrokerUnavailable as error:
                raise StageFailed(str(error)) from error
            self._opened.callback(sender.close, timeout=10)
            reading = self._opened.enter_context(connect())
            yahoo = Yahoo(load(YahooSettings), reading)
            source = Source(yahoo, reading, lambda: platform_now(self._settings), self._settings.settle_minutes)
            self._made = source, sender
        return self._made

    @property
    def waited(self) -> float:
        """Seconds that requests have waited for their slots."""
        return self._made[0].yahoo.pace.waited if self._made else 0.0


def run_stages(stages: Iterable[Stage], *, as_of: date | None, plan_only: bool = False) -> int:
    """Run the stages one after another for a session, the newest by default; the program's exit code.

    Raises NotAClosedSession, AlreadyComplete, RunAgain or StageFailed, each with one line.
    """
    settings = load(PlatformSettings)
    now = platform_now(settings)
    newest = newest_session(now, settings)
    session = newest if as_of is None else closed_session(as_of, newest)
    totals: list[Totals | None] = []
    with ExitStack() as opened:
        request = Request(opened.enter_context(connect()), session, newest, now)
        workshop = _Workshop(settings, opened)
        for stage in stages:
            if plan_only:
                _show_plan(stage, request)
            else:
                totals.append(_collect(stage, request, workshop))
    return SUCCESS if plan_only else _conclude(totals, session)


def _conclude(totals: Sequence[Totals | None], session: date) -> int:
    ran = [each for each in totals if each is not None]
    again = [each.not_before for each in ran if each.not_before is not None]
    if again:
        raise RunAgain("some of it may come later", max(again))
    if any(each.status == "failed" for each in ran):
        return FAILED
    if not ran:
        raise AlreadyComplete(f"{session} is already complete")
    return SUCCESS


def _show_plan(stage: Stage, request: Request) -> None:
    phases = stage.phases(request)
    tasks = _advance(phases, None)
    if not tasks:
        print(f"{stage.process} {request.as_of_date}: nothing is missing")
    while tasks:
        for task in tasks:
            print(f"{stage.process} {request.as_of_date}: {task}")
        tasks = _advance(phases, [])


def _advance(phases: Phases, outcomes: Sequence[Outcome] | None) -> Sequence[Task]:
    """The next tasks; phases without any are passed over. Empty: there are no more."""
    try:
        tasks = next(phases) if outcomes is None else phases.send(outcomes)
        while not tasks:
            tasks = phases.send([])
    except StopIteration:
        return ()
    return tasks


def _collect(stage: Stage, request: Request, workshop: _Workshop) -> Totals | None:
    """One stage. None: it is already complete, and nothing is missing."""
    connection, process, session = request.connection, stage.process, request.as_of_date
    with locked(connection, process, session):
        phases = stage.phases(request)
        tasks = _advance(phases, None)
        if not tasks and last_success(connection, process, session):
            record_skipped(connection, process=process, as_of_date=session, reason="nothing is missing")
            log.info("%s %s: already complete", process, session)
            return None
        run = open_run(connection, process=process, as_of_date=session, essential=stage.essential)
        progress, before = _Progress(), workshop.waited
        try:
            if tasks:
                with _terminable():
                    source, sender = workshop.open()
                    while tasks:
                        tasks = _advance(phases, _work(run, tasks, source, sender, progress))
                    _confirm(run, progress, keep=0)
                    _await_storage(run)
        except BaseException as error:
            _close_broken(run, error)
            raise
        totals = run.close(not_before=progress.not_before)
        update_state(connection, run.run_id)
    waited = workshop.waited - before
    paused = f", waited {waited:.1f} s for the pace" if waited else ""
    print(f"{process} {session}: {totals.summary()}{paused}", flush=True)
    return totals


def _close_broken(run: Run, error: BaseException) -> None:
    """Leave a truthful end in the ledger, if the database still answers; the error itself goes on to the caller."""
    reason = "stopped" if isinstance(error, SystemExit | KeyboardInterrupt) else f"{type(error).__name__}: {error}"
    try:
        run.close(error=reason.splitlines()[0])
        update_state(run.connection, run.run_id)
    except psycopg.Error as second:
        log.warning("the run could not be closed (%s): the next one closes it", second)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the run as a failure that the ledger knows of, instead of leaving it open."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _work(run: Run, tasks: Sequence[Task], source: Source, sender: KafkaProducer, progress: _Progress) -> list[Outcome]:
    """Perform the tasks of a phase in a few threads; send what they bring. Memory holds a handful of answers."""
    run.plan(item for task in tasks for item in task.items)
    outcomes: list[Outcome] = []
    workers = load(YahooSettings).workers
    flying: dict[Future[_Answer], Task] = {}
    with _progress_bar(run.process, len(tasks)) as tick, ThreadPoolExecutor(workers) as pool:
        left = iter(tasks)
        try:
            while True:
                while len(flying) < 2 * workers and (task := next(left, None)) is not None:
                    if progress.stopped is None:
                        flying[pool.submit(_perform, task, source)] = task
                        continue
                    for item in task.items:
                        run.failed(item, f"not asked for: {progress.stopped}", permanent=False)
                        outcomes.append(Outcome(item, error=progress.stopped))
                    tick()
                if not flying:
                    return outcomes
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    flying.pop(future)
                    outcomes += _account(run, future, sender, progress)
                    tick()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@dataclass(frozen=True)
class _Answer:
    outcomes: list[Outcome]
    api_calls: int
    problem: Exception | None = None


def _perform(task: Task, source: Source) -> _Answer:
    """In a worker's thread: the task's outcomes, with its requests counted; a named problem fails all its items."""
    before = source.yahoo.requests_made()

    def failed(error: Exception, text: str, *, permanent: bool) -> _Answer:
        outcomes = [Outcome(item, error=text, permanent=permanent) for item in task.items]
        return _Answer(outcomes, source.yahoo.requests_made() - before, error)

    try:
        outcomes = task.perform(source)
    except (RateLimited, SourceUnavailable, NoSessions) as error:
        return failed(error, str(error), permanent=False)
    except NoData as error:
        return failed(error, str(error), permanent=True)
    except ValidationError as error:
        first = error.errors()[0]
        text = f"an answer that makes no message: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        return failed(error, text, permanent=True)
    return _Answer(outcomes, source.yahoo.requests_made() - before)


def _account(run: Run, future: Future[_Answer], sender: KafkaProducer, progress: _Progress) -> list[Outcome]:
    """Send, note and count what a task brought; learn whether to go on."""
    answer = future.result()
    _learn(answer, progress)
    calls = answer.api_calls
    for outcome in answer.outcomes:
        item = outcome.item
        run.plan([item])
        findings.record_all(run.connection, run.run_id, outcome.findings)
        if outcome.error is not None:
            log.warning("%s %s: %s", item.ticker, item.operation, outcome.error)
            run.failed(item, outcome.error, permanent=outcome.permanent, api_calls=calls)
        elif outcome.message is None:
            run.unchanged(item, api_calls=calls)
        else:
            _send(run, item, outcome.message, sender, progress, calls=calls)
        calls = 0
    _confirm(run, progress, keep=UNCONFIRMED_AT_ONCE)
    # Bars are on their way and need not be kept; what a stock is decides the phases that follow.
    return [
        each if isinstance(each.message, ProfileMessage) else replace(each, message=None) for each in answer.outcomes
    ]


def _send(run: Run, item: Item, message: Message, sender: KafkaProducer, progress: _Progress, *, calls: int) -> None:
    key, value, headers = encode(message, run.run_id)
    try:
        sent = sender.send(topic_of(message), value=value, key=key, headers=headers)
    except KafkaError as error:
        _not_taken(run, item, error, calls)
    else:
        progress.pending.append((item, calls, sent))


def _not_taken(run: Run, item: Item, error: KafkaError, calls: int) -> None:
    text = f"the broker did not take it: {type(error).__name__}"
    log.warning("%s %s: %s", item.ticker, item.operation, text)
    run.failed(item, text, permanent=False, api_calls=calls)


def _learn(answer: _Answer, progress: _Progress) -> None:
    if isinstance(answer.problem, RateLimited):
        progress.stopped, progress.not_before = str(answer.problem), answer.problem.not_before
    elif isinstance(answer.problem, SourceUnavailable):
        progress.silent += 1
        if progress.silent >= AWAY_AFTER and not progress.answered:
            progress.stopped = progress.stopped or f"the source does not answer ({answer.problem})"
    else:
        progress.answered = True


def _confirm(run: Run, progress: _Progress, *, keep: int) -> None:
    """Wait for the broker's word on all but the newest `keep` messages."""
    while len(progress.pending) > keep:
        item, calls, sent = progress.pending.pop(0)
        try:
            sent.get(timeout=load(KafkaSettings).delivery_timeout_s + 5)
        except KafkaError as error:
            _not_taken(run, item, error, calls)
        else:
            run.sent(item, api_calls=calls)


def _await_storage(run: Run) -> None:
    """Until the consumers have moved every item to its end state, or the deadline: then close() names the rest."""
    deadline = time.monotonic() + load(KafkaSettings).store_timeout_s
    while run.open_items() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


@contextmanager
def _progress_bar(process: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, a line now and then elsewhere."""
    terminal = sys.stderr.isatty()
    redirected: AbstractContextManager[object] = logging_redirect_tqdm() if terminal else nullcontext()
    with redirected, tqdm(total=total, desc=process, unit="task", disable=not terminal) as bar:
        done, said = 0, time.monotonic()

        def tick() -> None:
            nonlocal done, said
            done += 1
            bar.update()
            if not terminal and (time.monotonic() - said > LOG_EVERY_SECONDS or done == total):
                said = time.monotonic()
                log.info("%s: %d of %d asked for", process, done, total)

        yield tick
