"""When a member wants its mail: of which kind at once, of which in a digest, and when not; pure."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from shared.actor import Actor, Command
from shared.errors import InvalidInput, NotYours
from shared.events.ids import MemberId
from shared.events.notify import Kind, PreferencesChanged, QuietHours, Timings, Weekday
from shared.log import State


class Preferences(State):
    """What a member has set; without anything set, all its mail goes out at once."""

    what: ClassVar[str] = "preferences"

    id: MemberId
    timings: Timings = Timings()
    digest_hour: int = 9
    digest_weekday: Weekday = "monday"
    quiet_hours: QuietHours | None = None


class SetPreferences(Command):
    """All that a member wants; what is left out is as it was before anything was set."""

    timings: Timings = Timings()
    digest_hour: int = Field(9, ge=0, le=23, description="The hour of digests, in the local zone.")
    digest_weekday: Weekday = "monday"
    quiet_hours: QuietHours | None = None

    @model_validator(mode="after")
    def _hours_are_a_part_of_the_day(self) -> Self:
        quiet = self.quiet_hours
        if quiet and quiet.begin == quiet.end:
            raise InvalidInput(
                "/quiet_hours/end", "quiet hours must not end when they begin", quiet.end
            )
        return self


def may_read(member: MemberId, actor: Actor) -> None:
    """An auditor may, too. Raises NotYours."""
    if "auditor" not in actor.roles:
        must_be_own(member, actor)


def must_be_own(member: MemberId, actor: Actor) -> None:
    """A member's preferences are its own and an operator's. Raises NotYours."""
    if "operator" not in actor.roles and actor.member_id != member:
        raise NotYours(
            "the preferences are those of member {owner}, not of {given}",
            owner=member,
            given=actor.name,
        )


def change(before: Preferences, command: SetPreferences) -> PreferencesChanged | None:
    """Set all of a member's preferences; None where nothing changes."""
    after = Preferences(id=before.id, **dict(command))
    return _changed(after) if after != before else None


def unsubscribe(before: Preferences, kind: Kind) -> PreferencesChanged | None:
    """Turn the mail of one kind off; None where it is off."""
    if getattr(before.timings, kind) == "off":
        return None
    timings = before.timings.model_copy(update={kind: "off"})
    return _changed(before.model_copy(update={"timings": timings}))


def evolve(before: Preferences | None, e: PreferencesChanged) -> Preferences:
    """The preferences as they were set last."""
    return Preferences(
        id=e.member_id,
        timings=e.timings,
        digest_hour=e.digest_hour,
        digest_weekday=e.digest_weekday,
        quiet_hours=e.quiet_hours,
    )


def _changed(after: Preferences) -> PreferencesChanged:
    return PreferencesChanged(
        member_id=after.id,
        timings=after.timings,
        digest_hour=after.digest_hour,
        digest_weekday=after.digest_weekday,
        quiet_hours=after.quiet_hours,
    )
