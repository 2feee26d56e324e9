"""projects as a process: `uvicorn services.projects.app:app`."""

from services.projects import api
from services.projects.examples import EXAMPLES
from services.projects.handlers import on
from services.projects.settings import ProjectsSettings
from services.projects.store import RECORDS
from shared.service import Service
from shared.serving import serve

service = Service(ProjectsSettings.load(), RECORDS, on)
app = serve(
    service,
    title="Projects",
    summary="What Ukrainian authorities need, and the projects it becomes.",
    routers=[api.router],
    examples=EXAMPLES,
)
