"""What has no return, and why: in the log, in the line the program ends with and as a finding (rules 2)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from batch.stage import StageRun
from config.universe import BENCHMARK, FX_REACH_DAYS, SNAPSHOT_REACH_DAYS
from database import findings

REASONS = {"no_return": "has no bar at one of the ends", "in_doubt": "has a bar in doubt"}
NO_LIST = f"no list with a usable holding, at most {SNAPSHOT_REACH_DAYS} days old"


class NoReturn(NamedTuple):
    """An instrument without a return. `over`: so many sessions; None: the month."""

    as_of_date: date
    ticker: str
    over: int | None
    reason: str


def without_return(rows: Iterable[Mapping[str, Any]], ticker: str) -> list[NoReturn]:
    """The rows of a stage's result that have no return; `ticker`: the column that names the instrument."""
    return [
        NoReturn(row["as_of_date"], row[ticker], row.get("period_days"), row["missing"])
        for row in rows
        if row["missing"]
    ]


def with_return(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The others: those that are stored."""
    return [row for row in rows if not row["missing"]]


def named(missing: Iterable[NoReturn]) -> str:
    """The instruments of one date, each reason once.

    >>> D = date(2026, 1, 23)
    >>> print(named([NoReturn(D, "XLV", 5, "no_return"), NoReturn(D, "XLB", 20, "in_doubt"),
    ...     NoReturn(D, "XLB", 10, "in_doubt")]))
    XLB has a bar in doubt (10, 20 sessions); XLV has no bar at one of the ends (5 sessions)
    >>> print(named([NoReturn(D, "XLV", None, "in_doubt")]))
    XLV has a bar in doubt (month)
    """
    spans = defaultdict(list)
    for each in sorted(missing, key=lambda each: (each.ticker, each.over or 0)):
        spans[each.ticker, each.reason].append("month" if each.over is None else str(each.over))
    return "; ".join(
        f"{ticker} {REASONS[reason]} ({', '.join(over)}{'' if over == ['month'] else ' sessions'})"
        for (ticker, reason), over in spans.items()
    )


def with_benchmark(run: StageRun, sessions: Sequence[date], missing: Mapping[date, Sequence[NoReturn]]) -> list[date]:
    """The sessions for which SPY has a return; the others are impossible. Raises MissingInput when D is among them."""
    possible = []
    # D last, but judged first: without SPY nothing is written.
    for session in reversed(sessions):
        spy = [each for each in missing[session] if each.ticker == BENCHMARK]
        if spy:
            run.impossible(session, named(spy))
        else:
            possible.append(session)
    return possible[::-1]


def note(run: StageRun, missing: Iterable[NoReturn]) -> None:
    """Say what has no return, a line a date, and write the findings down."""
    in_order = sorted(set(missing), key=lambda each: (each.as_of_date, each.ticker, each.over or 0))
    for session, of_session in groupby(in_order, key=attrgetter("as_of_date")):
        run.note(f"{session} {named(of_session)}")
    findings.record_all(run.connection, run.run.run_id, map(_finding, in_order))


def without_list(session: date, etfs: Iterable[str]) -> Iterator[findings.Finding]:
    """A finding per ETF that no list may stand for."""
    return (findings.Finding("no snapshot", etf, session, "warn", f"{etf}: {NO_LIST}") for etf in sorted(etfs))


def without_rate(session: date, stocks: Iterable[tuple[str, str | None]]) -> Iterator[findings.Finding]:
    """A finding per currency without a rate. stocks: (ticker, that currency or None).

    >>> [found] = without_rate(date(2026, 1, 23), [("B.MX", "MXN"), ("A.MX", "MXN"), ("JNJ", None)])
    >>> found.ticker, found.detail
    ('MXN', 'MXN: no rate of the 7 days before; no market cap of A.MX, B.MX')
    """
    of_currency = defaultdict(set)
    for ticker, currency in stocks:
        if currency:
            of_currency[currency].add(ticker)
    for currency, tickers in sorted(of_currency.items()):
        detail = (
            f"{currency}: no rate of the {FX_REACH_DAYS} days before; no market cap of {', '.join(sorted(tickers))}"
        )
        yield findings.Finding("currency without a rate", currency, session, "warn", detail)


def _finding(missing: NoReturn) -> findings.Finding:
    over = "the month" if missing.over is None else str(missing.over)
    return findings.Finding(f"no return over {over}", missing.ticker, missing.as_of_date, "warn", named([missing]))
