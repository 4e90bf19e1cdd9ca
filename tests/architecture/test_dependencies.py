"""What the package imports comes with it, or with one of its extras: an install has more only where tests run."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.test_layers import imports
from tests.support.tree import ROOT, modules, parsed, relative

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = packages_distributions()
BROUGHT = {"google": "onnx", "werkzeug": "flask"}
"""Modules whose types are part of what another library offers, which brings them."""


def names_of(requirements: list[str]) -> set[str]:
    """Give the names of distributions in requirements, written alike."""
    return {plain(re.split(r"[\[<>=~! ]", requirement)[0]) for requirement in requirements}


def plain(name: str) -> str:
    """Write the name of a distribution as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


CORE = names_of(PROJECT["dependencies"])
EXTRAS = {extra: names_of(listed) for extra, listed in PROJECT["optional-dependencies"].items()}


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_what_a_module_imports_is_declared(path: Path) -> None:
    """Late imports too; a library that only the developers have is missing everywhere else."""
    roots = {module.split(".")[0] for module, _, _ in imports(parsed(path))} - {*sys.stdlib_module_names, "andon", ""}
    declared = CORE.union(*EXTRAS.values())
    missing = [
        root
        for root in sorted(roots)
        if not declared & {*map(plain, DISTRIBUTIONS.get(BROUGHT.get(root, root), [root]))}
    ]
    assert missing == []


def test_no_extra_brings_what_the_core_has() -> None:
    """Each library is declared once, so that one version holds."""
    assert {extra: listed & CORE for extra, listed in EXTRAS.items() if listed & CORE} == {}
