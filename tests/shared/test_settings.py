"""Settings: what is missing is named, and what must not run does not."""

import os
from pathlib import Path

import pytest
from certifi import where

from shared import crash
from shared.settings import Settings, UnsafeSettings

GOOD = {
    "ALLIANCE_KAFKA": "127.0.0.1:9092",
    "ALLIANCE_MONGODB": "mongodb://127.0.0.1:27017",
    "ALLIANCE_JWKS_FILE": "/run/jwks.json",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test sets, and the needed three."""
    for name in os.environ:
        if name.startswith(("ALLIANCE_", "OTEL_")):
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_three_variables_are_enough() -> None:
    """All others have a default that is safe."""
    settings = Settings.load()
    assert (settings.kafka, settings.mongodb) == (
        GOOD["ALLIANCE_KAFKA"],
        GOOD["ALLIANCE_MONGODB"],
    )
    assert settings.security.options() == {}


@pytest.mark.parametrize("name", ["ALLIANCE_KAFKA", "ALLIANCE_MONGODB"])
def test_missing_variable_is_named_as_it_is_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the variable's own name, not the field's."""
    monkeypatch.delenv(name)
    with pytest.raises(UnsafeSettings, match=f"  {name}: Field required"):
        Settings.load()


def test_all_missing_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start is enough to know everything."""
    for name in GOOD:
        monkeypatch.delenv(name)
    with pytest.raises(UnsafeSettings) as caught:
        Settings.load()
    assert all(name in str(caught.value) for name in GOOD)


def test_keys_are_in_a_file_or_at_a_url_and_not_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither, or both, would leave open whose tokens are taken."""
    monkeypatch.setenv("ALLIANCE_JWKS_URL", "https://login.example.org/jwks")
    with pytest.raises(UnsafeSettings, match=r"ALLIANCE_JWKS_URL: .*and not both"):
        Settings.load()
    monkeypatch.delenv("ALLIANCE_JWKS_FILE")
    assert Settings.load().jwks == "https://login.example.org/jwks"
    monkeypatch.delenv("ALLIANCE_JWKS_URL")
    with pytest.raises(UnsafeSettings, match="set ALLIANCE_JWKS_FILE or ALLIANCE_JWKS_URL"):
        Settings.load()


def test_algorithms_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """An external issuer's RS256 is allowed by name; `none` and shared secrets never are."""
    monkeypatch.setenv("ALLIANCE_TOKEN_ALGORITHMS", "EdDSA, RS256")
    assert Settings.load().token_algorithms == ("EdDSA", "RS256")
    for never in ("none", "HS256", ","):
        monkeypatch.setenv("ALLIANCE_TOKEN_ALGORITHMS", never)
        with pytest.raises(UnsafeSettings, match="ALLIANCE_TOKEN_ALGORITHMS"):
            Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLIANCE_LEASE_SECONDS", "0"),
        ("ALLIANCE_POLL_SECONDS", "-1"),
        ("ALLIANCE_STUCK_SECONDS", "soon"),
        ("ALLIANCE_STORE_PATIENCE_SECONDS", "-0.5"),
    ],
)
def test_wrong_variable_is_named_with_what_was_given(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A duration must be above zero."""
    monkeypatch.setenv(name, value)
    with pytest.raises(UnsafeSettings, match=f"  {name}: .*; given: '{value}'"):
        Settings.load()


@pytest.mark.parametrize("spec", ["before-commit", "after-commit:3", ""])
def test_crash_point_is_refused_outside_a_test_build(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that would kill itself does not start, even where the variable is empty."""
    monkeypatch.setenv("ALLIANCE_CRASH_AT", spec)
    with pytest.raises(UnsafeSettings, match=r"ALLIANCE_CRASH_AT is set: .* test builds only"):
        Settings.load()
    assert Settings.load(test_build=True).kafka == GOOD["ALLIANCE_KAFKA"]


def test_empty_variable_is_as_if_it_were_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """docker compose sets `${NAME:-}` to nothing where nobody said anything."""
    monkeypatch.setenv("ALLIANCE_STORE_PATIENCE_SECONDS", "")
    monkeypatch.setenv("ALLIANCE_KAFKA_USERNAME", "")
    settings = Settings.load()
    assert (settings.store_patience_seconds, settings.kafka_username) == (4.0, None)
    monkeypatch.setenv("ALLIANCE_MONGODB", "")
    with pytest.raises(UnsafeSettings, match="ALLIANCE_MONGODB: Field required"):
        Settings.load()


def test_crash_points_variable_is_the_one_that_is_refused() -> None:
    """The name in the settings and the name in the tests' entry are one."""
    assert crash.VARIABLE == "ALLIANCE_CRASH_AT"


def test_crash_point_that_does_not_exist_cannot_be_armed() -> None:
    """A test that names a point wrongly fails, instead of killing nothing."""
    with pytest.raises(ValueError, match="names 'before-comit', allowed: before-commit"):
        crash.arm("before-comit:1")


def test_refused_settings_end_the_process_with_the_message() -> None:
    """It is a SystemExit whose code is the text: Python prints it and exits with 1."""
    assert issubclass(UnsafeSettings, SystemExit)
    assert UnsafeSettings("text").code == "text"


def test_password_is_read_from_its_file_and_is_not_in_any_repr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the file's name is in the environment; the text is stripped of its line end."""
    (tmp_path / "password").write_text("correct horse battery\n")
    monkeypatch.setenv("ALLIANCE_KAFKA_USERNAME", "projects")
    monkeypatch.setenv("ALLIANCE_KAFKA_PASSWORD_FILE", str(tmp_path / "password"))
    security = Settings.load().security
    assert security.options()["sasl_plain_password"] == "correct horse battery"
    assert security.options()["security_protocol"] == "SASL_PLAINTEXT"
    assert "correct horse battery" not in f"{security!r} {Settings.load()!r}"


def test_ca_without_a_user_is_not_plain_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gives a CA wants TLS: to speak in plain text instead would be silent."""
    monkeypatch.setenv("ALLIANCE_KAFKA_CA_FILE", where())
    assert Settings.load().security.options()["security_protocol"] == "SSL"


def test_telemetry_has_its_standard_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's own name, without our prefix."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert Settings.load().otlp_endpoint == "http://127.0.0.1:4318"
