"""projects as a process: `uvicorn services.projects.app:app`."""

from services.projects import api
from services.projects.examples import EXAMPLES
from services.projects.handlers import on
from services.projects.settings import ProjectsSettings
from services.projects.store import RECORDS
from shared.service import Service

app = Service(
    ProjectsSettings.load(),
    RECORDS,
    title="Projects",
    summary="What Ukrainian authorities need, and the projects it becomes.",
    routers=[api.router],
    examples=EXAMPLES,
    on=on,
).app
