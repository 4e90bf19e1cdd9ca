"""Tests of finding packages."""

from pathlib import Path

import pytest

import andon
from andon.demo.packages import package_folder
from andon.errors import EnvironmentFault


def test_the_folder_of_a_package_is_found() -> None:
    """It is the one that the package is imported from."""
    assert package_folder("andon") == Path(andon.__file__).parent


@pytest.mark.parametrize("package", ["surely_not_installed", "this"])
def test_a_package_that_is_not_there_names_the_pip_command(package: str) -> None:
    """Neither is a single module a package with a folder."""
    with pytest.raises(EnvironmentFault, match=f"the example needs {package}") as caught:
        package_folder(package)
    assert (caught.value.code, caught.value.hint) == ("environment.extra", 'pip install "andon[demo]"')
