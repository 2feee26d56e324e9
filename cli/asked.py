"""What needs ask, version by version, from projects' log: for laws about what matching knew."""

from bisect import bisect_right
from collections.abc import Sequence

from shared.events import Envelope, read_event
from shared.events.ids import NeedId
from shared.events.projects import NeedAmended, NeedPosted, NeedWithdrawn, ProjectCancelled
from shared.events.rounds import MatchingRoundCompleted
from shared.events.seen import Seen
from shared.kafka import partition_of
from shared.lines import minor_units

Version = dict[int, int]
"""What is asked of each line, in smallest units."""


class Asked:
    """What each need asked, from its posting on, and what matching knew of it at a round.

    A round says which of projects' events it had seen. Between two rounds matching may have learnt
    of any amendment that the second had seen, so what may be covered then is the most of these.
    """

    def __init__(
        self, projects: Sequence[Envelope], matching: Sequence[Envelope], partitions: int
    ) -> None:
        """Both logs in the order of their positions; `partitions` of projects' topic."""
        self.given_up: set[NeedId] = set()
        self._positions: dict[NeedId, list[int]] = {}
        self._versions: dict[NeedId, list[Version]] = {}
        self._partitions = partitions
        for position, envelope in enumerate(projects):
            event = read_event(envelope)
            if isinstance(event, NeedWithdrawn | ProjectCancelled):
                self.given_up.add(event.need_id)
            if isinstance(event, NeedPosted | NeedAmended) and event.lines:
                asked = {line.line: minor_units(line.amount) for line in event.lines}
                self._positions.setdefault(event.need_id, []).append(position)
                self._versions.setdefault(event.need_id, []).append(asked)
        events = enumerate(map(read_event, matching))
        self._rounds = [
            (position, event.decision.seen)
            for position, event in events
            if isinstance(event, MatchingRoundCompleted)
        ]

    def now(self, need_id: NeedId | str, line: int) -> int:
        """What is asked of a line at last."""
        versions = self._versions.get(NeedId(need_id), [])
        return versions[-1].get(line, 0) if versions else 0

    def ever(self, need_id: NeedId | str, line: int) -> int:
        """The most that was ever asked of a line."""
        return max((v.get(line, 0) for v in self._versions.get(NeedId(need_id), [])), default=0)

    def as_seen(self, need_id: NeedId, line: int, seen: Seen) -> int:
        """What a line asked as of what a round had seen; 0 of a need that it had not seen."""
        count = self._count(need_id, seen)
        return self._versions[need_id][count - 1].get(line, 0) if count else 0

    def most_by_hand(self, need_id: NeedId, line: int, position: int) -> int:
        """The most that matching can have known to be asked at a position of its log."""
        versions = self._versions.get(need_id, [])
        before = [seen for at, seen in self._rounds if at < position]
        after = [seen for _, seen in self._rounds if seen.own_through >= position]
        least = max((self._count(need_id, seen) for seen in before), default=0)
        most = min((self._count(need_id, seen) for seen in after), default=len(versions))
        possible = versions[max(least - 1, 0) : max(most, least)]
        return max((version.get(line, 0) for version in possible), default=0)

    def _count(self, need_id: NeedId, seen: Seen) -> int:
        """How many of a need's versions were seen."""
        positions = self._positions.get(need_id, [])
        partition = partition_of(need_id.encode(), self._partitions)
        marks = {p.partition: p.position for p in seen.foreign if p.owner == "projects"}
        return bisect_right(positions, marks.get(partition, -1))
