"""Store what comes on etf-daily-data: daily bars of ETFs. Runs until SIGTERM (contracts 3, 4).

./start.sh run consumer/kafka_01_consumer_etf_daily.py
"""

from collections.abc import Sequence

from config.topics import ETF_DAILY
from consumer import service
from utils.program import run_program

SERVICE = "consumer-etf-daily"


def main(argv: Sequence[str] | None = None) -> int:
    """Until it is told to stop. Raises StageFailed when it cannot go on."""
    return service.run(argv, doc=__doc__, topic=ETF_DAILY, service=SERVICE)


if __name__ == "__main__":
    raise SystemExit(run_program(main))
