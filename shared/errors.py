"""What a command may answer instead of doing its work: a domain fact, with the values behind it.

A message is a template with named values, `"need {need} is {status}"`, so that it can be said in
the reader's language: shared/translations/ holds the templates in the others.
"""

import re
from typing import Any, ClassVar

from shared.translations import translate


class Refused(Exception):
    """A rule says no. Subclasses are named after the fact, and become RFC 9457 problems.

    `template` is filled from `facts`: the values that explain it (the field, what was given, what
    is allowed). Facts that are None are not shown.
    """

    status: ClassVar[int] = 409
    title: ClassVar[str] = "The rules do not allow this"

    def __init__(self, template: str, /, **facts: Any) -> None:
        super().__init__(template)
        self.template = template
        self.facts = facts

    def detail(self, language: str = "en") -> str:
        """What is wrong, in words of a language."""
        return translate(self.template, language).format(**self.facts)

    def __str__(self) -> str:
        return self.detail()

    def headers(self) -> dict[str, str]:
        """Headers that its answer has."""
        return {}

    @classmethod
    def kind(cls) -> str:
        """The class's name in kebab case: the last part of the problem's `type`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()


class NotFound(Refused):
    """There is no such thing."""

    status = 404
    title = "Not found"

    def __init__(self, what: str, key: str) -> None:
        super().__init__("there is no {what} {given}", what=what, given=key)


class NotYours(Refused):
    """The thing belongs to someone else, or the act to another role."""

    status = 403
    title = "Not yours to do"


class PreconditionRequired(Refused):
    """A change must say which version it was decided on (RFC 6585)."""

    status = 428
    title = "If-Match is needed"


class VersionConflict(Refused):
    """Someone else changed it first; `current_version` is what it is now."""

    status = 409
    title = "Changed meanwhile"

    def __init__(self, what: str, key: str, current: int, given: list[int]) -> None:
        super().__init__(
            "{what} {key} was changed meanwhile: its version is {current_version}, you saw {given}",
            what=what,
            key=key,
            current_version=current,
            given=given if len(given) > 1 else given[0],
        )


class InvalidInput(Refused):
    """A field holds what is not allowed; `field` is its JSON pointer."""

    status = 422
    title = "Invalid input"

    def __init__(
        self, field: str, template: str, /, given: Any = None, allowed: Any = None, **facts: Any
    ) -> None:
        super().__init__(template, field=field, given=given, allowed=allowed, **facts)


class EventTooLarge(Refused):
    """The event would be longer than an auditor can be asked to keep."""

    status = 413
    title = "Too large"
