"""The author's own Python, found by its installed name. Whether it is trusted has been asked before."""

import importlib
from collections.abc import Callable
from typing import Any

from andon.errors import EnvironmentFault, first_line

OwnCode = Callable[..., Any]
"""A Pillow image to an array, raw outputs to scores, or nothing to a network."""


def import_own_code(name: str) -> OwnCode:
    """
    Import `package.module:function`.

    Raises:
        EnvironmentFault: `code.import`: it is not installed, fails while it is imported, or cannot be called.
    """
    module_name, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        # The author's module may raise anything while it is imported, and a script without a guard ends the program.
        raise EnvironmentFault(
            f"the author's own code {name} cannot be imported: {type(error).__name__}: {first_line(error)}",
            code="code.import",
            hint=f"install the package that holds {module_name}, in the version that the bundle was packed with; "
            "a file that is in no package is found where PYTHONPATH names its folder",
        ) from error
    if not callable(found):
        raise EnvironmentFault(f"{name} is a {type(found).__name__}, expected a function", code="code.import")
    return found  # type: ignore[no-any-return] # any callable will do
