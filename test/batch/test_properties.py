"""What holds for every market, from bars to weights (rules 2 to 5).

A run of Spark costs seconds, however few its rows. So an example is many small markets, and one run computes them all
with their variants: each has dates and stock tickers of its own, which are taken off its results again. All claims are
made of the same examples, so that each is computed once.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain, cycle
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from batch.frames import every, exchanges_of
from batch.transforms.allocation import allocate
from batch.transforms.candidates import judged_candidates
from batch.transforms.rebalance import merge, rank_and_weigh
from batch.transforms.returns import period_returns
from batch.transforms.trending import measure_etfs
from config.universe import CARRIED_CAP_REACH_DAYS, FIRST_RANK_OF_NEW, MONTHLY_SCORES, PERIODS, UNKNOWN_SECTOR
from test.batch.rows import D
from utils.sessions import session_offset
from utils.spark import local_frame

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]

SCHEMAS = {
    "etf_bars": "ticker string, trade_date date, close_price double, adj_close_price double, in_doubt boolean, "
    "reach_days int",
    "bars": "ticker string, trade_date date, close_price double, adj_close_price double, in_doubt boolean, "
    "currency string, exchange string",
    "listed": "etf_ticker string, holdings_as_of date, ticker string, holding_percent double, quote_type string, "
    "company_name string, sector string",
    "quotes": "ticker string, session_date date, quoted_on date, market_cap double, currency string, "
    "quote_price double, in_doubt boolean",
    "splits": "ticker string, trade_date date, split_ratio double",
    "rates": "currency string, rate_date date, usd_per_unit double",
}
APART = timedelta(days=400)  # nothing reaches that far: 20 sessions, 45 days of a list
ENDS = [session_offset(D, -days) for days in (20, 10, 5, 0)]
BETWEEN = session_offset(D, -4)
ETFS = ("SPY", "EWY", "QQQ", "XLF", "XLV")


# Markets. The first of each choice is the plain one: a failure shrinks to it.


class Quote(NamedTuple):
    """A market cap, so many days before D."""

    age: int
    market_cap: float
    quote_price: float = 100.0
    in_doubt: bool = False


@dataclass(frozen=True)
class Instrument:
    """Adjusted closes at ENDS, None where there is no bar; doubt: the day whose bar is in doubt."""

    ticker: str
    prices: tuple[float | None, ...]
    doubt: date | None = None

    def bars(self, *, lag: int = 0) -> list[tuple[str, date, float, float, bool]]:
        """As read, each `lag` days before its end. Closes are not adjusted: a dividend makes them a quarter more."""
        at = [*zip(ENDS, self.prices, strict=True), *([(BETWEEN, 100.0)] if self.doubt == BETWEEN else [])]
        return [
            (self.ticker, day - timedelta(days=lag), 1.25 * price, price, day == self.doubt)
            for day, price in at
            if price is not None
        ]


@dataclass(frozen=True)
class Stock(Instrument):
    """A stock; of another exchange its bars may be some days older than the period's ends."""

    quotes: tuple[Quote, ...] = ()
    currency: str = "USD"
    quote_type: str | None = "EQUITY"
    lag: int = 0
    splits: bool = False


class HoldingsList(NamedTuple):
    """What an ETF held so many days before D: ticker and percent."""

    etf: str
    age: int
    holdings: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Market:
    """ETFs, stocks, lists, and how old the won's rates are."""

    etfs: tuple[Instrument, ...]
    stocks: tuple[Stock, ...]
    lists: tuple[HoldingsList, ...]
    rates: tuple[int, ...]

    def tables(self) -> Tables:
        """What the programs would read for D, in no order of its own."""
        types = {stock.ticker: stock.quote_type for stock in self.stocks}
        return {
            "etf_bars": [(*bar, 0) for etf in self.etfs for bar in etf.bars()],
            "bars": [
                (*bar, stock.currency, "KSC" if stock.currency == "KRW" else "NYQ")
                for stock in self.stocks
                for bar in stock.bars(lag=stock.lag)
            ],
            "listed": [
                (etf, before(age), ticker, percent, types[ticker], f"{ticker} Inc", None)
                for etf, age, holdings in self.lists
                for ticker, percent in holdings
            ],
            "quotes": [
                (stock.ticker, day, day, quote.market_cap, stock.currency, quote.quote_price, quote.in_doubt)
                for stock in self.stocks
                for quote in stock.quotes
                for day in [before(quote.age)]
            ],
            "splits": [(stock.ticker, before(1), 2.0) for stock in self.stocks if stock.splits],
            "rates": [("KRW", before(age), 0.0007 + age / 1e5) for age in self.rates],
        }


