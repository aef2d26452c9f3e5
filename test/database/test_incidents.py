"""Incidents: told once when they open, once when they end, whatever is away in between (contracts 5.3)."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Event

import psycopg
import pytest
from tenacity.wait import wait_none

from config.settings import PlatformSettings
from database import incidents, ledger, pipeline
from database.connection import Connection, DatabaseUnavailable, connect
from database.ledger import Item
from database.watch import RESULTS, UsableRun, late_run, look, newest_portfolios, problems, tell, usable_runs, watch
from test.conftest import REPO, Database, free_port

FAILED = "failed/03_daily_trending_etf_analysis_dag"
AT_ONCE = wait_none()
MONDAY, TUESDAY = date(2025, 12, 29), date(2025, 12, 30)


class Reader:
    """A channel that keeps what it was told, and takes nothing while it is away."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.texts: list[str] = []
        self.away = False
        self.asked = 0

    def __call__(self, title: str, text: str, good: bool) -> bool:
        assert good == ("over" in title)
        self.asked += 1
        if not self.away:
            self.heard.append(title)
            self.texts.append(text)
        return not self.away


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with connect(database.settings("pipeline")) as opened:
        yield opened


BEGIN, END = f"ActStock (demo): {FAILED.replace('/', ' ')}", f"ActStock (demo): over: {FAILED.replace('/', ' ')}"


def test_an_incident_is_told_once_and_its_end_once(connection: Connection) -> None:
    reader = Reader()
    for _ in range(2):
        incidents.open_incident(connection, FAILED, "exit code 1:\n SPY has no bar")
        tell(connection, [reader], "demo")
    assert reader.heard == [BEGIN]
    for _ in range(2):
        incidents.close_incident(connection, FAILED)
        tell(connection, [reader], "demo")
    assert reader.heard == [BEGIN, END]
    assert reader.texts[0].startswith("exit code 1: SPY has no bar\nSince 20")
    assert reader.texts[0].endswith(" UTC. What to do: airflow/runbooks/failed.md")
    assert reader.texts[1].startswith("It was: exit code 1: SPY has no bar\nFrom 20")
    assert incidents.unsettled(connection) == []


def test_what_comes_again_is_another_incident_and_the_first_is_kept(connection: Connection) -> None:
    reader = Reader()
    for _ in range(2):
        incidents.open_incident(connection, FAILED, "no answer")
        tell(connection, [reader], "demo")
        incidents.close_incident(connection, FAILED)
        tell(connection, [reader], "demo")
    assert reader.heard == [BEGIN, END] * 2
    row = connection.execute("SELECT count(*), count(DISTINCT opened_at), count(closed_at) FROM alert_incidents")
    assert row.fetchone() == (2, 2, 2)


def test_while_it_is_open_the_first_reason_and_time_stay(connection: Connection) -> None:
    incidents.open_incident(connection, FAILED, "SPY has no bar")
    [before] = incidents.unsettled(connection)
    incidents.open_incident(connection, FAILED, "task failure")
    assert incidents.unsettled(connection) == [before]


def test_a_delivery_that_fails_is_made_later_exactly_once(connection: Connection) -> None:
    reader = Reader()
    reader.away = True
    incidents.open_incident(connection, FAILED, "no answer")
    tell(connection, [reader], "demo")
    tell(connection, [reader], "demo")
    reader.away = False
    for _ in range(3):
        tell(connection, [reader], "demo")
    assert reader.heard == [BEGIN]


def test_one_channel_that_is_away_keeps_no_other_waiting_and_none_hears_twice(connection: Connection) -> None:
    first, second = Reader(), Reader()
    first.away = True
    incidents.open_incident(connection, FAILED, "no answer")
    incidents.open_incident(connection, "late/daily_pipeline_controller", "not begun")
    tell(connection, [first, second], "demo")
    assert first.asked == 1, "it did not take the first news: the second waits with it"
    incidents.close_incident(connection, FAILED)
    tell(connection, [first, second], "demo")
    late = "ActStock (demo): late daily_pipeline_controller"
    assert second.heard == [BEGIN, late, END]
    first.away = False
    tell(connection, [first, second], "demo")
    assert (first.heard, second.heard) == ([BEGIN, END, late], [BEGIN, late, END])


def test_only_one_watch_tells(database: Database, connection: Connection) -> None:
    reader = Reader()
    incidents.open_incident(connection, FAILED, "no answer")
    with connect(database.settings("pipeline")) as other:
        assert incidents.claim(other)
        tell(connection, [reader], "demo")
        assert reader.heard == []
        other.execute("SELECT pg_advisory_unlock_all()")  # as its end does, a moment later
    tell(connection, [reader], "demo")
    assert reader.heard == [BEGIN]


