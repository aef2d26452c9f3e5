"""The demo's past, built with the real programs, month after month (contracts 9).

A kill in between goes on at the program it had reached: what is done stands in `run/demo.json`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import httpx

from utils.program import ALREADY_COMPLETE, RUN_AGAIN, SUCCESS
from utils.stack.environment import environment
from utils.stack.folder import Folder
from utils.stack.past import chapters, evening_of, last_session
from utils.stack.steps import StepFailed, Took


def build_past(folder: Folder) -> list[Took]:
    """Every program of every chapter that is not done yet, then the clock at the last session. How long each took."""
    last = last_session(folder.path / "market")
    done = _done(folder)
    took: list[Took] = []
    for chapter in chapters(last):
        missing = [program for program in chapter.programs if _key(chapter.session, program) not in done]
        if not missing:
            continue
        move_clock(folder, chapter.instant)
        print(f"demo: {chapter.session}", flush=True)
        for program in missing:
            took.append(_run(folder, program))
            done.append(_key(chapter.session, program))
            _note(folder, done)
    move_clock(folder, evening_of(last))
    return took


def _key(session: date, program: Sequence[str]) -> str:
    return f"{session} {Path(program[0]).stem}"


def move_clock(folder: Folder, to: datetime) -> None:
    """Move the market's clock forward; it never goes back on a folder that has results."""
    url = f"http://{folder.address('REPLAY_CONTROL_PORT')}/_control/clock"
    now = datetime.fromisoformat(httpx.get(url, timeout=10, trust_env=False).raise_for_status().json()["now"])
    if now < to:
        httpx.post(url, json={"now": f"{to:%Y-%m-%dT%H:%M:%SZ}"}, timeout=10, trust_env=False).raise_for_status()


def _run(folder: Folder, program: Sequence[str]) -> Took:
    began = time.monotonic()
    command = [sys.executable, "-P", "-m", "utils.stack.program", *program]
    log = folder.logs / "demo.log"
    with log.open("ab") as output:
        code = subprocess.run(
            command,
            # In a container the settings of its role are in the environment, in local mode in the folder.
            env=os.environ | environment(folder, "system", os.environ),
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
