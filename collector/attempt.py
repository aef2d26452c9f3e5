"""One run at work: tasks go out to threads, what comes back is sent, each item is accounted for (contracts 4).

One item's failure has a name and does not stop the others; a block by the source, a source that doesn't answer at all,
or a broker that takes nothing stops the asking, and what is left says so.
"""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, RetriableError
from pydantic import ValidationError
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from collector.answers import NoData, NoSessions, RateLimited, SourceUnavailable
from collector.tasks import Outcome, Source, Task, no_message
from database import findings
from database.ledger import Item, Run
from utils.messages import Message, ProfileMessage, encode, topic_of

log = logging.getLogger(__name__)

# The source is taken to be away after this many unanswered tasks in a row, at the start or in the middle of a run.
AWAY_AFTER = 5
UNCONFIRMED_AT_ONCE = 100
LOG_EVERY_SECONDS = 30.0
# Each further message would wait for the broker as long as the first that it did not take.
BROKER_AWAY = "the broker takes no messages"
# The producer gives a message up after its delivery timeout. One that has lost its id meanwhile never does.
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class _Answer:
    """What a worker's thread brings back; `problem`: the named error that failed all its items."""

    outcomes: list[Outcome]
    api_calls: int
    problem: Exception | None = None


@dataclass
class Attempt:
    """A run that is open.

    `delivery_timeout_s`: a message not confirmed by then has failed. `stopped`: why nothing more is asked for.
    `broker_away`: nothing more is sent. `sent`: messages the broker has confirmed. Memory holds a handful of answers,
    whatever the number of tasks. `not_before`: until then the source does not want to be asked; None: it may be.
    """

    run: Run
    source: Source
    sender: KafkaProducer
    workers: int
    delivery_timeout_s: float
    stopped: str | None = None
    broker_away: bool = False
    not_before: datetime | None = None
    sent: int = 0
    _silent: int = 0
    _unconfirmed: deque[tuple[Item, int, Any, float]] = field(default_factory=deque)

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
                    wait(flying, return_when=FIRST_COMPLETED)
                    # In the order of asking: the first refusal gives the reason, not one that follows from it.
                    for future in [each for each in flying if each.done()]:
                        outcomes += self._account(flying.pop(future), future.result())
                        tick()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def confirm(self, *, keep: int = 0) -> None:
        """Wait for the broker's word on all but the newest `keep` messages."""
        while len(self._unconfirmed) > keep:
            item, calls, sent, until = self._unconfirmed.popleft()
            try:
                sent.get(timeout=max(0.0, until - time.monotonic()))
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
            replace(each, message=each.message if isinstance(each.message, ProfileMessage) else None, findings=())
            for each in answer.outcomes
        ]

    def _send(self, item: Item, message: Message, calls: int) -> None:
        if self.broker_away:
            self.run.failed(item, BROKER_AWAY, permanent=False, api_calls=calls)
            return
        key, value, headers = encode(message, self.run.run_id, item.operation)
        try:
            sent = self.sender.send(topic_of(message), value=value, key=key, headers=headers)
        except KafkaError as error:
            self._not_taken(item, error, calls)
        else:
            until = time.monotonic() + self.delivery_timeout_s + GRACE_SECONDS
            self._unconfirmed.append((item, calls, sent, until))

    def _not_taken(self, item: Item, error: KafkaError, calls: int) -> None:
        text = f"the broker did not take it: {type(error).__name__}"
        log.warning("%s %s: %s", item.ticker, item.operation, text)
        self.run.failed(item, text, permanent=False, api_calls=calls)
        if isinstance(error, RetriableError):
            self.broker_away = True
            self.stopped = self.stopped or BROKER_AWAY

    def _learn(self, problem: Exception | None) -> None:
        if isinstance(problem, RateLimited):
            self.stopped = self.stopped or str(problem)
            self.not_before = max(self.not_before or problem.not_before, problem.not_before)
        elif isinstance(problem, SourceUnavailable):
            self._silent += 1
            if self._silent >= AWAY_AFTER and self.stopped is None:
                self.stopped = f"the source does not answer ({problem})"
        else:
            self._silent = 0


def _perform(task: Task, source: Source) -> _Answer:
    """In a worker's thread: the task's outcomes, with its requests counted; a named problem fails all its items."""
    before = source.yahoo.manners.requests_made()

    def failed(error: Exception, text: str, *, permanent: bool = False, unknown: bool = False) -> _Answer:
        outcomes = [Outcome(item, error=text, permanent=permanent, unknown=unknown) for item in task.items]
        return _Answer(outcomes, source.yahoo.manners.requests_made() - before, error)

    try:
        outcomes = task.perform(source)
    except (RateLimited, SourceUnavailable, NoSessions) as error:
        return failed(error, str(error))
    except NoData as error:
        return failed(error, str(error), permanent=True, unknown=True)
    except ValidationError as error:  # sent as it is, it would be a dead letter
        return failed(error, no_message(error), permanent=True)
    return _Answer(outcomes, source.yahoo.manners.requests_made() - before)


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
