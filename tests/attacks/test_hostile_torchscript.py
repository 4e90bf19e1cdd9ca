"""
Attack: TorchScript that opens a file of its choice for writing when it runs, or that has a pickle in it.

Defence: without trust torch does not see it. Trusted TorchScript may do what its operators can, while
it is loaded too; what torch reads of its pickles is tensors, numbers and the classes of the archive, and
no name of Python.
"""

import io
import pickle
import zipfile
from pathlib import Path

import pytest

import andon
from andon.errors import AndonError, RuntimeFault
from tests.attacks.support import Contents, Lay, Refused, with_artifact
from tests.attacks.test_pickle import Evil

pytestmark = pytest.mark.slow


def script(trace: Path) -> bytes:
    """Make TorchScript that makes a file when it runs."""
    torch = pytest.importorskip("torch", reason="the library of the runtime torch is not installed")

    class Opens(torch.nn.Module):  # type: ignore[misc, name-defined] # torch comes late
        def __init__(self) -> None:
            super().__init__()
            self.trace = str(trace)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.float().mean(dim=[1, 2]) + torch.from_file(self.trace, shared=True, size=1)

    written = io.BytesIO()
    torch.jit.save(torch.jit.script(Opens()), written)
    return written.getvalue()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_waits_for_trust(contents: Contents, lay: Lay, untrusted: Refused, traces: Path) -> None:
    """With it, it runs, and does what it does, before its answers are seen to be wrong."""
    trace = traces / "opened"
    path = lay(with_artifact(contents, "torchscript", script(trace)))
    untrusted(path, "torchscript")
    with pytest.raises(AndonError):
        andon.load(path, trust=True)
    assert trace.exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("member", ["data.pkl", "constants.pkl"])
def test_a_pickle_in_torchscript_is_not_unpickled(member: str, contents: Contents, lay: Lay, traces: Path) -> None:
    """Though the bundle is trusted: torch's own reader refuses it."""
    spoilt = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(script(traces / "opened"))) as archive, zipfile.ZipFile(spoilt, "w") as written:
        for name in archive.namelist():
            is_it = name.endswith(f"/{member}")
            written.writestr(name, pickle.dumps(Evil(traces / "unpickled"), 2) if is_it else archive.read(name))
    with pytest.raises(RuntimeFault) as caught:
        andon.load(lay(with_artifact(contents, "torchscript", spoilt.getvalue())), trust=True)
    assert caught.value.code == "runtime.load"
    assert list(traces.iterdir()) == []
