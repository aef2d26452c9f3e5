"""Every word a reader sees: one key, Korean and English. A test fails on a missing one."""

from functools import cache
from html import escape
from typing import Literal, get_args

from dashboard.texts import columns, definitions, performance, pipeline, shell, states

Lang = Literal["ko", "en"]
LANGS: tuple[Lang, ...] = get_args(Lang)
DEFAULT: Lang = "ko"

TEXTS: dict[str, tuple[str, str]] = {
    **shell.TEXTS,
    **columns.TEXTS,
    **states.TEXTS,
    **definitions.TEXTS,
    **performance.TEXTS,
    **pipeline.TEXTS,
}

MARKS = "◐"  # of the theme's button


@cache
def letters(lang: Lang) -> str:
    """What the texts are written with, each letter once, as an attribute of HTML has it.

    >>> letters("en")[:19]
    ' &quot;#%&#x27;()*+'
    """
    return escape("".join(sorted(set(MARKS.join(both[LANGS.index(lang)] for both in TEXTS.values())))))


class Words:
    """The texts in one language: `t("as_of")`, `t("behind", n=2)`.

    >>> Words("en")("behind", n=2)
    '2 sessions behind'
    """

    def __init__(self, lang: Lang) -> None:
        self.lang = lang

    def __call__(self, key: str, **values: object) -> str:
        return TEXTS[key][LANGS.index(self.lang)].format(**values)

    def count(self, key: str, n: int, **values: object) -> str:
        """The text of `key` with n of something, that of `key.1` with one.

        >>> Words("en").count("behind", 1)
        '1 session behind'
        """
        return self(f"{key}.1" if n == 1 else key, n=n, **values)

    def or_as_is(self, prefix: str, name: str) -> str:
        """The text of `prefix.name`, or the name as delivered when it has none."""
        key = f"{prefix}.{name}"
        return self(key) if key in TEXTS else name
