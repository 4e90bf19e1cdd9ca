"""The public names of Andon, and that all of it is described."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import andon
from tests.support.tree import modules, parsed, relative


def test_the_public_names_are_sorted() -> None:
    """`andon.__all__` is in order and names nothing twice."""
    assert andon.__all__ == sorted(set(andon.__all__))


@pytest.mark.slow
@pytest.mark.parametrize("name", andon.__all__)
def test_a_public_name_can_be_imported_and_is_described(name: str) -> None:
    """Each public name is there, has a docstring and is listed by `dir`."""
    value = getattr(importlib.import_module("andon"), name)
    assert value.__doc__
    assert name in dir(andon)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The late fetching of names does not hide a slip of the pen."""
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        andon.lode  # noqa: B018 -- reading the attribute is the test


def undescribed(node: ast.AST, prefix: str = "") -> Iterator[str]:
    """Yield the public classes, functions and methods without a docstring."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        if ast.get_docstring(child) is None:
            yield f"{prefix}{child.name}"
        if isinstance(child, ast.ClassDef):
            yield from undescribed(child, f"{prefix}{child.name}.")


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_everything_public_is_described(path: Path) -> None:
    """Each module, package, public class, function and method has a docstring."""
    assert ast.get_docstring(parsed(path)), "the module has no docstring"
    assert list(undescribed(parsed(path))) == []
