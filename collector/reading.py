"""From the source's raw answers to ours; pure. Text is stripped, numbers are finite, and what isn't there is None.

An answer of another shape raises SourceUnavailable, or what Python raises where it expected something else.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pandas as pd

from collector.answers import History, ListedHolding, Profile, Quote, SourceUnavailable, TopHoldings

# Where the source keeps what is no longer traded.
_GRAVEYARD = "YHD"


def history_of(
    frame: pd.DataFrame, meta: Mapping[str, Any], start: date, end: date, *, fetched_at: datetime
) -> History:
    """The bars of a range, both ends included, from yfinance's frame, whose index is instants of the exchange."""
    frame = frame.set_axis(pd.Index([stamp.date() for stamp in frame.index], name="Date"))
    opened = _regular(meta)
    return History(
        frame[[start <= day <= end for day in frame.index]],  # the source may add its newest price
        currency=meta.get("currency"),
        exchange=meta.get("exchangeName"),
        first_trade=_first_trade(meta),
        session_open=opened[0] if opened else None,
        session_open_until=opened[1] if opened else None,
        fetched_at=fetched_at,
    )


def quotes_of(answer: Any, *, fetched_at: datetime) -> dict[str, Quote]:
    """The quotes of a batch by symbol, without what the source has buried; no answer when it is empty."""
    told = _results(answer, "quoteResponse")
    if not told:
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


def holdings_of(etf: str, answer: Any, *, fetched_at: datetime) -> TopHoldings:
    """A fund's list from its summary. yfinance would lose the fund over one line without symbol."""
    listed = _modules(answer).get("topHoldings", {}).get("holdings") or []
    lines = tuple(
        ListedHolding(_text(line.get("symbol")), _text(line.get("holdingName")), _number(line.get("holdingPercent")))
        for line in listed
    )
    return TopHoldings(etf, lines, fetched_at)


def profile_of(ticker: str, answer: Any, *, fetched_at: datetime) -> Profile:
    """What an instrument is, from its summary."""
    modules = _modules(answer)
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
        fetched_at=fetched_at,
    )


def _modules(answer: Any) -> dict[str, Any]:
    """The modules of a summary, by name."""
    results = _results(answer, "quoteSummary")
    if not results or not isinstance(results[0], dict):
        raise SourceUnavailable("an empty answer")
    return results[0]


def _results(answer: Any, envelope: str) -> list[Any]:
    try:
        found = answer[envelope]["result"]
    except (KeyError, TypeError) as error:
        raise SourceUnavailable(f"an answer without {envelope}.result") from error
    if not isinstance(found, list):
        raise SourceUnavailable(f"an answer without {envelope}.result")
    return found


def _is_alive(quote: Mapping[str, Any]) -> bool:
    """Whether the symbol still is something: the source goes on to answer for what it has buried, as some fund."""
    is_buried = quote.get("quoteType") == "NONE" or quote.get("exchange") == _GRAVEYARD
    return not is_buried and any(quote.get(name) is not None for name in ("regularMarketPrice", "currency"))


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


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None
