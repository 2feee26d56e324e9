"""Identifiers: UUIDv7 strings whose order keeps every document's history and every cause.

An event's id is drawn strictly above the ids of the last events of all documents it changes and
above its cause's. Sorting a service's unsequenced events by id therefore never puts an event
before its cause or before the previous event of anything it touches, whatever the clocks of the
processes say: the id is a hybrid logical clock (docs/decisions/0002).
"""

import os
import time
from typing import Any, Self
from uuid import UUID

import uuid_utils
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


class Id(str):
    """A UUID in its canonical lower-case form; subclasses say what it identifies."""

    __slots__ = ()

    @classmethod
    def new(cls) -> Self:
        """A new id, in the order of this process's clock."""
        return cls(str(uuid_utils.uuid7()))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(pattern=UUID_PATTERN)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "uuid", "title": cls.__name__}


class EventId(Id):
    """Identifies one event of ours: what `event_id_after` drew."""

    __slots__ = ()


class MemberId(Id):
    """Identifies a member."""

    __slots__ = ()


class NeedId(Id):
    """Identifies a need, and the project it becomes."""

    __slots__ = ()


class PledgeId(Id):
    """Identifies a pledge."""

    __slots__ = ()


class MatchId(Id):
    """Identifies a match."""

    __slots__ = ()


class PartnershipId(Id):
    """Identifies a partnership."""

    __slots__ = ()


class RatesId(Id):
    """Identifies one recorded set of exchange rates."""

    __slots__ = ()


class RoundId(Id):
    """Identifies one matching round."""

    __slots__ = ()


class NoticeId(Id):
    """Identifies one notice."""

    __slots__ = ()


class WebhookId(Id):
    """Identifies a webhook."""

    __slots__ = ()


class CredentialId(Id):
    """Identifies a credential: the client_id of OAuth 2.0."""

    __slots__ = ()


class ContactRef(Id):
    """Points to an address in notify's vault; says nothing about the person."""

    __slots__ = ()


def event_id_after(*earlier: str | None, now_ms: int | None = None) -> str:
    """A UUIDv7 (RFC 9562) strictly greater than each of `earlier`.

    Takes the wall clock where it is ahead of them (`now_ms`, milliseconds since 1970), else the
    greatest of them plus one in its 62 random bits' place, so order survives clocks that are
    behind. Time never runs ahead of the greatest clock seen by more than one millisecond.
    """
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    floor = max((e for e in earlier if e), default="")
    if floor:
        floor_milliseconds = UUID(floor).int >> 80
        if milliseconds <= floor_milliseconds:
            return _successor(floor)
    random = int.from_bytes(os.urandom(10), "big")
    return str(UUID(int=_stamp(milliseconds, random & ((1 << 74) - 1))))


def _stamp(milliseconds: int, random: int) -> int:
    """48 bits of time, version 7, 12 bits, variant 10, 62 bits."""
    high, low = random >> 62, random & ((1 << 62) - 1)
    return (milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low


def _successor(identifier: str) -> str:
    value = UUID(identifier).int
    milliseconds, high = value >> 80, (value >> 64) & 0xFFF
    random = ((high << 62) | (value & ((1 << 62) - 1))) + 1 + (os.urandom(1)[0] << 8)
    if random >> 74:
        milliseconds, random = milliseconds + 1, 0
    return str(UUID(int=_stamp(milliseconds, random)))
