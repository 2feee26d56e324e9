"""The images that stand in for the official ones, as files; tests/compose runs them."""

import re
import subprocess
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
IMAGES = DEPLOY / "images"


def overlay() -> dict[str, str]:
    """The image of each service that the overlay gives one."""

    class Loader(yaml.SafeLoader):
        """YAML with compose's `!override`."""

    Loader.add_constructor("!override", lambda loader, node: None)
    text = (DEPLOY / "compose.stand-ins.yml").read_text()
    services = yaml.load(text, Loader)["services"]
    return {name: service["image"] for name, service in services.items() if "image" in service}


def made() -> set[str]:
    """The tags that deploy/images/build makes."""
    said = subprocess.run(
        [IMAGES / "build", "--list"], capture_output=True, text=True, timeout=60, check=True
    )
    return set(said.stdout.split())


def test_overlay_names_images_that_are_made() -> None:
    """A tag that was raised in one of the two files only would be looked for in a registry."""
    assert set(overlay().values()) <= made()


def test_stand_ins_stand_for_the_images_of_the_deployment() -> None:
    """A version that is raised in the compose file is raised in its stand-in too."""
    services = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]
    others = (DEPLOY / "observability" / "services.yml").read_text()
    services |= yaml.safe_load(others)["services"]
    for name, image in overlay().items():
        stand_in = image.removeprefix("alliance-stand-in/").split(":")[0]
        said = (IMAGES / stand_in / "Dockerfile").read_text()
        assert f'alliance.stand-in-for="{services[name]["image"]}"' in said, name


def test_each_image_says_what_it_stands_for_and_what_differs() -> None:
    """What isn't the official image is printed after each build, from labels."""
    for file in IMAGES.glob("*/Dockerfile"):
        text = file.read_text()
        assert re.search(r'alliance\.stand-in-for="[^"]+:[^"]+"', text), file
        assert re.search(r'alliance\.differs="[^"]{10,}"', text), file


def test_images_of_ours_hold_no_secret_and_no_test() -> None:
    """The build context is a list of what may be in it; deploy/secrets is taken out again."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in lines
    allowed = {line for line in lines if line.startswith("!")}
    assert allowed == {
        "!cli",
        "!deploy",
        "!requirements/runtime.lock",
        "!requirements/ops.lock",
        "!services",
        "!shared",
    }
    assert lines.index("deploy/secrets") > lines.index("!deploy")
