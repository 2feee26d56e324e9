"""Mails in a real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Route, sync_playwright

MISSING = "no Chromium here: apt-get install --no-install-recommends chromium"


def chromium() -> str | None:
    """Where Chromium is; None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window. Raises RuntimeError where it is not installed."""
    path = chromium()
    if path is None:
        raise RuntimeError(MISSING)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-lcd-text"]
        )
        yield found
        found.close()


def refuse(route: Route) -> None:
    """A mail fetches nothing: whatever is asked for is refused."""
    route.abort()


CONTRAST = """
() => {
  const parts = (css) => {
    const n = css.match(/[\\d.]+/g).map(Number);
    return n.length === 4 && n[3] === 0 ? null : n.slice(0, 3);
  };
  const light = (rgb) => rgb
    .map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = parts(getComputedStyle(e).backgroundColor);
      if (found) return found;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let worst = 21;
  let seen = 0;
  while (walker.nextNode()) {
    if (!walker.currentNode.nodeValue.trim()) continue;
    const element = walker.currentNode.parentElement;
    const pair = [parts(getComputedStyle(element).color), behind(element)].map(light);
    const [high, low] = pair.sort((a, b) => b - a);
    worst = Math.min(worst, (high + 0.05) / (low + 0.05));
    seen += 1;
  }
  return [worst, seen];
}
"""
"""The worst contrast between a text and what is behind it (WCAG 2.2, 1.4.3), and of how many."""
