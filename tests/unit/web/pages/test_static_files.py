"""The files of the page, by name and nothing else."""

from importlib.resources import files

import pytest

from andon.web.pages.static_files import CONTENT_TYPES, static_file

NAMES = sorted(entry.name for entry in files("andon.web.pages").joinpath("static").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_folder_is_served(name: str) -> None:
    """Each has a content type, so that `nosniff` does not stop it."""
    found = static_file(name)
    assert found is not None
    assert found.content_type == CONTENT_TYPES[name[name.rindex(".") :]]
    assert found.body == files("andon.web.pages").joinpath("static", name).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../page.py",
        "../templates/page.html",
        "..%2fpage.py",
        "./main.js",
        "/main.js",
        "static/main.js",
        "main.js/",
        "main.js\0",
        "MAIN.JS",
        "page.html",
        "en.json",
        "C:main.js",
        "..\\page.py",
    ],
)
def test_nothing_else_can_be_reached(name: str) -> None:
    """A name is looked up and never becomes a path."""
    assert static_file(name) is None


def test_the_tag_is_that_of_the_bytes() -> None:
    """Two files have two tags; the same file keeps its own."""
    tags = {found.etag for name in NAMES if (found := static_file(name))}
    assert len(tags) == len(NAMES)
    assert static_file("main.js") == static_file("main.js")
