"""What ran, how fresh each table is, what looked wrong: for operators without Airflow rights."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer, ApiClient, Query
from dashboard.components import choices, grid
from dashboard.components.notices import line, next_run, nothing_kept
from dashboard.components.parts import again, attrs, copy_link, definitions
from dashboard.components.pipeline_tables import (
    PROBLEMS,
    RUN_KINDS,
    SEVERITY_KINDS,
    finding_columns,
    finding_rows,
    is_due,
    item_columns,
    item_rows,
    process,
    run_columns,
    run_row,
    table_columns,
    table_row,
)
from dashboard.data import Frame, Json
from dashboard.site import TABLE
from dashboard.texts import Words

ANY = "all"
ROWS = "100"
RUNS_PHONE = ("process", "status", "as_of_date", "failed")
ITEMS_PHONE = ("ticker", "status", "error")
TABLES_PHONE = ("about", "newest_date", "sessions_behind")
FINDINGS_PHONE = ("severity", "check_name", "ticker", "session")
REBALANCE = "monthly_rebalance"
POLL_SECONDS = 30
NAMED = 2


class Asked(NamedTuple):
    """What the page is made of. `evening`, `errors`, `warnings`: the newest runs and findings, whatever the filters."""

    evening: Answer
    errors: Answer
    warnings: Answer
    runs: Answer
    freshness: Answer
    quality: Answer
    run: Answer | None


def load(client: ApiClient, address: Address) -> Asked:
    """Everything of the page, asked for at the same time."""

    def filters(*names: str) -> dict[str, str]:
        return {"limit": address["rows"]} | {name: address[name] for name in names if address[name] != ANY}

    queries: list[Query] = [
        ("/pipeline/runs", {"limit": ROWS}),
        ("/pipeline/quality", {"limit": ROWS, "severity": "error"}),
        ("/pipeline/quality", {"limit": ROWS, "severity": "warn"}),
        ("/pipeline/runs", filters("status", "process")),
        ("/pipeline/freshness", {}),
        ("/pipeline/quality", filters("severity")),
    ]
    if address["run"]:
        queries.append(run_query(address["run"]))
    evening, errors, warnings, runs, freshness, quality, *run = client.get_all(queries)
    return Asked(evening, errors, warnings, runs, freshness, quality, run[0] if run else None)


def run_query(run_id: str) -> Query:
    """One run with its items."""
    return f"/pipeline/runs/{quote(run_id, safe='')}", {"limit": "1000"}


def all_columns(t: Words) -> list[grid.Column]:
    """Of the tables of the page that keep their order in its address."""
    return [*run_columns(t), *table_columns(t), *finding_columns(t)]


# -- the page ----------------------------------------------------------------------------------------------------------


def content(asked: Asked, about: Frame, address: Address, t: Words) -> list[Any]:
    """Strip, then a tab each for runs, freshness and quality."""
    if not asked.evening.is_ok:
        return []
    status, evening = about.status.body, asked.evening.body["runs"]
    labels = {name: t(f"pipeline.{name}") for name in address.options("tab")}
    polls = attrs(data_poll=str(POLL_SECONDS)) if any(run["status"] == "running" for run in evening) else {}
    panels = {"runs": runs_panel, "freshness": freshness_panel, "quality": quality_panel}
    return [
        choices.store("run"),
        html.Div(strip(status, asked, t), className="strip-line", **polls),
        html.Div([choices.tabs("tab", labels, address, label=t("pipeline.views")), copy_link(t)], className="tab-line"),
        *[
            choices.panel("tab", name, panels[name](asked, status, address, t), address, live=labels[name])
            for name in labels
        ],
        html.Div(meanings(t), className="under"),
    ]


def runs_panel(asked: Asked, status: Json, address: Address, t: Words) -> list[Any]:
    """Filters, runs, and the items of the one that is open."""
    rows = [run_row(run, t) for run in asked.runs.body.get("runs", [])]
    statuses = {name: t("any" if name == ANY else f"status.{name}") for name in address.options("status")}
    stages = {name: t("any" if name == ANY else f"process.{name}") for name in address.options("process")}
    columns = run_columns(t)
    filters = [
        choices.select("status", statuses, address, label=t("run.status")),
        choices.select("process", stages, address, label=t("run.process")),
    ]
    if not rows:
        sentence = (
            t("no_runs.filtered") if (address["status"], address["process"]) != (ANY, ANY) else no_runs(status, t)
        )
        body: Any = empty(sentence, address, t, "status", "process")
    else:
        body = grid.grid(
            name="runs",
            label=t("pipeline.runs"),
            columns=columns,
            rows=rows,
            row_classes={"unequal": "params.data.kind === 'unequal'"},
            phone_columns=RUNS_PHONE,
            opens=("run", "run_id"),
            address=address,
            t=t,
        )
    tools = grid.tools("runs", columns, address, t, csv=f"/download/runs.csv?{address.query()}")
    return [
        html.Div([html.Div(filters, className="filters"), tools], className="strip-line"),
        html.Div(run_panel(asked.run, t, address) if asked.run else None, id="run", className="run"),
        body,
        more(asked.runs, len(rows), address, t),
    ]


def no_runs(status: Json, t: Words) -> str:
    """Before the first evening."""
    return t("no_runs", t=next_run(status))


def empty(sentence: str, address: Address, t: Words, *filters: str) -> html.P:
    """The sentence in a table's place, and the way back where filters hide everything."""
    is_filtered = any(address[name] != ANY for name in filters)
    back = again(t("clear_filters"), address, **dict.fromkeys(filters, ANY)) if is_filtered else None
    return html.P([sentence, " ", back], className="empty")


