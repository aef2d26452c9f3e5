"""What a start with Docker asks a container of ours, and what the other mode knows of it."""

from pathlib import Path

import pytest

from test.e2e.market import write_market
from test.replay.server import ReplayServer
from utils.stack.__main__ import main
from utils.stack.checks import CheckFailed
from utils.stack.containers import compose_settings, finish, ports, published
from utils.stack.folder import DEMO, YAHOO, Folder, add_settings, make, replayed


def with_docker(path: Path, mode: str) -> Folder:
    """A demo's folder that is, or was, with Docker."""
    folder = make(path, DEMO, {})
    add_settings(folder, {**compose_settings(folder, None), "ACTSTOCK_MODE": mode})
    return folder


def docker(place: Path, monkeypatch: pytest.MonkeyPatch, *, volumes: str, code: int = 0) -> Path:
    """A Docker that has these volumes, and writes down what it is asked."""
    program, asked = place / "bin" / "docker", place / "asked"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >>{asked}\n[ "$2" = rm ] || echo {volumes}\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    asked.touch()
    return asked


# -- settings --------------------------------------------------------------------------------------------------------


def test_two_folders_of_one_market_have_volumes_of_their_own(tmp_path: Path) -> None:
    names = {
        compose_settings(make(tmp_path / name, DEMO, {}), None)["COMPOSE_PROJECT_NAME"] for name in ("demo", "other")
    }
    assert len(names) == 2
    assert all(name.startswith("actstock-demo-") for name in names)


def test_a_folder_keeps_the_name_it_has(tmp_path: Path) -> None:
    folder = make(tmp_path / "demo", DEMO, {"COMPOSE_PROJECT_NAME": "actstock-demo"})
    assert compose_settings(folder, None)["COMPOSE_PROJECT_NAME"] == "actstock-demo"


@pytest.mark.parametrize(
    ("given", "profiles"), [("", "replay"), ("metrics", "metrics,replay"), ("replay,metrics", "metrics,replay")]
)
def test_a_replayed_market_always_has_its_replay(tmp_path: Path, given: str, profiles: str) -> None:
    folder = make(tmp_path / "demo", DEMO, {"COMPOSE_PROFILES": given})
    assert compose_settings(folder, None)["COMPOSE_PROFILES"] == profiles


def test_a_worker_has_any_port_where_ports_are_free_to_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTSTOCK_PORTS", "free")
    assert compose_settings(make(tmp_path / "a", YAHOO, {}), None)["SPARK_WORKER_UI_PORT"] == ""
    chosen = make(tmp_path / "b", YAHOO, {"SPARK_WORKER_UI_PORT": "9082-9085"})
    assert "SPARK_WORKER_UI_PORT" not in compose_settings(chosen, None)


def test_only_published_ports_have_to_be_free(tmp_path: Path) -> None:
    plain = make(tmp_path / "a", YAHOO, {})
    assert not {"KAFKA_CONTROLLER_PORT", "PROMETHEUS_PORT"} & set(published(plain))
    assert {"SPARK_MASTER_PORT", "AIRFLOW_DB_PORT", "API_PORT"} <= set(published(plain))
    assert "PROMETHEUS_PORT" in published(make(tmp_path / "b", YAHOO, {"COMPOSE_PROFILES": "metrics"}))
    folder = make(tmp_path / "c", YAHOO, {"AIRFLOW_DB_PORT": "7077"})
    with pytest.raises(CheckFailed, match="found AIRFLOW_DB_PORT, SPARK_MASTER_PORT the same"):
        ports(["--data", str(folder.path)])


# -- the market's time -----------------------------------------------------------------------------------------------


def test_a_clock_that_would_go_back_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_market(tmp_path / "hand")
    with ReplayServer(tmp_path / "hand", state=tmp_path / "state", now="2025-12-29T22:00:00Z") as server:
        given = {"REPLAY_CONTROL_PORT": server.control_url.rpartition(":")[2]}
        folder = make(tmp_path / "market", replayed(tmp_path / "hand"), given)
        monkeypatch.setenv("ACTSTOCK_MARKET_DIR", str(folder.path))
        started = ("--replay", str(tmp_path / "hand"), "--now")
        finish([*started, "2025-12-30T17:00:00-05:00"])
        with pytest.raises(CheckFailed, match="--now: the clock stands at 2025-12-30T22:00:00Z and never moves back"):
            finish([*started, "2025-12-29T22:00:00Z"])
        assert f"{server.clock.now:%Y-%m-%dT%H}" == "2025-12-30T22"


# -- reset without Docker --------------------------------------------------------------------------------------------


def test_a_market_that_is_with_docker_is_not_reset_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = docker(tmp_path, monkeypatch, volumes="x_postgres")
    folder = with_docker(tmp_path / "demo", "compose")
    assert main(["reset", "--yes", "--data", str(folder.path)]) == 2
    assert "is with Docker: expected ./start.sh reset without --local" in capsys.readouterr().err
    assert folder.settings_file.exists()
    assert asked.read_text() == ""


def test_what_a_market_left_in_docker_is_removed_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = docker(tmp_path, monkeypatch, volumes="x_postgres x_kafka")
    folder = with_docker(tmp_path / "demo", "local")
    name = Folder(folder.path, DEMO).settings["COMPOSE_PROJECT_NAME"]
    assert main(["reset", "--yes", "--data", str(folder.path)]) == 0
    assert asked.read_text().splitlines() == [
        f"volume ls --quiet --filter label=com.docker.compose.project={name}",
        "volume rm x_postgres x_kafka",
    ]
    assert not folder.path.exists()


def test_nothing_is_removed_while_nobody_can_tell_what_is_left_in_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker(tmp_path, monkeypatch, volumes="", code=1)
    folder = with_docker(tmp_path / "demo", "local")
    assert main(["reset", "--yes", "--data", str(folder.path)]) == 2
    assert "was with Docker: expected its engine to tell what is left, found none" in capsys.readouterr().err
    assert folder.settings_file.exists()


def test_a_market_that_was_never_with_docker_asks_it_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = docker(tmp_path, monkeypatch, volumes="x_postgres", code=1)
    folder = make(tmp_path / "demo", DEMO, {})
    assert main(["reset", "--yes", "--data", str(folder.path)]) == 0
    assert asked.read_text() == ""
