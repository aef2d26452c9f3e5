"""The weekly look at what is stored: what is wrong becomes findings, under a run of its own.

python database/check_data.py                       # as of the newest closed session
python database/check_data.py --as-of 2026-01-23

Checks: sessions without a bar, of ETFs and of stocks held; portfolios whose weights don't sum to 1 or whose header
counts otherwise; sessions without portfolios; performance that is not continuous; bars without a change; doubts open
for more than 14 days (MAINTENANCE_DOUBT_DAYS); lists of holdings older than 45 days. Nothing is mended. Findings are
no failure: exit code 0 says that every check ran.
"""

from collections import Counter
from collections.abc import Sequence

import psycopg

from config.settings import MaintenanceSettings, load
from database import findings
from database.connection import Connection, DatabaseUnavailable, connect
from database.data_checks import CHECKS, Asked
from database.ledger import Item, locked, open_run
from utils.arguments import DAY, a_date, program_parser
from utils.clock import ClockUnavailable, NotAClosedSession, closed_session, newest_session
from utils.program import SUCCESS, StageFailed, one_line, run_program, terminable

PROCESS = "data_check"


def main(argv: Sequence[str] | None = None) -> int:
    """Run every check for the session. Raises NotAClosedSession or StageFailed with one line."""
    parser = program_parser(__doc__)
    parser.add_argument("--as-of", type=a_date, metavar=DAY, help="default: the newest closed")
    given = parser.parse_args(argv)
    try:
        newest = newest_session()
        as_of_date = closed_session(given.as_of, newest) if given.as_of else newest
        asked = Asked(as_of_date, load(MaintenanceSettings).doubt_days)
        with connect() as connection, locked(connection, PROCESS, None):
            found = _run_checks(connection, asked)
    except (DatabaseUnavailable, ClockUnavailable, psycopg.OperationalError) as error:
        raise StageFailed(one_line(error)) from error
    counts = ", ".join(f"{name} {count}" for name, count in sorted(found.items()))
    print(f"{PROCESS} {as_of_date}: {len(CHECKS)} checks, {found.total()} findings{f' ({counts})' if counts else ''}")
    return SUCCESS


def _run_checks(connection: Connection, asked: Asked) -> Counter[str]:
    """How many findings each check has; they are in the table under the run's id."""
    item = Item(asked.as_of_date.isoformat(), PROCESS)
    run = open_run(connection, process=PROCESS, as_of_date=asked.as_of_date)
    try:
        with terminable():
            run.plan([item])
            found = [finding for check in CHECKS for finding in check(connection, asked)]
            findings.record_all(connection, run.run_id, found)
            run.stored(item, rows=len(found))
    except BaseException as error:
        run.close_broken(error)
        raise
    run.close()
    return Counter(finding.check_name for finding in found)


if __name__ == "__main__":
    raise SystemExit(run_program(main, mistakes=(NotAClosedSession,)))
