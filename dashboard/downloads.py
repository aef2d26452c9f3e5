"""/download/<table>.csv: the API's table as a spreadsheet opens it, with headings in the reader's language."""

import csv
import io

import flask
import httpx

from dashboard.context import current_address, current_client
from dashboard.texts import Words

# table: (path of the API, name of the file)
TABLES = {
    "portfolio": ("/stocks/portfolio", "portfolio"),
    "etfs": ("/dashboard/trending-etfs", "etfs"),
}
BOM = "\ufeff"  # without it a spreadsheet reads Korean as another encoding
downloads = flask.Blueprint("downloads", __name__)


@downloads.get("/download/<table>.csv")
def download(table: str) -> flask.Response:
    """Streamed from the API, so that the figures are the API's."""
    if table not in TABLES:
        flask.abort(404)
    path, name = TABLES[table]
    address = current_address("/", flask.request.args)
    t = Words(address.lang)
    query = {"period_days": address.period} | ({"as_of_date": address.day.isoformat()} if address.day else {})
    try:
        answer = current_client().csv(path, query)
    except httpx.HTTPError:
        return flask.Response(t("away_empty"), 503, mimetype="text/plain")
    if answer.status_code != 200:
        return flask.Response(answer.json()["detail"], answer.status_code, mimetype="text/plain")
    is_demo = current_client().get("/status").body.get("is_demo")
    file = f"{'demo-' if is_demo else ''}{name}-{address.period}d-{address.day or 'newest'}.csv"
    return flask.Response(
        BOM + with_headings(answer.text, t),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def with_headings(text: str, t: Words) -> str:
    """The first line in the reader's language; a column without a text keeps the API's name."""
    head, _, rest = text.partition("\r\n")
    names = [t.or_as_is("csv", name) for name in next(csv.reader([head]))]
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(names)
    return line.getvalue() + rest
