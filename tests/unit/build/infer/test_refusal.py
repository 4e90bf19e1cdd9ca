"""Tests of the error that asks for the declaration."""

import json

import msgspec
import pytest

from andon.build.infer.refusal import declaration, not_found
from andon.bundle.input_spec import InputSpec

SPECS = (
    {},
    {"resize": {"mode": "shorter_side", "size": 256}, "crop": {"size": [224, 224]}, "mean": [0.5], "std": [0.25]},
    {"color": "BGR", "resize": {"mode": "letterbox", "size": [64, 80], "antialias": False, "pad": [1, 2, 3]}},
    {"color": "L", "depth": 16, "range": [1000, 9000], "to_8_bits": "floor", "orientation": "exif"},
)


@pytest.mark.parametrize("plain", SPECS)
def test_a_declaration_can_be_pasted(plain: dict[str, object]) -> None:
    """It says what differs from the default, and reads back as the same."""
    spec = msgspec.convert(plain, InputSpec)
    assert json.loads(declaration(spec)) == plain
    assert msgspec.json.decode(declaration(spec), type=InputSpec) == spec


def test_the_error_has_a_reason_a_guess_and_the_ways_out() -> None:
    """Nobody is left with a no."""
    error = not_found("it mirrors the image", where="part.png", guess=InputSpec(color="BGR"))
    assert error.code == "pack.input"
    assert error.where == "part.png"
    assert "it mirrors the image" in error.message
    assert 'input={"color":"BGR"}' in error.message
    assert "input={...}" in error.hint
    assert "prepare=" in error.hint


def test_without_a_guess_none_is_shown() -> None:
    """A transform that is nothing like a declaration gets no wrong start."""
    assert "nearest" not in not_found("it inverts the image").message
