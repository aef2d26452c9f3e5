"""The compose file says what local mode says: one list of settings, one configuration of each part, the same roles."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from config.roles import ROLES
from config.topics import TOPIC_CONFIG
from test.compose.files import (
    COMPOSE_FILE,
    ONE_SHOTS,
    REPO,
    composition,
    environment_of,
    filled,
    services,
    variables,
)
from utils.stack.containers import ACTIONS, compose_settings
from utils.stack.environment import READS, airflow_environment, environment, role_of
from utils.stack.folder import (
    DEMO,
    SECRETS,
    YAHOO,
    Container,
    Folder,
    Market,
    add_settings,
    make,
    operator_settings,
    replayed,
)
from utils.stack.ports import ALL_PORTS, NETWORK
from utils.stack.services import BY_NAME
from utils.stack.steps import STATIC_KAFKA

EXAMPLE = dotenv_values(REPO / ".env.example")
# Long-running service: the role of its program.
ROLE = {
    "consumer-etf-daily": "consumer",
    "consumer-etf-holdings": "consumer",
    "consumer-stock-daily": "consumer",
    "api": "api",
    "dashboard": "dashboard",
    "spark-master": "batch",
}
MEBIBYTES = {"m": 1, "g": 1024}
LAPTOP = 8 * 1024


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """The .env of a demo, as `prepare` writes it."""
    folder = make(tmp_path / "demo", DEMO, {})
    return dict(folder.settings) | dict(compose_settings(folder, None))


@pytest.mark.parametrize("market", [YAHOO, DEMO, replayed(REPO)], ids=lambda market: str(market.name))
def test_compose_takes_the_file_without_a_warning(market: Market, tmp_path: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        pytest.skip("no Compose here: the compose file is not read by compose itself")
    folder = make(tmp_path / "market", market, {})
    add_settings(folder, compose_settings(folder, None))
    command = ["docker", "compose", "--project-directory", str(REPO), "--env-file", str(folder.settings_file)]
    given = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    told = subprocess.run([*command, "config", "--services"], env=given, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    running = {"replay", "market"} if market.is_replayed else set()
    assert set(told.stdout.split()) == {n for n, s in services().items() if not s.get("profiles")} | running


# -- settings --------------------------------------------------------------------------------------------------------


def test_every_variable_is_one_of_env_example() -> None:
    unknown = {found["name"] for found in variables()} - EXAMPLE.keys()
    assert not unknown


def test_a_default_is_that_of_env_example() -> None:
    # Spark runs on compose's own cluster unless another one is named.
    differing = {
        found["name"]: found["text"]
        for found in variables()
        if found["kind"] in {":-", "-"}
        and found["text"] != EXAMPLE[found["name"]]
        and found["name"] != "SPARK_MASTER_URL"
    }
    assert not differing


def test_every_secret_is_required_and_none_has_a_default() -> None:
    assert {found["name"] for found in variables() if found["kind"] == ":?"} == set(SECRETS)
    assert not {found["name"] for found in variables() if found["kind"] != ":?"} & set(SECRETS)


@pytest.mark.parametrize(
    ("service", "prefixes"),
    [
        ("consumer-etf-daily", READS["consumer"]),
        ("api", READS["api"]),
        ("api", READS["collector"]),
        ("spark-master", READS["batch"]),
        ("airflow-scheduler", (*READS["collector"], *READS["batch"], *READS["migrate"])),
        ("airflow-scheduler", ("PIPELINE_",)),
        ("airflow-dag-processor", ("PIPELINE_",)),
        ("tools", (*READS["collector"], *READS["batch"], *READS["migrate"])),
        ("watch", ("ALERT_", "SERVICE_")),
    ],
)
def test_a_service_is_handed_every_setting_of_its_concern(service: str, prefixes: tuple[str, ...]) -> None:
    """A new line in .env.example must come here, too."""
    elsewhere = {
        *ALL_PORTS,
        "SPARK_WORKER_UI_PORT",  # of compose itself
        "KAFKA_GROUP_INSTANCE",  # members come and go when a service is scaled
        "MAINTENANCE_BACKUP_DIR",  # the volume
        "MAINTENANCE_PG_BIN",  # in the image
    }
    wanted = {name for name in operator_settings() if name.startswith(prefixes)} - elsewhere
    assert wanted <= set(services()[service]["environment"])


def test_nothing_is_handed_over_that_env_example_does_not_list() -> None:
    own = re.compile(r"AIRFLOW__|AIRFLOW_HOME|CONNECTION_CHECK|POSTGRES_|CLUSTER_ID|SPARK_DAEMON|SPARK_WORKER_DIR")
    for name, service in services().items():
        names = set() if name == "kafka" else set(service.get("environment") or {})
        assert {each for each in names if not own.match(each)} <= EXAMPLE.keys(), name


@pytest.mark.parametrize("service", ROLE)
def test_a_service_stands_in_the_environment_that_local_mode_would_give(
    service: str, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment_of(service, settings)
    prefixes = ("DB_", "KAFKA_", "YAHOO_", "SPARK_", "DASHBOARD_")
    for name in [each for each in os.environ if each.startswith(prefixes)]:
        monkeypatch.delenv(name)  # pyspark, started in this process, leaves some
    for name, value in (settings | {"ACTSTOCK_DOWNLOADS": str(REPO / "var" / "downloads")}).items():
        monkeypatch.setenv(name, value)
    expected = environment(Container(Path("/data"), DEMO), ROLE[service], {})
    # Where the image keeps what local mode downloads; a program that is started by hand needs no archive.
    places = {"SPARK_JDBC_JAR", "SPARK_CLASS_ARCHIVE", "SPARK_MASTER_URL", "DASHBOARD_CACHE_DIR", "ACTSTOCK_DOWNLOADS"}
    compared = {name for name in expected if name.startswith(prefixes)} - {
        *ALL_PORTS.keys() - {"DB_PORT"},
        *places,
        "SPARK_WORKER_UI_PORT",
    }
    assert {name: given.get(name) for name in compared} == {name: expected[name] for name in compared}
    everybody = {name for name in expected if name.startswith(("PLATFORM_", "PIPELINE_"))}
    if ROLE[service] != "dashboard":  # it knows the API alone
        assert {name: given.get(name) for name in everybody} == {name: expected[name] for name in everybody}


def test_roles_know_their_own_password_only(settings: dict[str, str]) -> None:
    knowing = {
        service: {
            name
            for name in SECRETS
            if any(settings[name] in text for text in environment_of(service, settings).values())
        }
        for service in services()
    }
    programs = {f"DB_{role.upper()}_PASSWORD" for role in ("migrate", "collector", "consumer", "batch", "pipeline")}
    airflow = {
        "DB_PIPELINE_PASSWORD",
        "DB_AIRFLOW_PASSWORD",
        "AIRFLOW_JWT_SECRET",
        "AIRFLOW_SECRET_KEY",
        "AIRFLOW_FERNET_KEY",
    }
    assert {service: secrets for service, secrets in knowing.items() if secrets} == {
        "postgres": {"DB_POSTGRES_PASSWORD"},
        "airflow-db": {"DB_AIRFLOW_PASSWORD"},
        "migrate": {*(f"DB_{role.upper()}_PASSWORD" for role in ("postgres", *ROLES)), "API_KEY"},
        "airflow-init": airflow,
        "airflow-webserver": airflow,
        "airflow-dag-processor": airflow,
        "airflow-scheduler": airflow | programs,  # its tasks start programs, each with its own role
        "spark-master": {"DB_BATCH_PASSWORD"},
        **{name: {"DB_CONSUMER_PASSWORD"} for name in ROLE if name.startswith("consumer-")},
        "api": {"DB_API_PASSWORD", "DB_COLLECTOR_PASSWORD"},  # backfills are started there by hand
        "dashboard": {"API_KEY"},
        "watch": {"DB_PIPELINE_PASSWORD"},
        "tools": programs | {"API_KEY"},
    }


def test_a_program_in_the_scheduler_is_handed_its_own_role(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of("airflow-scheduler", settings).items():
        monkeypatch.setenv(name, value)
    folder = Container(Path("/data"), DEMO)
    for program in ("collector/x.py", "batch/x.py", "database/x.py"):
        role = role_of(program)
        given = environment(folder, role, {})
        assert (given["DB_USER"], given["DB_HOST"]) == (role, "postgres")
        known = {name for name in SECRETS if any(settings[name] in text for text in given.values())}
        assert known == {f"DB_{role.upper()}_PASSWORD"}


# -- the parts -------------------------------------------------------------------------------------------------------


def test_kafka_is_configured_as_in_local_mode() -> None:
    given = {name: str(text) for name, text in services()["kafka"]["environment"].items()}
    for line in STATIC_KAFKA.splitlines():
        key, _, value = line.partition("=")
        if "listener" in key:
            continue  # here there is one for this machine and one for the network
        name = "KAFKA_" + key.upper().replace(".", "_")
        assert given.get(name) == value, name
    assert given["KAFKA_MESSAGE_MAX_BYTES"] == TOPIC_CONFIG["max.message.bytes"]


def test_airflow_is_configured_as_in_local_mode(settings: dict[str, str], tmp_path: Path) -> None:
    folder = Folder(tmp_path / "demo", DEMO)
    local = {name: text for name, text in airflow_environment(folder, {}).items() if name.startswith("AIRFLOW__")}
    here = {name: text for name, text in environment_of("airflow-scheduler", settings).items() if "AIRFLOW__" in name}
    addresses = re.compile(r"URL|_CONN|HOST|PORT|FOLDER|DIRECTORY|FILE")
    assert {n: t for n, t in local.items() if not addresses.search(n)} == {
        n: t for n, t in here.items() if not addresses.search(n) and n != "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"
    }
    assert local.keys() <= here.keys()
    modules = airflow_environment(folder, {})["PYTHONPATH"].replace(str(REPO), "/app")
    assert f"ENV PYTHONPATH={modules} " in (REPO / "Dockerfile.airflow").read_text()


def test_services_have_the_names_and_addresses_that_programs_are_told() -> None:
    assert {address.partition(":")[0] for address in NETWORK.values()} <= services().keys()
    renamed = {"airflow-api": "airflow-webserver"}
    assert {renamed.get(name, name) for name in BY_NAME} <= services().keys()


# -- how they run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", services())
def test_a_service_has_a_limit_a_log_that_ends_and_no_more_rights_than_it_needs(name: str) -> None:
    service = services()[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["logging"]["options"].keys() >= {"max-size", "max-file"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only") or name == "kafka"  # it writes its configuration beside its programs
    assert service["restart"] == ("no" if name in ONE_SHOTS else "unless-stopped")
    assert ("healthcheck" in service) == (name not in ONE_SHOTS)
    for needed in (service.get("depends_on") or {}).values():
        assert needed["condition"] in {"service_healthy", "service_completed_successfully"}


def test_every_one_shot_is_waited_for() -> None:
    """`up --wait` takes the end of one that nobody waits for as a failure."""
    waited = {
        name
        for service in services().values()
        for name, how in (service.get("depends_on") or {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert waited == ONE_SHOTS - {"tools"}


def test_what_a_container_writes_outlives_it() -> None:
    """All else is read-only, or memory."""
    mounted = {name: {str(v).split(":")[1] for v in services()[name]["volumes"]} for name in ("api", "tools")}
    assert "/app/test/.cache" in mounted["api"] & mounted["tools"]  # the backfills' answers
    for name in ("airflow-webserver", "airflow-scheduler", "airflow-dag-processor"):
        written = [
            text
            for setting, text in environment_of(name, {}).items()
            if re.fullmatch(r"AIRFLOW__LOGGING__.*(FOLDER|DIRECTORY)", setting)
        ]
        kept = [str(v).split(":")[1] for v in services()[name]["volumes"]]
        assert len(written) == 2
        assert all(any(Path(each).is_relative_to(place) for place in kept) for each in written), name


def test_ports_listen_on_this_machine_only() -> None:
    example = {name: text or "" for name, text in EXAMPLE.items()}
    published = [filled(port, example) for service in services().values() for port in service.get("ports") or []]
    assert len(published) == 12
    assert all(port.startswith("127.0.0.1:") for port in published)
    hosts = [port.split(":")[1] for port in published]
    assert len(set(hosts)) == len(hosts)


def test_limits_fit_a_laptop_of_8_gb() -> None:
    """Of all that runs on, a replayed market's too. A program by hand, in `tools`, comes on top while it runs."""
    running = [s for name, s in services().items() if name not in ONE_SHOTS and s.get("profiles") != ["metrics"]]
    total = sum(int(s["mem_limit"][:-1]) * MEBIBYTES[s["mem_limit"][-1]] for s in running)
    assert total < LAPTOP, total


