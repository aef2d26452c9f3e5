"""What start.sh asks of a container of ours, so that a machine with Docker needs nothing else (compose mode).

python -m utils.stack.containers prepare ARGUMENTS...   # before: the market's folder and .env; prints the folder
python -m utils.stack.containers market                 # in compose: the demo's market, and where its clock begins
python -m utils.stack.containers finish ARGUMENTS...    # after: the demo's past, the pipeline, where to look

ARGUMENTS are those of ./start.sh.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import httpx

from utils.stack import checks, demo, pipeline, status
from utils.stack.__main__ import bring_up_to_date, instant, parser, wanted_market
from utils.stack.folder import Folder, WrongFolder, add_settings, data_root, make, open_folder
from utils.stack.steps import StepFailed, Took, make_market

FAILED, USAGE = 1, 2


def prepare(arguments: Sequence[str]) -> None:
    """Check what was asked for, and have the market's folder with all that compose reads in its `.env`."""
    given = parser().parse_args(arguments)
    market = wanted_market(given)
    path = Path(given.data) if "data" in given else data_root() / market.name
    now = instant(given.now) if given.now else None
    checks.settings(os.environ)
    checks.market(market, path, now)
    folder = make(path, market, os.environ)
    add_settings(folder, compose_settings(folder, now))
    print(folder.path)


def compose_settings(folder: Folder, now: str | None) -> Mapping[str, str]:
    """What compose reads besides the folder's own settings; a name or profiles that are there stay."""
    market = folder.market
    found = {
        "COMPOSE_PROJECT_NAME": folder.settings.get("COMPOSE_PROJECT_NAME") or f"actstock-{market.name}",
        "PLATFORM_MARKET": market.name,
        "PLATFORM_IS_DEMO": str(market.is_demo).lower(),
    }
    if market.is_replayed:
        found["COMPOSE_PROFILES"] = folder.settings.get("COMPOSE_PROFILES") or "replay"
        found["REPLAY_HOST"] = "replay"
        # The demo's market is in a volume, where a container makes it.
        found["REPLAY_DIRECTORY"] = str(market.directory or "state")
        found["REPLAY_FOLDER"] = "market" if market.is_demo else ""
    if now is not None:
        found["REPLAY_NOW"] = now
    if os.environ.get("ACTSTOCK_PORTS") == "free":
        found["SPARK_WORKER_UI_PORT"] = ""  # any
    return found


def market(_: Sequence[str]) -> None:
    """The demo's market, made once; the instant at which a replay begins that was not started yet."""
    folder = _here()
    make_market(folder)
    now = os.environ.get("REPLAY_NOW")
    if now:
        (folder.run / "now").write_text(now)


def finish(arguments: Sequence[str]) -> None:
    """All is up: bring it up to date, and say where to look."""
    given = parser().parse_args(arguments)
    folder = _here()
    began = time.monotonic()
    if given.now:
        demo.move_clock(folder, datetime.fromisoformat(instant(given.now)))
    took: list[Took] = bring_up_to_date(folder, run=given.run)
    if took:
        status.show_times(took, time.monotonic() - began)
    status.show_addresses(folder)


def _here() -> Folder:
    folder = open_folder(Path(os.environ["ACTSTOCK_MARKET_DIR"]))
    for part in (folder.logs, folder.run):
        part.mkdir(exist_ok=True)
    return folder


ACTIONS: Mapping[str, Callable[[Sequence[str]], None]] = {"prepare": prepare, "market": market, "finish": finish}


def main() -> int:
    """Each failure is one line, and the tail of the log that knows more."""
    try:
        ACTIONS[sys.argv[1]](sys.argv[2:])
    except (checks.CheckFailed, WrongFolder) as error:
        print(f"start: {error}", file=sys.stderr)
        return USAGE
    except StepFailed as error:
        print(f"{error.log}\nstart: {error}" if error.log else f"start: {error}", file=sys.stderr)
        return FAILED
    except (pipeline.PipelineFailed, httpx.HTTPError) as error:
        print(f"start: {str(error).splitlines()[0]}", file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
