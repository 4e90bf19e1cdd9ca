"""Tests of what an artifact is to take."""

from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec


def test_pixels_have_their_channels_last_and_floats_first() -> None:
    """As prepared images have them, and as a transform gives them."""
    spec = InputSpec(color="L", depth=12)
    pixels, floats = GraphInput(spec, (8, 6)), GraphInput(spec, (8, 6), takes_floats=True)
    assert (pixels.dtype, pixels.layout, pixels.shape) == ("uint16", "NHWC", (8, 6, 1))
    assert (floats.dtype, floats.layout, floats.shape) == ("float32", "NCHW", (1, 8, 6))
    assert GraphInput(InputSpec(), (8, 6)).dtype == "uint8"
