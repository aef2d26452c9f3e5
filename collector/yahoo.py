"""The source: the one importer of yfinance. Polite, counted, and with errors named for what to do about them.

Every request takes a slot of the machine's pace, a place in the day's budget, and stops at a block (429) that any
program has met. What Yahoo answers with an error status is raised here at once: yfinance would ask again by itself.
Prices are split-adjusted in the instrument's currency; shares of a fund are fractions, as the source gives them.
"""

import json
import math
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import curl_cffi.requests
import pandas as pd
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

from collector.pace import Pace
from config.settings import YahooSettings
from database import budget
from database.connection import Connection
from utils.clock import wall_now
from utils.program import StageFailed, UsageError

SOURCE = "yahoo"
QUOTES_AT_ONCE = 50
# In cooldowns: how long the source is left alone after the first 429 of a day, the second, …
PAUSES = (1, 3, 6, 12)
QUERY1, QUERY2 = "https://query1.finance.yahoo.com", "https://query2.finance.yahoo.com"
_SLOW_PATH, _BATCH_PATH = "/v10/finance/quoteSummary/", "/v7/finance/quote"
_DATA_PATHS = ("/v8/finance/chart/", _SLOW_PATH, _BATCH_PATH)
# Where the source keeps what is no longer traded.
_GRAVEYARD = "YHD"

T = TypeVar("T")


class SourceUnavailable(Exception):
    """The source did not answer, or not sensibly: another try may help."""


