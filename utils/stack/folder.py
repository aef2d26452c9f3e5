"""The folder of one market: settings and secrets, database, broker, Airflow, logs, clock (contracts 8)."""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dotenv import dotenv_values

from config.roles import ROLES
from utils.stack.ports import ALL_PORTS, HOST, NETWORK, free_ports

REPO = Path(__file__).resolve().parents[2]
SECRETS = (
    *(f"DB_{role.upper()}_PASSWORD" for role in ("postgres", *ROLES)),
    "API_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_FERNET_KEY",
)
# Worked out from the folder and its market: never taken from the operator's environment.
DERIVED = frozenset(
    {
        "DB_HOST",
        "DB_NAME",
        "DB_USER",
        "DB_PASSWORD",
        "KAFKA_BOOTSTRAP_SERVERS",
        "SERVICE_PROGRESS_FILE",
        "YAHOO_PROXY",
        "YAHOO_CA_FILE",
        "YAHOO_CACHE_DIR",
        "DASHBOARD_CACHE_DIR",
        "PLATFORM_NOW_URL",
        "PLATFORM_IS_DEMO",
        "PLATFORM_MARKET",
        "REPLAY_HOST",
        "REPLAY_DIRECTORY",
        "REPLAY_FOLDER",
        "REPLAY_NOW",
        "ACTSTOCK_MODE",
        "SPARK_JDBC_JAR",
        "SPARK_CLASS_ARCHIVE",
        "DASHBOARD_API_URL",
        "DASHBOARD_API_KEY",
        "API_HOST",
        "DASHBOARD_HOST",
        *SECRETS,
    }
)
# A replayed market needs no manners: no pause between requests or stages, no budget (contracts 9).
REPLAY_SETTINGS = {
    "PIPELINE_STAGE_GAP_MINUTES": "0",
    "PIPELINE_DEADLINE_MINUTES": "10",  # its source is never late: what lacks is a halt, and 90 minutes change nothing
    "YAHOO_PACE_SECONDS": "0",
    "YAHOO_SLOW_PACE_SECONDS": "0",
    "YAHOO_DAILY_BUDGET": "1000000",
}


REMOVED = ".removed"  # of a folder whose removal was cut off
# What a folder may hold whose making was cut off.
BEGINNINGS = frozenset({".env", ".env.part", "market.json.part", "logs", "run"})


class WrongFolder(Exception):
    """The folder belongs to another market, or to none, or its settings were spoilt."""


@dataclass(frozen=True)
class Market:
    """What a folder holds prices of: Yahoo's, the demo's, or those of a market directory."""

    name: str
    directory: Path | None = None

    @property
    def is_replayed(self) -> bool:
        """Whether a server of ours stands in for Yahoo."""
        return self.name != "yahoo"

    @property
    def is_demo(self) -> bool:
        """Whether the market is invented."""
        return self.name == "demo"

    def __str__(self) -> str:
        return f"{self.name} ({self.directory})" if self.directory else self.name


YAHOO, DEMO = Market("yahoo"), Market("demo")


def replayed(directory: Path) -> Market:
    """The market of a directory: named after it, and the same only when it is the same directory.

    >>> replayed(Path("/data/My Market!")).name
    'replay-my-market'
    """
    name = re.sub(r"[^a-z0-9]+", "-", directory.name.lower()).strip("-") or "market"
    return Market(f"replay-{name}", directory.resolve())


def data_root() -> Path:
    """The folder of all markets (ACTSTOCK_DATA)."""
    return Path(os.environ.get("ACTSTOCK_DATA") or REPO / "var").absolute()


def downloads() -> Path:
    """What is downloaded once for all markets (ACTSTOCK_DOWNLOADS)."""
    return Path(os.environ.get("ACTSTOCK_DOWNLOADS") or data_root() / "downloads").absolute()


@dataclass(frozen=True)
class Folder:
    """One market's folder, made by `make`, found again by `open_folder`."""

    path: Path
    market: Market

    @property
    def settings_file(self) -> Path:
        """Ports, secrets and what the operator set; mode 600."""
        return self.path / ".env"

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The folder's `.env`, as it was when first asked."""
        return {name: value for name, value in dotenv_values(self.settings_file).items() if value is not None}

    def port(self, name: str) -> int:
        """The port of that setting. Raises WrongFolder for what is none."""
        text = self.settings[name]
        if not text.isdecimal():
            raise WrongFolder(f"{self.settings_file}: {name}: expected a port, found {text!r}")
        return int(text)

    def address(self, name: str) -> str:
        """host:port of the service with that port's setting, as programs of this market reach it."""
        return f"{HOST}:{self.port(name)}"

    @property
    def place(self) -> str:
        """Where the data are, for a person."""
        return str(self.path)

    @property
    def archives(self) -> Path:
        """Where class-data archives are kept."""
        return downloads()

    @property
    def logs(self) -> Path:
        """One file a service."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """What exists only for the running stack, and the memory of finished one-shots."""
        return self.path / "run"

    @property
    def market_directory(self) -> Path | None:
        """Where the replayed market's files are; None for Yahoo."""
        return self.path / "market" if self.market.is_demo else self.market.directory

    @property
    def replay_state(self) -> Path:
        """The replay server's own: clock, request log, certificate authority."""
        return self.path / "replay"


