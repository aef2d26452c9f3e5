"""How every producer runs: lock, plan, fetch, send, wait until each item is accounted for, close (contracts 3, 4).

A producer hands in its phases: a generator that yields tasks and gets back what became of them. Items are written to
the ledger before their own first request. One item's failure has a name and does not stop the others; a block by the
source, or a source that doesn't answer at all, stops the run.
"""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, RetriableError
from pydantic import ValidationError
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from collector.tasks import Outcome, Source, Task
from collector.yahoo import NoData, NoSessions, RateLimited, SourceUnavailable, Yahoo
from config.settings import KafkaSettings, PlatformSettings, YahooSettings, load
from config.universe import FIRST_FETCH_SESSIONS
from database import findings
from database.connection import Connection, connect
from database.ledger import Item, Run, Totals, last_success, locked, open_run, record_skipped
from database.processing import quarantined, update_state
from utils.clock import closed_session, newest_session, platform_now
from utils.kafka import BrokerUnavailable, producer
from utils.messages import Message, ProfileMessage, encode, topic_of
from utils.program import FAILED, SUCCESS, AlreadyComplete, RunAgain, StageFailed, terminable

log = logging.getLogger(__name__)

Phases = Generator[Sequence[Task], Sequence[Outcome], None]

# The source is taken to be away after this many unanswered tasks in a row without one answer.
AWAY_AFTER = 5
UNCONFIRMED_AT_ONCE = 100
POLL_SECONDS = 0.2
LOG_EVERY_SECONDS = 30.0
# Each further message would wait for the broker as long as the first that it did not take.
BROKER_AWAY = "the broker takes no messages"


@dataclass(frozen=True)
class Request:
    """What a producer is asked for: its session, and the platform's newest one.

    force: ask again for what is stored, too: the newest bars, caps and lists, and what failed too often.
    sessions: how long a history a first fetch brings; more than usual is asked of instruments that have some, too.
    plan_only: show, don't ask: what is not known of a stock is taken for the usual.
    """

    connection: Connection
    as_of_date: date
    newest: date
    now: datetime
    force: bool = False
    sessions: int = FIRST_FETCH_SESSIONS
    plan_only: bool = False
    held_back: dict[Item, datetime] = field(default_factory=dict)

    @property
    def is_newest(self) -> bool:
        """Holdings and market caps are known of today only (rules 1)."""
        return self.as_of_date == self.newest

    @property
    def is_deep(self) -> bool:
        """A longer history than the usual one is wanted, of every instrument."""
        return self.sessions > FIRST_FETCH_SESSIONS

    def free(self, operation: str, tickers: Iterable[str]) -> list[str]:
        """Those that are not in quarantine; the others are noted in `held_back`. A forced run asks for all."""
        asked = list(tickers)
        if self.force:
            return asked
        until = quarantined(self.connection, operation, asked)
        self.held_back.update({Item(ticker, operation): instant for ticker, instant in until.items()})
        return [ticker for ticker in asked if ticker not in until]

    def named_held_back(self) -> str:
        """Who is in quarantine, for a line."""
        return ", ".join(
            f"{item.ticker} {item.operation} until {until:%Y-%m-%d}" for item, until in sorted(self.held_back.items())
        )


@dataclass(frozen=True)
class Stage:
    """One process of a producer.

    deadline: how long failures that may pass are retried before they are for good; None: as the pipeline does.
    """

    process: str
    phases: Callable[[Request], Phases]
    essential: frozenset[str] = frozenset()
    deadline: timedelta | None = None


class Blocked(RunAgain):
    """The source is not to be asked for now: it limits requests, or the day's budget is used up."""


class _Workshop:
    """The source and the broker, made when a stage has something to ask for, once for all stages of a program.

    `blocked`: why the source is not to be asked for now, as far as a stage has met it.
    """

    def __init__(
        self,
        settings: PlatformSettings,
        yahoo: YahooSettings,
        kafka: KafkaSettings,
        opened: ExitStack,
        source_of: Callable[[YahooSettings, Connection], Yahoo],
    ) -> None:
        self._settings, self.yahoo, self.kafka, self._opened = settings, yahoo, kafka, opened
        self._source_of = source_of
        self._made: tuple[Source, KafkaProducer] | None = None
        self.blocked: str | None = None

    def open(self) -> tuple[Source, KafkaProducer]:
        """Raises StageFailed or UsageError with the one thing that isn't there."""
        if self._made is None:
            try:
                sender = producer(self.kafka)
            except BrokerUnavailable as error:
                raise StageFailed(str(error)) from error
            self._opened.callback(sender.close, timeout=10)
            reading = self._opened.enter_context(connect())
            yahoo = self._source_of(self.yahoo, reading)
            source = Source(yahoo, reading, lambda: platform_now(self._settings), self._settings.settle_minutes)
            self._made = source, sender
        return self._made

    @property
    def waited(self) -> float:
        """Seconds that requests have waited for their slots."""
        return self._made[0].yahoo.pace.waited if self._made else 0.0


