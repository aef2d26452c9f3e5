"""Daily bars of the ETFs (stages 1 and 2): what is missing up to a session, one request per ETF.

    ./start.sh run collector/kafka_01_producer_etf_daily.py --group benchmark --as-of 2026-01-23

Processes in the ledger: benchmark_etf_bars, sector_etf_bars.
"""

from collections.abc import Sequence
from functools import partial

from collector.arguments import add_sessions, parser, run
from collector.etfs import bars_of_group
from collector.run import Stage, run_stages
from config.universe import BENCHMARK

STAGES = {
    "benchmark": Stage("benchmark_etf_bars", partial(bars_of_group, group="benchmark"), frozenset({BENCHMARK})),
    "sector": Stage("sector_etf_bars", partial(bars_of_group, group="sector")),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Collect a group's bars; both groups, one run after the other, with `all`."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--group", choices=[*STAGES, "all"], default="all", help="which ETFs (default: all)")
    add_sessions(arguments)
    given = arguments.parse_args(argv)
    stages = list(STAGES.values()) if given.group == "all" else [STAGES[given.group]]
    return run_stages(stages, as_of=given.as_of, force=given.force, plan_only=given.plan, sessions=given.sessions)


if __name__ == "__main__":
    run(main)
