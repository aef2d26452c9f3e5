"""Files of tables, without a browser."""

from pathlib import Path
from typing import Any

import flask
import httpx
import pytest
from pydantic import SecretStr

from config.settings import DashboardSettings
from dashboard import client as api_client
from dashboard.client import ApiClient
from dashboard.context import CLIENT
from dashboard.downloads import downloads

PURCHASE: dict[str, Any] = {"origin": "live", "as_of_date": "2026-01-22", "weights": {"ACME": 0.6}}


def test_purchases_kept_from_before_are_not_given_while_the_api_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away: list[bool] = []

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if away else httpx.Response(200, json={"rebalances": [PURCHASE]})

    monkeypatch.setattr(api_client, "FRESH_SECONDS", 0.0)
    server = flask.Flask(__name__)
    settings = DashboardSettings(api_key=SecretStr("k"), cache_dir=tmp_path)
    server.extensions[CLIENT] = ApiClient(settings, transport=httpx.MockTransport(answer))
    server.register_blueprint(downloads)
    reader = server.test_client()
    text = reader.get("/download/rebalances.csv?strategy=5d&lang=en").get_data(as_text=True)
    assert text.splitlines() == ['\ufeffStrategy,Origin,As of,"What was held, weight"', "5d,live,2026-01-22,ACME 0.6"]
    away.append(True)
    assert reader.get("/download/rebalances.csv?strategy=5d&lang=en").status_code == 503
