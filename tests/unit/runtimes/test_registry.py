"""Runtimes are found by the name that bundles give them."""

import pytest

from andon.errors import RuntimeFault
from andon.runtimes.registry import RUNTIMES, get_runtime, is_installed


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_known_name_gives_its_runtime(name: str) -> None:
    """Installed or not."""
    assert get_runtime(name).name == name


@pytest.mark.parametrize("name", ["", "ONNXRuntime", "tensorrt", "onnxruntime "])
def test_another_name_is_refused_with_the_known_ones(name: str) -> None:
    """The message lists what there is."""
    with pytest.raises(RuntimeFault) as caught:
        get_runtime(name)
    assert caught.value.code == "runtime.unknown"
    assert "null, onnxruntime, openvino" in caught.value.message


def test_a_runtime_is_installed_where_its_library_is() -> None:
    """`null` always; one of no known name never."""
    assert is_installed("null")
    assert not is_installed("tensorrt")
