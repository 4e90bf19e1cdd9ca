"""
The way to an int8 artifact that holds.

All of it in 8 bits if that is near enough, else with as few nodes in floats as it takes: the most sensitive ones.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from andon.build.optimize.candidates import Bench, Form, Tried
from andon.build.optimize.images import Progress
from andon.build.optimize.quantise import quantise, spread
from andon.build.optimize.restore import name_nodes, quantised_nodes, restore
from andon.build.optimize.sensitivity import most_sensitive_first, noise, smallest_that_holds
from andon.build.optimize.work import Work
from andon.bundle.manifest import Artifact, Execution
from andon.errors import RuntimeFault
from andon.runtimes.registry import is_installed
from andon.tensors import FloatArray

if TYPE_CHECKING:
    import onnx

ARTIFACT = "int8"
PATH = "artifacts/int8/model.onnx"
MIN_IMAGES = 32
"""Fewer images do not show the ranges of activations."""
_HEARING = 32
"""Images on which the noise of each node is heard."""
_LARGEST_SHARE = 3
"""At most one node in so many stays in floats: with more, little of the speed is left."""


class OutOfTime(Exception):
    """The time that was given for the search is over."""


class Int8Search:
    """
    Searches an int8 artifact.

    Args:
        bench: Where candidates are tried; the reference has answered.
        source: The ONNX artifact in floats.
        work: Keeps what was found, for the next run.
        attempt: Tries a form, or knows what came of it before.
        is_late: Whether the time that was given is over.
        progress: Told of each step.
    """

    def __init__(
        self,
        bench: Bench,
        source: Form,
        work: Work,
        *,
        attempt: Callable[[Form], Tried],
        is_late: Callable[[], bool],
        progress: Progress,
    ) -> None:
        self._bench = bench
        self._source = source
        self._work = work
        self._attempt = attempt
        self._is_late = is_late
        self._progress = progress
        self._runtime = "openvino" if is_installed("openvino") else "onnxruntime"
        self._tried: list[Tried] = []
        self._original = _parsed(source.data)
        name_nodes(self._original)
        self._quantised = self._quantise()
        self._nodes = quantised_nodes(self._quantised, self._original)

    def _quantise(self) -> "onnx.ModelProto":
        """Quantise, or take what was quantised before."""
        kept = self._work.get("quantised.onnx")
        if kept is None:
            self._progress(0, 1, "quantising (NNCF)")
            quantised = quantise(self._original, self._bench.given.images)
            kept = quantised.SerializeToString(deterministic=True)
            self._work.put("quantised.onnx", kept)
        return _parsed(kept)

    def run(self) -> list[Tried]:
        """Give all that was tried, in order; none of them holds where it is in vain, or the time was over."""
        if not self._nodes:
            return []
        # Where the time is over, what was tried so far is what there is; the caller tells of it.
        with suppress(OutOfTime):
            if not self._holds([]):
                order = most_sensitive_first(self._noises())
                largest = len(order) // _LARGEST_SHARE
                smallest_that_holds(largest, lambda number: self._holds(order[:number]))
        return self._tried

    def in_other_runtimes(self, found: Tried) -> Iterator[Form]:
        """Give the form that holds with the other runtimes that take ONNX."""
        for runtime in ("openvino", "onnxruntime"):
            if runtime != self._runtime and is_installed(runtime):
                execution = msgspec.structs.replace(found.form.execution, runtime=runtime)
                yield msgspec.structs.replace(found.form, execution=execution)

    def _holds(self, in_floats: list[str]) -> bool:
        if self._is_late():
            raise OutOfTime
        self._progress(len(self._tried), len(self._tried) + 1, f"int8 with {len(in_floats)} nodes in fp32")
        self._tried.append(self._attempt(self._form(in_floats)))
        return self._tried[-1].holds

    def _form(self, in_floats: list[str]) -> Form:
        given = self._source.artifact
        artifact = Artifact(
            name=ARTIFACT,
            format="onnx",
            path=PATH,
            layout=given.layout,
            dtype=given.dtype,
            dynamic_batch=given.dynamic_batch,
        )
        execution = Execution(artifact=ARTIFACT, runtime=self._runtime, precision="int8")
        data = restore(self._quantised, self._original, in_floats)
        return Form(artifact=artifact, data=data, execution=execution, float_nodes=tuple(in_floats))

    def _noises(self) -> dict[str, float]:
        """Give what each node alone adds, as far as it was heard before taken from there."""
        noises: dict[str, float] = msgspec.json.decode(self._work.get("noises.json") or b"{}")
        images = spread(self._bench.given.images, _HEARING)
        source = self._bench.raw_outputs(self._bench.open(self._source, 1), images)
        for done, node in enumerate(self._nodes):
            if node in noises:
                continue
            if self._is_late():
                raise OutOfTime
            self._progress(done, len(self._nodes), "listening to the noise of each node")
            noises[node] = self._noise_of(node, source)
            self._work.put("noises.json", msgspec.json.encode(noises))
        return noises

    def _noise_of(self, node: str, expected: list[FloatArray]) -> float:
        """Quantise one node alone, and hear what it does; the loudest are those with which the graph fails."""
        form = self._form([name for name in self._nodes if name != node])
        images = spread(self._bench.given.images, _HEARING)
        try:
            return min(noise(self._bench.raw_outputs(self._bench.open(form, 1), images), expected), _DEAFENING)
        except RuntimeFault:
            return _DEAFENING


_DEAFENING = 1e30
"""The noise of a node with which the graph fails; JSON has no infinity."""


def _parsed(data: bytes) -> "onnx.ModelProto":
    import onnx

    return onnx.load_from_string(data)


def obstacle(images: int, *, has_onnx: bool, are_golden: bool, has_nncf: bool) -> str:
    """Say why int8 is not tried; empty where it can be."""
    if not has_onnx:
        return "int8 is not tried: the bundle has no ONNX artifact"
    if are_golden or images < MIN_IMAGES:
        return f"int8 is not tried: it needs {MIN_IMAGES} images or more to see the ranges of activations, give --data"
    return "" if has_nncf else 'int8 is not tried: it needs nncf, pip install "andon[optimize]"'
