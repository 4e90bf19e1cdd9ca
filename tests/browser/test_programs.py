"""The lines that the page shows do the same as the page: they are run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

import andon
from tests.support.browser import Visit, choose
from tests.support.bundles import colour_image, encode
from tests.support.served import Served

pytestmark = pytest.mark.slow
Read = Callable[[str], str]
TOKEN = "-".join(("word", "of", "line", "3"))
CASES = [("free", "part-7.png"), ("guarded", 'it\'s "part" 7 $HOME.png'), ("free", "零件 7.png")]
"""A service without or with a token, and the name of an image that is easy or hard to quote."""


@pytest.fixture(scope="module")
def guarded(parts: Path) -> Iterator[str]:
    """A service that wants a token, under a prefix."""
    with Served(parts, token=TOKEN, prefix="/line-3") as service:
        yield service.page


@pytest.fixture(params=CASES, ids=["plain", "token-and-quotes", "chinese"])
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """One of the cases."""
    return cast("tuple[str, str]", request.param)


@pytest.fixture
def picture(case: tuple[str, str], tmp_path: Path) -> Path:
    """An image, in a folder of its own."""
    path = tmp_path / case[1]
    path.write_bytes(encode(colour_image((40, 180, 60))))
    return path


@pytest.fixture
def read(case: tuple[str, str], visit: Callable[..., Visit], service: str, guarded: str, picture: Path) -> Read:
    """Read the lines of a tab for the image."""
    opened = visit(guarded if case[0] == "guarded" else service)
    if case[0] == "guarded":
        opened.page.add_init_script(f"sessionStorage.setItem('andon.token', '{TOKEN}')")
    page = opened.open()
    choose(page, picture)
    assert opened.troubles == []

    def lines(tab: str) -> str:
        page.click(f"#tab-{tab}")
        return page.locator(f"#code-{tab}").inner_text()

    return lines


def run(folder: Path, *command: str) -> str:
    """Run a command in a folder, with the token in the environment, and give what it prints."""
    environment = {**os.environ, "ANDON_TOKEN": TOKEN, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def label_in(printed: str) -> str:
    """Give the label of an answer in JSON."""
    return str(json.loads(printed)["predictions"][0]["label"])


def require(*programs: str, packages: str) -> None:
    """Skip where a program is not installed, naming the packages."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: apt-get install {packages}")


def test_the_curl_line_does_the_same(read: Read, picture: Path) -> None:
    """Pasted into a shell in the folder of the image, it brings the answer."""
    require("curl", packages="curl")
    line = read("curl")
    assert TOKEN not in line
    assert label_in(run(picture.parent, "bash", "-c", line)) == "green"


def test_the_python_lines_do_the_same(read: Read, picture: Path) -> None:
    """They print label, score and verdict."""
    if "Client" not in andon.__all__:
        pytest.skip("andon.Client is not there")
    (picture.parent / "classify.py").write_text(read("python"), encoding="utf-8")
    label, score, verdict = run(picture.parent, sys.executable, "classify.py").split()
    assert (label, verdict) == ("green", "OK")
    assert 0.9 < float(score) <= 1


def test_the_cpp_lines_do_the_same(read: Read, picture: Path) -> None:
    """They compile without a warning and print the answer."""
    require("g++", "curl-config", packages="g++ libcurl4-openssl-dev")
    (picture.parent / "classify.cpp").write_text(read("cpp"), encoding="utf-8")
    command = "g++ -std=c++17 -Wall -Wextra -Werror classify.cpp -lcurl -o classify"
    run(picture.parent, *command.split())
    assert label_in(run(picture.parent, "./classify")) == "green"


def test_the_csharp_lines_do_the_same(read: Read, picture: Path) -> None:
    """They compile and print the answer."""
    if shutil.which("dotnet") is None:
        require("mcs", "mono", packages="mono-mcs mono-runtime libmono-system-net-http4.0-cil")
    (picture.parent / "Classify.cs").write_text(read("csharp"), encoding="utf-8")
    assert label_in(run_csharp(picture.parent)) == "green"


def run_csharp(folder: Path) -> str:
    """Compile and run the C# in a folder, with Mono, else with .NET."""
    if shutil.which("mcs"):
        run(folder, "mcs", "-r:System.Net.Http", "Classify.cs")
        return run(folder, "mono", "Classify.exe")
    major = run(folder, "dotnet", "--version").split(".")[0]
    properties = f"<OutputType>Exe</OutputType><TargetFramework>net{major}.0</TargetFramework>"
    project = f'<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup>{properties}</PropertyGroup></Project>'
    (folder / "Classify.csproj").write_text(project, encoding="utf-8")
    return run(folder, "dotnet", "run")
