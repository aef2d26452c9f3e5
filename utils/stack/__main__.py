"""ActStock on this machine, every part real: databases, broker, Airflow, Spark, consumers, API, dashboard.

./start.sh demo                          an invented market, its past built by the real programs, ready to look at
./start.sh                               Yahoo itself; --run also computes today's portfolio
./start.sh --replay DIR [--now INSTANT]  a market directory at its own time
./start.sh stop                          end everything, keep the data
./start.sh status                        one line a service; exit code 0 only when all are healthy
./start.sh logs [SERVICE] [-f] [-n 100]  what services wrote
./start.sh run PROGRAM ARGS...           one of our programs, with its own role
./start.sh reset [--yes]                 ask, then remove the market's data
./start.sh move [--yes]                  take over the data of the other way of running: with Docker, or without
./start.sh test                          the whole test suite

--data DIR is the market's folder, --only NAMES starts some services with what they need. With Docker where an engine
answers; --local: without, all the same.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from utils.program import FAILED, USAGE, one_line
from utils.stack import checks, demo, pipeline, status, supervisor
from utils.stack.folder import (
    DEMO,
    REMOVED,
    REPO,
    YAHOO,
    Folder,
    Market,
    WrongFolder,
    claim,
    data_root,
    folders,
    make,
    open_folder,
    replayed,
)
from utils.stack.services import BY_NAME
from utils.stack.steps import StepFailed, Took, bring_up

# Not bugs of ours: a folder nobody may write to, a service that is away, a supervisor that does not start.
THE_MACHINES = (
    OSError,
    subprocess.CalledProcessError,
    httpx.HTTPError,
    pipeline.PipelineFailed,
    supervisor.SupervisorGone,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what was asked."""
    arguments = parser().parse_args(argv)
    action: Callable[[argparse.Namespace], int] = arguments.action
    return concluded(lambda: action(arguments))


