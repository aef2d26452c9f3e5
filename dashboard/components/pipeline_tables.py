"""The tables of the Pipeline page: runs, items of a run, tables of the database, findings."""

from collections.abc import Sequence
from datetime import datetime

from dashboard import formats
from dashboard.components import grid
from dashboard.data import Json
from dashboard.texts import Words

MARKS = {"success": "✓", "partial": "◐", "failed": "✕", "running": "→", "skipped": formats.MISSING}
RUN_KINDS = {"success": "ok", "partial": "warn", "failed": "error", "running": "quiet", "skipped": "quiet"}
ITEM_MARKS = {
    "stored": "✓",
    "unchanged": formats.MISSING,
    "failed": "✕",
    "dead_lettered": "✕",
    "planned": "○",
    "sent": "→",
}
ITEM_KINDS = {"stored": "ok", "failed": "error", "dead_lettered": "error"}
PROBLEMS = ("failed", "dead_lettered", "planned", "sent")
SEVERITY_MARKS = {"error": "✕", "warn": "▲", "info": "○"}
SEVERITY_KINDS = {"error": "error", "warn": "warn", "info": "quiet"}
COUNTED = ("requested", "stored", "unchanged", "failed", "dead_lettered", "api_calls")
ZERO = {"zero": "params.value === 0"}


def process(run: Json, t: Words) -> str:
    """A stage's name in the reader's language."""
    return t.or_as_is("process", run["process"])


def run_columns(t: Words) -> list[grid.Column]:
    """Columns of the runs."""
    return [
        grid.text("process", t("run.process"), 176, minWidth=120, flex=2),
        grid.text("status", t("run.status"), 100, minWidth=84, cellRenderer="ActStatus"),
        grid.text("as_of_date", t("run.as_of_date"), 100, minWidth=96),
        *[grid.figure(name, t(f"run.{name}"), 84, minWidth=52, cellClassRules=ZERO) for name in COUNTED],
        grid.text(
            "started_at",
            t("run.started_at"),
            112,
            sortingOrder=["desc", "asc", None],
            valueFormatter=grid.SHOWN,
            filter=False,
        ),
        grid.figure("took_seconds", t("run.took_seconds"), 92),
        grid.text("error", t("run.error"), 220, minWidth=140, flex=4, tooltipField="error"),
    ]


def run_row(run: Json, t: Words) -> grid.Row:
    """One attempt: raw values to sort by, and under `shown` what is read."""
    notes = [
        t("run.try", n=run["try_number"]) if run["try_number"] > 1 else None,
        None if run["adds_up"] else t("run.unequal"),
        t("run.not_usable") if run["status"] == "partial" and not run["usable"] else None,
        t("run.not_before", t=moment(run["not_before"])) if run["not_before"] else None,
        run["error"],
    ]
    return {
        "run_id": run["run_id"],
        "process": process(run, t),
        "status": t(f"status.{run['status']}"),
        "mark": MARKS[run["status"]],
        "mark_kind": RUN_KINDS[run["status"]],
        "as_of_date": run["as_of_date"],
        **{name: run[name] for name in COUNTED},
        "started_at": run["started_at"],
        "took_seconds": run["took_seconds"],
        "error": " · ".join(note for note in notes if note),
        "kind": "ok" if run["adds_up"] else "unequal",
        "shown": {
            **{name: formats.number(run[name], 0) for name in COUNTED},
            "started_at": moment(run["started_at"]),
            "took_seconds": took(run["took_seconds"], t),
        },
    }


def item_columns(t: Words) -> list[grid.Column]:
    """Columns of a run's items."""
    return [
        grid.text("ticker", t("item.ticker"), 130, minWidth=92),
        grid.text("operation", t("item.operation"), 110),
        grid.text("status", t("item.status"), 130, minWidth=92, cellRenderer="ActStatus"),
        grid.figure("rows", t("item.rows"), 84),
        grid.figure("api_calls", t("item.api_calls"), 84),
        grid.text("error", t("item.error"), 300, minWidth=120, flex=1, tooltipField="error"),
    ]


def item_rows(items: Sequence[Json], t: Words) -> list[grid.Row]:
    """Items of a run, those with problems first."""
    ordered = sorted(items, key=lambda item: item["status"] not in PROBLEMS)
    return [
        {
            "ticker": item["ticker"],
            "operation": t.or_as_is("operation", t.or_as_is("process", item["operation"])),
            "status": t(f"status.{item['status']}"),
            "mark": ITEM_MARKS[item["status"]],
            "mark_kind": ITEM_KINDS.get(item["status"], "quiet"),
            "rows": item["rows"],
            "api_calls": item["api_calls"],
            "error": " · ".join(
                filter(None, [item["error"], t("item.permanent") if item["permanent"] and item["error"] else None])
            ),
            "shown": {name: formats.number(item[name], 0) for name in ("rows", "api_calls")},
        }
        for item in ordered
    ]


