"""What is read over HTTP: one document with its ETag, or a page of a list (RFC 8288 links).

Lists are in the order of their ids, which never changes, so that a pass over all pages meets
everything that was there at its start exactly once. It is no way to follow news: the log is.
"""

import asyncio
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from shared.errors import NotFound
from shared.log import Folded, State, held
from shared.mongo import Store

S = TypeVar("S", bound=State)


class Reader:
    """Reads one folded document for GET; sets its ETag."""

    def __init__(self, request: Request, response: Response) -> None:
        self.store: Store = request.app.state.store
        self._response = response

    async def all(self, collection: Folded[S], query: dict[str, Any], newest: int = 0) -> list[S]:
        """Every state that a query finds, or the `newest` few; read beside the event loop."""
        cursor = self.store[collection.name].find(query)
        if newest:
            cursor = cursor.sort("_id", -1).limit(newest)
        documents = await cursor.to_list(None)
        return await asyncio.to_thread(
            lambda: [s for d in documents if (s := held(collection, d).state) is not None]
        )

    async def require(self, collection: Folded[S], key: str) -> S:
        """One document. Raises NotFound."""
        found = await self.find(collection, key)
        if found is None:
            raise NotFound(collection.state.what, key)
        return found

    async def find(self, collection: Folded[S], key: str) -> S | None:
        """One document; None where there is none."""
        document = await self.store[collection.name].find_one({"_id": key})
        if document is None:
            return None
        found = held(collection, document)
        self._response.headers["ETag"] = f'"{found.revision}"'
        return found.state


class Lister:
    """Reads a page of folded documents for GET, and links to the next."""

    def __init__(
        self,
        request: Request,
        response: Response,
        cursor: Annotated[
            str | None,
            Query(pattern="^[!-~]{1,100}$", description="From the `next` link of the page before."),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Most entries of a page.")] = 100,
    ) -> None:
        self._store: Store = request.app.state.store
        self._request, self._response = request, response
        self._cursor, self._limit = cursor, limit

    async def find(self, collection: Folded[S], query: dict[str, Any]) -> list[S]:
        """The page's states. Parts of the query that are None are not asked for."""
        asked = {name: value for name, value in query.items() if value is not None}
        if self._cursor:
            asked["_id"] = {"$gt": self._cursor}
        found = self._store[collection.name].find(asked).sort("_id", 1).limit(self._limit + 1)
        documents = await found.to_list(None)
        if len(documents) > self._limit:
            documents.pop()
            kept = [(k, v) for k, v in self._request.query_params.multi_items() if k != "cursor"]
            following = urlencode([*kept, ("cursor", documents[-1]["_id"])])
            self._response.headers["Link"] = f'<?{following}>; rel="next"'
        states = [held(collection, d).state for d in documents]
        return [s for s in states if s is not None]


Reads = Annotated[Reader, Depends(Reader)]
"""The dependency of an endpoint that reads one document."""

Lists = Annotated[Lister, Depends(Lister)]
"""The dependency of an endpoint that reads a list."""
