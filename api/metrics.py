"""What Prometheus reads at /metrics: the requests of this process, and the platform as its database has it."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg import Error
from psycopg_pool import ConnectionPool

from api.calls import Call
from api.freshness import PlatformClock, sessions_behind
from api.problems import METHODS
from database import monitoring, read_portfolios
from database.connection import Connection
from utils.clock import ClockUnavailable, wall_now

log = logging.getLogger(__name__)

BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
WAIT_S = 1.0
"""A scrape waits this long for a connection: without the database it still tells of the requests."""
OUTCOMES = ("stored", "unchanged", "failed", "dead_lettered")


class RequestMetrics:
    """Requests of this process, by method, route template and status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self.requests = Counter("actstock_api_requests", "Requests answered", labels, registry=registry)
        self.seconds = Histogram(
            "actstock_api_request_seconds", "Time to answer", labels, buckets=BUCKETS, registry=registry
        )
        self.in_progress = Gauge("actstock_api_requests_in_progress", "Requests being answered", registry=registry)
        self.stored = Counter(
            "actstock_api_stored_answers",
            "Answers of results, by whether a kept one was given (hit) or it was read (miss)",
            ("outcome",),
            registry=registry,
        )

    def note(self, method: str, route: str, status: int, call: Call) -> None:
        """One request is answered."""
        labels = (method if method in METHODS else "other", route, str(status))
        self.requests.labels(*labels).inc()
        self.seconds.labels(*labels).observe(call.milliseconds / 1000)
        if call.stored:
            self.stored.labels(call.stored).inc()


def registry_of(pool: ConnectionPool[Connection], clock: PlatformClock) -> tuple[CollectorRegistry, RequestMetrics]:
    """Everything one process of the API tells, and where its requests are noted."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody asks for
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(PlatformMetrics(pool, clock))
    return registry, RequestMetrics(registry)


class PlatformMetrics(Collector):
    """Read at each scrape, in one snapshot; without the database there is only `actstock_database_up 0`."""

    def __init__(self, pool: ConnectionPool[Connection], clock: PlatformClock) -> None:
        self.pool = pool
        self.clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All families."""
        try:
            with self.pool.connection(timeout=WAIT_S) as connection, connection.transaction():
                families = [*runs(connection), *troubles(connection), *budget(connection), *self._freshness(connection)]
        except Error as error:
            log.warning("metrics without the database: %s", type(error).__name__)
            families = []
        up = int(bool(families))
        yield _gauge("database_up", "1 when the database answered with the schema of this version", (), [((), up)])
        yield from families

    def _freshness(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        newest = read_portfolios.newest_portfolio_date(connection)
        if newest is None:
            return
        try:
            behind = sessions_behind(newest, self.clock.expected_session())
        except ClockUnavailable:
            return  # nothing can be dated without it
        about = "Sessions between the newest portfolios and those there should be"
        yield _gauge("sessions_behind", about, (), [((), behind)])


def runs(connection: Connection) -> Iterator[GaugeMetricFamily]:
    """The ledger: how runs ended, what became of their items, what they cost, when each process last succeeded."""
    totals = monitoring.ledger_totals(connection)
    yield _gauge(
        "ledger_runs",
        "Runs in the ledger",
        ("process", "status"),
        [((row.process, row.status), row.runs) for row in totals],
    )
    yield _gauge(
        "ledger_items",
        "Items of the runs in the ledger, by what became of them",
        ("process", "status", "outcome"),
        [((row.process, row.status, outcome), getattr(row, outcome)) for row in totals for outcome in OUTCOMES],
    )
    yield _gauge(
        "ledger_source_requests",
        "Requests to the source that the runs in the ledger made",
        ("process", "status"),
        [((row.process, row.status), row.api_calls) for row in totals],
    )
    yield _gauge(
        "last_usable_run_timestamp_seconds",
        "When the newest usable run ended (wall clock)",
        ("process",),
        [((process,), ended.timestamp()) for process, ended in monitoring.last_usable_runs(connection)],
    )


def troubles(connection: Connection) -> Iterator[GaugeMetricFamily]:
    """What is wrong at present."""
    yield _gauge(
        "open_incidents",
        "Incidents that are open",
        ("kind",),
        [((kind,), count) for kind, count in monitoring.open_incidents(connection)],
    )
    yield _gauge(
        "dead_letters",
        "Messages nobody could store",
        ("status",),
        [((status,), count) for status, count in monitoring.dead_letters(connection)],
    )


def budget(connection: Connection) -> Iterator[GaugeMetricFamily]:
    """What the sources were asked today."""
    now = wall_now()
    found = monitoring.budgets(connection, now)
    yield _gauge(
        "source_budget_requests",
        "Requests of today (UTC), made and reserved",
        ("source", "state"),
        [((row.source, state), getattr(row, state)) for row in found for state in ("used", "reserved")],
    )
    yield _gauge(
        "source_blocked_seconds",
        "How much longer the source wants to be left alone",
        ("source",),
        [((row.source,), (row.blocked_until - now).total_seconds() if row.blocked_until else 0.0) for row in found],
    )


def _gauge(
    name: str, about: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"actstock_{name}", about, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family
