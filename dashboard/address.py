"""What a page's address says (dashboard.md 2): the one place of a page's state, so that a link shows the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import urlencode

from dashboard.texts import DEFAULT, LANGS, Lang

PERIODS = ("20", "10", "5")
TABS = ("5", "10", "20")
LANG_COOKIE, THEME_COOKIE = "lang", "theme"
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True)
class Address:
    """The state of a page. `unknown` names values that were refused, for a notice."""

    path: str
    lang: Lang
    period: str = PERIODS[0]
    day: date | None = None
    unknown: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def url(self, **changes: str | date | None) -> str:
        """The same page with other values; defaults are left out, the language never."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        query: dict[str, str] = {"lang": changed.lang}
        if changed.period != PERIODS[0]:
            query["period"] = changed.period
        if changed.day:
            query["date"] = changed.day.isoformat()
        return f"{changed.path}?{urlencode(query)}"


def read(path: str, query: Mapping[str, str | None], *, cookie_lang: str | None = None) -> Address:
    """Address of a request; an unknown value becomes the default and is named.

    >>> read("/", {"period": "7", "lang": "en"}).unknown
    (('period', '7'),)
    """
    unknown: list[tuple[str, str]] = []

    def one_of(name: str, accepted: Sequence[str], default: str) -> str:
        given = query.get(name)
        if given and given not in accepted:
            unknown.append((name, given))
        return given if given in accepted else default  # type: ignore[return-value]

    lang = one_of("lang", LANGS, cookie_lang if cookie_lang in LANGS else DEFAULT)
    period = one_of("period", PERIODS, PERIODS[0])
    day: date | None = None
    if given := query.get("date"):
        try:
            day = date.fromisoformat(given)
        except ValueError:
            unknown.append(("date", given))
    return Address(path, "en" if lang == "en" else "ko", period, day, tuple(unknown))
