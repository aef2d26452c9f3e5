"""What is asked of the source, one request (or a whole re-fetch) at a time: task → what became of its items.

A task that raises NoData, SourceUnavailable or RateLimited says so for all its items; the run goes on with the others.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from pydantic import ValidationError

from collector import bars, profiles, rates
from collector.answers import History, NoData, NoSessions, SourceUnavailable
from collector.holdings import EQUITY, holdings_message
from collector.planner import BarsPlan
from collector.restatement import differing, restated
from collector.yahoo import Yahoo
from config.universe import exchange_calendar
from database.connection import Connection
from database.coverage import Asset, Stock, StoredBar, stored_bars, stored_rates
from database.findings import RESTATED, Finding
from database.ledger import Item
from utils.messages import Bar, FxMessage, Message
from utils.sessions import last_closed_session, timezone_of

log = logging.getLogger(__name__)

# A whole history that lacks more of the stored sessions than this is not believed: it would cut what is stored.
BELIEVABLE_LOSS = 0.1


@dataclass(frozen=True)
class Outcome:
    """What became of an item: a message to send, a failure, or, with neither, nothing new. `currency`: of bars.

    Both: some of what was asked for is there and worth storing, and the rest makes the item a failure.
    permanent: asking again this evening won't help, a strike. unknown: as the source has no such symbol.
    """

    item: Item
    message: Message | None = None
    currency: str | None = None
    error: str | None = None
    permanent: bool = False
    unknown: bool = False
    findings: tuple[Finding, ...] = ()


def no_message(error: ValidationError) -> str:
    """One line for an answer that does not fit its message."""
    first = error.errors()[0]
    return f"an answer that makes no message: {'.'.join(map(str, first['loc']))}: {first['msg']}"


@dataclass(frozen=True)
class Source:
    """What a task works with. `connection` is for reading; `now` is the platform's clock."""

    yahoo: Yahoo
    connection: Connection
    now: Callable[[], datetime]
    settle_minutes: int

    def newest_session(self, at: datetime) -> date:
        """The session of a list or a market cap taken at that instant (rules 1, 4): one may close during a run."""
        return last_closed_session(at, settle_minutes=self.settle_minutes)


class Task(Protocol):
    """One thing to ask for."""

    @property
    def items(self) -> tuple[Item, ...]:
        """What the run accounts for."""
        ...

    def __str__(self) -> str:
        """The line of the plan."""
        ...

    def perform(self, source: Source) -> list[Outcome]:
        """Ask, and say what became of each item. Raises what the client raises: then it holds for all of them."""
        ...