def before(age: int) -> date:
    """So many days before D."""
    return D - timedelta(days=age)


def one_of(*choices: Any) -> st.SearchStrategy[Any]:
    """One of them; what stands there twice is twice as likely."""
    return st.sampled_from(choices)


PRICES = st.tuples(one_of(100.0, 102.0, 98.0, None, 0.0), *3 * [one_of(103.0, 103.0, 105.0, 102.0, 98.0, None, 0.0)])
RISING = st.tuples(one_of(100.0), one_of(101.0, 102.0), one_of(102.0, 103.0), one_of(105.0, 110.0, 103.0))
DOUBTS = one_of(*ENDS, BETWEEN)
CAPS = one_of(4e11, 4e11, 1e12, 7e9, 3e8)
A_QUOTE = st.tuples(st.builds(Quote, one_of(0, 0, 1, 30, -1), CAPS, st.just(100.0), st.just(False)))
QUOTES = st.lists(
    st.builds(Quote, one_of(-1, 31, 0, 1), CAPS, one_of(131.25, 0.0), st.booleans()),
    max_size=2,
    unique_by=lambda quote: quote.age,
).map(tuple)

# Most stocks have nothing that keeps them out, the others one oddity.
PLAIN = {"prices": RISING, "quotes": A_QUOTE}
ODDITIES: tuple[dict[str, st.SearchStrategy[Any]], ...] = (
    *8 * ({},),
    {"prices": PRICES},
    {"doubt": DOUBTS},
    {"quotes": QUOTES},
    {"currency": one_of("KRW"), "lag": one_of(0, 2, 10, 11)},
    {"currency": one_of("XXX")},
    {"quote_type": one_of(None, "ETF")},
    {"splits": one_of(True)},
)


def a_stock(ticker: str) -> st.SearchStrategy[Stock]:
    return st.one_of(*(st.builds(Stock, st.just(ticker), **(PLAIN | oddity)) for oddity in ODDITIES))


def an_etf(ticker: str) -> st.SearchStrategy[Instrument]:
    odd: list[dict[str, st.SearchStrategy[Any]]] = [{}, {}, {}, {"prices": PRICES}, {"doubt": DOUBTS}]
    return st.one_of(*(st.builds(Instrument, st.just(ticker), **({"prices": RISING} | each)) for each in odd))


