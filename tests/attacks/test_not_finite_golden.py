"""
Attack: golden tensors hold NaN, so that a comparison with what they say can never fail.

Defence: each expected tensor must be finite, and the comparison itself takes NaN for a difference.
"""

import numpy as np
import pytest
from safetensors.numpy import load, save

import andon
from andon.errors import BundleError
from tests.attacks.support import EXPECTED, Contents, Lay, redeclared


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tensor", ["0.model_input", "2.raw_output"])
def test_a_golden_tensor_that_is_not_finite_is_refused(tensor: str, value: float, contents: Contents, lay: Lay) -> None:
    """One such number in a correctly declared member stops the loading, and the message names its tensor."""
    tensors = {name: array.copy() for name, array in load(contents[EXPECTED]).items()}
    tensors[tensor].flat[-1] = value
    path = lay(redeclared(contents, {EXPECTED: save(tensors)}))
    with pytest.raises(BundleError, match=f"'{tensor}' holds numbers that are not finite") as caught:
        andon.load(path)
    assert caught.value.code == "bundle.golden"
    assert EXPECTED in caught.value.where