class RateLimited(Exception):
    """Not to be asked before `not_before`: the source said so, or the day's budget is used up."""

    def __init__(self, reason: str, not_before: datetime) -> None:
        super().__init__(f"{reason}, until {not_before.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
        self.not_before = not_before


class NoData(Exception):
    """The source answered that it has nothing: the symbol is unknown, renamed, delisted. Trying again won't help."""


class NoSessions(Exception):
    """The source knows the instrument, but gave no bar of the range."""


@dataclass(frozen=True)
class History:
    """Daily bars of one instrument. The frame's index is the session's date; columns are yfinance's.

    first_trade: from which day on the source knows the instrument at all, whatever was asked for.
    """

    frame: pd.DataFrame
    currency: str | None
    exchange: str | None
    timezone: str
    first_trade: date | None
    session_open_until: datetime | None
    session_open: date | None
    fetched_at: datetime


class ListedHolding(NamedTuple):
    """One line of a fund's list as the source gives it; `fraction` of the fund."""

    symbol: str | None
    name: str | None
    fraction: float | None


@dataclass(frozen=True)
class TopHoldings:
    """A fund's list: at most ten lines."""

    etf: str
    lines: tuple[ListedHolding, ...]
    fetched_at: datetime


@dataclass(frozen=True)
class Quote:
    """What one batch quote says of an instrument. `market_cap` in the major unit of `currency`."""

    ticker: str
    quote_type: str | None
    name: str | None
    currency: str | None
    exchange: str | None
    price: float | None
    market_cap: float | None
    fetched_at: datetime


@dataclass(frozen=True)
class Profile:
    """What an instrument is."""

    ticker: str
    quote_type: str | None
    name: str | None
    sector: str | None
    industry: str | None
    currency: str | None
    exchange: str | None
    fetched_at: datetime


class _Counter(threading.local):
    requests: int = 0


class _Session(curl_cffi.requests.Session[curl_cffi.requests.Response]):
    """A browser-like session through which every request passes, those for cookie and crumb included."""

    def __init__(self, gate: Callable[[str], Any], **options: Any) -> None:
        super().__init__(impersonate="chrome", **options)
        self._gate = gate

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """Ask, politely. Raises RateLimited, NoData or SourceUnavailable for the statuses that mean so."""
        with self._gate(url) as seen:
            response = super().request(method, url, *args, **options)
            seen.answered(response)
        return response


class _Request:
    """One request on its way: a slot and a reservation before, a settlement after, a name for a bad answer."""

    def __init__(self, source: "Yahoo", url: str) -> None:
        self._source, self._path = source, urlsplit(url).path

    def __enter__(self) -> "_Request":
        self._reserved_at = self._source.reserve(slow=self._path.startswith(_SLOW_PATH))
        return self

    def __exit__(self, *_: object) -> None:
        self._source.settle(self._reserved_at)

    def answered(self, response: Any) -> None:
        """Name what the status means. Statuses of cookie and crumb requests are yfinance's business, but for 429."""
        status = response.status_code
        if status == 429:
            raise self._source.blocked(response.headers.get("retry-after", ""))
        if not self._path.startswith(_DATA_PATHS):
            return
        if status >= 500:
            raise SourceUnavailable(f"the source answered {status}")
        if status in (400, 404):
            if self._path == _BATCH_PATH:  # of many at once: no word on any of them
                raise SourceUnavailable(f"the source answered {status}")
            raise NoData(_reason(response) or f"the source answered {status}")


class Yahoo:
    """Yahoo, asked through yfinance. One per process; may be used from several threads.

    Whatever is asked may raise SourceUnavailable or RateLimited.

    connection: for budget and block, at best not the one that holds the ledger's lock.
    Raises UsageError when the CA file isn't one, StageFailed when the proxy doesn't answer, or the cache can't be used.
    """

    def __init__(self, settings: YahooSettings, connection: Connection) -> None:
        self._settings, self._connection = settings, connection
        _check_way(settings)
        settings.cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.pace = Pace(settings.cache_dir / "pace")
        self._counter = _Counter()
        options: dict[str, Any] = {}
        if settings.proxy:
            options["proxy"] = settings.proxy
        if settings.ca_file:
            options["verify"] = str(settings.ca_file)
        self._session = _Session(lambda url: _Request(self, url), **options)
        yf.config.debug.hide_exceptions = False
        yf.set_tz_cache_location(str(settings.cache_dir))
        self._data = YfData(session=self._session)
        # yfinance keeps one crumb a process: that of another session is refused
        self._data._cookie = self._data._crumb = None

    # What is asked

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
            meta = asked.history_metadata
            frame.index = pd.Index([stamp.date() for stamp in frame.index], name="Date")
            frame = frame[[start <= day <= end for day in frame.index]]  # the source may add its newest price
            opened = _regular(meta)
            return History(
                frame,
                currency=meta.get("currency"),
                exchange=meta.get("exchangeName"),
                timezone=str(meta["exchangeTimezoneName"]),
                first_trade=_first_trade(meta),
                session_open=opened[0] if opened else None,
                session_open_until=opened[1] if opened else None,
                fetched_at=wall_now(),
            )

        return self._patiently(ask)

    def top_holdings(self, etf: str) -> TopHoldings:
        """A fund's list of holdings. Raises NoData for an unknown symbol.

        Read from the raw answer: one line without symbol makes yfinance lose the fund.
        """

        def read(modules: Mapping[str, Any]) -> TopHoldings:
            listed = modules.get("topHoldings", {}).get("holdings") or []
            lines = tuple(
                ListedHolding(
                    _text(line.get("symbol")), _text(line.get("holdingName")), _number(line.get("holdingPercent"))
                )
                for line in listed
            )
            return TopHoldings(etf, lines, wall_now())

        return self._summary(etf, ("quoteType", "topHoldings"), read)

    def profile(self, ticker: str) -> Profile:
        """What an instrument is, sector and industry included. Raises NoData for an unknown symbol."""

        def read(modules: Mapping[str, Any]) -> Profile:
            kind, about, price = (modules.get(name) or {} for name in ("quoteType", "assetProfile", "price"))
            if "quoteType" not in kind:
                raise SourceUnavailable("the answer doesn't say what the instrument is")
            return Profile(
                ticker,
                quote_type=_text(kind.get("quoteType")),
                name=_text(kind.get("longName")) or _text(kind.get("shortName")),
                sector=_text(about.get("sector")),
                industry=_text(about.get("industry")),
                currency=_text(price.get("currency")),
                exchange=_text(kind.get("exchange")),
                fetched_at=wall_now(),
            )

        return self._summary(ticker, ("quoteType", "assetProfile", "price"), read)

    def quotes(self, tickers: Sequence[str], *, missed: Collection[str] = ()) -> dict[str, Quote]:
        """Quotes of at most 50 instruments in one request; what the source doesn't know is absent.

        missed: those that it didn't know before: only of them an answer without any quote is believed.
        Raises ValueError for more than 50.
        """
        if len(tickers) > QUOTES_AT_ONCE:
            raise ValueError(f"at most {QUOTES_AT_ONCE} tickers a request, got {len(tickers)}")

        def read(answer: Any) -> dict[str, Quote]:
            fetched_at, told = wall_now(), _dig(answer, "quoteResponse", "result")
            if not told and not set(tickers) <= set(missed):
                raise SourceUnavailable("a quote of none of them")
            return {
                str(quote["symbol"]): Quote(
                    str(quote["symbol"]),
                    quote_type=_text(quote.get("quoteType")),
                    name=_text(quote.get("longName")) or _text(quote.get("shortName")),
                    currency=_text(quote.get("currency")),
                    exchange=_text(quote.get("exchange")),
                    price=_number(quote.get("regularMarketPrice")),
                    market_cap=_number(quote.get("marketCap")),
                    fetched_at=fetched_at,
                )
                for quote in told
                if _is_alive(quote)
            }

        return self._json(f"{QUERY1}{_BATCH_PATH}", {"symbols": ",".join(tickers), "formatted": "false"}, read)

    def _summary(self, ticker: str, modules: Iterable[str], read: Callable[[Mapping[str, Any]], T]) -> T:
        def first(answer: Any) -> T:
            results = _dig(answer, "quoteSummary", "result")
            if not results or not isinstance(results[0], dict):
                raise SourceUnavailable("an empty answer")
            return read(results[0])

        parameters = {"modules": ",".join(modules), "corsDomain": "finance.yahoo.com", "formatted": "false"}
        return self._json(f"{QUERY2}/v10/finance/quoteSummary/{ticker}", parameters | {"symbol": ticker}, first)

    def _json(self, url: str, parameters: dict[str, str], read: Callable[[Any], T]) -> T:
        return self._patiently(
            lambda: read(self._data.get_raw_json(url, params=parameters, timeout=self._settings.timeout_seconds))
        )

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

    # What every request passes

    def requests_made(self) -> int:
        """Requests this thread has made so far."""
        return self._counter.requests

    def reserve(self, *, slow: bool) -> datetime:
        """A slot of the pace and a place in the day's budget. Raises RateLimited when there is none.

        The slot first: what another program has met while this one waited for it stops the request.
        """
        self.pace.wait(self._settings.slow_pace_seconds if slow else self._settings.pace_seconds)
        now = wall_now()
        wait_until = budget.reserve(self._connection, SOURCE, daily_budget=self._settings.daily_budget, now=now)
        if wait_until is not None:
            blocked = budget.blocked_until(self._connection, SOURCE, now=now) is not None
            why = "the source asked for a pause" if blocked else "the day's budget of requests is used up"
            raise RateLimited(why, wait_until)
        self._counter.requests += 1
        return now

    def settle(self, reserved_at: datetime) -> None:
        """The request was made."""
        budget.settle(self._connection, SOURCE, reserved_at=reserved_at)

    def blocked(self, retry_after: str) -> RateLimited:
        """Note a 429 for all programs; nobody asks before the pause is over, and a further one is longer."""
        now = wall_now()
        until = budget.block(
            self._connection,
            SOURCE,
            pauses=[timedelta(seconds=self._settings.cooldown_seconds * each) for each in PAUSES],
            at_least=_pause_of(retry_after, now),
            now=now,
        )
        return RateLimited("the source answered 429", until)


def _pause_of(retry_after: str, now: datetime) -> timedelta:
    """What a Retry-After asks for, in seconds or as a date; none when it can't be read.

    >>> _pause_of("Fri, 23 Jan 2026 12:30:00 GMT", datetime(2026, 1, 23, 12, tzinfo=UTC))
    datetime.timedelta(seconds=1800)
    >>> [_pause_of(text, datetime(2026, 1, 23, 12, tzinfo=UTC)).seconds for text in ("90", "\u00b2", "soon", "")]
    [90, 0, 0, 0]
    """
    with suppress(ValueError, OverflowError):
        if retry_after.isdecimal():
            return timedelta(seconds=int(retry_after))
        return max(parsedate_to_datetime(retry_after).astimezone(UTC) - now, timedelta())
    return timedelta()


def _named(ask: Callable[[], T]) -> T:
    """What `ask` returns, with what yfinance and curl raise turned into our errors."""
    try:
        return ask()
    except YFRateLimitError as error:
        raise SourceUnavailable("the source limits requests") from error
    except RequestException as error:
        raise SourceUnavailable(f"no answer: {_first_line(error)}") from error
    except (json.JSONDecodeError, YFDataException) as error:
        raise SourceUnavailable(f"an unreadable answer: {_first_line(error)}") from error
    except YFException as error:
        raise NoData(_first_line(error)) from error
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        # yfinance and we read the answer without looking: a field that is not there, or is no number
        raise SourceUnavailable(f"an answer of another shape: {type(error).__name__} {error}") from error


def _of_cache(error: PeeweeException) -> str:
    """One line for a cache that can't be used, with what to do where that is clear."""
    line = _first_line(error)
    is_of_another_version = any(sign in line for sign in ("no such column", "no such table", "not a database"))
    return f"{line}; *.db there of another version: remove them" if is_of_another_version else line


def _check_way(settings: YahooSettings) -> None:
    """The way to the source is there: each setting is checked before the first request."""
    if settings.ca_file is not None and not _is_certificate(settings.ca_file):
        raise UsageError(f"YAHOO_CA_FILE {settings.ca_file}: expected a PEM file with a certificate")
    if settings.proxy is not None:
        _check_proxy(settings.proxy)


def _is_certificate(file: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except OSError:  # SSLError is one
        return False
    return True


def _check_proxy(proxy: str) -> None:
    try:
        address = urlsplit(proxy)
        host, port = address.hostname, address.port
    except ValueError:  # a port that is no number, or too large; half a bracket
        host = port = None
    if not host or not port:
        raise UsageError(f"YAHOO_PROXY {proxy}: expected http://host:port")
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        raise StageFailed(f"YAHOO_PROXY {proxy}: nobody answers ({error})") from error


def _regular(meta: Mapping[str, Any]) -> tuple[date, datetime] | None:
    """The current session's date at the exchange and the instant it ends; None when the answer doesn't say."""
    period = meta.get("currentTradingPeriod", {}).get("regular", {})
    start, end = period.get("start"), period.get("end")
    if start is None or end is None:
        return None
    return _day(start, meta), _instant(end).to_pydatetime()


def _first_trade(meta: Mapping[str, Any]) -> date | None:
    traded = meta.get("firstTradeDate")
    return None if traded is None else _day(traded, meta)


def _day(instant: Any, meta: Mapping[str, Any]) -> date:
    """The date of an instant of the metadata at the exchange."""
    day: date = _instant(instant).tz_convert(str(meta["exchangeTimezoneName"])).date()
    return day


def _instant(value: Any) -> pd.Timestamp:
    """An instant of the metadata: seconds, or a timestamp yfinance has made of them."""
    stamp = pd.Timestamp(value, unit="s", tz="UTC") if isinstance(value, int | float) else pd.Timestamp(value)
    return stamp.tz_convert("UTC")


def _dig(answer: Any, envelope: str, name: str) -> list[Any]:
    try:
        found = answer[envelope][name]
    except (KeyError, TypeError) as error:
        raise SourceUnavailable(f"an answer without {envelope}.{name}") from error
    if not isinstance(found, list):
        raise SourceUnavailable(f"an answer without {envelope}.{name}")
    return found


def _is_alive(quote: Mapping[str, Any]) -> bool:
    """Whether the symbol still is something: the source goes on to answer for what it has buried, as some fund."""
    is_buried = quote.get("quoteType") == "NONE" or quote.get("exchange") == _GRAVEYARD
    return not is_buried and any(quote.get(name) is not None for name in ("regularMarketPrice", "currency"))


def _reason(response: Any) -> str | None:
    """The description in an error answer, if there is one."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        (envelope,) = response.json().values()
        return str(envelope["error"]["description"])
    return None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
