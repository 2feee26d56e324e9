"""`deploy/init` makes what compose mounts, once, and changes one secret where it is asked to."""

import shutil
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from cryptography import x509

from shared.keys import SigningKeys

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as far as the script looks at it."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "init", tmp_path / "deploy")
    (tmp_path / ".env").write_text("ALLIANCE_DOMAIN=alliance.test\n")
    return tmp_path


def init(checkout: Path, *given: str) -> "subprocess.CompletedProcess[str]":
    """Run it there."""
    command = [str(checkout / "deploy" / "init"), *given]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_makes_every_file_that_compose_mounts(checkout: Path) -> None:
    """Each secret of docker-compose.yml is there, any user of a container may read it, and on the
    machine the directory is closed."""
    assert init(checkout).returncode == 0
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    wanted = {checkout / secret["file"] for secret in compose["secrets"].values()}
    wanted.add(checkout / "deploy" / "secrets" / "grafana.password")
    assert {file for file in wanted if not file.is_file()} == set()
    assert {oct(file.stat().st_mode & 0o777) for file in wanted} == {"0o644"}
    secrets = checkout / "deploy" / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "ca.key").stat().st_mode & 0o777 == 0o600
    assert secrets / "ca.key" not in wanted
    assert SigningKeys(secrets / "signing-keys").signer() is not None
    assert UUID((secrets / "operator.id").read_text().strip()).version == 7


def test_every_secret_is_its_own(checkout: Path) -> None:
    """256 random bits each, and none twice."""
    init(checkout)
    secrets = checkout / "deploy" / "secrets"
    made = [f.read_text() for f in secrets.iterdir() if f.suffix in (".password", ".secret")]
    made = [secret.strip() for secret in made if secret]  # the mail server's is for you to write
    assert len(made) == 6 + 8 + 2
    assert len(set(made)) == len(made)
    assert all(len(secret) == 43 for secret in made)


def test_what_is_there_is_not_touched(checkout: Path) -> None:
    """A second run refuses, and every byte is as it was."""
    init(checkout)
    secrets = checkout / "deploy" / "secrets"
    before = {file: file.read_bytes() for file in secrets.rglob("*") if file.is_file()}
    again = init(checkout)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert {file: file.read_bytes() for file in secrets.rglob("*") if file.is_file()} == before


def test_what_is_missing_is_made_and_nothing_else(checkout: Path) -> None:
    """`--complete`, as a later version wants it: a secret that is not there is made, each other
    byte is as it was; where nothing is, it refuses."""
    assert init(checkout, "--complete").returncode == 1
    init(checkout)
    secrets = checkout / "deploy" / "secrets"
    before = {file: file.read_bytes() for file in secrets.rglob("*") if file.is_file()}
    gone = secrets / "kafka-auditor.password"
    gone.unlink()
    assert init(checkout, "--complete").stdout == "made deploy/secrets/kafka-auditor.password\n"
    after = {file: file.read_bytes() for file in secrets.rglob("*") if file.is_file()}
    assert after.pop(gone) != before.pop(gone)
    assert after == before
    assert gone.stat().st_mode & 0o777 == 0o644


def test_certificates_are_good_for_the_names_they_are_met_by(checkout: Path) -> None:
    """Kafka's for a broker alone and for three, the gateway's for the domain of .env; the broker's
    is a client's, too, and the gateway's is not."""
    init(checkout)
    secrets = checkout / "deploy" / "secrets"
    kafka, gateway = _certificate(secrets / "kafka.pem"), _certificate(secrets / "gateway.pem")
    assert _names(kafka) == {"kafka", "kafka-1", "kafka-2", "kafka-3", "localhost"}
    assert _names(gateway) == {"alliance.test", "localhost"}
    assert kafka.subject.rfc4514_string() == "CN=kafka"
    assert len(_usages(kafka)) == 2
    assert _usages(gateway) == {"serverAuth"}
    context = ssl.create_default_context(cafile=str(secrets / "ca.pem"))
    context.load_cert_chain(secrets / "gateway.pem", secrets / "gateway.key")
    assert kafka.not_valid_after_utc - datetime.now(UTC) < timedelta(days=398)


def test_certificates_are_renewed_in_their_place(checkout: Path) -> None:
    """The same files by the same CA, so that a container that has one mounted sees the new one."""
    init(checkout)
    secrets = checkout / "deploy" / "secrets"
    authority, was = (secrets / "ca.pem").read_bytes(), _certificate(secrets / "kafka.pem")
    inode = (secrets / "kafka.pem").stat().st_ino
    assert "--reload-certificates" in init(checkout, "--renew-certificates").stdout
    assert (secrets / "ca.pem").read_bytes() == authority
    assert (secrets / "kafka.pem").stat().st_ino == inode
    assert _certificate(secrets / "kafka.pem").serial_number != was.serial_number


@pytest.mark.parametrize(
    ("name", "then", "kept"),
    [
        ("kafka-members", "kafka-setup", False),
        ("kafka-admin", "kafka-setup", True),
        ("mongo-notify", "notify-db-setup", False),
        ("mongo-notify-root", "notify-db-setup", True),
    ],
)
def test_a_password_is_rotated_in_its_place(
    checkout: Path, name: str, then: str, kept: bool
) -> None:
    """A new one in the same file; an administrator's old one is kept, by which the job sets the new
    one; what to run then is said."""
    init(checkout)
    file = checkout / "deploy" / "secrets" / f"{name}.password"
    before, inode = file.read_text().strip(), file.stat().st_ino
    said = init(checkout, "--rotate", name)
    assert f"docker compose run --rm {then}" in said.stdout
    assert file.read_text().strip() not in ("", before)
    if kept:
        assert file.with_suffix(".previous").read_text().strip() == before
    assert file.stat().st_ino == inode


def test_keys_are_added_before_old_ones_go(checkout: Path) -> None:
    """Links in mails: the new key signs, the old one is still good. Tokens: two keys are shown."""
    init(checkout)
    secrets = checkout / "deploy" / "secrets"
    old = (secrets / "link-keys").read_text().strip()
    init(checkout, "--rotate", "link-keys")
    assert (secrets / "link-keys").read_text().split()[1] == old
    time.sleep(1.1)  # a signing key is named by the second it was made in
    init(checkout, "--rotate", "signing-keys")
    assert len(SigningKeys(secrets / "signing-keys").all()) == 2


def test_an_unknown_secret_is_refused(checkout: Path) -> None:
    """Nothing is made for a name that is misspelt."""
    init(checkout)
    for name in ("kafka-nobody", "../ca.key", "operator"):
        assert init(checkout, "--rotate", name).returncode == 1


def _certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(file.read_bytes())[0]


def _names(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(found.value.get_values_for_type(x509.DNSName))


def _usages(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    return {usage._name for usage in found.value}
