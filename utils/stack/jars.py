"""The broker's jars and the JDBC driver: fetched once by Ivy, each checked against `config/jars.lock`.

The lock names every jar, so nothing is resolved: no POM is read, and what comes is what was tested.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from utils.stack import environment, services
from utils.stack.folder import REPO, downloads

LOCK = REPO / "config" / "jars.lock"


class JarsUnavailable(Exception):
    """A jar could not be fetched, or is not the one that was tested."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        """Its name in the folder of jars."""
        return f"{self.artifact}-{self.version}.jar"


def locked() -> list[Jar]:
    """What is needed."""
    lines = [line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return [Jar(sha256, *coordinates.split(":")) for sha256, coordinates in lines]


def fetch(root: Path, only: Sequence[str] = ()) -> None:
    """Have exactly the locked jars in the downloads folder, or those artifacts of them; what is there already stays.

    Raises JarsUnavailable with one line.
    """
    folder = environment.jars(root)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [jar for jar in locked() if not only or jar.artifact in only]
    done = root / ".jars-sha256"
    record = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    present = {file.name for file in folder.glob("*.jar")}
    if present == {jar.file_name for jar in wanted} and done.exists() and done.read_text() == record:
        return
    # Those of an older lock would be on the broker's class path, too.
    for stale in present - {jar.file_name for jar in wanted}:
        (folder / stale).unlink()
    missing = [jar for jar in wanted if _sum(folder / jar.file_name) != jar.sha256]
    if missing:
        _fetch(missing, root)
    done.write_text(record)


@retry(retry=retry_if_exception_type(JarsUnavailable), stop=stop_after_attempt(3), wait=wait_fixed(2), reraise=True)
def _fetch(missing: list[Jar], root: Path) -> None:
    work = root / "ivy"
    work.mkdir(exist_ok=True)
    (work / "ivy.xml").write_text(_ivy_file(missing), encoding="utf-8")
    (work / "ivysettings.xml").write_text(_settings_file(repository(os.environ)), encoding="utf-8")
    fetched = work / "fetched"
    shutil.rmtree(fetched, ignore_errors=True)
    command = [*services.java("256m")[:3], *_proxy(os.environ), "-jar", str(_ivy())]
    command += [
        "-settings",
        str(work / "ivysettings.xml"),
        "-ivy",
        str(work / "ivy.xml"),
        "-cache",
        str(work / "cache"),
    ]
    command += ["-types", "jar", "bundle", "-retrieve", f"{fetched}/[artifact]-[revision].[ext]"]
    said = _watched(command, len(missing))
    for jar in missing:
        file = fetched / jar.file_name
        found = _sum(file)
        if found != jar.sha256:
            # A wrong file must not come out of Ivy's cache again.
            shutil.rmtree(work / "cache" / jar.group / jar.artifact, ignore_errors=True)
            reason = "none" if found is None else f"{found[:12]}…"
            why = (
                "; ".join(line for line in said if "WARN" not in line or "http" in line)[-300:] if found is None else ""
            )
            raise JarsUnavailable(f"{jar.file_name}: expected sha256 {jar.sha256[:12]}…, found {reason} {why}".strip())
        file.replace(environment.jars(root) / jar.file_name)


def _watched(command: list[str], count: int) -> list[str]:
    """Run Ivy and show how far it is; its last lines."""
    said: list[str] = []
    fetched = 0
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as ivy:
        for line in ivy.stdout or ():
            if "[SUCCESSFUL ]" in line:
                fetched += 1
                if sys.stderr.isatty():
                    print(
                        f"\r  jars {fetched}/{count}", end="" if fetched < count else "\n", file=sys.stderr, flush=True
                    )
            elif line.strip(" .\n"):
                said = [*said[-5:], line.strip()]
    return said


def repository(given: Mapping[str, str]) -> str | None:
    """The Maven repository to ask: MAVEN_REPO_URL, else a mirror of the person's Maven settings, else Ivy's own."""
    if given.get("MAVEN_REPO_URL"):
        return given["MAVEN_REPO_URL"]
    settings = Path(given.get("HOME") or "/nonexistent") / ".m2" / "settings.xml"
    if not settings.is_file():
        return None
    for mirror in ET.parse(settings).getroot().iterfind(".//{*}mirror"):  # noqa: S314 - the person's own file
        covered = (mirror.findtext("{*}mirrorOf") or "").split(",")
        if {"*", "central", "external:*"} & {name.strip() for name in covered}:
            return mirror.findtext("{*}url")
    return None


def _ivy() -> Path:
    """The Ivy that came with pyspark."""
    jars = [jar for jar in environment.spark_jars() if jar.match("ivy-*.jar")]
    if not jars:
        raise JarsUnavailable("expected the package pyspark with its ivy-*.jar in this environment, found none")
    return jars[-1]


def _ivy_file(jars: list[Jar]) -> str:
    needed = "".join(
        f'<dependency org="{jar.group}" name="{jar.artifact}" rev="{jar.version}" transitive="false" conf="default"/>'
        for jar in jars
    )
    return (
        '<ivy-module version="2.0"><info organisation="actstock" module="jars"/>'
        f'<configurations><conf name="default"/></configurations><dependencies>{needed}</dependencies></ivy-module>'
    )


def _settings_file(url: str | None) -> str:
    root = f" root={quoteattr(url)}" if url else ""
    return (
        # Our own sums are the check: the repository's would be asked for one by one.
        '<ivysettings><property name="ivy.checksums" value=""/><settings defaultResolver="maven"/><resolvers>'
        f'<ibiblio name="maven" m2compatible="true" usepoms="false" useMavenMetadata="false"{root}/>'
        "</resolvers></ivysettings>"
    )


def _proxy(given: Mapping[str, str]) -> Iterator[str]:
    """Java does not read the proxy of the environment."""
    for scheme in ("http", "https"):
        url = given.get(f"{scheme}_proxy") or given.get(f"{scheme.upper()}_PROXY")
        if url and (parts := urlsplit(url)).hostname:
            yield f"-D{scheme}.proxyHost={parts.hostname}"
            yield f"-D{scheme}.proxyPort={parts.port or 80}"


def _sum(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None


def main() -> int:
    """Fetch them by hand: `python -m utils.stack.jars [ARTIFACT...]`."""
    try:
        fetch(downloads(), sys.argv[1:])
    except JarsUnavailable as error:
        print(f"jars: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