@dataclass(frozen=True)
class BarsTask:
    """Bars of one instrument, its whole history when the source has restated it (rules 2)."""

    plan: BarsPlan
    asset: Asset
    exchange: str | None = None
    currency: str | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        return (Item(self.plan.ticker, "bars"),)

    def __str__(self) -> str:
        return f"{self.plan.ticker} bars {self.plan.start} to {self.plan.end}, lacks {len(self.plan.lacking)}"

    def perform(self, source: Source) -> list[Outcome]:
        try:
            history, answered, calendar = self._ask(source, self.plan.start)
        except NoSessions:
            return [self._judge({}, [], None, told=False, begins=False)]
        stored = self._stored(source, self.plan.start)
        whole_from, change = self.plan.whole_from, restated(stored, answered)
        if change is not None and whole_from is not None:
            log.info("%s is restated on %s: %s; its whole history is replaced", self.plan.ticker, *change)
            if whole_from < self.plan.start:
                history, answered, calendar = self._ask(source, whole_from)
                stored = self._stored(source, whole_from)
            _believe(stored, answered)
        observed_at = source.now()
        currency = history.currency or self.currency
        if currency is None:
            raise NoData("the source names no currency")
        message = answered and bars.bars_message(
            answered,
            history,
            ticker=self.plan.ticker,
            asset=self.asset,
            currency=currency,
            whole=change is not None,
            observed_at=observed_at,
            observed_session=last_closed_session(observed_at, settle_minutes=source.settle_minutes, calendar=calendar),
        )
        begins = bool(answered) and bars.begins(history, answered[0].trade_date, calendar)
        outcome = self._judge(stored, answered, message or None, told=not history.frame.empty, begins=begins)
        if change is not None:
            restatement = Finding(RESTATED, self.plan.ticker, change.session, "info", change.reason)
            outcome = replace(outcome, findings=(*outcome.findings, restatement))
        return [replace(outcome, currency=currency)]

    def _ask(self, source: Source, start: date) -> tuple[History, list[Bar], str]:
        calendar = exchange_calendar(self.exchange)
        history = source.yahoo.history(self.plan.ticker, start, self.plan.end, timezone=timezone_of(calendar))
        calendar = exchange_calendar(self.exchange or history.exchange)
        found = bars.bars_of(history, calendar=calendar, now=source.now(), settle_minutes=source.settle_minutes)
        return history, found, calendar

    def _stored(self, source: Source, since: date) -> dict[date, StoredBar]:
        return {bar.trade_date: bar for bar in stored_bars(source.connection, self.asset, self.plan.ticker, since)}

    def _judge(
        self,
        stored: Mapping[date, StoredBar],
        answered: list[Bar],
        message: Message | None,
        *,
        told: bool,
        begins: bool,
    ) -> Outcome:
        """Send, leave or fail: an answer without the session it was asked for is no success, whatever else it has.

        told: the answer has sessions, usable or not. begins: the source has nothing before the answer.
        """
        plan, (item,) = self.plan, self.items
        given = {bar.trade_date for bar in answered}
        lacking, found = _lacking(plan, given, begins=begins)
        # What is newer than the request another run has stored meanwhile.
        gone = [session for session in stored if session <= plan.end and session not in given] if answered else []
        if answered or plan.whole_from is not None:  # before a first bar none is missing, and the failure says so
            found += bars.missing_sessions(plan.ticker, [*lacking, *gone], stored=stored)
        newest = max([*given, *stored], default=plan.start)
        late = [session for session in lacking if session > newest or not answered]
        if not differing(stored, answered) and not any(bar.in_doubt for bar in stored.values()):
            message = None
        if not late and answered:
            return Outcome(item, message, findings=tuple(found))
        # Only the newest session lacks: the source may be late. More of them: a stock has stopped trading, or what the
        # source tells of it is never usable. The ETFs trade every session, so that the source is late with theirs,
        # however long.
        permanent = self.asset != "etf" and len(late) > 1 and (told or plan.whole_from is not None)
        span = f"{late[0]} to {late[-1]}" if len(late) > 1 else str(late[0] if late else plan.end)
        error = f"no data: no bar of {span}"
        return Outcome(item, message, error=error, permanent=permanent, findings=tuple(found))


@dataclass(frozen=True)
class HoldingsTask:
    """One ETF's list, as the snapshot of a day."""

    etf: str
    as_of_date: date

    @property
    def items(self) -> tuple[Item, ...]:
        return (Item(self.etf, "holdings"),)

    def __str__(self) -> str:
        return f"{self.etf} holdings, to be dated {self.as_of_date}"

    def perform(self, source: Source) -> list[Outcome]:
        listed = source.yahoo.top_holdings(self.etf)
        now = source.now()
        day = max(self.as_of_date, source.newest_session(now))  # on a Sunday it is the day itself
        (item,) = self.items
        return [Outcome(item, holdings_message(listed, as_of_date=day, observed_at=now))]


@dataclass(frozen=True)
class QuotesTask:
    """Market caps, and what the stocks are, of at most 50 in one request."""

    tickers: tuple[str, ...]
    known: Mapping[str, Stock]

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(Item(ticker, "quotes") for ticker in self.tickers)

    def __str__(self) -> str:
        return f"quotes of {len(self.tickers)}: {', '.join(self.tickers)}"

    def perform(self, source: Source) -> list[Outcome]:
        quotes = source.yahoo.quotes(self.tickers)
        now = source.now()
        session = source.newest_session(now)
        outcomes: list[Outcome] = []
        for item in self.items:
            quote = quotes.get(item.ticker)
            if quote is None:
                outcomes.append(Outcome(item, error="the source doesn't know it", permanent=True, unknown=True))
                continue
            try:
                profile = profiles.quoted_profile(quote, self.known.get(item.ticker), observed_at=now)
                if profile is not None:
                    # Not `profile`: that is what the source is asked for next, and may fail to give.
                    outcomes.append(Outcome(Item(item.ticker, "quoted_profile"), profile))
                if quote.quote_type != EQUITY:
                    outcomes.append(Outcome(item))  # a fund's cap is of no use to anyone
                    continue
                outcomes.append(Outcome(item, profiles.cap_message(quote, session=session, quoted_at=now)))
            except NoData as error:
                outcomes.append(Outcome(item, error=str(error), permanent=True))
            except ValidationError as error:  # of this one: the others of the request are as good as ever
                outcomes.append(Outcome(item, error=no_message(error), permanent=True))
        return outcomes


