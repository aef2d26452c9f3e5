"""The OpenAPI page: everything contracts 6 name is there, described, and makes a client that reads well."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from test.api.serving import Served
from test.published import KEY

# Contracts 6, and the names that clients are made with: a name that is published stays.
OPERATIONS = {
    "/health": ("health", ""),
    "/ready": ("ready", ""),
    "/metrics": ("metrics", ""),
    "/status": ("status", ""),
    "/sessions": ("sessions", ""),
    "/stocks/": ("stocks", "sector limit cursor"),
    "/stocks/portfolio": ("portfolio", "period_days as_of_date"),
    "/stocks/monthly-portfolio": ("monthly_portfolio", "rebalance_date"),
    "/stocks/{symbol}/latest": ("stock_latest", "symbol"),
    "/stocks/{symbol}/history": ("stock_history", "symbol start_date end_date limit cursor"),
    "/sectors/": ("sectors", ""),
    "/sectors/trending": ("sectors_trending", "year month"),
    "/dashboard/etf-list": ("etf_list", ""),
    "/dashboard/etf-holdings": ("etf_holdings", "ticker period_days as_of_date"),
    "/dashboard/spy-benchmark": ("spy_benchmark", "days as_of_date"),
    "/dashboard/etf-benchmark": ("etf_benchmark", "ticker days as_of_date"),
    "/dashboard/trending-etfs": ("trending_etfs", "period_days as_of_date"),
    "/dashboard/active-allocations": ("active_allocations", "period_days sector as_of_date"),
    "/dashboard/sector-trending": ("sector_trending", "months sector as_of_date"),
    "/dashboard/monthly-performance": ("monthly_performance", "months as_of_date"),
    "/dashboard/top-performers": ("top_performers", "period_days sector as_of_date limit"),
    "/dashboard/top-performers-by-sector": ("top_performers_by_sector", "period_days as_of_date limit"),
    "/dashboard/trending-etf-top-holdings": ("trending_etf_top_holdings", "period_days as_of_date limit"),
    "/dashboard/portfolio-changes": ("portfolio_changes", "period_days as_of_date"),
    "/dashboard/portfolio-summary": ("portfolio_summary", "period_days as_of_date"),
    "/dashboard/relative-strength": ("relative_strength", "days as_of_date"),
    "/etf-holdings/top-holdings/{etf_ticker}": ("etf_top_holdings", "etf_ticker time_period as_of_date limit"),
    "/etf-holdings/all-holdings": ("all_holdings", "time_period etf_type as_of_date limit"),
    "/etf-holdings/summary": ("holdings_summary", "time_period etf_type as_of_date"),
    "/etf-holdings/comparison/{holding_ticker}": ("holding_comparison", "holding_ticker time_period as_of_date"),
    "/etf-holdings/concentration": ("etf_concentration", "etf_type as_of_date"),
    "/etf-holdings/overlap": ("etf_overlap", "etf_type as_of_date"),
    "/performance/{strategy}": ("performance", "strategy start_date end_date cost_bps"),
    "/pipeline/runs": ("pipeline_runs", "status process limit cursor"),
    "/pipeline/runs/{run_id}": ("pipeline_run", "run_id status limit cursor"),
    "/pipeline/freshness": ("pipeline_freshness", ""),
    "/pipeline/quality": ("pipeline_quality", "severity check_name ticker limit cursor"),
}
OPEN = {"/health", "/ready", "/metrics"}
REFUSALS = {"401", "404", "406", "414", "422", "429", "503"}
# Types of values that the page names once, whatever field has them.
CHOICES = {
    "Cadence", "CautionCode", "EtfType", "FreshnessState", "ItemStatus", "MarketCapSource", "Origin", "Period",
    "PeriodOrMonthly", "PortfolioState", "PortfolioStatus", "RunStatus", "SentenceCode", "Severity", "Strategy",
}  # fmt: skip
UNITS = ("percent", "fraction", "percentage points")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The page; it needs no database."""
    for name, value in {"DB_HOST": "127.0.0.1", "DB_PORT": "9", "DB_USER": "api", "DB_PASSWORD": "x"}.items():
        monkeypatch.setenv(name, value)
    found: dict[str, Any] = TestClient(create_app()).get("/openapi.json").json()
    return found


