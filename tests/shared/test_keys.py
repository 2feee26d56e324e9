"""`alliance admin keys`: making a key, and seeing which one signs."""

from pathlib import Path

import jwt
from typer.testing import CliRunner

from cli.main import app
from shared.keys import SigningKeys


def run(*arguments: str | Path) -> tuple[int, str]:
    """Exit status and output of `alliance admin keys …`."""
    done = CliRunner().invoke(app, ["admin", "keys", *map(str, arguments)])
    return done.exit_code, done.output


def test_keys_are_made_where_nobody_else_reads_and_listed_with_the_one_that_signs(
    tmp_path: Path,
) -> None:
    """The first signs at once, the second is shown; the file is its owner's alone."""
    directory = tmp_path / "keys"
    assert run("list", directory)[0] == 1
    assert run("add", directory)[0] == 0
    assert run("add", directory, "--algorithm", "ES256")[0] == 0
    listed = run("list", directory)[1].splitlines()
    assert [line.split()[1] for line in listed] == ["EdDSA", "ES256"]
    assert [" signs " in line for line in listed] == [True, False]
    assert [f.stat().st_mode & 0o077 for f in directory.iterdir()] == [0, 0]
    assert run("add", directory, "--algorithm", "HS256")[0] == 2


def test_token_of_a_made_key_is_an_access_token_of_rfc_9068(tmp_path: Path) -> None:
    """Its header says the type, the algorithm and the key."""
    run("add", tmp_path)
    key = SigningKeys(tmp_path).signer()
    assert key is not None
    header = jwt.get_unverified_header(key.sign({"sub": "a"}))
    assert header == {"typ": "at+jwt", "alg": "EdDSA", "kid": key.kid}
