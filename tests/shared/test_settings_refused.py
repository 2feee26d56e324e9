"""Settings that must not run: unknown names, examples, secrets in the wrong place."""

from pathlib import Path

import pytest

from deploy.local.system import SERVICES, known_to, settings_of
from services.notify.settings import NotifySettings
from shared.environment import TOOLING
from shared.settings import Settings, UnsafeSettings
from tests.shared.test_settings import GOOD
from tests.shared.test_settings import environment as _environment  # noqa: F401

SECRET = "swordfish"


def refusal(kind: type[Settings] = Settings) -> str:
    """What the start says."""
    with pytest.raises(UnsafeSettings) as caught:
        kind.load()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ALLIANCE_KAFKA_PASSWORD", "did you mean ALLIANCE_KAFKA_PASSWORD_FILE"),
        ("ALLIANCE_LEASE_SECOND", "did you mean ALLIANCE_LEASE_SECONDS"),
        ("ALLIANCE_MONGO", "did you mean ALLIANCE_MONGODB"),
        ("alliance_jwks_ulr", "did you mean ALLIANCE_JWKS_URL"),
        ("ALLIANCE_SMTP_HOST", "see docs/settings.md"),
        ("ALLIANCE_", "see docs/settings.md"),
    ],
)
def test_unknown_variable_is_refused_with_the_nearest_names(
    name: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt name would leave the default in force; what it holds may be a secret."""
    monkeypatch.setenv(name, SECRET)
    said = refusal()
    assert f"{name}: no setting of this service; {hint}" in said
    assert SECRET not in said


def test_all_unknown_names_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start is enough to know everything."""
    monkeypatch.setenv("ALLIANCE_KAFFKA", "x")
    monkeypatch.setenv("ALLIANCE_MONGODBB", "x")
    assert all(name in refusal() for name in ("ALLIANCE_KAFFKA", "ALLIANCE_MONGODBB"))


def test_what_the_tools_read_may_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that a shell starts inherits what the shell has for the command line."""
    for name in TOOLING:
        monkeypatch.setenv(name, "1")
    assert Settings.load().kafka == GOOD["ALLIANCE_KAFKA"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_local_service_gets_what_it_knows(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local stack has one environment for four services, a service refuses the others'."""
    everything = {name: "5" for other in SERVICES for name in settings_of(other).variables()}
    known = known_to(settings_of(service), everything)
    assert known.keys() == settings_of(service).variables().keys()
    assert known_to(Settings, everything | {"ALLIANCE_KAFFKA": "x"}).keys() > {"ALLIANCE_KAFFKA"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"change-me-please-it-is-long-enough\n", "holds an example's value"),
        (b"Example-password-of-the-documentation", "holds an example's value"),
        (b"swordfish\n", "holds 9 characters, allowed: 16 or more"),
        (b"\xff\xfe swordfish swordfish", "holds bytes that are no text"),
    ],
)
@pytest.mark.parametrize("at", ["KAFKA", "MONGODB"])
def test_bad_secret_ends_the_start_without_being_shown(
    at: str, content: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty, an example's or guessable: the service would run open."""
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv(f"ALLIANCE_{at}_USERNAME", "projects")
    monkeypatch.setenv(f"ALLIANCE_{at}_PASSWORD_FILE", str(tmp_path / "secret"))
    found = refusal()
    assert f"ALLIANCE_{at}_PASSWORD_FILE: {said}" in found
    assert str(tmp_path / "secret") in found
    assert SECRET not in found


def test_a_password_where_its_file_belongs_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The likeliest mistake of all; the log would keep it for ever."""
    monkeypatch.setenv("ALLIANCE_KAFKA_PASSWORD_FILE", SECRET)
    found = refusal()
    assert "ALLIANCE_KAFKA_PASSWORD_FILE: can't be read: No such file" in found
    assert SECRET not in found


@pytest.mark.parametrize("at", ["KAFKA", "MONGODB"])
def test_user_without_password_is_refused(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a login would be no login, silently."""
    monkeypatch.setenv(f"ALLIANCE_{at}_USERNAME", "projects")
    assert f"set both ALLIANCE_{at}_USERNAME and ALLIANCE_{at}_PASSWORD_FILE" in refusal()


@pytest.mark.parametrize("name", ["ALLIANCE_KAFKA", "ALLIANCE_ISSUER", "ALLIANCE_KAFKA_USERNAME"])
def test_example_values_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies an example is told before anything runs on it."""
    monkeypatch.setenv(name, "change-me.example.org")
    assert f"{name}: given an example's value" in refusal()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mongodb://members:swordfish@members-db:27017/", "has a password in it"),
        ("mongodb://members:swordfish@127.0.0.1,members-db:27017/", "has a password in it"),
        ("mongodb+srv://members:swordfish@db.example.org/", "has a password in it"),
        ("members-db:27017?swordfish", "allowed: mongodb://host:port"),
        ("mongodb://members-db/?w=1&appname=swordfish", "says w=1, allowed: w=majority"),
        ("mongodb://members-db/?W=0", "says W=0"),
        ("mongodb://members-db?w=1", "says w=1"),
        ("mongodb://members-db/?journal=false", "says journal=false, allowed: journal=true"),
        ("mongodb://members-db/?readConcernLevel=local", "allowed: readConcernLevel=majority"),
    ],
)
def test_unsafe_connection_string_is_refused_without_being_shown(
    uri: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables are seen by whoever sees the container; less than majority loses what was said."""
    monkeypatch.setenv("ALLIANCE_MONGODB", uri)
    found = refusal()
    assert said in found
    assert found.count("ALLIANCE_MONGODB:") == 1
    assert SECRET not in found


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://members-db:27017/?directConnection=true",
        "mongodb://a:27017,b:27017,c:27017/?replicaSet=alliance&w=majority&journal=true",
        "mongodb://someone:secret@127.0.0.1:27017/",
        "mongodb://someone:secret@localhost,[::1]:27018/",
        "mongodb://CN=members@members-db/?authMechanism=MONGODB-X509&tls=true",
        "mongodb+srv://db.example.org/?w=majority",
    ],
)
def test_safe_connection_string_is_taken(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a deployment and a developer need."""
    monkeypatch.setenv("ALLIANCE_MONGODB", uri)
    assert Settings.load().mongodb == uri


def test_mail_providers_password_may_be_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the provider that chooses it; an example's is refused all the same."""
    (tmp_path / "smtp").write_text("tiny\n")
    monkeypatch.setenv("ALLIANCE_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("ALLIANCE_SMTP_PASSWORD_FILE", str(tmp_path / "smtp"))
    assert NotifySettings.load().smtp_password == "tiny"
    (tmp_path / "smtp").write_text("change-me\n")
    assert "ALLIANCE_SMTP_PASSWORD_FILE: holds an example's value" in refusal(NotifySettings)


def test_mail_server_that_asks_for_no_login_needs_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there, empty, in every deployment; with a user it must hold something."""
    (tmp_path / "smtp").write_text("")
    monkeypatch.setenv("ALLIANCE_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("ALLIANCE_SMTP_PASSWORD_FILE", str(tmp_path / "smtp"))
    assert NotifySettings.load().smtp_username is None
    monkeypatch.setenv("ALLIANCE_SMTP_USERNAME", "alliance")
    assert "ALLIANCE_SMTP_PASSWORD_FILE must hold its password" in refusal(NotifySettings)


def test_example_keys_for_links_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knows the key verifies addresses that are not his."""
    (tmp_path / "keys").write_text("change-me-" * 5 + "\n")
    monkeypatch.setenv("ALLIANCE_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("ALLIANCE_LINK_KEYS_FILE", str(tmp_path / "keys"))
    assert "ALLIANCE_LINK_KEYS_FILE: holds an example's key" in refusal(NotifySettings)


def test_login_at_the_store_names_its_file_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is read when it is needed."""
    (tmp_path / "secret").write_text(SECRET * 3)
    monkeypatch.setenv("ALLIANCE_MONGODB_USERNAME", "members")
    monkeypatch.setenv("ALLIANCE_MONGODB_PASSWORD_FILE", str(tmp_path / "secret"))
    settings = Settings.load()
    assert settings.login is not None
    assert settings.login.username == "members"
    assert SECRET not in f"{settings!r} {settings.login!r}"


def test_the_brokers_password_is_read_anew_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a rotation needs no restart."""
    (tmp_path / "secret").write_text("the first password\n")
    monkeypatch.setenv("ALLIANCE_KAFKA_USERNAME", "members")
    monkeypatch.setenv("ALLIANCE_KAFKA_PASSWORD_FILE", str(tmp_path / "secret"))
    security = Settings.load().security
    assert security.options()["sasl_plain_password"] == "the first password"
    (tmp_path / "secret").write_text("the second password\n")
    assert security.options()["sasl_plain_password"] == "the second password"
