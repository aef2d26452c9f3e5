"""Run benches one after another, keep what they print with the machine's facts, and make BENCHMARKS.md of it.

    bash test/bench.sh                        # every one: hours, on a machine that does nothing else
    bash test/bench.sh api batch_jobs         # these
    bash test/bench.sh api -- --seconds 2     # with arguments of the bench
    bash test/bench.sh --page                 # none, only the page

A bench is a module of test/bench with a main. When it ends well, what it printed is kept below ACTSTOCK_DATA, in
var/bench, in the place of what it printed with the same arguments; what its figures are held against, and what limits
them, stands beside it in <name>.md. Nothing passes or fails by its figures.
"""

import argparse
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from test.bench.program import run_bench
from test.conftest import REPO
from utils.stack.folder import data_root

HERE = Path(__file__).parent
NAMES = sorted(
    file.stem
    for file in HERE.glob("*.py")
    if file.stem != "__main__" and "\ndef main(" in file.read_text(encoding="utf-8")
)
PAGE = REPO / "BENCHMARKS.md"
GIBIBYTE = 2**30
TABLE = re.compile(r"^`(?P<command>python [^`]+)`, .*?^```\n.*?^```\n", re.MULTILINE | re.DOTALL)
HEAD = """# Benchmarks

What `bash test/bench.sh` printed, made into this page by `bash test/bench.sh --page`; not written by hand. Each figure
stands beside its baseline or limit of the same run. Times of another machine are other times: compare within a table.
"""


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, memory in GiB, programs and their versions."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": unknown")
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    return {
        "cpu": cpu.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / GIBIBYTE, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "java": java.partition("\n")[0],
    }


def run(name: str, arguments: Sequence[str], folder: Path) -> bool:
    """Run a bench and show what it prints; keep it when the bench ends well."""
    command = ["-m", f"test.bench.{name}", *arguments]
    print(f"== {' '.join(command[1:])}", flush=True)
    facts = {
        "command": f"python {' '.join(command)}",
        "commit": _git("rev-parse", "--short", "HEAD") + ("-changed" if _git("status", "--porcelain") else ""),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": round(os.getloadavg()[0], 1),
        "machine": machine(),
    }
    begun, printed = time.monotonic(), []
    with subprocess.Popen([sys.executable, *command], cwd=REPO, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                printed.append(line.rstrip())
        except SystemExit:  # we are told to stop; of a terminal's Ctrl-C the bench knows already
            process.terminate()
            raise
    if process.returncode != 0:
        print(f"{name}: exit code {process.returncode}, nothing kept", file=sys.stderr)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    facts |= {"seconds": round(time.monotonic() - begun, 1), "printed": printed}
    file = folder / f"{'-'.join([name, *(each.strip('-') for each in arguments)])}.json"
    file.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=REPO, capture_output=True, text=True, check=True).stdout.strip()


def page(folder: Path, before: str) -> str:
    """The page, a section a bench: of what is kept, a table for each of the arguments it was run with.

    before: the page so far. What was run elsewhere, a bench or some arguments of it, has nothing here: its tables stay.
    """
    _, *parts = re.split(rf"^## ({'|'.join(NAMES)})\n", before, flags=re.MULTILINE)
    had = dict(zip(parts[::2], map(tables_of, parts[1::2]), strict=True))
    tables = {name: had.get(name, {}) | _kept(folder, name) for name in NAMES}
    return "\n".join([HEAD, *(section(name, tables[name]) for name in NAMES if tables[name])])


def tables_of(section: str) -> dict[str, str]:
    """command → table of a section of the page."""
    return {found["command"]: found[0] for found in TABLE.finditer(section)}


def _kept(folder: Path, name: str) -> dict[str, str]:
    """command → table of what the bench printed here."""
    files = sorted([*folder.glob(f"{name}.json"), *folder.glob(f"{name}-*.json")])
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {facts["command"]: table(facts) for facts in found}


def section(name: str, tables: Mapping[str, str]) -> str:
    """What is measured, the tables as they were printed, each with what it was measured on, and the bench's notes.

    The table without arguments first.
    """
    about = (importlib.import_module(f"test.bench.{name}").__doc__ or "").partition("\n")[0]
    notes = HERE / f"{name}.md"
    said = notes.read_text(encoding="utf-8") if notes.exists() else ""
    return "\n".join([f"## {name}\n\n{about}\n", *(tables[command] for command in sorted(tables)), said])


def table(facts: dict[str, Any]) -> str:
    """One run of a bench."""
    on = facts["machine"]
    where = f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB, {on['system']}, Python {on['python']}"
    return f"""`{facts["command"]}`, {facts["at"][:10]}, commit {facts["commit"]}, {facts["seconds"]:.0f} s, load before
{facts["load_before"]}. {where}.

```
{chr(10).join(facts["printed"])}
```
"""


def main(argv: Sequence[str]) -> int:
    """Exit code 1 when a bench ended badly; the others are kept."""
    parser = argparse.ArgumentParser(
        prog="bash test/bench.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--page", action="store_true", help="only make BENCHMARKS.md of what is kept")
    ours, theirs = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    given = parser.parse_args(ours)
    unknown = set(given.names) - set(NAMES)
    if unknown or (theirs and len(given.names) != 1):
        parser.error(f"expected some of {', '.join(NAMES)}, and one before --; found {' '.join(argv)}")
    folder = data_root() / "bench"
    done = [] if given.page else [run(name, theirs, folder) for name in given.names or NAMES]
    PAGE.write_text(page(folder, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PAGE.name} is made of what {folder} has")
    return 0 if all(done) else 1


if __name__ == "__main__":
    run_bench(lambda: main(sys.argv[1:]))
