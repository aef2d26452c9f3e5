"""What the stock producer asks for, phase by phase (rules 3, 4; contracts 3, kafka_04).

First what the stocks are and what they cost (batch quotes, today only), as that decides which five holdings of an ETF
count; then missing profiles and bars; last the rates of every currency met.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from math import ceil

from collector.bars import exchange_of
from collector.etfs import lists_in_reach, trending
from collector.holdings import EQUITY, largest, type_of
from collector.planner import BarsPlan, plan_bars
from collector.profiles import learned
from collector.rates import CALENDAR as RATE_CALENDAR
from collector.rates import USD, major_unit
from collector.run import Phases, Request
from collector.tasks import BarsTask, Outcome, ProfileTask, QuotesTask, RatesTask
from collector.yahoo import QUOTES_AT_ONCE
from config.universe import UNKNOWN_SECTOR, exchange_calendar
from database import coverage
from database.coverage import Stock
from utils.messages import ProfileMessage
from utils.program import UsageError
from utils.sessions import previous_session, session_at_or_before, sessions_until


def needed(request: Request) -> Phases:
    """The 5 largest holdings of the ETFs trending at the session, and the stocks held (rules 3)."""
    work = _Work(request)
    lists = lists_in_reach(request, trending(request))
    listed = sorted({row.holding_ticker for rows in lists.values() for row in rows})
    held = coverage.held_stocks(request.connection, request.as_of_date)
    work.read([*listed, *held])
    yield from work.quotes(listed)
    # A profile may tell that a holding is a fund: then another one moves up.
    while unknown := work.unprofiled(ticker for ticker in largest(lists, work.known) if work.type_of(ticker) is None):
        yield from work.profiles(unknown)
    counted = [ticker for ticker in largest(lists, work.known) if work.type_of(ticker) == EQUITY]
    yield from work.profiles_and_bars(sorted({*counted, *held}))
    yield from work.rates()


def known(request: Request) -> Phases:
    """Every known holding that is an equity, or of which it isn't known."""
    work = _Work(request)
    tickers = coverage.known_holdings(request.connection)
    work.read(tickers)
    yield from work.quotes(tickers)
    yield from work.profiles(work.unprofiled(ticker for ticker in tickers if work.type_of(ticker) is None))
    yield from work.profiles_and_bars([ticker for ticker in tickers if work.type_of(ticker) == EQUITY])
    yield from work.rates()


def chosen(request: Request, tickers: Sequence[str]) -> Phases:
    """The stocks an operator names.

    Raises UsageError for an ETF of the universe (its bars are kept apart), and, before any bar is asked for, for a
    symbol that neither the source nor the platform knows.
    """
    etfs = coverage.universe_etfs(request.connection, tickers)
    if etfs:
        raise UsageError(f"{', '.join(etfs)}: ETFs of the universe are collected by kafka_01_producer_etf_daily.py")
    work = _Work(request)
    work.read(tickers)
    yield from work.quotes(tickers)
    yield from work.profiles(work.unprofiled(ticker for ticker in tickers if work.type_of(ticker) is None))
    strangers = [ticker for ticker in tickers if ticker in work.unknown and work.type_of(ticker) is None]
    if strangers:
        raise UsageError(f"{', '.join(strangers)}: the source knows no such symbol; no bars were asked for")
    yield from work.profiles_and_bars(tickers)
    yield from work.rates()


def batches(tickers: Sequence[str]) -> list[tuple[str, ...]]:
    """Requests for quotes, of equal size: a full one has no room for a symbol that is known to live.

    >>> [len(batch) for batch in batches([f"T{number}" for number in range(51)])]
    [26, 25]
    """
    count = ceil(len(tickers) / QUOTES_AT_ONCE)
    return [tuple(tickers[start::count]) for start in range(count)]


