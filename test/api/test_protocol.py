"""What holds for every path: keys, problems, freshness, conditional and compressed answers. Each path's own turn:
test_examples.py (304, CSV) and test_bad_requests.py (keys)."""

from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from api import VERSION, dependencies, freshness
from api.app import create_app
from database import api_keys
from database.schema_revision import newest_revision
from test.published import KEY, Connection
from utils.program import UsageError

DATED_PATHS = (
    "/stocks/portfolio",
    "/dashboard/trending-etfs",
    "/dashboard/portfolio-changes",
    "/dashboard/portfolio-summary",
)


def test_open_paths_need_none(client: TestClient) -> None:
    client.headers.pop("X-API-Key")
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").status_code == 200
    assert client.get("/openapi.json").json()["info"]["version"] == VERSION


def test_a_revoked_key_is_refused(client: TestClient, db: Connection) -> None:
    assert client.get("/sessions").status_code == 200
    assert db.execute("SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL").fetchone() == (1,)
    api_keys.revoke(db, "test")
    assert client.get("/sessions").status_code == 401


def test_registering_a_key_again_changes_nothing(db: Connection) -> None:
    assert api_keys.register(db, "tests", KEY) is False
    with pytest.raises(UsageError, match="taken by another secret"):
        api_keys.register(db, "tests", "test.another-secret-0123")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/stocks/portfolio?period_days=7", "period_days: input should be 5, 10 or 20"),
        ("/stocks/portfolio?as_of_date=yesterday", "as_of_date: input should be a date like 2026-01-23"),
        ("/stocks/portfolio?perod_days=5", "Unknown parameter perod_days; accepted: period_days, as_of_date"),
        ("/dashboard/portfolio-changes?period_days=3", "input should be '5', '10', '20' or 'monthly'"),
        ("/sessions?limit=5", "Unknown parameter limit; this path takes none"),
    ],
)
def test_a_bad_parameter_names_the_accepted_values(client: TestClient, path: str, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("path", DATED_PATHS)
@pytest.mark.parametrize(("day", "why"), [("2026-01-21", "There is no"), ("2026-01-24", "is not a session")])
def test_a_date_without_result_names_the_newest(client: TestClient, path: str, day: str, why: str) -> None:
    answer = client.get(path, params={"as_of_date": day})
    assert answer.status_code == 404
    assert why in answer.json()["detail"]
    assert answer.json()["newest_as_of_date"] == "2026-01-23"


def test_an_unknown_path_and_a_wrong_method(client: TestClient) -> None:
    assert client.get("/nothing").json()["status"] == 404
    assert client.post("/sessions").json()["title"] == "Method not allowed"


def test_without_a_database_it_is_up_but_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DB_HOST": "127.0.0.1", "DB_PORT": "9", "DB_USER": "api", "DB_PASSWORD": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(dependencies, "WAIT_FOR_CONNECTION_S", 0.2)
    with TestClient(create_app(), raise_server_exceptions=False) as client:
        assert client.get("/health").status_code == 200
        for path in ("/ready", "/sessions"):
            answer = client.get(path, headers={"X-API-Key": KEY})
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"


def test_the_database_killed_and_back(client: TestClient, db: Connection) -> None:
    assert client.get("/sessions").status_code == 200
    db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'api'")
    assert client.get("/sessions").status_code == 200


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "0001"),
        ("DELETE FROM alembic_version", "none"),
        ("DROP TABLE alembic_version", "none"),
    ],
)
def test_ready_names_missing_migrations(client: TestClient, db: Connection, change: str, found: str) -> None:
    assert client.get("/ready").status_code == 200
    db.execute(change)
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"] == f"Migrations are missing: expected {newest_revision()}, found {found}"


@pytest.mark.usefixtures("results")
class TestTransfer:
    def test_the_tag_changes_with_the_result(self, client: TestClient, db: Connection) -> None:
        tag = client.get("/stocks/portfolio").headers["etag"]
        db.execute("UPDATE analytics_portfolios SET revision = 2 WHERE strategy = '20d'")
        assert client.get("/stocks/portfolio", headers={"If-None-Match": tag}).status_code == 200

    def test_csv_and_json_have_their_own_tags(self, client: TestClient) -> None:
        tag = client.get("/stocks/portfolio").headers["etag"]
        answer = client.get("/stocks/portfolio", headers={"If-None-Match": tag, "Accept": "text/csv"})
        assert answer.status_code == 200
        assert "Accept" in answer.headers["vary"]

    def test_long_answers_are_compressed(self, client: TestClient) -> None:
        answer = client.get("/dashboard/trending-etfs", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.usefixtures("results")
class TestStatus:
    def test_current(self, client: TestClient) -> None:
        answer = client.get("/status").json()
        assert (answer["as_of_date"], answer["expected_as_of_date"]) == ("2026-01-23", "2026-01-23")
        assert (answer["sessions_behind"], answer["freshness"], answer["is_current"]) == (0, "current", True)
        assert answer["next_run_at"] == "2026-01-26T21:30:00Z"
        assert (answer["usd_krw"], answer["usd_krw_date"]) == (1401.2, "2026-01-22")

    @pytest.mark.parametrize(("day", "hour", "freshness_"), [(26, 22, "due"), (27, 16, "behind")])
    def test_due_and_behind(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch, day: int, hour: int, freshness_: str
    ) -> None:
        monkeypatch.setattr(freshness, "wall_now", lambda: datetime(2026, 1, day, hour, tzinfo=UTC))
        answer = client.get("/status").json()
        assert (answer["sessions_behind"], answer["freshness"]) == (1, freshness_)
        assert answer["due_at"] == "2026-01-27T15:00:00Z"

    def test_sessions_name_the_gaps(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(freshness, "wall_now", lambda: datetime(2026, 1, 26, 22, tzinfo=UTC))
        answer = client.get("/sessions").json()
        assert answer["sessions"] == ["2026-01-22", "2026-01-23"]
        assert answer["without_result"] == ["2026-01-26"]
        assert answer["rebalances"] == []