def lists_of(etf: str, tickers: Sequence[str]) -> st.SearchStrategy[tuple[HoldingsList, ...]]:
    holding = st.tuples(one_of(*tickers), one_of(5.0, 5.0, 3.0, 9.0))
    holdings = st.lists(holding, min_size=1, max_size=7, unique_by=lambda held: held[0]).map(tuple)
    ages = st.lists(one_of(0, 0, 1, 45, 46), min_size=1, max_size=2, unique=True)
    return ages.flatmap(
        lambda each: st.tuples(*(st.builds(HoldingsList, st.just(etf), st.just(age), holdings) for age in each))
    )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Four ETFs and SPY, four to eight stocks."""
    tickers = [f"S{number}" for number in range(draw(st.integers(4, 8)))]
    spy = draw(one_of((100.0, 101.0, 102.0, 103.0), (100.0, 100.0, 100.0, 98.0)))
    return Market(
        etfs=(Instrument("SPY", spy), *(draw(an_etf(etf)) for etf in ETFS[1:])),
        stocks=tuple(draw(a_stock(ticker)) for ticker in tickers),
        lists=tuple(chain.from_iterable(draw(lists_of(etf, tickers)) for etf in ETFS[1:])),
        rates=tuple(draw(one_of((1,), (7, 8), (0, 8), ()))),
    )


# One run of Spark for many markets.


class Result(NamedTuple):
    """Rows by name of column, in an order that does not depend on how they came."""

    etfs: list[dict[str, Any]]
    candidates: list[dict[str, Any]]
    positions: list[dict[str, Any]]
    monthly: list[dict[str, Any]]


def computed(spark: SparkSession, variants: Sequence[Tables]) -> list[Result]:
    """The results of each, as if each had been computed alone with as_of_date D."""
    frames = {
        name: local_frame(
            spark,
            [
                row
                for number, variant in enumerate(variants)
                for row in _moved(variant[name], schema, number, stocks=name != "etf_bars")
            ],
            schema,
        )
        for name, schema in SCHEMAS.items()
    }
    starts = dict(zip(sorted(PERIODS, reverse=True), ENDS, strict=False))
    periods = local_frame(
        spark,
        [
            (D + number * APART, days, starts[days] + number * APART)
            for number in range(len(variants))
            for days in PERIODS
        ],
        "as_of_date date, period_days int, start_date date",
    )
    universe = local_frame(
        spark, [(etf, "benchmark", None) for etf in ETFS], "ticker string, etf_type string, sector_name string"
    )
    etf_bars = frames.pop("etf_bars")
    etfs = measure_etfs(period_returns(etf_bars, every(universe, periods)), universe, periods, benchmark="SPY").cache()
    trends = etfs.where("is_trending").select("as_of_date", "period_days", "etf_ticker")
    candidates = judged_candidates(trends=trends, periods=periods, exchanges=exchanges_of(spark), **frames).cache()
    positions = allocate(candidates, unknown_sector=UNKNOWN_SECTOR).cache()
    held = positions.withColumn("portfolio_weight", F.col("portfolio_weight").cast("double"))
    monthly = rebalanced(spark, held.withColumnRenamed("as_of_date", "rebalance_date"))
    tables = [_collected(frame, len(variants)) for frame in (etfs, candidates, positions, monthly)]
    spark.catalog.clearCache()
    return [Result(*of_variant) for of_variant in zip(*tables, strict=True)]


def rebalanced(spark: SparkSession, held: DataFrame) -> DataFrame:
    """The monthly portfolios."""
    scores = local_frame(spark, list(MONTHLY_SCORES.items()), "source_periods string, score double")
    return rank_and_weigh(merge(held, scores), longest=max(PERIODS), first_rank_of_new=FIRST_RANK_OF_NEW)


def _mark(number: int) -> str:
    return f"~{number:02d}~"


def _moved(rows: Sequence[Row], schema: str, number: int, *, stocks: bool) -> list[Row]:
    names = [part.split()[0] for part in schema.split(",")]

    def moved(name: str, value: object) -> object:
        if isinstance(value, date):
            return value + number * APART
        return f"{_mark(number)}{value}" if stocks and name == "ticker" else value

    return [tuple(moved(name, value) for name, value in zip(names, row, strict=True)) for row in rows]


def _collected(frame: DataFrame, variants: int) -> list[list[dict[str, Any]]]:
    rows_of: list[list[dict[str, Any]]] = [[] for _ in range(variants)]
    for row in frame.collect():
        cells = row.asDict()
        number = (cells["as_of_date" if "as_of_date" in cells else "rebalance_date"] - D) // APART
        rows_of[number].append({name: _moved_back(value, number) for name, value in cells.items()})
    return [sorted(rows, key=lambda row: repr(list(row.values()))) for rows in rows_of]


def _moved_back(value: Any, number: int) -> Any:
    match value:
        case date():
            return value - number * APART
        case str():
            return value.replace(_mark(number), "")
        case list():
            return [_moved_back(each, number) for each in value]
        case _:
            return value


class Variants(NamedTuple):
    """The results of one market, and of the same market changed."""

    later: Result
    scaled: Result
    permuted: Result
    plain: Result


@lru_cache(maxsize=32)
def computed_variants(spark: SparkSession, several: tuple[Market, ...]) -> list[Variants]:
    """All variants of all markets, in one run."""
    tables = [market.tables() for market in several]
    # ETFs have the same names everywhere. What is known later comes first, so that it isn't in the future of the plain
    # ones: should it tell on an earlier session after all, the two would differ.
    found = computed(spark, [change(market) for change in (with_later, scaled, permuted, dict) for market in tables])
    count = len(several)
    return [Variants(*found[number::count]) for number in range(count)]


def permuted(market: Tables) -> Tables:
    """The same rows in another order."""
    order = random.Random(7)
    return {name: order.sample(rows, len(rows)) for name, rows in market.items()}


def scaled(market: Tables) -> Tables:
    """Every stock's prices times a number of its own, those in its quotes, too: as if it had been split long ago."""
    tickers = sorted({row[0] for name in ("bars", "quotes") for row in market[name]})
    factor = dict(zip(tickers, cycle((7.0, 0.1, 1000.0, 1 / 3)), strict=False))
    return market | {
        "bars": [
            (ticker, day, factor[ticker] * close, factor[ticker] * adj_close, *more)
            for ticker, day, close, adj_close, *more in market["bars"]
        ],
        "quotes": [
            (ticker, day, quoted_on, cap, currency, factor[ticker] * price, doubt)
            for ticker, day, quoted_on, cap, currency, price, doubt in market["quotes"]
        ],
    }


