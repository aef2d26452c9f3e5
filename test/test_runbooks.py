"""Pages for the operator: an alert names one, every finding is explained, no link leads nowhere."""

import re

from dashboard.texts import TEXTS
from database import findings, incidents, watch
from test.compose.files import services
from test.conftest import REPO
from utils.stack.services import SERVICES

RUNBOOKS = REPO / "airflow" / "runbooks"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in RUNBOOKS.glob("*.md")}
LINK = re.compile(r"\]\(([\w-]+)\.md\)")


def test_every_alert_has_a_page() -> None:
    assert set(incidents.KINDS) <= PAGES.keys()
    assert set(watch.READ_HERE) <= set(incidents.KINDS)


def test_every_page_is_listed_says_what_to_do_and_links_to_pages_only() -> None:
    assert set(LINK.findall(PAGES["README"])) == PAGES.keys() - {"README"}
    for name, text in PAGES.items():
        assert set(LINK.findall(text)) <= PAGES.keys(), name
        if name != "README":
            assert re.findall(r"^\*\*(What .*?)\*\*", text, re.MULTILINE) == [
                "What you see",
                "What it means",
                "What to do",
            ], name


def test_every_service_of_both_ways_to_run_is_explained() -> None:
    cells = re.findall(r"^\| ([^|]+) \|", PAGES["service"], re.MULTILINE)
    named = set(re.findall(r"[\w-]+", " ".join(cells)))
    assert ({each.name for each in SERVICES} | services().keys()) - named == set()


def test_a_full_disk_is_looked_at_without_the_database_that_it_has_ended() -> None:
    commands = re.findall(r"`docker compose run ([^`]+)`", PAGES["disk"])
    assert len(commands) == 1
    assert [command for command in commands if "--no-deps -T tools" not in command] == []


def test_every_command_by_hand_is_one_that_is_there() -> None:
    """`./start.sh run PROGRAM`: with its role, and where Docker has the data."""
    programs = [program for text in PAGES.values() for program in re.findall(r"[\w/.-]+/\w+\.py", text)]
    assert len(programs) > 10
    assert {program for program in programs if not (REPO / program).is_file()} == set()
    by_hand = [program for text in PAGES.values() for program in re.findall(r"start\.sh run ([\w/.-]+)", text)]
    alone = r"`((?:batch|collector|consumer|database)/\w+\.py --[^`]*)`"
    assert len(by_hand) > 10
    assert {command for text in PAGES.values() for command in re.findall(alone, text)} == set()


def finding_names() -> set[str]:
    """Every name that a finding is written with; of one that goes on (`no return over 5`) its beginning and a space."""
    named = {value for name, value in vars(findings).items() if name.isupper() and isinstance(value, str)}
    for room in ("batch", "collector", "consumer", "database"):
        for file in (REPO / room).rglob("*.py"):
            named |= set(re.findall(r'(?:Finding|_by_session)\(\s*f?"([a-z ]+)', file.read_text(encoding="utf-8")))
    return named


def test_every_finding_is_explained() -> None:
    explained = re.findall(r"^\| ([a-z ]+) \|", PAGES["findings"], re.MULTILINE)[1:]
    assert sorted(explained) == sorted(name.strip() for name in finding_names())


def test_every_finding_has_a_text() -> None:
    """The page Pipeline shows it by that, in the reader's language."""
    names = finding_names()
    shown = {key.removeprefix("check.") for key in TEXTS if key.startswith("check.")}
    of_name = {
        name: {each for each in shown if each == name or (name[-1] == " " and each.startswith(name))} for name in names
    }
    assert {name for name, found in of_name.items() if not found} == set()
    assert shown - set().union(*of_name.values()) == set()
