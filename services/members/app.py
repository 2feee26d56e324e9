"""members as a process: `uvicorn services.members.app:app`."""

from services.members import api, oauth
from services.members.examples import EXAMPLES
from services.members.handlers import on
from services.members.settings import MembersSettings
from services.members.store import RECORDS
from shared.service import Service
from shared.serving import serve

settings = MembersSettings.load()
service = Service(settings, RECORDS, on)
app = serve(
    service,
    title="Members",
    summary="Who belongs to the alliance, and who is twinned with whom.",
    routers=[api.router, oauth.routes(settings)],
    examples=EXAMPLES,
)
