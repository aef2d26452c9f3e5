"""One pace for all threads and processes of this machine: the next free slot lives in a locked file.

Beside it stands the slowest pace of those that wait. Seconds of wall time; a pace of 0 takes no slot, touches no file.
"""

import fcntl
import random
import time
from collections.abc import Callable
from pathlib import Path

JITTER = 0.25
# A slot further away than this, or than ten requests of the slowest, was written under another clock: not waited for.
STALE_SECONDS = 120.0


class Pace:
    """Hands out slots. `now` and `sleep` are arguments so that tests need not wait."""

    def __init__(
        self, file: Path, *, now: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._file, self._now, self._sleep = file, now, sleep
        self.waited = 0.0

    def wait(self, seconds: float) -> None:
        """Wait for the next slot; the one after it comes `seconds` (up to a quarter more, by chance) later."""
        if seconds <= 0:
            return
        pause = self._take(seconds) - self._now()
        if pause > 0:
            self._sleep(pause)
            self.waited += pause

    def _take(self, seconds: float) -> float:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            now, (slot, pace) = self._now(), _numbers(file.read())
            slowest = max(pace, seconds) if slot > now else seconds
            slot = now if slot > now + max(STALE_SECONDS, 10 * slowest) else max(now, slot)
            following = slot + seconds * (1 + random.uniform(0, JITTER))  # noqa: S311 - spreads requests
            file.seek(0)
            file.truncate()
            file.write(f"{following:.6f} {slowest:g}")
        return slot


def _numbers(text: str) -> tuple[float, float]:
    """Slot and pace as they were written; 0 when the file is new, was cut off, or is of an older version."""
    try:
        slot, pace = map(float, text.split())
    except ValueError:
        return 0.0, 0.0
    return slot, pace
