"""What start.sh asks of a container of ours, so that a machine with Docker needs nothing else (compose mode).

python -m utils.stack.containers prepare ARGUMENTS...   # before: the market's folder and .env; prints the folder
python -m utils.stack.containers ports ARGUMENTS...     # before: nobody else has them
python -m utils.stack.containers market                 # in compose: the demo's market, and where its clock begins
python -m utils.stack.containers finish ARGUMENTS...    # after: the demo's past, the pipeline, where to look

ARGUMENTS are those of ./start.sh.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from utils.program import SUCCESS
from utils.stack import checks, status
from utils.stack.__main__ import bring_up_to_date, concluded, instant, parser, wanted_market
from utils.stack.folder import Folder, add_settings, data_root, make, open_folder
from utils.stack.ports import ALL_PORTS
from utils.stack.steps import Took, make_market


def prepare(arguments: Sequence[str]) -> None:
    """Check what was asked for, and have the market's folder with all that compose reads in its `.env`."""
    given = parser().parse_args(arguments)
    market = wanted_market(given)
    path = Path(given.data) if "data" in given else data_root() / market.name
    now = instant(given.now) if given.now else None
    checks.settings(os.environ)
    checks.market(market, path, now)
    folder = make(path, market, os.environ)
    checks.settings(folder.settings, folder.settings_file)
    add_settings(folder, compose_settings(folder, now))
    print(folder.path)


def compose_settings(folder: Folder, now: str | None) -> Mapping[str, str]:
    """What compose reads besides the folder's own settings; a name or profiles that are there stay."""
    market = folder.market
    found = {
        "COMPOSE_PROJECT_NAME": folder.settings.get("COMPOSE_PROJECT_NAME") or project_name(folder),
        "PLATFORM_MARKET": market.name,
        "PLATFORM_IS_DEMO": str(market.is_demo).lower(),
    }
    if market.is_replayed:
        profiles = {"replay", *folder.settings.get("COMPOSE_PROFILES", "").split(",")} - {""}
        found["COMPOSE_PROFILES"] = ",".join(sorted(profiles))
        found["REPLAY_HOST"] = "replay"
        # The demo's market is in a volume, where a container makes it.
        found["REPLAY_DIRECTORY"] = str(market.directory or "state")
        found["REPLAY_FOLDER"] = "market" if market.is_demo else ""
    if now is not None:
        found["REPLAY_NOW"] = now
    if os.environ.get("ACTSTOCK_PORTS") == "free" and "SPARK_WORKER_UI_PORT" not in folder.settings:
        found["SPARK_WORKER_UI_PORT"] = ""  # any
    return found


def project_name(folder: Folder) -> str:
    """Of containers and volumes: each folder of a market has its own.

    On Windows every folder has one path in the container that asks; ACTSTOCK_PLACE is where it is outside.
    """
    path = os.environ.get("ACTSTOCK_PLACE", "") + str(folder.path)
    return f"actstock-{folder.market.name}-{hashlib.sha256(path.encode()).hexdigest()[:6]}"


def ports(arguments: Sequence[str]) -> None:
    """No other program listens on a port that compose is about to publish."""
    folder = open_folder(Path(parser().parse_args(arguments).data))
    checks.ports(folder, published(folder))


def published(folder: Folder) -> list[str]:
    """The settings of ports that are published here."""
    absent = {"KAFKA_CONTROLLER_PORT", "PROMETHEUS_PORT"}
    if "metrics" in folder.settings.get("COMPOSE_PROFILES", "").split(","):
        absent.remove("PROMETHEUS_PORT")
    return [name for name in ALL_PORTS if name not in absent]


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
        _move_clock(folder, instant(given.now))
    took: list[Took] = bring_up_to_date(folder, run=given.run)
    if took:
        status.show_times(took, time.monotonic() - began)
    status.show_addresses(folder)


def _move_clock(folder: Folder, now: str) -> None:
    """The clock is in a volume: what local mode refuses before it starts is refused here."""
    url = f"http://{folder.address('REPLAY_CONTROL_PORT')}/_control/clock"
    answer = httpx.post(url, json={"now": now}, timeout=10, trust_env=False)
    if answer.is_client_error:
        raise checks.CheckFailed(f"--now: {answer.json()['detail']}")
    answer.raise_for_status()


def _here() -> Folder:
    folder = open_folder(Path(os.environ["ACTSTOCK_MARKET_DIR"]))
    for part in (folder.logs, folder.run):
        part.mkdir(exist_ok=True)
    return folder


ACTIONS: Mapping[str, Callable[[Sequence[str]], None]] = {
    "prepare": prepare,
    "ports": ports,
    "market": market,
    "finish": finish,
}


def main() -> int:
    """Do what start.sh asked."""

    def action() -> int:
        ACTIONS[sys.argv[1]](sys.argv[2:])
        return SUCCESS

    return concluded(action)


if __name__ == "__main__":
    raise SystemExit(main())
