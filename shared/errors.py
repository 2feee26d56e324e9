"""What a command may answer instead of doing its work: a domain fact, with the values behind it."""

import re
from typing import Any, ClassVar


class Refused(Exception):
    """A rule says no. Subclasses are named after the fact, and become RFC 9457 problems.

    `facts` are the values that explain it: the field, what was given, what is allowed.
    """

    status: ClassVar[int] = 409
    title: ClassVar[str] = "The rules do not allow this"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts

    @classmethod
    def kind(cls) -> str:
        """The class's name in kebab case: the last part of the problem's `type`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


class NotFound(Refused):
    """There is no such thing."""

    status = 404
    title = "Not found"

    def __init__(self, what: str, key: str) -> None:
        super().__init__(f"there is no {what} {key}", given=key)


class NotYours(Refused):
    """The thing belongs to someone else, or the act to another role."""

    status = 403
    title = "Not yours to do"


class VersionConflict(Refused):
    """Someone else changed it first; `current_version` is what it is now."""

    status = 409
    title = "Changed meanwhile"

    def __init__(self, what: str, key: str, current: int, given: int | None = None) -> None:
        super().__init__(
            f"{what} {key} was changed meanwhile: its version is {current}"
            + (f", you saw {given}" if given is not None else ""),
            current_version=current,
            given=given,
        )


class InvalidInput(Refused):
    """A field holds what is not allowed; `field` is its JSON pointer."""

    status = 422
    title = "Invalid input"

    def __init__(self, field: str, detail: str, given: Any = None, allowed: Any = None) -> None:
        super().__init__(detail, field=field, given=given, allowed=allowed)


class EventTooLarge(Refused):
    """The event would be longer than an auditor can be asked to keep."""

    status = 413
    title = "Too large"
