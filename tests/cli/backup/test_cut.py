"""When the moments of several stores are one past of the whole system."""

from pathlib import Path

from cli.backup.cut import Moment, in_turn, who_is_ahead
from cli.places import Places
from cli.services import NAMES


def test_moments_fit_while_nobody_saw_what_its_owner_has_not_recorded() -> None:
    """A position counts as recorded from the owner's `next` on; marks of each partition matter."""
    recorded = {"projects": Moment(5, 5, {}), "matching": Moment(0, 0, {"projects/2": 4})}
    assert not who_is_ahead(recorded)
    recorded["matching"] = Moment(0, 0, {"projects/0": 1, "projects/2": 5})
    assert who_is_ahead(recorded) == (
        "matching has handled projects's event 5, and projects has recorded 5"
    )


def test_store_that_most_others_read_from_is_read_last() -> None:
    """So that what the others have seen of it is in it."""
    assert in_turn(NAMES)[0] == "notify"
    assert in_turn(NAMES)[-1] == "members"


def test_each_service_may_have_a_server_and_a_password_of_its_own(tmp_path: Path) -> None:
    """`{service}` in the address and in the file's name; a password may have any character."""
    (tmp_path / "mongo-members-root.password").write_text("p@ss/w:rd\n")
    places = Places(
        "kafka:9092",
        "mongodb://{service}-db:27017/?directConnection=true",
        "root",
        str(tmp_path / "mongo-{service}-root.password"),
    )
    store = places.store("members")
    try:
        options = store.db.client.delegate.options
        assert options._options["authsource"] == "admin"
        assert list(store.db.client.delegate._topology_settings.seeds) == [("members-db", 27017)]
    finally:
        store.close()
