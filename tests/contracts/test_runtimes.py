"""Every runtime of the registry keeps the contract of `andon.runtimes.base`."""

from collections.abc import Callable
from typing import Any

import pytest

from andon.bundle.manifest import Artifact, Execution
from andon.runtimes.base import Runtime
from andon.runtimes.registry import RUNTIMES
from andon.testing import RUNTIME_CHECKS, Specimen
from tests.support.graphs import Form, convolution_graph, factory_of

FORMS = {
    "uint8": Form(),
    "uint16": Form(dtype="uint16"),
    "float32": Form(dtype="float32", layout="NCHW"),
    "one_image": Form(batch=1),
    "map": Form(gives_map=True),
}
"""What artifacts take and give."""
PAIRS = [
    pytest.param(runtime, kind, id=f"{runtime.name}-{kind}", marks=[pytest.mark.slow] * (runtime.name == "torch"))
    for runtime in RUNTIMES.values()
    for kind in sorted(runtime.formats)
]
"""Every runtime with every format that it takes."""


def specimen(runtime: Runtime, kind: Any, form: Form) -> Specimen:
    """Make a sound artifact of a format; nothing where it is not looked at."""
    reads = runtime.name != "null"
    return Specimen(
        artifact=Artifact(
            name=kind,
            format=kind,
            path=f"artifacts/{kind}/model",
            layout=form.layout,
            dtype=form.dtype,
            dynamic_batch=form.batch != 1,
            factory=factory_of(form) if kind == "eager" else None,
        ),
        data=data(kind, form) if reads else b"",
        execution=Execution(artifact=kind, runtime=runtime.name),
        shape=form.shape,
        output_shape=form.output_shape,
        reads=reads,
    )


def data(kind: Any, form: Form) -> bytes:
    """Make the bytes of an artifact; torch is imported only where it writes them."""
    if kind == "onnx":
        return convolution_graph(form)
    from tests.support.torch_graphs import torch_artifact

    return torch_artifact(kind, form)


@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("runtime", "kind"), PAIRS)
def test_a_runtime_keeps_its_contract(
    runtime: Runtime, kind: Any, form: Form, check: Callable[[Runtime, Specimen], None]
) -> None:
    """What the docstring of the check says, for each format and each kind of graph."""
    if not runtime.is_installed():
        pytest.skip(f"the library of the runtime {runtime.name} is not installed")
    check(runtime, specimen(runtime, kind, form))


def test_the_names_in_the_registry_are_those_of_the_runtimes() -> None:
    """A runtime is found under the name that bundles give it."""
    assert {name: runtime.name for name, runtime in RUNTIMES.items()} == {name: name for name in RUNTIMES}
