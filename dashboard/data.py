"""What a page needs from the API, asked for in two rounds: how fresh is it, then everything of one date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from dashboard.address import Address
from dashboard.client import Answer, ApiClient, Query

Json = dict[str, Any]
PERIODS = ("5", "10", "20")
STRATEGIES = (*PERIODS, "monthly")
Found = Literal["newest", "past", "snapped", "not_computed", "to_come", "before_first", "nothing"]


@dataclass(frozen=True)
class Shown:
    """The session a page shows, and how it was found."""

    day: date | None
    found: Found
    asked: date | None = None


@dataclass(frozen=True)
class Frame:
    """What every page's frame says."""

    status: Answer
    sessions: list[date]
    rebalances: list[date]
    shown: Shown

    @property
    def dated(self) -> dict[str, str]:
        """The query for what describes the session shown; nothing while there is none."""
        return {"as_of_date": self.shown.day.isoformat()} if self.shown.day else {}

    @property
    def rebalance(self) -> date | None:
        """The monthly portfolio that counts: the newest made before the next result. Friday's has Sunday's, as it had
        when Friday was the newest.
        """
        return max((day for day in self.rebalances if self.next is None or day < self.next), default=None)

    @property
    def has_none(self) -> bool:
        """The session asked for has no result: nothing is to be asked for, and nothing older to be shown."""
        return self.shown.day is None and self.shown.found != "nothing"

    @property
    def is_newest(self) -> bool:
        """The session shown is the newest with results, also where a day after it without trade was asked for."""
        return self.shown.day is not None and self.next is None

    @property
    def nothing(self) -> Answer:
        """The answer in place of one that was not asked for."""
        return Answer(404, {}, self.status.received_at, self.status.is_live)

    @property
    def previous(self) -> date | None:
        """The session with results before the one shown."""
        anchor = self.shown.day or self.shown.asked
        return max((day for day in self.sessions if anchor and day < anchor), default=None)

    @property
    def next(self) -> date | None:
        """The session with results after the one shown."""
        anchor = self.shown.day or self.shown.asked
        return min((day for day in self.sessions if anchor and day > anchor), default=None)


def away_since(answers: Iterable[Answer]) -> datetime | None:
    """When the oldest answer shown was received, if any is not live; while nothing is kept, now."""
    away = [answer for answer in answers if not answer.is_live]
    return min((answer.received_at for answer in away if answer.is_ok), default=away[0].received_at) if away else None


def is_refused(answers: Iterable[Answer]) -> bool:
    """The API does not know our key."""
    return any(answer.status == 401 for answer in answers)


def resolve(
    asked: date | None, sessions: list[date], missing: list[date], expected: date | None, following: date | None
) -> Shown:
    """Which session to show for the date that was asked for. expected, following: the last closed session, the next.

    A session without a result is said to have none: an older portfolio is never passed off as its. Up to the following
    session every session is in `sessions` or `missing`, and another day is none; a later day is still to come.
    """
    if not sessions:
        return Shown(None, "nothing", asked or expected)
    newest = sessions[-1]
    if asked is None or asked == newest:
        return Shown(newest, "newest", asked)
    if asked in sessions:
        return Shown(asked, "past", asked)
    if asked in missing or asked == following:
        return Shown(None, "not_computed", asked)
    if asked < sessions[0] or (following is not None and asked > following):
        return Shown(None, "before_first" if asked < sessions[0] else "to_come", asked)
    before = max(day for day in sorted(sessions + missing) if day < asked)
    return Shown(before, "snapped", asked) if before in sessions else Shown(None, "not_computed", before)


def load_frame(client: ApiClient, address: Address) -> Frame:
    """How fresh the results are, and which date the page shows."""
    # asked anew each time: a new result shows at once, everything else may be half a minute old
    status, dates = client.get_anew("/status"), client.get_anew("/sessions")
    sessions = [date.fromisoformat(day) for day in dates.body.get("sessions", [])]
    missing = [date.fromisoformat(day) for day in dates.body.get("without_result", [])]
    rebalances = [date.fromisoformat(day) for day in dates.body.get("rebalances", [])]
    expected, following = (
        date.fromisoformat(answer.body[name]) if name in answer.body else None
        for answer, name in ((status, "expected_as_of_date"), (dates, "next_session"))
    )
    asked = address.day if address.page.is_dated else None
    shown = resolve(asked, sessions, missing, expected, following)
    return Frame(status, sessions, rebalances, shown)


@dataclass(frozen=True)
class Strategy:
    """One portfolio of a date with what stands beside it. `name`: 5, 10, 20 or monthly."""

    name: str
    portfolio: Answer
    changes: Answer
    summary: Answer


