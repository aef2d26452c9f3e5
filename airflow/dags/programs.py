"""Operators of the platform: decide a run's date, start a program, wait for results, wait for a gap.

A DAG holds no logic: what is computed is in the programs, which an operator can start by hand with the same result.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from airflow.sdk import BaseOperator, BaseOperatorLink, BaseSensorOperator
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from notes import add_note

from config.settings import DatabaseSettings, PipelineSettings, load
from utils.program import ALREADY_COMPLETE, RUN_AGAIN, SUCCESS, USAGE

OUTAGE_MINUTES = 15


@contextmanager
def database() -> Iterator[Any]:
    """The platform's database, as role pipeline. While it is away it is waited for: no failure could be noted either.

    Raises DatabaseUnavailable after OUTAGE_MINUTES.
    """
    # A DAG file is parsed often; the driver is needed in tasks.
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential  # noqa: PLC0415

    from database.connection import DatabaseUnavailable, connect  # noqa: PLC0415

    patiently = Retrying(
        retry=retry_if_exception_type(DatabaseUnavailable),
        stop=stop_after_delay(timedelta(minutes=OUTAGE_MINUTES)),
        wait=wait_exponential(max=30),
        reraise=True,
    )
    with ExitStack() as opened:
        yield patiently(lambda: opened.enter_context(connect(load(DatabaseSettings))))


class Dates(NamedTuple):
    """What a run is for: the date its first task wrote down, and the first one of a range when one was asked for.

    asked: a person named the date; otherwise it is the one of the run's time.
    """

    as_of_date: date
    from_date: date | None
    asked: bool = False


def session(dates: Dates) -> list[str]:
    """Arguments of a program that takes one session."""
    return ["--as-of", f"{dates.as_of_date}"]


def sessions(dates: Dates) -> list[str]:
    """Arguments of a program that takes a session or a range of them."""
    return _span(dates) or session(dates)


def rebalances(dates: Dates) -> list[str]:
    """Arguments of the monthly rebalance."""
    return _span(dates) or ["--rebalance-date", f"{dates.as_of_date}"]


def months(dates: Dates) -> list[str]:
    """Arguments of a program that takes months."""
    if dates.from_date is None:
        return ["--month", f"{dates.as_of_date:%Y-%m}"]
    return ["--from", f"{dates.from_date:%Y-%m}", "--to", f"{dates.as_of_date:%Y-%m}"]


def today_unless_asked(dates: Dates) -> list[str]:
    """Arguments of a program whose source knows today only: a run that comes late takes what there is."""
    return session(dates) if dates.asked else []


def nothing(_: Dates) -> list[str]:
    """No argument: the program's own default is meant."""
    return []


def _span(dates: Dates) -> list[str]:
    return [] if dates.from_date is None else ["--from", f"{dates.from_date}", "--to", f"{dates.as_of_date}"]


def dag_run_key(run: Any) -> str:
    """The run's name in the ledger: dag id and run id, as run ids alone repeat between DAGs."""
    return f"{run.dag_id}/{run.run_id}"


def dates_of(context: Any) -> Dates:
    """The dates of this run. Raises NotResolved before its first task has run."""
    from database.pipeline import resolved  # noqa: PLC0415

    params = context["params"]
    first = params.get("from_date")
    with database() as connection:
        as_of_date = resolved(connection, dag_run_key(context["dag_run"]))
    return Dates(as_of_date, date.fromisoformat(first) if first else None, bool(params.get("as_of_date")))


