"""Holdings of the ETFs that trend in at least one period (stage 4). The source knows today's lists only.

    ./start.sh run collector/kafka_03_producer_trending_etf_holdings.py --as-of 2026-01-23

Process in the ledger: trending_etf_holdings. A list that can't be had: the newest snapshot in reach serves.
"""

from collections.abc import Sequence

from collector.arguments import parser, run
from collector.etfs import lists_of_trending
from collector.run import Stage, run_stages


def main(argv: Sequence[str] | None = None) -> int:
    """Collect the lists that have no snapshot of the session yet."""
    given = parser(__doc__ or "").parse_args(argv)
    return run_stages(
        [Stage("trending_etf_holdings", lists_of_trending)], as_of=given.as_of, force=given.force, plan_only=given.plan
    )


if __name__ == "__main__":
    run(main)
