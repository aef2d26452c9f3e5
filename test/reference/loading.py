"""A generated market directory (contracts 9) → the tables of a database, as the collectors would have stored it by the
evening of its last session. Frames first, so that special things can be planted before they are copied in.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from config.universe import ETFS, NEW_YORK, SECTORS, UNKNOWN_SECTOR, exchange_calendar
from test.reference.market import Connection
from utils.sessions import close_of, previous_session, sessions_between

# At most ten lines of a list are published.
LINES = 10
FETCHED = "2026-01-01T00:00:00Z"
WRITTEN = {"fetched_at": FETCHED, "changed_at": FETCHED, "run_id": "loaded"}


@dataclass
class Tables:
    """Frames with the columns of the collected tables; days are datetime64."""

    etf_bars: pd.DataFrame
    stock_bars: pd.DataFrame
    holdings: pd.DataFrame
    stocks: pd.DataFrame
    caps: pd.DataFrame
    rates: pd.DataFrame


def tables(directory: Path) -> Tables:
    """The market's files as the collectors store them."""
    bars = pyarrow.parquet.read_table(directory / "bars.parquet").to_pandas()
    bars["date"] = pd.to_datetime(bars["date"])
    profiles = _csv(directory / "profiles.csv").set_index("symbol")
    calendars = {str(symbol): exchange_calendar(exchange) for symbol, exchange in profiles["exchange"].items()}
    currencies = {str(symbol): str(currency) for symbol, currency in profiles["currency"].items()}
    stored = _bars(bars, calendars, currencies)
    etfs = {etf.ticker for etf in ETFS}
    is_etf = stored["ticker"].isin(etfs)
    return Tables(
        etf_bars=stored[is_etf].drop(columns="currency"),
        stock_bars=stored[~is_etf],
        holdings=_holdings(directory),
        stocks=_stocks(profiles[~profiles.index.isin(etfs)]),
        caps=_caps(directory, bars, currencies),
        rates=_csv(directory / "fx.csv").rename(columns={"date": "rate_date"}).assign(**WRITTEN),
    )


def _csv(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, float_precision="round_trip", keep_default_na=False, na_values=[""])
    for name in ("date", "as_of"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name])
    return frame


def _bars(bars: pd.DataFrame, calendars: Mapping[str, str], currencies: Mapping[str, str]) -> pd.DataFrame:
    first, last = bars["date"].min().date(), bars["date"].max().date()
    before: dict[tuple[str, pd.Timestamp], pd.Timestamp] = {}
    for calendar in sorted(set(calendars.values())):
        days = sessions_between(first, last, calendar)
        if days:
            pairs = zip(days, [previous_session(days[0], calendar), *days], strict=False)
            before |= {(calendar, pd.Timestamp(day)): pd.Timestamp(earlier) for day, earlier in pairs}
    frame = bars.rename(columns=_BAR_COLUMNS)
    exchange = frame["ticker"].map(calendars).fillna(NEW_YORK)
    frame["previous_session"] = pd.Series(
        [before.get(key) for key in zip(exchange, frame["trade_date"], strict=True)], index=frame.index
    )
    frame = frame.sort_values(["ticker", "trade_date"], ignore_index=True)
    earlier = frame.groupby("ticker", sort=False)[["trade_date", "close_price"]].shift()
    change = 100 * (frame["close_price"] / earlier["close_price"] - 1)
    frame["price_change_percent"] = change.where(earlier["trade_date"] == frame["previous_session"])
    frame["volume"] = frame["volume"].astype(np.int64)
    frame["currency"] = frame["ticker"].map(currencies).fillna("USD")
    doubts = {"doubt": None, "doubt_value": None, "doubt_session": None, "confirmed_at": None}
    return frame.assign(**doubts, **WRITTEN)


_BAR_COLUMNS = {
    "symbol": "ticker",
    "date": "trade_date",
    "open": "open_price",
    "high": "high_price",
    "low": "low_price",
    "close": "close_price",
    "adj_close": "adj_close_price",
    "split": "split_ratio",
}


