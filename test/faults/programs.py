"""What a supervisor does, for programs that are killed on purpose: whoever ends is started again, and noted."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from test.conftest import REPO

LOOK_SECONDS = 0.1


@dataclass
class Program:
    """One program. `again`: whether it is to be started again after it ended with that code."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    again: Callable[[int], bool] = lambda code: True
    process: subprocess.Popen[bytes] | None = None
    told: signal.Signals | None = None
    ends: list[tuple[int, signal.Signals | None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin anew."""
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, *self.command], cwd=REPO, env=os.environ | self.environment, stdout=said, stderr=said
            )
        self.told = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process is not None and self.process.poll() is None

    def tell(self, by: signal.Signals) -> bool:
        """Send a signal; whether it was there to get it."""
        if self.process is None or not self.is_running:
            return False
        self.told = by
        self.process.send_signal(by)
        return True

    def freeze(self) -> bool:
        """Stop it where it stands."""
        if self.process is None or not self.is_running:
            return False
        self.process.send_signal(signal.SIGSTOP)
        return True

    def thaw(self) -> None:
        """Let it go on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)


@dataclass
class Supervisor:
    """Looks after programs in a thread of its own until `finish`."""

    programs: Sequence[Program]
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until told to stop."""
        while not self._stop.wait(LOOK_SECONDS):
            for program in self.programs:
                if program.process is not None and not program.is_running:
                    code = program.process.returncode
                    program.ends.append((code, program.told))
                    program.process = None
                    if program.again(code):
                        program.start()

    def finish(self) -> None:
        """No more starts."""
        self._stop.set()


@contextmanager
def supervised(programs: Sequence[Program]) -> Iterator[Supervisor]:
    """The programs, running; those that are still there at the end are killed."""
    supervisor = Supervisor(programs)
    thread = threading.Thread(target=supervisor.watch, daemon=True)
    for program in programs:
        program.start()
    thread.start()
    try:
        yield supervisor
    finally:
        supervisor.finish()
        thread.join(10)
        for program in programs:
            if program.process is not None:
                program.process.kill()
                program.process.wait()
