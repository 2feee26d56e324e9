"""members as a process: `uvicorn services.members.app:app`."""

from services.members import api
from services.members.examples import EXAMPLES
from services.members.handlers import on
from services.members.settings import MembersSettings
from services.members.store import RECORDS
from shared.service import Service

app = Service(
    MembersSettings.load(),
    RECORDS,
    title="Members",
    summary="Who belongs to the alliance, and who is twinned with whom.",
    routers=[api.router],
    examples=EXAMPLES,
    on=on,
).app
