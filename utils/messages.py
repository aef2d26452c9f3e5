"""What travels through Kafka: one typed message per kind, strict on reading (contracts 4).

Units: prices in the instrument's currency, `holding_percent` in percent, caps in the row's currency, dates are
sessions, `_at` instants in UTC. `fetched_at` is wall time when the answer arrived, `observed_at` the platform's clock.
Key = ticker, headers = `schema_version`, `run_id`, `produced_at`, `operation` (of the run's item; the kind if it is not
there). What is not valid raises InvalidMessage.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from config.topics import ETF_DAILY, ETF_HOLDINGS, STOCK_DAILY, TOPIC_CONFIG

SCHEMA_VERSION = 1
LONGEST_RUN_ID = 200
# What is larger is not read: a few hundred kilobytes of empty objects would fill the memory, and again at each restart.
LARGEST_VALUE = int(TOPIC_CONFIG["max.message.bytes"])
LONGEST_LIST = 30_000
# The bars of the longest list have ten fields each; what is left is for the message's own and for names.
MOST_COMMAS, MOST_BRACKETS = LONGEST_LIST * 10 + 10_000, LONGEST_LIST + 1_000

SYMBOL = r"[A-Z0-9^][A-Z0-9.\-=^]{0,19}"
"""How the source writes an instrument, whole: NVDA, 005930.KS, BRK-B, ^GSPC, KRW=X."""
Ticker = Annotated[str, Field(pattern=f"^{SYMBOL}$")]
Name = Annotated[str, Field(max_length=200)]
Currency = Annotated[str, Field(pattern=r"^[A-Za-z]{3}$")]
# Absurd, however units are mistaken; within them sums and scores fit their columns.
MOST_SHARES, LEAST_CAP = 10**13, 10**6
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]


class InvalidMessage(ValueError):
    """A message that cannot be read: it becomes a dead letter, the ones around it are stored."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class _Message(_Model):
    ticker: Ticker
    fetched_at: AwareDatetime
    observed_at: AwareDatetime


class Bar(_Model):
    """One session of one instrument, as the source quotes it with auto_adjust=False (rules 2).

    `previous_session` is the session before on the instrument's own exchange: price_change_percent needs a bar on it.
    """

    trade_date: date
    previous_session: date
    open_price: Finite | None
    high_price: Finite | None
    low_price: Finite | None
    close_price: Finite
    adj_close_price: Finite
    volume: Annotated[int, Field(ge=0, le=MOST_SHARES)]
    dividend: Finite = 0.0
    split_ratio: Annotated[float, Field(ge=0, le=1e6)] = 0.0


class BarsMessage(_Message):
    """All bars fetched for one instrument in one go. `replace`: its whole history, restated (rules 2)."""

    kind: Literal["bars"] = "bars"
    asset: Literal["etf", "stock"]
    currency: Currency
    mode: Literal["merge", "replace"]
    observed_session: date = Field(description="the last session closed when it was fetched: ends doubts (rules 2)")
    bars: Annotated[tuple[Bar, ...], FailFast(), Field(min_length=1, max_length=LONGEST_LIST)]


class Holding(_Model):
    """One line of an ETF's list. `holding_percent` is percent of the fund, 7.41."""

    holding_ticker: Ticker
    holding_name: Name
    holding_percent: Annotated[float, Field(gt=0, le=1000)]
    holding_rank: Annotated[int, Field(ge=1)]
    shares: Finite | None = None
    market_value: Annotated[float, Field(allow_inf_nan=False, ge=-1e16, le=1e16)] | None = None


class HoldingsMessage(_Message):
    """An ETF's whole snapshot: it replaces all rows of that ETF and date. `ticker` is the ETF."""

    kind: Literal["holdings"] = "holdings"
    as_of_date: date
    source: Name
    holdings: Annotated[tuple[Holding, ...], FailFast(), Field(min_length=1, max_length=5000)]


class QuotesMessage(_Message):
    """A stock's whole-company market cap, with the price of the same answer (rules 4, Market cap)."""

    kind: Literal["quotes"] = "quotes"
    session_date: date
    market_cap: Annotated[float, Field(ge=LEAST_CAP, lt=1e20)]
    currency: Currency
    quote_price: Annotated[float, Field(gt=0, lt=1e12)]
    quoted_at: AwareDatetime


class ProfileMessage(_Message):
    """What a stock is. A field that is None is not known from this answer and keeps its stored value."""

    kind: Literal["profile"] = "profile"
    company_name: Name | None = None
    quote_type: Annotated[str, Field(max_length=30)] | None = None
    sector: Annotated[str, Field(max_length=60)] | None = None
    source_sector: Annotated[str, Field(max_length=60)] | None = None
    industry: Name | None = None
    currency: Currency | None = None
    exchange: Annotated[str, Field(max_length=20)] | None = None
    issuer: Name | None = None


class FxRate(_Model):
    """US dollars for one unit of a currency, at the close of that day."""

    rate_date: date
    usd_per_unit: Annotated[float, Field(gt=0, lt=1e6)]