def test_images_have_a_version() -> None:
    text = "".join((REPO / name).read_text() for name in ("Dockerfile", "Dockerfile.airflow", "Dockerfile.api"))
    bases = set(re.findall(r"^FROM (\S+:\S+)", text, re.MULTILINE))
    assert bases == {"python:3.11-slim-bookworm", "apache/airflow:3.3.2-python3.11"}
    foreign = {s["image"] for s in services().values() if not s["image"].startswith("actstock-")}
    assert all(re.search(r":v?\d", image) for image in foreign), foreign
    assert "version" not in composition()


def test_the_jdbc_driver_is_the_locked_one() -> None:
    lock = (REPO / "config" / "jars.lock").read_text()
    version = re.search(r"org\.postgresql:postgresql:(\S+)", lock)
    assert version
    assert f"postgresql-{version[1]}.jar" in COMPOSE_FILE.read_text()


def test_windows_starts_what_linux_starts() -> None:
    """No Windows runs here: what start.bat asks Docker for is held against the shell."""
    batch = (REPO / "start.bat").read_text(encoding="utf-8")
    shell = (REPO / "utils" / "stack" / "compose.sh").read_text(encoding="utf-8")
    built = dict(re.findall(r"docker build --tag (\S+)(?: --file (\S+))? \. ", batch))
    names = re.search(r"for name in (.*); do", shell)
    assert names
    assert built == {f"actstock-{name}": "" if name == "jobs" else f"Dockerfile.{name}" for name in names[1].split()}
    assert re.findall(r"utils\.stack\.containers (\w+)", batch) == ["prepare", "finish"]
    assert {"prepare", "finish"} <= ACTIONS.keys()
    assert '--env "ACTSTOCK_PLACE=%cd%"' in batch  # each checkout has its own containers and volumes
    for told in ("up --detach --wait --wait-timeout 600 --remove-orphans", "run --rm --no-deps tools python -m"):
        assert f"docker compose {told}" in batch
        assert f"compose {told}" in shell
    failing = [line for line in batch.splitlines() if line.startswith(("docker", "copy", "    actstock-"))]
    # What fails ends it; a line that goes on, and the last one, whose code is the program's.
    assert [line for line in failing if not line.endswith(("|| exit /b 1", "^"))] == failing[-1:]
