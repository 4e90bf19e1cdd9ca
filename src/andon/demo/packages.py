"""The packages that bring the example's weights, labels and photos, found without importing them."""

from importlib.util import find_spec
from pathlib import Path

from andon.errors import missing_extra


def package_folder(package: str) -> Path:
    """
    Give the folder of an installed package.

    Raises:
        EnvironmentFault: `environment.extra`: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra(package, "demo", "the example")
    return Path(spec.submodule_search_locations[0])
