"""Operators of the platform: start a program, wait for results, wait for a gap.

A DAG holds no logic: what is computed is in the programs, which an operator can start by hand with the same result.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, BaseSensorOperator
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from config.settings import DatabaseSettings, load
from utils.program import ALREADY_COMPLETE, RUN_AGAIN, SUCCESS, USAGE


def dag_run_key(context: Any) -> str:
    """The run's name in the ledger: dag id and run id, as run ids alone repeat between DAGs."""
    run = context["dag_run"]
    return f"{run.dag_id}/{run.run_id}"


def session_of(context: Any) -> str:
    """The session of this run, as its first task wrote it down."""
    from database.connection import connect  # noqa: PLC0415 - a DAG file is parsed often; the driver is needed in tasks
    from database.pipeline import resolved  # noqa: PLC0415

    with connect(load(DatabaseSettings)) as connection:
        return resolved(connection, dag_run_key(context)).isoformat()


class Program(BaseOperator):
    """Runs one of the platform's programs for the run's session, with the environment of its role.

    Exit code 99: skipped (already complete). 75: again at the time the ledger names, without using up a retry.
    2: a user's mistake, no retry. Anything else but 0: failed, with the program's last line as the reason.
    """

    ui_color = "#e8eef5"

    def __init__(self, *, program: str, arguments: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.program = program
        self.arguments = list(arguments)
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> None:
        command = [sys.executable, "-m", "utils.stack.program", self.program, *self.arguments]
        environment = os.environ | {
            "ACTSTOCK_DAG_RUN_ID": dag_run_key(context),
            "ACTSTOCK_TRY_NUMBER": str(context["ti"].try_number),
        }
        command += ["--as-of", session_of(context)]
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
            raise AirflowRescheduleException(self._again_at(context))
        if code != SUCCESS:
            raise AirflowException(f"exit code {code}: {last}")

    def _again_at(self, context: Any) -> datetime:
        from database.connection import connect  # noqa: PLC0415
        from database.pipeline import not_before  # noqa: PLC0415
        from utils.clock import wall_now  # noqa: PLC0415

        with connect(load(DatabaseSettings)) as connection:
            return not_before(connection, dag_run_key(context)) or wall_now() + timedelta(minutes=2)

    def on_kill(self) -> None:
        """Cleared or marked in the UI: the program ends itself cleanly on SIGTERM."""
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
        from datetime import date  # noqa: PLC0415

        from database.connection import connect  # noqa: PLC0415
        from database.pipeline import missing  # noqa: PLC0415

        session = session_of(context)
        with connect(load(DatabaseSettings)) as connection:
            self.missing = missing(connection, self.processes, date.fromisoformat(session))
        if self.missing:
            self.log.info("%s: waiting for %s", session, ", ".join(self.missing))
        return not self.missing

    def execute(self, context: Any) -> Any:
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
        from datetime import date  # noqa: PLC0415

        from database.connection import connect  # noqa: PLC0415
        from database.pipeline import finished_at  # noqa: PLC0415
        from utils.clock import wall_now  # noqa: PLC0415

        with connect(load(DatabaseSettings)) as connection:
            ended = finished_at(connection, self.process, date.fromisoformat(session_of(context)))
        return ended is not None and wall_now() - ended >= timedelta(minutes=self.minutes)
