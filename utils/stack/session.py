"""The supervisor's session: everything it ever started, also what lost its parent or changed its title.

A killed scheduler leaves its workers behind. Their title took the place of their environment, and their parent is no
longer the supervisor's: only the session tells whose they are.
"""

import os
from collections.abc import Iterable
from contextlib import suppress

import psutil


def members(leader: int) -> set[psutil.Process]:
    """The processes of the session, its leader not among them."""
    found = set()
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == leader != process.pid:
                found.add(process)
    return found


def orphans(leader: int) -> set[psutil.Process]:
    """Those whose parent is gone: nobody waits for them."""
    everybody = members(leader)
    parents = {leader, *(process.pid for process in everybody)}
    found = set()
    for process in everybody:
        with suppress(psutil.Error):
            if process.ppid() not in parents:
                found.add(process)
    return found


def end(processes: Iterable[psutil.Process], *, patience: float = 10) -> None:
    """Ask them to end, then end them."""
    left = [process for process in processes if process.is_running()]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=patience)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
