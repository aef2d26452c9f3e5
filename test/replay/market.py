"""A market directory (contracts 9): read, strictly checked, kept as arrays, one set an instrument.

Prices are in the instrument's currency "as known at the end": adjusted for every split of the file. `adj_close` is also
adjusted for dividends. Units: market caps in the profile's currency, weights as fractions, volume in shares.
NaN is allowed in open, high and low only (sources that know closes only); a missing volume, dividend or split is 0.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeAlias
from zoneinfo import available_timezones

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

Dates: TypeAlias = npt.NDArray[np.datetime64]
Numbers: TypeAlias = npt.NDArray[np.float64]

SUFFIXES = (".csv", ".csv.gz", ".parquet")
MARKER = "market.json"
QUOTE_TYPES = ("EQUITY", "ETF", "CURRENCY")
FIRST_DAY = date(2000, 1, 1)  # the calendars know no session before


class MarketError(Exception):
    """The directory is not a market: one line that names file, row (1 = first row of data) and column."""


class Bars(NamedTuple):
    """Daily bars of one instrument, oldest first; arrays of one length."""

    dates: Dates
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    adj_close: Numbers
    volume: Numbers
    dividend: Numbers
    split: Numbers


class Series(NamedTuple):
    """A value a day, oldest first."""

    dates: Dates
    values: Numbers


class Profile(NamedTuple):
    """What the source says of an instrument besides prices."""

    symbol: str
    quote_type: str
    name: str
    sector: str | None
    industry: str | None
    currency: str
    exchange: str
    timezone: str


class Holding(NamedTuple):
    """One line of an ETF's holdings; weight is a fraction."""

    symbol: str
    name: str
    weight: float


class Snapshot(NamedTuple):
    """The holdings of one ETF as of a day, heaviest first (ties by symbol)."""

    as_of: date
    holdings: tuple[Holding, ...]


@dataclass(frozen=True)
class Market:
    """A loaded market directory."""

    name: str
    synthetic: bool
    bars: Mapping[str, Bars]
    holdings: Mapping[str, tuple[Snapshot, ...]]
    profiles: Mapping[str, Profile]
    market_caps: Mapping[str, Series]
    first_session: date
    last_session: date


# How a cell may look. `missing`: what an empty cell becomes; None refuses it.
class Text(NamedTuple):
    name: str
    missing: str | None = None
    optional: bool = False


class Day(NamedTuple):
    name: str
    optional: bool = False


class Number(NamedTuple):
    name: str
    expected: str
    above: float = 0.0  # 0 itself is refused, -1 stands for "0 or more"
    below: float = math.inf
    missing: float | None = None
    optional: bool = False


Column: TypeAlias = Text | Day | Number

_PRICE = "a price above 0"
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "bars": (
        Text("symbol"),
        Day("date"),
        Number("open", _PRICE, missing=math.nan),
        Number("high", _PRICE, missing=math.nan),
        Number("low", _PRICE, missing=math.nan),
        Number("close", _PRICE),
        Number("adj_close", _PRICE),
        Number("volume", "a number of shares", above=-1.0, missing=0.0, optional=True),
        Number("dividend", "an amount, 0 for none", above=-1.0, missing=0.0, optional=True),
        Number("split", "new shares for an old one, 0 for none", above=-1.0, missing=0.0, optional=True),
    ),
    "holdings": (
        Text("etf"),
        Day("as_of"),
        Text("symbol"),
        Text("name", missing=""),
        Number("weight", "a fraction from 0 to 1", above=-1.0, below=1.0),
    ),
    "profiles": (
        Text("symbol"),
        Text("quote_type"),
        Text("name", missing=""),
        Text("sector", missing=""),
        Text("industry", missing=""),
        Text("currency"),
        Text("exchange"),
        Text("timezone"),
    ),
    "market_caps": (Text("symbol"), Day("date"), Number("market_cap", "an amount above 0")),
    "fx": (Text("currency"), Day("date"), Number("usd_per_unit", "a rate above 0")),
}
# Two lines of one ticker in a list of holdings are legal (the source has them), the same line twice is not.
_KEYS: dict[str, tuple[str, ...]] = {
    "bars": ("symbol", "date"),
    "holdings": ("etf", "as_of", "symbol", "name"),
    "profiles": ("symbol",),
    "market_caps": ("symbol", "date"),
    "fx": ("currency", "date"),
}


