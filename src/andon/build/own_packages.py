"""Which installed packages hold a module, so that their versions can be recorded."""

from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions, files, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
from msgspec import Struct


class _Folder(Struct, frozen=True):
    editable: bool = False


class _DirectUrl(Struct, frozen=True):
    """`direct_url.json` of a package, as the specification of the Python packaging authority says."""

    url: str
    dir_info: _Folder = _Folder()


def packages_of(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """
    Find the packages that hold code.

    Args:
        names: Each `package.module:function`.

    Returns:
        For each name the distribution packages that hold its module, sorted, each once; none
        for a file that lies beside a script. A package that is installed as a link to its folder counts.
    """
    installed = packages_distributions() if names else {}
    modules = {name: name.partition(":")[0] for name in names}
    return {name: tuple(sorted(_holding(module, installed))) for name, module in modules.items()}


def _holding(module: str, installed: Mapping[str, list[str]]) -> set[str]:
    outermost = module.partition(".")[0]
    found = {*(installed.get(outermost) or _linked_packages_of(outermost))}
    # Packages of one company often share their first name, as those of Google do.
    return found if len(found) < 2 else {package for package in found if _lists(package, module)}


def _lists(package: str, module: str) -> bool:
    path = module.replace(".", "/")
    return any(str(file).startswith((f"{path}.", f"{path}/")) for file in files(package) or ())


def _linked_packages_of(module: str) -> Iterator[str]:
    """Name the packages whose folder, to which they are a link, has the module: they do not list what is in it."""
    source = _source_of(module)
    if source is None:
        return
    for distribution in distributions():
        folder = _linked_folder(distribution)
        if folder is not None and source.is_relative_to(folder):
            yield distribution.name


def _source_of(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except ValueError:  # a module that was made by hand, as `__main__` is
        return None
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    return next((Path(place).resolve() for place in places if place is not None), None)


def _linked_folder(distribution: Distribution) -> Path | None:
    text = distribution.read_text("direct_url.json")
    if text is None:
        return None
    found = msgspec.json.decode(text, type=_DirectUrl)
    return Path(url2pathname(urlsplit(found.url).path)).resolve() if found.dir_info.editable else None
