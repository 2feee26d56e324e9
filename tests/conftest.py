"""What a failed test says beside its own error."""

from collections.abc import Generator

import pytest

from tests.forked import Forked


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure comes how each process ended that ended by itself, and the end of its log:
    whoever asks it later sees a refused connection only."""
    report = yield
    if report.failed:
        for one in Forked.ended():
            said = f"{one.name} ended by itself, with {one.exit_status}"
            report.sections.append((said, one.log_tail(40)))
    return report
