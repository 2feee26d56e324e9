"""matching as a process: `uvicorn services.matching.app:app`."""

from services.matching import api, lapsing, measures, rounds, solving
from services.matching.examples import EXAMPLES
from services.matching.handlers import on
from services.matching.settings import MatchingSettings
from services.matching.store import RECORDS
from shared.service import Service
from shared.serving import serve

solving.collect_seldom()

service = Service(
    MatchingSettings.load(), RECORDS, on, workers=[rounds.worker, rounds.expiry, lapsing.worker]
)
app = serve(
    service,
    title="Matching",
    summary="What partners pledge, and which part of it serves which need.",
    routers=[api.router],
    examples=EXAMPLES,
    measures=[measures.proposals],
    at_end=[solving.close],
)
