"""Which of both ways ./start.sh takes: told by a Docker that only writes down what it is asked."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from test.compose.files import REPO
from utils.stack.__main__ import parser
from utils.stack.folder import replayed

LOCAL = "nothing is set up yet"  # what the way without Docker says here, where there are no packages


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with the scripts alone, and a Docker engine that answers and can do nothing else."""
    shutil.copy(REPO / "start.sh", tmp_path)
    shutil.copy(REPO / ".env.example", tmp_path)
    (tmp_path / "utils" / "stack").mkdir(parents=True)
    for script in ("setup.sh", "arguments.sh", "compose.sh", "__main__.py"):
        shutil.copy(REPO / "utils" / "stack" / script, tmp_path / "utils" / "stack")
    (tmp_path / "docker-compose.yml").touch()
    engine(tmp_path, "28.5.2")
    return tmp_path


def engine(place: Path, version: str | None, **answers: str) -> None:
    """Have an engine of that version answer, or none. answers: what it does when asked for something, in shell."""
    (place / "bin").mkdir(exist_ok=True)
    docker = place / "bin" / "docker"
    cases = "\n".join(f"    *' {words.replace('_', ' ')}'*) {doing} ;;" for words, doing in answers.items())
    docker.write_text(
        f"""#!/bin/sh
case "$1 $2" in
    "info --format") echo 8000000000; exit ;;
    "info ") exit {0 if version else 1} ;;
    "version --format") echo {version}; exit ;;
    "compose version") echo v2.40.3; exit ;;
esac
echo "$@" >>{place}/asked
case " $*" in
{cases}
    *) exit 1 ;;
esac
"""
    )
    docker.chmod(0o755)


def market(place: Path, name: str, *, with_docker: bool) -> Path:
    """A market's folder, as either way leaves it."""
    folder = place / "var" / name
    (folder / "run").mkdir(parents=True)
    (folder / "market.json").write_text(f'{{"market": "{name}"}}')
    mode = "compose" if with_docker else "local"
    (folder / ".env").write_text(
        f"ACTSTOCK_MODE='{mode}'\nCOMPOSE_PROJECT_NAME='actstock-{name}'\nPLATFORM_MARKET='{name}'\n"
    )
    if not with_docker:
        (folder / "pg").mkdir()
    return folder


