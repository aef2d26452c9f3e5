"""Messages are read strictly: what is wrong is named (contracts 4)."""

import json
import tracemalloc
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from config.topics import ETF_DAILY, ETF_HOLDINGS, STOCK_DAILY
from utils.messages import (
    Bar,
    BarsMessage,
    FxMessage,
    FxRate,
    Holding,
    HoldingsMessage,
    InvalidMessage,
    QuotesMessage,
    decode,
    encode,
    topic_of,
)

NOW = datetime(2025, 12, 30, 22, tzinfo=UTC)
BAR = Bar(
    trade_date=date(2025, 12, 30),
    previous_session=date(2025, 12, 29),
    open_price=None,
    high_price=10.5,
    low_price=9.5,
    close_price=10.0,
    adj_close_price=9.9,
    volume=100,
)
BARS = BarsMessage(
    ticker="SPY",
    fetched_at=NOW,
    observed_at=NOW,
    asset="etf",
    currency="USD",
    mode="merge",
    observed_session=date(2025, 12, 30),
    bars=(BAR,),
)


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(encode(BARS, "run")[1]) | fields).encode()


def test_what_is_sent_is_what_is_read() -> None:
    key, value, headers = encode(BARS, "run-1")
    envelope = decode(key, value, headers)
    assert (key, envelope.message, envelope.run_id) == (b"SPY", BARS, "run-1")


def test_each_message_has_its_topic() -> None:
    holdings = HoldingsMessage(
        ticker="QQQ",
        fetched_at=NOW,
        observed_at=NOW,
        as_of_date=date(2025, 12, 30),
        source="yahoo",
        holdings=(Holding(holding_ticker="NVDA", holding_name="N", holding_percent=9.1, holding_rank=1),),
    )
    fx = FxMessage(
        ticker="KRW", fetched_at=NOW, observed_at=NOW, rates=(FxRate(rate_date=date(2025, 12, 29), usd_per_unit=7e-4),)
    )
    stock = BARS.model_copy(update={"asset": "stock"})
    assert [topic_of(message) for message in (BARS, holdings, fx, stock)] == [
        ETF_DAILY,
        ETF_HOLDINGS,
        STOCK_DAILY,
        STOCK_DAILY,
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"not json", "Invalid JSON"),
        (None, "the value is empty"),
        (changed(kind="news"), "kind"),
        (changed(currency="dollars"), "bars.currency"),
        (changed(bars=[]), "bars.bars"),
        (changed(extra=1), "bars.extra: unknown"),
        (changed(bars=[{"trade_date": "2025-12-30"}]), r"bars\.bars\.0\.adj_close_price: missing"),
        (changed(bars=[BAR.model_dump(mode="json"), 0]), r"bars\.bars\.1: expected an object"),
        (changed(bars=0), r"bars\.bars: Input should be"),
        (b"[]", "kind 'None': expected one of bars, holdings, quotes, profile, fx"),
        (changed(observed_session="yesterday"), "bars.observed_session"),
        (changed(ticker="QQQ"), "expected the ticker QQQ"),
        (changed(bars=[BAR.model_dump(mode="json") | {"close_price": "10"}]), "close_price"),
        (encode(BARS, "r")[1].replace(b'"close_price":10.0', b'"close_price":NaN'), "close_price|JSON"),
    ],
)
def test_an_invalid_message_names_what_is_wrong(value: bytes | None, words: str) -> None:
    with pytest.raises(InvalidMessage, match=words):
        decode(b"SPY", value, encode(BARS, "r")[2])


@pytest.mark.parametrize("name", ["schema_version", "run_id", "produced_at"])
def test_a_missing_header_is_named(name: str) -> None:
    key, value, headers = encode(BARS, "r")
    with pytest.raises(InvalidMessage, match=name):
        decode(key, value, [header for header in headers if header[0] != name])


@pytest.mark.parametrize("run_id", [b"", b"r" * 201, b"a\0b", b"a\nb", b"\xff"])
def test_a_run_id_that_no_table_should_hold_is_refused(run_id: bytes) -> None:
    key, value, headers = encode(BARS, "r")
    with pytest.raises(InvalidMessage, match=r"run_id|headers"):
        decode(key, value, [header for header in headers if header[0] != "run_id"] + [("run_id", run_id)])


def test_another_version_is_refused() -> None:
    key, value, headers = encode(BARS, "r")
    with pytest.raises(InvalidMessage, match="expected 1"):
        decode(key, value, [("schema_version", b"2"), *headers[1:]])


def test_infinity_cannot_even_be_made() -> None:
    with pytest.raises(ValidationError):
        Bar(**(BAR.model_dump() | {"adj_close_price": float("inf")}))


def test_what_sums_and_scores_could_not_hold_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="volume"):
        Bar(**(BAR.model_dump() | {"volume": 2**60}))  # eight sessions of it are more than 2^63
    quote = {"ticker": "AAA", "session_date": "2026-01-23", "currency": "USD", "quote_price": 100.0}
    at = dict.fromkeys(("quoted_at", "fetched_at", "observed_at"), "2026-01-23T21:30:00Z")
    with pytest.raises(ValidationError, match="market_cap"):
        QuotesMessage.model_validate({**quote, **at, "market_cap": 1.0})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b'{"kind":"bars","bars":[' + b"{}," * 300_000 + b"{}]}", "more values than a list of 30000 bars has"),
        (b'{"kind":"bars","bars":[' + b"0," * 400_000 + b"0]}", "more values than a list of 30000 bars has"),
        (b'{"kind":"bars","bars":[' + b"[" * 400_000, "more values than a list of 30000 bars has"),
        (b" " * 9 * 2**20, "9437184 bytes: expected 8388608 at most"),
        (changed(**{f"odd{number}": 0 for number in range(300_000)}), "bars.odd0: unknown"),
        (changed(bars=[{}] * 30_000), "bars.bars.0.adj_close_price: missing"),
        (changed(bars=[BAR.model_dump(mode="json") | {"volume": "1"}] * 30_000), "bars.bars.0.volume"),
    ],
    ids=["objects", "numbers", "lists", "blanks", "unknown names", "empty bars", "wrong bars"],
)
def test_a_message_takes_little_memory_however_much_of_it_is_wrong(value: bytes, words: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMessage, match=words):
            decode(b"SPY", value, encode(BARS, "r")[2])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * 2**20


def test_a_key_that_is_not_the_ticker_is_named_in_short() -> None:
    _, value, headers = encode(BARS, "r")
    with pytest.raises(InvalidMessage, match=f"key b'{50 * 'x'}': expected the ticker SPY"):
        decode(b"x" * 2**20, value, headers)
