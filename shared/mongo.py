"""The store: the only file that imports Motor.

One MongoDB database per service. Everything that must be true together is written in one
transaction; write concern majority with journal, read concern majority, snapshot inside
transactions. A lost store is told apart from a refused write, since the first is waited for and
the second is an answer.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import IndexModel, ReadPreference, WriteConcern
from pymongo.errors import (
    CollectionInvalid,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from shared import metrics
from shared.secret_files import read_secret

__all__ = ["DuplicateKeyError", "Login", "Session", "Store", "StoreAway", "is_away"]

log = logging.getLogger("alliance.store")

Document = dict[str, Any]
Session = AsyncIOMotorClientSession
Collection = AsyncIOMotorCollection[Document]
Database = AsyncIOMotorDatabase[Document]
Result = TypeVar("Result")

_MAJORITY = WriteConcern(w="majority", j=True)
_AUTHENTICATION_FAILED = 18
_FAILED_ITSELF = frozenset({1, 14031})
"""InternalError and OutOfDiskSpace: nothing that was asked is the cause."""
_BEGAN_ON: ContextVar[dict["Store", Database]] = ContextVar("began_on", default={})  # noqa: B039
"""By whose connections the transactions of this task began, so which they have to go on with."""


class StoreAway(Exception):
    """The store does not answer, or would not commit for as long as we were willing to wait."""


class StoreBusy(StoreAway):
    """Another transaction holds the same documents for longer than we were willing to wait: a
    long one, or one whose client died in it, which the server ends after its lifetime."""


def is_away(error: BaseException) -> bool:
    """Whether an error means the store is out of reach, rather than that it said no."""
    return (
        isinstance(error, StoreAway | ConnectionFailure | ExecutionTimeout)
        or _not_let_in(error)
        or _failed_itself(error)
    )


def _not_let_in(error: BaseException) -> bool:
    """Whether the server refused our password: it was changed, and ours is the old one."""
    return isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED


def _failed_itself(error: BaseException) -> bool:
    """Whether the server could not do what it was asked because its disk is full or it broke."""
    return isinstance(error, OperationFailure) and error.code in _FAILED_ITSELF


@dataclass(frozen=True, slots=True)
class Login:
    """Who a service is at its store: a user of the service's own database."""

    username: str
    password_file: Path