def start(place: Path, *arguments: str, code: int | None = None, **environment: str) -> str:
    """What start.sh said, and what it asked Docker for. `code`: what it has to end with."""
    given = {name: text for name, text in os.environ.items() if not name.startswith("ACTSTOCK_")}
    given |= {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", **environment}
    done = subprocess.run(
        [str(place / "start.sh"), *arguments],
        env=given,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    asked = place / "asked"
    return done.stdout + done.stderr + (asked.read_text() if asked.exists() else "")


def test_an_engine_that_answers_is_used(place: Path) -> None:
    assert "build" in start(place, "demo")


def test_without_an_engine_everything_runs_without(place: Path) -> None:
    engine(place, None)
    assert LOCAL in start(place, "status")
    assert "expected a Docker engine to answer" in start(place, "status", ACTSTOCK_MODE="compose")
    # A market with its data in Docker's volumes does not begin again without them.
    market(place, "demo", with_docker=True)
    assert "expected a Docker engine to answer" in start(place, "demo")
    assert "expected a Docker engine to answer" in start(place, "stop")


def test_the_way_without_docker_can_be_forced(place: Path) -> None:
    market(place, "demo", with_docker=True)
    assert LOCAL in start(place, "--local", "status")
    assert LOCAL in start(place, "status", "--local")
    assert LOCAL in start(place, "status", ACTSTOCK_MODE="local")


def test_a_market_that_was_begun_without_docker_goes_on_without(place: Path) -> None:
    folder = market(place, "demo", with_docker=False)
    assert LOCAL in start(place, "status")
    assert LOCAL in start(place, "stop", "--data", str(folder))
    # The first thing that set-up without Docker looks at.
    assert "expected to write to /dev/null/x" in start(place, "demo", ACTSTOCK_DOWNLOADS="/dev/null/x")
    market(place, "yahoo", with_docker=True)
    assert "build" in start(place)


def test_commands_mean_what_runs_without_docker_now(place: Path) -> None:
    market(place, "demo", with_docker=True)
    market(place, "yahoo", with_docker=False)
    noted = place / "var" / "yahoo" / "run" / "supervisord.pid"
    supervisor = subprocess.Popen([sys.executable, "-c", "input()", "supervisord"], stdin=subprocess.PIPE)
    try:
        noted.write_text(str(supervisor.pid))
        assert LOCAL in start(place, "status")
        # As after a crash: the number is another program's.
        noted.write_text(str(os.getpid()))
        assert "--env-file" in start(place, "status", "--data", str(place / "var" / "demo"))
        assert LOCAL not in start(place, "status")
    finally:
        supervisor.communicate()


def test_commands_mean_the_market_that_was_started_with_docker(place: Path) -> None:
    folder = market(place, "yahoo", with_docker=True)
    assert f"--env-file {folder}/.env ps" in start(place, "status")
    assert f"--env-file {folder}/.env --profile * logs --tail 5 api" in start(place, "logs", "api", "-n", "5")
    other = market(place, "demo", with_docker=True)
    assert "expected one market" in start(place, "status")
    assert f"--env-file {other}/.env ps" in start(place, "status", "--data", str(other))


def test_a_command_does_not_mean_a_market_of_another_place(place: Path, two: Path) -> None:
    other = place / "other" / "demo"
    other.parent.mkdir()
    two.rename(other)
    told = start(place, "reset", "--yes", ACTSTOCK_DATA=str(other.parent))
    assert f"--env-file {other}/.env --profile * down --remove-orphans --volumes" in told
    assert f"{place}/var/yahoo" not in told


def test_a_system_that_is_not_linux_is_named(place: Path) -> None:
    uname = place / "bin" / "uname"
    uname.write_text("#!/bin/sh\necho Darwin\n")
    uname.chmod(0o755)
    assert start(place, "demo", code=1) == "start: expected Linux (on Windows: WSL, or start.bat), found Darwin\n"


def test_an_engine_that_is_too_old_is_named(place: Path) -> None:
    engine(place, "20.10.24")
    assert "expected Docker Engine 25 or newer, found 20.10.24" in start(place, "demo")


@pytest.mark.parametrize(("told", "found"), [("echo v2.17.3", "v2.17.3"), ("false", "none")])
def test_a_compose_that_is_too_old_is_named(place: Path, told: str, found: str) -> None:
    docker = place / "bin" / "docker"
    docker.write_text(docker.read_text().replace("echo v2.40.3", told))
    assert f"expected Docker Compose 2.20.2 or newer, found {found}" in start(place, "demo", code=1)


def test_an_engine_with_too_little_memory_is_named(place: Path) -> None:
    docker = place / "bin" / "docker"
    docker.write_text(docker.read_text().replace("8000000000", "2000000000"))
    assert "memory: expected 3 GiB for Docker's engine, found 1 GiB" in start(place, "demo")


@pytest.mark.parametrize(("kind", "user"), [("", "1000:1000"), ("name=rootless", "0:0")])
def test_a_markets_folder_is_written_as_this_user_whoever_the_engine_runs_as(place: Path, kind: str, user: str) -> None:
    """A rootless engine's root is this user; every other user of its containers is nobody here."""
    docker, who = place / "bin" / "docker", place / "bin" / "id"
    who.write_text("#!/bin/sh\necho 1000\n")
    who.chmod(0o755)
    begun(place, "demo")
    options = f'case "$3" in *SecurityOptions*) echo "[name=cgroupns {kind}]" ;; *) echo 8000000000 ;; esac'
    docker.write_text(docker.read_text().replace("echo 8000000000", options))
    assert f"run --rm --network host --user {user} " in start(place, "demo", code=0)


def test_a_mode_that_is_none_is_refused(place: Path) -> None:
    assert "expected local, compose or nothing, found docker" in start(place, "demo", ACTSTOCK_MODE="docker")


# -- what was asked for ----------------------------------------------------------------------------------------------

BEFORE_AND_BEHIND = (("stop", "--data"), ("--data", "stop"), ("stop", "--data="), ("--data=", "stop"))


@pytest.fixture
def two(place: Path) -> Path:
    """Two markets, of which yahoo was started last; the folder of the other."""
    market(place, "yahoo", with_docker=True)
    (place / ".env").symlink_to("var/yahoo/.env")
    return market(place, "demo", with_docker=True)


@pytest.mark.parametrize("written", BEFORE_AND_BEHIND)
def test_a_command_means_the_folder_that_is_named_wherever_it_is_named(
    place: Path, two: Path, written: tuple[str, ...]
) -> None:
    words = [f"{word}{two}" if word == "--data=" else word for word in written]
    if "--data" in words:
        words.insert(words.index("--data") + 1, str(two))
    told = start(place, *words)
    assert f"--env-file {two}/.env --profile * down" in told
    assert "build" not in told


def test_reset_removes_the_market_that_is_named_and_no_other(place: Path, two: Path) -> None:
    told = start(place, "reset", "--yes", f"--data={two}")
    assert f"--env-file {two}/.env --profile * down --remove-orphans --volumes" in told
    assert f"{place}/var/yahoo" not in told


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("dmeo",), "expected demo, stop, status, logs, reset, run, move or test, found dmeo"),
        (("demo", "--only=api", "--yes"), "demo: expected --data --only --run, found --yes"),
        # Its clock begins in its past, which is built from there on.
        (("demo", "--now=2026-01-24T02:00:00Z"), "demo: expected --data --only --run, found --now"),
        (("--now", "2026-01-24T02:00:00Z", "demo"), "demo: expected --data --only --run, found --now"),
        (("demo", "--replay", "x"), "demo: expected --data --only --run, found --replay"),
        (("stop", "all"), "stop: expected --data, found all"),
        (("stop", "--yes"), "stop: expected --data, found --yes"),
        (("status", "--dat", "x"), "status: expected --data, found --dat"),
        (("reset", "-y"), "reset: expected --data --yes, found -y"),
        (("reset", "--data", "--yes"), "--data: expected a value after it, found --yes"),
        (("reset", "--data="), "--data: expected a value after it, found none"),
        (("logs", "api", "kafka"), "logs: expected --data --lines -n --follow -f, found api kafka"),
        (("run",), "run: expected a program"),
        (("--yes",), "start: expected --data --replay --now --only --run, found --yes"),
    ],
)
def test_what_is_not_understood_is_refused_before_anything_is_done(
    place: Path, two: Path, arguments: tuple[str, ...], reason: str
) -> None:
    told = start(place, *arguments, code=2)
    assert told.startswith(f"start: {reason}")
    assert not (place / "asked").exists()


