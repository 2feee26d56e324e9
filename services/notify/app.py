"""notify as a process: `uvicorn services.notify.app:app`."""

from services.notify import api, measures, reporter, sender, unsubscribe_api
from services.notify.contacts import verification_api, verifier
from services.notify.examples import EXAMPLES
from services.notify.handlers import on
from services.notify.settings import NotifySettings
from services.notify.store import RECORDS
from services.notify.webhooks import courier
from shared.service import Service
from shared.serving import serve

service = Service(
    NotifySettings.load(),
    RECORDS,
    on,
    workers=[sender.worker, courier.worker, verifier.worker, reporter.worker],
)
app = serve(
    service,
    title="Notify",
    summary="Who was told what, and where they are reached.",
    routers=[
        api.router,
        unsubscribe_api.router,
        verification_api.router,
    ],
    examples=EXAMPLES,
    measures=[measures.notices],
)
