"""Each program is handed its own role's password, and nobody else's secret."""

import re
from pathlib import Path

import pytest

from config.roles import ROLES
from utils.stack.environment import READS, airflow_environment, environment, role_of
from utils.stack.folder import DEMO, SECRETS, YAHOO, Folder, make
from utils.stack.services import SERVICES, service_environment

INHERITED = {
    "PATH": "/usr/bin",
    "HOME": "/home/someone",
    "DB_PASSWORD": "of-the-shell",
    "AWS_SECRET_ACCESS_KEY": "of-the-shell",
    "PYTHONDONTWRITEBYTECODE": "1",
    "ACTSTOCK_DAG_RUN_ID": "dag/run",
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return make(tmp_path / "demo", DEMO, {})


def secrets_in(given: dict[str, str], folder: Folder) -> set[str]:
    """Names of the folder's secrets whose values stand anywhere in an environment."""
    return {name for name in SECRETS if any(folder.settings[name] in value for value in given.values())}


@pytest.mark.parametrize("role", READS)
def test_a_role_has_its_own_password_only(role: str, folder: Folder) -> None:
    given = environment(folder, role, INHERITED)
    passwords = {f"DB_{role.upper()}_PASSWORD"} if role in ROLES else set()
    assert secrets_in(given, folder) == ({"API_KEY"} if role == "dashboard" else passwords)
    assert ("DB_USER" in given) == (role in ROLES)
    assert given.get("DB_USER", role) == role
    assert "of-the-shell" not in given.values()
    assert given["ACTSTOCK_DAG_RUN_ID"] == "dag/run"


def test_airflow_has_the_role_pipeline_and_its_own_database(folder: Folder) -> None:
    given = airflow_environment(folder, INHERITED)
    airflows = {"DB_AIRFLOW_PASSWORD", "AIRFLOW_JWT_SECRET", "AIRFLOW_SECRET_KEY", "AIRFLOW_FERNET_KEY"}
    assert secrets_in(given, folder) == {"DB_PIPELINE_PASSWORD", *airflows}
    assert given["DB_USER"] == "pipeline"
    assert given["AIRFLOW__API__HOST"] == "127.0.0.1"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: str(service.name))
def test_no_service_knows_the_superuser(service: object, folder: Folder) -> None:
    assert "DB_POSTGRES_PASSWORD" not in secrets_in(service_environment(service, folder, INHERITED), folder)  # type: ignore[arg-type]


def test_only_the_collector_knows_the_way_to_the_source(folder: Folder) -> None:
    knowing = {role for role in READS if "YAHOO_PROXY" in environment(folder, role, {})}
    assert knowing == {"collector"}


def test_only_a_replayed_market_has_a_clock_of_its_own(tmp_path: Path, folder: Folder) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:8055/_control/clock", environment(folder, "api", {})["PLATFORM_NOW_URL"])
    assert environment(folder, "dashboard", {})["PLATFORM_IS_DEMO"] == "true"
    yahoo = environment(make(tmp_path / "yahoo", YAHOO, {}), "collector", {})
    assert not {"PLATFORM_NOW_URL", "YAHOO_PROXY", "YAHOO_CA_FILE"} & yahoo.keys()


def test_a_program_of_no_room_is_refused() -> None:
    assert role_of("database/migrate.py") == "migrate"
    with pytest.raises(ValueError, match=r"^/bin/sh: expected a program in batch, collector"):
        role_of("/bin/sh")