def test_no_other_role_changes_incidents(database: Database) -> None:
    for role in ("api", "batch", "collector"):
        with connect(database.settings(role)) as reading, pytest.raises(psycopg.errors.InsufficientPrivilege):
            incidents.open_incident(reading, FAILED, "guessed")


# -- which problems --------------------------------------------------------------------------------------------------


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 12, day, hour, minute, tzinfo=UTC)


def test_a_usable_run_that_left_something_out_is_a_problem() -> None:
    runs = [
        UsableRun("known_stocks", MONDAY, "partial", "005930.KS bars: no such symbol"),
        UsableRun("trending_etfs", MONDAY, "success", None),
    ]
    assert problems(runs, None, at(29, 23), stale_hours=18) == {
        "partial/known_stocks": "known_stocks for 2025-12-29: 005930.KS bars: no such symbol"
    }


def test_portfolios_are_stale_when_the_session_after_them_closed_too_long_ago() -> None:
    """Tuesday closes at 21:00 UTC; 18 hours later is Wednesday 15:00."""
    assert problems([], MONDAY, at(31, 15), stale_hours=18) == {}
    assert problems([], MONDAY, at(31, 15, 1), stale_hours=18) == {
        "stale/portfolios": "the newest portfolios are of 2025-12-29; those of 2025-12-30 were due by "
        "2025-12-31 15:00 UTC"
    }
    assert problems([], TUESDAY, at(31, 15, 1), stale_hours=18) == {}
    assert problems([], None, at(31, 15, 1), stale_hours=18) == {}, "nothing was ever computed: nothing is old"


RUN = """INSERT INTO process_executions
             (dag_run_id, run_id, process, as_of_date, status, usable, error, started_at, finished_at)
         VALUES ('06/manual', %s, 'known_stocks', %s, %s, %s, %s, %s, now())"""
HEADER = """INSERT INTO analytics_portfolios (strategy, as_of_date, revision, status, origin, positions, left_out,
                first_published_at, published_at, computed_at, run_id)
            VALUES (%s, %s, 1, 'empty', 'live', 0, '[]', now(), now(), now(), 'r')"""


def test_the_newest_usable_run_of_the_newest_session_counts(database: Database, connection: Connection) -> None:
    with connect(database.settings("batch")) as writing:
        writing.execute(RUN, ("a", MONDAY, "partial", True, "AAA bars: gone", at(29, 22)))
        assert [run.error for run in usable_runs(connection)] == ["AAA bars: gone"]
        writing.execute(RUN, ("b", TUESDAY, "failed", False, "no answer", at(30, 22)))
        assert [run.error for run in usable_runs(connection)] == ["AAA bars: gone"], "a failed run mends nothing"
        writing.execute(RUN, ("c", MONDAY, "success", True, None, at(30, 23)))
        writing.execute(RUN, ("d", MONDAY, "skipped", False, "nothing is missing", at(30, 23, 30)))
        assert usable_runs(connection) == [UsableRun("known_stocks", MONDAY, "success", None)]


def test_what_a_person_ran_by_hand_is_nobodys_incident(database: Database, connection: Connection) -> None:
    with connect(database.settings("batch")) as writing:
        writing.execute(RUN, ("a", MONDAY, "partial", True, "AAA bars: gone", at(29, 22)))
        writing.execute("UPDATE process_executions SET dag_run_id = NULL")
        assert usable_runs(connection) == []


def test_a_session_counts_with_all_three_portfolios(database: Database, connection: Connection) -> None:
    assert newest_portfolios(connection) is None
    with connect(database.settings("batch")) as writing:
        for strategy in ("5d", "10d", "20d"):
            writing.execute(HEADER, (strategy, MONDAY))
        writing.execute(HEADER, ("5d", TUESDAY))
        writing.execute(HEADER, ("monthly", date(2025, 12, 28)))
    assert newest_portfolios(connection) == MONDAY


def test_problems_open_follow_and_close_but_those_of_the_dags_stay(connection: Connection) -> None:
    incidents.open_incident(connection, FAILED, "no answer")

    def details() -> dict[str, str]:
        return {each.key: each.detail for each in incidents.unsettled(connection) if each.closed_at is None}

    incidents.follow(connection, ("partial", "stale"), {"partial/a": "AAA", "stale/portfolios": "old"})
    assert details() == {FAILED: "no answer", "partial/a": "AAA", "stale/portfolios": "old"}
    [opened] = [each.opened_at for each in incidents.unsettled(connection) if each.key == "partial/a"]
    incidents.follow(connection, ("partial", "stale"), {"partial/a": "AAA and BBB"})
    assert details() == {FAILED: "no answer", "partial/a": "AAA and BBB"}
    assert opened in {each.opened_at for each in incidents.unsettled(connection)}, "it is still the same incident"
    incidents.follow(connection, ("partial", "stale"), {})
    assert details() == {FAILED: "no answer"}


# -- the program -----------------------------------------------------------------------------------------------------


