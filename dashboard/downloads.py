"""/download/<table>.csv: the API's table as a spreadsheet opens it, with headings in the reader's language."""

import csv
import io
from collections.abc import Callable

import flask
import httpx
from werkzeug.http import parse_options_header

from dashboard.address import Address
from dashboard.client import Query
from dashboard.components import performance
from dashboard.context import current_address, current_client
from dashboard.site import ETFS, PERFORMANCE, PIPELINE, PORTFOLIO, SECTORS, Page
from dashboard.texts import Words


def _asks(path: str, **parameters: str) -> Callable[[Address], Query]:
    """API parameter=choice of the address; names in the path are choices, too. An empty choice, or all, is left out."""

    def query(address: Address) -> Query:
        given = {parameter: address[choice] for parameter, choice in parameters.items()}
        return path.format_map(address), {name: value for name, value in given.items() if value not in ("", "all")}

    return query


def _months(path: str) -> Callable[[Address], Query]:
    """Twelve months up to the one of the address: any day of it names it."""
    return lambda address: (path, {"as_of_date": f"{address['end']}-01"} if address["end"] else {})


def _one_month(address: Address) -> Query:
    year, _, month = address["month"].partition("-")
    return "/sectors/trending", {"year": year, "month": month.lstrip("0")} if year else {}


# table: (the page it is on, what it asks the API)
TABLES: dict[str, tuple[Page, Callable[[Address], Query]]] = {
    "portfolio": (PORTFOLIO, _asks("/stocks/portfolio", period_days="period", as_of_date="date")),
    "monthly": (PORTFOLIO, _asks("/stocks/monthly-portfolio", rebalance_date="date")),
    "changes": (PORTFOLIO, _asks("/dashboard/portfolio-changes", period_days="period", as_of_date="date")),
    "history": (PORTFOLIO, _asks("/stocks/{stock}/history", end_date="date")),
    "etfs": (ETFS, _asks("/dashboard/trending-etfs", period_days="period", as_of_date="date")),
    "relative-strength": (ETFS, _asks("/dashboard/relative-strength", days="range", as_of_date="date")),
    "holdings": (ETFS, _asks("/dashboard/etf-holdings", ticker="etf", as_of_date="date")),
    "top-holdings": (ETFS, _asks("/etf-holdings/top-holdings/{etf}", time_period="period", as_of_date="date")),
    "concentration": (ETFS, _asks("/etf-holdings/concentration", as_of_date="date")),
    "overlap": (ETFS, _asks("/etf-holdings/overlap", as_of_date="date")),
    "months": (SECTORS, _months("/dashboard/monthly-performance")),
    "sectors": (SECTORS, _one_month),
    "performance": (
        PERFORMANCE,
        _asks("/performance/{strategy}", start_date="from", end_date="to", cost_bps="cost"),
    ),
    "runs": (PIPELINE, _asks("/pipeline/runs", status="status", process="process", limit="rows")),
    "run": (PIPELINE, lambda address: (f"/pipeline/runs/{address['run']}", {"limit": MOST_ROWS})),
    "freshness": (PIPELINE, _asks("/pipeline/freshness")),
    "quality": (PIPELINE, _asks("/pipeline/quality", severity="severity", limit="rows")),
}
MOST_ROWS = "1000"  # that the API gives at once
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one
BOM = "\ufeff"  # without it a spreadsheet reads Korean as another encoding
downloads = flask.Blueprint("downloads", __name__)


@downloads.get("/download/<table>.csv")
def download(table: str) -> flask.Response:
    """As the API writes it, so that the figures are the API's."""
    if table not in TABLES:
        flask.abort(404)
    page, query_of = TABLES[table]
    address = current_address(page, flask.request.args)
    t = Words(address.lang)
    path, query = query_of(address)
    try:
        answer = current_client().csv(path, query)
    except httpx.HTTPError:
        return flask.Response(t("away_empty"), 503, mimetype="text/plain")
    if answer.status_code != 200:
        return flask.Response(answer.json()["detail"], answer.status_code, mimetype="text/plain")
    return as_file(for_readers(answer.text, t), file_name(answer))


@downloads.get("/download/rebalances.csv")
def rebalances() -> flask.Response:
    """Purchases of the chosen strategies: the one table that the API gives within another's answer only."""
    address = current_address(PERFORMANCE, flask.request.args)
    t = Words(address.lang)
    answers = dict(zip(performance.STRATEGIES, current_client().get_all(performance.queries(address)), strict=True))
    # as of every other table: nothing kept from before passes for what is asked for now
    if not all(answer.is_live for answer in answers.values()) or not any(answer.is_ok for answer in answers.values()):
        return flask.Response(t("away_empty"), 503, mimetype="text/plain")
    rows = [
        {"strategy": strategy, **row, "weights": "; ".join(f"{ticker} {w}" for ticker, w in row["weights"].items())}
        for strategy, answer in answers.items()
        if answer.is_ok and address["strategy"] in ("all", strategy)
        for row in answer.body["rebalances"]
    ]
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0] if rows else ["strategy"], lineterminator="\r\n")
    table.writeheader()
    table.writerows(rows)
    return as_file(for_readers(text.getvalue(), t), f"rebalances-{address['strategy']}.csv")


def as_file(text: str, name: str) -> flask.Response:
    """A download that a spreadsheet opens; the name says when the data are invented."""
    is_demo = current_client().get("/status").body.get("is_demo")
    return flask.Response(
        BOM + text,
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{"demo-" if is_demo else ""}{name}"'},
    )


def file_name(answer: httpx.Response) -> str:
    """As the API names the table: what and of which date."""
    _, options = parse_options_header(answer.headers.get("content-disposition"))
    return options.get("filename", "table.csv")


def for_readers(text: str, t: Words) -> str:
    """Headings in the reader's language, where there is a text for them; no cell that a spreadsheet would calculate."""
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(t.or_as_is("csv", name) for name in head)
    writer.writerows(map(no_formula, row) for row in rows)
    return table.getvalue()


def no_formula(cell: str) -> str:
    """The cell, as text where a spreadsheet would take it for a formula: a company may be called anything.

    >>> [no_formula(cell) for cell in ("=1+1", "@ACME", "-1.5", "−", "ACME")]
    ["'=1+1", "'@ACME", '-1.5', '−', 'ACME']
    """
    return f"'{cell}" if cell.startswith(FORMULA) and not is_number(cell) else cell


def is_number(cell: str) -> bool:
    """Whether it reads as one.

    >>> is_number("-1e-05"), is_number("-A1")
    (True, False)
    """
    try:
        float(cell)
    except ValueError:
        return False
    return True
