"""The commands that the description shows, typed into a real shell."""

import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from andon.web.openapi.reading import read_sections
from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_image, encode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt-get install curl"),
]
TOKEN = "t" * 16


@pytest.mark.parametrize("token", ["", TOKEN])
def test_every_command_works_as_it_stands(colours: Path, tmp_path: Path, token: str) -> None:
    """Copied from the page, each is answered with 200, with the token from the environment where one is needed."""
    (tmp_path / "part.jpg").write_bytes(encode(colour_image((40, 180, 60)), "JPEG"))
    environment = {"ANDON_TOKEN": token} if token else {}
    with AndonServe(str(colours), "--probe", environment=environment) as service:
        document = httpx.get(f"{service.url}/openapi.json", trust_env=False).json()
        commands = {
            operation.id: operation.curl
            for section in read_sections(document, service.url)
            for operation in section.operations
            # Which version is served is not told without the token.
            if not (token and "{version}" in operation.path)
        }
        refused = {name: said for name, command in commands.items() if (said := run(command, tmp_path, environment))}
    assert refused == {}
    assert len(commands) == (19 if token else 24)


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Type a command; give what went wrong, nothing where nothing did."""
    done = subprocess.run(
        ["sh", "-c", command.replace("curl ", "curl --fail-with-body --silent --show-error --noproxy '*' ", 1)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"{done.stdout!r} {done.stderr!r}"
