"""From the source's answers to bars, lists, caps and rates: pure, with numbers a person can check."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from unittest.mock import Mock

import exchange_calendars
import pandas as pd
import pytest

from collector.answers import History, ListedHolding, NoData, Profile, Quote, TopHoldings
from collector.attempt import _perform
from collector.bars import bars_of, begins, exchange_of
from collector.holdings import holdings_message, largest, snapshot_date
from collector.profiles import cap_message, learned, profile_message, quoted_profile
from collector.rates import rates_of
from collector.restatement import differing, restated
from collector.tasks import Outcome
from config.universe import EXCHANGES, Exchange
from database.coverage import Stock, StoredBar, StoredHolding
from database.ledger import Item
from utils.messages import Bar, BarsMessage
from utils.sessions import session_at_or_before, sessions_until

D, EVENING = date(2026, 1, 23), datetime(2026, 1, 23, 22, 30, tzinfo=UTC)
NAN, INF = float("nan"), float("inf")
COLUMNS = ["Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits"]


def history(
    *rows: tuple[date, list[float]], open_until: datetime | None = None, first_trade: date | None = None
) -> History:
    """An answer; each row is date and open, high, low, close, adjusted close, volume, dividend, split."""
    frame = pd.DataFrame([row for _, row in rows], columns=COLUMNS, index=[day for day, _ in rows])
    return History(
        frame,
        currency="USD",
        exchange="NMS",
        first_trade=first_trade,
        session_open=D if open_until else None,
        session_open_until=open_until,
        fetched_at=EVENING,
    )


def read(answer: History, now: datetime = EVENING) -> list[Bar]:
    """The bars of an answer of New York."""
    return bars_of(answer, calendar="XNYS", now=now, settle_minutes=20)


@dataclass(frozen=True)
class _Odd:
    """A task whose answer does not fit its message."""

    items = (Item("AAA", "bars"),)

    def perform(self, _: object) -> list[Outcome]:
        """Raises ValidationError."""
        BarsMessage.model_validate({})
        return []


def test_an_answer_that_makes_no_message_is_a_strike_and_does_not_make_its_instrument_unknown() -> None:
    (outcome,) = _perform(_Odd(), Mock(yahoo=Mock(manners=Mock(requests_made=lambda: 0)))).outcomes
    assert (outcome.item, outcome.permanent, outcome.unknown) == (Item("AAA", "bars"), True, False)
    assert "an answer that makes no message" in (outcome.error or "")


# Bars


def test_a_bar_is_rounded_and_knows_the_session_before() -> None:
    (bar,) = read(history((date(2026, 1, 20), [1.0000004, 2, 0.5, 1.5, 1.4999996, 100, 0.25, 2.0])))
    assert bar == Bar(
        trade_date=date(2026, 1, 20),
        previous_session=date(2026, 1, 16),  # Monday was Martin Luther King's day
        open_price=1.0,
        high_price=2,
        low_price=0.5,
        close_price=1.5,
        adj_close_price=1.5,
        volume=100,
        dividend=0.25,
        split_ratio=2,
    )


def test_the_first_sessions_of_all_are_read_like_any_other() -> None:
    first = sessions_until(D, 7000, "XKRX")[0]
    assert first == date(2000, 1, 4)
    answer = history((first, [1, 2, 0.5, 1.5, 1.5, 100, 0, 0]), first_trade=first)
    (bar,) = bars_of(answer, calendar="XKRX", now=EVENING, settle_minutes=20)
    assert bar.previous_session == date(1999, 12, 28)
    assert begins(answer, first, "XKRX")


@pytest.mark.parametrize("column", [3, 4])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_bar_without_a_finite_close_is_no_bar(column: int, value: float) -> None:
    row = [1.0, 2, 0.5, 1.5, 1.5, 100, 0, 0]
    row[column] = value
    assert read(history((D, row))) == []


def test_open_high_and_low_may_be_missing() -> None:
    (bar,) = read(history((D, [NAN, NAN, INF, 1.5, 1.5, NAN, NAN, NAN])))
    assert (bar.open_price, bar.high_price, bar.low_price, bar.volume, bar.dividend) == (None, None, None, 0, 0)


def test_a_session_that_has_not_settled_is_left_out() -> None:
    answer = history((D, [1, 1, 1, 1, 1, 1, 0, 0]))
    assert read(answer, datetime(2026, 1, 23, 21, 19, tzinfo=UTC)) == []
    assert len(read(answer, datetime(2026, 1, 23, 21, 20, tzinfo=UTC))) == 1


def test_the_source_may_say_that_a_session_ends_later_than_the_calendar_knows() -> None:
    later = datetime(2026, 1, 23, 23, tzinfo=UTC)
    assert read(history((D, [1, 1, 1, 1, 1, 1, 0, 0]), open_until=later)) == []


@pytest.mark.parametrize(
    ("first_trade", "is_all"),
    [
        (date(2026, 1, 20), True),
        (date(2026, 1, 17), True),  # a Saturday, and Monday was a holiday
        (date(2026, 1, 16), False),
        (date(1993, 1, 29), False),
        (date(2026, 1, 21), True),
        (None, True),
    ],
)
def test_an_answer_begins_a_history_where_no_session_was_traded_before_it(
    first_trade: date | None, is_all: bool
) -> None:
    assert begins(history(first_trade=first_trade), date(2026, 1, 20), "XNYS") == is_all


def test_an_exchange_is_known_or_told_by_the_symbol() -> None:
    assert exchange_of("005930.KS", None) == "KSC"
    assert exchange_of("BRK-B", None) is None
    assert exchange_of("BRK.B", "NYQ") == "NYQ"


# Restatement


def bar(day: date, close: float, adjusted: float, dividend: float = 0, split: float = 0) -> Bar:
    """A bar of the answer."""
    return Bar(
        trade_date=day,
        previous_session=date(2026, 1, 2),
        open_price=close,
        high_price=close,
        low_price=close,
        close_price=close,
        adj_close_price=adjusted,
        volume=1,
        dividend=dividend,
        split_ratio=split,
    )


def kept(given: Bar) -> StoredBar:
    """The same bar, stored."""
    close = given.close_price
    return StoredBar(
        given.trade_date, close, close, close, close, given.adj_close_price, 1, given.dividend, given.split_ratio, False
    )


FRIDAY, MONDAY = bar(D, 100.0, 99.0), bar(date(2026, 1, 26), 101.0, 100.0)


@pytest.mark.parametrize(
    ("answer", "is_restated"),
    [
        ([FRIDAY, MONDAY], False),
        ([bar(D, 100.0, 98.9), MONDAY], True),  # the ratio moved by 0.1 %
        ([bar(D, 100.0, 99.0009), MONDAY], False),  # by 9e-6
        ([bar(D, 100.0, 99.0011), MONDAY], True),  # by 1.1e-5
        ([bar(D, 50.0, 49.5), MONDAY], False),  # another price, the same ratio: a correction, no restatement
        ([FRIDAY, bar(date(2026, 1, 26), 101.0, 101.0, dividend=1.0)], True),
        ([FRIDAY, bar(date(2026, 1, 26), 50.5, 50.5, split=2.0)], True),
        ([bar(D, 100.0, 99.0, dividend=1.0), MONDAY], True),  # one that was not stored
        ([bar(date(2026, 1, 22), 100.0, 99.0, dividend=1.0), FRIDAY], False),  # of an older session: a longer history
    ],
)
def test_history_is_restated_by_ratio_dividend_or_split(answer: list[Bar], is_restated: bool) -> None:
    stored = {D: kept(FRIDAY)}
    assert (restated(stored, answer) is not None) == is_restated


def test_nothing_stored_is_never_restated() -> None:
    assert restated({}, [bar(D, 100.0, 99.0, dividend=1.0)]) is None


def test_only_what_differs_is_new() -> None:
    assert differing({D: kept(FRIDAY)}, [FRIDAY]) == []
    assert differing({D: kept(FRIDAY)}, [FRIDAY, MONDAY]) == [date(2026, 1, 26)]
    assert differing({D: kept(FRIDAY)}, [bar(D, 100.01, 99.0)]) == [D]


# Lists


def test_a_list_is_in_percent_summed_and_ranked() -> None:
    lines = (
        ListedHolding("aaa", "A", 0.05),
        ListedHolding(None, "Cash", 0.3),
        ListedHolding("BBB", None, 0.0741),
        ListedHolding("AAA", "A", 0.03),
        ListedHolding("NO SYMBOL", "x", 0.1),
        ListedHolding("CCC", "C", INF),
    )
    message = holdings_message(TopHoldings("XLF", lines, EVENING), as_of_date=D, observed_at=EVENING)
    rows = [
        (each.holding_rank, each.holding_ticker, each.holding_name, each.holding_percent) for each in message.holdings
    ]
    assert rows == [(1, "AAA", "A", 8.0), (2, "BBB", "BBB", 7.41)]


def test_a_list_without_a_usable_row_is_no_list() -> None:
    with pytest.raises(NoData, match="1 lines without one usable row"):
        holdings_message(
            TopHoldings("XLF", (ListedHolding("", "Cash", 1.0),), EVENING), as_of_date=D, observed_at=EVENING
        )


def test_the_five_largest_equities_count_and_an_unknown_one_keeps_its_place() -> None:
    rows = [
        StoredHolding("X", ticker, percent) for ticker, percent in zip("ABCDEFG", (9, 8, 7, 6, 5, 5, 4), strict=True)
    ]
    types = {"A": "ETF", "B": "EQUITY", "C": "EQUITY", "E": "EQUITY", "F": "EQUITY", "G": "EQUITY"}
    known = {ticker: Stock(ticker, quote_type=kind) for ticker, kind in types.items()}
    assert largest({"X": rows}, known) == ["B", "C", "D", "E", "F"]  # D is not known; E before F by ticker


def test_a_snapshot_is_dated_by_the_session_or_by_a_day_that_is_none() -> None:
    assert snapshot_date(D, D) == D
    assert snapshot_date(D, date(2026, 1, 25)) == date(2026, 1, 25)
    assert snapshot_date(date(2026, 1, 22), D) == date(2026, 1, 22)  # Friday noon: Thursday is the last one closed


# Caps, profiles, rates


def quote(**told: object) -> Quote:
    """A quote of Samsung."""
    facts = {"quote_type": "EQUITY", "name": "Samsung", "currency": "KRW", "exchange": "KSC", "price": 71000.0}
    return Quote(ticker="005930.KS", fetched_at=EVENING, **{"market_cap": 4.2e14, **facts, **told})  # type: ignore[arg-type]


def test_a_cap_keeps_its_currency_and_the_price_of_its_answer() -> None:
    message = cap_message(quote(), session=D, quoted_at=EVENING)
    assert (message.market_cap, message.currency, message.quote_price) == (4.2e14, "KRW", 71000.0)


def test_a_cap_of_a_london_stock_is_in_pounds_though_its_price_is_in_pence() -> None:
    assert cap_message(quote(currency="GBp"), session=D, quoted_at=EVENING).currency == "GBP"


@pytest.mark.parametrize("told", [{"market_cap": None}, {"market_cap": 0.0}, {"price": None}, {"currency": None}])
def test_no_cap_without_its_price_and_currency(told: dict[str, object]) -> None:
    with pytest.raises(NoData):
        cap_message(quote(**told), session=D, quoted_at=EVENING)


def test_a_profile_is_sent_only_when_a_quote_says_something_new() -> None:
    known = Stock("005930.KS", "Samsung Electronics", "EQUITY", "Technology", "KRW", "KSC")
    assert quoted_profile(quote(), known, observed_at=EVENING) is None
    assert quoted_profile(quote(exchange="KOE"), known, observed_at=EVENING) is not None
    first = quoted_profile(quote(), None, observed_at=EVENING)
    assert first is not None
    assert first.sector is None
    assert learned(known._replace(currency=None), first).sector == "Technology"


@pytest.mark.parametrize(
    ("source", "ours"),
    [("Financial Services", "Financial"), ("Energy", "Energy"), (None, "Unknown"), ("Odd", "Unknown")],
)
def test_a_sector_has_our_name_and_keeps_the_sources(source: str | None, ours: str) -> None:
    profile = Profile("JPM", "EQUITY", "JPMorgan", source, "Banks", "USD", "NYQ", EVENING)
    message = profile_message(profile, observed_at=EVENING)
    assert (message.sector, message.source_sector) == (ours, source)


def test_rates_are_dollars_for_one_unit_of_finished_days() -> None:
    rows = [(day, [NAN, NAN, NAN, close, close, 0, 0, 0]) for day, close in ((date(2026, 1, 22), 1600.0), (D, 1500.0))]
    (rate,) = rates_of(history(*rows), "KRW", now=EVENING)
    assert (rate.rate_date, rate.usd_per_unit) == (date(2026, 1, 22), 0.000625)


def test_a_penny_is_worth_a_hundredth_of_a_pound() -> None:
    rows = [(date(2026, 1, 22), [NAN, NAN, NAN, 0.8, 0.8, 0, 0, 0])]  # 0.80 pounds for a dollar
    pounds, pence = (rates_of(history(*rows), unit, now=EVENING)[0].usd_per_unit for unit in ("GBP", "GBp"))
    assert (pounds, pence) == (1.25, 0.0125)


def test_every_exchange_is_told_by_its_symbols_and_has_a_calendar() -> None:
    known = set(exchange_calendars.get_calendar_names())
    for exchange in EXCHANGES:
        assert exchange_of(f"X.{exchange.suffix}", None) == exchange.code
        assert exchange.calendar in known


@pytest.mark.long  # a calendar takes a second to make
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.code)
def test_every_calendar_knows_ten_years(exchange: Exchange) -> None:
    assert len(sessions_until(session_at_or_before(D, exchange.calendar), 2520, exchange.calendar)) == 2520
