"""Every error has its place: raised somewhere, explained in the reference, never swallowed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon import errors
from tests.support.tree import ROOT, SOURCE, modules, parsed, relative

REFERENCE = ROOT / "docs" / "reference" / "errors.md"


TABLES = (SOURCE / "errors.py", SOURCE / "web" / "problems.py")
"""Modules that list codes; to be listed is not to be raised."""


def strings_in_source() -> set[str]:
    """Collect the string literals of the package, and of the tables of codes only those of calls."""
    found: set[str] = set()
    for path in modules():
        nodes = list(ast.walk(parsed(path)))
        if path in TABLES:
            nodes = [keyword.value for node in nodes if isinstance(node, ast.Call) for keyword in node.keywords]
        found |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found


def test_every_code_is_raised_somewhere() -> None:
    """No code is left over from an error that is gone."""
    assert sorted(set(errors.CODES) - strings_in_source()) == []


def test_every_code_has_a_heading_in_the_reference() -> None:
    """Whoever searches for a code finds it."""
    headings = set(re.findall(r"^### `([a-z_.]+)`$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE))
    assert headings == set(errors.CODES)


def test_a_code_is_words_and_dots() -> None:
    """Codes are lower case, of two or three parts, and their sentence ends."""
    for code, sentence in errors.CODES.items():
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+){1,2}", code), code
        assert sentence.endswith("."), code


def test_the_tree_of_errors_is_the_one_drawn() -> None:
    """The drawing at the top of the module names every class, and nothing else."""
    classes = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == "andon.errors"
    }
    assert set(re.findall(r"^[│├└─ ]*(\w+)", errors.__doc__ or "", re.MULTILINE)) & classes == classes


def swallowing(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of handlers that catch everything and do nothing about it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or not all(isinstance(step, ast.Pass) for step in node.body):
            continue
        caught = ast.unparse(node.type) if node.type else "BaseException"
        if re.search(r"\b(Base)?Exception\b", caught):
            yield node.lineno


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_no_error_is_swallowed(path: Path) -> None:
    """Nothing catches every exception and goes on as if nothing had happened."""
    assert list(swallowing(parsed(path))) == []


@pytest.mark.parametrize("caught", ["", " Exception", " (OSError, Exception)", " BaseException as error"])
def test_the_rule_sees_a_swallowed_error(caught: str) -> None:
    """Each way to write it is found."""
    assert list(swallowing(ast.parse(f"try:\n    f()\nexcept{caught}:\n    pass\n"))) == [3]


def test_the_rule_lets_a_named_error_pass() -> None:
    """To ignore one kind of error is a decision that is visible."""
    assert list(swallowing(ast.parse("try:\n    f()\nexcept FileNotFoundError:\n    pass\n"))) == []