def test_a_look_finds_and_tells_in_one_pass(database: Database) -> None:
    reader = Reader()
    with connect(database.settings("batch")) as writing:
        writing.execute(RUN, ("a", MONDAY, "partial", True, "AAA bars: gone", at(29, 22)))
        for market in ("yahoo", "demo"):
            look(
                database.settings("pipeline"),
                [reader],
                stale_hours=18,
                late_after=timedelta(hours=5),
                platform=PlatformSettings(market=market),
            )
        writing.execute(RUN, ("b", MONDAY, "success", True, None, at(29, 23)))
    look(
        database.settings("pipeline"),
        [reader],
        stale_hours=18,
        late_after=timedelta(hours=5),
        platform=PlatformSettings(market="demo"),
    )
    assert reader.heard == ["ActStock (yahoo): partial known_stocks", "ActStock (demo): over: partial known_stocks"]


def after(looks: list[Exception | None], stop: Event) -> Callable[[], None]:
    """Looks that go as listed; the last one sets stop."""

    def one() -> None:
        outcome = looks.pop(0)
        if not looks:
            stop.set()
        if outcome is not None:
            raise outcome

    return one


def test_what_is_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    watch(
        after([DatabaseUnavailable("database x: refused"), psycopg.OperationalError("gone"), None], stop),
        0,
        stop,
        AT_ONCE,
    )
    assert [record.getMessage() for record in caplog.records] == [
        "attempt 1: database x: refused; again in 0 s",
        "attempt 2: gone; again in 0 s",
    ]


def test_it_ends_while_it_waits() -> None:
    stop = Event()
    watch(after([DatabaseUnavailable("refused")], stop), 0, stop, AT_ONCE)


def program(database: Database, *arguments: str, **further: str) -> "subprocess.Popen[str]":
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO)} | database.environment("pipeline") | further
    command = [sys.executable, "-m", "database.watch", *arguments]
    return subprocess.Popen(command, cwd=REPO, env=environment, stderr=subprocess.PIPE, text=True)


def test_without_addresses_alerts_are_lines_of_the_log_until_sigterm(
    database: Database, connection: Connection
) -> None:
    incidents.open_incident(connection, FAILED, "SPY has no bar")
    running = program(database)
    assert running.stderr is not None
    lines = [running.stderr.readline() for _ in range(2)]
    running.send_signal(signal.SIGTERM)
    assert (running.wait(20), running.stderr.read()) == (0, "")
    assert "a look every 60 s; alerts go to the log and 0 addresses" in lines[0]
    assert f"WARNING utils.alerts: ActStock (yahoo): {BEGIN.partition(': ')[2]}: SPY has no bar Since" in lines[1]


@pytest.mark.parametrize(
    ("further", "code", "said"),
    [
        ({"DB_PORT": str(free_port())}, 1, "watch.py: database 127.0.0.1"),
        ({"ALERT_URLS": "json://localhost nonsense-with-t0ken"}, 2, "watch.py: ALERT_URLS: expected addresses"),
        ({"ALERT_CHECK_SECONDS": "soon"}, 2, "settings: ALERT_CHECK_SECONDS: input should be a valid integer"),
    ],
)
def test_what_keeps_it_from_looking_is_one_line(
    database: Database, further: dict[str, str], code: int, said: str
) -> None:
    running = program(database, "--once", **further)
    _, error = running.communicate(timeout=60)
    assert running.returncode == code
    assert len(error.splitlines()) == 1
    assert error.startswith(said)
    assert "t0ken" not in error


def test_the_controller_is_late_while_its_newest_run_has_not_all_its_results(
    connection: Connection, database: Database
) -> None:
    at_once, tomorrow = timedelta(0), timedelta(days=1)
    assert late_run(connection, at_once) == {}, "nothing has run yet"
    for run, session in (("other/1", TUESDAY), ("daily_pipeline_controller/1", MONDAY)):
        pipeline.resolve(connection, run, session)
    assert late_run(connection, tomorrow) == {}
    for process in RESULTS[:-1]:
        finish(database, process, MONDAY)
    late = {
        "late/daily_pipeline_controller": "daily_pipeline_controller, 2025-12-29: still without portfolio_allocation"
    }
    assert late_run(connection, at_once) == late

    incidents.open_incident(connection, "failed/daily_pipeline_controller", "x")
    assert late_run(connection, at_once) == {}, "what failed is told of as that"
    incidents.close_incident(connection, "failed/daily_pipeline_controller")
    finish(database, RESULTS[-1], MONDAY)
    assert late_run(connection, at_once) == {}


def finish(database: Database, process: str, session: date) -> None:
    """A run of the process that is usable."""
    with connect(database.settings("batch")) as writing:
        run = ledger.open_run(writing, process=process, as_of_date=session)
        run.plan([Item(str(session), "session")])
        run.stored(Item(str(session), "session"), rows=1)
        assert run.close().usable