class Store:
    """One service's database.

    `patience` is how many seconds an operation waits for a server to be found, and how long a
    transaction is tried again for while others write the same documents. A password that is
    changed in its file is taken as soon as the server knows it, see `renew`.
    """

    def __init__(
        self, uri: str, database: str, patience: float = 4.0, login: Login | None = None
    ) -> None:
        self._uri = uri
        self._database = database
        self._patience = patience
        self._login = login
        self._password = read_secret(login.password_file) if login else ""
        self.refuses = ""
        """Why nothing may be written, where that is so."""
        self._db = self._of(self._connect(self._password))

    @property
    def db(self) -> Database:
        """The database, by the connections in use now, inside a transaction by those that it began
        with: not to be kept."""
        return _BEGAN_ON.get().get(self, self._db)

    def _connect(self, password: str) -> "AsyncIOMotorClient[Document]":
        who: dict[str, Any] = {}
        if self._login:
            who = {"username": self._login.username, "password": password}
            if "authsource=" not in self._uri.casefold():  # its users may be kept elsewhere
                who["authSource"] = self._database
        return AsyncIOMotorClient(
            self._uri,
            serverSelectionTimeoutMS=int(self._patience * 1000),
            connectTimeoutMS=int(self._patience * 1000),
            socketTimeoutMS=int(self._patience * 2000),
            heartbeatFrequencyMS=2000,
            retryWrites=True,
            tz_aware=True,
            appname=self._database,
            **who,
        )

    def _of(self, client: "AsyncIOMotorClient[Document]") -> Database:
        return client.get_database(
            self._database,
            read_concern=ReadConcern("majority"),
            write_concern=_MAJORITY,
            read_preference=ReadPreference.PRIMARY,
        )

    async def renew(self) -> bool:
        """Go over to the password that the file holds now, if it is another and good already.

        Whether that happened. The connections of before live on until what uses them is done,
        so nothing is interrupted: a server lets those stay that came in with the old password.
        """
        if self._login is None:
            return False
        try:
            password = read_secret(self._login.password_file)
        except (OSError, UnicodeDecodeError) as error:
            log.warning("the store's password can't be read: %s", error)
            return False
        if password == self._password:
            return False
        fresh = self._connect(password)
        try:
            await self._of(fresh).command("ping")
        except PyMongoError as error:
            fresh.close()
            log.warning("the store does not take the password in the file yet: %s", error)
            return False
        if password == self._password:  # another task was faster
            fresh.close()
            return False
        old, self._db, self._password = self._db.client, self._of(fresh), password
        asyncio.get_running_loop().call_later(self._patience * 5, old.close)
        log.info("the store's password was changed, the new one is in use")
        return True

    def __getitem__(self, collection: str) -> Collection:
        return self.db[collection]

    async def ensure(self, indexes: dict[str, list[IndexModel]]) -> None:
        """Create what collections and indexes are missing; the same call again changes nothing."""
        present = await self.db.list_collection_names()
        for collection, models in indexes.items():
            if collection not in present:
                with suppress(CollectionInvalid):  # another instance was faster
                    await self.db.create_collection(collection)
            if models:
                await self.db[collection].create_indexes(models)

    async def ping(self, timeout: float = 2.0) -> None:
        """Return when the server answers; raises StoreAway after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self.renew()
                await self.db.command("ping")
        except (PyMongoError, TimeoutError) as error:
            raise StoreAway(str(error) or "no answer") from error

    async def transaction(
        self, work: Callable[[Session], Awaitable[Result]], patience: float | None = None
    ) -> Result:
        """Run `work` in a transaction and commit it; run it again after a write conflict.

        `work` may run several times, so it must build all it writes inside itself. What it
        raises aborts the transaction and is raised here. Raises StoreAway when the store is out
        of reach or answers to a commit with nothing (the work may be done: do it again under the
        same idempotency key or inbox id), and StoreBusy when conflicts outlast `patience`
        (seconds; twice the store's where none is given).
        """
        patience = self._patience * 2 if patience is None else patience
        deadline = asyncio.get_running_loop().time() + patience
        pause = 0.002
        while True:
            outcome = "refused"
            if self.refuses:
                raise StoreAway(self.refuses)
            try:
                result = await self._attempt(work)
                outcome = "committed"
                return result
            except PyMongoError as error:
                if not (error.has_error_label("TransientTransactionError") or is_away(error)):
                    raise
                if is_away(error):
                    outcome = "away"
                    if await self.renew():  # a refused password makes the server look away
                        continue
                    raise StoreAway(str(error)) from error
                if asyncio.get_running_loop().time() + pause > deadline:
                    outcome = "busy"
                    raise StoreBusy("another transaction holds the same documents") from error
                outcome = "conflict"
            finally:
                metrics.transactions.add(1, {"outcome": outcome})
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    async def _attempt(self, work: Callable[[Session], Awaitable[Result]]) -> Result:
        async with self._session() as session:
            try:
                result = await work(session)
            except BaseException:
                with suppress(PyMongoError):
                    await session.abort_transaction()
                raise
            for attempt in range(3):
                try:
                    await session.commit_transaction()
                    break
                except PyMongoError as error:
                    if attempt == 2 or not error.has_error_label("UnknownTransactionCommitResult"):
                        raise
            return result

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """A session with a transaction begun. `self[…]` is of its connections until it ends, also
        where `renew` goes over to others meanwhile: a session is good for its own only."""
        db = self._db
        async with await db.client.start_session() as session:
            session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=_MAJORITY,
                read_preference=ReadPreference.PRIMARY,
            )
            around = _BEGAN_ON.get()
            _BEGAN_ON.set({**around, self: db})
            try:
                yield session
            finally:
                _BEGAN_ON.set(around)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """Reads of one moment, that of the first one; for as long as the server lets a
        transaction live."""
        async with self._session() as session:
            try:
                yield session
            finally:
                with suppress(PyMongoError):
                    await session.abort_transaction()

    @asynccontextmanager
    async def inserts(self, collection: str) -> AsyncIterator[Callable[[float], Awaitable[bool]]]:
        """A wake-up for inserts by any process: gives `wait(seconds) -> whether one came`.

        A change stream, used as a wake-up and never as the truth: what it misses, polling finds.
        """
        stream = self.db[collection].watch(
            [{"$match": {"operationType": "insert"}}, {"$project": {"_id": 1}}],
            max_await_time_ms=1000,
        )

        async def wait(seconds: float) -> bool:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while stream.alive:
                        if await stream.try_next() is not None:
                            return True
            return False

        async with stream:
            yield wait

    async def drop(self) -> None:
        """Delete the whole database; for one that was made to be compared and thrown away."""
        await self._db.client.drop_database(self._db.name)

    def close(self) -> None:
        """Close all connections."""
        self._db.client.close()
