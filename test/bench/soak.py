"""Sessions one after another, each with the programs of its evening: are memory, disk, connections and times flat?

    .venv-dev/bin/python -m test.bench.soak                  # 250 sessions: two hours
    .venv-dev/bin/python -m test.bench.soak --sessions 10

One stack on an invented market, without Airflow, whose tasks are these programs. After each evening a reader opens the
newest portfolio in the API and on the dashboard, and what an evening leaves behind is removed as the platform's
maintenance does. Every session is a line of soak.csv below var/bench; the plot beside this file is made of it.
"""

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.subplots import make_subplots

from dashboard.screenshots import chromium
from test.bench.markets import LAST
from test.bench.program import MEBIBYTE, memory, run_bench
from test.e2e.stack import Stack, running_stack
from test.replay.generator import generate
from utils.arguments import program_parser
from utils.program import RUN_AGAIN
from utils.sessions import last_sunday_at_or_before, sessions_until
from utils.stack import past
from utils.stack.folder import REPO, data_root

HISTORY, STOCKS = 330, 110
PLOT = Path(__file__).with_name("soak.png")
SERVICES = "postgres,kafka,replay,consumer-etf-daily,consumer-etf-holdings,consumer-stock-daily,api,dashboard"
EVENING = (
    past.ETFS,
    past.TRENDING,
    ("collector/kafka_03_producer_trending_etf_holdings.py",),
    ("collector/kafka_04_producer_stock_daily.py", "--scope", "needed"),
    past.ALLOCATION,
    past.PERFORMANCE,
)
OF_A_MONTH = (past.HOLDINGS, past.STOCKS, past.TOP_HOLDINGS, past.REBALANCES, past.MONTHS_AND_SECTORS)
MAINTENANCE = ("database/retention.py",)
# A halted stock is waited for as long: the market is invented, nobody else is early or late in it.
DEADLINE_MINUTES = 1
PATIENCE = {"PIPELINE_DEADLINE_MINUTES": str(DEADLINE_MINUTES)}


@dataclass(frozen=True)
class Session:
    """What one session took, and what stood afterwards. Memory is proportional (PSS)."""

    session: date
    programs_s: float
    waited_s: float
    page_ms: float
    postgres_mib: float
    kafka_mib: float
    consumers_mib: float
    api_mib: float
    dashboard_mib: float
    connections: float
    files: float
    database_mib: float
    disk_mib: float


def soaked(stack: Stack, sessions: Sequence[date]) -> Iterator[Session]:
    """Evening after evening. Raises CalledProcessError when a program fails."""
    for before, session in pairwise(sessions):
        stack.control("POST", "clock", json={"now": f"{past.evening_of(session):%Y-%m-%dT%H:%M:%SZ}"})
        begun, waited = time.monotonic(), 0.0
        # The first month may have begun before the soak: without a portfolio of it there is nothing to rebalance.
        month_ended = session.month != before.month and last_sunday_at_or_before(session) > sessions[1]
        for program in EVENING + (OF_A_MONTH if month_ended else ()) + (MAINTENANCE,):
            waited += run(stack, program)
        took = time.monotonic() - begun - waited
        yield Session(session=session, programs_s=took, waited_s=waited, page_ms=read(stack, session), **left(stack))


def run(stack: Stack, program: Sequence[str]) -> float:
    """Run a program as a DAG's task does; the seconds that were waited for what the source lacks."""
    command = [str(REPO / ".venv/bin/python"), "-P", "-m", "utils.stack.program", *program]
    environment = stack.environment | {"ACTSTOCK_MARKET_DIR": str(stack.folder), "PYTHONPATH": str(REPO)}
    waited = 0.0
    while (
        done := subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    ).returncode == RUN_AGAIN:
        pause = 60 * DEADLINE_MINUTES + 1
        time.sleep(pause)
        waited += pause
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    done.check_returncode()
    return waited


def read(stack: Stack, session: date) -> float:
    """Open the newest portfolio as clients and readers do; milliseconds of the page."""
    answer = stack.api("/stocks/portfolio", period_days=20).raise_for_status().json()
    if answer["as_of_date"] != session.isoformat():
        raise ValueError(f"expected the portfolio of {session}, found that of {answer['as_of_date']}")
    begun = time.monotonic()
    httpx.get(f"http://127.0.0.1:{stack.settings['DASHBOARD_PORT']}/?lang=ko", timeout=30).raise_for_status()
    return (time.monotonic() - begun) * 1000


