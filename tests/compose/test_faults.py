"""A full disk, a disk that is read-only, no memory: services refuse or wait, nothing is corrupted,
and all is well by itself once the fault is gone.

The faults are made on a deployment of its own, where the stores of members and of matching and
the broker's log are small file systems in memory, which another container holds and spoils.
"""

import time
from collections.abc import Iterator

import pytest

from cli.cast import Cast
from cli.story import IRPIN, alliance
from deploy.local.system import SERVICES
from tests.compose.acting import Tokens
from tests.compose.conftest import deployed
from tests.compose.deployment import Deployment
from tests.compose.door import Door
from tests.compose.spoiling import DISKS, ends, exhaust, fill, out_of_memory, read_only, starts
from tests.compose.story import Played, play
from tests.compose.wholeness import healthy, until, whole
from tests.compose.work import Work

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def spoilt(images: None) -> Iterator[Deployment]:
    """A deployment on disks that can be spoilt."""
    with deployed(["disks.yml"]) as made:
        (made.root / "disks.yml").write_text(DISKS)
        print(f"\nup after {made.up(timeout=600):.1f} s")
        yield made


@pytest.fixture(scope="module")
def members(spoilt: Deployment) -> Played:
    """The founding members, Irpin and Cascais."""
    return play(spoilt, Tokens(spoilt), (alliance, _joined))


async def _joined(cast: Cast) -> None:
    hromada = {"side": "ukraine", "kind": "hromada", "country": "UA", "territory": IRPIN}
    await cast.join("irpin", "auc", "uk", hromada | {"names": {"uk": "Ірпінь"}})
    city = {"side": "partner", "kind": "city", "country": "PT"}
    await cast.join("cascais", "cemr", "en", city | {"names": {"pt": "Cascais"}})


@pytest.fixture
def work(spoilt: Deployment, members: Played) -> Work:
    """Work that begins before the fault and goes on after it."""
    begun = Work(spoilt, Tokens(spoilt), members.members)
    begun.start()
    begun.goes_on(120)
    return begun


def test_a_store_whose_disk_is_full(spoilt: Deployment, work: Work) -> None:
    """Members answers 503 and says that it is its store; the others go on. When there is room
    again the store comes back by itself, whatever it did meanwhile."""
    door = Door(spoilt)
    fill(spoilt, "/members")
    seconds = until(lambda: door.apply() != 201, 120, "the full disk is felt", pause=0.05)
    door.refused_for(door.apply, 6)
    print(f"\nfull store: felt after {seconds:.1f} s; heard {dict(door.heard)}")
    assert set(door.heard) <= {201, 503}
    print(
        f"a read meanwhile: {door.read('/members/members?limit=1')}; {ends(spoilt, 'members-db')}"
    )
    assert door.rate() == 201
    assert door.read("/projects/needs") == 200
    spoilt.exec("disks", "rm", "/members/filling")
    print(
        f"room: a command is taken after {until(lambda: door.apply() == 201, 180, 'members'):.1f} s"
    )
    _well_again(spoilt, work, "members")


def test_a_broker_whose_disk_is_full(spoilt: Deployment, work: Work) -> None:
    """Commands go on being accepted, since the log in the store is the outbox; what they record is
    published in order as soon as the broker has room again."""
    fill(spoilt, "/kafka")
    seconds = until(lambda: _waits_for_broker(spoilt), 120, "the full disk is felt")
    work.goes_on(120)
    time.sleep(5)
    work.goes_on(120)
    assert set(work.attempts()) <= {200, 201, 204}
    print(f"\nfull broker: felt after {seconds:.1f} s; {ends(spoilt, 'kafka')}")
    spoilt.exec("disks", "rm", "/kafka/filling")
    _well_again(spoilt, work, *SERVICES)


def test_a_store_that_starts_on_a_read_only_disk(spoilt: Deployment, work: Work) -> None:
    """Matching answers 503, the others go on; when the disk can be written again, matching is well
    by itself. A disk becomes read-only here while nobody has a file of it open: the store is
    killed, and finds it so at its next start."""
    door = Door(spoilt)
    until(lambda: read_only(spoilt), 60, "read-only", pause=0)
    until(lambda: door.rate() != 201, 60, "the read-only disk is felt", pause=0.05)
    door.refused_for(door.rate, 6)
    print(f"\nread-only store: heard {dict(door.heard)}; {ends(spoilt, 'matching-db')}")
    assert set(door.heard) <= {201, 503}
    assert door.apply() == 201
    spoilt.exec("disks", "mount", "-o", "remount,rw", "/matching")
    print(
        f"writable: a command is taken after {until(lambda: door.rate() == 201, 180, 'it'):.1f} s"
    )
    _well_again(spoilt, work, "matching")


def test_each_part_runs_out_of_memory(spoilt: Deployment, work: Work) -> None:
    """The kernel kills the main process of each container in turn for memory beyond its limit: the
    engine starts it again, no other container is touched, nothing is lost."""
    print()
    for name in (*SERVICES, *(f"{service}-db" for service in SERVICES), "kafka", "gateway"):
        print(f"{name}: out of memory, started again after {_killed(spoilt, name):.1f} s")
    _well_again(spoilt, work, *SERVICES)


def _killed(deployment: Deployment, name: str) -> float:
    before = starts(deployment)
    pid = exhaust(deployment, name)
    seconds = until(lambda: starts(deployment)[name] != before[name], 60, f"{name} is restarted")
    after = starts(deployment)
    assert [each for each in after if after[each] != before[each]] == [name]
    assert out_of_memory(pid), f"{name} ended for another reason"
    return seconds


def _well_again(deployment: Deployment, work: Work, *rebuilt: str) -> None:
    print(f"healthy after {healthy(deployment):.1f} s")
    work.goes_on(120)
    work.stop()
    assert work.faults() == []
    whole(deployment, work, *rebuilt)


def _waits_for_broker(deployment: Deployment) -> bool:
    """Whether some service says that it is not ready since the broker is away or takes nothing."""
    with deployment.http() as http:
        for service in SERVICES:
            said = http.get(f"{deployment.url}/api/{service}/health/ready").json()
            if not said["ready"]:
                print(f"\n{service}: {said}")
                return True
    return False