class ResolveDate(BaseOperator, SkipMixin):
    """Decides what the run describes (rules 1), once: retries and clears keep what is written down.

    A run that has nothing to describe, or was asked for a day that cannot be, skips all that follows and says why on
    its page: that is a person's mistake, or a day off, and no failure.
    """

    ui_color = "#e8f3e8"

    def __init__(self, *, decide: Callable[[datetime, Any], date], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decide = decide

    def execute(self, context: Any) -> str | None:
        """The date as text; None when the rest of the run is skipped. Raises DatabaseUnavailable, ClockUnavailable."""
        from database.pipeline import resolve  # noqa: PLC0415
        from utils.clock import NotAClosedSession  # noqa: PLC0415
        from utils.run_dates import NothingToRun  # noqa: PLC0415

        run = context["dag_run"]
        try:
            as_of_date = self.decide(run.run_after, context["params"])
        except (NothingToRun, NotAClosedSession) as reason:
            self.log.info("nothing was run: %s", reason)
            add_note(run.dag_id, run.run_id, f"Nothing was run: {reason}.")
            tasks = self.dag.task_dict
            self.skip(context["ti"], [tasks[each] for each in self.get_flat_relative_ids(upstream=False)])
            return None
        with database() as connection:
            return resolve(connection, dag_run_key(run), as_of_date).isoformat()


class ResultLink(BaseOperatorLink):
    """From a task to the dashboard's page of what it made."""

    name = "Dashboard"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The page of the run's date; without its date before that is decided. Raises DatabaseUnavailable."""
        from database.connection import connect  # noqa: PLC0415
        from database.pipeline import NotResolved, resolved  # noqa: PLC0415

        address = f"{load(PipelineSettings).dashboard_url}{operator.page}"
        if "{date}" not in address:
            return address
        try:
            with connect(load(DatabaseSettings)) as connection:
                return address.format(date=resolved(connection, f"{ti_key.dag_id}/{ti_key.run_id}"))
        except NotResolved:
            return address.partition("?")[0]


class Program(BaseOperator):
    """Runs one of the platform's programs for the run's date, with the environment of its role.

    dated: the arguments that say for which date. page: of the dashboard, with {date} where it has one.
    Exit code 99: skipped (nothing to do). 75: again at the time the ledger names, without using up a retry; failed when
    the run's own time is over by then. 2: a user's mistake, no retry. Anything else but 0: failed, with the program's
    last line as the reason.
    """

    ui_color = "#e8eef5"
    operator_extra_links = (ResultLink(),)

    def __init__(
        self,
        *,
        program: str,
        arguments: Sequence[str] = (),
        dated: Callable[[Dates], list[str]] = session,
        page: str = "/pipeline",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.program = program
        self.arguments = list(arguments)
        self.dated = dated
        self.page = page
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> None:
        """Until the program has ended; its lines go to the task's log. Raises Airflow's exceptions by its exit code."""
        command = [sys.executable, "-m", "utils.stack.program", self.program, *self.arguments]
        if self.dated is not nothing:
            command += self.dated(dates_of(context))
        if context["params"].get("force"):
            command.append("--force")
        environment = os.environ | {
            "ACTSTOCK_DAG_RUN_ID": dag_run_key(context["dag_run"]),
            "ACTSTOCK_TRY_NUMBER": str(context["ti"].try_number),
        }
        self.log.info("%s", " ".join(command[3:]))
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        last = "the program said nothing"
        for line in self._process.stdout or ():
            if line.strip():
                last = line.strip()
                self.log.info("%s", last)
        self._conclude(self._process.wait(), last, context)

    def _conclude(self, code: int, last: str, context: Any) -> None:
        if code == ALREADY_COMPLETE:
            raise AirflowSkipException(last)
        if code == USAGE:
            raise AirflowFailException(last)
        if code == RUN_AGAIN:
            again_at = self._again_at(context)
            if again_at > context["dag_run"].start_date + context["dag"].dagrun_timeout:
                raise AirflowFailException(f"{last}; this run's time is over by then: clear it after that")
            raise AirflowRescheduleException(again_at)
        if code != SUCCESS:
            self._await_database()
            raise AirflowException(f"exit code {code}: {last}")

    def _again_at(self, context: Any) -> datetime:
        from database.pipeline import not_before  # noqa: PLC0415
        from utils.clock import wall_now  # noqa: PLC0415

        with database() as connection:
            return not_before(connection, dag_run_key(context["dag_run"])) or wall_now() + timedelta(minutes=2)

    def _await_database(self) -> None:
        """When it is away, that is why the program failed: a retry would be in vain, and the failure not be told."""
        from database.connection import DatabaseUnavailable  # noqa: PLC0415

        with suppress(DatabaseUnavailable), database():
            pass

    def on_kill(self) -> None:
        """Cleared, marked or out of time: the program ends itself cleanly on SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


class ResultsSensor(BaseSensorOperator):
    """Waits until each of the processes has a usable run for the run's session (contracts 4). Holds no slot."""

    ui_color = "#f4f0e4"

    def __init__(self, *, processes: Sequence[str], **kwargs: Any) -> None:
        super().__init__(mode="reschedule", **kwargs)
        self.processes = list(processes)
        self.missing: list[str] = []

    def poke(self, context: Any) -> bool:
        """Whether none is missing any more. Raises DatabaseUnavailable."""
        from database.pipeline import missing  # noqa: PLC0415

        as_of_date = dates_of(context).as_of_date
        with database() as connection:
            self.missing = missing(connection, self.processes, as_of_date)
        if self.missing:
            self.log.info("%s: waiting for %s", as_of_date, ", ".join(self.missing))
        return not self.missing

    def execute(self, context: Any) -> Any:
        """As every sensor. Raises AirflowSensorTimeout that names what is missing."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"gave up waiting: no usable result of {', '.join(self.missing)}") from error


class GapSensor(BaseSensorOperator):
    """Waits until `minutes` have passed since a process last ended for the run's session. Holds no slot."""

    ui_color = "#f4f0e4"

    def __init__(self, *, process: str, minutes: int, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", **kwargs)
        self.process = process
        self.minutes = minutes

    def poke(self, context: Any) -> bool:
        """Whether the time has passed. Raises DatabaseUnavailable."""
        from database.pipeline import finished_at  # noqa: PLC0415
        from utils.clock import wall_now  # noqa: PLC0415

        as_of_date = dates_of(context).as_of_date
        with database() as connection:
            ended = finished_at(connection, self.process, as_of_date)
        return ended is not None and wall_now() - ended >= timedelta(minutes=self.minutes)

    def execute(self, context: Any) -> Any:
        """As every sensor. Raises AirflowSensorTimeout that names what is missing."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as error:
            raise AirflowSensorTimeout(f"gave up waiting: no usable result of {self.process}") from error
