"""Withheld sites: where a need is, kept from the public, its events and its logs, for security.

The collection is folded from no log: what must not be published can't be rebuilt from what is.
"""

from shared.events.facts import Site
from shared.events.ids import NeedId
from shared.mongo import Session, Store

SITES = "sites"


async def put(store: Store, session: Session, need_id: NeedId, site: Site) -> None:
    """Keep a need's site."""
    document = {"_id": need_id, "site": site.model_dump(mode="json", exclude_none=True)}
    await store[SITES].replace_one({"_id": need_id}, document, upsert=True, session=session)


async def get(store: Store, need_id: NeedId) -> Site | None:
    """A need's site; None where there is none."""
    found = await store[SITES].find_one({"_id": need_id})
    return Site.model_validate(found["site"]) if found else None
