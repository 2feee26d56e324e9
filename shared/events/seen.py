"""Which events a decision had seen: named in the decision's own event, so that it can be redone."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.ids import EventId
from shared.events.registry import Fact

Position = Annotated[int, Field(ge=0, lt=2**53)]
"""An event's place in its owner's log, from 0: the CloudEvents extension `sequence`."""

MOST_UNSEQUENCED = 500
"""Most events that can be named beside `own_through`: 20 kB of the 64 kB of a leaf."""


class SeenPartition(Fact):
    """How far one partition of another service's topic was seen.

    Every event of it that matters here, up to and including the one at `position`, was seen, but
    for those that stand among the dead letters.
    """

    owner: Literal["members", "projects", "matching", "notify"]
    partition: Annotated[int, Field(ge=0, lt=2**31)]
    position: Position


class Seen(Fact):
    """The events that a service had seen at one moment, of its own and of others.

    Of its own: all up to and including position `own_through` (−1 for none), and `own_also`: those
    that were committed and had no position yet, by id. A partition that is not in `foreign` was
    not seen at all.
    """

    own_through: Annotated[int, Field(ge=-1, lt=2**53)]
    own_also: Annotated[tuple[EventId, ...], Field(max_length=MOST_UNSEQUENCED)] = ()
    foreign: tuple[SeenPartition, ...] = ()
