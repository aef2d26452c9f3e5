"""The containers of a stack, asked of Docker itself."""

import json
import subprocess
from typing import Any

from test.compose.files import REPO
from test.e2e.stack import Stack

IMAGES = ("actstock-jobs", "actstock-airflow", "actstock-api")


def engine_answers() -> bool:
    """Whether `./start.sh` would take compose here."""
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def docker(stack: Stack, *arguments: str, check: bool = True) -> str:
    """`docker compose …` on this stack; what it printed."""
    command = ["docker", "compose", "--project-directory", str(REPO), "--env-file", str(stack.folder / ".env")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def containers(stack: Stack) -> list[dict[str, Any]]:
    """All of this stack's, as the engine describes them."""
    command = ["docker", "inspect", *docker(stack, "ps", "--all", "--quiet").split()]
    return list(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
