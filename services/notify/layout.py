"""Words put into a message's form and laid out as a mail or a part of a page; pure.

The forms are in messages/, the layouts in templates/ (Jinja2). A template is read from there only:
what a member wrote is a value, put in once, and escaped in HTML.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from string import Formatter
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.notify.messages import MESSAGES
from services.notify.plain import NAME_LIMIT, TEXT_LIMIT, cut, one_line, safe
from services.notify.saying import Said
from services.notify.speech import Speech

SHORT = 80
"""Characters of one value in a subject."""


class Written(NamedTuple):
    """A mail's subject, its text, and the same as HTML."""

    subject: str
    text: str
    html: str


class Item(NamedTuple):
    """One message in words; `link` is where the thing it tells of is shown, `time` when."""

    subject: str
    opening: list[str]
    facts: list[tuple[str, str | tuple[str, ...]]]
    closing: list[str]
    button: str | None = None
    link: str | None = None
    time: str | None = None


class Group(NamedTuple):
    """The news about one need, pledge, partnership or member."""

    title: str
    items: list[Item]


_LAYOUTS = Environment(
    loader=PackageLoader("services.notify"),
    autoescape=lambda name: bool(name and name.endswith(".html")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def spoken(
    message: str,
    found: Mapping[str, Said],
    said: Speech,
    *,
    link: str | None = None,
    time: str | None = None,
) -> Item:
    """A message of messages/ with these values, those of its texts that have all they need."""
    form = MESSAGES[message]

    def say(texts: Sequence[str]) -> list[str]:
        return [said.say(text, message).format_map(found) for text in texts if _given(text, found)]

    facts = [
        (said.say(label, message), _value(value, found))
        for label, value in form.facts
        if _given(value, found)
    ]
    short = {
        field: cut(value, SHORT) for field, value in found.items() if isinstance(value, str)
    } | {"to_do": ""}
    return Item(
        one_line(said.say(form.subject, message).format_map(short)),
        say(form.opening),
        facts,
        say(form.closing),
        said.say(form.button, message) if form.button else None,
        link,
        time,
    )


def rendered(
    layout: str,
    said: Speech,
    name: str | None,
    footer: Sequence[str],
    unsubscribe_url: str | None,
    **values: Any,
) -> Written:
    """A mail by a layout, with its greeting and its footer."""
    subject = values.get("subject") or values["item"].subject
    greeting = said.say("Dear {name},").format(name=one_line(name, NAME_LIMIT)) if name else None
    asked = {
        "language": said.language,
        "subject": subject,
        "alliance": said.say("Alliance for the Reconstruction of Ukraine"),
        "greeting": greeting or said.say("Dear colleagues,"),
        "footer": [*footer, said.say("Nobody reads answers to this address.")],
        "unsubscribe": said.say("Get no more notices of this kind"),
        "unsubscribe_url": unsubscribe_url,
        **values,
    }
    text = _LAYOUTS.get_template(f"{layout}.txt").render(asked)
    html = _LAYOUTS.get_template(f"{layout}.html").render(asked)
    return Written(subject, safe(text).strip() + "\n", html)


def as_part(item: Item) -> Written:
    """An item without greeting and footer, its HTML a part of a page."""
    text, html = (
        _LAYOUTS.get_template(name).render({"item": item, "link_class": ""})
        for name in ("item.txt", "item.html")
    )
    return Written(item.subject, safe(text).strip() + "\n", html)


def placeholders(message: str) -> set[str]:
    """The values that a message of messages/ has a place for, in its subject or below."""
    form = MESSAGES[message]
    texts = [form.subject, *form.opening, *form.closing, *(value for _, value in form.facts)]
    return {field for text in texts for field in _fields(text)}


def _value(template: str, found: Mapping[str, Said]) -> str | tuple[str, ...]:
    alone = found.get(template[1:-1])
    if isinstance(alone, tuple):
        return alone
    return cut(template.format_map(found), TEXT_LIMIT)


def _given(text: str, found: Mapping[str, Said]) -> bool:
    return all(found.get(name) is not None for name in _fields(text))


@cache
def _fields(text: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(text) if name)
