"""The README does what it says."""

import os
from pathlib import Path

import pytest

from tests.support.bundles import colour_image
from tests.support.markdown import blocks, commands
from tests.support.tree import ROOT


def python_lines(name: str) -> str:
    """Join the Python blocks of a README."""
    return "\n".join(block.text for block in blocks(ROOT / name, "python"))


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_has_its_two_commands(name: str) -> None:
    """The first commands are the demonstration and the tests."""
    found = [command for _, command in commands(ROOT / name)]
    assert "scripts/demo" in found
    assert "scripts/test" in found


def test_both_readmes_show_the_same_code() -> None:
    """The Chinese README has the code of the English one."""
    assert python_lines("README.md") == python_lines("README.zh-CN.md")


@pytest.mark.slow
def test_the_python_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python lines pack a model, load the bundle and predict, as they stand."""
    pytest.importorskip("torch")
    from docs.examples.pack_your_model import INPUT, LABELS, Colours, transform

    monkeypatch.chdir(tmp_path)
    paths = [Path(f"part{number}.png") for number in range(3)]
    for number, rgb in enumerate(((200, 40, 40), (40, 180, 60), (50, 60, 190))):
        colour_image(rgb, (300, 280), seed=number).save(paths[number])
    os.link("part0.png", "part.png")
    names = {"net": Colours(), "paths": paths, "labels": LABELS, "transform": transform, "declaration": INPUT}
    exec(compile(python_lines("README.md"), "README.md", "exec"), names)  # noqa: S102 -- its own words are under test
    assert names["model"].predict("part.png").label == "red"
    assert names["p"].label == "blue"
