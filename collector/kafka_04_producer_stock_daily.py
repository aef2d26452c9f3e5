"""Bars of stocks, missing profiles, exchange rates; market caps when the session is the newest closed one (stage 4).

    ./start.sh run collector/kafka_04_producer_stock_daily.py --scope needed --as-of 2026-01-23
    ./start.sh run collector/kafka_04_producer_stock_daily.py --tickers NVDA,005930.KS
    ./start.sh run collector/kafka_04_producer_stock_daily.py --scope known --sessions 2520

needed: the 5 largest holdings of the ETFs trending at the session, and the stocks held. known: every known holding.
Processes in the ledger: needed_stocks, known_stocks, chosen_stocks.
"""

from collections.abc import Sequence
from functools import partial

from collector import stocks
from collector.arguments import add_sessions, parser, run, tickers
from collector.run import Stage, run_stages

SCOPES = {"needed": Stage("needed_stocks", stocks.needed), "known": Stage("known_stocks", stocks.known)}


def main(argv: Sequence[str] | None = None) -> int:
    """Collect a scope's stocks, or the ones named."""
    arguments = parser(__doc__ or "")
    what = arguments.add_mutually_exclusive_group()
    what.add_argument("--scope", choices=list(SCOPES), default="needed", help="which stocks (default: needed)")
    what.add_argument("--tickers", type=tickers, metavar="A,B", help="these stocks instead of a scope")
    add_sessions(arguments)
    given = arguments.parse_args(argv)
    stage = SCOPES[given.scope]
    if given.tickers:
        stage = Stage("chosen_stocks", partial(stocks.chosen, tickers=given.tickers))
    return run_stages([stage], as_of=given.as_of, force=given.force, plan_only=given.plan, sessions=given.sessions)


if __name__ == "__main__":
    run(main)
