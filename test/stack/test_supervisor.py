"""The process supervisor itself, with one service that takes a while to end."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from utils.stack import supervisor
from utils.stack.folder import DEMO, Folder, make

# Notes each SIGTERM, ends a while after the first.
SLOW = """
import pathlib, signal, sys, time
told = pathlib.Path(sys.argv[1])
def note(*_):
    with told.open("a") as file:
        file.write("asked ")
    if told.read_text() == "asked ":
        time.sleep(1.5)
        with told.open("a") as file:
            file.write("ended")
        sys.exit(0)
signal.signal(signal.SIGTERM, note)
told.touch()
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """A demo's folder, whatever runs in it ended at the end."""
    made = make(tmp_path / "demo", DEMO, {})
    yield made
    supervisor.stop(made)


@pytest.fixture
def slow(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A supervisor with that service; where it writes what it was told."""
    told, program, services = folder.path / "told", folder.path / "slow.py", supervisor._configuration
    program.write_text(SLOW)
    line = f"[program:slow]\ncommand={sys.executable} {program} {told}\nstopwaitsecs=20\n"
    monkeypatch.setattr(supervisor, "_configuration", lambda folder: services(folder) + line)
    supervisor.start(folder)
    until(told.exists)
    return told


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "expected it within some seconds"
        time.sleep(0.02)


def test_a_second_stop_waits_for_the_first(folder: Folder, slow: Path) -> None:
    first = threading.Thread(target=supervisor.stop, args=[folder])
    first.start()
    until(lambda: slow.read_text() == "asked ")
    assert supervisor.pid(folder) is None  # it answers no more questions
    supervisor.stop(folder)
    assert slow.read_text() == "asked ended"
    first.join(10)
    assert supervisor.processes_of(folder) == set()


def test_a_stop_that_another_one_overtakes_ends_well(
    folder: Folder, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = supervisor.pid(folder)
    supervisor.stop(folder)
    monkeypatch.setattr(supervisor, "pid", lambda _: running)
    supervisor.stop(folder)
    assert slow.read_text() == "asked ended"


def test_one_whose_socket_is_gone_is_ended_all_the_same(folder: Folder, slow: Path) -> None:
    socket = supervisor._socket(folder)
    assert socket is not None
    socket.unlink()
    supervisor.stop(folder, patience=10)
    assert slow.read_text() == "asked ended"  # in order, and not by the death of its supervisor
    assert supervisor.processes_of(folder) == set()


def test_a_number_that_is_another_programs_by_now_is_not_waited_for(folder: Folder) -> None:
    (folder.run / "supervisord.pid").write_text(str(psutil.Process().ppid()))
    assert supervisor._ending(folder) is None


def test_a_folder_with_a_long_path_leaves_nothing_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket's path has a limit: such a folder's is below the system's for temporary files."""
    folder = make(tmp_path / ("long" * 30) / "demo", DEMO, {})
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp(prefix="act-"))
    try:
        supervisor.start(folder)
        assert supervisor.pid(folder) is not None
        assert list(Path(tempfile.gettempdir()).iterdir()) != []
    finally:
        supervisor.stop(folder)
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    Path(tempfile.gettempdir()).rmdir()
