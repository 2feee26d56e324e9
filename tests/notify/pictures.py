"""Three mails as a browser shows them, for docs/notices.md: `make pictures`."""

import sys
from pathlib import Path

from tests.notify import approved
from tests.notify.browser import browser, refuse

DOCS = Path(__file__).parents[2] / "docs" / "pictures"
SHOWN = {
    "match-proposed": "uk",
    "digest": "uk",
    "project-completed": "en",
}
LARGEST = 150_000
"""Bytes."""


def main() -> None:
    """Write docs/pictures/*.png."""
    DOCS.mkdir(parents=True, exist_ok=True)
    with browser() as chromium:
        for name, language in SHOWN.items():
            page = chromium.new_page(viewport={"width": 640, "height": 200})
            page.route("**/*", refuse)
            page.set_content(dict(approved.mails(language))[name].html)
            file = DOCS / f"{name}.{language}.png"
            page.screenshot(path=file, full_page=True)
            page.close()
            size = file.stat().st_size
            if size > LARGEST:
                sys.exit(f"{file} has {size:,} bytes, more than {LARGEST:,}")
            print(f"{file}: {size:,} bytes")


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as missing:
        sys.exit(str(missing))