def left(stack: Stack) -> dict[str, float]:
    """Memory of each service, connections and open files, size of the database and of everything on disk."""
    found: dict[str, float] = {}
    files = 0
    for name, services in (
        ("postgres", ["postgres"]),
        ("kafka", ["kafka"]),
        ("consumers", [name for name in SERVICES.split(",") if name.startswith("consumer-")]),
        ("api", ["api"]),
        ("dashboard", ["dashboard"]),
    ):
        mains = [stack.process(service) for service in services]
        found[f"{name}_mib"] = sum(map(memory, mains)) / MEBIBYTE
        files += sum(process.num_fds() for main in mains for process in (main, *main.children(recursive=True)))
    [(connections, database)] = stack.as_superuser(
        """SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                  pg_database_size(current_database())"""
    )
    disk = int(
        subprocess.run(["du", "-sb", stack.folder], capture_output=True, text=True, check=True).stdout.split()[0]
    )
    sizes = {"database_mib": database / MEBIBYTE, "disk_mib": disk / MEBIBYTE}
    return found | sizes | {"connections": connections, "files": files}


def growth(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of the first and of the last fifth, and the change in a hundred sessions of the straight line between."""
    fifth = max(len(values) // 5, 1)
    slope = np.polyfit(np.arange(len(values)), values, 1)[0] if len(values) > 1 else 0.0
    return float(np.mean(values[:fifth])), float(np.mean(values[-fifth:])), float(slope) * 100


def draw(found: Sequence[Session], to: Path) -> None:
    """Everything over the sessions, as a picture."""
    names = [field.name for field in fields(Session) if field.name not in ("session", "waited_s")]
    figure = make_subplots(rows=len(names), cols=1, shared_xaxes=True, subplot_titles=names, vertical_spacing=0.025)
    for row, name in enumerate(names, 1):
        y = [getattr(each, name) for each in found]
        figure.add_trace(go.Scatter(x=[each.session for each in found], y=y, line={"width": 1}), row=row, col=1)
        figure.update_yaxes(rangemode="tozero", row=row, col=1)
    figure.update_layout(height=130 * len(names), width=900, showlegend=False, template="plotly_white", margin_t=30)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        page = browser.new_page(viewport={"width": 900, "height": 130 * len(names)})
        page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.locator(".main-svg").first.wait_for()
        page.screenshot(path=to)
        browser.close()


def report(found: Sequence[Session]) -> None:
    """Draw the sessions, and print what has grown in them."""
    if not found:
        return
    draw(found, PLOT)
    print(f"{len(found)} sessions, {STOCKS} stocks")
    print(f"{'':14} {'first fifth':>12} {'last fifth':>12} {'a hundred sessions':>20}")
    for name in (field.name for field in fields(Session) if field.name != "session"):
        first, last, slope = growth([getattr(each, name) for each in found])
        print(f"{name:14} {first:12.1f} {last:12.1f} {slope:+20.1f}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run, note each session as it ends, print what has grown, draw."""
    parser = program_parser(__doc__)
    parser.add_argument("--sessions", type=int, default=250)
    given = parser.parse_args(argv)
    sessions = sessions_until(LAST, given.sessions + 1)
    kept = data_root() / "bench" / "soak.csv"
    kept.parent.mkdir(parents=True, exist_ok=True)
    found: list[Session] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="act-") as temporary,
            kept.open("w", newline="", encoding="utf-8") as csv_file,
        ):
            folder = Path(temporary)
            generate(folder / "soak", last_session=LAST, seed=7, sessions=given.sessions + HISTORY, stocks=STOCKS)
            begin = ("--replay", str(folder / "soak"), "--now", f"{past.evening_of(sessions[0]):%Y-%m-%dT%H:%M:%SZ}")
            lines = csv.DictWriter(csv_file, [field.name for field in fields(Session)])
            lines.writeheader()
            with running_stack(folder / "data", "replay-soak", *begin, "--only", SERVICES, settings=PATIENCE) as stack:
                for each in soaked(stack, sessions):
                    found.append(each)
                    lines.writerow(asdict(each))
                    csv_file.flush()
                    if len(found) % 10 == 0:
                        print(f"{each.session}: {each.programs_s:.0f} s, {each.disk_mib:.0f} MiB", file=sys.stderr)
    finally:  # one that ends before its time still tells what it saw
        report(found)
    return 0


if __name__ == "__main__":
    run_bench(main)
