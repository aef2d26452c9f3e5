"""Store what comes on stock-daily-data: bars, market caps, profiles, rates. Runs until SIGTERM (contracts 3, 4).

./start.sh run consumer/kafka_03_consumer_stock_daily.py
"""

from collections.abc import Sequence

from config.topics import STOCK_DAILY
from consumer import service
from utils.program import run_program

SERVICE = "consumer-stock-daily"


def main(argv: Sequence[str] | None = None) -> int:
    """Until it is told to stop. Raises StageFailed when it cannot go on."""
    return service.run(argv, doc=__doc__, topic=STOCK_DAILY, service=SERVICE)


if __name__ == "__main__":
    raise SystemExit(run_program(main))
