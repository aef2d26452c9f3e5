"""Yahoo's HTTP API for a market at an instant: what yfinance asks for, answered in the shapes Yahoo uses.

Pure: (market, instant, request) → answer. Nothing dated after the instant is ever in an answer, and prices are those
that were shown then (see prices.py).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from test.replay.hours import Hours, calendar_of, hours_of, newest_session, shown_session
from test.replay.market import Bars, Market, Profile, default_profile
from test.replay.prices import as_known

HOSTS = frozenset(
    {
        "query1.finance.yahoo.com",
        "query2.finance.yahoo.com",
        "finance.yahoo.com",
        "fc.yahoo.com",
        "guce.yahoo.com",
        "consent.yahoo.com",
    }
)
QUOTES_AT_ONCE = 50
LISTED_HOLDINGS = 10
RANGES = ("1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max")
_COOKIE_NAME = "A3"
_COOKIE = "replayed-visitor"
_NEW_YORK = ZoneInfo("America/New_York")
_YEAR_SESSIONS = 252
_EXCHANGE_NAMES = {
    "NMS": "NasdaqGS",
    "NGM": "NasdaqGM",
    "NYQ": "NYSE",
    "PCX": "NYSEArca",
    "ASE": "NYSE American",
    "BTS": "Cboe US",
    "KSC": "KSE",
    "KOE": "KOSDAQ",
    "CCY": "CCY",
}
_SECTOR_KEYS = {
    "Real Estate": "realestate",
    "Consumer Cyclical": "consumer_cyclical",
    "Basic Materials": "basic_materials",
    "Consumer Defensive": "consumer_defensive",
    "Technology": "technology",
    "Communication Services": "communication_services",
    "Financial Services": "financial_services",
    "Utilities": "utilities",
    "Industrials": "industrials",
    "Energy": "energy",
    "Healthcare": "healthcare",
}


class Request(NamedTuple):
    """One request of a client; query as name → value, cookies likewise."""

    host: str
    path: str
    query: Mapping[str, str]
    cookies: Mapping[str, str]


class Answer(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=utf-8"
    cookie: str | None = None


@dataclass(frozen=True)
class Distortion:
    """What a fault changes in a true answer."""

    missing_days: frozenset[date] = frozenset()
    unknown: bool = False
    unknown_symbols: frozenset[str] = frozenset()


_TRUE = Distortion()


@dataclass(frozen=True)
class Instrument:
    """One instrument as the source knows it at an instant; bars may be empty (known by profile only)."""

    profile: Profile
    has_profile: bool
    bars: Bars | None
    now: datetime

    @property
    def symbol(self) -> str:
        return self.profile.symbol

    def hours(self, session: date) -> Hours:
        """When a session of its exchange is open."""
        return hours_of(session, calendar_of(self.profile), self.profile.timezone)

    @property
    def current_session(self) -> date:
        """The session that the source describes as current."""
        return shown_session(self.now, calendar_of(self.profile), self.profile.timezone)

    def priced_at(self, bars: Bars) -> datetime:
        """When the newest price was made: at the close, or just now while the session goes on."""
        return min(self.hours(bars.dates[-1].astype(object)).close, self.now)

    def zone(self, at: datetime) -> tuple[str, int]:
        """Short name of the exchange's time zone at an instant, and its distance from UTC in seconds."""
        local = at.astimezone(ZoneInfo(self.profile.timezone))
        return local.tzname() or "", int((local.utcoffset() or timedelta()).total_seconds())


