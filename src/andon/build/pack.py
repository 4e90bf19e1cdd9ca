"""
A model becomes a proven bundle.

The order is that of the costs: what the author's code and the declaration make of the samples
is compared first, the export comes after, and nothing is written before the proof holds.
"""

import importlib.metadata
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from PIL import Image

from andon import __version__
from andon.build.artifacts import Candidate, hold_to_given, make_candidates, proven_executions, wanted_forms
from andon.build.assemble import assemble
from andon.build.author import Author, Measured, common_size, require_logits, require_pixels
from andon.build.compare import Agreement, prepare_sample
from andon.build.declared import (
    checked_path,
    checked_provenance,
    declare,
    declare_input,
    is_of_tiles_only,
    name_of,
    of_tiles,
    require_fitting,
    require_sound_prepare,
    undeclared_input,
)
from andon.build.golden_set import make_golden
from andon.build.graph_input import GraphInput
from andon.build.infer import find_input
from andon.build.labelled import Truth
from andon.build.own_names import into_input, into_output, own_names
from andon.build.own_places import require_stretched
from andon.build.samples import Sample, noise, read_samples, upside_down
from andon.build.sources.base import Form, Layout
from andon.build.sources.find import opened
from andon.build.tile_samples import as_tiles
from andon.build.transform import Transform
from andon.bundle.archive import write_bundle
from andon.bundle.input_spec import InputSpec, NoResize, ShorterSide
from andon.bundle.manifest import Manifest
from andon.bundle.output_spec import DecisionSpec, OutputSpec, Task
from andon.evaluate.metrics import Rate
from andon.model.steps import Steps, load_steps

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and what is being done."""

_FIRST_SAMPLES = 8
"""Samples for which the given model is asked before the export, which takes longer."""
_COMPARING = "comparing the transform with the declaration"


class PackReport(Struct, frozen=True, kw_only=True):
    """What was packed, and what was proven on the way."""

    path: Path
    digest: str
    """SHA-256 of the manifest, 64 hex digits."""
    manifest: Manifest
    samples: int
    """Images, or tiles of them, on which the transform, the declaration and both models were compared."""
    golden: int
    """Golden samples in the bundle."""
    worst: Mapping[str, float]
    """Largest difference a stage: `pixels` in grey levels, `raw output` relative to the largest expected value."""
    notes: tuple[str, ...]
    """What the author should know: what was found, and things that could not be proven."""
    accuracy: Rate | None = None
    """Of the samples that lie in a folder called as a label; None where none does."""


def pack(  # noqa: PLR0913 -- keyword-only, each a decision of the author's
    model: "nn.Module | ExportedProgram | str | os.PathLike[str]",
    *,
    samples: Sequence[str | os.PathLike[str] | Image.Image],
    labels: Sequence[str],
    out: str | os.PathLike[str],
    transform: Transform | None = None,
    input: Mapping[str, Any] | InputSpec | None = None,  # noqa: A002 -- the manifest's word
    task: Task = "classification",
    output: Mapping[str, Any] | None = None,
    activation: Literal["softmax", "sigmoid", "none"] = "softmax",
    prepare: str | None = None,
    finish: str | None = None,
    decision: Mapping[str, Any] | DecisionSpec | None = None,
    name: str | None = None,
    provenance: Mapping[str, Any] | None = None,
    artifacts: Sequence[Form] = (),
    factory: str | None = None,
    layout: Layout | None = None,
    progress: Progress | None = None,
) -> PackReport:
    """
    Pack a model into a bundle that proves itself wherever it is loaded.

    Args:
        model: An `nn.Module`, TorchScript or a program of `torch.export`, which takes float32
            (N, C, H, W) and returns scores (N, classes), boxes (N, M, 4 + classes) or a map
            (N, classes, h, w); or the path of a file that holds one of the latter two, or an ONNX
            model. Used in evaluation mode on the CPU, and left as it was.
        samples: Images as files, or Pillow images; at least one, better ten of each class. Where
            files lie in folders called as the labels, the report tells how often the model is right.
        labels: One name a class, in the order of the scores.
        out: The bundle to write; one that is there is replaced.
        transform: The transform of the author's validation: takes what `PIL.Image.open(path)`
            returns, gives a float tensor (C, H, W). Without it the declaration is believed, and the
            report says so.
        input: The same preparation, declared as in the manifest; for a model that normalises
            itself the scale is 1. With `tiles` the transform and the model take one tile, and so
            samples that are larger are cut up. None to find it from the transform; with `tiles`,
            and `roi`, alone the rest is found.
        task: `classification`, `anomaly`, `detection` (boxes) or `segmentation` (a map).
        output: `kind`, `boxes` and `activation`, as in the manifest; what is missing follows from
            the task and the activation.
        activation: What turns raw outputs into scores; `none` where the model ends in probabilities.
        prepare: The author's own installed Python in place of resize, crop and normalisation, as
            `package.module:function`: takes a Pillow image, gives floats (C, H, W), or uint8
            (H, W, C) that are normalised as declared. The bundle loads only where it is trusted.
        finish: The same in place of the activation: takes one image's raw output, float32, gives what
            the kind of the output has after the activation, such as scores (classes,).
        decision: OK labels and thresholds, as in the manifest; None for no verdict.
        name: 1 to 64 letters, digits, `.`, `_` and `-`; None for the file's name.
        provenance: `source`, `dataset` and `metrics`, as in the manifest.
        artifacts: Forms in which to store the model, the preferred one first: `onnx`, which loads
            everywhere, and `pt2`, `torchscript` or `eager`, which load only where the bundle is
            trusted. Empty for `onnx`, and for TorchScript and exported programs their own form beside it.
        factory: Installed Python that builds the network, as `package.module:function`; what an
            `eager` artifact needs.
        layout: The order of axes in which an ONNX model takes images; None to see it from its shape.
        progress: Called before each step.

    Returns:
        What was packed and proven.

    Raises:
        MismatchError: `pack.mismatch.*`: the transform and the declaration, or the packed and
            the given model, do not agree. Nothing is written.
        PackError: `pack.*`: the model, the samples or an argument cannot be used.
        EnvironmentFault: A library is not installed, or the file cannot be written.
    """
    out = checked_path(out)
    origin = checked_provenance(provenance)
    declared_input, declared_output = into_input(input, prepare), into_output(output, finish)
    own = own_names(declared_input, declared_output, factory)
    with opened(model, factory=factory, layout=layout) as source:
        declared = declare(
            name=name_of(out) if name is None else name,
            task=task,
            labels=labels,
            output=declared_output,
            activation=activation,
            decision=decision,
            provenance={**origin, "created_by": _created_by(source.package, *own.packages)},
        )
        forms = wanted_forms(source, artifacts)
        given = read_samples(samples)
        whole, how = _input_of(declared_input, transform, given, progress)
        require_fitting(declared, whole)
        found, steps = as_tiles(given, whole), load_steps(whole.of_one, declared.output)
        author = Author(source.answer, transform, steps)
        made, untried = _made_samples(author, found[0], is_tile=whole.tiles is not None)
        tell = _Progress(progress, 2 * len(found) + len(made) + 2)
        agreement = _agreement(author, found, made, tell)
        size = common_size(agreement.sizes, steps.spec)
        source.require_fit(steps.spec, size)
        wanted = _try_first([author.measure(sample) for sample in found[:_FIRST_SAMPLES]], steps, size)
        tell("exporting the model")
        candidates, passed_over = make_candidates(source, forms, wanted, declared.output, all_asked=bool(artifacts))
        compared = _Compared(candidates, declared.output)
        for sample in tell.each(found, "comparing the packed model with the given one"):
            compared.add(author.measure(sample))
        golden = make_golden(author, found, compared.classes, made)
    executions, unlisted = proven_executions(golden, steps, candidates)
    manifest, members = assemble(declared, whole, candidates, executions, golden)
    digest = write_bundle(out, manifest, members)
    truth = compared.truth
    unproven = untried if author.has_transform else (_unproven(truth),)
    return PackReport(
        path=out,
        digest=digest,
        manifest=manifest,
        samples=len(found),
        golden=len(golden),
        worst={"pixels": agreement.worst_difference, "raw output": compared.worst},
        accuracy=truth.accuracy,
        notes=(*truth.doubts, *how, *unproven, *own.notes, *passed_over, *_notes_of(candidates), *unlisted),
    )


def _input_of(
    declaration: Mapping[str, Any] | InputSpec | None,
    transform: Transform | None,
    samples: Sequence[Sample],
    progress: Progress | None,
) -> tuple[InputSpec, tuple[str, ...]]:
    """
    Give the preparation as it is declared, or else as it is found from the transform, and what to say of it.

    A declaration of tiles alone leaves to be found what is done to one of them.
    """
    if declaration is not None and (transform is None or not is_of_tiles_only(declaration)):
        return declare_input(declaration), ()
    if transform is None:
        raise undeclared_input()
    declared = InputSpec() if declaration is None else declare_input(declaration)
    tell = _Progress(progress, 2 * len(samples))
    found = find_input(transform, as_tiles(samples, declared), lambda what: tell(what, done=0))
    return of_tiles(found.spec, declared), (found.how, *found.notes)


def _unproven(truth: Truth) -> str:
    """Say what holds a declaration that was given alone."""
    if truth.accuracy is None:
        return (
            "no transform was given, so nothing proves that the declared input is that of the training; "
            "samples in folders called as their labels would show a wrong one"
        )
    return f"no transform was given, so only the accuracy, {truth.accuracy}, tells whether the declared input is right"


def _notes_of(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(candidate.note for candidate in candidates if candidate.note))


def _made_samples(author: Author, first: Sample, *, is_tile: bool) -> tuple[list[Sample], tuple[str, ...]]:
    """Make images that try what the author's own may not show, and say which of them his transform does not take."""
    spec, size = author.spec, _made_size(author.spec, first, is_tile=is_tile)
    made = [make(size, grey=spec.color == "L", depth=spec.depth) for make in (noise, upside_down)]
    taken = [sample for sample in made if author.accepts(sample)]
    missed = [sample for sample in made if sample not in taken]
    return taken, tuple(
        f"the transform fails on {sample.name}; it is compared on your samples only" for sample in missed
    )