@dataclass(frozen=True)
class ProfileTask:
    """What one stock is, its sector above all."""

    ticker: str

    @property
    def items(self) -> tuple[Item, ...]:
        return (Item(self.ticker, "profile"),)

    def __str__(self) -> str:
        return f"{self.ticker} profile"

    def perform(self, source: Source) -> list[Outcome]:
        profile = source.yahoo.profile(self.ticker)
        (item,) = self.items
        return [Outcome(item, profiles.profile_message(profile, observed_at=source.now()))]


@dataclass(frozen=True)
class RatesTask:
    """Rates of one currency pair against the dollar: of the currency, and of the hundredth that prices may be in."""

    plans: tuple[BarsPlan, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(Item(plan.ticker, "fx") for plan in self.plans)

    @property
    def _span(self) -> tuple[date, date]:
        return min(plan.start for plan in self.plans), max(plan.end for plan in self.plans)

    def __str__(self) -> str:
        start, end = self._span
        return f"{' and '.join(plan.ticker for plan in self.plans)} rates {start} to {end}"

    def perform(self, source: Source) -> list[Outcome]:
        start, end = self._span
        history = source.yahoo.history(rates.symbol_of(self.plans[0].ticker), start, end, timezone=rates.TIMEZONE)
        now = source.now()
        return [self._judge(plan, history, source, now) for plan in self.plans]

    def _judge(self, plan: BarsPlan, history: History, source: Source, now: datetime) -> Outcome:
        item, found = Item(plan.ticker, "fx"), rates.rates_of(history, plan.ticker, now=now)
        if not found:
            raise SourceUnavailable(f"no rate from {plan.start} to {plan.end}")
        begins = bars.begins(history, found[0].rate_date, rates.CALENDAR)
        lacking, findings = _lacking(plan, {rate.rate_date for rate in found}, begins=begins)
        findings += bars.missing_sessions(plan.ticker, lacking, stored=())
        stored = stored_rates(source.connection, plan.ticker, found[0].rate_date)
        if all(stored.get(rate.rate_date) == rate.usd_per_unit for rate in found):
            return Outcome(item, findings=tuple(findings))
        message = FxMessage(ticker=plan.ticker, rates=tuple(found), fetched_at=history.fetched_at, observed_at=now)
        return Outcome(item, message, findings=tuple(findings))


def _lacking(plan: BarsPlan, given: Collection[date], *, begins: bool) -> tuple[list[date], list[Finding]]:
    """What lacks in an answer that has these sessions. Where the source's history begins with it, what is before does
    not lack: a finding says so.

    begins: the source has nothing before the answer.
    """
    lacking = [session for session in plan.lacking if session not in given]
    is_earliest = plan.whole_from is None or plan.start < plan.whole_from
    if not (begins and is_earliest and lacking and lacking[0] < min(given)):
        return lacking, []
    first = min(given)
    return [session for session in lacking if session > first], [bars.first_bar(plan.ticker, first, plan.start)]


def _believe(stored: Mapping[date, StoredBar], answered: list[Bar]) -> None:
    """Raises SourceUnavailable when a whole history lacks so much of what is stored that it can't be whole."""
    lost = set(stored) - {bar.trade_date for bar in answered}
    if len(lost) > max(BELIEVABLE_LOSS * len(stored), 1):
        raise SourceUnavailable(f"the whole history answered lacks {len(lost)} of {len(stored)} stored sessions")
