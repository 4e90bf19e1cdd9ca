"""What each setting means: the text under its declaration, read from the source, so that it is written once."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise


def meanings(kind: type) -> dict[str, str]:
    """
    Give the text under each field of a class and of its bases, by name.

    A class whose source is not at hand, as in an installation of byte code only, has none.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        try:
            (definition,) = ast.parse(inspect.getsource(base)).body
        except (OSError, TypeError):
            continue  # it is built in, or there is no source
        found.update(described_fields(definition))
    return found


def described_fields(definition: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield name and text of the fields of a class that have one, those set in `__init__` too."""
    body = list(getattr(definition, "body", []))
    body += [step for method in body if getattr(method, "name", "") == "__init__" for step in method.body]
    for field, following in pairwise(body):
        if not isinstance(field, ast.AnnAssign | ast.Assign):
            continue
        if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)):
            continue
        name = ast.unparse(field.target if isinstance(field, ast.AnnAssign) else field.targets[0])
        yield name.removeprefix("self."), " ".join(str(following.value.value).split())