def more(answer: Answer, count: int, address: Address, t: Words) -> html.P | None:
    """The next step of how many rows are asked for, while there are more."""
    steps = [step for step in address.options("rows") if int(step) > count]
    if not answer.body.get("next_cursor") or not steps:
        return None
    step = again(t("more"), address, rows=steps[0])
    return html.P([html.Span(t("newest_rows", n=count), className="mute"), " ", step], className="more")


def run_panel(answer: Answer, t: Words, address: Address) -> list[Any]:
    """One run: its line, and its items, those with problems first."""
    if answer.status == 404:
        return [line("warn", t("run.gone", id=address["run"]))]
    if answer.status == 0:
        return [nothing_kept(t)]
    if not answer.is_ok:
        return [line("error", t("problem", detail=answer.body.get("detail", answer.status)))]
    run, items = answer.body["run"], answer.body["items"]
    problems = sum(item["status"] in PROBLEMS for item in items)
    told = "run.items.part" if answer.body.get("next_cursor") else "run.items.of" if problems else "run.items.all_fine"
    about = t(told, n=len(items), m=problems)
    heading = html.H2(
        [
            f"{process(run, t)} · {run['as_of_date']} · {t('status.' + run['status'])}",
            html.Small(about if items else t("run.items.none")),
        ],
        id="run-heading",
        tabIndex="-1",
    )
    closes = choices.toggle("run", run["run_id"], address) | attrs(aria_label=t("run.close"))
    close = html.Button("✕", className="button", title=t("close"), **closes)
    columns = item_columns(t)
    query = f"{address.query()}&run={quote(run['run_id'], safe='')}"
    shown = grid.grid(
        name="items",
        label=t("run.items"),
        columns=columns,
        rows=item_rows(items, t),
        phone_columns=ITEMS_PHONE,
        address=address.without(*TABLE),  # what is done to the runs is not done to their items
        t=t,
        keeps_order=False,
    )
    return [
        html.Div(
            [heading, html.Div([grid.download(f"/download/run.csv?{query}", t), close], className="tools")],
            className="strip-line",
        ),
        html.P(run["error"], className="notice warn") if run["error"] else None,
        shown if items else None,
    ]


def freshness_panel(asked: Asked, status: Json, address: Address, t: Words) -> list[Any]:
    """How far each table reaches."""
    columns = table_columns(t)
    tables = asked.freshness.body.get("tables", [])
    return [
        html.Div(
            [
                html.H2(
                    [
                        t("pipeline.freshness"),
                        html.Small(t("newest_expected", d=asked.freshness.body.get("as_of_date", formats.MISSING))),
                    ]
                ),
                grid.tools("tables", columns, address, t, csv=f"/download/freshness.csv?{address.query()}"),
            ],
            className="strip-line",
        ),
        grid.grid(
            name="tables",
            label=t("pipeline.freshness"),
            columns=columns,
            rows=[table_row(row, status, t) for row in tables],
            phone_columns=TABLES_PHONE,
            address=address,
            t=t,
        ),
    ]


