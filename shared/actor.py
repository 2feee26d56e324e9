"""Who acts and why: what a command is given beside its words."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from shared.errors import NotYours
from shared.events.ids import Id, MemberId


class Command(BaseModel):
    """What is asked for; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `member:<id>`, `operator:<name>`, `service:<name>`.

    `member_id` is the member it acts for, None for operators and services.
    """

    name: str
    member_id: str | None = None
    roles: frozenset[str] = frozenset()

    @property
    def member(self) -> MemberId:
        """The member it acts for. Raises NotYours."""
        if self.member_id is None:
            raise NotYours(f"{self.name} acts for no member")
        return MemberId(self.member_id)

    def must_be(self, role: str) -> None:
        """Raises NotYours for one that has not this role."""
        if role not in self.roles:
            raise NotYours(f"{self.name} has not the role {role}", allowed=role)


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