def run_stages(
    stages: Iterable[Stage],
    *,
    as_of: date | None,
    force: bool = False,
    plan_only: bool = False,
    sessions: int = FIRST_FETCH_SESSIONS,
    yahoo: YahooSettings | None = None,
    source_of: Callable[[YahooSettings, Connection], Yahoo] = Yahoo,
) -> int:
    """Run the stages one after another for a session, the newest by default; the program's exit code.

    yahoo: other manners than those of the environment. source_of: another way to the source than asking it each time.
    Raises NotAClosedSession, AlreadyComplete, RunAgain (Blocked) or StageFailed, each with one line.
    """
    settings, yahoo, kafka = load(PlatformSettings), yahoo or load(YahooSettings), load(KafkaSettings)
    now = platform_now(settings)
    newest = newest_session(now, settings)
    session = newest if as_of is None else closed_session(as_of, newest)
    totals: list[Totals | None] = []
    with ExitStack() as opened:
        connection = opened.enter_context(connect())
        workshop = _Workshop(settings, yahoo, kafka, opened, source_of)
        for stage in stages:
            request = Request(connection, session, newest, now, force, sessions, plan_only)
            if plan_only:
                _show_plan(stage, request)
            else:
                totals.append(_collect(stage, request, workshop))
    return SUCCESS if plan_only else _conclude(totals, session, workshop.blocked)


def _conclude(totals: Sequence[Totals | None], session: date, blocked: str | None) -> int:
    ran = [each for each in totals if each is not None]
    again = [each.not_before for each in ran if each.not_before is not None]
    if again and blocked:
        raise Blocked(blocked, max(again))
    if again:
        raise RunAgain("some of it may come later", max(again))
    if any(each.status == "failed" for each in ran):
        return FAILED
    if not ran:
        raise AlreadyComplete(f"{session} is already complete")
    return SUCCESS


def _show_plan(stage: Stage, request: Request) -> None:
    named, count = f"{stage.process} {request.as_of_date}", 0
    phases = stage.phases(request)
    tasks = _advance(phases, None)
    while tasks:
        for task in tasks:
            print(f"{named}: {task}")
        count += len(tasks)
        tasks = _advance(phases, [])
    if request.held_back:
        print(f"{named}: in quarantine: {request.named_held_back()}")
    requests = f"{count} request{'s' if count > 1 else ''} and two for the cookie"
    print(f"{named}: {requests if count else 'nothing is missing'}")


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
        if request.held_back:
            log.warning("%s %s: in quarantine: %s", process, session, request.named_held_back())
        if not tasks and last_success(connection, process, session):
            record_skipped(connection, process=process, as_of_date=session, reason="nothing is missing")
            log.info("%s %s: already complete", process, session)
            return None
        run = open_run(connection, process=process, as_of_date=session, essential=stage.essential)
        attempt, before = None, workshop.waited
        try:
            if tasks:
                with terminable():
                    source, sender = workshop.open()
                    attempt = _Attempt(run, source, sender, workshop.yahoo.workers)
                    while tasks:
                        tasks = _advance(phases, attempt.perform(tasks))
                    attempt.confirm()
                    _await_storage(run, workshop.kafka)
        except BaseException as error:
            if run.close_broken(error):
                update_state(connection, run.run_id)
            raise
        not_before = attempt.not_before if attempt else None
        totals = run.close(deadline=stage.deadline, not_before=not_before)
        if attempt and not_before:
            workshop.blocked = attempt.stopped
        update_state(connection, run.run_id)
    more = [f"sent {attempt.sent}", f"waited {workshop.waited - before:.1f} s for the pace"] if attempt else []
    if request.held_back:
        more.append(f"in quarantine: {request.named_held_back()}")
    print(f"{process} {session}: {totals.summary(*more)}", flush=True)
    return totals


@dataclass(frozen=True)
class _Answer:
    """What a worker's thread brings back; `problem`: the named error that failed all its items."""

    outcomes: list[Outcome]
    api_calls: int
    problem: Exception | None = None


