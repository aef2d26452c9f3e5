"""How every producer runs: lock, plan, fetch, send, wait until each item is accounted for, close (contracts 3, 4).

A producer hands in its phases: a generator that yields tasks and gets back what became of them. Items are written to
the ledger before their own first request; asking, sending and accounting is `collector.attempt`'s work.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from kafka import KafkaProducer

from collector.attempt import Attempt
from collector.tasks import Outcome, Source, Task
from collector.yahoo import Yahoo
from config.settings import KafkaSettings, PlatformSettings, YahooSettings, load
from config.universe import FIRST_FETCH_SESSIONS
from database.connection import Connection, connect
from database.ledger import Item, Run, Totals, last_success, last_usable, locked, open_run, record_skipped
from database.processing import quarantined, update_state
from utils.clock import closed_session, newest_session, platform_now
from utils.kafka import BrokerUnavailable, close_producer, producer
from utils.program import FAILED, SUCCESS, AlreadyComplete, RunAgain, StageFailed, terminable

log = logging.getLogger(__name__)

Phases = Generator[Sequence[Task], Sequence[Outcome], None]

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Request:
    """What a producer is asked for: its session, and the platform's newest one.

    force: ask again for what is stored, too: the newest bars, caps and lists, and what failed too often.
    sessions: how long a history a first fetch brings; more than usual is asked of instruments that have some, too.
    plan_only: show, don't ask: what is not known of a stock is taken for the usual.
    held_back: items that would be asked for, but for their quarantine, each with the instant at which it ends.
    lacking: what is missing and can't be had any more, a line each.
    """

    connection: Connection
    as_of_date: date
    newest: date
    now: datetime
    force: bool = False
    sessions: int = FIRST_FETCH_SESSIONS
    plan_only: bool = False
    held_back: dict[Item, datetime] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)

    @property
    def is_newest(self) -> bool:
        """Holdings and market caps are known of today only (rules 1)."""
        return self.as_of_date == self.newest

    @property
    def asks_anew(self) -> bool:
        """Caps and lists that are stored are asked for again: of a past session they can't be."""
        return self.force and self.is_newest

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
        self._sender: KafkaProducer | None = None
        self._source: Source | None = None
        self._waited_before = 0.0
        self.blocked: str | None = None

    def open(self) -> tuple[Source, KafkaProducer]:
        """Raises StageFailed or UsageError with the one thing that isn't there."""
        if self._sender is None:
            try:
                self._sender = producer(self.kafka)
            except BrokerUnavailable as error:
                raise StageFailed(str(error)) from error
            self._opened.callback(close_producer, self._sender)
        if self._source is None:
            reading = self._opened.enter_context(connect())
            yahoo = self._source_of(self.yahoo, reading)
            self._waited_before = yahoo.manners.pace.waited  # one source may serve several programs' runs
            self._source = Source(yahoo, reading, lambda: platform_now(self._settings), self._settings.settle_minutes)
        return self._source, self._sender

    def give_up_sender(self) -> None:
        """The broker took no messages: the next stage looks for it anew."""
        close_producer(self._sender, timeout_s=1)
        self._sender = None

    @property
    def waited(self) -> float:
        """Seconds that requests have waited for their slots since the source was taken."""
        return self._source.yahoo.manners.pace.waited - self._waited_before if self._source else 0.0


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
    lacking: list[str] = []
    with ExitStack() as opened:
        connection = opened.enter_context(connect())
        workshop = _Workshop(settings, yahoo, kafka, opened, source_of)
        for stage in stages:
            request = Request(connection, session, newest, now, force, sessions, plan_only)
            if plan_only:
                _show_plan(stage, request)
            else:
                totals.append(_collect(stage, request, workshop))
                lacking += request.lacking
    if plan_only:
        return SUCCESS
    return _conclude(totals, workshop.blocked, "; ".join(lacking) or f"{session} is already complete")


def _conclude(totals: Sequence[Totals | None], blocked: str | None, nothing_done: str) -> int:
    ran = [each for each in totals if each is not None]
    again = [each.not_before for each in ran if each.not_before is not None]
    if again and blocked:
        raise Blocked(blocked, max(again))
    if again:
        raise RunAgain("some of it may come later", max(again))
    if any(each.status == "failed" or not each.usable for each in ran):
        return FAILED  # without SPY nothing can be computed (contracts 4): the task fails, and asks again for SPY alone
    if not ran:
        raise AlreadyComplete(nothing_done)
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
    requests = [f"{count} request{'s' if count > 1 else ''} and two for the cookie"] if count else []
    print(f"{named}: {'; '.join([*requests, *request.lacking]) or 'nothing is missing'}")


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
    """One stage. None: there was nothing to ask for; it is complete, or what is missing can't be had any more."""
    connection, process, session = request.connection, stage.process, request.as_of_date
    with locked(connection, process, session):
        phases = stage.phases(request)
        tasks = _advance(phases, None)
        if request.held_back:
            log.warning("%s %s: in quarantine: %s", process, session, request.named_held_back())
        lacks = "; ".join(request.lacking)
        stands = last_usable(connection, process, session) if lacks else last_success(connection, process, session)
        if not tasks and stands:
            reason = lacks or "nothing is missing"
            record_skipped(connection, process=process, as_of_date=session, reason=reason)
            log.info("%s %s: %s", process, session, reason)
            return None
        run = open_run(connection, process=process, as_of_date=session, essential=stage.essential)
        if not tasks and lacks:
            run.close(lacks=lacks)
            return None
        attempt, before = None, workshop.waited
        try:
            if tasks:
                with terminable():
                    source, sender = workshop.open()
                    attempt = Attempt(run, source, sender, workshop.yahoo.workers, workshop.kafka.delivery_timeout_s)
                    while tasks:
                        tasks = _advance(phases, attempt.perform(tasks))
                    attempt.confirm()
                    _await_storage(run, workshop.kafka)
        except BaseException as error:
            if run.close_broken(error):
                update_state(connection, run.run_id)
            raise
        not_before = attempt.not_before if attempt else None
        totals = run.close(lacks=lacks, deadline=stage.deadline, not_before=not_before)
        if attempt and not_before:
            workshop.blocked = attempt.stopped
        if attempt and attempt.broker_away:
            workshop.give_up_sender()
        update_state(connection, run.run_id)
    more = [f"sent {attempt.sent}", f"waited {workshop.waited - before:.1f} s for the pace"] if attempt else []
    more += request.lacking
    if request.held_back:
        more.append(f"in quarantine: {request.named_held_back()}")
    print(f"{process} {session}: {totals.summary(*more)}", flush=True)
    return totals


def _await_storage(run: Run, settings: KafkaSettings) -> None:
    """Until the consumers have moved every item to its end state, or the deadline: then close() names the rest."""
    deadline = time.monotonic() + settings.store_timeout_s
    while run.open_items() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
