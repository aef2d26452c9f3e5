"""Pictures of a running dashboard, for the README.

    python -m dashboard.screenshots http://127.0.0.1:8050 --folder dashboard/screenshots

Needs a Chromium: Playwright's own, or the one that CHROMIUM names.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Error, sync_playwright

from dashboard.site import PAGES

READY = ".page .ag-row:visible, .page main table:visible, .page .empty:visible"
DRAWN = """() => document.fonts.status === 'loaded'
    && [...document.querySelectorAll('.plot')].every(plot => !plot.offsetWidth || plot.querySelector('.main-svg'))"""


class Shot(NamedTuple):
    """One picture: name, address, width and height of the window, theme, pixels of the picture a pixel."""

    name: str
    path: str
    width: int
    height: int
    theme: str
    scale: int = 1


# Every page as it is first seen: in Korean, in English and dark, and on a phone.
SHOTS = tuple(
    shot
    for page in PAGES
    for shot in (
        Shot(page.name, f"{page.path}?lang=ko", 1440, 900, "light"),
        Shot(f"{page.name}-en-dark", f"{page.path}?lang=en", 1440, 900, "dark"),
        Shot(f"{page.name}-phone", f"{page.path}?lang=ko", 390, 844, "light", 2),
    )
)


def chromium() -> str | None:
    """The browser that CHROMIUM names or the system has; None: Playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def take(browser: Browser, base: str, shot: Shot, folder: Path) -> Path:
    """One picture of the window as a reader first sees it."""
    size = {"width": shot.width, "height": shot.height}
    page = browser.new_page(viewport=size, device_scale_factor=shot.scale, color_scheme=shot.theme)  # type: ignore[arg-type]
    try:
        page.goto(base.rstrip("/") + shot.path)
        page.wait_for_selector(READY)
        page.wait_for_function(DRAWN)
        page.wait_for_timeout(500)  # the table settles its columns after the first rows
        file = folder / f"{shot.name}.png"
        page.screenshot(path=file)
        return file
    finally:
        page.close()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="where the dashboard listens")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "screenshots")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for shot in SHOTS:
                print(take(browser, arguments.url, shot, arguments.folder))
            browser.close()
    except Error as error:
        print(f"screenshots: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
