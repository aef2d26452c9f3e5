"""Lines that tell a reader something about what is shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.client import Answer
from dashboard.components.parts import again, attrs, link
from dashboard.data import Frame, away_since, is_refused
from dashboard.site import PIPELINE
from dashboard.texts import Words


def line(kind: str, *content: Any) -> html.P:
    """kind: error, warn, or quiet."""
    return html.P(list(content), className=f"notice {kind}", role="status" if kind == "error" else None)


def notices(about: Frame, answers: Sequence[Answer], address: Address, t: Words) -> list[html.P]:
    """What stands above the page's content, which is made of the answers; most pressing first."""
    found, asked = [], [about.status, *answers]
    if is_refused(asked):
        found.append(line("error", t("key_refused")))
    elif (since := away_since(asked)) is not None:
        found.append(away(since, t) if any(answer.is_ok for answer in answers) else nothing_kept(t))
    found += [line("warn", t("unknown_value", name=name, value=value)) for name, value in address.unknown]
    found += date_notice(about, address, t)
    return found


def above_part(answers: Sequence[Answer], t: Words) -> list[html.P]:
    """What stands above a part that a callback gives to an open page; one of which nothing is kept says so itself."""
    since = away_since(answers)
    return [away(since, t)] if since and any(answer.is_ok for answer in answers) else []


def away(since: datetime, t: Words) -> html.P:
    """The API does not answer; act.js looks for it and reloads the page when it does."""
    return _away(t("away", t=formats.instant(since)))


def nothing_kept(t: Words) -> html.P:
    """The API does not answer, and never has for this."""
    return _away(t("away_empty"), " ", html.A(t("retry"), href=""))


def _away(*content: Any) -> html.P:
    return html.P(list(content), className="notice error", role="status", **attrs(data_away="true"))


def date_notice(frame: Frame, address: Address, t: Words) -> list[html.P]:
    """Why the page shows another date than was asked for, or an older one than expected."""
    shown, status = frame.shown, frame.status.body
    if shown.found == "snapped" and shown.asked and shown.day:
        return [line("quiet", t("snapped", d=shown.asked, e=formats.short(shown.day, shown.asked)))]
    if shown.found == "not_computed" and shown.asked:
        sentence = t("not_computed", d=shown.asked, t=next_run(status))
        return [line("warn", sentence, " ", again(t("latest"), address, date=""))]
    if shown.found == "to_come" and shown.asked:
        sentence = t("to_come", d=shown.asked, e=frame.sessions[-1])
        return [line("warn", sentence, " ", again(t("latest"), address, date=""))]
    if shown.found == "before_first" and shown.asked:
        first = frame.sessions[0]
        sentence = t("before_first", d=shown.asked, e=first)
        there = again(formats.session(first, t.lang), address, date=first.isoformat())
        return [line("warn", sentence, " ", there)]
    if shown.found == "newest" and status.get("freshness") == "behind" and shown.day:
        expected = status["expected_as_of_date"]
        ends = {"e": formats.short(expected, shown.day), "d": formats.short(shown.day, expected)}
        see = link(t("see_pipeline"), address.to(PIPELINE))
        return [line("warn", t("stale", **ends), " ", see)]
    return []


def failed(answer: Answer, none: str, t: Words) -> html.P | None:
    """In a result's place: `none` where the API has none. That it is away or refuses the key stands above."""
    if answer.status in (0, 401):
        return None
    if answer.status == 404:
        return html.P(none, className="empty")
    return line("error", t("problem", detail=answer.body.get("detail", answer.status)))


def next_run(status: dict[str, str]) -> str:
    """When the pipeline runs next, in Korea."""
    return (
        formats.instant(datetime.fromisoformat(status["next_run_at"])) if "next_run_at" in status else formats.MISSING
    )
