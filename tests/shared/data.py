"""Where the public test data is, and how a test that needs it is skipped where it is absent."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def needs(folder: str) -> pytest.MarkDecorator:
    """Skip, with the reason, where `shared/data/<folder>` is absent."""
    return pytest.mark.skipif(
        not (DATA / folder).is_dir(), reason=f"the test data {DATA / folder} is absent"
    )
