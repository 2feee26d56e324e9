"""Who may do what at the stores: every account × store × database × operation is tried; a service
has `readWrite` on its own database and nothing else."""

from collections import Counter

import pytest

from deploy.local.system import SERVICES
from tests.compose.deployment import Deployment
from tests.compose.tried import tried
from tests.compose.trying.stores import MERGE, NOBODY, READ_WRITE, ROOT, SIGN_IN

pytestmark = pytest.mark.timeout(600)

DATABASES = [*SERVICES, "admin", "local", "config", "new"]


def accounts(deployment: Deployment) -> dict[str, tuple[str, str, str]]:
    """Every account, and such as there are not: user, password, the database that knows it."""
    secrets = deployment.root / "deploy" / "secrets"
    passwords = {
        name: (secrets / f"mongo-{name}.password").read_text().split()[0]
        for service in SERVICES
        for name in (service, f"{service}-{ROOT}")
    }
    found = {}
    for service in SERVICES:
        own, root = passwords[service], passwords[f"{service}-{ROOT}"]
        found[service] = (service, own, service)
        found[f"{ROOT} of {service}"] = (ROOT, root, "admin")
        found[f"{service}, guessed"] = (service, "guessed", service)
        found[f"{service} as an administrator"] = (service, own, "admin")
        found[f"{service} with the password of {ROOT}"] = (service, root, service)
        found[f"{ROOT} with the password of {service}"] = (ROOT, own, "admin")
    return found


@pytest.fixture(scope="module")
def found(deployment: Deployment) -> list[list[str]]:
    """What came of every try."""
    given = {
        "stores": {service: f"{service}-db:27017" for service in SERVICES},
        "accounts": accounts(deployment),
        "databases": DATABASES,
    }
    networks = [f"{deployment.project}_store-{service}" for service in SERVICES]
    answer: list[list[str]] = tried(deployment, networks, "stores", given)
    print(Counter(outcome for *_, outcome in answer))
    return answer


def test_whoever_has_an_account_has_it_at_one_store(found: list[list[str]]) -> None:
    """A service signs in at its own store by its own password, a root at its own; nobody else."""
    signed_in = [
        (account, store)
        for account, store, operation, _, outcome in found
        if operation == SIGN_IN and outcome == "allowed"
    ]
    own = [(service, service) for service in SERVICES]
    roots = [(f"{ROOT} of {service}", service) for service in SERVICES]
    assert sorted(signed_in) == sorted([*own, *roots])


def test_exactly_reading_and_writing_the_own_database_is_allowed(found: list[list[str]]) -> None:
    """No other database, no user, no role, no right, no dropping of all: not by name, not by way
    of an aggregation. Who has not signed in may do nothing; root may do it all."""

    def expected(account: str, operation: str, database: str) -> bool:
        if account.startswith(ROOT):
            return True
        return account == database and operation in {*READ_WRITE, MERGE}

    wrong = [
        each
        for each in found
        for account, _, operation, database, outcome in [each]
        if operation != SIGN_IN
        and outcome != ("allowed" if expected(account, operation, database) else "refused")
    ]
    assert not wrong
    assert {account for account, *_ in found} >= {NOBODY, *SERVICES}