class Container(Folder):
    """The folder as one of compose's containers sees it: settings are its environment, services have names.

    What else is in a folder is in volumes, at the same places below it; a container has those that it needs.
    """

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """What this container was given."""
        return dict(os.environ)

    def address(self, name: str) -> str:
        """host:port in compose's network."""
        return NETWORK[name]

    @property
    def place(self) -> str:
        """No folder that this machine shows."""
        return "Docker's volumes"

    @property
    def archives(self) -> Path:
        """The image is read-only: beside the other caches."""
        return self.path / "cache"


def claim(path: Path, market: Market) -> Folder:
    """The folder of that market, made if need be; its settings are left as they are.

    Raises WrongFolder, naming both markets, when it belongs to another.
    """
    if path.exists() and not path.is_dir():
        raise WrongFolder(f"{path}: expected a folder, found a file")
    found = _market_of(path)
    if found is not None and found != market:
        raise WrongFolder(f"{path}: expected the market {market}, found {found}; use another --data, or reset this one")
    if found is None and path.is_dir() and {file.name for file in path.iterdir()} - BEGINNINGS:
        raise WrongFolder(f"{path}: expected a new folder or one of this platform, found other files in it")
    path.mkdir(parents=True, exist_ok=True)
    folder = Folder(path, market)
    for part in (folder.logs, folder.run):
        part.mkdir(exist_ok=True)
    return folder


def make(path: Path, market: Market, given: Mapping[str, str]) -> Folder:
    """The folder of that market, claimed; what the operator gave in the environment is written to its `.env`.

    Raises WrongFolder as `claim` does.
    """
    folder = claim(path, market)
    known = dict(folder.settings) if folder.settings_file.exists() else {}
    # Older programs had fewer ports and roles: a folder of theirs is given those it lacks.
    wanted = _first_settings(market, given) | known
    wanted |= {name: value for name, value in given.items() if name in operator_settings()}
    if wanted != known:
        _write_settings(folder.settings_file, wanted)
    # Last: a folder without it was not finished, and is made again.
    if _market_of(path) is None:
        _write(path / "market.json", json.dumps(_remembered(market)), mode=0o644)
    return Folder(path, market)


def add_settings(folder: Folder, more: Mapping[str, str]) -> None:
    """Have those in the folder's `.env`, too."""
    known = dict(folder.settings)
    wanted = known | dict(more)
    if wanted != known:
        _write_settings(folder.settings_file, wanted)


def open_folder(path: Path) -> Folder:
    """An existing folder. Raises WrongFolder when there is none."""
    if os.environ.get("ACTSTOCK_MODE") == "container":
        return Container(path, Market(os.environ["PLATFORM_MARKET"]))
    market = _market_of(path)
    if market is None:
        raise WrongFolder(f"{path}: expected the folder of a market, found no market.json in it")
    return Folder(path, market)


def folders(root: Path) -> list[Folder]:
    """All markets' folders below the root, by name."""
    found = [file.parent for file in sorted(root.glob("*/market.json"))]
    return [open_folder(path) for path in found if path.suffix != REMOVED]


def operator_settings() -> frozenset[str]:
    """The variables an operator may set, as `.env.example` lists them."""
    return frozenset(dotenv_values(REPO / ".env.example")) - DERIVED


def _market_of(path: Path) -> Market | None:
    file = path / "market.json"
    if not file.exists():
        return None
    remembered = json.loads(file.read_text(encoding="utf-8"))
    directory = remembered.get("directory")
    return Market(remembered["market"], Path(directory) if directory else None)


def _remembered(market: Market) -> dict[str, str]:
    return {"market": market.name} | ({"directory": str(market.directory)} if market.directory else {})


def _first_settings(market: Market, given: Mapping[str, str]) -> dict[str, str]:
    ports = free_ports() if given.get("ACTSTOCK_PORTS") == "free" else ALL_PORTS
    return (
        {name: str(port) for name, port in ports.items()}
        | {"AIRFLOW_ADMIN_PASSWORD": "admin"}
        | (REPLAY_SETTINGS if market.is_replayed else {})
        | {name: _secret(name) for name in SECRETS}
    )


def _secret(name: str) -> str:
    if name == "API_KEY":
        return f"{secrets.token_hex(4)}.{secrets.token_hex(32)}"  # id.secret, as database/api_keys.py keeps them
    if name == "AIRFLOW_FERNET_KEY":
        import base64  # noqa: PLC0415 - used once in a folder's life

        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(48 if name.endswith(("SECRET", "SECRET_KEY")) else 20)


def _write_settings(file: Path, settings: Mapping[str, str]) -> None:
    lines = [f"{name}='{value}'" for name, value in settings.items()]
    _write(
        file, "\n".join(["# Meanings: .env.example. Changes take effect at the next start.", *lines, ""]), mode=0o600
    )


def _write(file: Path, text: str, *, mode: int) -> None:
    """Whole or not at all, and never readable by others before its mode is set."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as output:
        output.write(text)
    part.replace(file)
