"""What the API tells of its requests and of the platform: the limit of a key, the log, the metrics."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from database import api_keys
from test.api.asking import get, problem
from test.api.serving import Served
from test.published import FRIDAY_EVENING, KEY, Connection, insert

OTHER = "othr.0123456789abcdef"


def test_a_key_has_a_limit_of_its_own_and_is_told_when_to_go_on(
    db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_RATE_PER_MINUTE", "3")
    api_keys.register(db, "other", OTHER)
    with TestClient(create_app(), headers={"X-API-Key": KEY}) as client:
        tag = client.get("/sessions").headers["etag"]
        assert client.get("/sessions", headers={"If-None-Match": tag}).status_code == 304
        assert client.get("/stocks/portfolio?period_days=7").status_code == 422
        refused = client.get("/sessions")
        assert (refused.status_code, refused.json()["title"]) == (429, "Too many requests")
        assert refused.json()["detail"].startswith("This key may ask 3 times a minute; go on in ")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.get("/health").status_code == 200
        assert client.get("/sessions", headers={"X-API-Key": OTHER}).status_code == 200


def test_a_line_says_who_asked_for_what_and_what_came_of_it(server: Served) -> None:
    with server.client() as client:
        client.get("/sessions")  # notes the use of the key, once a minute: a write, after which nothing kept is given
        for number in (1, 2):
            answer = client.get("/stocks/ACME/history?limit=3", headers={"X-Request-ID": f"job-{number}"})
            assert answer.headers["x-request-id"] == f"job-{number}"
        client.get("/stocks/NOBODY/latest", headers={"X-Request-ID": "job-3"})
        client.get("/nothing/at/all", headers={"X-Request-ID": "job-4"})
        client.get("/sessions", headers={"X-Request-ID": "job-5", "X-API-Key": f"{KEY}x"})
    written = server.lines_until("job-5")
    lines = {line["request_id"]: line for line in written if str(line.get("request_id", "")).startswith("job-")}
    told = [[line.get(name) for name in ("route", "status", "key", "stored", "refused")] for line in lines.values()]
    assert told == [
        ["/stocks/{symbol}/history", 200, "tests", "miss", None],
        ["/stocks/{symbol}/history", 200, "tests", "hit", None],
        ["/stocks/{symbol}/latest", 404, "tests", None, None],
        ["unknown", 404, "tests", None, None],
        ["unknown", 401, None, None, "unknown or revoked"],
    ]
    assert all(line["ms"] > 0 and line["method"] == "GET" and line["client"] == "127.0.0.1" for line in lines.values())


def metrics(client: TestClient) -> dict[tuple[str, str], float]:
    """(name, values of its labels in the order of their names) → value."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(sample.name, " ".join(sample.labels.values())): sample.value for one in families for sample in one.samples}


def test_metrics_tell_of_the_requests_and_of_the_platform(client: TestClient, market: Connection) -> None:
    opened: dict[str, Any] = {"opened_at": FRIDAY_EVENING, "detail": "BETA bars: no answer"}
    insert(market, "alert_incidents", key="failed/needed_stocks", **opened)
    insert(market, "alert_incidents", key="late/controller", **opened, closed_at=FRIDAY_EVENING)
    insert(market, "source_budget", source="yahoo", day=datetime.now(UTC).date(), used=7, reserved=2)
    problem(client, "/stocks/NOBODY/latest", 404)  # and notes the use of the key
    tag = client.get("/stocks/portfolio").headers["etag"]
    client.get("/stocks/portfolio", headers={"If-None-Match": tag})
    found = metrics(client)
    expected = {
        ("actstock_api_requests_total", "GET /stocks/portfolio 200"): 1,
        ("actstock_api_requests_total", "GET /stocks/portfolio 304"): 1,
        ("actstock_api_requests_total", "GET /stocks/{symbol}/latest 404"): 1,
        ("actstock_api_request_seconds_count", "GET /stocks/portfolio 304"): 1,
        ("actstock_api_stored_answers_total", "hit"): 1,
        ("actstock_api_stored_answers_total", "miss"): 1,
        ("actstock_api_requests_in_progress", ""): 1,
        ("actstock_database_up", ""): 1,
        ("actstock_ledger_runs", "needed_stocks success"): 1,
        ("actstock_ledger_runs", "needed_stocks partial"): 1,
        ("actstock_ledger_items", "stored needed_stocks partial"): 1,
        ("actstock_ledger_items", "failed needed_stocks partial"): 1,
        ("actstock_ledger_items", "stored needed_stocks success"): 2,
        ("actstock_last_usable_run_timestamp_seconds", "needed_stocks"): datetime(
            2026, 1, 22, 22, 1, tzinfo=UTC
        ).timestamp(),
        ("actstock_sessions_behind", ""): 0,
        ("actstock_open_incidents", "failed"): 1,
        ("actstock_open_incidents", "late"): 0,
        ("actstock_source_budget_requests", "yahoo used"): 7,
        ("actstock_source_budget_requests", "yahoo reserved"): 2,
        ("actstock_source_blocked_seconds", "yahoo"): 0,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_head_is_a_get_without_its_body(reader: TestClient) -> None:
    answer = reader.head("/stocks/portfolio")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == reader.get("/stocks/portfolio").headers["etag"]
    assert get(reader, "/stocks/portfolio")["state"] == "ok"