def with_later(market: Tables) -> Tables:
    """With what is known after D only: bars, some in doubt, lists, rates of D and later. Quotes only where an earlier
    one serves, as without one the nearest later one does (rules 4).
    """
    tomorrow, next_week = before(-1), before(-7)
    stocks = {(ticker, *more) for ticker, _, _, _, _, *more in market["bars"]}
    quoted = {(ticker, day) for ticker, day, *_ in market["quotes"]}
    served = {ticker for ticker, day in quoted if 0 <= (D - day).days <= CARRIED_CAP_REACH_DAYS}
    bar = [(tomorrow, 500.0, 400.0, True), (next_week, 600.0, 500.0, False)]
    later: Tables = {
        "etf_bars": [(etf, *each, 0) for etf in ETFS for each in bar],
        "bars": [(ticker, *each, *more) for ticker, *more in stocks for each in bar],
        "listed": [(etf, tomorrow, ticker, 20.0, "EQUITY", "Later", "Energy") for etf in ETFS for ticker, *_ in stocks],
        "quotes": [(ticker, next_week, next_week, 1e6, "USD", 1.0, False) for ticker in served],
        "splits": [],
        "rates": [
            ("KRW", before(age), 99.0)
            for age in (0, -1)
            if ("KRW", before(age)) not in {row[:2] for row in market["rates"]}
        ],
    }
    return {name: [*rows, *later[name]] for name, rows in market.items()}


def many() -> st.SearchStrategy[tuple[Market, ...]]:
    return st.lists(markets(), min_size=10, max_size=14).map(tuple)


# One market alone comes first, so that a failure shrinks to it.
SEVERAL = st.one_of(st.tuples(markets()), many(), many(), many())
FEW = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    # A market that fails is small, and shown. With Phase.shrink it becomes smaller yet, in minutes: a step is a run.
    phases=[Phase.generate],
    verbosity=Verbosity.quiet,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def in_every_market(claim: Callable[[Variants], None]) -> Callable[[SparkSession], None]:
    """A test of the claim; each is given the same markets, as the seed is set."""

    @seed(1)
    @FEW
    @given(several=SEVERAL)
    def test(spark: SparkSession, several: tuple[Market, ...]) -> None:
        for market, found in zip(several, computed_variants(spark, several), strict=True):
            try:
                claim(found)
            except AssertionError as error:
                error.add_note(f"in {market}")
                raise

    return test


@in_every_market
def test_the_order_of_the_rows_does_not_matter(found: Variants) -> None:
    assert found.permuted == found.plain


@in_every_market
def test_the_unit_of_a_stocks_prices_does_not_matter(found: Variants) -> None:
    assert found.scaled == found.plain


@in_every_market
def test_what_comes_after_the_session_does_not_matter(found: Variants) -> None:
    assert found.later == found.plain


@in_every_market
def test_weights_are_a_whole_and_ranks_follow_them(found: Variants) -> None:
    for positions in by(found.plain.positions, "period_days").values():
        weights = [row["portfolio_weight"] for row in positions]
        assert (sum(weights), min(weights) > 0) == (Decimal(1), True)
        largest_first = sorted(positions, key=lambda row: (-row["portfolio_weight"], row["ticker"]))
        assert [row["rank"] for row in largest_first] == [*range(1, len(positions) + 1)]


@in_every_market
def test_a_position_rose_and_is_the_one_pick_of_each_of_its_etfs(found: Variants) -> None:
    picks = [
        (row["period_days"], row["ticker"], etf)
        for row in found.plain.positions
        for etf in row["source_etfs"].split(",")
    ]
    selected = [row for row in found.plain.candidates if row["outcome"] == "selected"]
    assert sorted(picks) == sorted((row["period_days"], row["ticker"], row["etf_ticker"]) for row in selected)
    assert len({(days, etf) for days, _, etf in picks}) == len(picks)
    assert all(row["return_pct"] > 0 and row["market_cap"] > 0 for row in found.plain.positions)


