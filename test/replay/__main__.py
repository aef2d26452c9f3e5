"""Serve a market directory as Yahoo's API, behind a proxy, until told to stop.

python -m test.replay market/ --now 2026-01-24T02:00:00Z --state var/replay
"""

import argparse
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from test.replay.market import MarketError
from test.replay.server import ClockRefused, ReplayServer


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: told to stop; 1: a port is taken; 2: bad usage, a bad market or a bad --now."""
    parser = argparse.ArgumentParser(
        prog="python -m test.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "market", type=Path, metavar="DIR", help="market directory: bars, holdings, profiles, market_caps, fx"
    )
    parser.add_argument("--now", metavar="INSTANT", help="the market's time, ISO 8601 UTC; default: as it was left")
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="folder for the clock and the certificates"
    )
    parser.add_argument(
        "--force", action="store_true", help="let --now move the kept clock back: the folder has no results"
    )
    parser.add_argument(
        "--check", action="store_true", help="only say whether market and --now would do; change nothing"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--proxy-port", type=int, default=8056, help="default 8056")
    parser.add_argument("--control-port", type=int, default=8055, help="default 8055")
    arguments = parser.parse_args(argv)
    if arguments.check:
        return _check(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = ReplayServer(
            arguments.market,
            state=arguments.state,
            now=arguments.now,
            force=arguments.force,
            host=arguments.host,
            proxy_port=arguments.proxy_port,
            control_port=arguments.control_port,
        )
    except (MarketError, ClockRefused) as error:
        print(f"replay: {'--now: ' if isinstance(error, ClockRefused) else ''}{error}", file=sys.stderr)
        return 2
    try:
        with server:
            print(f"replay: {server.market.name} at {server.clock.now:%Y-%m-%dT%H:%M:%SZ}", flush=True)
            print(f"replay: proxy {server.proxy_url}, control {server.control_url}, CA {server.ca_file}", flush=True)
            stop.wait()
    except OSError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    return 0


def _check(arguments: argparse.Namespace) -> int:
    """On a copy of the kept clock: exit code 2 with the reason when the market or --now would be refused."""
    with tempfile.TemporaryDirectory() as scratch:
        kept = arguments.state / "clock.json"
        if kept.exists():
            shutil.copy(kept, scratch)
        try:
            ReplayServer(arguments.market, state=scratch, now=arguments.now, force=arguments.force)
        except (MarketError, ClockRefused) as error:
            print(f"replay: {'--now: ' if isinstance(error, ClockRefused) else ''}{error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
