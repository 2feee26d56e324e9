"""What notify measures of itself: how many notices wait, and for how long the oldest of them."""

from datetime import UTC, datetime

from services.notify import queries
from services.notify.delivery import Queued
from services.notify.store import notices as all_notices
from shared import metrics
from shared.events.envelope import rfc3339
from shared.log import held
from shared.service import Service

CHANNELS = ("email", "webhook")


async def notices(service: Service) -> None:
    """Of each channel's notices, those that are queued, and the oldest that is due."""
    for channel in CHANNELS:
        query = {"status": "queued", "channel": channel}
        waiting = await service.store[all_notices.name].count_documents(query)
        metrics.notices_waiting.set(waiting, {"channel": channel})
        waited = 0.0
        for document in await queries.due(service.store, channel, rfc3339(datetime.now(UTC))):
            notice = held(all_notices, document).state
            known = await queries.entries(service.store, [document["last_event"]])
            assert notice is not None
            waited = Queued(notice, known[document["last_event"]]).age
        metrics.oldest_notice.set(waited, {"channel": channel})
