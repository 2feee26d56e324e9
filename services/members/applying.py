"""Applying: what a body must say and accept to be considered, pure. What follows is in model.py."""

from collections.abc import Sequence
from typing import get_args

from services.members import principles
from services.members.model import Member
from shared.codelists import (
    HROMADA_LEVEL,
    INSIDE_A_HROMADA,
    OBLAST_LEVEL,
    asked_lau,
    asked_nuts,
    chain,
    find_place,
)
from shared.errors import InvalidInput, Refused
from shared.events.facts import Katottg, Side
from shared.events.members import MemberAdmitted, MemberApplied, MemberKind, Sector

EVERY_LEVEL = (*OBLAST_LEVEL, "P", "H", *INSIDE_A_HROMADA)


class AlreadyAMember(Refused):
    """A body with this organisation id has applied before, and was neither rejected nor left."""

    title = "This organisation has applied already"


class PrinciplesNotAccepted(Refused):
    """Admission needs acceptance of each of the alliance's principles."""

    status = 422
    title = "All principles must be accepted"


def territory_of(side: Side, kind: MemberKind, given: str | None) -> tuple[Katottg, ...]:
    """The chain of a Ukrainian member's place, from its own code up to the oblast.

    Raises InvalidInput: none or several are called so, it is wider than the kind of member, or a
    partner gave it.
    """
    if given is None:
        return ()
    if side != "ukraine":
        raise InvalidInput("/territory", "a KATOTTG code is for the Ukrainian side only", given)
    levels = HROMADA_LEVEL if kind in ("hromada", "city") else EVERY_LEVEL
    return chain(find_place(given, "/territory", levels))


def again(before: Member, side: Side) -> None:
    """Whether a body that has applied before may apply again: rejected, or gone, on its own side.

    Raises AlreadyAMember, InvalidInput.
    """
    if before.status not in ("rejected", "left"):
        raise AlreadyAMember(
            "{given} is member {member}, {state}",
            field="/organisation_id",
            given=before.organisation_id,
            member=before.id,
            state=before.status,
        )
    if before.side != side:
        raise InvalidInput(
            "/side", "member {member} is of the other side", side, [before.side], member=before.id
        )


def apply(
    application: MemberApplied, associations: Sequence[Member | None] = ()
) -> list[MemberApplied]:
    """A body asks to join; `associations` are those it names, as far as they exist.

    Raises PrinciplesNotAccepted, InvalidInput.
    """
    _accepts_the_principles(application)
    _is_of_its_side(application)
    if (application.sector is not None) != (application.kind == "institution"):
        raise InvalidInput(
            "/sector",
            "an institution is public or private, and no other kind of member says so",
            application.sector,
            get_args(Sector) if application.kind == "institution" else None,
        )
    for index, (given, named) in enumerate(
        zip(application.associations, associations, strict=True)
    ):
        if named is None or (named.kind, named.status, named.side) != (
            "association",
            "admitted",
            application.side,
        ):
            raise InvalidInput(
                f"/associations/{index}",
                "this is no admitted association of side {side}",
                given,
                side=application.side,
            )
    return [application]


def _accepts_the_principles(application: MemberApplied) -> None:
    if application.principles_version != principles.CURRENT:
        raise InvalidInput(
            "/principles_version",
            "the principles in force are those of {current}",
            application.principles_version,
            [principles.CURRENT],
            current=principles.CURRENT,
        )
    missing = [p for p in principles.CODES if p not in application.principles]
    if missing:
        raise PrinciplesNotAccepted(
            "{count} of the {all} principles are not accepted",
            field="/principles",
            given=list(application.principles),
            missing=missing,
            count=len(missing),
            all=len(principles.CODES),
        )


def _is_of_its_side(application: MemberApplied) -> None:
    """Country and codes of places are those of the side."""
    ukrainian = application.side == "ukraine"
    if ukrainian != (application.country == "UA"):
        raise InvalidInput(
            "/country", "the Ukrainian side is in UA, partners are elsewhere", application.country
        )
    for name, code, check in (
        ("nuts", application.nuts, asked_nuts),
        ("lau", application.lau, asked_lau),
    ):
        if code is not None:
            if ukrainian:
                raise InvalidInput(f"/{name}", "NUTS and LAU codes are for partners only", code)
            check(code, application.country, f"/{name}")
    governs = application.kind in ("hromada", "city", "region")
    if ukrainian and governs and not application.territory:
        raise InvalidInput(
            "/territory", "a {kind} needs the code of its place", kind=application.kind
        )


def found(application: MemberApplied) -> list[MemberApplied | MemberAdmitted]:
    """A founding core member joins without an endorser: there was nobody before it."""
    return [
        *apply(application),
        MemberAdmitted(
            member_id=application.member_id,
            role="core",
            reason="founding core member, 30 June 2022",
        ),
    ]
