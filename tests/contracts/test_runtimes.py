"""Every runtime of the registry keeps the contract of `andon.runtimes.base`."""

from collections.abc import Callable

import pytest

from andon.bundle.manifest import Artifact, Execution
from andon.runtimes.base import Runtime
from andon.runtimes.registry import RUNTIMES
from andon.testing import RUNTIME_CHECKS, Specimen
from tests.support.graphs import Form, convolution_graph

FORMS = {
    "uint8": Form(),
    "uint16": Form(dtype="uint16"),
    "float32": Form(dtype="float32", layout="NCHW"),
    "one_image": Form(batch=1),
    "map": Form(gives_map=True),
}
"""What artifacts take and give."""
DATA = {"onnx": convolution_graph}
"""How a sound artifact of each format is made."""


def specimen(runtime: Runtime, form: Form) -> Specimen:
    """Make an artifact of a format that the runtime takes."""
    kind = next(kind for kind in DATA if kind in runtime.formats)
    return Specimen(
        artifact=Artifact(
            name=kind,
            format=kind,
            path=f"artifacts/{kind}/model",
            layout=form.layout,
            dtype=form.dtype,
            dynamic_batch=form.batch != 1,
        ),
        data=DATA[kind](form),
        execution=Execution(artifact=kind, runtime=runtime.name),
        shape=form.shape,
        output_shape=form.output_shape,
        reads=runtime.name != "null",
    )


@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("runtime", RUNTIMES.values(), ids=RUNTIMES)
def test_a_runtime_keeps_its_contract(runtime: Runtime, form: Form, check: Callable[[Runtime, Specimen], None]) -> None:
    """What the docstring of the check says, for each kind of graph."""
    if not runtime.is_installed():
        pytest.skip(f"the library of the runtime {runtime.name} is not installed")
    check(runtime, specimen(runtime, form))


def test_the_names_in_the_registry_are_those_of_the_runtimes() -> None:
    """A runtime is found under the name that bundles give it."""
    assert {name: runtime.name for name, runtime in RUNTIMES.items()} == {name: name for name in RUNTIMES}
