"""The files around the code: short scripts, exact pins, a README that a reader finishes, no traces of a machine."""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tree import ROOT, project_files, relative

SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
MACHINE_PATH = re.compile(r"(?<![\w.\-])/(?!home/me/)(?:home|root|work|Users|mnt|nfs|data[0-9]*)/\w")
"""An absolute path of somebody's machine; `me` is nobody."""


def text_of(path: Path) -> str:
    """Give the text of a file, nothing where it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_a_script_is_short_and_can_be_started(path: Path) -> None:
    """At most 15 lines of bash that stop at the first error, and a first comment that says what it does."""
    lines = text_of(path).splitlines()
    assert len(lines) <= 15
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# ")
    assert re.match(r"set -e?uo pipefail$", next(line for line in lines if line.startswith("set ")))
    assert path.stat().st_mode & 0o111


def test_ci_runs_the_same_script_as_people_do() -> None:
    """`.ci/run` calls scripts/test and knows no step of its own."""
    text = text_of(ROOT / ".ci" / "run")
    assert "scripts/test" in text
    assert not re.search(r"\bpip\b|\bpytest\b|apt-get", text)


def test_no_file_names_a_path_of_a_machine() -> None:
    """What is published says nothing about where it was written."""
    found = [
        f"{relative(path)}:{number}: {line.strip()[:80]}"
        for path in project_files()
        if path != Path(__file__)
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_the_rule_about_paths_sees_one() -> None:
    """Paths of people's machines are found, plain ones are not."""
    assert MACHINE_PATH.search("see /home/" + "kim/model.pt")
    assert MACHINE_PATH.search('open("/root/' + 'x")')
    assert not MACHINE_PATH.search("POST /predict/scratch and src/data/x and /tmp/x and /home/me/x")


def pins() -> list[str]:
    """Give the lines of the constraints file that are not comments."""
    return [line for line in text_of(ROOT / "constraints.txt").splitlines() if not line.startswith("#")]


def test_every_pin_is_exact_and_public() -> None:
    """The constraints name versions of the public index: no address, no path, no local build."""
    assert "torch==2.13.0" in pins()
    assert [line for line in pins() if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)] == []


def needed(name: str, extras: tuple[str, ...], seen: set[str]) -> set[str]:
    """Collect what an installed package needs, directly or not, by normalised names."""
    for text in requires(name) or []:
        requirement = Requirement(text)
        found = canonicalize_name(requirement.name)
        wanted = not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        if wanted and found not in seen:
            seen.add(found)
            needed(found, tuple(requirement.extras), seen)
    return seen


def test_every_package_that_andon_needs_is_pinned() -> None:
    """With the constraints, an install of today and one of next year are the same."""
    pinned = {canonicalize_name(line.split("==")[0]) for line in pins()}
    unpinned = needed("andon", ("torch", "flask", "django", "fastapi", "demo"), set()) - pinned
    # The build of torch for NVIDIA brings its libraries along; the tests ran on the one without.
    assert [name for name in sorted(unpinned) if not name.startswith(("cuda-", "nvidia-", "triton"))] == []


def test_the_readme_is_short_and_shows_before_it_tells() -> None:
    """120 lines at most; its two commands and the Python lines come before line 40."""
    for name in ("README.md", "README.zh-CN.md"):
        lines = text_of(ROOT / name).splitlines()
        assert len(lines) <= 120, name
        start = "\n".join(lines[:39])
        for shown in ("$ scripts/demo", "$ scripts/test", "```python", "andon.load(", "andon.pack("):
            assert shown in start, f"{name}: {shown}"


def test_no_file_is_large() -> None:
    """The repository holds text and small images; models come from packages."""
    assert [relative(path) for path in project_files() if path.stat().st_size > 300 * 1024] == []
