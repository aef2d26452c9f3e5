"""What the ETF producers ask for: bars of the universe, and holdings (rules 1, 3; contracts 3)."""

import logging
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from collector.holdings import snapshot_date
from collector.planner import plan_bars
from collector.run import Phases, Request
from collector.tasks import BarsTask, HoldingsTask
from config.universe import (
    NEW_YORK,
    SNAPSHOT_REACH_DAYS,
    Group,
    tickers_of,
)
from database import coverage
from utils.program import StageFailed
from utils.sessions import next_session, sessions_until, timezone_of

log = logging.getLogger(__name__)


def bars_of_group(request: Request, group: Group) -> Phases:
    """Bars of a group's ETFs. They trade every session: a newest bar that lacks is asked for until it is there."""
    yield from bars_of(request, tickers_of(group))


def bars_of(request: Request, etfs: Sequence[str]) -> Phases:
    """Bars of these ETFs of the universe."""
    sessions = sessions_until(request.as_of_date, request.sessions)
    stored = coverage.bar_coverage(request.connection, "etf", etfs, sessions)
    plans = (
        plan_bars(each, sessions, patient_from=sessions[0], force=request.force, deep=request.is_deep)
        for each in stored
    )
    yield [BarsTask(plan, "etf") for plan in plans if plan is not None]


def lists_of_all(request: Request) -> Phases:
    """Holdings of every ETF of the universe (DAG 07). Of a past session: those fetched before the next one."""
    if request.is_newest:
        today = request.now.astimezone(ZoneInfo(timezone_of(NEW_YORK))).date()
        day = until = snapshot_date(request.newest, today)
    else:
        day, until = request.as_of_date, next_session(request.as_of_date) - timedelta(days=1)
    yield _lists(request, tickers_of("all"), day, until)


def lists_of_trending(request: Request) -> Phases:
    """Holdings of the ETFs that trend in at least one period (stage 4)."""
    etfs = trending(request)
    log.info("trending on %s: %s", request.as_of_date, ", ".join(etfs) or "none")
    yield _lists(request, etfs, request.as_of_date, request.as_of_date)


def trending(request: Request) -> list[str]:
    """ETFs trending at the request's session. Raises StageFailed when stage 3 has no result for it."""
    etfs = coverage.trending_etfs(request.connection, request.as_of_date)
    if etfs is None:
        raise StageFailed(
            f"stage 3 has no result for {request.as_of_date}: run batch/spark_01_trending_etf_identifier.py"
        )
    return etfs


def lists_in_reach(request: Request, etfs: Collection[str]) -> dict[str, list[coverage.StoredHolding]]:
    """The newest snapshot of each ETF in reach of the session (rules 4.2); those without one are named in the log."""
    day = request.as_of_date
    lists = coverage.newest_lists(request.connection, etfs, since=day - timedelta(days=SNAPSHOT_REACH_DAYS), until=day)
    without = sorted(set(etfs) - lists.keys())
    if without:
        log.warning("no holdings in reach of %s: %s", day, ", ".join(without))
    return lists


def _lists(request: Request, etfs: Sequence[str], day: date, until: date) -> list[HoldingsTask]:
    """Those to ask for, to be dated `day`; one that is stored from then to `until` serves."""
    stored = set() if request.asks_anew else coverage.etfs_with_snapshot(request.connection, etfs, day, until)
    due = [etf for etf in etfs if etf not in stored]
    if due and not request.is_newest:
        request.lacking.append(f"holdings of {request.as_of_date} can't be had: the source knows today's only")
        return []
    return [HoldingsTask(etf, day) for etf in request.free("holdings", due)]
