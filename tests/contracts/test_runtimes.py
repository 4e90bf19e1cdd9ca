"""Every runtime of the registry keeps the contract of `andon.runtimes.base`."""

from collections.abc import Callable

import pytest

from andon.bundle.manifest import Artifact, Execution
from andon.runtimes.base import Runtime
from andon.runtimes.registry import RUNTIMES
from andon.testing import RUNTIME_CHECKS, Specimen
from tests.support.bundles import LABELS, SIZE, colour_graph

DATA = {"onnx": colour_graph}
"""How a sound artifact of each format is made."""


def specimen(runtime: Runtime) -> Specimen:
    """Make an artifact of the runtime's first format."""
    form = min(runtime.formats)
    return Specimen(
        artifact=Artifact(name=form, format=form, path=f"artifacts/{form}/model"),
        data=DATA[form](),
        execution=Execution(artifact=form, runtime=runtime.name),
        shape=(SIZE, SIZE, 3),
        classes=len(LABELS),
        reads=runtime.name != "null",
    )


@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("runtime", RUNTIMES.values(), ids=RUNTIMES)
def test_a_runtime_keeps_its_contract(runtime: Runtime, check: Callable[[Runtime, Specimen], None]) -> None:
    """What the docstring of the check says."""
    if not runtime.is_installed():
        pytest.skip(f"the library of the runtime {runtime.name} is not installed")
    check(runtime, specimen(runtime))


def test_the_names_in_the_registry_are_those_of_the_runtimes() -> None:
    """A runtime is found under the name that bundles give it."""
    assert {name: runtime.name for name, runtime in RUNTIMES.items()} == {name: name for name in RUNTIMES}
