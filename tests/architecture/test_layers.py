"""Imports run one way: down the table of layers."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tree import SOURCE, module_name, modules, parsed, relative

LAYERS = (
    "__main__",
    "cli wsgi",
    "station annotate deploy bench debug integrations demo testing",
    "web",
    "service",
    "engine build release",
    "model",
    "runtimes client",
    "vision decide evaluate",
    "bundle machine named_code programs",
    "settings",
    "errors tensors predictions",
)
"""Top to bottom. A module imports only from lower rows, or from its own package."""

ROW = {part: row for row, line in enumerate(reversed(LAYERS)) for part in line.split()}
ROOT_NAMES = {"__version__"}
"""All that the rows may take from `andon` itself; the other public names live in the rows."""


def imports(tree: ast.AST) -> Iterator[tuple[str, str | None, int]]:
    """Yield the module, the name taken from it and the line of every import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name, node.lineno) for alias in node.names)


def part_of(module: str, name: str | None = None) -> str:
    """Give the top-level part of Andon that an import reaches; empty for another library."""
    root, *rest = module.split(".")
    if root != "andon":
        return ""
    return rest[0] if rest else name or "andon"


def broken_rules(own: str, tree: ast.AST) -> Iterator[str]:
    """Yield a sentence for each import that a module of the part `own` must not have."""
    for module, name, line in imports(tree):
        target = part_of(module, name)
        if not target or target == own or target in ROOT_NAMES:
            continue
        if target not in ROW:
            yield f"line {line}: {target} has no row in the table of layers"
        elif ROW[target] == ROW[own]:
            yield f"line {line}: {own} and {target} are in one row"
        elif ROW[target] > ROW[own]:
            yield f"line {line}: {target} is above {own}"


@pytest.mark.parametrize("path", [p for p in modules() if p.parent != SOURCE or p.name != "__init__.py"], ids=relative)
def test_a_module_imports_only_from_lower_rows(path: Path) -> None:
    """No module reaches up or sideways; only the root, which fetches its public names late, knows all rows."""
    own = module_name(path).split(".")[1]
    assert own in ROW, f"give {own} a row in the table of layers"
    assert list(broken_rules(own, parsed(path))) == []


@pytest.mark.parametrize(
    ("own", "code", "said"),
    [
        ("vision", "import andon.model.model", "model is above vision"),
        ("vision", "def f():\n    from andon.evaluate import metrics", "vision and evaluate are in one row"),
        ("model", "if TYPE_CHECKING:\n    from andon.web import problems", "web is above model"),
        ("web", "from andon import load", "load has no row"),
        ("web", "from andon import cli", "cli is above web"),
        ("model", "import andon", "andon has no row"),
    ],
)
def test_the_rule_sees_every_form_of_import(own: str, code: str, said: str) -> None:
    """Plain, from, late and root imports all count, those for the type checker too: they hide circles."""
    assert any(said in sentence for sentence in broken_rules(own, ast.parse(code)))


def test_the_rule_lets_good_imports_pass() -> None:
    """Lower rows, the own package, the version and other libraries are free."""
    code = (
        "import numpy\nfrom andon import __version__\nfrom andon.errors import AndonError\nimport andon.web.problems\n"
    )
    assert list(broken_rules("web", ast.parse(code))) == []


def test_the_vocabulary_needs_little() -> None:
    """The lowest row imports the standard library, numpy and msgspec, and nothing else."""
    allowed = {*sys.stdlib_module_names, "numpy", "msgspec"}
    for part in LAYERS[-1].split():
        found = {module.split(".")[0] for module, _, _ in imports(parsed(SOURCE / f"{part}.py"))}
        assert found <= allowed, part
