"""The examples in docstrings show what really comes out."""

import doctest
import importlib
from pathlib import Path

import pytest

from tests.support.tree import module_name, modules, relative

SHOWN = [path for path in modules() if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", SHOWN, ids=relative)
def test_the_examples_of_a_module_hold(path: Path) -> None:
    """Each `>>>` in a docstring answers as shown."""
    results = doctest.testmod(importlib.import_module(module_name(path)))
    assert results.attempted
    assert not results.failed
