"""What is said, in which form, and in which mail."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import get_args

import pytest

from services.notify import audience, mail, wording
from services.notify.messages import MESSAGES, OPERATIONS, WHY
from services.notify.model import Match
from services.notify.speech import speech
from services.notify.wording import Letter
from shared.events.registry import Event
from tests.notify.samples import CASCAIS, EVENTS, IRPIN, MATCH, NEED, TITLES, declined, proposed

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
        for told in audience.told(event, (CASCAIS,))
    ]


@pytest.mark.parametrize("language", ["uk", "en"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_message_is_complete_in_every_language(event: Event, language: str) -> None:
    """No field is missing, no line is left out, no id stands where a name is known."""
    for letter in letters(event):
        subject, text, html = wording.write(letter, TITLES, language=language)
        words = wording.words(letter, language, TITLES)
        form = MESSAGES[letter.message]
        asked = {f for _, value in form.facts for f in re.findall(r"{(\w+)}", value)}
        given = {name for name in asked if words.get(name) is not None}
        assert asked - given <= {"unit_value", "displaced_by", "reopened"}
        for label, value in form.facts:
            if set(re.findall(r"{(\w+)}", value)) <= given:
                assert f"\n{speech(language).say(label, letter.message)}:" in text
        assert subject
        assert "None" not in text
        assert "{" not in subject + text
        unnamed = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", subject + text))
        assert unnamed <= {
            getattr(event, name, "") for name in ("match_id", "partnership_id", "webhook_id")
        }
        why = speech(language).say(WHY[letter.party or "member"])
        assert why in text
        assert why in html


def test_a_proposal_says_what_to_do_in_the_readers_words() -> None:
    """Names, amounts, the moment in the reader's zone, and what is asked of him."""
    [letter, _] = letters(proposed())
    subject, text, _ = wording.write(
        letter, TITLES, language="uk", zone="Europe/Kyiv", name="колеги з Ірпеня"
    )
    assert subject == "Запропоновано підтримку: Дитячий садок – Кашкайш"
    assert text.startswith("Вітаємо, колеги з Ірпеня!\n")
    assert "прийміть або відхиліть" in text
    assert "500\N{NO-BREAK SPACE}000 євро" in text
    assert "19 березня 2026\N{NO-BREAK SPACE}р., 14:02 (UTC+02:00, Europe/Kyiv)" in text
    text = wording.write(letter, TITLES, language="en").text
    assert "Please accept or decline it." in text
    assert "500,000 euros" in text
    assert "5 March 2026, 12:02 (UTC+00:00, UTC)" in text


@pytest.mark.parametrize(
    ("language", "reason"),
    [("en", "what was chosen scored higher"), ("uk", "обране мало вищу оцінку")],
)
def test_who_was_passed_over_is_told_each_need_and_why(language: str, reason: str) -> None:
    """One line for each that was lost, its reason in words."""
    [letter] = letters(next(e for e in EVENTS if e.type == "pledge-passed-over"))
    text = wording.write(letter, TITLES, language=language).text
    assert text.count("•") == 2
    assert f"{TITLES[NEED][language]}: {reason}" in text


def test_a_reminder_names_the_moment_in_the_readers_zone() -> None:
    """What lapses at 12:02 UTC lapses at 14:02 in Kyiv, in winter."""
    [letter] = letters(next(e for e in EVENTS if e.type == "match-lapses-soon"))
    text = wording.write(letter, TITLES, language="uk", zone="Europe/Kyiv").text
    assert "19 березня 2026\N{NO-BREAK SPACE}р., 14:02 (UTC+02:00, Europe/Kyiv)" in text
    assert "Уже погодилися: партнер" in text


def test_a_displaced_proposal_says_that_another_took_its_place() -> None:
    """Both sides read why, in their language."""
    released = next(e for e in EVENTS if e.type == "match-released")
    displaced = released.model_copy(update={"cause": "displaced", "was": "proposed"})
    [letter, _] = letters(displaced)
    assert "a pair of a higher tier" in wording.write(letter, TITLES, language="en").text
    assert "пара вищого рівня" in wording.write(letter, TITLES, language="uk").text


@pytest.mark.parametrize("status", get_args(Match.model_fields["status"].annotation))
@pytest.mark.parametrize("language", ["en", "uk"])
def test_a_proposal_can_be_told_of_however_the_match_stands(status: str, language: str) -> None:
    """In the feed it stays when the match has ended; only a proposed one asks for an answer."""
    [letter, _] = letters(proposed())
    told = Letter(**{**vars(letter), "match_status": status})
    asks = {"en": "Please accept or decline it.", "uk": "прийміть або відхиліть"}[language]
    for written in (wording.entry, wording.write):
        assert (asks in written(told, TITLES, language=language).text) == (status == "proposed")


def test_a_declined_match_gives_the_reason() -> None:
    """The other side reads why, line breaks and all."""
    [letter] = letters(declined())
    assert "Reason: built elsewhere\n  already" in wording.write(letter, TITLES).text


def test_an_unknown_name_is_shown_as_its_id() -> None:
    """A letter can be written before everything is known, if it must."""
    [letter, _] = letters(proposed())
    assert IRPIN in wording.write(letter, {}).text


def test_what_a_member_wrote_is_never_read_as_a_template() -> None:
    """Braces in a title stay braces."""
    [letter, _] = letters(proposed())
    titles = {**TITLES, IRPIN: {"en": "{need.__class__} {0} {to_do!r}"}}
    assert "{need.__class__} {0} {to_do!r}" in wording.write(letter, titles).text


