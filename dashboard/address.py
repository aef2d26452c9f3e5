"""What a page's address says: the one place of a page's state, so that a link shows the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import urlencode

from dashboard.site import Page
from dashboard.texts import DEFAULT, LANGS, Lang

LANG_COOKIE, THEME_COOKIE = "lang", "theme"
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True)
class Address:
    """The state of a page. `values` are those that differ from the default; `unknown` were refused, for a notice."""

    page: Page
    lang: Lang
    values: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def __getitem__(self, name: str) -> str:
        """The value of a choice of the page, its default where the address is silent."""
        return self.values.get(name, self.page.choices[name].default)

    def options(self, name: str) -> tuple[str, ...]:
        """All values of a choice of the page, in the order in which they are offered."""
        return self.page.choices[name].values

    @property
    def day(self) -> date | None:
        """The session asked for; None means the newest."""
        given = self.values.get("date")
        return date.fromisoformat(given) if given else None

    def refusing(self, name: str) -> "Address":
        """The same without a value that turned out to be unknown: its default is shown, and a notice names it."""
        return replace(self.without(name), unknown=(*self.unknown, (name, self.values[name])))

    def without(self, *names: str) -> "Address":
        """The same without what it says of these choices."""
        return replace(self, values={name: value for name, value in self.values.items() if name not in names})

    def query(self, *, lang: str | None = None, **changes: str) -> str:
        """The query part with other values; defaults are left out, the language never."""
        changed = {**self.values, **changes}
        kept = {name: value for name, value in changed.items() if value != self.page.choices[name].default}
        return urlencode({"lang": lang or self.lang, **kept})

    def url(self, *, lang: str | None = None, **changes: str) -> str:
        """The same page with other values."""
        return f"{self.page.path}?{self.query(lang=lang, **changes)}"

    def to(self, page: Page) -> str:
        """Another page, of the same session where it shows one."""
        kept = {"date": self.values["date"]} if page.is_dated and "date" in self.values else {}
        return Address(page, self.lang, kept).url()


def read(page: Page, query: Mapping[str, str | list[str] | None], *, cookie_lang: str | None = None) -> Address:
    """Address of a request; an unknown value becomes the default and is named. Names that are unknown are ignored.

    Of a name that is given twice, which comes as a list, the first counts: as for scripts and downloads.

    >>> from dashboard.site import PORTFOLIO
    >>> read(PORTFOLIO, {"period": "7", "lang": "en"}).unknown
    (('period', '7'),)
    """
    values: dict[str, str] = {}
    unknown: list[tuple[str, str]] = []
    for name, choice in page.choices.items():
        given = first(query.get(name))
        if not given or given == choice.default:
            continue
        if choice.accepts(given):
            values[name] = given
        else:
            unknown.append((name, given))
    asked = first(query.get("lang"))
    lang = asked or cookie_lang or DEFAULT
    if lang not in LANGS:
        if asked:
            unknown.append(("lang", lang))
        lang = cookie_lang if cookie_lang in LANGS else DEFAULT
    return Address(page, "en" if lang == "en" else "ko", values, tuple(unknown))


def first(given: str | list[str] | None) -> str | None:
    """The value of a name in an address."""
    return given[0] if isinstance(given, list) else given
