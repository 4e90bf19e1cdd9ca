"""The project's own files, read for the tests that hold its rules."""

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "andon"


def modules() -> list[Path]:
    """List the Python files of the package, sorted."""
    return sorted(SOURCE.rglob("*.py"))


def module_name(path: Path) -> str:
    """Give the dotted name of a file of the package; that of an `__init__.py` is its package's."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Parse a Python file once."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def importers(library: str) -> list[tuple[str, str]]:
    """List the functions that import a library, or a part of it, each with its module."""
    return [
        (module_name(path), function.name)
        for path in modules()
        for function in ast.walk(parsed(path))
        if isinstance(function, ast.FunctionDef) and any(_imports(node, library) for node in ast.walk(function))
    ]


def _imports(node: ast.AST, library: str) -> bool:
    match node:
        case ast.Import(names=names):
            return any(name.name.split(".")[0] == library for name in names)
        case ast.ImportFrom(module=str(module)):
            return module.split(".")[0] == library
    return False


def relative(path: Path) -> str:
    """Name a file of the project from its root."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def project_files() -> tuple[Path, ...]:
    """
    List the files that belong to the project: tracked, or new and not ignored.

    Outside a git checkout, as in an unpacked source archive, these are all but the hidden folders.
    """
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return tuple(p for p in sorted(ROOT.rglob("*")) if p.is_file() and not _is_hidden(p))
    return tuple(path for name in sorted(set(listed.split("\0")) - {""}) if (path := ROOT / name).is_file())


def _is_hidden(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part == "__pycache__" or (part.startswith(".") and part != ".ci") for part in parts)
