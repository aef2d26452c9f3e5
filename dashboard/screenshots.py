"""Pictures of a running dashboard: those of the READMEs, or every page to look at.

    python -m dashboard.screenshots http://127.0.0.1:8050
    python -m dashboard.screenshots http://127.0.0.1:8050 --all --folder /tmp/pictures

Needs a Chromium: Playwright's own, or the one that CHROMIUM names.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Error, sync_playwright

from dashboard.site import PAGES, PORTFOLIO, SECTORS
from dashboard.texts import LANGS
from utils.arguments import program_parser

READY = ".page .ag-row:visible, .page main table:visible, .page .empty:visible"
DRAWN = """() => document.fonts.status === 'loaded'
    && [...document.querySelectorAll('.plot')].every(plot => !plot.offsetWidth || plot.querySelector('.main-svg'))"""


class Shot(NamedTuple):
    """One picture: name, address, width and height of the window, theme."""

    name: str
    path: str
    width: int = 1440
    height: int = 900
    theme: str = "light"


README_SHOTS = (
    Shot("portfolio", f"{PORTFOLIO.path}?lang=ko"),
    Shot("sectors", f"{SECTORS.path}?lang=en", theme="dark"),
)
ALL_SHOTS = tuple(
    Shot(f"{page.name}-{lang}-{theme}-{width}", f"{page.path}?lang={lang}", width, height, theme)
    for page in PAGES
    for lang in LANGS
    for theme in ("light", "dark")
    for width, height in ((1440, 900), (768, 1024), (390, 844))
)


def chromium() -> str | None:
    """The browser that CHROMIUM names or the system has; None: Playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def take(browser: Browser, base: str, shot: Shot, folder: Path, *, is_whole: bool) -> Path:
    """One picture of the window as a reader first sees it, or of the whole page."""
    size = {"width": shot.width, "height": shot.height}
    page = browser.new_page(viewport=size, color_scheme=shot.theme)  # type: ignore[arg-type]
    try:
        page.goto(base.rstrip("/") + shot.path)
        page.wait_for_selector(READY)
        page.wait_for_function(DRAWN)
        page.wait_for_timeout(500)  # the table settles its columns after the first rows
        file = folder / f"{shot.name}.png"
        page.screenshot(path=file, full_page=is_whole)
        return file
    finally:
        page.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Take the pictures, and print the path of each; 1 without a browser, or a page that shows."""
    parser = program_parser(__doc__)
    parser.add_argument("url", help="where the dashboard listens")
    parser.add_argument("--all", action="store_true", help="every page whole, languages, themes and widths")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "screenshots")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for shot in ALL_SHOTS if arguments.all else README_SHOTS:
                print(take(browser, arguments.url, shot, arguments.folder, is_whole=arguments.all))
            browser.close()
    except Error as error:
        print(f"screenshots: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
