"""Fill the bars of the benchmark group: what is missing of the newest sessions, one request an ETF.

    ./start.sh run test/1_backfill_etf_benchmarks.py --days 60 --delay 2.0
    ./start.sh run test/1_backfill_etf_benchmarks.py --days 2520        # ten years

Bars go the producers' way, through Kafka. Answers of the last day are kept as readable files in test/.cache/ and serve
again. It stops when the source limits requests, and says when to go on: run it again then, it asks for the rest only.
Process in the ledger: benchmark_backfill.
"""

from collections.abc import Sequence
from functools import partial

from collector.etfs import bars_of_group
from collector.run import Stage, run_stages
from config.settings import YahooSettings, load
from test.backfill import arguments
from test.backfill.cache import CachedYahoo


def main(argv: Sequence[str] | None = None) -> int:
    """Fill, or show the plan."""
    parser = arguments.parser(__doc__ or "")
    parser.add_argument(
        "--delay", type=arguments.seconds, metavar="SECONDS", help="between two requests (default: YAHOO_PACE_SECONDS)"
    )
    parser.add_argument(
        "--max-retries", type=int, choices=range(11), metavar="N", help="of one request (default: YAHOO_MAX_RETRIES)"
    )
    parser.add_argument(
        "--rate-limit-sleep",
        type=arguments.seconds,
        metavar="SECONDS",
        help="how long the source is left alone when it limits requests, the next time longer"
        " (default: YAHOO_COOLDOWN_SECONDS)",
    )
    given = parser.parse_args(argv)
    manners = {
        "pace_seconds": given.delay,
        "max_retries": given.max_retries,
        "cooldown_seconds": given.rate_limit_sleep,
    }
    folder = arguments.cache_folder(no_cache=given.no_cache)
    return run_stages(
        [Stage("benchmark_backfill", partial(bars_of_group, group="benchmark"), deadline=arguments.NO_DEADLINE)],
        as_of=None,
        plan_only=given.plan,
        sessions=arguments.sessions(given.days),
        yahoo=load(YahooSettings).model_copy(update={name: is_ for name, is_ in manners.items() if is_ is not None}),
        source_of=lambda settings, connection: CachedYahoo(settings, connection, folder),
    )