class FxMessage(_Message):
    """Rates of one currency. `ticker` is the currency's code as prices name it, such as KRW or GBp."""

    ticker: Currency
    kind: Literal["fx"] = "fx"
    rates: Annotated[tuple[FxRate, ...], FailFast(), Field(min_length=1, max_length=LONGEST_LIST)]


Message = BarsMessage | HoldingsMessage | QuotesMessage | ProfileMessage | FxMessage
Kind = Literal["bars", "holdings", "quotes", "profile", "fx"]
_MODELS: Mapping[Any, type[_Message]] = {model.model_fields["kind"].default: model for model in get_args(Message)}
_LISTS: Mapping[Any, tuple[str, type[_Model]]] = {
    "bars": ("bars", Bar),
    "holdings": ("holdings", Holding),
    "fx": ("rates", FxRate),
}
# The names an object must have, and those it may have.
_NAMES = {
    model: (
        frozenset(name for name, field in model.model_fields.items() if field.is_required()),
        frozenset(model.model_fields),
    )
    for model in (*_MODELS.values(), *(of for _, of in _LISTS.values()))
}
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


@dataclass(frozen=True)
class Envelope:
    """A message on its way: what it says, which run sent it, and as which operation."""

    message: Message
    run_id: str
    operation: str
    produced_at: datetime


def topic_of(message: Message) -> str:
    """The topic a message belongs to."""
    if isinstance(message, HoldingsMessage):
        return ETF_HOLDINGS
    return ETF_DAILY if isinstance(message, BarsMessage) and message.asset == "etf" else STOCK_DAILY


def encode(message: Message, run_id: str, operation: str | None = None) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers for the broker. `operation`: the item's, if it is not called as the kind.

    NaN and infinity are in no message: its type refuses them when it is made.
    """
    headers = {
        "schema_version": str(SCHEMA_VERSION),
        "run_id": run_id,
        "produced_at": datetime.now(UTC).isoformat(),
        "operation": operation or message.kind,  # an item is accounted for even when its value cannot be read
    }
    return (
        message.ticker.encode(),
        message.model_dump_json().encode(),
        [(name, value.encode()) for name, value in headers.items()],
    )


def decode(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Read a message strictly.

    Raises InvalidMessage that names the first thing wrong: unknown version, missing field, wrong type, NaN, other key.
    """
    named: Mapping[str, bytes] = {name: given for name, given in headers if given is not None}
    missing = [name for name in ("schema_version", "run_id", "produced_at") if name not in named]
    if missing:
        raise InvalidMessage(f"header {missing[0]} is missing")
    if named["schema_version"] != str(SCHEMA_VERSION).encode():
        raise InvalidMessage(f"schema_version {named['schema_version']!r}: expected {SCHEMA_VERSION}")
    if value is None:
        raise InvalidMessage("the value is empty")
    _check_shape(value)
    try:
        message = _MESSAGE.validate_json(value, strict=True)
        produced_at = datetime.fromisoformat(named["produced_at"].decode())
        run_id = named["run_id"].decode()
        operation = named.get("operation", message.kind.encode()).decode()
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidMessage(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise InvalidMessage(f"headers: {error}") from None
    if not 0 < len(run_id) <= LONGEST_RUN_ID or not run_id.isprintable():
        raise InvalidMessage(f"run_id: expected 1 to {LONGEST_RUN_ID} characters, found {len(run_id)} or others")
    if key != message.ticker.encode():
        found = key[:50] if key else key
        raise InvalidMessage(f"key {found!r}: expected the ticker {message.ticker}")
    return Envelope(message, run_id, operation, produced_at)


def _check_shape(value: bytes) -> None:
    """Refuse what pydantic would keep an error for each of, with all that is around it: it stops at no first one."""
    if len(value) > LARGEST_VALUE:
        raise InvalidMessage(f"{len(value)} bytes: expected {LARGEST_VALUE} at most")
    if value.count(b",") > MOST_COMMAS or value.count(b"{") + value.count(b"[") > MOST_BRACKETS:
        raise InvalidMessage(f"more values than a list of {LONGEST_LIST} bars has")
    try:
        given = from_json(value)
    except ValueError as error:
        raise InvalidMessage(f"Invalid JSON: {error}") from None
    kind = given.get("kind") if isinstance(given, dict) else None
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise InvalidMessage(f"kind {str(kind)[:50]!r}: expected one of {', '.join(_MODELS)}")
    _check_names(model, given, kind)
    if kind in _LISTS:
        name, of = _LISTS[kind]
        for at, each in enumerate(given[name] if isinstance(given[name], list) else ()):
            _check_names(of, each, kind, name, at)


def _check_names(of: type[_Model], given: object, *where: object) -> None:
    required, known = _NAMES[of]
    if isinstance(given, dict) and required.issubset(given) and known.issuperset(given):
        return
    place = ".".join(map(str, where))
    if not isinstance(given, dict):
        raise InvalidMessage(f"{place}: expected an object")
    for name in given:
        if name not in known:
            raise InvalidMessage(f"{place}.{name[:50]}: unknown")
    raise InvalidMessage(f"{place}.{min(required.difference(given))}: missing")
