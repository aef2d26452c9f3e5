"""The demo's past, built with the real programs, month after month (architecture 3).

A kill in between goes on at the month it had reached: what is done stands in `run/demo.json`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx

from utils.program import ALREADY_COMPLETE, RUN_AGAIN, SUCCESS
from utils.sessions import close_of, previous_session, session_offset
from utils.stack.environment import environment
from utils.stack.folder import Folder
from utils.stack.ports import HOST
from utils.stack.steps import StepFailed, Took

MONTHS = 7  # of snapshots: 120 sessions, and the 20 that the first of them looks back
ANALYSED_SESSIONS = 120
AFTER_CLOSE = timedelta(hours=4)
ETFS = ("collector/kafka_01_producer_etf_daily.py", "--group", "all")
HOLDINGS = ("collector/kafka_02_producer_etf_holdings.py",)
STOCKS = ("collector/kafka_04_producer_stock_daily.py", "--scope", "known")
TRENDING = ("batch/spark_01_trending_etf_identifier.py",)
ALLOCATION = ("batch/spark_02_active_stock_allocator.py",)


@dataclass(frozen=True)
class Chapter:
    """A session the clock stands at, and what runs then."""

    session: date
    programs: tuple[tuple[str, ...], ...]

    @property
    def instant(self) -> datetime:
        """Where the clock stands: some hours after the close."""
        return close_of(self.session) + AFTER_CLOSE


def last_session(folder: Folder) -> date:
    """The newest session of the generated market."""
    marker = json.loads((folder.path / "market" / "market.json").read_text(encoding="utf-8"))
    return date.fromisoformat(marker["last_session"])


def chapters(last: date) -> list[Chapter]:
    """The past up to the session before the last, oldest first; the last itself is the controller's."""
    before = previous_session(last)
    months = [Chapter(session, (ETFS, HOLDINGS, STOCKS)) for session in month_ends(before, MONTHS)]
    span = ("--from", f"{session_offset(before, 1 - ANALYSED_SESSIONS):%Y-%m-%d}", "--to", f"{before:%Y-%m-%d}")
    return [*months, Chapter(before, (ETFS, STOCKS, TRENDING + span, ALLOCATION + span))]


def month_ends(before: date, count: int) -> list[date]:
    """The last session of each of the `count` months before the one of a day, oldest first.

    >>> month_ends(date(2026, 1, 22), 2)
    [datetime.date(2025, 11, 28), datetime.date(2025, 12, 31)]
    """
    return sorted(_month_ends(before, count))


def _month_ends(day: date, count: int) -> Iterator[date]:
    for _ in range(count):
        day = previous_session(day.replace(day=1))
        yield day


def first_instant(last: date) -> datetime:
    """Where the clock of a new demo begins."""
    return chapters(last)[0].instant


def build_past(folder: Folder) -> list[Took]:
    """Every chapter that is not done yet, then the clock at the last session. How long each took."""
    last = last_session(folder)
    done = _done(folder)
    took: list[Took] = []
    for chapter in chapters(last):
        if f"{chapter.session}" in done:
            continue
        move_clock(folder, chapter.instant)
        print(f"demo: {chapter.session}", flush=True)
        for program in chapter.programs:
            took.append(_run(folder, program))
        done = [*done, f"{chapter.session}"]
        _note(folder, done)
    move_clock(folder, close_of(last) + AFTER_CLOSE)
    return took


def move_clock(folder: Folder, to: datetime) -> None:
    """Move the market's clock forward; it never goes back on a folder that has results."""
    url = f"http://{HOST}:{folder.settings['REPLAY_CONTROL_PORT']}/_control/clock"
    now = datetime.fromisoformat(httpx.get(url, timeout=10, trust_env=False).raise_for_status().json()["now"])
    if now < to:
        httpx.post(url, json={"now": f"{to:%Y-%m-%dT%H:%M:%SZ}"}, timeout=10, trust_env=False).raise_for_status()


def _run(folder: Folder, program: Sequence[str]) -> Took:
    began = time.monotonic()
    command = [sys.executable, "-m", "utils.stack.program", *program]
    log = folder.logs / "demo.log"
    with log.open("ab") as output:
        code = subprocess.run(
            command,
            env=environment(folder, "system", os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    seconds = time.monotonic() - began
    name = Path(program[0]).stem
    again = " (some to be tried again: the next month does)" if code == RUN_AGAIN else ""
    print(f"  {name:<42} {seconds:6.1f} s{again}", flush=True)
    if code not in {SUCCESS, ALREADY_COMPLETE, RUN_AGAIN}:
        said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
        raise StepFailed(f"{name}: expected exit code 0, found {code}; ./start.sh demo goes on from here", said)
    return Took(name, seconds)


def _done(folder: Folder) -> list[str]:
    file = folder.run / "demo.json"
    return list(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else []


def _note(folder: Folder, done: list[str]) -> None:
    part = folder.run / "demo.json.part"
    part.write_text(json.dumps(done), encoding="utf-8")
    part.replace(folder.run / "demo.json")
