"""Becomes one service: waits for what it needs, then is replaced by its program. The supervisor runs this.

ACTSTOCK_MARKET_DIR=var/demo python -m utils.stack.service api
"""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from utils.stack import health, session
from utils.stack.folder import REPO, Folder, open_folder
from utils.stack.services import BY_NAME, PATIENCE, Service, service_environment

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Wait, then exec: the pid stays the one the supervisor knows."""
    service = BY_NAME[sys.argv[1]]
    supervisor = os.getppid()
    folder = open_folder(Path(os.environ["ACTSTOCK_MARKET_DIR"]))
    # Should the supervisor be killed, its services go with it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.Signals[f"SIG{service.stop_signal}"].value, 0, 0, 0)
    if os.getppid() != supervisor:
        return 1
    reason = _wait(service, folder)
    if reason is not None:
        print(f"{service.name}: expected {reason}", file=sys.stderr, flush=True)
        return 1
    if service.name == "airflow-scheduler" and os.getsid(0) == supervisor:
        # Of one that was killed: idle workers stay for ever, and a busy one makes the task's next try wait for it.
        session.end(session.orphans(supervisor))
    os.chdir(REPO)
    command = service.command(folder)
    os.execvpe(command[0], command, service_environment(service, folder, os.environ))  # noqa: S606 - no shell is meant


def _wait(service: Service, folder: Folder) -> str | None:
    """None as soon as all it needs answers; after PATIENCE seconds, what did not."""
    for needed in (BY_NAME[name] for name in service.needs if name in BY_NAME):
        if needed.replay_only and not folder.market.is_replayed:
            continue
        deadline = time.monotonic() + PATIENCE
        while needed.health and (found := health.problem(needed.address(folder))) is not None:
            if time.monotonic() > deadline:
                return f"{needed.name} to answer within {PATIENCE} s, found {found}"
            time.sleep(0.2)
    return None


if __name__ == "__main__":
    raise SystemExit(main())
