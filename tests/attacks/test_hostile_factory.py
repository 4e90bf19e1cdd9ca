"""
Attack: an eager artifact names a factory, which would run as soon as the artifact is opened.

Defence: without trust it is not imported. With trust it is not imported either before its weights
are known to be a sound safetensors file.
"""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

import andon
from andon.errors import RuntimeFault
from tests.attacks.support import Contents, Lay, Refused, with_artifact

FACTORY = "tests.support.hostile_code:build"
NO_TENSORS = b"\x02\0\0\0\0\0\0\0{}"


def test_a_factory_waits_for_trust(contents: Contents, lay: Lay, untrusted: Refused, traces: Path) -> None:
    """With it, it is called."""
    pytest.importorskip("torch", reason="the library of the runtime torch is not installed")
    weights = save({name: np.ones((1, 1, 1, 1), np.float32) for name in ("factor", "shift")})
    path = lay(with_artifact(contents, "eager", weights, factory=FACTORY))
    untrusted(path, "eager")
    with pytest.raises(RuntimeFault, match="gives a NoneType"):
        andon.load(path, trust=True)
    assert {trace.name for trace in traces.iterdir()} == {"imported", "called"}


@pytest.mark.parametrize("weights", [b"", b"\x80\x04.", NO_TENSORS], ids=["nothing", "pickle", "no tensors"])
def test_weights_that_are_none_never_reach_the_factory(
    weights: bytes, contents: Contents, lay: Lay, traces: Path
) -> None:
    """Though the bundle is trusted."""
    pytest.importorskip("torch", reason="the library of the runtime torch is not installed")
    with pytest.raises(RuntimeFault) as caught:
        andon.load(lay(with_artifact(contents, "eager", weights, factory=FACTORY)), trust=True)
    assert caught.value.code == "runtime.load"
    assert list(traces.iterdir()) == []
