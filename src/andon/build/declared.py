"""What the author declares to `pack`, held to what the manifest allows before anything slow is done."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from andon.bundle.fields import BundleName
from andon.bundle.input_spec import InputSpec
from andon.bundle.json_text import explain_field
from andon.bundle.manifest import Provenance, check_task
from andon.bundle.output_spec import DecisionSpec, OutputSpec, Task, check_decision
from andon.errors import EnvironmentFault, PackError

_KIND_OF_TASK = {"detection": "boxes", "segmentation": "map"}
_INPUT_HINT = (
    "resize has the mode shorter_side with a size in pixels, exact or letterbox with a size [height, width], or none; "
    "interpolation is nearest, box, bilinear, hamming, bicubic or lanczos; crop has a size [height, width]; "
    "tiles have a size [height, width] and an overlap in pixels"
)


class Declared(Struct, frozen=True, kw_only=True):
    """The author's declarations but for the input, checked as the manifest checks them."""

    name: BundleName
    task: Task
    output: OutputSpec
    decision: DecisionSpec | None
    provenance: Provenance

    def __post_init__(self) -> None:
        check_decision(self.decision, self.output)


def declare(  # noqa: PLR0913 -- keyword-only, each a decision of the author's
    *,
    name: str,
    task: str,
    labels: object,
    output: object,
    activation: str,
    decision: Mapping[str, Any] | DecisionSpec | None,
    provenance: object,
) -> Declared:
    """
    Check all that is declared beside the input.

    Args:
        name: Of the bundle.
        task: As in the manifest.
        labels: One name a class.
        output: As in the manifest, without the labels; a kind that is missing follows from the task.
            None for nothing.
        activation: Of an output that declares none.
        decision: As in the manifest.
        provenance: A mapping, as in the manifest, with `created_by`; None stands for an empty one.

    Raises:
        PackError: `pack.argument`, with the field that is wrong.
    """
    fields = {
        "name": name,
        "task": task,
        "output": {**_checked_output(output, task, activation), "labels": _checked_labels(labels)},
        "decision": decision,
        "provenance": provenance,
    }
    return _convert(Declared, fields, "pack.argument")


def declare_input(declaration: Mapping[str, Any] | InputSpec) -> InputSpec:
    """
    Check the declaration of the preparation.

    Raises:
        PackError: `pack.input`, with the field that is wrong.
    """
    return _convert(InputSpec, declaration, "pack.input")


def is_of_tiles_only(declaration: Mapping[str, Any] | InputSpec) -> bool:
    """Ask whether a declaration says how images are cut up, and nothing of what is done to a tile."""
    return isinstance(declaration, Mapping) and "tiles" in declaration and set(declaration) <= {"tiles", "roi"}


def of_tiles(spec: InputSpec, tiled: InputSpec) -> InputSpec:
    """
    Give what is done to one tile the tiles and the region of another declaration.

    Raises:
        PackError: `pack.input`: they do not go together.
    """
    return declare_input({**msgspec.to_builtins(spec), "tiles": tiled.tiles, "roi": tiled.roi})


def require_fitting(declared: Declared, spec: InputSpec) -> None:
    """
    Refuse declarations that do not go together.

    Raises:
        PackError: `pack.argument`.
    """
    try:
        check_task(declared.task, spec, declared.output, declared.decision)
    except ValueError as error:
        raise PackError(str(error), code="pack.argument") from None


def require_sound_prepare(spec: InputSpec, *, takes_floats: bool) -> None:
    """
    Refuse a normalisation behind floats, which would not be done, and pixels of fewer levels than are declared.

    Raises:
        PackError: `pack.input`.
    """
    usual = InputSpec()
    if spec.prepare is not None and not takes_floats and spec.dtype == "uint16":
        raise PackError(
            f"{spec.prepare} gives uint8, and the images have {spec.depth} bits",
            code="pack.input",
            where="the argument input",
            hint="let it return floats (C, H, W)",
        )
    if takes_floats and (spec.scale, spec.mean, spec.std) != (usual.scale, usual.mean, usual.std):
        raise PackError(
            f"{spec.prepare} gives floats, which go to the network as they are",
            code="pack.input",
            where="the argument input",
            hint="leave out scale, mean and std, or let it return uint8 (H, W, C)",
        )


def undeclared_input() -> PackError:
    """Make the error for a preparation that is neither declared nor found."""
    return PackError(
        "the preparation is neither declared nor to be found, for there is no transform",
        code="pack.input",
        hint="give the transform, or say what it does, for example input={'resize': {'mode': 'shorter_side', "
        "'size': 256}, 'crop': {'size': [224, 224]}, 'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225]}",
    )


def checked_path(out: object) -> Path:
    """
    Refuse early a place that would only be noticed at the end.

    Raises:
        PackError: `pack.argument`: it is no path.
        EnvironmentFault: `environment.write`: no file can be written there.
    """
    if not isinstance(out, str | os.PathLike):
        raise PackError(f"out is a {type(out).__name__}, expected a path", code="pack.argument")
    path = Path(out)
    if not os.access(path.parent, os.W_OK):
        raise EnvironmentFault(
            "the folder does not exist or cannot be written", code="environment.write", where=str(path.parent)
        )
    if path.exists() and not path.is_file():
        raise EnvironmentFault("there is something that is no file", code="environment.write", where=str(path))
    return path


def name_of(out: Path) -> str:
    """
    Take the bundle's name from its file name.

    Raises:
        PackError: `pack.argument`: it has letters that a name cannot have.
    """
    try:
        return msgspec.convert(out.stem, BundleName)
    except msgspec.ValidationError:
        raise PackError(
            f"the file name {out.stem!r} cannot be the bundle's name: expected 1 to 64 letters a-z, digits, ., _ or -",
            code="pack.argument",
            where="the argument out",
            hint='give another name with name="...", or with --name on the command line',
        ) from None


def checked_provenance(provenance: object) -> Mapping[str, Any]:
    """
    Give what is declared of the origin, nothing where nothing is.

    Raises:
        PackError: `pack.argument`: it is no mapping.
    """
    if provenance is None or isinstance(provenance, Mapping):
        return provenance or {}
    raise PackError(f"provenance is a {type(provenance).__name__}, expected a mapping", code="pack.argument")


def _checked_output(output: object, task: str, activation: str) -> Mapping[str, Any]:
    """Give what is declared of the output, with its kind and its activation."""
    output = {} if output is None else output
    if not isinstance(output, Mapping):
        raise PackError(f"output is a {type(output).__name__}, expected a mapping", code="pack.argument")
    if "labels" in output:
        raise PackError("the labels are declared twice, as labels and in output", code="pack.argument")
    declared = {"activation": activation, **output}
    usual = "probabilities" if declared["activation"] == "none" else "logits"
    return {"kind": _KIND_OF_TASK.get(task, usual), **declared}


def _checked_labels(labels: object) -> list[object]:
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise PackError(
            f"labels is {labels!r:.80}, expected a list of names", code="pack.argument", hint='labels=["ok", "bad"]'
        )
    return list(labels)


_T = TypeVar("_T")


def _convert(kind: type[_T], value: object, code: str) -> _T:
    """Check plain data or structs as the manifest would."""
    where = "the argument input" if kind is InputSpec else "the arguments of pack"
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError) as error:
        raise PackError(f"not plain data: {error}", code=code, where=where) from None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        fault = explain_field(text, kind, error)
        hint = fault.hint or (_INPUT_HINT if kind is InputSpec else "")
        raise PackError(fault.message, code=code, where=where, hint=hint) from None
