"""Runs one program of ours with exactly the environment of its role. Airflow's tasks and `start.sh run` come here.

ACTSTOCK_MARKET_DIR=var/demo python -m utils.stack.program collector/kafka_01_producer_etf_daily.py --group all
"""

import os
import sys
from pathlib import Path

from utils.program import USAGE
from utils.stack.environment import environment, role_of
from utils.stack.folder import REPO, WrongFolder, open_folder


def main() -> int:
    """Check, then be replaced by the program: its signals, output and exit code are its own."""
    try:
        folder = open_folder(Path(os.environ["ACTSTOCK_MARKET_DIR"]))
        program = sys.argv[1]
        role = role_of(program)
        if not (REPO / program).is_file():
            raise ValueError(f"{program}: expected a program of this repository, found no such file")
    except (KeyError, IndexError):
        print("usage: ACTSTOCK_MARKET_DIR=FOLDER python -m utils.stack.program PROGRAM ARGS...", file=sys.stderr)
        return USAGE
    except (ValueError, WrongFolder) as error:
        print(f"run: {error}", file=sys.stderr)
        return USAGE
    try:
        given = environment(folder, role, os.environ)
    except WrongFolder as error:
        print(f"run: {error}", file=sys.stderr)
        return USAGE
    except KeyError as missing:
        print(f"run: {program}: expected {missing.args[0]} in this container, found none", file=sys.stderr)
        return USAGE
    command = [sys.executable, str(REPO / program), *sys.argv[2:]]
    os.execve(command[0], command, given)  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    raise SystemExit(main())
