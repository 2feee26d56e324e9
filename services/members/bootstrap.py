"""The first operator's credential: `python -m services.members.bootstrap "Kyiv desk"`.

For whoever runs the alliance, where the store can be reached with the settings of members. It is
recorded like any other; the running service publishes it. The secret is printed, once.
"""

import argparse
import asyncio
from datetime import UTC, datetime

from services.members import client_secrets
from services.members import credentials as model
from services.members.settings import MembersSettings
from services.members.store import RECORDS, credentials
from shared.actor import Actor, Cause, new_correlation
from shared.events.ids import CredentialId
from shared.mongo import Session, Store
from shared.uow import UnitOfWork


class AnOperatorIsThere(SystemExit):
    """An operator has a living credential and can issue the next one."""


async def issue_to_operator(store: Store, label: str, another: bool = False) -> tuple[str, str]:
    """Client id and secret of a new operator. Raises AnOperatorIsThere."""
    await store.ensure(RECORDS.indexes())
    now = datetime.now(UTC)
    by = Actor("operator:bootstrap", None, frozenset({"operator"}))
    credential_id = CredentialId.new()

    async def work(session: Session) -> str:
        uow = UnitOfWork(store, session, RECORDS, actor=by, cause=Cause(new_correlation()), now=now)
        there = await uow.find(credentials, {"roles": "operator", "status": "active"})
        living = [credential.id for credential in there if credential.lives(now)]
        if living and not another:
            raise AnOperatorIsThere(
                f"an operator has a credential already: {', '.join(living)}; let it issue the "
                "next one, or say --another where its secret is lost"
            )
        event = model.issue(credential_id, None, ("operator",), label, None, by, now)
        await uow.record(credentials, event)
        await uow.flush()
        return await client_secrets.first(store, session, credential_id)

    return credential_id, await store.transaction(work)


def main() -> None:
    """Print client_id and client_secret."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("label", help="What uses it; names no person.")
    parser.add_argument("--another", action="store_true", help="Though an operator is there.")
    given = parser.parse_args()
    settings = MembersSettings.load()

    async def run() -> None:
        store = Store(
            settings.mongodb, RECORDS.service, settings.store_patience_seconds, settings.login
        )
        try:
            client_id, secret = await issue_to_operator(store, given.label, given.another)
        finally:
            store.close()
        print(f"client_id={client_id}\nclient_secret={secret}")

    asyncio.run(run())


if __name__ == "__main__":
    main()
