"""A notebook of matching in which Irpin, Cascais and Lithuania are known, and what they may do."""

from services.matching import commands, handlers, rounds
from services.matching.commands import MakePledge
from services.matching.engine import decide
from services.matching.matches import Match
from services.matching.model import Pledge
from services.matching.store import RECORDS
from shared.events.facts import RequirementLine
from shared.events.ids import MemberId, NeedId
from shared.events.members import MemberAdmitted, MemberApplied
from shared.events.projects import NeedPosted
from shared.events.registry import Event
from shared.lines import Line
from tests.given import IRPIN_CHAIN, Notebook, numbered, offered
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA


class Story(Notebook):
    """What happens, in the words of those who do it."""

    def __init__(self) -> None:
        super().__init__(RECORDS)
        for number, member in enumerate((IRPIN, CASCAIS, LITHUANIA)):
            application = MemberApplied(
                member_id=member,
                side="ukraine" if member == IRPIN else "partner",
                kind="city",
                organisation_id=f"XI-TEST-{number}",
                names={"en": "A member"},
                country="UA" if member == IRPIN else "PT",
                principles=(),
                principles_version="2022-06-30",
            )
            self.hears(application)
            self.hears(MemberAdmitted(member_id=member, role="member", reason="known"))

    def hears(self, event: Event) -> None:
        """Another service has recorded something."""
        self.hear(handlers.on[type(event)], event)

    def irpin_asks(self, *lines: RequirementLine, number: int = 1) -> NeedId:
        """A need is posted."""
        event = NeedPosted(
            need_id=numbered(NeedId, number),
            authority_id=IRPIN,
            territory=IRPIN_CHAIN,
            sector="education",
            project_type="rehabilitation",
            title={"uk": "Дитячий садок"},
            lines=lines,
            urgency="normal",
        )
        self.hear(handlers.on_need_posted, event)
        return event.need_id

    def pledges(self, by: MemberId, *lines: Line) -> Pledge:
        """A partner pledges."""
        command = MakePledge(title={"en": "For a kindergarten"}, lines=offered(*lines))
        return self.do(commands.make_pledge, command, by=by)

    def round(self) -> list[Match]:
        """A round runs; the matches it proposed, in their order."""
        before = set(self.states["matches"])
        stock = self.do(rounds.take_stock)
        if stock is not None:
            for part in rounds.parts(stock, decide(stock.problem), 0, 14):
                self.do(part)
        return [m for key, m in self.states["matches"].items() if key not in before]

    def agree(self, match: Match) -> Match:
        """Both sides accept."""
        self.do(commands.accept_match, match.id, by=match.partner_id)
        return self.do(commands.accept_match, match.id, by=match.authority_id)

    def match(self, match: Match) -> Match:
        """The match as it is now."""
        found: Match = self.states["matches"][match.id]
        return found

    def pledge(self, pledge: Pledge) -> Pledge:
        """The pledge as it is now."""
        found: Pledge = self.states["pledges"][pledge.id]
        return found

    def names(self) -> list[str]:
        """The types of all that matching recorded, in order."""
        return [e.name for e in self.logs["matching"]]
