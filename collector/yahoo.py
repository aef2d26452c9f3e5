"""The source: the one importer of yfinance. What may be asked, again where a failure may pass, and errors with names.

Each request passes `collector.manners`; what comes back is read by `collector.reading`.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

import yfinance as yf
from curl_cffi.requests.exceptions import RequestException
from peewee import PeeweeException
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from yfinance.data import YfData
from yfinance.exceptions import (
    YFDataException,
    YFException,
    YFPricesMissingError,
    YFRateLimitError,
    YFTickerMissingError,
)

from collector.answers import History, NoData, NoSessions, Profile, Quote, SourceUnavailable, TopHoldings
from collector.manners import QUOTES_PATH, SUMMARY_PATH, Manners, PoliteSession
from collector.reading import history_of, holdings_of, profile_of, quotes_of
from collector.way import way_to_source
from config.settings import YahooSettings
from config.universe import BENCHMARK
from database.connection import Connection
from utils.clock import wall_now
from utils.program import StageFailed, one_line

QUOTES_AT_ONCE = 50
# Of what the source's client says of an answer, which may have the answer in it.
LONGEST_REASON = 200
QUERY1, QUERY2 = "https://query1.finance.yahoo.com", "https://query2.finance.yahoo.com"

T = TypeVar("T")


class Yahoo:
    """Yahoo, asked through yfinance. One per process; may be used from several threads.

    Whatever is asked may raise SourceUnavailable or RateLimited.

    connection: for budget and block, at best not the one that holds the ledger's lock.
    Raises UsageError when the CA file isn't one, StageFailed when the proxy doesn't answer, or the cache can't be used.
    """

    def __init__(self, settings: YahooSettings, connection: Connection) -> None:
        self._settings = settings
        way = way_to_source(settings)
        settings.cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.manners = Manners(settings, connection)
        self._session = PoliteSession(self.manners, **way)
        yf.config.debug.hide_exceptions = False
        yf.set_tz_cache_location(str(settings.cache_dir))
        self._data = YfData(session=self._session)
        # yfinance keeps one crumb a process: that of another session is refused
        self._data._cookie = self._data._crumb = None

    def history(self, ticker: str, start: date, end: date, *, timezone: str) -> History:
        """Daily bars from start to end, both included, in one request.

        timezone: of the instrument's exchange, which spares yfinance a request; a wrong guess only moves the edges.
        Raises NoData for an unknown symbol, NoSessions when the range has no bar.
        """
        asked = yf.Ticker(ticker, session=self._session)
        asked._tz = timezone

        def ask() -> History:
            try:
                frame = asked.history(
                    start=start,
                    end=end + timedelta(days=1),
                    interval="1d",
                    auto_adjust=False,
                    actions=True,
                    timeout=self._settings.timeout_seconds,
                )
            except YFPricesMissingError as error:
                if error.yahoo_reason:
                    raise NoData(error.yahoo_reason) from error
                raise NoSessions(f"no bar from {start} to {end}") from error
            except YFTickerMissingError as error:
                raise NoData(error.rationale) from error
            return history_of(frame, asked.history_metadata, start, end, fetched_at=wall_now())

        return self._patiently(ask)

    def top_holdings(self, etf: str) -> TopHoldings:
        """A fund's list of holdings. Raises NoData for an unknown symbol."""
        return self._patiently(
            lambda: holdings_of(etf, self._summary(etf, ("quoteType", "topHoldings")), fetched_at=wall_now())
        )

    def profile(self, ticker: str) -> Profile:
        """What an instrument is, sector and industry included. Raises NoData for an unknown symbol."""
        modules = ("quoteType", "assetProfile", "price")
        return self._patiently(lambda: profile_of(ticker, self._summary(ticker, modules), fetched_at=wall_now()))

    def quotes(self, tickers: Sequence[str]) -> dict[str, Quote]:
        """Quotes of at most 50 instruments in one request; what the source doesn't know is absent.

        Raises ValueError for more than 50.
        """
        if len(tickers) > QUOTES_AT_ONCE:
            raise ValueError(f"at most {QUOTES_AT_ONCE} tickers a request, got {len(tickers)}")
        asked = {"symbols": ",".join(_with_one_that_lives(tickers)), "formatted": "false"}
        found = self._patiently(lambda: quotes_of(self._json(f"{QUERY1}{QUOTES_PATH}", asked), fetched_at=wall_now()))
        return {ticker: found[ticker] for ticker in tickers if ticker in found}

    def _summary(self, ticker: str, modules: Iterable[str]) -> Any:
        asked = {"modules": ",".join(modules), "corsDomain": "finance.yahoo.com", "formatted": "false"}
        return self._json(f"{QUERY2}{SUMMARY_PATH}{ticker}", asked | {"symbol": ticker})

    def _json(self, url: str, parameters: dict[str, str]) -> Any:
        return self._data.get_raw_json(url, params=parameters, timeout=self._settings.timeout_seconds)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """What `ask` returns; failures that may pass are tried again, with growing pauses."""
        for attempt in Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=stop_after_attempt(1 + self._settings.max_retries),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            reraise=True,
        ):
            with attempt:
                # yfinance keeps answers of past ranges, bad ones too; we ask twice only to hear something new
                self._data.cache_get.cache_clear()
                try:
                    return _named(ask)
                except PeeweeException as error:  # where yfinance keeps cookies and time zones
                    raise StageFailed(f"YAHOO_CACHE_DIR {self._settings.cache_dir}: {_of_cache(error)}") from error
        raise AssertionError("unreachable: the last attempt returns or raises")


def _with_one_that_lives(tickers: Sequence[str]) -> list[str]:
    """What to ask for: dead symbols alone would be an answer without any quote, as of a source that is out of order.

    A request that is full has no room for it: fifty that are all dead there are not.

    >>> _with_one_that_lives(["FB"])
    ['FB', 'SPY']
    >>> len(_with_one_that_lives([f"T{number}" for number in range(50)]))
    50
    """
    return list(dict.fromkeys([*tickers, BENCHMARK]))[:QUOTES_AT_ONCE]


def _named(ask: Callable[[], T]) -> T:
    """What `ask` returns, with what yfinance and curl raise turned into our errors."""
    try:
        return ask()
    except YFRateLimitError as error:
        raise SourceUnavailable("the source limits requests") from error
    except RequestException as error:
        raise SourceUnavailable(f"no answer: {one_line(error)[:LONGEST_REASON]}") from error
    except (json.JSONDecodeError, YFDataException) as error:
        raise SourceUnavailable(f"an unreadable answer: {one_line(error)[:LONGEST_REASON]}") from error
    except YFException as error:
        raise NoData(one_line(error)[:LONGEST_REASON]) from error
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        # yfinance and we read the answer without looking: a field that is not there, or is no number
        raise SourceUnavailable(f"an answer of another shape: {type(error).__name__} {error}") from error


def _of_cache(error: PeeweeException) -> str:
    """One line for a cache that can't be used, with what to do where that is clear."""
    line = one_line(error)
    is_of_another_version = any(sign in line for sign in ("no such column", "no such table", "not a database"))
    return f"{line}; *.db there of another version: remove them" if is_of_another_version else line