def test_options_before_a_command_belong_to_it(place: Path) -> None:
    market(place, "yahoo", with_docker=False)
    market(place, "demo", with_docker=True)
    assert "build" in start(place, "--run", "demo")


def test_what_follows_a_program_is_its_own(place: Path, two: Path) -> None:
    told = start(place, "run", "--data", str(two), "batch/x.py", "--local", "--data", "y", "--as-of=2026-01-23")
    assert f"--env-file {two}/.env run" in told
    assert "utils.stack.program batch/x.py --local --data y --as-of=2026-01-23" in told


@pytest.mark.parametrize("arguments", [("--help",), ("stop", "--help"), ("demo", "-h"), ("reset", "--yes", "--help")])
def test_help_does_nothing_else(place: Path, two: Path, arguments: tuple[str, ...]) -> None:
    told = start(place, *arguments, code=0)
    assert "./start.sh reset" in told
    assert "import" not in told
    assert not (place / "asked").exists()


def test_start_sh_takes_what_the_program_behind_it_takes() -> None:
    """Options of each command, as both read them."""
    script = (REPO / "utils" / "stack" / "arguments.sh").read_text(encoding="utf-8")
    taken = {
        command: set(options.split())
        for commands, options in re.findall(r'^        (\S.*)\) echo "(.*)" ;;$', script, re.MULTILINE)
        for command in commands.split(" | ")
    }
    whole = parser()
    [commands] = [action for action in whole._actions if isinstance(action.choices, dict)]
    known = {
        name or '""': {option for action in each._actions for option in action.option_strings} - {"-h", "--help"}
        for name, each in {"": whole, **dict(commands.choices or {})}.items()
    }
    assert taken.pop("move") == {"--data", "--yes"}  # of the scripts alone
    assert taken == {name: options for name, options in known.items() if name != "test"}


