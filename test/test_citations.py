"""Whoever reads "rules 4.2" finds it: cited sections are headings, and RULES.md names what the code has."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from config.universe import ETFS, tickers_of
from test.conftest import REPO

ENDINGS = {".py", ".md", ".sql", ".sh", ".css", ".js", ".yml", ".toml", ".json"}
PRINTED = "BENCHMARKS.md"  # numbers behind a name, not sections
NUMBER = r"\d+(?:\.\d+)?"
CITED = re.compile(
    rf"\b(?P<page>rules|contracts|architecture|dashboard|style)(?:\.md)?,?\s+"
    rf"(?P<sections>{NUMBER}(?:(?:,\s+|\s+and\s+|\s+to\s+|[-–]){NUMBER})*)",
    re.IGNORECASE,
)
BY_NAME = re.compile(r"\(ARCHITECTURE\.md, ([^)]+)\)")
HEADING = re.compile(rf"^#{{2,}} ({NUMBER})\. ", re.MULTILINE)
# A row of the table of numbers, and a link that names what is in the file.
VALUE = re.compile(r"^\| \[`(\w+)`\]\(([\w/.]+)\) \| (.+?) \| [\d.]+ \|$", re.MULTILINE)
NAMED = re.compile(r"\[`(\w+)`\]\(([\w/.]+\.py)\)")


def texts() -> Iterator[tuple[Path, str]]:
    """Every text of ours but this one: what is planted below is no citation."""
    for path in [*REPO.glob("*.*"), *REPO.glob("[a-z]*/**/*.*")]:
        folder = path.relative_to(REPO).parts[0]
        if path.suffix in ENDINGS and folder != "var" and "vendor" not in path.parts and path != Path(__file__):
            yield path, path.read_text(encoding="utf-8")


def page(name: str) -> str:
    return (REPO / name).read_text(encoding="utf-8")


def sections() -> dict[str, set[str]]:
    """Which page has which numbered headings; the code cites no other page by number."""
    return {name: set(HEADING.findall(page(f"{name.upper()}.md"))) for name in ("rules", "contracts")}


def citations(text: str) -> list[tuple[str, str]]:
    """(page, section) of each number: of a span both ends, of a citation over two lines as of one over one."""
    unwrapped = re.sub(r"\n[ #]*", " ", text)
    return [
        (found["page"].lower(), section)
        for found in CITED.finditer(unwrapped)
        for section in re.findall(NUMBER, found["sections"])
    ]


def unknown(cited: Iterable[tuple[str, str]]) -> list[str]:
    known = sections()
    return [f"{name} {section}" for name, section in cited if section not in known.get(name, set())]


def test_every_cited_section_is_a_heading() -> None:
    cited = {path.relative_to(REPO).as_posix(): citations(text) for path, text in texts() if path.name != PRINTED}
    assert sum(map(len, cited.values())) > 350, "the pattern finds hardly a citation any more"
    assert {path: unknown(found) for path, found in cited.items() if unknown(found)} == {}


def test_every_heading_that_is_cited_by_name_is_one() -> None:
    headings = {line.lstrip("# ") for line in page("ARCHITECTURE.md").splitlines() if line.startswith("## ")}
    cited = {name for _, text in texts() for name in BY_NAME.findall(text)}
    assert cited
    assert cited - headings == set()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('"""How much of it (rules 4.9)."""', ["rules 4.9"]),
        ("(rules 4.1 to 4.8)", ["rules 4.8"]),
        ("(rules 4.3-4.7; contracts 3, 12)", ["contracts 12"]),
        ("# as said in\n    # rules 11 and 2", ["rules 11"]),
        ("Contracts 5.3, 8", []),
        ("(architecture 2)", ["architecture 2"]),
        ("see dashboard.md 3.1", ["dashboard 3.1"]),
    ],
)
def test_a_citation_of_nothing_is_noticed(text: str, wrong: list[str]) -> None:
    assert unknown(citations(text)) == wrong


def test_a_page_that_is_named_is_there() -> None:
    there = {path.name for path, _ in texts() if path.suffix == ".md"}
    named = {name for _, text in texts() for name in re.findall(r"\b[\w.-]+\.md\b", text)}
    assert {"RULES.md", "CONTRACTS.md"} <= named
    assert named - there == set()


def test_what_a_section_names_is_in_that_file() -> None:
    found = [(name, path) for each in ("RULES.md", "CONTRACTS.md") for name, path in NAMED.findall(page(each))]
    assert len(found) > 80
    assert [(name, path) for name, path in found if name not in defined_in(path)] == []


def test_the_table_of_numbers_is_the_codes() -> None:
    told = VALUE.findall(page("RULES.md"))
    assert len(told) > 20
    code = {(name, path): ast.literal_eval(defined_in(path)[name]) for name, path, _ in told}
    assert code == {(name, path): ast.literal_eval(value) for name, path, value in told}


def test_the_table_of_groups_is_the_universe() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| stage \d \| (.+) \|$", page("CONTRACTS.md"), re.MULTILINE))
    assert told == {
        "benchmark": " ".join(tickers_of("benchmark")),
        "sector": " · ".join(f"{etf.ticker} {etf.sector_name}" for etf in ETFS if "sector" in etf.groups),
    }


def defined_in(path: str) -> dict[str, ast.expr]:
    """What a file defines at its top: functions, classes (their value says nothing), and constants with their value."""
    found: dict[str, ast.expr] = {}
    for node in ast.parse(page(path)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.Constant(None)
        elif isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found
