"""What is said, and that nothing a member writes gets into a header."""

import json
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from services.notify import mail, model, wording
from services.notify.model import MESSAGES
from services.notify.wording import SPEECH, Letter
from shared.events.registry import Event
from tests.notify.samples import CASCAIS, EVENTS, IRPIN, NEED, TITLES, declined, proposed

NAUGHTY = Path("/work/shared/data/strings/blns.json")
FROM = "Alliance for the Reconstruction of Ukraine <noreply@alliance.example>"


def letters(event: Event) -> list[Letter]:
    """The letters about a sample, one for each that is told."""
    return [
        Letter(
            event=event,
            about="0190-event",
            time="2026-03-05T12:02:00.000000Z",
            message=told.message,
            party=told.party,
        )
        for told in model.audience(event, (CASCAIS,))
    ]


@pytest.mark.parametrize("language", ["uk", "en"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_message_is_complete_in_every_language(event: Event, language: str) -> None:
    """No field is missing, no line is left out, no id stands where a name is known."""
    for letter in letters(event):
        subject, text = wording.write(letter, TITLES, language=language)
        template = SPEECH[language].messages[letter.message]
        found = wording.words(letter, language, TITLES)
        assert all(line.format_map(found) in text for line in template.lines)
        assert subject
        assert "None" not in text
        assert "{" not in subject + text
        unnamed = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", subject + text))
        assert unnamed <= {
            getattr(event, name, "") for name in ("match_id", "partnership_id", "webhook_id")
        }
        assert SPEECH[language].why[letter.party or "member"] in text


def test_both_languages_have_the_same_messages_and_ask_for_the_same_facts() -> None:
    """A message that only one language had, or a fact that only one said, would be a loss."""
    english, ukrainian = SPEECH["en"].messages, SPEECH["uk"].messages
    assert set(english) == set(ukrainian) == set(MESSAGES)
    for name in MESSAGES:
        facts = [
            set(re.findall(r"{(\w+)}", "".join(t.lines))) for t in (english[name], ukrainian[name])
        ]
        assert facts[0] == facts[1], name
    assert SPEECH["en"].why.keys() == SPEECH["uk"].why.keys()


def test_a_proposal_says_what_to_do_in_the_readers_words() -> None:
    """Names, amounts, the moment in the reader's zone, and what is asked of him."""
    [letter, _] = letters(proposed())
    subject, text = wording.write(letter, TITLES, language="uk", zone="Europe/Kyiv", name="Олено")
    assert subject == "Запропоновано підтримку: Дитячий садок – Кашкайш"
    assert text.startswith("Вітаємо, Олено!\n")
    assert "прийміть або відхиліть" in text
    assert "500\N{NO-BREAK SPACE}000,00 EUR" in text
    assert "2026-03-05 14:02 (UTC+02:00, Europe/Kyiv)" in text
    _, text = wording.write(letter, TITLES, language="en")
    assert "Please accept or decline it." in text
    assert "EUR 500,000.00" in text
    assert "2026-03-05 12:02 (UTC+00:00, UTC)" in text


def test_a_proposal_that_both_accepted_meanwhile_asks_for_nothing() -> None:
    """The newest state is told."""
    [letter, _] = letters(proposed())
    agreed = Letter(**{**vars(letter), "match_status": "agreed"})
    assert "Please accept" not in wording.write(agreed, TITLES)[1]


@pytest.mark.parametrize(
    ("language", "reason"),
    [("en", "what was chosen scored higher"), ("uk", "обране мало вищу оцінку")],
)
def test_who_was_passed_over_is_told_each_need_and_why(language: str, reason: str) -> None:
    """One line for each that was lost, its reason in words."""
    [letter] = letters(next(e for e in EVENTS if e.type == "pledge-passed-over"))
    _, text = wording.write(letter, TITLES, language=language)
    assert text.count("•") == 2
    assert f"{TITLES[NEED][language]}: {reason}" in text


def test_a_reminder_names_the_moment_in_the_readers_zone() -> None:
    """What lapses at 12:02 UTC lapses at 14:02 in Kyiv, in winter."""
    [letter] = letters(next(e for e in EVENTS if e.type == "match-lapses-soon"))
    _, text = wording.write(letter, TITLES, language="uk", zone="Europe/Kyiv")
    assert "2026-03-19 14:02 (UTC+02:00, Europe/Kyiv)" in text
    assert "Уже погодилися: партнер" in text


def test_a_displaced_proposal_says_that_another_took_its_place() -> None:
    """Both sides read why, in their language."""
    released = next(e for e in EVENTS if e.type == "match-released")
    displaced = released.model_copy(update={"cause": "displaced", "was": "proposed"})
    [letter, _] = letters(displaced)
    assert "a pair of a higher tier" in wording.write(letter, TITLES, language="en")[1]
    assert "пара вищого рівня" in wording.write(letter, TITLES, language="uk")[1]


def test_a_declined_match_gives_the_reason() -> None:
    """The other side reads why, line breaks and all."""
    [letter] = letters(declined())
    assert "Reason: built elsewhere\n  already" in wording.write(letter, TITLES)[1]


def test_an_unknown_name_is_shown_as_its_id() -> None:
    """A letter can be written before everything is known, if it must."""
    [letter, _] = letters(proposed())
    assert IRPIN in wording.write(letter, {})[1]


def test_what_a_member_wrote_is_never_read_as_a_template() -> None:
    """Braces in a title stay braces."""
    [letter, _] = letters(proposed())
    titles = {**TITLES, IRPIN: {"en": "{need.__class__} {0} {to_do!r}"}}
    assert "{need.__class__} {0} {to_do!r}" in wording.write(letter, titles)[1]


def composed(text: str) -> tuple[dict[str, str], str]:
    """The headers and the body of a message with `text` wherever a member's words may stand."""
    [letter] = letters(declined().model_copy(update={"reason": text}))
    titles = {key: {"en": text} for key in TITLES}
    subject, body = wording.write(letter, titles, language="en", name=text)
    message = mail.compose(
        notice_id="n1",
        thread="t1",
        mail_from=FROM,
        to="mayor@irpin.example",
        subject=subject,
        text=body,
        language="en",
        now=datetime(2026, 3, 5, tzinfo=UTC),
    )
    read = message_from_bytes(message.as_bytes(), policy=SMTP)
    assert isinstance(read, EmailMessage)
    return {name: str(value) for name, value in read.items()}, read.get_content()


HEADERS = {
    "From": FROM,
    "To": "mayor@irpin.example",
    "Message-ID": "<n1@alliance.example>",
    "In-Reply-To": "<t1@alliance.example>",
    "References": "<t1@alliance.example>",
    "Auto-Submitted": "auto-generated",
}


def the_headers_hold(text: str) -> None:
    """Whatever the text is, the headers are ours, and the subject is one line."""
    headers, body = composed(text)
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["Content-Language"] == "en"
    assert set(headers) <= {
        *HEADERS,
        "Subject",
        "Date",
        "Content-Language",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    }
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", headers["Subject"])
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e]", body)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00\n"])
def test_no_header_can_be_injected(end: str) -> None:
    """A line end of any kind in a title or a name adds no header and ends none."""
    the_headers_hold(f"Irpin{end}Bcc: all@elsewhere.example{end}{end}<h1>hello</h1>")


def test_naughty_strings_are_harmless() -> None:
    """The Big List of Naughty Strings, each as title, name, reason and greeting."""
    if not NAUGHTY.exists():
        pytest.skip(f"{NAUGHTY} is not on this machine")
    strings = [text for text in json.loads(NAUGHTY.read_text()) if text]
    for text in strings:
        the_headers_hold(text)
    print(f"{len(strings)} naughty strings, no header injected")
