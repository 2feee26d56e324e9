"""docs/settings.md says what the settings classes say."""

from pathlib import Path

import pytest

from deploy import settings_table
from deploy.local.system import SERVICES, settings_of


def test_the_table_is_the_one_in_the_documentation() -> None:
    """Who changes a setting runs `make docs-settings`."""
    assert settings_table.FILE.read_text() == settings_table.page()


def test_every_setting_of_every_service_is_in_it_with_its_meaning() -> None:
    """No row without a description."""
    page = settings_table.page()
    for service in SERVICES:
        settings = settings_of(service)
        for variable, name in settings.variables().items():
            description = settings.model_fields[name].description
            assert description, variable
            assert f"| `{variable}` |" in page
            assert description in page


def test_variables_of_compose_come_from_the_comments_above_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that may be left out is commented out there; a heading is no meaning."""
    (tmp_path / ".env").write_text(
        "# Who reads this\n\n# Host name of the gateway,\n# as people see it.\n"
        "ALLIANCE_DOMAIN=localhost\n#ALLIANCE_HTTPS_PORT=8443\n"
    )
    monkeypatch.setattr(settings_table, "ENV_EXAMPLE", tmp_path / ".env")
    page = settings_table.page()
    meaning = "Host name of the gateway, as people see it."
    assert f"| `ALLIANCE_DOMAIN` | `localhost` | {meaning} |" in page
    assert "| `ALLIANCE_HTTPS_PORT` | `8443`, left out |  |" in page
    assert "Who reads this" not in page
