"""Measure the containers, where a Docker engine answers: images, times, memory of each service against its limit.

    .venv-dev/bin/python -m test.bench.containers            # images are built where something changed
    .venv-dev/bin/python -m test.bench.containers --build    # also what building them from nothing takes

Memory is what `docker stats` shows, sampled; the peak is that of a controller run.
"""

import json
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from test.bench.program import MEBIBYTE, run_bench
from test.bench.sampling import meanwhile
from test.compose.engine import IMAGES, containers, docker, engine_answers
from test.conftest import REPO
from test.e2e.market import D, write_market
from test.e2e.stack import Stack, running_stack
from utils.arguments import program_parser

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
CONTROLLER = "daily_pipeline_controller"
Usage = dict[str, float]


def usage(stack: Stack) -> Usage:
    """MiB of each service, its containers together."""
    found: Usage = {}
    services = {each["Id"]: each["Config"]["Labels"]["com.docker.compose.service"] for each in containers(stack)}
    told = subprocess.run(
        ["docker", "stats", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.MemUsage}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    for identity, used in (line.split()[:2] for line in told.stdout.splitlines()):
        if identity in services:
            found[services[identity]] = found.get(services[identity], 0) + mebibytes(used)
    return found


def mebibytes(text: str) -> float:
    """As `docker stats` writes it.

    >>> mebibytes("1.5GiB")
    1536.0
    """
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit] / MEBIBYTE


@contextmanager
def peak_of(stack: Stack, into: Usage) -> Iterator[None]:
    """Samples while the block runs; the most of each service is put into `into`."""

    def sample() -> None:
        for service, used in usage(stack).items():
            into[service] = max(used, into.get(service, 0))

    with meanwhile(sample, every_s=0):  # asking takes a second or two itself
        yield


def images(*, build: bool) -> None:
    """Size of each, and what building it takes."""
    for image in IMAGES:
        name = image.removeprefix("actstock-")
        file = REPO / ("Dockerfile" if name == "jobs" else f"Dockerfile.{name}")
        begun = time.monotonic()
        if build:
            command = ["docker", "build", "--quiet", "--no-cache", "--build-arg", "MAVEN_REPO_URL", "--tag", image]
            subprocess.run([*command, "--file", str(file), str(REPO)], capture_output=True, check=True)
        took = f", built from nothing in {time.monotonic() - begun:.0f} s" if build else ""
        told = subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=True)
        print(f"{image:<20} {json.loads(told.stdout)[0]['Size'] / 1e6:5.0f} MB{took}", flush=True)


def memory(stack: Stack) -> None:
    """Each service's limit, what it takes at rest, and the most it took in a controller run."""
    rest, peak = usage(stack), Usage()
    begun = time.monotonic()
    with peak_of(stack, peak):
        state = stack.trigger(CONTROLLER).end()
    print(f"controller run: {time.monotonic() - begun:.0f} s ({state})\n")
    described = containers(stack)
    limits = {c["Config"]["Labels"]["com.docker.compose.service"]: c["HostConfig"]["Memory"] for c in described}
    print(f"{'service':<24} {'limit':>6} {'idle':>6} {'peak':>6}  MiB")
    for service in sorted(rest):
        print(f"{service:<24} {limits[service] / MEBIBYTE:6.0f} {rest[service]:6.0f} {peak.get(service, 0):6.0f}")
    print(f"{'all':<24} {'':>6} {sum(rest.values()):6.0f} {sum(peak.values()):6.0f}")
    killed = [c["Name"] for c in described if c["State"]["OOMKilled"]]
    print(f"ended for want of memory: {', '.join(killed) or 'none'}\n")


def measure(folder: Path, *, build: bool) -> None:
    """A stack on the hand-computed market: first start, controller run, second start."""
    write_market(folder / "hand")
    replay = ("--replay", str(folder / "hand"), "--now", f"{D}T22:00:00Z")
    settings = {"ACTSTOCK_MODE": "compose", "COMPOSE_PROJECT_NAME": f"actstock-bench-{secrets.token_hex(3)}"}
    if build:
        images(build=True)
    begun = time.monotonic()
    with running_stack(folder / "data", "replay-hand", *replay, settings=settings) as stack:
        print(f"start of a new market, all healthy: {time.monotonic() - begun:.0f} s, images included", flush=True)
        try:
            if not build:
                images(build=False)
            memory(stack)
            stack.rest()
            second_start(stack)
        finally:
            docker(stack, "--profile", "*", "down", "--volumes")


def second_start(stack: Stack) -> None:
    """Everything ended, and begun again with its data."""
    begun = time.monotonic()
    stack.command("stop")
    print(f"stop: {time.monotonic() - begun:.0f} s")
    begun = time.monotonic()
    stack.start()
    print(f"second start, all healthy: {time.monotonic() - begun:.0f} s")


def main(argv: Sequence[str] | None = None) -> int:
    parser = program_parser(__doc__)
    parser.add_argument("--build", action="store_true", help="also build the images from nothing")
    arguments = parser.parse_args(argv)
    if not engine_answers():
        print("expected a Docker engine to answer (docker info), found none", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="act-") as temporary:
        measure(Path(temporary), build=arguments.build)
    return 0


if __name__ == "__main__":
    run_bench(main)
