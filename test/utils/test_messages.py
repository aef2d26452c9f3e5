"""Messages are read strictly: what is wrong is named (contracts 4)."""

import json
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
        (changed(extra=1), "bars.extra"),
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
