"""Tests of the preparations that are tried instead of the declared one."""

import msgspec
import pytest

from andon.build.candidates import candidates, known_kernels
from andon.build.fit import Evidence
from andon.bundle.input_spec import InputSpec
from tests.support.author import INPUT, Author, photo

SPEC = msgspec.convert(INPUT, InputSpec)


def groups(spec: InputSpec, author: Author | None = None) -> list[list[object]]:
    """List the candidates by group."""
    image = photo(0)
    shown = [Evidence(image=image, model_input=(author or Author())(image).numpy())]
    return [list(group) for group in candidates(shown, spec)]


def test_the_declaration_itself_comes_first() -> None:
    """The simplest explanation is tried before all others."""
    first = groups(SPEC)[0][0]
    assert first.spec == SPEC  # type: ignore[attr-defined] # a candidate
    assert first.shift == (0, 0)  # type: ignore[attr-defined] # a candidate


def test_every_candidate_differs() -> None:
    """Within a group nothing is tried twice."""
    for group in groups(SPEC):
        assert len({repr(candidate) for candidate in group}) == len(group)


def test_a_crop_that_is_far_off_is_estimated() -> None:
    """Phase correlation finds the move, where trying all would take too long."""
    estimated = groups(SPEC, Author(moved=(7, -5)))[3]
    assert {candidate.shift for candidate in estimated} == {(7, -5)}  # type: ignore[attr-defined] # candidates


def test_a_declaration_without_resize_has_few_candidates() -> None:
    """There is no kernel to try where nothing is resized."""
    plain = msgspec.convert({**INPUT, "resize": {"mode": "none"}, "crop": None}, InputSpec)
    assert len(groups(plain)[0]) == 2


def test_both_libraries_are_tried_where_both_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven kernels with OpenCV, six without."""
    assert len(list(known_kernels())) == 11
    monkeypatch.setattr("andon.build.candidates.has_opencv", lambda: False)
    assert {antialias for antialias, _ in known_kernels()} == {True}