def on_the_line(unsubscribe_url: str | None = None, thread: str | None = "t1") -> bytes:
    """A proposal as a mail, as it goes to the server."""
    [letter, _] = letters(proposed())
    message = mail.compose(
        notice_id="n1",
        thread=thread,
        mail_from=FROM,
        to="mayor@irpin.example",
        written=wording.write(letter, TITLES, language="uk"),
        language="uk",
        now=datetime(2026, 3, 5, tzinfo=UTC),
        unsubscribe_url=unsubscribe_url,
    )
    return mail.flat(message, "mayor@irpin.example")


def composed(unsubscribe_url: str | None = None, thread: str | None = "t1") -> EmailMessage:
    """The same, read back."""
    read = message_from_bytes(on_the_line(unsubscribe_url, thread), policy=SMTP)
    assert isinstance(read, EmailMessage)
    return read


def test_a_mail_is_text_and_html_of_the_same() -> None:
    """Whoever shows no HTML reads the text; both name the language."""
    read = composed()
    assert read.get_content_type() == "multipart/alternative"
    text, html = read.iter_parts()
    assert [text.get_content_type(), html.get_content_type()] == ["text/plain", "text/html"]
    assert read["Content-Language"] == "uk"
    for part in (text, html):
        assert "Дитячий садок" in part.get_content()


def test_one_click_ends_such_mails() -> None:
    """The two headers of RFC 8058, only where there is an address to post to."""
    url = "https://alliance.example/u?token=" + "x" * 200
    read = composed(url)
    assert read["List-Unsubscribe"] == f"<{url}>"
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in on_the_line(url)
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe" not in composed()
    for wrong in ("https://a.example/\r\nBcc: b@a.example", "https://a.example/>, <mailto:b@a"):
        with pytest.raises(ValueError, match="no web address"):
            composed(wrong)


def test_mails_about_one_need_are_one_thread() -> None:
    """They refer to the same root; a mail about nothing in particular to none."""
    assert composed()["References"] == composed()["In-Reply-To"] == "<t1@alliance.example>"
    assert composed()["Message-ID"] == "<n1@alliance.example>"
    thread = "t" * 100
    assert f"\r\nReferences: <{thread}@alliance.example>\r\n".encode() in on_the_line(thread=thread)
    assert "References" not in composed(thread=None)


def test_links_lead_to_the_match_or_the_need() -> None:
    """Where it can be seen, if it is known where; else there is no link."""
    [letter, _] = letters(proposed())
    written = wording.write(letter, TITLES, public_url="https://alliance.example/")
    for body in (written.text, written.html):
        assert f"https://alliance.example/matches/{MATCH}" in body
    assert "http" not in wording.write(letter, TITLES).html
    [covered] = letters(next(e for e in EVENTS if e.type == "need-covered"))
    written = wording.write(covered, TITLES, public_url="https://alliance.example")
    assert f'href="https://alliance.example/needs/{NEED}"' in written.html


def test_the_page_for_unsubscribing_is_linked_from_the_mail() -> None:
    """In both bodies, for whoever's mail program shows no button for it."""
    [letter, _] = letters(proposed())
    written = wording.write(letter, TITLES, unsubscribe_url="https://alliance.example/u?a=1&b=2")
    assert "https://alliance.example/u?a=1&b=2" in written.text
    assert 'href="https://alliance.example/u?a=1&amp;b=2"' in written.html


def test_a_digest_gathers_its_news_by_what_they_are_about() -> None:
    """Each need, pledge, partnership and member once, with all that is new about it."""
    events = [e for e in EVENTS if e.type in ("match-proposed", "pledge-made", "match-agreed")]
    events += [e for e in EVENTS if e.type in ("member-admitted", "partnership-confirmed")]
    chosen = [letters(event)[0] for event in events]
    written = wording.digest(chosen, TITLES, language="en")
    headings = re.findall(r"<h2>(.*)</h2>", written.html)
    assert headings == ["A crèche for Irpin", "Kindergarten", "Cascais", "Irpin – Cascais"]
    assert written.subject == "5 pieces of news from the Alliance"
    assert len(re.findall(r"<h3>", written.html)) == 5
    for letter in chosen:
        assert wording.write(letter, TITLES, language="en").subject in written.text


def test_an_address_is_confirmed_by_a_link() -> None:
    """In the language that was asked for, and nothing else can be done by it."""
    url = "https://alliance.example/verify?t=abc&c=1"
    written = wording.verification(url, "uk", valid_until="2026-03-06T12:02:00Z")
    assert written.subject == "Будь ласка, підтвердьте цю адресу"
    assert url in written.text
    assert written.html.count("href=") == 1
    assert 'href="https://alliance.example/verify?t=abc&amp;c=1"' in written.html


@pytest.mark.parametrize("message", [name for name in OPERATIONS if name != "verification"])
def test_operators_are_told_with_whatever_is_known(message: str) -> None:
    """Absent facts are left out; names and reasons are said in words."""
    assert wording.operation(message, {}, language="uk").subject
    facts = {"member": CASCAIS, "recipient": CASCAIS, "reason": "gave-up", "attempts": 7}
    text = wording.operation(message, facts, TITLES, language="en").text
    assert "None" not in text
    if message == "delivery-failed":
        assert "Recipient: Cascais\nReason: every attempt failed\nAttempts: 7" in text
