"""Every planted mistake is noticed by the comparison with what the programs stored (see faults.py)."""

from collections.abc import Callable

import pytest

from test.reference.comparison import Difference, differences, read_rows, shown
from test.reference.conftest import Computed
from test.reference.faults import FAULTS, Days, Fault, Part
from test.reference.performance import Published, read_published
from test.reference.rebalance import rebalance_dates
from test.reference.results import HEADERS, Tables, daily, monthly, of_etfs, of_months, realised
from test.reference.storage import Key, Row

pytestmark = pytest.mark.timeout(900)

# What a mistake is looked for in is less than all there is: every so many sessions.
EVERY: dict[Part, int] = {"daily": 6, "of_etfs": 12}
SELECTIONS = sorted({(fault.part, fault.days) for fault in FAULTS}, key=str)

Compare = Callable[[Part, Days | None], list[Difference]]


@pytest.fixture(scope="module")
def portfolios(small: Computed) -> list[Published]:
    with small.connect() as connection:
        return read_published(connection)


@pytest.fixture(scope="module")
def compare(small: Computed, portfolios: list[Published]) -> Compare:
    """Calculate a part on some sessions, and hold it against what is stored of these."""
    whole: Tables = {}

    def stored(table: str, columns: list[str]) -> dict[Key, Row]:
        if table not in whole:
            with small.connect() as connection:
                whole[table] = read_rows(connection, table, columns)
        return whole[table]

    def compared(part: Part, days: Days | None) -> list[Difference]:
        sessions = [day for day in small.sessions if days is None or days[0] <= day <= days[1]]
        if part in EVERY:
            sessions = sessions[:: EVERY[part] if days is None else 1 if part == "daily" else 3]
        wanted = set(sessions)
        if part == "monthly":
            dates = rebalance_dates(small.sessions[0], small.sessions[-1])
            sessions = [day for day in small.sessions if any(0 <= (each - day).days <= 5 for each in dates)]
            wanted = set(dates)
            expected = monthly(small.market, sessions, dates)
        elif part == "realised":
            expected = realised(small.market, portfolios)
        else:
            expected = {"daily": daily, "of_etfs": of_etfs, "of_months": of_months}[part](small.market, sessions)
        found = []
        for table, rows in expected.items():
            assert rows, f"{table}: nothing to compare"
            there = stored(table, list(next(iter(rows.values()))))
            if part in ("daily", "monthly", "of_etfs"):
                there = {key: row for key, row in there.items() if wanted & set(key)}
            if table == HEADERS:
                there = {key: row for key, row in there.items() if (key[0] == "monthly") == (part == "monthly")}
            found += differences(table, rows, there)
        return found

    return compared


@pytest.mark.parametrize(("part", "days"), SELECTIONS)
def test_without_a_mistake_nothing_is_noticed(part: Part, days: Days | None, compare: Compare) -> None:
    found = compare(part, days)
    assert not found, shown(found)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.part}: {fault.name}")
def test_a_mistake_is_noticed(fault: Fault, compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    fault.make(monkeypatch)
    assert compare(fault.part, fault.days)


def test_names_are_told_apart() -> None:
    assert len({(fault.part, fault.name) for fault in FAULTS}) == len(FAULTS)