def load_market(directory: Path | str) -> Market:
    """Read and check a market directory.

    Raises MarketError, one line, at the first thing that is wrong.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise MarketError(f"{directory}: expected a market directory, found {_found(directory)}")
    profiles = _profiles(_Table(directory, "profiles"))
    bars = _bars(_Table(directory, "bars"))
    if not bars:
        raise MarketError(f"{directory}/bars: expected at least one bar, found none")
    first = min(series.dates[0] for series in bars.values()).astype(object)
    last = max(series.dates[-1] for series in bars.values()).astype(object)
    caps = _series(_Table(directory, "market_caps"), "symbol", "market_cap")
    rates = _series(_Table(directory, "fx"), "currency", "usd_per_unit")
    for currency, rate in rates.items():
        bars.setdefault(fx_symbol(currency), _fx_bars(rate))
        profiles.setdefault(fx_symbol(currency), default_profile(fx_symbol(currency)))
    holdings = _holdings(_Table(directory, "holdings"))
    marker = _marker(directory)
    pa.default_memory_pool().release_unused()
    return Market(
        name=str(marker.get("name", directory.name)),
        synthetic=bool(marker.get("synthetic", False)),
        bars=bars,
        holdings=holdings,
        profiles=profiles,
        market_caps=caps,
        first_session=first,
        last_session=last,
    )


def fx_symbol(currency: str) -> str:
    """The source's symbol of a currency: units of it for one US dollar.

    >>> fx_symbol("KRW")
    'KRW=X'
    """
    return f"{currency}=X"


def write_market(
    directory: Path | str,
    *,
    bars: Iterable[Mapping[str, Any]],
    holdings: Iterable[Mapping[str, Any]] = (),
    profiles: Iterable[Mapping[str, Any]] = (),
    market_caps: Iterable[Mapping[str, Any]] = (),
    fx: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write a small market by hand, as CSV: rows as dictionaries, a missing key is an empty cell.

    A bar needs symbol, date and close; open, high, low and adj_close default to the close. A profile needs its symbol;
    the rest defaults to a US stock.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    stock = {"quote_type": "EQUITY", "currency": "USD", "exchange": "NYQ", "timezone": "America/New_York"}
    tables: dict[str, list[dict[str, Any]]] = {
        "bars": [dict.fromkeys(("open", "high", "low", "adj_close"), row["close"]) | dict(row) for row in bars],
        "holdings": [dict(row) for row in holdings],
        "profiles": [stock | {"name": row["symbol"]} | dict(row) for row in profiles],
        "market_caps": [dict(row) for row in market_caps],
        "fx": [dict(row) for row in fx],
    }
    for stem, rows in tables.items():
        names = [column.name for column in _COLUMNS[stem]]
        columns = {name: pa.array([_cell(row.get(name)) for row in rows], pa.string()) for name in names}
        pyarrow.csv.write_csv(pa.table(columns), directory / f"{stem}.csv")
    return directory


def _cell(value: object) -> str | None:
    return None if value is None else str(value)


class _Table:
    """One file of the directory: its columns on demand, checked, and refusals that name it."""

    def __init__(self, directory: Path, stem: str) -> None:
        self.stem = stem
        found = [directory / f"{stem}{suffix}" for suffix in SUFFIXES if (directory / f"{stem}{suffix}").is_file()]
        if len(found) != 1:
            names = " and ".join(path.name for path in found) or "no such file"
            raise MarketError(f"{directory}: expected one of {stem}{{{','.join(SUFFIXES)}}}, found {names}")
        self.path = found[0]
        self._read: Callable[[str], Any]
        self._names: list[str]
        if self.path.suffix == ".parquet":
            file = self._open_parquet()
            # a column at a time: the whole table beside the arrays would double the memory this process keeps
            self._read = lambda name: file.read(columns=[name], use_threads=False).column(name)
            self._names, self._rows = file.schema_arrow.names, file.metadata.num_rows
        else:
            table = self._read_csv()
            self._read, self._names, self._rows = table.column, table.column_names, table.num_rows
        for column in _COLUMNS[stem]:
            count = self._names.count(column.name)
            if count > 1 or (count == 0 and not column.optional):
                names = ", ".join(self._names)
                raise MarketError(f"{self.path}: expected column {column.name} once, found columns {names}")

    def columns(self) -> dict[str, Any]:
        """name → array of every column of the contract: numbers, dates or pyarrow strings."""
        result: dict[str, Any] = {}
        for column in _COLUMNS[self.stem]:
            if column.name not in self._names:
                result[column.name] = np.zeros(self._rows)
            elif isinstance(column, Text):
                result[column.name] = self._texts(column)
            elif isinstance(column, Day):
                result[column.name] = self._days(column)
            else:
                result[column.name] = self._numbers(column)
        return result

    def order(self, columns: Mapping[str, Any]) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.int64]]]:
        """Row numbers in the order of the table's key, and its columns as codes. Refuses a key that is there twice."""
        codes = {name: _codes(columns[name]) for name in _KEYS[self.stem]}
        order = np.lexsort(tuple(reversed(codes.values())))
        if len(order) > 1:
            same = np.logical_and.reduce([code[order][1:] == code[order][:-1] for code in codes.values()])
            if same.any():
                at = int(np.flatnonzero(same)[0])
                first, second = int(order[at]), int(order[at + 1])
                key = " ".join(str(columns[name][second]) for name in codes)
                raise self.refusal(second, ", ".join(codes), "a key that is there once", f"{key} as in row {first + 1}")
        return order.astype(np.int64), codes

    def refusal(self, row: int, column: str, expected: str, found: object) -> MarketError:
        """The one line; `row` counts from 0 here and from 1 in the line."""
        return MarketError(f"{self.path}: row {row + 1}, column {column}: expected {expected}, found {found}")

    def _read_csv(self) -> Any:
        short: list[tuple[int, int, int]] = []

        def refuse(row: Any) -> str:
            short.append((row.number or 0, row.expected_columns, row.actual_columns))
            return "skip"

        text = {column.name: pa.string() for column in _COLUMNS[self.stem]}
        try:
            table = pyarrow.csv.read_csv(
                self.path,
                read_options=pyarrow.csv.ReadOptions(use_threads=False),
                parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=refuse),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=text, strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=True
                ),
            )
        except (pa.ArrowException, OSError) as error:
            raise MarketError(f"{self.path}: expected a CSV file, found {_one_line(error)}") from error
        if short:
            number, expected, actual = short[0]
            raise MarketError(f"{self.path}: row {number - 1}: expected {expected} columns, found {actual}")
        return table

    def _open_parquet(self) -> Any:
        try:
            return pyarrow.parquet.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise MarketError(f"{self.path}: expected a parquet file, found {_one_line(error)}") from error

    def _raw(self, name: str) -> Any:
        values = self._read(name).combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        return values

    def _texts(self, column: Text) -> Any:
        values = self._raw(column.name).cast(pa.string())
        empty = np.asarray(pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True))
        if empty.any():
            if column.missing is None:
                raise self.refusal(int(np.flatnonzero(empty)[0]), column.name, "a text", "an empty cell")
            values = pc.fill_null(values, column.missing)
        return values

    def _days(self, column: Day) -> Dates:
        values = self._raw(column.name)
        try:
            days = values.cast(pa.date32())
        except pa.ArrowInvalid:
            self._refuse_day(column, values)
        result: Dates = days.to_numpy(zero_copy_only=False).astype("datetime64[D]")
        wrong = np.isnat(result) | (result < np.datetime64(FIRST_DAY))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise self.refusal(row, column.name, f"a date from {FIRST_DAY} on", _shown(values[row]))
        return result

    def _refuse_day(self, column: Day, values: Any) -> NoReturn:
        for row, value in enumerate(values):
            try:
                value.cast(pa.date32())
            except pa.ArrowInvalid:
                raise self.refusal(row, column.name, "a date such as 2026-01-23", _shown(value)) from None
        raise MarketError(f"{self.path}: column {column.name}: expected dates, found {values.type}")

    def _numbers(self, column: Number) -> Numbers:
        values = self._raw(column.name)
        try:
            result: Numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            row = next((row for row, value in enumerate(values) if not _is_number(value.as_py())), 0)
            raise self.refusal(row, column.name, column.expected, _shown(values[row])) from None
        missing = np.isnan(result)
        if missing.any():
            if column.missing is None:
                row = int(np.flatnonzero(missing)[0])
                raise self.refusal(row, column.name, column.expected, _shown(values[row]))
            result = np.where(missing, column.missing, result)
        low_enough = result >= 0 if column.above < 0 else result > column.above
        wrong = ~(np.isnan(result) | (low_enough & (result <= column.below) & ~np.isinf(result)))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise self.refusal(row, column.name, column.expected, _shown(values[row]))
        return result


