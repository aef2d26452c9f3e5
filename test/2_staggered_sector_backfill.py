"""Fill the bars of the sector ETFs: see test/backfill/sectors.py, or --help."""

import sys
from pathlib import Path

# Python puts this folder first, where `collector` and others are packages of tests.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from collector.arguments import run  # noqa: E402 - after the path is right
from test.backfill.sectors import main  # noqa: E402
from utils.stack.environment import take_role  # noqa: E402

if __name__ == "__main__":
    take_role("collector")
    run(main)
