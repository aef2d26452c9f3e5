"""How numbers read."""

import pytest

from dashboard import formats


@pytest.mark.parametrize(
    ("value", "ko", "en"),
    [
        (None, "–", "–"),
        (float("nan"), "–", "–"),
        (1_300_000_000_000, "1.30조", "$1.30T"),
        (12_345_000_000_000, "12.3조", "$12.3T"),
        (287_000_000_000_000, "287조", "$287T"),
        (205_000_000_000, "2,050억", "$205.0B"),
        (82_000_000, "8,200만", "$82.0M"),
        (999_960_000_000, "1.00조", "$1.00T"),  # not 10,000억, not $1,000.0B
        (99_996_000, "1억", "$100.0M"),
        (999_960_000, "10억", "$1.0B"),
        (9_996_000_000_000, "10.0조", "$10.0T"),
    ],
)
def test_market_caps_in_the_readers_steps(value: float | None, ko: str, en: str) -> None:
    assert formats.market_cap(value, "ko") == ko
    assert formats.market_cap(value, "en") == en


def test_a_change_that_rounds_to_zero_has_no_sign_no_arrow_no_colour() -> None:
    assert formats.signed(-0.004) == "0.00"
    assert formats.direction(-0.004) == ""
    assert (formats.signed(12.344), formats.signed(12.346)) == ("+12.34", "+12.35")
    assert formats.signed(None) == "–"
