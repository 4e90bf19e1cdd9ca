"""Tests of the names of the author's own code, on their way into the declaration."""

from pathlib import Path
from typing import Any

import pytest

from andon.build.own_names import OwnNames, into_input, into_output, own_names
from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import OutputSpec
from andon.errors import PackError

PREPARE, FINISH = "numpy:asarray", "numpy.linalg:norm"


class Stretched:
    """Prepares as an object that can be called."""

    def __call__(self, image: object) -> object:
        """Give back what it gets."""
        return image


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (Stretched, '="tests.unit.build.test_own_names:Stretched"'),
        (Stretched(), "put it into a package"),
        (lambda image: image, "put it into a package"),
        ("own.py", ""),
        ("/own.py:code", ""),
        ("", ""),
        (5, ""),
    ],
)
def test_the_code_itself_is_no_name_of_it(given: object, hint: str) -> None:
    """The refusal says the name where the code has one that can be imported."""
    for refused in (
        lambda: into_input(None, given),
        lambda: into_output(None, given),
        lambda: own_names(None, None, given),
    ):
        with pytest.raises(
            PackError, match=r"expected the name of installed Python, package\.module:function"
        ) as caught:
            refused()
        assert caught.value.code == "pack.argument"
        assert hint in caught.value.hint
        assert bool(hint) == bool(caught.value.hint)


def test_names_are_put_into_the_declarations() -> None:
    """Beside what is declared there; without names a declaration stays what it is."""
    assert into_input({"color": "L"}, PREPARE) == {"color": "L", "prepare": PREPARE}
    assert into_input(None, PREPARE) == {"prepare": PREPARE}
    assert into_output({"kind": "map", "finish": None}, FINISH) == {"kind": "map", "finish": FINISH}
    assert (into_input(None, None), into_output(None, None)) == (None, None)
    assert into_input({"prepare": PREPARE}, None) == {"prepare": PREPARE}


def test_a_name_that_is_declared_twice_is_refused() -> None:
    """Even if it is the same: one of them would be forgotten when it changes."""
    for refused in (
        lambda: into_input({"prepare": PREPARE}, PREPARE),
        lambda: into_output({"finish": FINISH}, FINISH),
    ):
        with pytest.raises(PackError, match="declared twice") as caught:
            refused()
        assert caught.value.code == "pack.argument"


def test_a_name_needs_a_mapping_beside_it() -> None:
    """It cannot be put into anything else."""
    with pytest.raises(PackError, match="expected a mapping beside prepare="):
        into_input(InputSpec(), PREPARE)
    with pytest.raises(PackError, match="output is a list"):
        into_output([], FINISH)


@pytest.mark.parametrize(
    ("declared_input", "declared_output"),
    [
        ({"prepare": PREPARE}, {"finish": FINISH}),
        (InputSpec(prepare=PREPARE), OutputSpec(labels=("ok", "bad"), finish=FINISH)),
    ],
)
def test_names_are_found_wherever_they_were_declared(declared_input: object, declared_output: object) -> None:
    """The package that holds them once, however many they are."""
    found = own_names(declared_input, declared_output, None)
    assert found == OwnNames(run=(PREPARE, FINISH), packages=("numpy",), loose=())


def test_what_is_not_named_is_not_told_of() -> None:
    """Nor is what is no name: where declarations are checked it is an error."""
    nothing = OwnNames(run=(), packages=(), loose=())
    assert own_names(None, None, None) == nothing
    assert own_names({"prepare": 5}, ["finish"], None) == nothing
    assert nothing.notes == ()


def test_what_the_bundle_will_need_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust for what runs with each image, and code that nobody installs; of a factory its artifact tells."""
    (tmp_path / "loose_training_code.py").write_text("def build_model(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    trust, loose = own_names({"prepare": PREPARE}, {"finish": FINISH}, "loose_training_code:build_model").notes
    assert f"--trust: it runs {PREPARE} and {FINISH}" in trust
    assert loose.startswith("loose_training_code:build_model belongs to no installed package")
    assert "PYTHONPATH" in loose


@pytest.mark.parametrize("arguments", [({"prepare": "__main__:f"}, None, None), (None, None, "__main__:f")])
def test_code_of_the_running_program_is_refused(arguments: tuple[Any, Any, Any]) -> None:
    """Where the bundle is loaded, `__main__` is another one."""
    with pytest.raises(PackError, match="script or notebook") as caught:
        own_names(*arguments)
    assert caught.value.code == "pack.argument"
    assert "module of its own" in caught.value.hint
