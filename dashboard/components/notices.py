"""Lines that tell a reader something about what is shown."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer
from dashboard.components.parts import attrs, link
from dashboard.data import Frame, away_since, is_refused
from dashboard.site import PIPELINE
from dashboard.texts import Words


def line(kind: str, *content: Any) -> html.P:
    """kind: error, warn, or quiet."""
    return html.P(list(content), className=f"notice {kind}", role="status" if kind == "error" else None)


def notices(about: Frame, answers: Sequence[Answer], address: Address, t: Words) -> list[html.P]:
    """What stands above the page's content, most pressing first."""
    found = []
    if is_refused(answers):
        found.append(line("error", t("key_refused")))
    elif (since := away_since(answers)) is not None:
        found.append(away(answers, since, t))
    found += [line("warn", t("unknown_value", name=name, value=value)) for name, value in address.unknown]
    found += date_notice(about, address, t)
    return found


def away(answers: Sequence[Answer], since: datetime, t: Words) -> html.P:
    """The API does not answer; act.js looks for it and reloads the page when it does."""
    if not any(answer.is_ok for answer in answers[1:]):
        return html.P(
            [t("away_empty"), " ", html.A(t("retry"), href="", className="retry")],
            className="notice error",
            role="status",
            **attrs(data_away="true"),
        )
    return html.P(
        t("away", t=formats.instant(since)), className="notice error", role="status", **attrs(data_away="true")
    )


def date_notice(frame: Frame, address: Address, t: Words) -> list[html.P]:
    """Why the page shows another date than was asked for, or an older one than expected."""
    shown, status = frame.shown, frame.status.body
    if shown.found == "snapped" and shown.asked and shown.day:
        return [line("quiet", t("snapped", d=shown.asked, e=formats.short(shown.day)))]
    if shown.found == "not_computed" and shown.asked:
        back = [" ", link(t("latest"), address.url(date=""))]
        return [line("warn", t("not_computed", d=shown.asked, t=next_run(status)), *back)]
    if shown.found == "before_first" and shown.asked:
        first = frame.sessions[0]
        sentence = t("before_first", d=shown.asked, e=first)
        return [line("warn", sentence, " ", link(formats.session(first, t.lang), address.url(date=first.isoformat())))]
    if shown.found == "newest" and status.get("freshness") == "behind" and shown.day:
        expected = date.fromisoformat(status["expected_as_of_date"])
        see = link(t("see_pipeline"), address.to(PIPELINE))
        return [line("warn", t("stale", e=formats.short(expected), d=formats.short(shown.day)), " ", see)]
    return []


def next_run(status: dict[str, str]) -> str:
    """When the pipeline runs next, in Korea."""
    return (
        formats.instant(datetime.fromisoformat(status["next_run_at"])) if "next_run_at" in status else formats.MISSING
    )