@in_every_market
def test_a_trending_etf_rose_more_than_spy_and_ranks_are_a_permutation(found: Variants) -> None:
    for etfs in by(found.plain.etfs, "period_days").values():
        of_etf = {row["etf_ticker"]: row for row in etfs}
        spy = of_etf.pop("SPY")
        assert (spy["is_trending"], spy["rank_by_outperformance"]) == (False, None)
        ranked = [row for row in of_etf.values() if row["return_pct"] is not None]
        assert all(row["is_trending"] == (row["return_pct"] > max(spy["return_pct"], 0)) for row in ranked)
        best_first = sorted(ranked, key=lambda row: (-row["return_pct"], row["etf_ticker"]))
        assert [row["rank_by_outperformance"] for row in best_first] == [*range(1, len(ranked) + 1)]


def test_the_markets_of_these_claims_are_not_too_plain(spark: SparkSession) -> None:
    """A claim says nothing where nothing happened: this is what did."""
    seen: Counter[object] = Counter()

    @in_every_market
    def look(found: Variants) -> None:
        plain = found.plain
        seen.update(row["outcome"] for row in plain.candidates)
        seen.update(row["market_cap_source"] for row in plain.positions)
        seen.update("several ETFs" for row in plain.positions if "," in row["source_etfs"])
        seen.update("lacks a cap" for row in plain.positions if "without a market cap" in row["allocation_reason"])
        seen.update("as SPY" for row in plain.etfs if row["outperformance"] == 0 and row["etf_ticker"] != "SPY")
        seen.update(f"ETF {row['missing']}" for row in plain.etfs)
        seen.update(len(rows) for rows in by(plain.positions, "period_days").values())

    look(spark)
    assert seen.keys() >= {
        *("selected", "lower_return", "not_positive", "no_return", "no_market_cap", "no_profile", "in_doubt"),
        *("quote", "carried", "scaled", "several ETFs", "lacks a cap", "as SPY", "ETF no_return", "ETF in_doubt"),
        *(1, 2, 3),
    }, seen


# The monthly portfolio: which periods hold a stock, and two weights that it may have in them.
Membership = dict[str, dict[int, tuple[float, float]]]
WEIGHTS = st.tuples(one_of(0.5, 0.1, 0.0), one_of(0.1, 0.5, 1.0))
HELD = st.dictionaries(one_of(20, 20, 10, 5), WEIGHTS, min_size=1)
MEMBERSHIPS = st.one_of(
    st.dictionaries(one_of("A", "B", "C", "D", "E"), HELD, min_size=1),
    st.fixed_dictionaries({f"S{number:02d}": HELD for number in range(36)}),  # 20 of them and more in the longest
)


@FEW
@given(several=st.lists(MEMBERSHIPS, min_size=1, max_size=20))
def test_monthly_weights_follow_from_membership_alone(spark: SparkSession, several: list[Membership]) -> None:
    """Twice as many rebalances, each with two sets of weights; the second in the other order."""
    rows = [
        (D + (2 * number + which) * APART, days, ticker, weights[which], ticker, "Energy", 1e12)
        for number, stocks in enumerate(several)
        for which in (0, 1)
        for ticker, periods in sorted(stocks.items(), reverse=bool(which))
        for days, weights in periods.items()
    ]
    schema = (
        "rebalance_date date, period_days int, ticker string, portfolio_weight double, company_name string, "
        "sector string, market_cap double"
    )
    found = by(
        [row.asDict() for row in rebalanced(spark, local_frame(spark, rows, schema)).collect()], "rebalance_date"
    )
    for number, stocks in enumerate(several):
        one, other = (found[D + (2 * number + which) * APART] for which in (0, 1))
        weights = {row["ticker"]: row["final_weight"] for row in one}
        assert weights == {row["ticker"]: row["final_weight"] for row in other}
        assert weights.keys() == stocks.keys()
        assert (sum(weights.values()), min(weights.values()) > 0) == (Decimal(1), True)
        existing = sum(20 in periods for periods in stocks.values())
        first_new = max(20, existing + 1)
        ranks = [*range(1, existing + 1), *range(first_new, first_new + len(stocks) - existing)]
        for rows_of in (one, other):
            assert sorted(row["final_rank"] for row in rows_of) == ranks


def by(rows: Sequence[Mapping[str, Any]], name: str) -> dict[Any, list[Mapping[str, Any]]]:
    """The rows by the value of a column."""
    found: dict[Any, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found
