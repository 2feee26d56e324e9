"""Who acts and why: what a command is given beside its words."""

import difflib
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator

from shared.errors import InvalidInput, NotYours
from shared.events.ids import Id, MemberId


class Command(BaseModel):
    """What is asked for; a field that is not known is refused, at any depth.

    Its parts may be facts of events, whose readers ignore what they don't know; whoever asks for
    something is told instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_unknown(cls, given: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        found = read(given)
        _refuse_unknown(given, found, "")
        return found


def _refuse_unknown(given: Any, found: Any, pointer: str) -> None:
    """Raises InvalidInput for a field of `given` that `found`, read from it, has not."""
    if isinstance(found, BaseModel) and isinstance(given, dict):
        fields = type(found).model_fields
        for name, value in given.items():
            if name not in fields:
                near = difflib.get_close_matches(name, fields, n=1)
                raise InvalidInput(
                    f"{pointer}/{name}",
                    "there is no such field, did you mean {near}?"
                    if near
                    else "there is no such field",
                    allowed=sorted(fields),
                    near=near[0] if near else None,
                )
            _refuse_unknown(value, getattr(found, name), f"{pointer}/{name}")
    elif isinstance(found, tuple) and isinstance(given, list):
        for index, (one, other) in enumerate(zip(given, found, strict=True)):
            _refuse_unknown(one, other, f"{pointer}/{index}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `member:<id>`, `operator:<name>`, `client:<name>`, `service:<name>`.

    `member_id` is the member it acts for, None for operators and services. `client` is whose
    token it acts with, None without one.
    """

    name: str
    member_id: str | None = None
    roles: frozenset[str] = frozenset()
    client: str | None = field(default=None, compare=False)

    @property
    def member(self) -> MemberId:
        """The member it acts for. Raises NotYours."""
        if self.member_id is None:
            raise NotYours("{name} acts for no member", name=self.name)
        return MemberId(self.member_id)


@dataclass(frozen=True, slots=True)
class Cause:
    """What a command was started by: the event it reacts to, if any, and the whole it belongs to.

    `own` says that the event stands in this service's own log, so its effects must come after it.
    """

    correlation_id: str
    event_id: str | None = None
    own: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """An event, by its id, and whose log it stands in."""

    event_id: str
    owner: str


def new_correlation() -> str:
    """A correlation id for a command that was started by nobody else's."""
    return str(Id.new())
