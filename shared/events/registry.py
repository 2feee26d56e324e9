"""Event classes by type and version, and how an envelope becomes one of them.

Readers ignore what they don't know: unknown fields are dropped, unknown types and versions are
told apart from broken events (UnknownEvent against NotAnEvent), so a consumer skips the first
and sets the second aside. A breaking change is a new version; `upcast` beside the new class
lifts the old data.
"""

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.events.canonical import canonical
from shared.events.envelope import TYPE_PREFIX, Envelope, NotAnEvent

Lift = Callable[[dict[str, Any]], dict[str, Any]]
"""Old data in, the next version's data out."""

OWNERS = ("members", "projects", "matching", "notify")

_KINDS = ("funding", "goods", "services")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_classes: dict[tuple[str, int], type["Event"]] = {}
_facts: list[type["Fact"]] = []
_upcasts: dict[tuple[str, int], Lift] = {}


class Fact(BaseModel):
    """A value inside an event: frozen, and blind to fields that later versions add."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        _facts.append(cls)


class Event(Fact):
    """Something that happened, in its owner's words. Subclasses are the public contract."""

    type: ClassVar[str]
    version: ClassVar[int]
    owner: ClassVar[str]
    subject_field: ClassVar[str]
    public: ClassVar[bool] = True
    """Whether it is part of the contract; a benchmark's own events are not."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Class arguments are read in `__pydantic_init_subclass__`, when the fields are known."""

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        type: str | None = None,
        version: int = 0,
        owner: str = "",
        subject: str = "",
        public: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if type is None:  # shared fields of several events, not an event
            return
        if owner not in OWNERS:
            raise TypeError(f"{cls.__name__}: owner {owner!r}, allowed: {', '.join(OWNERS)}")
        if subject not in cls.model_fields:
            raise TypeError(f"{cls.__name__}: subject {subject!r} is not one of its fields")
        if (type, version) in _classes:
            raise TypeError(f"{cls.__name__}: {type} v{version} is already a class")
        cls.type, cls.version = type, version
        cls.owner, cls.subject_field, cls.public = owner, subject, public
        _classes[type, version] = cls

    @property
    def subject(self) -> str:
        """The id of the thing this happened to."""
        return str(getattr(self, self.subject_field))

    @classmethod
    def ce_type(cls) -> str:
        """CloudEvents `type`: prefix, name, version."""
        return f"{TYPE_PREFIX}{cls.type}.v{cls.version}"

    def data(self) -> str:
        """The canonical JSON text that is stored, hashed and published."""
        return canonical(self.model_dump(mode="json", exclude_none=True))


class UnknownEvent(LookupError):
    """A well-formed event whose type or version this reader has no class for."""


def event_classes(owner: str | None = None) -> list[type[Event]]:
    """The classes of the contract, or an owner's, in the order of type and version."""
    public = [c for _, c in sorted(_classes.items()) if c.public]
    return [c for c in public if owner is None or c.owner == owner]


def upcast(type: str, version: int) -> Callable[[Lift], Lift]:
    """Register how data of `type` in `version` is lifted to the next version."""

    def register(lift: Lift) -> Lift:
        _upcasts[type, version] = lift
        return lift

    return register


def read_event(envelope: Envelope) -> Event:
    """The event in an envelope, lifted to the newest version there is an upcast to.

    Raises UnknownEvent for a type or version without a class, NotAnEvent for data that does not
    fit its class; the message names the first field that is wrong, never its value.
    """
    name, version = envelope.name, envelope.version
    if (name, version) not in _classes:
        raise UnknownEvent(envelope.type)
    data = _object(envelope.data)
    event = _fit(_classes[name, version], envelope.data, envelope)
    while (name, version) in _upcasts:
        data, version = _upcasts[name, version](data), version + 1
        event = _fit(_classes[name, version], json.dumps(data), envelope)
    if event.subject != envelope.subject:
        raise NotAnEvent(
            f"ce_subject is {envelope.subject!r}, "
            f"the data's {event.subject_field} is {event.subject!r}"
        )
    return event


def _fit(event_class: type[Event], data: str, envelope: Envelope) -> Event:
    try:
        return event_class.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(part if _is_named(part) else "*" for part in map(str, first["loc"]))
        why = "unknown kind" if first["type"] == "union_tag_invalid" else first["msg"]
        what = f"the data of {envelope.type} does not fit: {where or '(the whole)'}: {why}"
        raise NotAnEvent(what) from None


def _is_named(part: str) -> bool:
    """Whether a part of a place is ours to show: a field, a number, a language's code."""
    known = part in _KINDS or any(part in fact.model_fields for fact in _facts)
    return known or part.isdecimal() or bool(_LANGUAGE.fullmatch(part))


def _object(data: str) -> dict[str, Any]:
    """The data as JSON, as strictly as an auditor will read it: each key once, no NaN."""
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent(f"the data is not JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise NotAnEvent("the data is not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
