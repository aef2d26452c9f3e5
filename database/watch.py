"""Watch over the platform: open and close incidents, tell the operator once of each and once of its end.

What is read from the database is looked at here; failed runs are noted by the DAGs. Runs until SIGTERM.

    python -m database.watch           # every ALERT_CHECK_SECONDS, as role pipeline
    python -m database.watch --once    # one look, then ends
"""

import logging
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Event

import psycopg
from psycopg.rows import class_row
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, sleep_using_event
from tenacity.stop import stop_when_event_set
from tenacity.wait import wait_base, wait_exponential_jitter

from config.settings import (
    CONTROLLER,
    AlertSettings,
    DatabaseSettings,
    PipelineSettings,
    PlatformSettings,
    ServiceSettings,
    load,
)
from config.universe import PERIODS
from database import incidents
from database.connection import Connection, DatabaseUnavailable, connect
from database.incidents import Incident
from database.pipeline import missing
from utils import progress
from utils.alerts import Channel, channels
from utils.arguments import program_parser
from utils.clock import ClockUnavailable, platform_now
from utils.program import SUCCESS, StageFailed, one_line, run_program
from utils.sessions import close_of, next_session

log = logging.getLogger(__name__)

READ_HERE = ("late", "partial", "stale")
"""Kinds of incidents that are read from the database; the DAGs write down the others."""

RESULTS = ("trending_etfs", "trending_etf_holdings", "needed_stocks", "portfolio_allocation")
"""What a run of the controller is late without."""

AWAY = (DatabaseUnavailable, psycopg.OperationalError, ClockUnavailable)
PATIENTLY = wait_exponential_jitter(initial=1, max=60)


# -- which problems --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UsableRun:
    """What stands of a process: its newest usable run for the newest session that has one."""

    process: str
    as_of_date: date
    status: str
    error: str | None


def problems(runs: Iterable[UsableRun], newest: date | None, now: datetime, *, stale_hours: int) -> dict[str, str]:
    """What is wrong, key → one line: runs that left something out for good, portfolios older than they should be.

    newest: the newest session with all three portfolios; before the first one nothing is late. now: platform's clock.
    """
    found = {
        f"partial/{run.process}": f"{run.process} for {run.as_of_date}: {run.error or 'some items failed'}"
        for run in runs
        if run.status == "partial"
    }
    if newest is not None:
        following = next_session(newest)
        due = close_of(following) + timedelta(hours=stale_hours)
        if now > due:
            found["stale/portfolios"] = (
                f"the newest portfolios are of {newest}; those of {following} were due by {due:%Y-%m-%d %H:%M} UTC"
            )
    return found


def usable_runs(connection: Connection) -> list[UsableRun]:
    """One row a process that a DAG has run: what a person started by hand told its end at the terminal."""
    with connection.cursor(row_factory=class_row(UsableRun)) as cursor:
        return cursor.execute(
            """SELECT DISTINCT ON (process) process, as_of_date, status, error FROM process_executions
               WHERE usable AND process IN (SELECT process FROM process_executions WHERE dag_run_id IS NOT NULL)
               ORDER BY process, as_of_date DESC, started_at DESC"""
        ).fetchall()


def newest_portfolios(connection: Connection) -> date | None:
    """The newest session for which the portfolios of all three periods were computed."""
    row = connection.execute(
        """SELECT as_of_date FROM analytics_portfolios WHERE strategy <> 'monthly'
           GROUP BY as_of_date HAVING count(*) = %s ORDER BY as_of_date DESC LIMIT 1""",
        (len(PERIODS),),
    ).fetchone()
    return row[0] if row else None


def late_run(connection: Connection, after: timedelta) -> dict[str, str]:
    """The controller's newest run when it began longer ago than `after` and results of it are missing, key → one line.

    A run that failed is told of as that, and not as late.
    """
    row = connection.execute(
        """SELECT as_of_date, resolved_at < clock_timestamp() - %s FROM pipeline_runs WHERE dag_run_id LIKE %s
           ORDER BY resolved_at DESC LIMIT 1""",
        (after, f"{CONTROLLER}/%"),
    ).fetchone()
    if row is None or not row[1] or incidents.is_open(connection, f"failed/{CONTROLLER}"):
        return {}
    left = missing(connection, RESULTS, row[0])
    return {f"late/{CONTROLLER}": f"{CONTROLLER}, {row[0]}: still without {', '.join(left)}"} if left else {}


