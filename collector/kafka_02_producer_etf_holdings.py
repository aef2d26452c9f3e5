"""Holdings of all ETFs (DAG 07). The source knows today's lists only.

    ./start.sh run collector/kafka_02_producer_etf_holdings.py

Process in the ledger: all_etf_holdings.
"""

from collections.abc import Sequence

from collector.arguments import parser, run
from collector.etfs import lists_of_all
from collector.run import Stage, run_stages


def main(argv: Sequence[str] | None = None) -> int:
    """Collect the lists that have no snapshot of the day yet."""
    given = parser(__doc__ or "").parse_args(argv)
    return run_stages(
        [Stage("all_etf_holdings", lists_of_all)], as_of=given.as_of, force=given.force, plan_only=given.plan
    )


if __name__ == "__main__":
    run(main)