class _Work:
    """What one run knows of its stocks: as stored, and as learned on the way. `unknown`: what the source doesn't know.

    Quarantine says so of what is not asked for any more.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.known: dict[str, Stock] = {}
        self._tickers: list[str] = []
        self._currencies: set[str] = set()
        self.unknown: set[str] = set()
        self._asked: set[str] = set()

    def read(self, tickers: Iterable[str]) -> None:
        """Begin with what is stored of these stocks."""
        self._tickers = sorted(set(tickers))
        self.known = coverage.stocks(self._request.connection, self._tickers)

    def type_of(self, ticker: str) -> str | None:
        """EQUITY, ETF, …; None when it isn't known. A plan takes a stock for one until it is told otherwise."""
        return type_of(ticker, self.known) or (EQUITY if self._request.plan_only else None)

    def quotes(self, tickers: Collection[str]) -> Phases:
        """Market caps of the session, of equities and of what may be one; what lacks of a past session is named."""
        request = self._request
        stored = set() if request.asks_anew else coverage.quoted_on(request.connection, tickers, request.as_of_date)
        free = request.free("quotes", tickers)
        due = [each for each in free if each not in stored and self._may_be_equity(each)]
        if not request.is_newest:
            if due:
                request.lacking.append(
                    f"market caps of {request.as_of_date} can't be had: the source knows today's only"
                )
            return
        outcomes = yield [QuotesTask(batch, self.known) for batch in batches(due)]
        self._learn(outcomes)
        # What a quote doesn't know, now or five times before, a profile doesn't either.
        self.unknown |= set(tickers) - set(free)
        self._asked.update(ticker for ticker in self.unknown if self.type_of(ticker) is None)

    def unprofiled(self, tickers: Iterable[str]) -> list[str]:
        """Those whose profile has not been asked for in this run."""
        return [ticker for ticker in self._request.free("profile", tickers) if ticker not in self._asked]

    def profiles(self, tickers: Sequence[str]) -> Phases:
        """What these stocks are."""
        self._asked.update(tickers)
        outcomes = yield [ProfileTask(ticker) for ticker in tickers]
        self._learn(outcomes)

    def profiles_and_bars(self, tickers: Sequence[str]) -> Phases:
        """Bars up to the session, and sectors that are missing."""
        bars = self._bars(tickers)
        due = {task.plan.ticker for task in bars}
        new = self.unprofiled(ticker for ticker in tickers if self._lacks_sector(ticker, has_bars_due=ticker in due))
        self._asked.update(new)
        outcomes = yield [*(ProfileTask(ticker) for ticker in new), *bars]
        self._learn(outcomes)

    def rates(self) -> Phases:
        """Rates of every currency met, up to the day before the session (rules 4)."""
        met = {stock.currency for stock in self.known.values() if stock.currency} | self._currencies
        met |= coverage.currencies_of(self._request.connection, self._tickers)
        # Of a hundredth (GBp) the major's, too: market caps are given in it.
        foreign = sorted((met | {major_unit(currency) for currency in met}) - {USD})
        if not foreign:
            return
        days = sessions_until(
            previous_session(self._request.as_of_date, RATE_CALENDAR), self._request.sessions, RATE_CALENDAR
        )
        stored = coverage.rate_coverage(self._request.connection, self._request.free("fx", foreign), days)
        by_pair: dict[str, list[BarsPlan]] = {}
        for each in stored:
            plan = self._plan(each, days)
            if plan is not None:
                by_pair.setdefault(major_unit(each.ticker), []).append(plan)
        yield [RatesTask(tuple(plans)) for plans in by_pair.values()]

    def _bars(self, tickers: Sequence[str]) -> list[BarsTask]:
        """Plans against each stock's own calendar."""
        by_calendar: dict[str, list[str]] = {}
        for ticker in self._request.free("bars", tickers):
            by_calendar.setdefault(exchange_calendar(self._exchange(ticker)), []).append(ticker)
        tasks: list[BarsTask] = []
        for calendar, members in sorted(by_calendar.items()):
            newest = session_at_or_before(self._request.as_of_date, calendar)
            sessions = sessions_until(newest, self._request.sessions, calendar)
            for stored in coverage.bar_coverage(self._request.connection, "stock", members, sessions):
                # The run's own session is asked for until the deadline: without it a portfolio lacks the stock.
                plan = self._plan(stored, sessions, patient_from=sessions[-1])
                if plan is not None:
                    stock = self.known.get(plan.ticker)
                    tasks.append(
                        BarsTask(plan, "stock", self._exchange(plan.ticker), stock.currency if stock else None)
                    )
        return tasks

    def _plan(
        self, stored: coverage.Coverage, sessions: Sequence[date], *, patient_from: date | None = None
    ) -> BarsPlan | None:
        force, deep = self._request.force, self._request.is_deep
        return plan_bars(stored, sessions, patient_from=patient_from, force=force, deep=deep)

    def _exchange(self, ticker: str) -> str | None:
        stock = self.known.get(ticker)
        return exchange_of(ticker, stock.exchange if stock else None)

    def _lacks_sector(self, ticker: str, *, has_bars_due: bool) -> bool:
        """Whether to ask for it. One that the source did not know is asked for again once a week, with the bars of its
        first session: some stocks never have one. A fund named by hand doesn't either.
        """
        stock = self.known.get(ticker)
        if stock is None or stock.sector is None:
            return True
        session = self._request.as_of_date
        is_first_of_week = previous_session(session).isocalendar()[:2] != session.isocalendar()[:2]
        return has_bars_due and is_first_of_week and stock.sector == UNKNOWN_SECTOR and stock.quote_type == EQUITY

    def _may_be_equity(self, ticker: str) -> bool:
        return self.type_of(ticker) in (None, EQUITY)

    def _learn(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.unknown:
                self.unknown.add(outcome.item.ticker)
            if isinstance(outcome.message, ProfileMessage):
                ticker = outcome.item.ticker
                self.known[ticker] = learned(self.known.get(ticker), outcome.message)
            if outcome.currency is not None:
                self._currencies.add(outcome.currency)