class Yahoo:
    """The source's side: a market, asked at an instant."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._routes: tuple[tuple[re.Pattern[str], Callable[[Request, str, datetime, Distortion], Answer]], ...] = (
            (re.compile(r"/v8/finance/chart/(.+)"), self._chart),
            (re.compile(r"/v10/finance/quoteSummary/(.+)"), self._quote_summary),
            (re.compile(r"/v7/finance/quote()"), self._quote),
            (re.compile(r"/ws/fundamentals-timeseries/v1/finance/timeseries/(.+)"), self._timeseries),
            (re.compile(r"/v1/test/getcrumb()"), self._crumb),
            (re.compile(r"(/|/consent|/v2/collectConsent|/copyConsent)"), self._doors),
        )

    def answer(self, request: Request, now: datetime, distortion: Distortion = _TRUE) -> Answer:
        """The answer to a request at an instant."""
        for pattern, route in self._routes:
            match = pattern.fullmatch(request.path)
            if match:
                return route(request, match.group(1), now, distortion)
        return _error("finance", 404, "Not Found", f"No route for {request.path}")

    def instrument(self, symbol: str, now: datetime) -> Instrument | None:
        """What is known of a symbol at an instant; None when the source has never heard of it."""
        profile = self.market.profiles.get(symbol)
        bars = self.market.bars.get(symbol)
        if bars is None:
            return Instrument(profile, True, None, now) if profile else None
        shown = profile or default_profile(symbol)
        calendar = calendar_of(shown)
        newest = newest_session(now, calendar, shown.timezone)
        count = int(np.searchsorted(bars.dates, np.datetime64(newest), side="right"))
        if count == 0:
            return None  # not listed yet
        elapsed = None
        if bars.dates[count - 1] == np.datetime64(newest):
            opening, closing = hours_of(newest, calendar, shown.timezone)
            elapsed = (now - opening) / (closing - opening) if now < closing else None
        return Instrument(shown, profile is not None, as_known(bars, count, elapsed), now)

    def market_cap(self, instrument: Instrument) -> int | None:
        """The newest market value of a session that is over, in the profile's currency; None when there is none."""
        caps = self.market.market_caps.get(instrument.symbol)
        if caps is None or instrument.profile.quote_type != "EQUITY":
            return None
        calendar, timezone = calendar_of(instrument.profile), instrument.profile.timezone
        newest = newest_session(instrument.now, calendar, timezone)
        over = hours_of(newest, calendar, timezone).close <= instrument.now
        count = int(np.searchsorted(caps.dates, np.datetime64(newest), side="right" if over else "left"))
        return int(caps.values[count - 1]) if count else None

    # Cookies and crumbs

    def _doors(self, request: Request, path: str, _now: datetime, _distortion: Distortion) -> Answer:
        html = "text/html;charset=utf-8"
        if path == "/consent":
            form = '<form><input name="csrfToken" value="replay"><input name="sessionId" value="replay"></form>'
            return Answer(200, form.encode(), html)
        if path == "/" and request.host == "fc.yahoo.com":
            return Answer(404, b"", html, _COOKIE)  # Yahoo's own cookie door answers 404, too
        return Answer(200, b"", html, _COOKIE if path == "/copyConsent" else None)

    def _crumb(self, request: Request, _: str, _now: datetime, _distortion: Distortion) -> Answer:
        cookie = request.cookies.get(_COOKIE_NAME)
        if cookie is None:
            return _error("finance", 401, "Unauthorized", "Invalid Cookie")
        return Answer(200, _crumb_of(cookie).encode(), "text/plain;charset=utf-8")

    def _refused(self, request: Request) -> Answer | None:
        cookie = request.cookies.get(_COOKIE_NAME)
        if cookie is None or request.query.get("crumb") != _crumb_of(cookie):
            return _error("finance", 401, "Unauthorized", "Invalid Crumb")
        return None

    # Charts

    def _chart(self, request: Request, symbol: str, now: datetime, distortion: Distortion) -> Answer:
        instrument = None if distortion.unknown else self.instrument(symbol.upper(), now)
        if instrument is None or instrument.bars is None:
            return _error("chart", 404, "Not Found", "No data found, symbol may be delisted")
        interval = request.query.get("interval", "1d")
        if interval != "1d":
            return _error("chart", 422, "Unprocessable Entity", f"{interval} data not available: daily bars only")
        bars = instrument.bars
        opened = [_epoch(instrument.hours(day).open) for day in bars.dates.tolist()]
        period = request.query.get("range", "")
        if "period1" in request.query:
            try:
                start, end = int(request.query["period1"]), int(request.query.get("period2", _epoch(now)))
            except ValueError:
                return _error("chart", 400, "Bad Request", "Invalid period1 or period2")
            if end <= opened[0]:
                text = f"Data doesn't exist for startDate = {start}, endDate = {end}"
                return _error("chart", 400, "Bad Request", text)
            rows = [row for row, at in enumerate(opened) if start <= at < end]
        elif (period := period or "1d") in RANGES:
            rows = _rows_of_range(bars, period, now.astimezone(ZoneInfo(instrument.profile.timezone)).date())
        else:
            return _error("chart", 400, "Bad Request", f"Invalid input - range={period} is not supported")
        before = float(bars.close[rows[0] - 1]) if rows and rows[0] > 0 else None
        rows = [row for row in rows if bars.dates[row].astype(object) not in distortion.missing_days]
        meta = _chart_meta(instrument, bars, opened[0]) | {"range": period, "chartPreviousClose": before}
        result: dict[str, Any] = {"meta": meta}
        if rows:
            stamps = [opened[row] for row in rows]
            events = _events(bars, rows, stamps, request.query.get("events", ""))
            if rows[-1] == len(opened) - 1:
                stamps[-1] = _epoch(instrument.priced_at(bars))  # the newest bar carries the time of its price
            result |= {"timestamp": stamps} | ({"events": events} if events else {})
            quote: dict[str, Any] = {
                name: _nulls(getattr(bars, name)[rows]) for name in ("open", "high", "low", "close")
            }
            quote["volume"] = [int(volume) for volume in bars.volume[rows]]
            adjusted = {"adjclose": _nulls(bars.adj_close[rows])}
            result["indicators"] = {"quote": [quote], "adjclose": [adjusted]}
        else:
            result["indicators"] = {"quote": [{}], "adjclose": [{}]}
        return _json(200, {"chart": {"result": [result], "error": None}})

    # Quotes

    def _quote(self, request: Request, _: str, now: datetime, distortion: Distortion) -> Answer:
        if refusal := self._refused(request):
            return refusal
        symbols = [symbol.strip().upper() for symbol in request.query.get("symbols", "").split(",") if symbol.strip()]
        if len(symbols) > QUOTES_AT_ONCE:
            return Answer(429, b"Too Many Requests\r\n", "text/plain")  # what users report of larger batches
        if distortion.unknown:
            hidden = distortion.unknown_symbols or frozenset(symbols)
            symbols = [symbol for symbol in symbols if symbol not in hidden]
        found = (self.instrument(symbol, now) for symbol in dict.fromkeys(symbols))
        quotes = [self._quote_of(instrument) for instrument in found if instrument and instrument.has_profile]
        return _json(200, {"quoteResponse": {"result": quotes, "error": None}})

    def _quote_of(self, instrument: Instrument) -> dict[str, Any]:
        profile = instrument.profile
        quote: dict[str, Any] = {
            "language": "en-US",
            "region": "US",
            "quoteType": profile.quote_type,
            "typeDisp": profile.quote_type.title() if profile.quote_type != "ETF" else "ETF",
            "currency": profile.currency,
            "exchange": profile.exchange,
            "fullExchangeName": _EXCHANGE_NAMES.get(profile.exchange, profile.exchange),
            "exchangeTimezoneName": profile.timezone,
            "shortName": profile.name or None,
            "longName": profile.name or None,
            "priceHint": 2,
            "symbol": profile.symbol,
        }
        if instrument.bars is not None:
            quote |= self._price_of(instrument, instrument.bars)
        cap = self.market_cap(instrument)
        if cap is not None:
            quote["marketCap"] = cap
        return {name: value for name, value in quote.items() if value is not None}

    def _price_of(self, instrument: Instrument, bars: Bars) -> dict[str, Any]:
        at = instrument.priced_at(bars)
        closed = instrument.hours(bars.dates[-1].astype(object)).close <= instrument.now
        previous = _number(bars.close[-2]) if len(bars.close) > 1 else None
        short, offset = instrument.zone(at)
        return {
            "regularMarketPrice": _number(bars.close[-1]),
            "regularMarketTime": _epoch(at),
            "regularMarketPreviousClose": previous,
            "regularMarketOpen": _number(bars.open[-1]),
            "regularMarketDayHigh": _number(bars.high[-1]),
            "regularMarketDayLow": _number(bars.low[-1]),
            "regularMarketVolume": int(bars.volume[-1]),
            "firstTradeDateMilliseconds": _epoch(instrument.hours(bars.dates[0].astype(object)).open) * 1000,
            "marketState": "CLOSED" if closed else "REGULAR",
            "exchangeTimezoneShortName": short,
            "gmtOffSetMilliseconds": offset * 1000,
        }

    # Summaries

    def _quote_summary(self, request: Request, symbol: str, now: datetime, distortion: Distortion) -> Answer:
        if refusal := self._refused(request):
            return refusal
        symbol = symbol.upper()
        instrument = None if distortion.unknown else self.instrument(symbol, now)
        if instrument is None or not instrument.has_profile:
            return _error("quoteSummary", 404, "Not Found", f"Quote not found for symbol: {symbol}")
        asked = request.query.get("modules", "").split(",")
        known = self._modules(instrument)
        modules = {name: {"maxAge": 1} | known[name] for name in asked if name in known}
        if not modules:
            return _error("quoteSummary", 404, "Not Found", f"No fundamentals data found for symbol: {symbol}")
        return _json(200, {"quoteSummary": {"result": [modules], "error": None}})

    def _modules(self, instrument: Instrument) -> dict[str, dict[str, Any]]:
        profile, bars = instrument.profile, instrument.bars
        quote = self._quote_of(instrument)
        short, offset = instrument.zone(instrument.now)
        cap = {"marketCap": quote["marketCap"]} if "marketCap" in quote else {}
        price = {"regularMarketPrice": quote["regularMarketPrice"]} if bars is not None else {}
        detail: dict[str, Any] = {"priceHint": 2, "currency": profile.currency} | cap
        if bars is not None:
            detail |= {
                "previousClose": quote.get("regularMarketPreviousClose"),
                "open": quote.get("regularMarketOpen"),
                "dayLow": quote.get("regularMarketDayLow"),
                "dayHigh": quote.get("regularMarketDayHigh"),
                "volume": quote["regularMarketVolume"],
                "fiftyTwoWeekHigh": float(bars.close[-_YEAR_SESSIONS:].max()),
                "fiftyTwoWeekLow": float(bars.close[-_YEAR_SESSIONS:].min()),
            }
        about = {
            "companyOfficers": [],
            "longBusinessSummary": f"{profile.name or profile.symbol}, of a replayed market.",
        }
        about |= {"sector": profile.sector, "sectorDisp": profile.sector} if profile.sector else {}
        about |= {"industry": profile.industry, "industryDisp": profile.industry} if profile.industry else {}
        modules: dict[str, dict[str, Any]] = {
            "quoteType": {
                "exchange": profile.exchange,
                "quoteType": profile.quote_type,
                "symbol": profile.symbol,
                "underlyingSymbol": profile.symbol,
                "shortName": profile.name or None,
                "longName": profile.name or None,
                "timeZoneFullName": profile.timezone,
                "timeZoneShortName": short,
                "gmtOffSetMilliseconds": offset * 1000,
            },
            "summaryDetail": detail,
            "price": quote,
        }
        if profile.quote_type == "CURRENCY":
            return modules
        modules |= {"summaryProfile": about, "assetProfile": about, "defaultKeyStatistics": {"priceHint": 2}}
        if profile.quote_type == "EQUITY":
            modules["financialData"] = {
                "currentPrice": price.get("regularMarketPrice"),
                "financialCurrency": profile.currency,
            }
        else:
            fees = {"annualReportExpenseRatio": 0.001, "annualHoldingsTurnover": 0, "totalNetAssets": 1000.0}
            fund = {"family": "Replayed Funds", "categoryName": None, "legalType": "Exchange Traded Fund"}
            modules["fundProfile"] = fund | {"feesExpensesInvestment": fees, "feesExpensesInvestmentCat": fees}
            modules["topHoldings"] = self._top_holdings(instrument)
        return modules

    def _top_holdings(self, instrument: Instrument) -> dict[str, Any]:
        today = instrument.now.astimezone(_NEW_YORK).date()
        known = [shot for shot in self.market.holdings.get(instrument.symbol, ()) if shot.as_of <= today]
        listed = known[-1].holdings if known else ()
        weights = dict.fromkeys(_SECTOR_KEYS.values(), 0.0)
        for holding in listed:
            profile = self.market.profiles.get(holding.symbol)
            if profile and profile.sector in _SECTOR_KEYS:
                weights[_SECTOR_KEYS[profile.sector]] += holding.weight
        return {
            "cashPosition": 0.0,
            "stockPosition": 1.0,
            "bondPosition": 0.0,
            "otherPosition": 0.0,
            "preferredPosition": 0.0,
            "convertiblePosition": 0.0,
            "holdings": [
                {"symbol": holding.symbol, "holdingName": holding.name, "holdingPercent": holding.weight}
                for holding in listed[:LISTED_HOLDINGS]
            ],
            "equityHoldings": {},
            "bondHoldings": {},
            "bondRatings": [],
            "sectorWeightings": [{name: round(weight, 6)} for name, weight in weights.items()],
        }

    def _timeseries(self, request: Request, symbol: str, _now: datetime, _distortion: Distortion) -> Answer:
        kinds = [kind for kind in request.query.get("type", "").split(",") if kind]
        series = [{"meta": {"symbol": [symbol], "type": [kind]}} for kind in kinds]
        return _json(200, {"timeseries": {"result": series or [{"meta": {"symbol": [symbol]}}], "error": None}})


