"""Files of tables, without a browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from config.settings import DashboardSettings
from dashboard import client as api_client
from dashboard.client import ApiClient
from dashboard.context import CLIENT
from dashboard.downloads import downloads
from dashboard.texts import Words

PURCHASE: dict[str, Any] = {"origin": "live", "as_of_date": "2026-01-22", "weights": {"ACME": 0.6}}
CSV = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": "attachment; filename=stocks-2026-01-23.csv"}
PROBLEM = {"Content-Type": "application/problem+json"}
Api = Callable[[httpx.Request], httpx.Response]


def reader_of(api: Api, folder: Path) -> FlaskClient:
    """Who downloads, where the API answers so."""
    server = flask.Flask(__name__)
    settings = DashboardSettings(api_key=SecretStr("k"), cache_dir=folder)
    server.extensions[CLIENT] = ApiClient(settings, transport=httpx.MockTransport(api))
    server.register_blueprint(downloads)
    return server.test_client()


def test_purchases_kept_from_before_are_not_given_while_the_api_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away: list[bool] = []

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if away else httpx.Response(200, json={"rebalances": [PURCHASE]})

    monkeypatch.setattr(api_client, "FRESH_SECONDS", 0.0)
    reader = reader_of(answer, tmp_path)
    text = reader.get("/download/rebalances.csv?strategy=5d&lang=en").get_data(as_text=True)
    assert text.splitlines() == ['\ufeffStrategy,Origin,As of,"What was held, weight"', "5d,live,2026-01-22,ACME 0.6"]
    away.append(True)
    assert reader.get("/download/rebalances.csv?strategy=5d&lang=en").status_code == 503


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, json={"detail": "The database cannot be reached"}, headers=PROBLEM),
        httpx.Response(502, html="<h1>Bad Gateway</h1>"),
    ],
    ids=["database away", "proxy alone"],
)
def test_while_the_api_has_no_answer_its_absence_is_told_in_the_readers_language(
    tmp_path: Path, answer: httpx.Response
) -> None:
    given = reader_of(lambda _: answer, tmp_path).get("/download/etfs.csv?lang=ko")
    assert (given.status_code, given.get_data(as_text=True)) == (503, Words("ko")("away_empty"))


def test_what_the_api_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    refusal = httpx.Response(404, json={"detail": "There is no portfolio of 2026-01-21"}, headers=PROBLEM)
    given = reader_of(lambda _: refusal, tmp_path).get("/download/portfolio.csv?lang=ko")
    assert (given.status_code, given.get_data(as_text=True)) == (404, "There is no portfolio of 2026-01-21")


def test_a_text_that_a_spreadsheet_would_calculate_stays_a_text(tmp_path: Path) -> None:
    """A company or a fund may be called anything; a number may be negative."""
    table = (
        "ticker,company_name,return_pct\r\n"
        'ACME,"=HYPERLINK(""http://bad"",""Acme"")",-1.5\r\n'
        '+ONE,@SUM(A1),+2\r\n"-TWO, Inc","\tThree\nFour",-1e-05\r\n'
    )
    given = reader_of(lambda _: httpx.Response(200, text=table, headers=CSV), tmp_path).get(
        "/download/portfolio.csv?lang=en"
    )
    assert given.headers["Content-Disposition"] == 'attachment; filename="stocks-2026-01-23.csv"'
    assert given.get_data(as_text=True) == (
        "\ufeffTicker,Name,Return %\r\n"
        'ACME,"\'=HYPERLINK(""http://bad"",""Acme"")",-1.5\r\n'
        "'+ONE,'@SUM(A1),+2\r\n\"'-TWO, Inc\",\"'\tThree\nFour\",-1e-05\r\n"
    )
