"""Hundreds of requests nobody should send, made from the OpenAPI page, so that a route added later has them, too.

Each gets the 4xx that says what is wrong, as problem details, from a server that runs as for callers. Afterwards its
log has a line for each, and nothing of what was sent: no key, no value of a query, no trace.
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from test import published
from test.api.serving import Served

MARK = "s3cretmark"
"""Stands in what is sent, and must stand in no line of the log."""
INJECTIONS = (
    f"' OR '1'='1' -- {MARK}",
    f"1; DROP TABLE api_keys; --{MARK}",
    f'"><script>{MARK}</script>',
    f"../../../etc/{MARK}",
    f"${{jndi:ldap://127.0.0.1/{MARK}}}",
    f"{MARK}\r\nX-Injected: yes",
    f"한글-🙂-{MARK}",
    f"\u202e{MARK}",
    f"%s%n{MARK}",
    MARK + "A" * 600,
)
NOT_WHOLE = ("abc", "", "1.5", "1e309", "NaN", "0x10", "--1", "1,000", " 5 5", "99999999999999999999999", "True")
NOT_DATES: tuple[str, ...] = (
    "yesterday",
    "",
    "2026-13-01",
    "2026-02-30",
    "20260123",
    "0",
    "1769126400",
    "2026-1-5",
    "23.01.2026",
)
NOT_DATES += ("2026-01-23T00:00:00Z", "-2026-01-23", "２０２６-01-23")
FAR_DATES = ("0001-01-01", "1969-12-31", "9999-12-31", "2199-06-01")
NOT_NUMBERS = ("abc", "", "NaN", "inf", "-inf", "1e999", "1,5", "0x1")
METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
KEYS: tuple[str | None, ...] = (
    None,
    "",
    "x",
    "test",
    "test.",
    ".0123456789abcdef",
    "test.wrong-wrong-wrong",
    "test.0123456789abcdef0",
)
KEYS += (
    "nobody.0123456789abcdef",
    "TEST.0123456789abcdef",
    f"test.{MARK}{'é' * 20}",
    "a" * 9000,
    "test.0123456789abcdef==",
)


# Of test.api.market: what is bad about a request is then not hidden by something else that is not found.
FOUND = {
    "symbol": "ACME",
    "holding_ticker": "ACME",
    "etf_ticker": "QQQ",
    "ticker": "QQQ",
    "strategy": "20d",
    "run_id": "bars-2",
}


class Bad(NamedTuple):
    """One request and the answers that are right."""

    name: str
    method: str
    address: str
    headers: dict[str, bytes]
    right: tuple[int, ...]


def plain(schema: dict[str, Any], page: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter without null and references."""
    if "$ref" in schema:
        found: dict[str, Any] = page
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return plain(found, page) | {key: value for key, value in schema.items() if key != "$ref"}
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return plain({**schema, "anyOf": (), **options[0]}, page) if options else schema


def good_value(name: str, schema: dict[str, Any]) -> str:
    """A value that a parameter takes."""
    if name in FOUND:
        return FOUND[name]
    options = [option for option in schema.get("enum", ()) if option is not None]
    if options:
        return str(options[-1])
    if schema.get("examples"):
        return str(schema["examples"][0])
    return {"integer": str(schema.get("minimum", 1)), "number": "1"}.get(schema.get("type", ""), "2026-01-23")