def _chart_meta(instrument: Instrument, bars: Bars, first_trade: int) -> dict[str, Any]:
    profile = instrument.profile
    at = instrument.priced_at(bars)
    short, offset = instrument.zone(at)
    regular = instrument.hours(instrument.current_session)
    spans = {
        "pre": (regular.open - timedelta(hours=5, minutes=30), regular.open),
        "regular": (regular.open, regular.close),
        "post": (regular.close, regular.close + timedelta(hours=4)),
    }
    zone, distance = instrument.zone(regular.open)
    return {
        "currency": profile.currency,
        "symbol": profile.symbol,
        "exchangeName": profile.exchange,
        "fullExchangeName": _EXCHANGE_NAMES.get(profile.exchange, profile.exchange),
        "instrumentType": profile.quote_type,
        "firstTradeDate": first_trade,
        "regularMarketTime": _epoch(at),
        "hasPrePostMarketData": profile.exchange in ("NMS", "NGM", "NYQ", "PCX"),
        "gmtoffset": offset,
        "timezone": short,
        "exchangeTimezoneName": profile.timezone,
        "regularMarketPrice": float(bars.close[-1]),
        "regularMarketDayHigh": _number(bars.high[-1]),
        "regularMarketDayLow": _number(bars.low[-1]),
        "regularMarketVolume": int(bars.volume[-1]),
        "longName": profile.name or None,
        "shortName": profile.name or None,
        "priceHint": 2,
        "currentTradingPeriod": {
            name: {"timezone": zone, "start": _epoch(start), "end": _epoch(end), "gmtoffset": distance}
            for name, (start, end) in spans.items()
        },
        "dataGranularity": "1d",
        "validRanges": list(RANGES),
    }