def _bars(table: _Table) -> dict[str, Bars]:
    columns = table.columns()
    order, codes = table.order(columns)
    arrays = [columns[name][order] for name in Bars._fields[1:]]
    dates = columns["date"][order]
    groups = _groups(columns["symbol"], codes["symbol"], order)
    return {symbol: Bars(dates[rows], *(array[rows] for array in arrays)) for symbol, rows in groups}


def _series(table: _Table, key: str, value: str) -> dict[str, Series]:
    columns = table.columns()
    order, codes = table.order(columns)
    dates, values = columns["date"][order], columns[value][order]
    return {name: Series(dates[rows], values[rows]) for name, rows in _groups(columns[key], codes[key], order)}


def _fx_bars(rate: Series) -> Bars:
    close = 1.0 / rate.values
    none = np.zeros(len(close))
    return Bars(rate.dates, close, close, close, close, close, none, none, none)


def _holdings(table: _Table) -> dict[str, tuple[Snapshot, ...]]:
    columns = table.columns()
    order, _ = table.order(columns)
    etfs, symbols, names = (columns[name].to_pylist() for name in ("etf", "symbol", "name"))
    days, weights = columns["as_of"].tolist(), columns["weight"].tolist()
    lists: dict[str, dict[date, list[Holding]]] = {}
    for row in order.tolist():
        holding = Holding(symbols[row], names[row], weights[row])
        lists.setdefault(etfs[row], {}).setdefault(days[row], []).append(holding)
    return {
        etf: tuple(
            Snapshot(day, tuple(sorted(rows, key=lambda holding: (-holding.weight, holding.symbol))))
            for day, rows in sorted(snapshots.items())
        )
        for etf, snapshots in lists.items()
    }


