"""The two READMEs say the same: sections, tables, links and commands one by one. No page of ours links to nothing."""

import re
from pathlib import Path

from test.conftest import REPO

KOREAN = re.compile(r"[ㄱ-ㆎ가-힣]")
PAGES = [
    page
    for page in sorted(REPO.glob("*.md")) + sorted(REPO.glob("[a-z]*/**/*.md"))
    if page.relative_to(REPO).parts[0] != "var"
]


def shape(page: Path) -> list[str]:
    """What both have in common, line by line: headings, rows by their columns, lines of commands."""
    found = []
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            found.append(re.match(r"#+", line)[0])  # type: ignore[index]
        elif line.startswith("|"):
            found.append("|" * line.count("|"))
        elif line.startswith("```"):
            found.append(line)
        elif line.startswith(("./start.sh", "bash ")):
            found.append(KOREAN.split(line.partition(" #")[0])[0].strip())
    return found


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))


def test_both_languages_have_the_same_sections_tables_and_commands() -> None:
    en, ko = REPO / "README.md", REPO / "README.ko.md"
    assert shape(ko) == shape(en)
    assert set(links(en)) - {"README.ko.md"} == set(links(ko)) - {"README.md"}


def test_no_link_leads_nowhere() -> None:
    assert len(PAGES) > 15
    for page in PAGES:
        for link in links(page):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.relative_to(REPO)}: {link}"