def bad_values(schema: dict[str, Any], *, in_path: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Values that a parameter must not take, with the answers that are right."""
    wrong = (404, 422) if in_path else (422,)  # a slash in a path makes another path of it
    kind, options = schema.get("type"), [str(option) for option in schema.get("enum", ())]
    if options:
        for value in ("nope", options[0] + "x", f"{options[0]},{options[-1]}", *INJECTIONS):
            yield value, wrong
    elif kind == "integer":
        for value in (*NOT_WHOLE, *INJECTIONS[:2]):
            yield value, wrong
        for bound, beyond in (("minimum", -1), ("maximum", 1)):
            if bound in schema:
                yield str(schema[bound] + beyond), wrong
                yield str(schema[bound] + beyond * 10**12), wrong
    elif kind == "number":
        for value in (*NOT_NUMBERS, *INJECTIONS[:2]):
            yield value, wrong
    elif schema.get("format") == "date":
        for value in (*NOT_DATES, *INJECTIONS[:2]):
            yield value, wrong
        for value in FAR_DATES:  # a range may begin or end there; nothing may break
            yield value, (200, 404, 422)
    else:
        for value in INJECTIONS:  # a name, of something that is not there
            yield value, (404, 422)
    yield "A" * 9000, (414,)
    if not in_path:
        yield "\0", (422,)


def cases(page: dict[str, Any]) -> Iterator[Bad]:
    """All of them."""
    for template, operations in page["paths"].items():
        for operation in operations.values():
            yield from _of_path(template, operation, page)
    for path in (
        "/",
        "/nothing",
        "/stocks",
        "/stocks/",
        "/STOCKS/portfolio",
        "//stocks/portfolio",
        "/docs/../etc/passwd",
    ):
        if path not in page["paths"]:
            yield Bad(path, "GET", path, {}, (404,))
    for number, odd in enumerate(("/%2e%2e/%2e%2e/etc/passwd", "/%00", f"/{MARK}{'a' * 9000}", "/stocks/%ff/latest")):
        yield Bad(f"odd address {number}", "GET", odd, {}, (404, 414, 422))


def _of_path(template: str, operation: dict[str, Any], page: dict[str, Any]) -> Iterator[Bad]:
    parameters = [(item, plain(item["schema"], page)) for item in operation.get("parameters", ()) if "in" in item]
    path = template
    for item, schema in parameters:
        if item["in"] == "path":
            path = path.replace(f"{{{item['name']}}}", quote(good_value(item["name"], schema), safe=""))
    needed = "&".join(
        f"{item['name']}={quote(good_value(item['name'], schema), safe='')}"
        for item, schema in parameters
        if item["in"] == "query" and item.get("required")
    )
    queries = [(item["name"], schema) for item, schema in parameters if item["in"] == "query"]
    for method in METHODS:
        yield Bad(f"{method} {template}", method, path, {}, (405,))
    if not operation.get("security"):
        return
    for key in KEYS:
        headers = {} if key is None else {"X-API-Key": key.encode()}
        yield Bad(f"{template} key {key!r:.20}", "GET", path, {"X-API-Key": b""} | headers, (401,))
    address = f"{path}?{needed}&" if needed else f"{path}?"
    yield Bad(f"{template} unknown", "GET", f"{address}{MARK}=1", {}, (422,))
    yield Bad(f"{template} nothing it has", "GET", path, {"Accept": b"application/xml, image/*;q=0.5"}, (406, 422))
    for name, schema in queries:
        value = quote(good_value(name, schema), safe="")
        yield Bad(f"{template} {name} twice", "GET", f"{path}?{name}={value}&{name}={value}", {}, (422,))
        for bad, right in bad_values(schema, in_path=False):
            yield Bad(f"{template} {name}={bad!r:.20}", "GET", f"{address}{name}={quote(bad, safe='')}", {}, right)
    for item, schema in parameters:
        if item["in"] == "path":
            for bad, right in bad_values(schema, in_path=True):
                if bad:
                    filled = template.replace(f"{{{item['name']}}}", quote(bad, safe=""))
                    yield Bad(f"{template} {item['name']} {bad!r:.20}", "GET", filled, {}, right)


def test_each_gets_the_right_answer_and_leaves_no_trace(server: Served) -> None:
    with server.client() as client:
        found = list(cases(client.get("/openapi.json").json()))
        assert len(found) >= 200
        wrong = []
        for case in found:
            headers = {name.encode(): value for name, value in case.headers.items()}
            answer = client.request(case.method, case.address, headers=headers or None)
            problem = answer.json() if answer.status_code != 200 else {"status": 200, "detail": "", "title": ""}
            is_told = (
                answer.status_code in case.right
                and problem["status"] == answer.status_code
                and (answer.status_code == 200 or answer.headers["content-type"] == "application/problem+json")
                and ("allow" in answer.headers) == (answer.status_code == 405)
                and len(answer.headers["x-request-id"]) == 32
            )
            if not is_told:
                wrong.append((case.name, answer.status_code, problem))
        assert wrong == []
        assert client.get("/sessions").status_code == 200, "the tables are still there"
    written = server.log.read_text(encoding="utf-8")
    for secret in (MARK, published.KEY, published.KEY.partition(".")[2], "Traceback", '"exception"'):
        assert secret not in written
    lines = [line for line in server.lines() if line["event"] == "request"]
    assert len(lines) >= len(found)
    refused = [(line["level"], line["refused"]) for line in lines if line["status"] == 401]
    assert set(refused) == {
        ("warning", why) for why in ("no key", "not of a key's form", "unknown or revoked")
    }  # and no more than that
    assert {line["level"] for line in server.lines()} <= {"info", "warning"}


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": 'W/"', "Accept-Encoding": "gzip;q=abc, ;;"},
        {"If-None-Match": "," * 500, "Accept": ";;;q="},
        {"Range": "bytes=0-9", "If-Modified-Since": "yesterday"},
        {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "1' OR 1=1"},
        {"Content-Length": "5", "Content-Type": "application/json"},
        {"Cookie": "a" * 4000, "Authorization": f"Bearer {MARK}"},
        {"X-Request-ID": f"{MARK} two words"},
        {"X-Request-ID": MARK + "a" * 2000},
        {"Accept-Language": "tlh;q=9", "Origin": "null"},
    ],
)
def test_odd_headers_change_nothing(server: Served, headers: dict[str, str]) -> None:
    with server.client() as client:
        plain_answer = client.get("/stocks/portfolio")
        content = b"{bad}" if "Content-Length" in headers else None
        answer = client.request("GET", "/stocks/portfolio", headers=headers, content=content)
        assert (answer.status_code, answer.json()) == (200, plain_answer.json())
        assert MARK not in answer.headers["x-request-id"]
        assert "evil" not in str(answer.headers)
    assert MARK not in server.log.read_text(encoding="utf-8")


def test_what_is_no_http_ends_the_connection_and_nothing_else(server: Served) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    for said in (
        b"\0\1\2\3\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /sessions HTTP/1.1\r\nno colon here\r\n\r\n",
        b"\x16\x03\x01",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert b" 200 " not in connection.recv(1000)
    with server.client() as client:
        assert client.get("/health").status_code == 200
    assert "Traceback" not in server.log.read_text(encoding="utf-8")