@dataclass
class _Attempt:
    """One run at work: tasks go out to a few threads, answers come back, are sent and accounted for.

    `stopped`: why nothing more is asked for. `sent`: messages the broker has confirmed. Memory holds a handful of
    answers, whatever the number of tasks.
    """

    run: Run
    source: Source
    sender: KafkaProducer
    workers: int
    stopped: str | None = None
    not_before: datetime | None = None
    sent: int = 0
    _answered: bool = False
    _silent: int = 0
    _unconfirmed: deque[tuple[Item, int, Any]] = field(default_factory=deque)

    def perform(self, tasks: Sequence[Task]) -> list[Outcome]:
        """The outcomes of a phase, each item noted in the ledger before its own first request."""
        self.run.plan(item for task in tasks for item in task.items)
        outcomes: list[Outcome] = []
        flying: dict[Future[_Answer], Task] = {}
        left = iter(tasks)
        with _progress_bar(self.run.process, len(tasks)) as tick, ThreadPoolExecutor(self.workers) as pool:
            try:
                while True:
                    while len(flying) < 2 * self.workers and (task := next(left, None)) is not None:
                        if self.stopped is None:
                            flying[pool.submit(_perform, task, self.source)] = task
                        else:
                            outcomes += self._leave(task, self.stopped)
                            tick()
                    if not flying:
                        return outcomes
                    done, _ = wait(flying, return_when=FIRST_COMPLETED)
                    for future in done:
                        outcomes += self._account(flying.pop(future), future.result())
                        tick()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def confirm(self, *, keep: int = 0) -> None:
        """Wait for the broker's word on all but the newest `keep` messages."""
        while len(self._unconfirmed) > keep:
            item, calls, sent = self._unconfirmed.popleft()
            try:
                sent.get(timeout=None)  # the producer itself gives up after delivery_timeout_s
            except KafkaError as error:
                self._not_taken(item, error, calls)
            else:
                self.sent += 1
                self.run.sent(item, api_calls=calls)

    def _leave(self, task: Task, reason: str) -> list[Outcome]:
        outcomes = [Outcome(item, error=f"not asked for: {reason}") for item in task.items]
        for outcome in outcomes:
            self.run.failed(outcome.item, outcome.error or reason, permanent=False)
        return outcomes

    def _account(self, task: Task, answer: _Answer) -> list[Outcome]:
        """Send, note and count what a task brought; learn whether to go on."""
        self._learn(answer.problem)
        calls = answer.api_calls
        # A quote may tell more than it was asked for: a profile is an item of its own, without a request.
        self.run.plan({outcome.item for outcome in answer.outcomes} - set(task.items))
        for outcome in answer.outcomes:
            item = outcome.item
            findings.record_all(self.run.connection, self.run.run_id, outcome.findings)
            if outcome.error is not None:
                log.warning("%s %s: %s", item.ticker, item.operation, outcome.error)
                self.run.failed(item, outcome.error, permanent=outcome.permanent, api_calls=calls)
                calls = 0
            if outcome.message is not None:  # also of what has failed: the bars before the one that lacks
                self._send(item, outcome.message, calls)
            elif outcome.error is None:
                self.run.unchanged(item, api_calls=calls)
            calls = 0
        self.confirm(keep=UNCONFIRMED_AT_ONCE)
        # Bars are on their way and need not be kept; what a stock is decides the phases that follow.
        return [
            each if isinstance(each.message, ProfileMessage) else replace(each, message=None)
            for each in answer.outcomes
        ]

    def _send(self, item: Item, message: Message, calls: int) -> None:
        if self.stopped == BROKER_AWAY:
            self.run.failed(item, BROKER_AWAY, permanent=False, api_calls=calls)
            return
        key, value, headers = encode(message, self.run.run_id)
        try:
            sent = self.sender.send(topic_of(message), value=value, key=key, headers=headers)
        except KafkaError as error:
            self._not_taken(item, error, calls)
        else:
            self._unconfirmed.append((item, calls, sent))

    def _not_taken(self, item: Item, error: KafkaError, calls: int) -> None:
        text = f"the broker did not take it: {type(error).__name__}"
        log.warning("%s %s: %s", item.ticker, item.operation, text)
        self.run.failed(item, text, permanent=False, api_calls=calls)
        if isinstance(error, RetriableError):
            self.stopped = self.stopped or BROKER_AWAY

    def _learn(self, problem: Exception | None) -> None:
        if isinstance(problem, RateLimited):
            self.stopped = self.stopped or str(problem)
            self.not_before = max(self.not_before or problem.not_before, problem.not_before)
        elif isinstance(problem, SourceUnavailable):
            self._silent += 1
            if self._silent >= AWAY_AFTER and not self._answered and self.stopped is None:
                self.stopped = f"the source does not answer ({problem})"
        else:
            self._answered = True


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


def _await_storage(run: Run, settings: KafkaSettings) -> None:
    """Until the consumers have moved every item to its end state, or the deadline: then close() names the rest."""
    deadline = time.monotonic() + settings.store_timeout_s
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
