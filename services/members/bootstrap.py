"""The first operator's credential: `python -m services.members.bootstrap "Kyiv desk"`.

For whoever runs the alliance, where the store can be reached with the settings of members. It is
recorded like any other; the running service publishes it. The secret is printed, once; or id and
secret are those that `deploy/init` made, and whatever is there already stays as it is.
"""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from services.members import client_secrets
from services.members import credentials as model
from services.members.settings import MembersSettings
from services.members.store import RECORDS, credentials
from shared.actor import Actor, Cause, new_correlation
from shared.events.ids import CredentialId
from shared.mongo import Session, Store
from shared.secret_files import is_example, read_secret
from shared.uow import UnitOfWork


class AnOperatorIsThere(SystemExit):
    """An operator has a living credential and can issue the next one."""


async def issue_to_operator(
    store: Store, label: str, another: bool = False, made: tuple[str, str] | None = None
) -> tuple[str, str]:
    """Client id and secret of a new operator; `made` are those. Raises AnOperatorIsThere."""
    await store.ensure(RECORDS.indexes())
    now = datetime.now(UTC)
    by = Actor("operator:bootstrap", None, frozenset({"operator"}))
    credential_id = CredentialId(made[0]) if made else CredentialId.new()

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
        return await client_secrets.first(store, session, credential_id, made[1] if made else None)

    return credential_id, await store.transaction(work)


def main() -> None:
    """Print client_id and client_secret."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("label", help="What uses it; names no person.")
    parser.add_argument("--another", action="store_true", help="Though an operator is there.")
    parser.add_argument("--id-file", type=Path, help="The client id that was made for it …")
    parser.add_argument("--secret-file", type=Path, help="… and its secret; nothing is printed.")
    given = parser.parse_args()
    made = _made(given.id_file, given.secret_file)
    settings = MembersSettings.load()

    async def run() -> None:
        store = Store(
            settings.mongodb, RECORDS.service, settings.store_patience_seconds, settings.login
        )
        try:
            client_id, secret = await issue_to_operator(store, given.label, given.another, made)
        except AnOperatorIsThere as there:
            if made is None:
                raise
            print(there)  # every start of a deployment asks
        else:
            print(f"client_id={client_id}" + ("" if made else f"\nclient_secret={secret}"))
        finally:
            store.close()

    asyncio.run(run())


def _made(id_file: Path | None, secret_file: Path | None) -> tuple[str, str] | None:
    """Raises ValueError for what is no id, or no secret of 256 bits."""
    if id_file is None or secret_file is None:
        return None
    client_id, secret = str(UUID(read_secret(id_file))), read_secret(secret_file)
    if len(secret) < 43 or is_example(secret):
        raise ValueError(f"{secret_file}: allowed: 43 random characters or more (deploy/init)")
    return client_id, secret


if __name__ == "__main__":
    main()
