"""members as a process: `uvicorn services.members.app:app`."""

from services.members import api, oauth
from services.members.examples import EXAMPLES
from services.members.handlers import on
from services.members.settings import MembersSettings
from services.members.store import RECORDS
from shared.service import Service

settings = MembersSettings.load()
app = Service(
    settings,
    RECORDS,
    title="Members",
    summary="Who belongs to the alliance, and who is twinned with whom.",
    routers=[api.router, oauth.routes(settings)],
    examples=EXAMPLES,
    on=on,
).app
