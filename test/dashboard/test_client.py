"""The API's client: confirms by ETag, shows the last good answer while the API is away, and recovers."""

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

import dashboard.client
from config.settings import DashboardSettings
from dashboard.client import ApiClient


class Api:
    """An API that can be taken away (status None) or fail; it notes what it was asked."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.refuses_with = "application/problem+json"
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.status is None:
            raise httpx.ConnectError("refused", request=request)
        if self.status == 200 and request.headers.get("if-none-match") == '"one"':
            return httpx.Response(304)
        headers = {"ETag": '"one"'} if self.status == 200 else {"Content-Type": self.refuses_with}
        return httpx.Response(self.status, json={"answer": 42}, headers=headers)


@pytest.fixture
def api() -> Api:
    return Api()


def client(api: Api, folder: Path, key: str = "id.secret") -> ApiClient:
    settings = DashboardSettings(api_url="http://api", api_key=SecretStr(key), cache_dir=folder)
    return ApiClient(settings, transport=httpx.MockTransport(api))


def test_a_fresh_answer_is_not_asked_for_again(api: Api, tmp_path: Path) -> None:
    reader = client(api, tmp_path)
    assert reader.get("/x", period="5").body == {"answer": 42}
    assert reader.get("/x", period="5").body == {"answer": 42}
    assert [request.headers["x-api-key"] for request in api.asked] == ["id.secret"]


def test_what_is_asked_twice_at_once_is_asked_once(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.client, "FRESH_SECONDS", 0.0)
    found = client(api, tmp_path).get_all([("/x", {"a": "1", "b": "2"}), ("/y", {}), ("/x", {"b": "2", "a": "1"})])
    assert [answer.body for answer in found] == [{"answer": 42}] * 3
    assert sorted(request.url.path for request in api.asked) == ["/x", "/y"]


def test_that_there_is_no_result_is_not_asked_for_again_either(api: Api, tmp_path: Path) -> None:
    """What a page shows of a past session names an analysis that the session does not have."""
    api.status = 404
    reader = client(api, tmp_path)
    assert [reader.get("/x").status for _ in range(2)] == [404, 404]
    assert len(api.asked) == 1
    api.status = 200
    assert reader.get_anew("/x").status == 200


def test_a_404_that_is_not_the_apis_is_not_kept_in_the_place_of_an_answer(api: Api, tmp_path: Path) -> None:
    reader = client(api, tmp_path)
    reader.get("/x")
    api.status, api.refuses_with = 404, "application/json"
    assert reader.get_anew("/x").status == 404
    assert reader.get("/x").status == 200
    assert len(list(tmp_path.iterdir())) == 1  # on disk are results alone


def test_an_old_answer_is_confirmed_by_its_tag(api: Api, tmp_path: Path) -> None:
    reader = client(api, tmp_path)
    reader.get_anew("/x")
    again = reader.get_anew("/x")
    assert (again.status, again.body, again.is_live) == (200, {"answer": 42}, True)
    assert api.asked[1].headers["if-none-match"] == '"one"'


@pytest.mark.parametrize("status", [None, 503, 429])
def test_away_shows_the_last_good_answer_and_recovers(api: Api, tmp_path: Path, status: int | None) -> None:
    reader = client(api, tmp_path)
    good = reader.get_anew("/x")
    api.status = status
    away = reader.get_anew("/x")
    assert (away.body, away.is_live, away.received_at) == (good.body, False, good.received_at)
    api.status = 200
    assert reader.get_anew("/x").is_live


def test_a_restarted_dashboard_still_has_the_last_good_answer(api: Api, tmp_path: Path) -> None:
    client(api, tmp_path).get("/x", period="5")
    api.status = None
    again = client(api, tmp_path).get("/x", period="5")
    assert (again.body, again.is_live) == ({"answer": 42}, False)


def test_answers_of_another_market_are_not_shown(api: Api, tmp_path: Path) -> None:
    client(api, tmp_path).get("/x")
    api.status = None
    assert client(api, tmp_path, key="other.secret").get("/x").status == 0


def test_a_refusal_is_passed_on_and_not_kept(api: Api, tmp_path: Path) -> None:
    api.status = 401
    reader = client(api, tmp_path)
    assert reader.get("/x").status == 401
    api.status = 200
    assert reader.get("/x").status == 200


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, json={"detail": "The database cannot be reached"}),
        httpx.Response(429, json={"detail": "too many"}),
        httpx.Response(502, html="<h1>Bad Gateway</h1>"),
        httpx.Response(200, html="<h1>Sign in to this network</h1>"),
    ],
    ids=lambda answer: str(answer.status_code),
)
def test_what_is_neither_a_table_nor_the_apis_refusal_is_no_file(tmp_path: Path, answer: httpx.Response) -> None:
    settings = DashboardSettings(api_key=SecretStr("k"), cache_dir=tmp_path)
    reader = ApiClient(settings, transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(httpx.HTTPError):
        reader.csv("/x", {})


def test_what_is_kept_is_bounded_in_memory_and_on_disk(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = len(b'{"answer":42}')
    monkeypatch.setattr(dashboard.client, "KEPT_BYTES", 2 * (one + dashboard.client.OVERHEAD_BYTES))
    monkeypatch.setattr(dashboard.client, "PRUNE_BYTES", 1)
    monkeypatch.setattr(dashboard.client, "KEPT_FILE_BYTES", 300)
    reader = client(api, tmp_path)
    for number in range(10):
        reader.get("/x", number=str(number))
    files = list(tmp_path.iterdir())
    assert 0 < sum(file.stat().st_size for file in files) <= 300
    reader.get("/x", number="9")
    assert len(api.asked) == 10  # the newest are kept
    reader.get("/x", number="0")
    assert len(api.asked) == 11


def test_a_disk_that_takes_nothing_does_not_keep_todays_answer_from_a_reader(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    reader = client(api, tmp_path)
    monkeypatch.setattr(Path, "write_text", full)
    assert reader.get("/x").body == {"answer": 42}
    assert list(tmp_path.iterdir()) == []