def _profiles(table: _Table) -> dict[str, Profile]:
    columns = table.columns()
    table.order(columns)
    zones = available_timezones()
    profiles: dict[str, Profile] = {}
    rows = zip(*(columns[name].to_pylist() for name in Profile._fields), strict=True)
    for row, cells in enumerate(rows):
        profile = Profile(*cells)
        if profile.quote_type not in QUOTE_TYPES:
            raise table.refusal(row, "quote_type", f"one of {', '.join(QUOTE_TYPES)}", profile.quote_type)
        if profile.timezone not in zones:
            raise table.refusal(row, "timezone", "a time zone such as America/New_York", profile.timezone)
        if len(profile.currency) != 3:
            raise table.refusal(row, "currency", "three letters such as USD", profile.currency)
        profiles[profile.symbol] = profile._replace(sector=profile.sector or None, industry=profile.industry or None)
    return profiles


def default_profile(symbol: str) -> Profile:
    """What an instrument without a profile is taken for when its bars are asked for, from its symbol's ending."""
    for ending, (currency, exchange, timezone) in _ENDINGS.items():
        if symbol.endswith(ending):
            return Profile(symbol, "EQUITY", "", None, None, currency, exchange, timezone)
    if symbol.endswith("=X"):
        currency = symbol.removesuffix("=X")[-3:]
        return Profile(symbol, "CURRENCY", f"USD/{currency}", None, None, currency, "CCY", "Europe/London")
    return Profile(symbol, "EQUITY", "", None, None, "USD", "NYQ", "America/New_York")


_ENDINGS = {
    ".KS": ("KRW", "KSC", "Asia/Seoul"),
    ".KQ": ("KRW", "KOE", "Asia/Seoul"),
    ".T": ("JPY", "JPX", "Asia/Tokyo"),
    ".L": ("GBP", "LSE", "Europe/London"),
    ".TO": ("CAD", "TOR", "America/Toronto"),
    ".HK": ("HKD", "HKG", "Asia/Hong_Kong"),
}


def _marker(directory: Path) -> dict[str, Any]:
    path = directory / MARKER
    if not path.is_file():
        return {}
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MarketError(f"{path}: expected JSON, found {_one_line(error)}") from error
    if not isinstance(marker, dict):
        raise MarketError(f"{path}: expected an object, found {type(marker).__name__}")
    return marker


def _codes(values: Any) -> npt.NDArray[np.int64]:
    """Whole numbers that sort and compare as the values do."""
    if isinstance(values, np.ndarray):
        return values.astype(np.int64)
    encoded = values.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    rank = np.empty(len(words), dtype=np.int64)
    rank[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words))
    result: npt.NDArray[np.int64] = rank[encoded.indices.to_numpy()]
    return result


def _groups(names: Any, codes: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> Sequence[tuple[str, slice]]:
    """name → its rows, in a table that is sorted by name."""
    if not len(order):
        return []
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]).tolist()
    ends = [*starts[1:], len(order)]
    return [(names[int(order[start])].as_py(), slice(start, end)) for start, end in zip(starts, ends, strict=True)]


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return value is None
    return True


def _shown(value: Any) -> str:
    found = value.as_py()
    return "an empty cell" if found is None else str(found)


def _found(path: Path) -> str:
    return "a file" if path.exists() else "nothing"


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