def _holdings(directory: Path) -> pd.DataFrame:
    frame = _csv(directory / "holdings.csv").rename(
        columns={"etf": "etf_ticker", "as_of": "as_of_date", "symbol": "holding_ticker", "name": "holding_name"}
    )
    keys = ["etf_ticker", "as_of_date"]
    frame = frame.sort_values([*keys, "weight", "holding_ticker"], ascending=[True, True, False, True])
    frame["holding_rank"] = frame.groupby(keys).cumcount() + 1
    frame["holding_percent"] = (100 * frame["weight"]).round(6)
    frame = frame[frame["holding_rank"] <= LINES].drop(columns="weight")
    return frame.assign(source="loaded", **WRITTEN).reset_index(drop=True)


def _stocks(profiles: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ticker": profiles.index,
            "company_name": profiles["name"].to_numpy(),
            "quote_type": profiles["quote_type"].to_numpy(),
            "sector": [_sector(sector) for sector in profiles["sector"]],
            "source_sector": profiles["sector"].to_numpy(),
            "industry": profiles["industry"].to_numpy(),
            "currency": profiles["currency"].to_numpy(),
            "exchange": profiles["exchange"].to_numpy(),
        }
    ).assign(**WRITTEN)


def _sector(source: object) -> str | None:
    return SECTORS.get(source, UNKNOWN_SECTOR) if isinstance(source, str) else None


def _caps(directory: Path, bars: pd.DataFrame, currencies: Mapping[str, str]) -> pd.DataFrame:
    """A quote for every session of New York: the newest cap then, with that day's close as it was quoted then, before
    any later split."""
    caps = pyarrow.parquet.read_table(directory / "market_caps.parquet").to_pandas()
    caps["date"] = pd.to_datetime(caps["date"])
    bars = bars.sort_values(["symbol", "date"])
    ratio = bars["split"].where(bars["split"] > 0, 1.0)
    until = ratio.groupby(bars["symbol"]).cumprod()
    later = until.groupby(bars["symbol"]).transform("last") / until
    quoted = bars[["symbol", "date"]].assign(quote_price=bars["close"] * later)
    caps = caps.merge(quoted, on=["symbol", "date"], how="inner")
    caps["currency"] = caps["symbol"].map(currencies).fillna("USD")
    sessions = sessions_between(bars["date"].min().date(), bars["date"].max().date())
    days = pd.DataFrame({"session_date": pd.to_datetime(sessions)})
    foreign = caps["symbol"].isin([symbol for symbol, currency in currencies.items() if currency != "USD"])
    at_home = caps[~foreign].assign(session_date=caps["date"])
    abroad = [
        pd.merge_asof(
            days, rows.sort_values("date"), left_on="session_date", right_on="date", tolerance=pd.Timedelta(days=7)
        )
        for _, rows in caps[foreign].groupby("symbol")
    ]
    frame = pd.concat([at_home, *abroad]).dropna(subset=["market_cap"])
    frame["market_cap"] = frame["market_cap"].astype(np.int64)
    instants = {day: close_of(day).isoformat() for day in sessions}
    frame["quoted_at"] = [instants[stamp.date()] for stamp in frame["session_date"]]
    frame = frame.rename(columns={"symbol": "ticker"}).drop(columns="date")
    result: pd.DataFrame = frame.assign(doubt=None, doubt_value=None, confirmed_at=None, **WRITTEN)
    return result.reset_index(drop=True)


def store(connection: Connection, tables: Tables) -> None:
    """Copy everything in."""
    for name, frame in (
        ("collected_00_meta_stock", tables.stocks),
        ("collected_00_market_cap", tables.caps),
        ("collected_00_fx_rate", tables.rates),
        ("collected_01_daily_etf_ohlc", tables.etf_bars),
        ("collected_04_etf_holdings", tables.holdings),
        ("collected_06_daily_stock_history", tables.stock_bars),
    ):
        _copy(connection, name, frame)
    connection.execute("ANALYZE")


def _copy(connection: Connection, table: str, frame: pd.DataFrame) -> None:
    columns: dict[str, Any] = {}
    for name in frame.columns:
        values = pa.Array.from_pandas(frame[name])
        columns[str(name)] = values.cast(pa.date32()) if pa.types.is_timestamp(values.type) else values
    text = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns), text, pyarrow.csv.WriteOptions(include_header=False))
    names = ", ".join(columns)
    with connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(text.getvalue())


def day(session: date) -> pd.Timestamp:
    """A date as the frames have it."""
    return pd.Timestamp(session)
