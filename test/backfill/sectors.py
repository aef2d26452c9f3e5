"""Fill the bars of the sector group, one after the other with a long pause between them: the gentlest way.

    ./start.sh run test/2_staggered_sector_backfill.py --days 20 --delay-minutes 10 --skip-existing --start-from XLV

Bars go the producers' way, through Kafka. Answers of the last day are kept as readable files in test/.cache/ and serve
again, without a pause. An ETF that fails is named, and the others go on. It stops when the source limits requests, and
says when to go on and from where. Process in the ledger: sector_backfill.
"""

import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from time import sleep

from tqdm import tqdm

from collector.etfs import bars_of
from collector.run import Blocked, Stage, run_stages
from config.settings import YahooSettings, load
from config.universe import tickers_of
from database.connection import Connection, connect
from test.backfill import arguments
from test.backfill.cache import CachedYahoo
from utils.clock import wall_now
from utils.program import FAILED, SUCCESS, AlreadyComplete, RunAgain, StageFailed

log = logging.getLogger(__name__)
SECTORS = tickers_of("sector")


def main(argv: Sequence[str] | None = None) -> int:
    """Fill, or show the plan. Raises RunAgain when some of it may come later, Blocked with where to go on."""
    parser = arguments.parser(__doc__ or "")
    parser.add_argument(
        "--delay-minutes", type=arguments.seconds, default=5.0, metavar="MINUTES", help="between two ETFs (default: 5)"
    )
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave alone what is stored; without it the newest bars are asked for again",
    )
    parser.add_argument("--start-from", choices=SECTORS, default=SECTORS[0], metavar="ETF", help=", ".join(SECTORS))
    given = parser.parse_args(argv)
    etfs = SECTORS[SECTORS.index(given.start_from) :]
    folder = arguments.cache_folder(no_cache=given.no_cache)
    made: list[CachedYahoo] = []
    failed, again = False, []
    open_since: str | None = None  # the first that is to be asked for again
    with connect() as connection:  # of the source, which serves all ETFs: one cookie

        def source_of(settings: YahooSettings, _: Connection) -> CachedYahoo:
            if not made:
                made.append(CachedYahoo(settings, connection, folder))
            return made[0]

        rested_after = 0  # requests
        for at, etf in enumerate(etfs):
            try:
                if made and made[0].asked > rested_after:
                    rested_after = made[0].asked
                    _pause(given.delay_minutes, etf, len(etfs) - at)
                done = run_stages(
                    [Stage("sector_backfill", partial(bars_of, etfs=[etf]), deadline=arguments.NO_DEADLINE)],
                    as_of=None,
                    force=not given.skip_existing,
                    plan_only=given.plan,
                    sessions=arguments.sessions(given.days),
                    yahoo=load(YahooSettings),
                    source_of=source_of,
                )
                if done == FAILED:
                    failed, open_since = True, open_since or etf
            except AlreadyComplete:
                log.info("%s: nothing is missing", etf)
            except Blocked as error:
                where = f"go on with --start-from {open_since or etf}"
                raise Blocked(f"{error.reason}; {where}", error.not_before) from error
            except RunAgain as error:
                again.append(error.not_before)
                open_since = open_since or etf
            except KeyboardInterrupt:
                raise StageFailed(f"stopped; go on with --start-from {open_since or etf}") from None
    if again:
        raise RunAgain("some of it may come later", max(again))
    return FAILED if failed else SUCCESS


def _pause(minutes: float, following: str, left: int) -> None:
    """Wait, and say for what and until when; a bar on a terminal."""
    until = wall_now() + timedelta(minutes=minutes * left)
    log.info("%s follows in %g minutes; %d to go, done about %s UTC", following, minutes, left, f"{until:%H:%M}")
    for _ in tqdm(range(round(60 * minutes)), desc=f"until {following}", unit="s", disable=not sys.stderr.isatty()):
        sleep(1)
