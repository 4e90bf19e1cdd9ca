"""The author's own code as `pack` is told of it: names that go into the declaration, and packages that are recorded."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from andon.build.own_packages import packages_of
from andon.bundle.fields import CodeName
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError


class OwnNames(Struct, frozen=True, kw_only=True):
    """What is named of the author's own code."""

    run: tuple[str, ...]
    """`prepare` and `finish`: what runs with each image, so that the bundle needs trust in any form."""
    packages: tuple[str, ...]
    """The distribution packages that hold the code, each once."""
    loose: tuple[str, ...]
    """What belongs to none."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the author should know of it: that it needs trust, and what is not installed as a package."""
        found = []
        if self.run:
            names = " and ".join(self.run)
            found.append(f"the bundle loads only where it is trusted, with trust=True or --trust: it runs {names}")
        if self.loose:
            names, belong = " and ".join(self.loose), "belongs" if len(self.loose) == 1 else "belong"
            found.append(
                f"{names} {belong} to no installed package, so no version is recorded: make a package of it, "
                "or set PYTHONPATH to its folder wherever the bundle is loaded"
            )
        return tuple(found)


def into_input(
    declaration: Mapping[str, Any] | InputSpec | None, prepare: object
) -> Mapping[str, Any] | InputSpec | None:
    """
    Give the declared input with `prepare` in it.

    Raises:
        PackError: `pack.argument`: it is there already; or it is the code itself, or something else that is no name.
    """
    name = _checked("prepare", prepare)
    return declaration if name is None else _joined(declaration, "input", "prepare", name)


def into_output(declaration: object, finish: object) -> object:
    """
    Give the declared output with `finish` in it.

    Raises:
        PackError: `pack.argument`: as `into_input`.
    """
    name = _checked("finish", finish)
    return declaration if name is None else _joined(declaration, "output", "finish", name)


def own_names(declared_input: object, declared_output: object, factory: object) -> OwnNames:
    """
    Find what is named of the author's own code, wherever it was declared.

    Args:
        declared_input: With `prepare`, or without; what is no name is told of where it is checked.
        declared_output: With `finish`, or without.
        factory: What builds the network of an eager artifact.

    Raises:
        PackError: `pack.argument`: the code is in the program that runs, which is another one
            where the bundle is loaded; or the factory is no name.
    """
    run = _names(_field(declared_input, "prepare"), _field(declared_output, "finish"))
    every = (*run, *_names(_checked("factory", factory)))
    for name in every:
        _require_importable(name)
    packages = packages_of(every)
    return OwnNames(
        run=run,
        packages=tuple(dict.fromkeys(package for found in packages.values() for package in found)),
        loose=tuple(name for name, found in packages.items() if not found),
    )


def _names(*found: object) -> tuple[str, ...]:
    return tuple(name for name in found if isinstance(name, str))


def _field(declaration: object, name: str) -> object:
    return declaration.get(name) if isinstance(declaration, Mapping) else getattr(declaration, name, None)


def _require_importable(name: str) -> None:
    if name.partition(":")[0] == "__main__":
        raise PackError(
            f"{name} is in the script or notebook that packs, and where the bundle is loaded another one runs",
            code="pack.argument",
            hint="move it into a module of its own, and give the name of that",
        )


def _checked(argument: str, name: object) -> str | None:
    """Refuse what is no name of installed Python, and say which name a given function has."""
    if name is None:
        return None
    try:
        return msgspec.convert(name, CodeName)
    except msgspec.ValidationError:
        raise PackError(
            f"{argument} is {name!r:.80}, expected the name of installed Python, package.module:function",
            code="pack.argument",
            hint=_hint_for(argument, name),
        ) from None


def _hint_for(argument: str, code: object) -> str:
    if not callable(code):
        return ""
    name = f"{getattr(code, '__module__', '')}:{getattr(code, '__qualname__', '')}"
    if name.startswith("__main__:") or not _is_name(name):
        return "put it into a package as a function with a name, and install that wherever the model runs"
    return f'{argument}="{name}"'


def _is_name(name: str) -> bool:
    try:
        return bool(msgspec.convert(name, CodeName))
    except msgspec.ValidationError:
        return False


def _joined(declaration: object, what: str, field: str, name: str) -> Mapping[str, Any]:
    if declaration is not None and not isinstance(declaration, Mapping):
        raise PackError(
            f"{what} is a {type(declaration).__name__}, expected a mapping beside {field}=", code="pack.argument"
        )
    if declaration and declaration.get(field) is not None:
        raise PackError(f"{field} is declared twice, as {field} and in {what}", code="pack.argument")
    return {**(declaration or {}), field: name}
