"""The steps around a graph are those that are declared, or the author's own code in their place."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Manifest
from andon.bundle.output_spec import OutputSpec
from andon.errors import EnvironmentFault, RuntimeFault
from andon.model.steps import Steps, load_steps
from tests.support.bundles import INPUT, colour_parts

IMAGE = Image.new("RGB", (40, 40), (10, 20, 30))
OUTPUT = OutputSpec(labels=("ok", "dent"))


def inverted(image: Image.Image) -> np.ndarray:
    """Prepare as no declaration could: what light is becomes dark."""
    return 1 - np.asarray(image, np.float32).transpose(2, 0, 1) / 255


def reversed_scores(raw_output: np.ndarray) -> np.ndarray:
    """Finish as no activation does."""
    return raw_output[::-1]


def test_declared_steps_are_done() -> None:
    """Without any code of the author's."""
    steps = Steps(InputSpec(), OUTPUT)
    prepared = steps.prepare(steps.decode(IMAGE))
    np.testing.assert_array_equal(prepared, np.asarray(IMAGE))
    np.testing.assert_allclose(steps.finish(np.zeros(2, np.float32)), [0.5, 0.5])


def test_own_code_takes_their_place() -> None:
    """Both before and after the graph."""
    spec = InputSpec(prepare="code:inverted")
    output = OutputSpec(labels=("ok", "dent"), finish="code:reversed")
    steps = Steps(spec, output, prepare=inverted, finish=reversed_scores)
    np.testing.assert_allclose(steps.prepare(IMAGE)[:, 0, 0], [1 - 10 / 255, 1 - 20 / 255, 1 - 30 / 255], rtol=1e-6)
    np.testing.assert_array_equal(steps.finish(np.array([0.1, 0.9], np.float32)), np.array([0.9, 0.1], np.float32))


def test_scores_of_another_number_than_labels_are_a_fault() -> None:
    """The message says both shapes."""
    output = OutputSpec(labels=("ok", "dent"), finish="code:three")
    steps = Steps(InputSpec(), output, finish=lambda _: np.zeros(3, np.float32))
    with pytest.raises(RuntimeFault, match=r"returns the shape \(3,\), expected \(2,\)") as caught:
        steps.finish(np.zeros(7, np.float32))
    assert caught.value.code == "code.run"


def steps_with(**output: Any) -> Steps:
    """Load the steps of the bundle of colours with another output."""
    import msgspec

    parts, _ = colour_parts(output={"labels": ["red", "green", "blue"], **output})
    manifest = msgspec.convert(parts, Manifest)
    return load_steps(manifest.input, manifest.output)


def test_a_bundle_names_its_code() -> None:
    """And it is imported when the steps are loaded, not before."""
    steps = steps_with(finish="tests.unit.model.test_steps:reversed_scores")
    np.testing.assert_array_equal(steps.finish(np.array([1, 2, 3], np.float32)), [3, 2, 1])
    assert steps_with().spec.resize.size == INPUT["resize"]["size"]  # type: ignore[union-attr] # has one


def test_code_that_is_not_installed_is_missing_on_this_machine() -> None:
    """As a library would be."""
    with pytest.raises(EnvironmentFault, match="nowhere_to_be_found"):
        steps_with(finish="nowhere_to_be_found:finish")
