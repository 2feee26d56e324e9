"""matching as a process: `uvicorn services.matching.app:app`."""

from services.matching import api, lapsing, measures, rounds, solving
from services.matching.examples import EXAMPLES
from services.matching.handlers import on
from services.matching.settings import MatchingSettings
from services.matching.store import RECORDS
from shared.service import Service

solving.collect_seldom()

app = Service(
    MatchingSettings.load(),
    RECORDS,
    title="Matching",
    summary="What partners pledge, and which part of it serves which need.",
    routers=[api.router],
    examples=EXAMPLES,
    on=on,
    workers=[rounds.worker, rounds.expiry, lapsing.worker],
    measures=[measures.proposals],
    at_end=[solving.close],
).app
