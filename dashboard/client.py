"""The API's client: asks in parallel, confirms by ETag, and keeps each last good answer for when the API is away."""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from cachetools import LRUCache

from config.settings import DashboardSettings

log = logging.getLogger(__name__)

FRESH_SECONDS = 30.0
TIMEOUT = httpx.Timeout(8.0, connect=2.0)
KEPT_BYTES = 16 * 1024 * 1024  # in memory, as text: what is made of it takes about twice that
OVERHEAD_BYTES = 2000  # of an answer beside its text: a reader can ask for a great many that are next to nothing
KEPT_FILE_BYTES = 50 * 1024 * 1024
PRUNE_BYTES = 4 * 1024 * 1024  # written between two looks at the folder
PARALLEL = 12
Query = tuple[str, Mapping[str, str]]
CSV = "text/csv"
PROBLEM = "application/problem+json"  # how the API refuses


@dataclass(frozen=True)
class Answer:
    """What the API said, now or when it last could. `status` 0: it is away and nothing is kept."""

    status: int
    body: dict[str, Any]
    received_at: datetime
    is_live: bool = True

    @property
    def is_ok(self) -> bool:
        """There is a result to show."""
        return self.status == 200


@dataclass(frozen=True)
class Kept:
    """A result, or that there is none (404), with what is needed to have it confirmed."""

    answer: Answer
    etag: str | None
    size: int  # bytes of its text
    confirmed: float  # monotonic seconds


class ApiClient:
    """One per process, used by all its threads."""

    def __init__(self, settings: DashboardSettings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.folder = settings.cache_dir
        self.folder.mkdir(parents=True, exist_ok=True)
        self._market = f"{settings.api_url} {settings.api_key.get_secret_value()}"
        self._http = httpx.Client(
            base_url=settings.api_url,
            headers={"X-API-Key": settings.api_key.get_secret_value()},
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=PARALLEL * 2, keepalive_expiry=60),
            transport=transport,
        )
        self._threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="api")
        self._kept = LRUCache[str, Kept](KEPT_BYTES, getsizeof=lambda kept: kept.size + OVERHEAD_BYTES)
        self._lock = threading.Lock()
        self._written = 0
        self._prune()

    def get(self, path: str, **query: str) -> Answer:
        """The answer; a kept one within FRESH_SECONDS, and whenever the API is away."""
        return self._get(path, query, fresh_seconds=FRESH_SECONDS)

    def get_anew(self, path: str, **query: str) -> Answer:
        """The answer, confirmed now; a kept one only when the API is away."""
        return self._get(path, query, fresh_seconds=0)

    def _get(self, path: str, query: Mapping[str, str], *, fresh_seconds: float) -> Answer:
        address = address_of((path, query))
        with self._lock:
            kept = self._kept.get(address)
        if kept and time.monotonic() - kept.confirmed < fresh_seconds:
            return kept.answer
        headers = {"If-None-Match": kept.etag} if kept and kept.etag else {}
        try:
            response = self._http.get(path, params=query, headers=headers)
            if is_away(response):
                return self._last_good(address, kept, f"status {response.status_code}")
            if response.status_code == 304 and kept:
                return self._keep(address, kept.answer, kept.etag, kept.size)
            answer = Answer(response.status_code, response.json(), datetime.now(UTC))
        except (httpx.HTTPError, ValueError) as error:
            return self._last_good(address, kept, str(error))
        if answer.is_ok:
            self._write(address, answer, len(response.content))
        elif answer.status != 404 or not response.headers.get("content-type", "").startswith(PROBLEM):
            return answer
        return self._keep(address, answer, response.headers.get("etag"), len(response.content))

    def get_all(self, queries: Sequence[Query]) -> list[Answer]:
        """The answers, asked for at the same time, in the order of the queries; each question once."""
        asked = {address_of(query): query for query in queries}
        found = dict(zip(asked, self._threads.map(lambda one: self.get(one[0], **one[1]), asked.values()), strict=True))
        return [found[address_of(query)] for query in queries]

    def csv(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        """The table of a path as CSV, as the API writes it, or its refusal.

        Raises httpx.HTTPError when the API is away, or something else answers in its place.
        """
        response = self._http.get(path, params=dict(query), headers={"Accept": CSV})
        if is_away(response) or not response.headers.get("content-type", "").startswith((CSV, PROBLEM)):
            raise httpx.HTTPStatusError("no table", request=response.request, response=response)
        return response

    def is_up(self) -> bool:
        """Whether the API answers and has its database."""
        try:
            return self._http.get("/ready", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    def _keep(self, address: str, answer: Answer, etag: str | None, size: int) -> Answer:
        answer = replace(answer, received_at=datetime.now(UTC), is_live=True)
        with self._lock:
            if size + OVERHEAD_BYTES <= KEPT_BYTES:
                self._kept[address] = Kept(answer, etag, size, time.monotonic())
        return answer

    def _last_good(self, address: str, kept: Kept | None, why: str) -> Answer:
        log.warning("API away for %s: %s", address, why)
        if kept:
            return replace(kept.answer, is_live=False)
        try:
            found = json.loads(self._file(address).read_text(encoding="utf-8"))
            received_at = datetime.fromisoformat(found["received_at"])
            return Answer(200, found["body"], received_at, is_live=False)
        except (OSError, ValueError, KeyError):
            return Answer(0, {}, datetime.now(UTC), is_live=False)

    def _file(self, address: str) -> Path:
        # The key belongs to one market: answers of another never meet this one's, even in the same folder.
        return self.folder / f"{hashlib.sha256(f'{self._market} {address}'.encode()).hexdigest()[:32]}.json"

    def _write(self, address: str, answer: Answer, size: int) -> None:
        """For a later time without the API; a disk that takes nothing does not keep a reader from today's answer."""
        file = self._file(address)
        half = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            half.write_text(json.dumps({"received_at": answer.received_at.isoformat(), "body": answer.body}))
            half.replace(file)  # another worker reads the old file or the new one, never half of it
        except OSError as error:
            log.warning("%s is not kept for when the API is away: %s", address, error)
            half.unlink(missing_ok=True)
            return
        with self._lock:
            self._written += size
            if self._written < PRUNE_BYTES:
                return
            self._written = 0
        self._prune()

    def _prune(self) -> None:
        """Oldest answers go until the rest fits. Another worker may do the same at this moment."""
        found = [(file, state) for file in self.folder.glob("*.json") if (state := _state(file)) is not None]
        total = 0
        for file, state in sorted(found, key=lambda each: each[1].st_mtime, reverse=True):
            total += state.st_size
            if total > KEPT_FILE_BYTES:
                file.unlink(missing_ok=True)


def address_of(query: Query) -> str:
    """The question, whatever the order of its parameters."""
    path, parameters = query
    return f"{path}?{urlencode(sorted(parameters.items()))}"


def is_away(response: httpx.Response) -> bool:
    """The API, or its database, is away, or is asked too much of."""
    return response.status_code >= 500 or response.status_code == 429


def _state(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except FileNotFoundError:
        return None
