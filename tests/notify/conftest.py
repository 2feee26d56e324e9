"""What tests of a running notify stand on: each module has its own."""

from collections.abc import Iterator

import pytest

from deploy.local.stack import Stack
from tests.forked import Forked
from tests.notify.running import MailServer
from tests.notify.samples import Logs


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Kafka, a store and a mailbox."""
    started = Stack(tmp_path_factory.mktemp("stack"))
    started.program = Forked
    started.start(print)
    yield started
    started.wipe()


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """A mail server in this process."""
    found = MailServer()
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def logs() -> Logs:
    """The other services' logs, over all tests of the module."""
    return Logs()