def _rows_of_range(bars: Bars, period: str, today: date) -> list[int]:
    """Rows of a named range that ends today: the last N bars for days, calendar time for the rest."""
    total = len(bars.dates)
    if period == "max":
        return list(range(total))
    if period == "ytd":
        start = date(today.year, 1, 1)
    elif period.endswith("d"):
        return list(range(max(0, total - int(period[:-1])), total))
    elif period.endswith("mo"):
        start = _months_before(today, int(period[:-2]))
    else:
        start = _months_before(today, 12 * int(period[:-1]))
    return list(range(int(np.searchsorted(bars.dates, np.datetime64(start))), total))


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    first = date(year, month + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def _events(bars: Bars, rows: list[int], stamps: list[int], asked: str) -> dict[str, Any]:
    kinds = re.split(r"[,|]", asked)
    events: dict[str, Any] = {}
    paid = [(at, float(bars.dividend[row])) for row, at in zip(rows, stamps, strict=True) if bars.dividend[row] > 0]
    if paid and "div" in kinds:
        events["dividends"] = {str(at): {"amount": amount, "date": at} for at, amount in paid}
    ratios = [
        (at, float(bars.split[row])) for row, at in zip(rows, stamps, strict=True) if bars.split[row] not in (0, 1)
    ]
    if ratios and ("split" in kinds or "splits" in kinds):
        events["splits"] = {str(at): _split(at, ratio) for at, ratio in ratios}
    return events


def _split(at: int, ratio: float) -> dict[str, Any]:
    """A split as the source writes it.

    >>> _split(0, 0.125)["splitRatio"], _split(0, 1.281)["splitRatio"]
    ('1:8', '1281:1000')
    """
    exact = Fraction(ratio).limit_denominator(1000)
    above, below = exact.numerator, exact.denominator
    return {"date": at, "numerator": float(above), "denominator": float(below), "splitRatio": f"{above}:{below}"}


def _crumb_of(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()[:11]


def _epoch(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp())


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _nulls(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(status, json.dumps(body, allow_nan=False, separators=(",", ":")).encode())


def _error(envelope: str, status: int, code: str, description: str) -> Answer:
    return _json(status, {envelope: {"result": None, "error": {"code": code, "description": description}}})
