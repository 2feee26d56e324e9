"""Every mail as it was looked at and found good: `python -m tests.notify.approved` writes them.

Look at the difference (`git diff tests/notify/approved`) before you commit it. The style, which is
the same in each page, is in style.css.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from services.notify import audience, wording
from services.notify.layout import Written
from services.notify.messages import OPERATIONS
from services.notify.wording import Letter
from shared.events.registry import Event
from shared.translations import LANGUAGES
from tests.notify.samples import CASCAIS, EVENTS, IRPIN, TITLES, VARIANTS

HERE = Path(__file__).parent / "approved"
TIME = "2026-03-05T12:02:00.000000Z"
ABOUT = "0195664e-0d40-7000-8000-000000000000"
URL = "https://alliance.example"
UNSUBSCRIBE = f"{URL}/unsubscribe?token=abc&kind=matches"
GREETED = {"uk": "колеги з Ірпінської міської ради", "en": "colleagues in Irpin"}
ZONES = {"uk": "Europe/Kyiv", "en": "Europe/Lisbon"}
GATHERED = ("need-covered", "partnership-confirmed", "milestone-recorded", "pledge-made")
FACTS = {
    "notice": ABOUT,
    "recipient": CASCAIS,
    "message": "match-proposed",
    "reason": "gave-up",
    "attempts": 7,
    "member": IRPIN,
    "contact": "c1",
    "service": "notify",
    "count": 3,
    "topic": "notify.dead-letters",
    "first": "notify/17",
    "error": "KeyError",
}


def letters(event: Event) -> list[Letter]:
    """The letters about an event, one for each that is told."""
    told = audience.told(event, (CASCAIS,))
    return [
        Letter(event=event, about=ABOUT, time=TIME, message=t.message, party=t.party) for t in told
    ]


def mails(language: str) -> Iterator[tuple[str, Written]]:
    """Every message in a language, by name: the first letter of each."""
    how = {
        "language": language,
        "zone": ZONES[language],
        "name": GREETED[language],
        "public_url": URL,
        "unsubscribe_url": UNSUBSCRIBE,
    }
    seen: dict[str, Letter] = {}
    for event in EVENTS:
        for letter in letters(event):
            seen.setdefault(letter.message, letter)
    seen |= {name: letters(event)[0] for name, event in VARIANTS.items()}
    for name, letter in seen.items():
        yield name, wording.write(letter, TITLES, **how)
    gathered = [seen[name] for name in GATHERED]
    yield "digest", wording.digest(gathered, TITLES, **how)
    yield "digest.one", wording.digest([seen["need-covered"]], TITLES, **how)
    for name in set(OPERATIONS) - {"verification"}:
        zone = ZONES[language]
        yield name, wording.operation(name, FACTS, TITLES, language=language, zone=zone)
    link = f"{URL}/verify?token=abc&contact=1"
    yield "verification", wording.verification(link, language, valid_until=TIME, zone="UTC")


def files() -> dict[str, str]:
    """What each approved file must hold, by its name."""
    found: dict[str, str] = {}
    for language in LANGUAGES:
        for name, written in mails(language):
            found[f"{name}.{language}.txt"] = f"Subject: {written.subject}\n\n{written.text}"
            style = re.search(r"<style>\n(.*)</style>", written.html, re.DOTALL)
            assert style, name
            found.setdefault("style.css", style[1])
            assert found["style.css"] == style[1], "each page has the same style"
            found[f"{name}.{language}.html"] = written.html.replace(style[1], "")
    return found


def main() -> None:
    """Write them anew."""
    HERE.mkdir(exist_ok=True)
    wanted = files()
    for old in HERE.iterdir():
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (HERE / name).write_text(text, "utf-8")
    print(f"{len(wanted)} files in {HERE}: look at `git diff {HERE}`")


if __name__ == "__main__":
    main()
