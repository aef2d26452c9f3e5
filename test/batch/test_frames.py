"""Results on the driver, a portion of the dates at a time."""

from datetime import date

import pytest
from pyspark.sql import SparkSession

from batch import frames
from batch.frames import collected, first_bar_day

DAYS = [date(2026, 1, 20), date(2026, 1, 21), date(2026, 1, 22)]


@pytest.mark.parametrize(("at_once", "portions"), [(2, [DAYS[:2], DAYS[2:]]), (3, [DAYS]), (250, [DAYS])])
def test_rows_come_by_date_in_portions(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, at_once: int, portions: list[list[date]]
) -> None:
    monkeypatch.setattr(frames, "DATES_AT_ONCE", at_once)
    one = spark.createDataFrame([(DAYS[0], "A"), (DAYS[2], "B"), (DAYS[2], "C")], "as_of_date date, ticker string")
    other = spark.createDataFrame([(DAYS[1], 1.5)], "as_of_date date, weight double")
    found = list(collected(DAYS, one, other))
    assert [portion for portion, _ in found] == portions
    tickers = {day: sorted(row["ticker"] for row in rows[day]) for portion, (rows, _) in found for day in portion}
    assert tickers == {DAYS[0]: ["A"], DAYS[1]: [], DAYS[2]: ["B", "C"]}
    weights = {day: [row["weight"] for row in rows[day]] for portion, (_, rows) in found for day in portion}
    assert weights == {DAYS[0]: [], DAYS[1]: [1.5], DAYS[2]: []}
    assert not one.is_cached


def test_without_dates_there_is_nothing(spark: SparkSession) -> None:
    assert list(collected([], spark.sql("SELECT current_date() AS as_of_date"))) == []


def test_the_oldest_bar_stands_for_the_start_of_twenty_sessions() -> None:
    assert first_bar_day(date(2026, 1, 23)) == date(2025, 12, 13)  # ten days before 23 December