def table_columns(t: Words) -> list[grid.Column]:
    """Columns of the freshness."""
    return [
        grid.text("about", t("table.about"), 240, minWidth=150, flex=1),
        grid.text("table", t("table.name"), 300, minWidth=200, flex=1),
        grid.text("state", t("table.state"), 110, cellRenderer="ActStatus"),
        grid.text("newest_date", t("table.newest_date"), 120, minWidth=92, valueFormatter=grid.SHOWN),
        grid.text("expected_date", t("table.expected_date"), 120),
        grid.figure("sessions_behind", t("table.sessions_behind"), 130, minWidth=84, cellClassRules=ZERO),
        grid.text("cadence", t("table.cadence"), 100),
        grid.figure("row_count", t("table.row_count"), 120),
    ]


def is_due(row: Json, status: Json) -> bool:
    """All that the table lacks is the session that only just closed, whose evening is not over."""
    return status.get("freshness") == "due" and row["cadence"] == "daily" and row["sessions_behind"] == 1


def table_row(row: Json, status: Json, t: Words) -> grid.Row:
    """One table of the database against what should be in it."""
    state = "ok" if row["sessions_behind"] == 0 else "due" if is_due(row, status) else "behind"
    mark, kind = {"ok": ("●", "ok"), "due": ("→", "quiet"), "behind": ("▲", "warn")}[state]
    count = formats.number(row["row_count"], 0)
    return {
        "table": row["table"],
        "about": t.or_as_is("about", row["table"]),
        "cadence": t(f"cadence.{row['cadence']}"),
        "state": t(f"table.state.{state}"),
        "mark": mark,
        "mark_kind": kind,
        "newest_date": row["newest_date"],
        "expected_date": row["expected_date"],
        "sessions_behind": row["sessions_behind"],
        "row_count": row["row_count"],
        "shown": {
            "newest_date": row["newest_date"] or t("table.empty"),
            "sessions_behind": formats.number(row["sessions_behind"], 0),
            "row_count": t("table.estimate", n=count) if row["is_estimate"] else count,
        },
    }


def finding_columns(t: Words) -> list[grid.Column]:
    """Columns of the findings."""
    return [
        grid.text("severity", t("finding.severity"), 100, minWidth=76, cellRenderer="ActStatus"),
        grid.text("check_name", t("finding.check_name"), 150, minWidth=96),
        grid.text("ticker", t("finding.ticker"), 100, minWidth=72),
        grid.text("session", t("finding.session"), 110, minWidth=88),
        grid.text("detail", t("finding.detail"), 400, minWidth=200, flex=1, tooltipField="detail"),
        grid.text("found_at", t("finding.found_at"), 112, valueFormatter=grid.SHOWN, filter=False),
    ]


def finding_rows(findings: Sequence[Json], t: Words) -> list[grid.Row]:
    """Findings, errors first, then the newest."""
    order = list(SEVERITY_MARKS)
    return [
        {
            "severity": t(f"severity.{finding['severity']}"),
            "mark": SEVERITY_MARKS[finding["severity"]],
            "mark_kind": SEVERITY_KINDS[finding["severity"]],
            "check_name": t.or_as_is("check", finding["check_name"]),
            "ticker": finding["ticker"],
            "session": finding["session"],
            "detail": finding["detail"],
            "found_at": finding["found_at"],
            "shown": {"found_at": moment(finding["found_at"])},
        }
        for finding in sorted(findings, key=lambda finding: order.index(finding["severity"]))
    ]


def moment(at: str) -> str:
    """A moment in Korea, the zone in the heading."""
    return formats.instant(datetime.fromisoformat(at)).removesuffix(" KST")


def took(seconds: float | None, t: Words) -> str:
    """How long something ran.

    >>> [took(seconds, Words("en")) for seconds in (4.2, 75.0, 3725.0, None)]
    ['4.2s', '1m 15s', '1h 02m', '–']
    """
    if seconds is None:
        return formats.MISSING
    if seconds < 60:
        return t("took.seconds", s=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return t("took.minutes", m=minutes, s=f"{rest:02d}")
    return t("took.hours", h=minutes // 60, m=f"{minutes % 60:02d}")
