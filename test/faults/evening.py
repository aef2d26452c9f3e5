"""The real producers of one evening, one after the other, each again until it is done: run as a program and killed.

    python -m test.faults.evening

One process for all of them: loading the Yahoo client takes longer than what they do here.
"""

import sys
import time
from types import ModuleType

from collector import kafka_01_producer_etf_daily as etf_daily
from collector import kafka_02_producer_etf_holdings as all_holdings
from collector import kafka_04_producer_stock_daily as stock_daily
from collector.arguments import run
from utils.program import FAILED, RUN_AGAIN

EVENING: tuple[tuple[ModuleType, list[str]], ...] = (
    (etf_daily, ["--group", "all"]),
    (all_holdings, []),
    (stock_daily, ["--scope", "known"]),
)
PAUSE_SECONDS = 0.5


def main() -> int:
    """0 when all are done; the code of a program that was told to stop."""
    for program, arguments in EVENING:
        while (code := _ended(program, arguments)) != 0:
            if code not in (FAILED, RUN_AGAIN):
                return code
            time.sleep(PAUSE_SECONDS)  # Airflow would wait for minutes
    return 0


def _ended(program: ModuleType, arguments: list[str]) -> int:
    sys.argv = [program.__name__, *arguments]
    try:
        run(program.main)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
