"""The whole way, every part real but Yahoo's side of the wire: market files → tables → API → page, by hand."""

from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from test.e2e.market import POSITIONS, TRENDING, D, write_market
from test.e2e.stack import Stack, running_stack
from utils.stack import supervisor
from utils.stack.folder import SECRETS, open_folder

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

CONTROLLER = "daily_pipeline_controller"
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The hand-computed market, an hour after the close of D."""
    folder = tmp_path_factory.mktemp("e2e")
    write_market(folder / "hand")
    with running_stack(
        folder / "data", "replay-hand", "--replay", str(folder / "hand"), "--now", f"{D}T22:00:00Z"
    ) as up:
        yield up


def test_every_service_is_healthy(stack: Stack) -> None:
    status = stack.command("status", check=False)
    assert status.returncode == 0, status.stdout


def test_the_controller_makes_the_portfolios_that_were_computed_by_hand(stack: Stack) -> None:
    states = stack.run_dag(CONTROLLER)
    assert set(states.values()) == {"success"}, states

    trending = stack.rows(
        f"""SELECT period_days, etf_ticker, return_pct, outperformance, rank_by_outperformance
            FROM analytics_03_trending_etfs WHERE as_of_date = '{D}' AND is_trending ORDER BY 1, 5"""
    )
    assert trending == TRENDING

    positions = stack.rows(
        f"""SELECT period_days, rank, ticker, return_pct, market_cap, portfolio_weight, source_etfs, sector
            FROM analytics_05_portfolio_allocation WHERE as_of_date = '{D}' ORDER BY 1, 2"""
    )
    assert positions == POSITIONS
    headers = stack.rows(
        f"""SELECT strategy, revision, status, origin, positions, trending_etfs, left_out
            FROM analytics_portfolios WHERE as_of_date = '{D}' ORDER BY strategy"""
    )
    assert headers == [
        ("10d", 1, "complete", "live", 2, 3, []),
        ("20d", 1, "complete", "live", 2, 2, []),
        ("5d", 1, "complete", "live", 2, 4, []),
    ]
    outcomes = dict(
        stack.rows(
            f"""SELECT etf_ticker || ' ' || ticker, outcome FROM analytics_05_candidates
                WHERE as_of_date = '{D}' AND period_days = 5"""
        )
    )
    assert outcomes == {
        "QQQ AAA": "selected",
        "QQQ BBB": "lower_return",
        "XLV AAA": "selected",
        "EWY 900010.KS": "selected",
        "XLU DDD": "not_positive",
    }


def test_the_api_serves_what_the_tables_hold(stack: Stack) -> None:
    answer = stack.api("/stocks/portfolio", period_days=20)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["as_of_date"], body["is_current"], body["state"]) == (D.isoformat(), True, "ok")
    assert [(each["ticker"], each["portfolio_weight"]) for each in body["positions"]] == [("CCC", 0.8), ("AAA", 0.2)]
    trending = stack.api("/dashboard/trending-etfs").json()
    assert trending["as_of_date"] == D.isoformat()
    assert stack.api("/status").json()["as_of_date"] == D.isoformat()


def test_every_run_adds_up_and_every_item_is_accounted_for(stack: Stack) -> None:
    runs = stack.rows(
        "SELECT process, status, requested, stored + unchanged + failed + dead_lettered FROM process_executions"
    )
    assert {status for _, status, _, _ in runs} <= {"success", "skipped"}
    assert all(requested == ended for _, _, requested, ended in runs)
    assert stack.rows("SELECT count(*) FROM asset_processing_details WHERE status IN ('planned', 'sent')") == [(0,)]


def test_no_answer_at_all_fails_the_stage_and_keeps_yesterdays_results(stack: Stack) -> None:
    """The next evening Yahoo does not answer: nothing downstream runs, and what is shown says its own date."""
    stack.control("POST", "clock", json={"now": "2025-12-31T23:00:00Z"})
    stack.control("POST", "faults", json=[{"match": "finance.yahoo.com", "times": 100000, "status": 503}])
    done = stack.command("run", "collector/kafka_01_producer_etf_daily.py", "--group", "benchmark", check=False)
    assert done.returncode == 75, done.stdout + done.stderr
    # By hand: the controller, unpaused, runs its schedule's newest slot, too, and may be at this session by now.
    by_hand = "SELECT status, usable FROM process_executions WHERE as_of_date = '2025-12-31' AND dag_run_id IS NULL"
    assert stack.rows(by_hand) == [("failed", False)]
    assert stack.api("/stocks/portfolio").json()["as_of_date"] == D.isoformat()
    stack.control("DELETE", "faults")


def test_nothing_listens_beyond_this_machine(stack: Stack) -> None:
    listening = set()
    for process in supervisor.processes_of(open_folder(stack.folder)):
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections(kind="inet")
            listening |= {(process.name(), each.laddr) for each in connections if each.status == psutil.CONN_LISTEN}
    assert len(listening) > 5
    assert {each for each in listening if each[1].ip not in LOOPBACK} == set()


def test_no_secret_is_in_a_log_a_dag_or_a_list_of_processes(stack: Stack) -> None:
    secrets = {name: stack.settings[name] for name in SECRETS}
    folder = open_folder(stack.folder)
    said = {
        str(file): file.read_text(encoding="utf-8", errors="replace")
        for file in (*folder.logs.rglob("*.log"), *(folder.path / "airflow" / "logs").rglob("*.log"))
    }
    for process in supervisor.processes_of(folder):
        with suppress(psutil.NoSuchProcess):
            said[str(process)] = " ".join(process.cmdline())
    dags = stack.airflow("GET", "/dags?limit=50")["dags"]
    said |= {dag["dag_id"]: str(stack.airflow("GET", f"/dags/{dag['dag_id']}/details")) for dag in dags}
    assert len(said) > 30
    assert [(where, name) for where, text in said.items() for name, secret in secrets.items() if secret in text] == []


def test_stopping_leaves_no_process(stack: Stack) -> None:
    folder = open_folder(stack.folder)
    before = supervisor.processes_of(folder)
    assert len(before) > 10
    stack.command("stop")
    assert [each for each in before if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert supervisor.processes_of(folder) == set()
    assert stack.command("status", check=False).returncode != 0
