"""The author's own code is found by its installed name."""

import sys
from pathlib import Path

import pytest

from andon.errors import EnvironmentFault
from andon.named_code import import_own_code


def test_a_function_of_an_installed_module_is_found() -> None:
    """A method too."""
    assert import_own_code("math:floor")(2.5) == 2
    assert import_own_code("pathlib:Path.cwd")() == Path.cwd()


@pytest.mark.parametrize("name", ["no_such_module:f", "math:no_such_name", "math:pi"])
def test_what_is_not_there_is_named(name: str) -> None:
    """As something that is missing on this machine."""
    with pytest.raises(EnvironmentFault) as caught:
        import_own_code(name)
    assert caught.value.code == "code.import"
    assert name.partition(":")[0] in str(caught.value)


def test_how_a_file_beside_the_bundle_is_found_is_told() -> None:
    """`andon pack` looks into the working folder, and nothing that loads a bundle does."""
    with pytest.raises(EnvironmentFault) as caught:
        import_own_code("no_such_module:f")
    assert "PYTHONPATH" in caught.value.hint


def test_a_module_that_fails_on_import_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it raises."""
    (tmp_path / "broken_code.py").write_text("raise ZeroDivisionError('no weights')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EnvironmentFault, match="ZeroDivisionError: no weights"):
        import_own_code("broken_code:f")
    assert "broken_code" not in sys.modules


def test_a_script_that_ends_the_program_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sys.exit` on import ends the loading, not the service."""
    (tmp_path / "ending_code.py").write_text("import sys\nsys.exit('done')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EnvironmentFault, match="SystemExit: done"):
        import_own_code("ending_code:f")
