"""What a market directory may look like, and how each mistake is named."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from test.replay.market import MarketError, load_market


def replace_cell(directory: Path, table: str, row: int, column: str, value: str) -> None:
    """Overwrite one cell; row 1 is the first row of data."""
    path = directory / f"{table}.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[row - 1, column] = value
    frame.to_csv(path, index=False)


def refusal(directory: Path) -> str:
    with pytest.raises(MarketError) as caught:
        load_market(directory)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_market_is_read(market_dir: Path) -> None:
    market = load_market(market_dir)
    assert set(market.bars) == {"ACME", "999010.KS", "SPY", "NEW", "KRW=X"}
    assert market.bars["ACME"].close.tolist() == [50, 52, 51, 53, 52]
    assert np.isnan(market.bars["999010.KS"].open).all()
    assert market.bars["999010.KS"].volume.tolist() == [0] * 5  # a missing volume
    assert market.bars["KRW=X"].close.tolist() == [1250, 1600]
    assert [snapshot.as_of.day for snapshot in market.holdings["SPY"]] == [1, 23]
    assert market.profiles["ACME"].sector == "Industrials"
    assert (market.name, market.synthetic) == ("market", False)


@pytest.mark.parametrize("form", ["csv.gz", "parquet"])
def test_the_three_forms_are_one(market_dir: Path, form: str) -> None:
    expected = load_market(market_dir)
    for path in list(market_dir.glob("*.csv")):
        if form == "csv.gz":
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        else:
            frame = pd.read_csv(path, float_precision="round_trip")
            for day in frame.columns.intersection(["date", "as_of"]):
                frame[day] = pd.to_datetime(frame[day])
            for name in frame.columns.intersection(["symbol", "etf"]):
                frame[name] = frame[name].astype("category")
            frame.to_parquet(path.with_suffix(".parquet"))
        path.unlink()
    market = load_market(market_dir)
    for symbol, bars in expected.bars.items():
        for given, found in zip(bars, market.bars[symbol], strict=True):
            np.testing.assert_array_equal(given, found)
    assert market.holdings == expected.holdings
    assert market.profiles == expected.profiles


WRONG_CELLS = [
    ("bars", 3, "close", "-1", "expected a price above 0, found -1"),
    ("bars", 3, "close", "0", "expected a price above 0, found 0"),
    ("bars", 3, "close", "", "expected a price above 0, found an empty cell"),
    ("bars", 3, "close", "inf", "expected a price above 0, found inf"),
    ("bars", 2, "open", "abc", "expected a price above 0, found abc"),
    ("bars", 2, "date", "21.01.2026", "expected a date such as 2026-01-23, found 21.01.2026"),
    ("bars", 2, "date", "2026-02-30", "expected a date such as 2026-01-23, found 2026-02-30"),
    ("bars", 2, "date", "", "expected a date from 2000-01-01 on, found an empty cell"),
    ("bars", 4, "symbol", "", "expected a text, found an empty cell"),
    ("bars", 4, "volume", "-5", "expected a number of shares, found -5"),
    ("holdings", 2, "weight", "12", "expected a fraction from 0 to 1, found 12"),
    ("profiles", 3, "quote_type", "BOND", "expected one of EQUITY, ETF, CURRENCY, found BOND"),
    ("profiles", 1, "timezone", "Mars/Base", "expected a time zone such as America/New_York, found Mars/Base"),
    ("market_caps", 2, "market_cap", "0", "expected an amount above 0, found 0"),
    ("fx", 1, "usd_per_unit", "nan", "expected a rate above 0, found nan"),
]


@pytest.mark.parametrize(("table", "row", "column", "value", "expected"), WRONG_CELLS)
def test_a_wrong_cell_is_named(market_dir: Path, table: str, row: int, column: str, value: str, expected: str) -> None:
    replace_cell(market_dir, table, row, column, value)
    assert refusal(market_dir) == f"{market_dir / table}.csv: row {row}, column {column}: {expected}"


def test_a_key_that_is_there_twice_is_named(market_dir: Path) -> None:
    replace_cell(market_dir, "bars", 2, "date", "2026-01-20")
    assert refusal(market_dir).endswith(
        "bars.csv: row 2, column symbol, date: expected a key that is there once, found ACME 2026-01-20 as in row 1"
    )


def test_what_is_missing_is_named(market_dir: Path, tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").endswith("nowhere: expected a market directory, found nothing")
    frame = pd.read_csv(market_dir / "bars.csv")
    frame.drop(columns="adj_close").to_csv(market_dir / "bars.csv", index=False)
    assert "bars.csv: expected column adj_close once, found columns symbol, date, open" in refusal(market_dir)
    frame.drop(columns=["volume", "dividend", "split"]).to_csv(market_dir / "bars.csv", index=False)
    assert load_market(market_dir).bars["ACME"].volume.tolist() == [0] * 5
    (market_dir / "fx.csv").unlink()
    assert "expected one of fx{.csv,.csv.gz,.parquet}, found no such file" in refusal(market_dir)


def test_a_row_with_too_few_cells_and_an_empty_market(market_dir: Path) -> None:
    path = market_dir / "bars.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "ACME,2026-01-30", *lines[3:]]))
    assert refusal(market_dir).endswith("bars.csv: row 3: expected 10 columns, found 2")
    path.write_text(lines[0] + "\n")
    assert "expected at least one bar" in refusal(market_dir)
    (market_dir / "bars.parquet").write_bytes(b"")
    assert "found bars.csv and bars.parquet" in refusal(market_dir)


def test_two_lines_of_one_ticker_are_legal_but_not_the_same_line_twice(market_dir: Path) -> None:
    replace_cell(market_dir, "holdings", 3, "symbol", "A")  # Company B is called A, too
    assert len(load_market(market_dir).holdings["SPY"][1].holdings) == 12
    replace_cell(market_dir, "holdings", 3, "name", "Company A")
    assert "holdings.csv: row 3" in refusal(market_dir)


def test_the_marker_says_that_a_market_is_invented(market_dir: Path) -> None:
    (market_dir / "market.json").write_text(json.dumps({"name": "demo", "synthetic": True}))
    market = load_market(market_dir)
    assert (market.name, market.synthetic) == ("demo", True)
    (market_dir / "market.json").write_text("{")
    assert "market.json: expected JSON" in refusal(market_dir)