# -- telling ---------------------------------------------------------------------------------------------------------


def tell(connection: Connection, told: Sequence[Channel], market: str) -> None:
    """Everybody what they have not heard yet; a channel that does not take one thing is left for the next look."""
    if not incidents.claim(connection):
        log.info("another watch tells what there is to tell")
        return
    away: set[int] = set()
    for incident in incidents.unsettled(connection):
        for number, channel in enumerate(told):
            if number not in away and not _up_to_date(connection, incident, number, channel, market):
                away.add(number)
    incidents.settle(connection, len(told))


def _up_to_date(connection: Connection, incident: Incident, number: int, channel: Channel, market: str) -> bool:
    """Whether the channel has now heard all there is to hear of the incident."""
    if number not in incident.opening_told:
        if not channel(*opening(incident, market), False):
            return False
        incidents.note_told(connection, incident, number, end=False)
    if incident.closed_at is not None and number not in incident.end_told:
        if not channel(*ending(incident, incident.closed_at, market), True):
            return False
        incidents.note_told(connection, incident, number, end=True)
    return True


def opening(incident: Incident, market: str) -> tuple[str, str]:
    """Title and text of the news that something is wrong."""
    text = f"{incident.detail}\nSince {_minute(incident.opened_at)} UTC. What to do: {incidents.runbook(incident)}"
    return f"ActStock ({market}): {_name(incident)}", text


def ending(incident: Incident, closed_at: datetime, market: str) -> tuple[str, str]:
    """Title and text of the news that it is over."""
    times = f"From {_minute(incident.opened_at)} to {_minute(closed_at)} UTC."
    return f"ActStock ({market}): over: {_name(incident)}", f"It was: {incident.detail}\n{times}"


def _name(incident: Incident) -> str:
    return incident.key.replace("/", " ", 1)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


# -- the program -----------------------------------------------------------------------------------------------------


def look(
    database: DatabaseSettings,
    told: Sequence[Channel],
    *,
    stale_hours: int,
    late_after: timedelta,
    platform: PlatformSettings,
) -> None:
    """One pass. Raises one of AWAY when the database, or the replayed market's clock, does not answer."""
    with connect(database) as connection:
        found = problems(
            usable_runs(connection),
            newest_portfolios(connection),
            platform_now(platform),
            stale_hours=stale_hours,
        )
        incidents.follow(connection, READ_HERE, found | late_run(connection, late_after))
        tell(connection, told, platform.market)


def watch(one_look: Callable[[], None], seconds: float, stop: Event, wait: wait_base = PATIENTLY) -> None:
    """Until stop is set: a look, a pause. What is away is waited for, ever longer up to a minute."""
    patiently = Retrying(
        retry=retry_if_exception_type(AWAY),
        stop=stop_when_event_set(stop),
        wait=wait,
        sleep=sleep_using_event(stop),
        before_sleep=_say_that_it_waits,
    )
    while not stop.is_set():
        with suppress(RetryError):  # told to stop while it waits
            patiently(one_look)
        stop.wait(seconds)


def _say_that_it_waits(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("attempt %d: %s; again in %.0f s", state.attempt_number, error, state.upcoming_sleep)


def main(argv: Sequence[str] | None = None) -> int:
    """Look until it is told to stop. Raises UsageError for an address that is none; with --once StageFailed."""
    parser = program_parser(__doc__)
    parser.add_argument("--once", action="store_true", help="one look, then end; 1 when the database is away")
    given = parser.parse_args(argv)
    database, platform, settings = load(DatabaseSettings), load(PlatformSettings), load(AlertSettings)
    told = channels(settings)
    pipeline = load(PipelineSettings)
    late_after = timedelta(minutes=pipeline.late_minutes + 2 * pipeline.stage_gap_minutes)  # its two pauses don't count

    def one_look() -> None:
        look(database, told, stale_hours=settings.stale_hours, late_after=late_after, platform=platform)

    if given.once:
        try:
            one_look()
        except AWAY as error:
            raise StageFailed(one_line(error)) from error
        return SUCCESS
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("a look every %d s; alerts go to the log and %d addresses", settings.check_seconds, len(told) - 1)
    service = load(ServiceSettings)

    def one_look_noted() -> None:
        one_look()
        progress.note(service, pause=settings.check_seconds)

    watch(one_look_noted, settings.check_seconds, stop)
    return SUCCESS


if __name__ == "__main__":
    raise SystemExit(run_program(main))