@pytest.mark.parametrize("name", ["hand", "My Market!", "-x-"])
def test_a_market_directory_has_one_name_in_both_modes(place: Path, name: str) -> None:
    directory = place / "markets" / name
    directory.mkdir(parents=True)
    (place / "link").symlink_to(directory)
    market(place, replayed(directory).name, with_docker=False)
    for written in (directory, place / "link", f"{directory}/../{name}"):
        # The first thing that set-up without Docker looks at.
        assert "expected to write to /dev/null/x" in start(
            place, f"--replay={written}", ACTSTOCK_DOWNLOADS="/dev/null/x"
        )


# -- with Docker -----------------------------------------------------------------------------------------------------

SERVICES = ("postgres", "api", "consumer")
HEALTHY = "\n".join(f"x-{service}-1|{service}|running|healthy|0" for service in SERVICES)
ENDED = "x-migrate-1|migrate|exited||0"


def listed(place: Path, *lines: str) -> None:
    """An engine with these containers; each line name|service|state|health|exit code."""
    (place / "listed").write_text("\n".join(lines) + "\n")
    names = "printf '%s\\n' " + " ".join((*SERVICES, "migrate"))
    engine(
        place,
        "28.5.2",
        **{
            "ps --all --format {{": f"cat {place}/listed",
            "ps --all --format table": "echo table",
            "ps --quiet": "echo 1234",
            "stats": "echo stats",
            "config --services": names,
        },
    )


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((HEALTHY, ENDED), 0),
        ((HEALTHY, "x-consumer-2|consumer|running|healthy|0", ENDED), 0),
        ((HEALTHY, ENDED, "x-tools-run-0a1b2c3d4e5f|tools|running||0"), 0),  # a program by hand
        ((HEALTHY, ENDED, "x-consumer-2|consumer|running|starting|0"), 1),
        ((HEALTHY.replace("healthy|0", "unhealthy|0", 1), ENDED), 1),
        ((HEALTHY.replace("x-api-1|api|running|healthy", "x-api-1|api|exited|"), ENDED), 1),  # stopped, with 0
        ((HEALTHY, "x-migrate-1|migrate|exited||1"), 1),
        ((HEALTHY,), 1),
        (("x-postgres-1|postgres|running|healthy|0",), 1),  # --only postgres
        ((), 1),
    ],
)
def test_status_is_0_only_when_every_service_is_healthy(place: Path, lines: tuple[str, ...], code: int) -> None:
    market(place, "demo", with_docker=True)
    listed(place, *lines)
    told = start(place, "status", code=code)
    assert ("not there: " in told) == (not all(f"|{name}|" in str(lines) for name in (*SERVICES, "migrate")))


