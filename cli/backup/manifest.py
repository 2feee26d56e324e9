"""What a backup says of itself: its last member, `manifest.json`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
"""Of the file's contents. A later alliance reads older ones, or says that it does not."""

MANIFEST = "manifest.json"
FIRST = "format.json"
"""The first member: the format alone, so that a newer one is told apart before all else."""

Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Part(BaseModel):
    """A model of the manifest: nothing in it is optional by accident."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(Part):
    """One member of the tar."""

    name: str
    size: Count
    sha256: Sha256


class Collection(Part):
    """One collection: how many documents, and hashes of all of them.

    `sha256` is of the documents' BSON by `_id`; the log's by position, those without one last by
    `_id`. `state` is of a folded collection, as `alliance rebuild` prints it.
    """

    documents: Count
    sha256: Sha256
    state: Sha256 | None = None


class Service(Part):
    """One service at the moment of the backup.

    `next` is the position its next event gets, `published` how far the broker had acknowledged
    its log, `pending` how many events had no position yet; `seen` the greatest position it had
    handled, by `owner/partition`.
    """

    next: Count
    published: Count
    pending: Count
    seen: dict[str, Count]
    collections: dict[str, Collection]

    def marks_of(self, owner: str) -> dict[int, int]:
        """The greatest position handled of an owner's log, by partition."""
        places = [(*place.rpartition("/"), position) for place, position in self.seen.items()]
        return {int(number): position for name, _, number, position in places if name == owner}


class Topic(Part):
    """A topic: end offsets by partition at the cut, and how many records are kept that are not
    its log's."""

    ends: tuple[Count, ...]
    beside: Count

    @property
    def partitions(self) -> int:
        """How many it has."""
        return len(self.ends)


class Manifest(Part):
    """The whole of it. `cut_at` and `made_at` are RFC 3339, `made_by` is alliance's version."""

    format: int
    cut_at: str
    made_at: str
    made_by: str
    services: dict[str, Service]
    topics: dict[str, Topic]
    members: tuple[Member, ...]


def log_of(service: str) -> str:
    """The name under which a service's log stands in the tar, without the part's number."""
    return f"{service}/log"
