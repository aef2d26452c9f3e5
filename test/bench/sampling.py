"""Look at something again and again while something else runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def meanwhile(look: Callable[[], None], *, every_s: float) -> Iterator[None]:
    """`look`, in a thread of its own, with a pause after each time, until the block ends."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(every_s):
            look()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