def concluded(action: Callable[[], int]) -> int:
    """The exit code of what was asked for; each failure is one line, and the tail of the log that knows more."""
    try:
        return action()
    except (checks.CheckFailed, WrongFolder) as error:
        print(f"start: {error}", file=sys.stderr)
        return USAGE
    except StepFailed as error:
        print(f"{error.log}\nstart: {error}" if error.log else f"start: {error}", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has enough: no word at exit
    except THE_MACHINES as error:
        print(f"start: {one_line(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted: what runs goes on running; the same command goes on from here", file=sys.stderr)
    return FAILED


# -- start -----------------------------------------------------------------------------------------------------------


def start(arguments: argparse.Namespace) -> int:
    """Checks, then the folder, then everything in order of health."""
    began = time.monotonic()
    market = wanted_market(arguments)
    path = _path(arguments) or data_root() / market.name
    now = instant(arguments.now) if arguments.now else None
    checks.settings(os.environ)
    checks.market(market, path, now)
    only = arguments.only.split(",") if arguments.only else []
    checks.places(path)
    is_new = not (path / "market.json").exists()
    # With a full disk, too, the database can be asked what may go.
    if is_new or not (only or supervisor.pid(open_folder(path))):
        checks.resources(path)
    # Only then is anything written: another start may be at work with the settings that are there.
    with _alone(claim(path, market)):
        folder = make(path, market, os.environ)
        checks.settings(folder.settings, folder.settings_file)
        took = _up(folder, now, only)
        if not only:
            took += bring_up_to_date(folder, run=arguments.run)
    setup = float(os.environ.get("ACTSTOCK_SETUP_SECONDS", "0"))
    status.show_times([Took("packages", setup), *took], setup + time.monotonic() - began)
    status.show_addresses(folder)
    return 0


def wanted_market(arguments: argparse.Namespace) -> Market:
    """Which market a start is for."""
    if "market" in arguments:
        return DEMO
    return replayed(arguments.replay) if arguments.replay else YAHOO


def bring_up_to_date(folder: Folder, *, run: bool) -> list[Took]:
    """The demo's past; and of the demo, or when told to run, what the newest session lacks. How long each took."""
    took = demo.build_past(folder) if folder.market.is_demo else []
    if run or folder.market.is_demo:
        beginning = time.monotonic()
        pipeline.run_if_behind(folder)
        took.append(Took("daily pipeline", time.monotonic() - beginning))
    return took


def _up(folder: Folder, now: str | None, only: Sequence[str]) -> list[Took]:
    """Checks of what runs already, then what is missing of it."""
    fingerprint, seen = _fingerprint(folder), folder.run / "fingerprint"
    if supervisor.pid(folder) is not None and (not seen.exists() or seen.read_text() != fingerprint):
        print("code or settings changed since the start: stopping first")
        supervisor.stop(folder)
    if supervisor.pid(folder) is None:
        supervisor.stop(folder)  # what a killed supervisor may have left
        checks.ports(folder)
    seen.write_text(fingerprint)
    pending = folder.run / "now"
    if now is not None:
        pending.write_text(now)
    took = bring_up(folder, only)
    if now is not None and not only:
        demo.move_clock(folder, datetime.fromisoformat(now))
    pending.unlink(missing_ok=True)
    return took


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """One start at a time in a folder; the lock ends with the process, however it ends."""
    with (folder.run / "start.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise checks.CheckFailed(f"{folder.path}: expected no other start, found one that is still busy") from None
        yield


def _fingerprint(folder: Folder) -> str:
    """Of what a running service has read: our code, the locks, the settings."""
    known = hashlib.sha256(folder.settings_file.read_bytes())
    rooms = ("api", "batch", "collector", "config", "consumer", "dashboard", "database", "utils", "test/replay")
    files = [file for room in rooms for file in (REPO / room).rglob("*.py")]
    for file in sorted([*files, REPO / "requirements.txt", REPO / "config" / "jars.lock"]):
        known.update(file.read_bytes())
    return known.hexdigest()


def instant(text: str) -> str:
    """The instant as the replay's clock reads it. Raises CheckFailed.

    >>> instant("2025-12-30T17:00:00-05:00")
    '2025-12-30T22:00:00Z'
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise checks.CheckFailed(f"--now: expected an instant such as 2026-01-24T02:00:00Z, found {text!r}")
    return f"{found.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


# -- the others ------------------------------------------------------------------------------------------------------


def stop(arguments: argparse.Namespace) -> int:
    """Everything ends, data stay."""
    began = time.monotonic()
    try:
        folder = _meant(arguments)
    except WrongFolder as error:
        if _path(arguments) is not None:
            raise
        print(error)
        return 0
    supervisor.stop(folder)
    left = len(supervisor.processes_of(folder))
    seconds = time.monotonic() - began
    print(f"stopped {folder.market} after {seconds:.1f} s; {left} processes left; data kept in {folder.path}")
    return FAILED if left else 0


def show_status(arguments: argparse.Namespace) -> int:
    """Exit code 0 only when every service is healthy."""
    return 0 if status.show(_meant(arguments)) else FAILED


def logs(arguments: argparse.Namespace) -> int:
    """The end of one service's log, or of all. Raises CheckFailed for a service that has none."""
    folder = _meant(arguments)
    wanted = [folder.logs / f"{arguments.service}.log"] if arguments.service else sorted(folder.logs.glob("*.log"))
    if not all(file.exists() for file in wanted):
        found = ", ".join(sorted(file.stem for file in folder.logs.glob("*.log")))
        raise checks.CheckFailed(f"logs: expected one of {found}; found {arguments.service}")
    command = ["tail", "-n", str(arguments.lines), *(["-F"] if arguments.follow else []), *map(str, wanted)]
    sys.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606 - no shell is meant


def reset(arguments: argparse.Namespace) -> int:
    """Ask, then remove the market's data. Raises CheckFailed when nobody can be asked, or Docker has them."""
    folder = _meant(arguments)
    if folder.settings.get("ACTSTOCK_MODE") == "compose":
        raise checks.CheckFailed(f"{folder.path} is with Docker: expected ./start.sh reset without --local")
    volumes = _volumes(folder)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise checks.CheckFailed("reset: expected an answer on a terminal, or --yes; found neither")
        where = f"{folder.path} and in Docker's volumes" if volumes else f"{folder.path}"
        answer = input(f"remove all data of {folder.market} in {where}? Type its name to confirm: ")
        if answer.strip() != folder.market.name:
            print("nothing removed")
            return FAILED
    supervisor.stop(folder)
    if volumes:
        removed = subprocess.run(["docker", "volume", "rm", *volumes], capture_output=True, text=True, check=False)
        if removed.returncode != 0:
            raise checks.CheckFailed(f"reset: {removed.stderr.strip().splitlines()[-1]}")
    # Under another name first: should the removal be cut off, what is left is no market's folder.
    gone = folder.path.with_name(folder.path.name + REMOVED)
    shutil.rmtree(gone, ignore_errors=True)
    folder.path.rename(gone)
    shutil.rmtree(gone)
    print(f"removed {folder.path}")
    return 0


def _volumes(folder: Folder) -> list[str]:
    """What the market has left in Docker; its passwords are in this folder. Raises CheckFailed when nobody can tell."""
    if "ACTSTOCK_MODE" not in folder.settings or shutil.which("docker") is None:
        return []
    of_project = f"label=com.docker.compose.project={folder.settings['COMPOSE_PROJECT_NAME']}"
    command = ["docker", "volume", "ls", "--quiet", "--filter", of_project]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise checks.CheckFailed(f"{folder.path} was with Docker: expected its engine to tell what is left, found none")
    return told.stdout.split()


def run(arguments: argparse.Namespace) -> int:
    """One program of ours, with the environment of its role."""
    folder = _meant(arguments)
    command = [sys.executable, "-P", "-m", "utils.stack.program", arguments.program, *arguments.arguments]
    given: Mapping[str, str] = os.environ | {"ACTSTOCK_MARKET_DIR": str(folder.path)}
    os.execve(command[0], command, given)  # noqa: S606 - no shell is meant


def _path(arguments: argparse.Namespace) -> Path | None:
    return Path(arguments.data).absolute() if "data" in arguments else None


def _meant(arguments: argparse.Namespace) -> Folder:
    """The folder of --data, else the running one, else the only one."""
    given = _path(arguments)
    if given is not None:
        return open_folder(given)
    root = data_root()
    running = supervisor.running_folders(root)
    candidates = [open_folder(path) for path in running] or folders(root)
    if not candidates:
        raise WrongFolder(f"nothing runs, and there is no market in {root} yet: ./start.sh demo makes one")
    if len(candidates) > 1:
        names = ", ".join(str(folder.path) for folder in candidates)
        state = "running" if running else "stopped"
        raise WrongFolder(f"expected one {state} market or --data DIR, found {names}")
    return candidates[0]


# -- arguments -------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line of ./start.sh, the same in both modes."""
    where = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    where.add_argument("--data", metavar="DIR", help="the market's folder (default: below ACTSTOCK_DATA)")
    starting = argparse.ArgumentParser(add_help=False)
    starting.add_argument(
        "--run", action="store_true", help="run the daily pipeline if results are behind; leave it scheduled"
    )
    starting.add_argument(
        "--only", metavar="NAMES", help="some services or steps, with what they need, comma-separated"
    )

    whole = argparse.ArgumentParser(
        prog="./start.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[where, starting],
    )
    whole.add_argument("--replay", type=Path, metavar="DIR", help="a market directory instead of Yahoo")
    whole.add_argument("--now", metavar="INSTANT", help="with --replay: its time, such as 2026-01-24T02:00:00Z")
    whole.set_defaults(action=start)
    commands = whole.add_subparsers(metavar="COMMAND")

    shown = commands.add_parser("demo", parents=[where, starting], help="start on an invented market")
    shown.set_defaults(action=start, market=DEMO, replay=None, now=None)
    commands.add_parser("stop", parents=[where], help="end everything, keep the data").set_defaults(action=stop)
    commands.add_parser("status", parents=[where], help="one line a service").set_defaults(action=show_status)
    reading = commands.add_parser("logs", parents=[where], help="what services wrote")
    reading.add_argument("service", nargs="?", metavar="SERVICE", help=", ".join(BY_NAME))
    reading.add_argument("-f", "--follow", action="store_true", help="go on showing what comes")
    reading.add_argument("-n", "--lines", type=int, default=100, help="how many (default 100)")
    reading.set_defaults(action=logs)
    removing = commands.add_parser("reset", parents=[where], help="remove the market's data")
    removing.add_argument("--yes", action="store_true", help="do not ask")
    removing.set_defaults(action=reset)
    running = commands.add_parser("run", parents=[where], help="one of our programs, with its own role")
    running.add_argument("program", metavar="PROGRAM", help="such as collector/kafka_01_producer_etf_daily.py")
    running.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    running.set_defaults(action=run)
    commands.add_parser("test", help="the whole test suite: bash test/test.sh")
    return whole


if __name__ == "__main__":
    raise SystemExit(main())
