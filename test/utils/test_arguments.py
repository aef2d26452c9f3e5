"""How a date is written on a command line, by every program that takes one."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date

import pytest

from collector import arguments
from consumer import doubts
from utils.arguments import a_date, a_month, parse_dates
from utils.program import USAGE, UsageError


def test_a_day_and_a_month() -> None:
    assert a_date("2026-01-23") == date(2026, 1, 23)
    assert a_month("2026-01") == date(2026, 1, 1)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-1-5", "20260105", "2026-W05-1", "2026-01", "tomorrow", "", "٢٠٢٦-01-05"]
)
def test_what_is_no_day_is_named(text: str) -> None:
    with pytest.raises(ArgumentTypeError) as error:
        a_date(text)
    assert str(error.value) == f"expected YYYY-MM-DD, got {text!r}"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-1", "202601", "2026-W05", "2026-W", "2026-01-05", "2026", "January", ""]
)
def test_what_is_no_month_is_named(text: str) -> None:
    with pytest.raises(ArgumentTypeError) as error:
        a_month(text)
    assert str(error.value) == f"expected YYYY-MM, got {text!r}"


def test_producers_and_doubts_take_days_alike(capsys: pytest.CaptureFixture[str]) -> None:
    for parse, given in (
        (arguments.parser("").parse_args, ["--as-of", "2026-W05-1"]),
        (doubts.main, ["confirm", "TSLA", "2026-W05-1", "--note", "as in the report"]),
    ):
        with pytest.raises(SystemExit) as end:
            parse(given)
        assert end.value.code == USAGE
        assert capsys.readouterr().err.endswith(": expected YYYY-MM-DD, got '2026-W05-1'\n")


def parsed(text: str, *, written: str = "YYYY-MM-DD") -> tuple[date | None, date | None, date | None]:
    given = parse_dates(ArgumentParser(), text.split(), one="--day", what="day", default="today", written=written)
    return given.one, given.first, given.last


def test_one_date_or_a_range() -> None:
    day, other = date(2026, 1, 22), date(2026, 1, 23)
    assert parsed("") == (None, None, None)
    assert parsed("--day 2026-01-22") == (day, None, None)
    assert parsed("--from 2026-01-22 --to 2026-01-23") == (None, day, other)
    assert parsed("--from 2026-01-22 --to 2026-01-22") == (None, day, day)


@pytest.mark.parametrize(
    "text",
    [
        "--from 2026-01-22",
        "--to 2026-01-22",
        "--day 2026-01-22 --to 2026-01-22",
        "--day 2026-01-22 --from 2026-01-22 --to 2026-01-23",
    ],
)
def test_half_a_range_or_both_is_a_users_mistake(text: str) -> None:
    with pytest.raises(UsageError, match=r"^expected --day, or both --from and --to$"):
        parsed(text)


def test_a_range_that_ends_before_it_begins_is_named_as_it_was_written() -> None:
    with pytest.raises(UsageError, match=r"^--from 2026-01-23 is after --to 2026-01-22$"):
        parsed("--from 2026-01-23 --to 2026-01-22")
    with pytest.raises(UsageError, match=r"^--from 2026-02 is after --to 2026-01$"):
        parsed("--from 2026-02 --to 2026-01", written="YYYY-MM")
