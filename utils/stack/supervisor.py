"""The process supervisor: its configuration, its start, and what is asked of it over its socket."""

import configparser
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from utils.stack import session
from utils.stack.environment import environment
from utils.stack.folder import REPO, Folder
from utils.stack.services import Service, services_of

SOCKET_LIMIT = 100  # characters; the system allows 107
SOCKETS = "actstock-"  # a folder of temporary files, for a socket whose path would be too long
KAFKA_STOPPED = 143  # what a JVM that was asked to stop exits with


@dataclass(frozen=True)
class Process:
    """What the supervisor knows of one service."""

    name: str
    state: str
    pid: int | None
    since: datetime | None
    error: str

    @property
    def is_up(self) -> bool:
        """Whether the service's own program runs: the wrapper that waits for others does not count."""
        if self.state not in {"RUNNING", "STARTING"} or self.pid is None:
            return False
        try:
            return "utils.stack.service" not in psutil.Process(self.pid).cmdline()
        except psutil.Error:
            return False


class SupervisorGone(Exception):
    """It was stopped meanwhile, or killed."""


GONE = (OSError, HTTPException, xmlrpc.client.Error)


def start(folder: Folder) -> None:
    """Start the supervisor, with nothing under it yet; none when it runs already. Raises TimeoutError."""
    if pid(folder) is not None:
        return
    configuration = folder.run / "supervisor.conf"
    configuration.write_text(_configuration(folder), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
        env=environment(folder, "system", os.environ),
        cwd=REPO,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 10
    while pid(folder) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected the supervisor to answer, found none; see {folder.run / 'supervisord.log'}")
        time.sleep(0.05)


def pid(folder: Folder) -> int | None:
    """The supervisor's process, when it answers."""
    try:
        found = _ask(folder).supervisor.getPID()
    except GONE:
        return None
    return int(found)


def start_service(folder: Folder, name: str) -> None:
    """Have the service run; it may already."""
    with suppress(*GONE):  # ALREADY_STARTED; any real failure shows in the state that is read next
        _ask(folder).supervisor.startProcess(name, False)


def process(folder: Folder, name: str) -> Process:
    """One service's state. Raises SupervisorGone."""
    try:
        return _process(_ask(folder).supervisor.getProcessInfo(name))
    except GONE as error:
        raise SupervisorGone(f"{name}: expected the supervisor to answer, found {error}: stopped meanwhile?") from error


def processes(folder: Folder) -> dict[str, Process]:
    """The state of all services; empty when the supervisor does not answer."""
    try:
        found = _ask(folder).supervisor.getAllProcessInfo()
    except GONE:
        return {}
    return {item["name"]: _process(item) for item in found}


def stop(folder: Folder, *, patience: float = 120) -> None:
    """End all services in reverse order, then the supervisor, then whatever was left of them."""
    running = pid(folder) or _ending(folder)
    members = processes_of(folder) | (session.members(running) if running is not None else set())
    if running is not None:
        with suppress(psutil.NoSuchProcess):
            try:
                _ask(folder).supervisor.shutdown()
            except GONE:  # another stop was faster, or its socket is gone; one that ends already only hears it again
                psutil.Process(running).terminate()
        with suppress(psutil.NoSuchProcess):
            try:
                psutil.Process(running).wait(patience)
            except psutil.TimeoutExpired:
                os.kill(running, signal.SIGKILL)  # its services have a death signal
    session.end(members | processes_of(folder))
    socket = _socket(folder)
    # By its name: what is written in a folder that was moved may be another one's.
    if socket is not None and socket.parent.name.startswith(SOCKETS):
        shutil.rmtree(socket.parent, ignore_errors=True)


def _ending(folder: Folder) -> int | None:
    """The supervisor's process when it answers no more: it is ending its services."""
    with suppress(OSError, ValueError, psutil.Error):
        noted = int((folder.run / "supervisord.pid").read_text())
        # After a crash its number may be another program's.
        if str(folder.run / "supervisor.conf") in psutil.Process(noted).cmdline():
            return noted
    return None


def processes_of(folder: Folder) -> set[psutil.Process]:
    """All processes of this folder's stack, programs started by hand among them; not this one and its parents.

    By their environment, or as descendants of the supervisor: those that change their title lose their environment.
    """
    me = psutil.Process()
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("ACTSTOCK_MARKET_DIR") == str(folder.path):
                found |= {process, *process.children(recursive=True)}
    return found - {me, *me.parents()}


def running_folders(root: Path) -> list[Path]:
    """The folders that something runs for, of those started under this ACTSTOCK_DATA."""
    me = psutil.Process()
    found = set()
    for process in set(psutil.process_iter()) - {me, *me.parents()}:
        with suppress(psutil.Error):
            given = process.environ()
            if given.get("ACTSTOCK_DATA") == str(root) and "ACTSTOCK_MARKET_DIR" in given:
                found.add(Path(given["ACTSTOCK_MARKET_DIR"]))
    return sorted(path for path in found if path.is_dir())


def unexpected_exit(folder: Folder, name: str) -> str | None:
    """The last time this run of the stack that the service ended by itself, as the supervisor noted it."""
    log = folder.run / "supervisord.log"
    if not log.exists():
        return None
    found = None
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if "supervisord started with pid" in line:
            found = None
        elif f"exited: {name} (" in line and "not expected" in line:
            when, _, what = line.partition(",")
            found = f"{when[11:]} {what[what.index('(') + 1 : what.rindex(';')]}"
    return found


def _process(item: dict[str, Any]) -> Process:
    return Process(
        name=item["name"],
        state=item["statename"],
        pid=item["pid"] or None,
        since=datetime.fromtimestamp(item["start"], UTC) if item["start"] and item["pid"] else None,
        error=item["spawnerr"] or "",
    )


def _ask(folder: Folder) -> Any:
    """A connection of its own for each question: the transport is not made for threads."""
    socket = _socket(folder) or folder.run / "none.sock"
    transport: Any = SupervisorTransport(None, None, serverurl=f"unix://{socket}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)


def _socket(folder: Folder) -> Path | None:
    """Where the supervisor of the last start listens; None before the first."""
    parser = configparser.RawConfigParser()
    parser.read(folder.run / "supervisor.conf", encoding="utf-8")
    found = parser.get("unix_http_server", "file", fallback=None)
    return Path(found) if found else None


def _new_socket(folder: Folder) -> Path:
    near = folder.run / "supervisor.sock"
    return near if len(str(near)) < SOCKET_LIMIT else Path(tempfile.mkdtemp(prefix=SOCKETS)) / "supervisor.sock"


def _configuration(folder: Folder) -> str:
    socket = _new_socket(folder)
    head = f"""[supervisord]
{"user=root" if os.getuid() == 0 else ""}
pidfile={folder.run / "supervisord.pid"}
logfile={folder.run / "supervisord.log"}
logfile_maxbytes=1MB
logfile_backups=1
[unix_http_server]
file={socket}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    # Started by us in order of health; stopped by the supervisor in the reverse order of the list.
    programs = [_program(folder, service, 10 * place) for place, service in enumerate(services_of(folder), 1)]
    return head + "".join(programs)


def _program(folder: Folder, service: Service, priority: int) -> str:
    log = folder.logs / f"{service.name}.log"
    return f"""[program:{service.name}]
command={_escaped(sys.executable)} -m utils.stack.service {service.name}
directory={_escaped(str(REPO))}
priority={priority}
autostart=false
autorestart=true
startsecs=3
startretries=4
exitcodes=0,{KAFKA_STOPPED}
stopsignal={service.stop_signal}
stopwaitsecs={service.stop_seconds}
stopasgroup={str(service.role == "airflow").lower()}
killasgroup=true
redirect_stderr=true
stdout_logfile={_escaped(str(log))}
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=2
"""


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