def quality_panel(asked: Asked, _: Json, address: Address, t: Words) -> list[Any]:
    """What looked wrong in the data."""
    findings = asked.quality.body.get("findings", [])
    severities = {name: t("any" if name == ANY else f"severity.{name}") for name in address.options("severity")}
    columns = finding_columns(t)
    if not findings:
        sentence = t("no_findings" if address["severity"] == ANY else "no_findings.filtered")
        body: Any = empty(sentence, address, t, "severity")
    else:
        body = grid.grid(
            name="findings",
            label=t("pipeline.quality"),
            columns=columns,
            rows=finding_rows(findings, t),
            phone_columns=FINDINGS_PHONE,
            address=address,
            t=t,
        )
    return [
        html.Div(
            [
                html.Div(
                    choices.select("severity", severities, address, label=t("finding.severity")), className="filters"
                ),
                grid.tools("findings", columns, address, t, csv=f"/download/quality.csv?{address.query()}"),
            ],
            className="strip-line",
        ),
        body,
        more(asked.quality, len(findings), address, t),
    ]


# -- the strip ---------------------------------------------------------------------------------------------------------


def last_evening(runs: Sequence[Json]) -> list[Json]:
    """The newest attempt of each stage for the newest session; one that was skipped counts only where no other did.

    A rebalance has a Sunday for its date, which is no session: one made since counts beside the session's stages.
    runs: newest start first.
    """
    newest = max((run["as_of_date"] for run in runs if run["process"] != REBALANCE), default="")
    attempts: dict[str, Json] = {}
    for run in runs:
        known = attempts.get(run["process"])
        if run["as_of_date"] >= newest and (known is None or known["status"] == "skipped" != run["status"]):
            attempts[run["process"]] = run
    return list(attempts.values())


def strip(status: Json, asked: Asked, t: Words) -> html.Dl:
    """Last evening in one line: what ended how, what failed by name, what is behind, what looked wrong."""
    evening = last_evening(asked.evening.body["runs"])
    tables = asked.freshness.body.get("tables", [])
    facts: list[tuple[str, Any]] = []
    if evening:
        day = min(run["as_of_date"] for run in evening)
        facts.append((t("last_evening", d=day), counts(Counter(run["status"] for run in evening), t)))
        failed = [process(run, t) for run in evening if run["status"] == "failed"]
        facts.append((t("last_evening.failed"), named(failed) if failed else t("last_evening.fine")))
        since = min(run["started_at"] for run in evening)
        found = {"error": asked.errors, "warn": asked.warnings}
        facts.append((t("last_evening.findings"), [severity_count(name, found[name].body, since, t) for name in found]))
    late = [row for row in tables if row["sessions_behind"] != 0 and not is_due(row, status)]
    behind = [t.or_as_is("about", row["table"]) for row in late]
    facts.append((t("tables_behind"), named(behind) if behind else t("tables_behind.none")))
    if status.get("computed_at"):
        facts.append((t("last_result"), formats.instant(datetime.fromisoformat(status["computed_at"]))))
    facts.append((t("next_start"), next_run(status)))
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="strip")


def counts(found: Counter[str], t: Words) -> list[Any]:
    """성공 5 · 부분 1 · 실패 0, each that matters in its colour and with its word."""
    shown: list[Any] = []
    for name in ("success", "partial", "failed", "running", "skipped"):
        if found[name] or name in ("success", "failed"):
            emphasis = RUN_KINDS[name] if found[name] else "quiet"
            shown.append(html.Span(f"{t(f'status.{name}')} {found[name]}", className=f"count {emphasis}"))
    return shown


def severity_count(severity: str, body: Json, since: str, t: Words) -> html.Span:
    """오류 0, or in its colour, how many since then; of more than were asked for, that there are more."""
    findings = body.get("findings", [])
    count = sum(row["found_at"] >= since for row in findings)
    more = "+" if count and count == len(findings) and body.get("next_cursor") else ""
    emphasis = SEVERITY_KINDS[severity] if count else "quiet"
    return html.Span(f"{t(f'severity.{severity}')} {count}{more}", className=f"count {emphasis}")


def named(names: Sequence[str]) -> html.Span:
    """How many, and which; the first two by name."""
    more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
    return html.Span([", ".join(names[:NAMED]), more], className="warned", title=", ".join(names))


def meanings(t: Words) -> html.Details:
    """What the words of the runs mean."""
    terms = [
        (t("run.requested"), t("define.adds_up")),
        (t("run.status"), t("define.partial")),
        (t("run.dead_lettered"), t("define.dead_lettered")),
        (t("table.sessions_behind"), t("define.sessions_behind")),
    ]
    return definitions(terms, t)