def test_the_markets_settings_hold_whatever_the_shell_has(place: Path) -> None:
    folder = market(place, "yahoo", with_docker=True)
    engine(place, "28.5.2", compose='echo "key ${API_KEY:-}, replay ${REPLAY_HOST:-}, $HOME"')
    told = start(place, "stop", "--data", str(folder), API_KEY="fromshell", REPLAY_HOST="fromshell")
    assert f"key , replay , {os.environ['HOME']}" in told


def begun(place: Path, name: str, **answers: str) -> Path:
    """An engine that builds, prepares that market's folder and starts it, and does what is told before all that."""
    folder = place / "var" / name
    if not folder.exists():
        new = market(place, name, with_docker=True) / ".env"
        new.write_text(new.read_text().replace("ACTSTOCK_MODE='compose'\n", ""))
    usual = {
        "--tag": ":",
        "prepare": f"echo {folder}",
        "ports": ":",
        "ps --quiet": ":",
        "volume_ls": ":",
        "up": ":",
        "run --rm": "cat >/dev/null",
    }
    engine(place, "28.5.2", **answers, **{words: doing for words, doing in usual.items() if words not in answers})
    return folder


def test_compose_in_this_folder_means_what_was_started_last(place: Path) -> None:
    market(place, "yahoo", with_docker=True)
    (place / ".env").symlink_to("var/yahoo/.env")
    folder = begun(place, "demo", up="exit 1")
    start(place, "demo", code=1)
    assert (place / ".env").readlink() == Path("var/yahoo/.env")
    begun(place, "demo")
    start(place, "demo", code=0)
    assert (place / ".env").readlink() == Path("var/demo/.env")
    assert "ACTSTOCK_MODE='compose'" in (folder / ".env").read_text()


def test_a_last_line_without_its_end_stays_as_it_is(place: Path) -> None:
    settings = begun(place, "demo") / ".env"
    settings.write_text(settings.read_text() + "ALERT_URLS=x")
    for _ in range(2):
        start(place, "demo", code=0)
        assert settings.read_text().splitlines()[-2:] == ["ALERT_URLS=x", "ACTSTOCK_MODE='compose'"]
    assert settings.stat().st_mode & 0o777 == 0o600


def test_a_folder_elsewhere_is_named_after_its_start(place: Path) -> None:
    folder = begun(place, "demo")
    elsewhere = place.with_name(f"{place.name}-elsewhere") / "demo"
    elsewhere.parent.mkdir()
    folder.rename(elsewhere)
    begun(place, "demo", prepare=f"echo {elsewhere}")
    told = start(place, "demo", "--data", str(elsewhere), code=0)
    assert f"commands need --data {elsewhere}" in told
    assert not (place / ".env").exists()


def test_a_file_in_the_place_of_the_link_is_left_alone(place: Path) -> None:
    (place / ".env").write_text("mine\n")
    begun(place, "demo")
    told = start(place, "demo", code=1)
    assert ".env: expected the link that start.sh keeps, found a file" in told
    assert " up " not in told
    assert (place / ".env").read_text() == "mine\n"


def test_a_new_folder_does_not_take_volumes_with_other_passwords(place: Path) -> None:
    begun(place, "demo", volume_ls="echo actstock-demo_postgres")
    for _ in range(2):
        told = start(place, "demo", code=1)
        assert "expected no volumes of actstock-demo, found those of a folder that is gone" in told
        assert " up " not in told
    begun(place, "demo")
    assert " up " in start(place, "demo", code=0)
    # Its own, from now on.
    begun(place, "demo", volume_ls="echo actstock-demo_postgres")
    start(place, "demo", code=0)


def test_ports_are_looked_at_before_the_first_container_only(place: Path) -> None:
    begun(place, "demo", ports="exit 2")
    told = start(place, "demo", code=2)
    assert " up " not in told
    begun(place, "demo", ports="exit 2", **{"ps --quiet": "echo 1234"})
    start(place, "demo", code=0)


