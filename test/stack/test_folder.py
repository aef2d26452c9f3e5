"""A market's folder: who owns it, what it keeps, and how it is kept from others."""

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from config.settings import variables
from utils.stack.folder import DEMO, REPO, SECRETS, YAHOO, WrongFolder, make, open_folder, operator_settings, replayed
from utils.stack.ports import PORTS


def test_a_new_folder_has_secrets_of_its_own_that_only_its_owner_reads(tmp_path: Path) -> None:
    first, second = make(tmp_path / "demo", DEMO, {}), make(tmp_path / "yahoo", YAHOO, {})
    assert stat.S_IMODE(first.settings_file.stat().st_mode) == 0o600
    for name in SECRETS:
        assert len(first.settings[name]) >= 40
        assert first.settings[name] != second.settings[name]
    assert {name: int(first.settings[name]) for name in PORTS} == dict(PORTS)


def test_made_again_it_keeps_its_secrets_and_takes_what_the_operator_sets(tmp_path: Path) -> None:
    first = make(tmp_path / "demo", DEMO, {})
    again = make(tmp_path / "demo", DEMO, {"API_PORT": "8123", "DB_API_PASSWORD": "guessed", "HOME": "/"})
    assert again.settings == {**first.settings, "API_PORT": "8123"}
    assert stat.S_IMODE(again.settings_file.stat().st_mode) == 0o600
    assert open_folder(tmp_path / "demo").settings == again.settings


def test_a_folder_made_by_older_programs_is_given_the_ports_and_secrets_it_lacks(tmp_path: Path) -> None:
    first = make(tmp_path / "demo", DEMO, {})
    lines = first.settings_file.read_text(encoding="utf-8").splitlines()
    older = [line for line in lines if not line.startswith(("REPLAY_PROXY_PORT=", "DB_PIPELINE_PASSWORD="))]
    assert len(older) == len(lines) - 2
    first.settings_file.write_text("\n".join(older), encoding="utf-8")
    again = make(tmp_path / "demo", DEMO, {}).settings
    assert again["REPLAY_PROXY_PORT"] == "8056"
    assert len(again["DB_PIPELINE_PASSWORD"]) >= 40
    assert {name: value for name, value in again.items() if name != "DB_PIPELINE_PASSWORD"} == {
        name: value for name, value in first.settings.items() if name != "DB_PIPELINE_PASSWORD"
    }


def test_another_market_is_refused_naming_both(tmp_path: Path) -> None:
    make(tmp_path / "x", DEMO, {})
    with pytest.raises(WrongFolder, match=r"expected the market replay-hand \(/markets/hand\), found demo"):
        make(tmp_path / "x", replayed(Path("/markets/hand")), {})
    assert open_folder(tmp_path / "x").market == DEMO


def test_two_directories_of_one_name_are_two_markets(tmp_path: Path) -> None:
    make(tmp_path / "x", replayed(Path("/a/hand")), {})
    with pytest.raises(WrongFolder, match=r"expected .*\(/b/hand\), found .*\(/a/hand\)"):
        make(tmp_path / "x", replayed(Path("/b/hand")), {})


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(WrongFolder, match="found other files"):
        make(tmp_path, DEMO, {})
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_whose_making_was_cut_off_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "demo"
    make(path, DEMO, {})
    (path / "market.json").unlink()
    assert make(path, DEMO, {}).market == DEMO


def test_a_replayed_market_has_no_pauses_unless_told(tmp_path: Path) -> None:
    assert make(tmp_path / "a", DEMO, {}).settings["PIPELINE_STAGE_GAP_MINUTES"] == "0"
    assert make(tmp_path / "b", DEMO, {"YAHOO_PACE_SECONDS": "0.5"}).settings["YAHOO_PACE_SECONDS"] == "0.5"
    assert "PIPELINE_STAGE_GAP_MINUTES" not in make(tmp_path / "c", YAHOO, {}).settings


def test_free_ports_are_all_different(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", DEMO, {"ACTSTOCK_PORTS": "free"})
    assert len({folder.port(name) for name in PORTS}) == len(PORTS)


def test_the_example_lists_every_setting_with_its_meaning() -> None:
    expected = variables().keys()
    assert len(expected) > 30
    listed = dotenv_values(REPO / ".env.example")
    assert expected - listed.keys() == set()
    assert set(SECRETS) | PORTS.keys() <= listed.keys()
    for line in (REPO / ".env.example").read_text(encoding="utf-8").splitlines():
        assert not line or line.startswith("#") or "  # " in line or " # " in line, f"no meaning: {line}"


def test_secrets_are_not_the_operators_to_set() -> None:
    assert not operator_settings() & {*SECRETS, "DB_PASSWORD", "DASHBOARD_API_KEY"}
