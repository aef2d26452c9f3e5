"""How a program of ours ends: exit codes and the one line a person reads (contracts 3)."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

SUCCESS, FAILED, USAGE, RUN_AGAIN, ALREADY_COMPLETE = 0, 1, 2, 75, 99
INTERRUPTED = 128 + signal.SIGINT


class UsageError(Exception):
    """The person asked for something that cannot be: exit code 2, no retry."""


class StageFailed(Exception):
    """The work could not be done and trying at once again would not help: exit code 1."""


class RunAgain(Exception):
    """To be run again, not before `not_before`: exit code 75."""

    def __init__(self, reason: str, not_before: datetime) -> None:
        super().__init__(f"{reason}; to be run again not before {not_before.isoformat(timespec='seconds')}")
        self.reason, self.not_before = reason, not_before


class AlreadyComplete(Exception):
    """Nothing to do: exit code 99 under Airflow, shown as skipped; 0 by hand."""


def one_line(error: BaseException) -> str:
    """What a person reads of an error: the first line of its text; of one that has none, the name of its kind."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def dag_run_id() -> str | None:
    """The DAG run this program belongs to; None when a person started it."""
    return os.environ.get("ACTSTOCK_DAG_RUN_ID")


def try_number() -> int:
    """Airflow's try; 1 by hand."""
    return int(os.environ.get("ACTSTOCK_TRY_NUMBER", "1"))


def run_program(main: Callable[[Sequence[str] | None], int], *, mistakes: tuple[type[Exception], ...] = ()) -> int:
    """Run a program's main and turn what it raises into an exit code and one line on stderr.

    `mistakes` are further errors that are a user's own and end with 2. Anything that is not named here is a bug of
    ours and shows its trace.
    """
    # Here: a DAG file, which only wants the codes above, is read often.
    from config.settings import LogSettings, load  # noqa: PLC0415

    logging.basicConfig(level=load(LogSettings).level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    # Each of their tries to reach a broker that is away, with its trace: our own line says that it is.
    for noisy in ("kafka.net", "kafka.cluster", "kafka.coordinator"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    name = Path(sys.argv[0]).name
    of_the_user: tuple[type[Exception], ...] = (UsageError, *mistakes)
    try:
        return main(None)
    except of_the_user as error:
        return _say(name, error, USAGE)
    except RunAgain as error:
        return _say(name, error, RUN_AGAIN)
    except AlreadyComplete as error:
        return _say(name, error, ALREADY_COMPLETE if dag_run_id() else SUCCESS)
    except StageFailed as error:
        return _say(name, error, FAILED)
    except KeyboardInterrupt:
        return _say(name, "stopped", INTERRUPTED)


def _say(name: str, what: Exception | str, code: int) -> int:
    print(f"{name}: {what}", file=sys.stderr, flush=True)
    return code


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block with SystemExit, so that a run ends as a failure the ledger knows of."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
