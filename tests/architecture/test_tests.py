"""The tests themselves: each says what it claims, and each module has its own."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.support.tree import ROOT, SOURCE, modules, parsed, relative

TESTS = ROOT / "tests"
TEST_FILES = sorted(TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("path", TEST_FILES, ids=relative)
def test_every_test_states_its_claim(path: Path) -> None:
    """Each test function has a docstring."""
    silent = [
        node.name
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]
    assert silent == []


def does_something(path: Path) -> bool:
    """Ask whether a module has a function with a body; contracts and plain records have none."""
    functions = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(ast.unparse(function.body[-1]) != "..." for function in functions)


def test_every_module_has_its_test_module() -> None:
    """tests/unit mirrors the package: `build/pack.py` is tested by `tests/unit/build/test_pack.py`."""
    wanted = [
        TESTS / "unit" / path.relative_to(SOURCE).parent / f"test_{path.stem}.py"
        for path in modules()
        if path.name != "__init__.py" and does_something(path)
    ]
    assert [relative(path) for path in wanted if not path.is_file()] == []


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    """Pytest leaves out folders by their names, without a word."""
    patterns = pytestconfig.getini("norecursedirs")
    parts = {part for path in TEST_FILES for part in path.parent.relative_to(ROOT).parts}
    assert [part for part in sorted(parts) for pattern in patterns if fnmatch(part, pattern)] == []