def load_portfolios(client: ApiClient, about: Frame) -> list[Strategy]:
    """The four portfolios of the session shown; the monthly one is the newest by then, and nothing before the first."""
    days = {name: about.rebalance if name == "monthly" else about.shown.day for name in STRATEGIES}
    asked = [] if about.has_none else [name for name in STRATEGIES if name != "monthly" or days[name]]
    queries: list[Query] = []
    for name in asked:
        day = days[name]
        dated = {"as_of_date": day.isoformat()} if day else {}
        queries.append(
            ("/stocks/monthly-portfolio", {"rebalance_date": day.isoformat()} if day else {})
            if name == "monthly"
            else ("/stocks/portfolio", {"period_days": name, **dated})
        )
        beside = ("/dashboard/portfolio-changes", "/dashboard/portfolio-summary")
        queries += [(path, {"period_days": name, **dated}) for path in beside]
    answers = iter(client.get_all(queries))
    return [
        Strategy(name, *(next(answers) if name in asked else about.nothing for _ in range(3))) for name in STRATEGIES
    ]


@dataclass(frozen=True)
class EtfAnswers:
    """The ETFs page: all ETFs, their lines for the sparklines and for the chart."""

    etfs: Answer
    sparklines: Answer
    strength: Answer


SPARKLINE_SESSIONS = "60"


def load_etfs(client: ApiClient, about: Frame, sessions: str) -> EtfAnswers:
    """Everything of the session shown; the chart's lines over so many sessions."""
    if about.has_none:
        return EtfAnswers(about.nothing, about.nothing, about.nothing)
    path = "/dashboard/relative-strength"
    queries: list[Query] = [
        ("/dashboard/trending-etfs", about.dated),
        (path, {"days": SPARKLINE_SESSIONS, **about.dated}),
        (path, {"days": sessions, **about.dated}),
    ]
    return EtfAnswers(*client.get_all(queries))


@dataclass(frozen=True)
class EtfDetail:
    """What one ETF holds. `best`: by period; of the analysis at or before the session shown, like what follows it."""

    etf: str
    holdings: Answer
    best: dict[str, Answer]
    concentration: Answer
    overlap: Answer

    @property
    def answers(self) -> list[Answer]:
        """All of them."""
        return [self.holdings, *self.best.values(), self.concentration, self.overlap]


def load_etf(client: ApiClient, about: Frame, etf: str) -> EtfDetail:
    """Holdings, the best of them by period, concentration of all ETFs and what they share."""
    if about.has_none:
        nothing = about.nothing
        return EtfDetail(etf, nothing, dict.fromkeys(PERIODS, nothing), nothing, nothing)
    # analysed weekly: the newest session has none of its own
    day = None if about.is_newest else about.shown.day
    best = {name: (f"/etf-holdings/top-holdings/{etf}", {"time_period": name}) for name in PERIODS}
    analysed = [*best.values(), ("/etf-holdings/concentration", {}), ("/etf-holdings/overlap", {})]
    holdings, *found = client.get_all(
        [("/dashboard/etf-holdings", {"ticker": etf, **about.dated}), *(dated(query, day) for query in analysed)]
    )
    found = earlier(client, analysed, found)
    return EtfDetail(etf, holdings, dict(zip(PERIODS, found[:3], strict=True)), found[3], found[4])


def dated(query: Query, day: date | str | None) -> Query:
    """The query for a day; for the newest without one."""
    return (query[0], {**query[1], "as_of_date": str(day)}) if day else query


def earlier(client: ApiClient, queries: Sequence[Query], answers: Sequence[Answer]) -> list[Answer]:
    """The answers; where a day has none of its own, that of the newest result before it, which the API names."""
    days = [answer.body.get("result_at_or_before") if answer.status == 404 else None for answer in answers]
    again = iter(client.get_all([dated(query, day) for query, day in zip(queries, days, strict=True) if day]))
    return [next(again) if day else answer for answer, day in zip(answers, days, strict=True)]


def load_months(client: ApiClient, end: str) -> Answer:
    """Twelve months of the ETFs up to that one, YYYY-MM; the newest without."""
    return client.get("/dashboard/monthly-performance", **({"as_of_date": f"{end}-01"} if end else {}))


def load_month(client: ApiClient, month: str) -> Answer:
    """The sectors of a month, YYYY-MM; the newest without."""
    year, _, number = month.partition("-")
    return client.get("/sectors/trending", **({"year": year, "month": str(int(number))} if month else {}))
