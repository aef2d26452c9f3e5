"""Store what comes on etf-holdings-data: holdings snapshots. Runs until SIGTERM (contracts 3, 4).

./start.sh run consumer/kafka_02_consumer_etf_holdings.py
"""

from collections.abc import Sequence

from config.topics import ETF_HOLDINGS
from consumer import service
from utils.program import run_program

SERVICE = "consumer-etf-holdings"


def main(argv: Sequence[str] | None = None) -> int:
    """Until it is told to stop. Raises StageFailed when it cannot go on."""
    return service.run(argv, doc=__doc__, topic=ETF_HOLDINGS, service=SERVICE)


if __name__ == "__main__":
    raise SystemExit(run_program(main))