def fields(page: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(model, field, its schema)."""
    for name, model in page["components"]["schemas"].items():
        for field, schema in model.get("properties", {}).items():
            yield name, field, schema


def test_everything_contracts_name_is_there_and_nothing_else(page: dict[str, Any]) -> None:
    found = {
        path: (
            entry["get"]["operationId"],
            " ".join(item["name"] for item in entry["get"].get("parameters", ()) if "name" in item),
        )
        for path, entry in page["paths"].items()
    }
    assert found == OPERATIONS
    assert {method for entry in page["paths"].values() for method in entry} == {"get"}


def test_every_answer_has_a_model_and_every_refusal_is_a_problem(page: dict[str, Any]) -> None:
    for path, entry in page["paths"].items():
        answers = entry["get"]["responses"]
        if path == "/metrics":
            continue
        assert "$ref" in answers["200"]["content"]["application/json"]["schema"], path
        assert set(answers) == {"200"} | (
            {"503"} if path == "/ready" else set() if path in OPEN else REFUSALS | {"304"}
        )
        assert bool(entry["get"].get("security")) == (path not in OPEN)
    for name, answer in page["components"]["responses"].items():
        content = {} if name == "NotModified" else {"application/problem+json"}
        assert set(answer.get("content", ())) == set(content)


def test_every_path_parameter_and_field_says_what_it_is(page: dict[str, Any]) -> None:
    for path, entry in page["paths"].items():
        assert entry["get"]["summary"] and entry["get"]["description"], path
        for parameter in entry["get"].get("parameters", ()):
            assert "$ref" in parameter or parameter["description"], (path, parameter)
    for name, model in page["components"]["schemas"].items():
        assert name in CHOICES or model["description"], name
    assert [(name, field) for name, field, schema in fields(page) if not schema.get("description")] == []


def test_every_quantity_says_its_unit(page: dict[str, Any]) -> None:
    ends = ("_pct", "_percent", "_weight", "_pp", "_return", "_5d", "_10d", "_20d", "volatility", "_rate")
    for name, field, schema in fields(page):
        says, is_number = schema.get("description", ""), '"number"' in json.dumps(schema)
        if is_number and field.endswith(ends):
            assert any(unit in says.lower() for unit in UNITS), (name, field, says)
        if is_number and field.endswith("_price"):
            assert "own currency" in says or "USD" in says, (name, field, says)
        if field == "market_cap":
            assert "USD" in says or "market_cap_currency" in says, (name, field, says)
        if schema.get("format") == "date-time":
            assert "UTC" in says, (name, field, says)


# -- a generated client ------------------------------------------------------------------------------------------------


@pytest.fixture
def generated(page: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client made from the page by openapi-python-client, which can be imported as `actstock`."""
    (tmp_path / "openapi.json").write_text(json.dumps(page), encoding="utf-8")
    (tmp_path / "config.yml").write_text("post_hooks: []\n", encoding="utf-8")  # nobody reads it: no formatting
    folder = tmp_path / "actstock"
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client"),
            *("generate", "--path", "openapi.json", "--config", "config.yml", "--meta", "none"),
            *("--output-path", str(folder), "--fail-on-warning"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_the_names_in_a_generated_client_read_well(generated: Path, page: dict[str, Any]) -> None:
    functions = {f"{file.parent.name}.{file.stem}" for file in generated.glob("api/*/*.py") if file.stem != "__init__"}
    assert functions == {
        f"{entry['get']['tags'][0].replace('-', '_')}.{OPERATIONS[path][0]}" for path, entry in page["paths"].items()
    }
    models = {file.stem for file in generated.glob("models/*.py")}
    # What the generator had to find a name for itself: the sectors one may ask for.
    assert {name for name in models if name.endswith(("_type_0", "_type_1"))} == set()
    assert {name for name in models if name.endswith("_sector")} == {
        "active_allocations_sector", "sector_trending_sector", "stocks_sector", "top_performers_by_sector",
        "top_performers_sector",
    }  # fmt: skip


@pytest.mark.usefixtures("generated")
def test_a_generated_client_reads_answers_and_refusals(server: Served) -> None:
    client = importlib.import_module("actstock.client").AuthenticatedClient(
        base_url=server.url, token=KEY, prefix="", auth_header_name="X-API-Key", httpx_args={"trust_env": False}
    )
    models = importlib.import_module("actstock.models")
    stocks = importlib.import_module("actstock.api.stocks.portfolio")
    with client:
        answer = stocks.sync_detailed(client=client, period_days=models.Period(20))
        portfolio = answer.parsed
        assert [(row.ticker, row.portfolio_weight) for row in portfolio.positions] == [
            ("ACME", 0.7692307692), ("BETA", 0.2307692308),
        ]  # fmt: skip
        assert (portfolio.as_of_date, portfolio.origin) == (date(2026, 1, 23), models.Origin.LIVE)
        assert portfolio.positions[0].picks[0].better_without_cap == ["DELTA"]
        again = stocks.sync_detailed(client=client, period_days=models.Period(20), if_none_match=answer.headers["etag"])
        assert (again.status_code, again.parsed) == (304, None)
        missing = stocks.sync(client=client, as_of_date=date(2026, 1, 21))
        assert isinstance(missing, models.Problem)
        assert missing["newest_as_of_date"] == "2026-01-23"