def _made_size(spec: InputSpec, first: Sample, *, is_tile: bool) -> tuple[int, int]:
    """Give height and width of made images: odd ones, or those of the first sample where the declaration keeps them."""
    if is_tile or spec.roi is not None or (spec.crop is None and isinstance(spec.resize, ShorterSide | NoResize)):
        with first.open() as image:
            return image.height, image.width
    height, width, _ = prepare_sample(first, spec).shape
    return height * 5 // 4 + 3, width * 3 // 2 + 5


def _agreement(author: Author, found: Sequence[Sample], made: Sequence[Sample], tell: "_Progress") -> Agreement:
    """Refuse a transform that answers differently each time, or otherwise than declared."""
    tell("calling the transform again and again")
    author.require_repeatable([*found, *made])
    agreement = author.require_agreement(tell.each(found, _COMPARING))
    author.require_agreement(tell.each(made, _COMPARING))
    return agreement


def _try_first(measured: Sequence[Measured], steps: Steps, size: tuple[int, int]) -> GraphInput:
    """Refuse before the slow export what the first samples show, and tell what artifacts are to take."""
    takes_floats = measured[0].pixels is None
    require_sound_prepare(steps.spec, takes_floats=takes_floats)
    require_logits(measured, steps.output)
    require_pixels(measured, steps.output)
    require_stretched(measured[0].sample, steps)
    return GraphInput(steps.spec, size, takes_floats=takes_floats)


class _Compared:
    """What came of comparing the artifacts with the given model, sample by sample; the pixels are let go."""

    def __init__(self, candidates: Sequence[Candidate], output: OutputSpec) -> None:
        self.classes: list[int] = []
        self.worst = 0.0
        self.truth = Truth(output)
        self._candidates = candidates
        self._output = output

    def add(self, measured: Measured) -> None:
        """Hold the artifacts to one sample, and the given model to what its folder says."""
        self.worst = max(self.worst, hold_to_given(measured, self._candidates, self._output))
        self.classes.append(measured.best)
        self.truth.count(measured.sample, measured.best)


class _Progress:
    """Tells a progress callback which step of how many is being done."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def __call__(self, what: str, *, done: int = 1) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total, what)
        self._done += done

    def each(self, samples: Sequence[Sample], what: str) -> Iterator[Sample]:
        """Hand on samples, telling before each."""
        for sample in samples:
            self(what)
            yield sample


def _created_by(*packages: str) -> str:
    """Name Andon and the packages that made the model answer, with their versions."""
    versions = [f"{package} {importlib.metadata.version(package).partition('+')[0]}" for package in packages]
    return ", ".join([f"andon {__version__}", *versions])
