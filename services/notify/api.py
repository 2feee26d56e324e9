"""HTTP of notify: its commands and what is read, gathered."""

from fastapi import APIRouter

from services.notify import notices_api, preferences_api
from services.notify.contacts import api as contacts
from services.notify.feeds import api as feeds
from services.notify.webhooks import api as webhooks
from shared.http import CommandRoute

router = APIRouter(route_class=CommandRoute, tags=["notify"])
router.routes.extend(contacts.router.routes)
router.routes.extend(webhooks.router.routes)
router.routes.extend(notices_api.router.routes)
router.routes.extend(feeds.router.routes)
router.routes.extend(preferences_api.router.routes)