def test_one_start_at_a_time_in_a_folder(place: Path) -> None:
    folder = begun(place, "demo")
    with (folder / "run" / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = start(place, "demo", code=1)
        set_up = folder / ".env"
        set_up.write_text(set_up.read_text() + "ACTSTOCK_MODE='compose'\n")
        assert "still busy" in start(place, "reset", "--yes", "--data", str(folder), code=1)
        assert folder.exists()
    assert "expected no other start, found one that is still busy" in told
    assert " up " not in told
    assert "prepare" not in told  # which writes settings


# -- from one mode to the other --------------------------------------------------------------------------------------


@pytest.fixture
def moving(place: Path) -> Path:
    """A place whose programs only write down what they are asked, and whose backups go elsewhere; the backup."""
    (place / "requirements.txt").touch()
    (place / ".venv" / "bin").mkdir(parents=True)
    nothing = hashlib.sha256(b"").hexdigest()
    (place / ".venv" / ".lock-sha256").write_text(f"{nothing} {place}/.venv\n")
    elsewhere = place / "elsewhere" / "actstock-demo-20260125T030000Z.dump"
    elsewhere.parent.mkdir()
    elsewhere.write_text("newest")
    java = place / "bin" / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    python = place / ".venv" / "bin" / "python"
    python.write_text(
        f"""#!/bin/sh
echo "$@" >>{place}/asked
case "$*" in
    *json.load*" market") echo demo ;;
    *database/backup.py) echo "backup {elsewhere}: 1 MB of a database of 2 MB, read back whole; 8 kept, 1 removed" ;;
esac
"""
    )
    for program in (java, python):
        program.chmod(0o755)
    return elsewhere


def test_a_move_takes_the_backup_it_has_made_wherever_it_went(place: Path, moving: Path) -> None:
    folder = market(place, "demo", with_docker=False)
    (folder / "backups").mkdir()
    (folder / "backups" / "actstock-demo-20200101T030000Z.dump").write_text("of long ago")
    taken = place / "taken"
    begun(place, "demo", **{"run --rm --no-TTY tools sh -c umask": f"cat >{taken}", "stop": ":"})
    told = start(place, "move", ACTSTOCK_DOWNLOADS=str(place / "downloads"), code=0)
    assert taken.read_text() == "newest"
    assert f"database/restore.py {moving.name}" in told
    assert "ACTSTOCK_MODE='compose'" in (folder / ".env").read_text()


def test_a_move_back_takes_the_backup_it_has_made_wherever_it_went(place: Path, moving: Path) -> None:
    folder = market(place, "demo", with_docker=True)
    made = "echo backup /data/backups/x.dump: 1 MB of a database"
    cases = {"utils.stack.program database/backup.py": made, "tools cat /data/backups/x.dump": "echo newest"}
    begun(place, "demo", **cases, stop=":", down=":", **{"--profile": ":", "run --rm": "tar -cf - -T /dev/null"})
    told = start(place, "--local", "move", ACTSTOCK_DOWNLOADS=str(place / "downloads"), code=0)
    assert (folder / "backups" / "x.dump").read_text() == "newest\n"
    assert f"database/restore.py {folder}/backups/x.dump" in told
    assert "ACTSTOCK_MODE='local'" in (folder / ".env").read_text()


def test_a_second_move_asks_before_it_replaces_what_came_since(place: Path, moving: Path) -> None:
    folder = market(place, "demo", with_docker=True)
    (folder / "pg").mkdir()  # as it was when it moved
    begun(place, "demo", stop=":")
    told = start(place, "move", ACTSTOCK_DOWNLOADS=str(place / "downloads"), code=2)
    assert "move: expected an answer on a terminal, or --yes; found neither" in told
    assert "backup.py" not in told
    told = start(place, "move", "--yes", ACTSTOCK_DOWNLOADS=str(place / "downloads"), code=0)
    assert f"database/restore.py {moving.name}" in told
