"""`andon pack`: a model, its weights and its transform become a bundle that proves itself."""

import json
import shlex
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon.cli.images import find_images
from andon.cli.options import AsJson
from andon.cli.output import only_data_on_stdout, say, write_json, write_table
from andon.cli.progress import progress_bar
from andon.cli.words import count_in_words, difference_in_words
from andon.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from andon.build.pack import PackReport


_UNITS = {"pixels": "grey levels at most", "raw output": "(relative) at most"}
"""What the worst differences of the report are counted in."""


class Activation(StrEnum):
    """What turns raw outputs into scores."""

    softmax = "softmax"
    sigmoid = "sigmoid"
    none = "none"


class TaskChoice(StrEnum):
    """What a model does."""

    classification = "classification"
    anomaly = "anomaly"
    detection = "detection"
    segmentation = "segmentation"


class FormChoice(StrEnum):
    """How a model is stored."""

    onnx = "onnx"
    pt2 = "pt2"
    torchscript = "torchscript"
    eager = "eager"


class LayoutChoice(StrEnum):
    """In which order a graph takes the axes of images."""

    NCHW = "NCHW"
    NHWC = "NHWC"


@only_data_on_stdout()
def pack(  # noqa: PLR0913 -- one an option
    model: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="module:factory, a function that builds the network; or a .pt2, TorchScript or .onnx file.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The bundle to write.", show_default=False)],
    samples: Annotated[
        list[str],
        typer.Option("--samples", metavar="DIR", help="Images to prove with; may be repeated.", show_default=False),
    ],
    labels: Annotated[
        Path,
        typer.Option("--labels", metavar="FILE", help="One label a line, or a JSON list.", show_default=False),
    ],
    input: Annotated[  # noqa: A002 -- the manifest's word
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="The preparation, declared in JSON or TOML; found from the transform if not given.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="Safetensors or a state dict, for a factory.", show_default=False
        ),
    ] = None,
    transform: Annotated[
        str | None,
        typer.Option("--transform", metavar="MODULE:FUNCTION", help="The transform of validation.", show_default=False),
    ] = None,
    task: Annotated[TaskChoice, typer.Option("--task", help="What the model does.")] = TaskChoice.classification,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Kind of the raw outputs, and how boxes are read, declared in JSON or TOML.",
            show_default=False,
        ),
    ] = None,
    activation: Annotated[
        Activation, typer.Option("--activation", metavar="softmax|sigmoid|none", help="From raw outputs to scores.")
    ] = Activation.softmax,
    prepare: Annotated[
        str | None,
        typer.Option(
            "--prepare",
            metavar="MODULE:FUNCTION",
            help="Your own code in place of resize and crop.",
            show_default=False,
        ),
    ] = None,
    finish: Annotated[
        str | None,
        typer.Option(
            "--finish",
            metavar="MODULE:FUNCTION",
            help="Your own code in place of the activation.",
            show_default=False,
        ),
    ] = None,
    decision: Annotated[
        Path | None,
        typer.Option("--decision", metavar="FILE", help="OK labels and thresholds.", show_default=False),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The model's name, if not that of the file.", show_default=False),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TEXT", help="Where it comes from: script, commit.", show_default=False),
    ] = None,
    artifact: Annotated[
        list[FormChoice] | None,
        typer.Option(
            "--artifact",
            metavar="|".join(FormChoice),
            help="How to store the model; may be repeated, the preferred form first.",
            show_default=False,
        ),
    ] = None,
    layout: Annotated[
        LayoutChoice | None,
        typer.Option(
            "--layout", metavar="NCHW|NHWC", help="Order of axes that an .onnx file takes.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Pack a model into a bundle.

    The transform and the declared input are compared on the samples, and the packed model with
    the given one. Where they differ nothing is written, and the reason is told.
    """
    from andon.build.pack import pack as pack_model
    from andon.build.weights import import_callable

    require_writable(out)
    declared = read_object(input) if input else None
    decided = read_object(decision) if decision else None
    meant = read_object(output) if output else None
    named = read_labels(labels)
    paths = find_images(samples)
    for own in filter(None, (prepare, finish)):
        import_callable(own)
    given, factory = find_model(model, weights, wants_factory=FormChoice.eager in (artifact or ()))
    with progress_bar() as report:
        packed = pack_model(
            given,
            samples=paths,
            labels=named,
            out=out,
            transform=import_callable(transform) if transform else None,
            input=declared,
            task=task.value,
            output=meant,
            activation=activation.value,
            prepare=prepare,
            finish=finish,
            decision=decided,
            name=name,
            provenance={"source": source} if source else None,
            artifacts=[form.value for form in artifact or ()],
            factory=factory,
            layout=layout.value if layout else None,
            progress=report,
        )
    if as_json:
        write_json(report_as_json(packed))
    else:
        write_report(packed)
    say_next(packed)


def find_model(source: str, weights: Path | None, *, wants_factory: bool) -> tuple["nn.Module | Path", str | None]:
    """
    Tell a function from a file.

    Args:
        source: `module:factory`, or the path of a file.
        weights: For the network that a factory builds.
        wants_factory: Whether the factory is to build the network again where the bundle is loaded.

    Returns:
        The network with its weights, or the path; and the factory where it is wanted.

    Raises:
        UsageError: `usage.argument`: weights for a file, which has its own; `usage.path`: there is no such
            file; `usage.import`: or no such function.
        PackError: As `andon.build.weights.load_model`.
    """
    from andon.build.weights import load_model

    path = Path(source)
    if path.exists() or ":" not in source:
        if not path.is_file():
            raise UsageError(
                "there is no such file",
                code="usage.path",
                where=source,
                hint="a model is the path of a file, or module:factory",
            )
        if weights is not None:
            raise UsageError(
                f"{source} is a file and has weights of its own",
                code="usage.argument",
                where="--weights",
                hint="weights go with module:factory",
            )
        return path, None
    return load_model(source, weights), source if wants_factory else None


def require_writable(out: Path) -> None:
    """Refuse a place for the bundle before the work is done and not after it."""
    if out.is_dir():
        raise UsageError("this is a folder; name the file to write", code="usage.path", where=str(out))
    if not out.parent.is_dir():
        raise UsageError(
            "the folder of the bundle does not exist",
            code="usage.path",
            where=str(out),
            hint=f"mkdir -p {shlex.quote(str(out.parent))}",
        )


def read_object(path: Path) -> Mapping[str, Any]:
    """
    Read an object from a JSON or, by its suffix, a TOML file.

    Raises:
        UsageError: `usage.path`: the file cannot be read; `usage.argument`: it holds something else.
    """
    text = _read_text(path)
    try:
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"not valid {'TOML' if path.suffix.lower() == '.toml' else 'JSON'}: {error}",
            code="usage.argument",
            where=str(path),
        ) from None
    if not isinstance(content, dict):
        raise UsageError(f"expected an object, got a {type(content).__name__}", code="usage.argument", where=str(path))
    return content


def read_labels(path: Path) -> list[str]:
    """
    Read labels: one a line in the order of the scores, or a JSON list in a `.json` file.

    Raises:
        UsageError: `usage.path`: the file cannot be read; `usage.argument`: it is no list of names.
    """
    text = _read_text(path)
    if path.suffix.lower() != ".json":
        labels: object = [line.strip() for line in text.strip().splitlines()]
    else:
        try:
            labels = json.loads(text)
        except ValueError as error:
            raise UsageError(f"not valid JSON: {error}", code="usage.argument", where=str(path)) from None
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        raise UsageError(
            "expected a list of names, none of them empty",
            code="usage.argument",
            where=str(path),
            hint="one label a line, in the order of the model's scores",
        )
    return labels


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", code="usage.path", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text: {error}", code="usage.argument", where=str(path)) from None


def write_report(report: "PackReport") -> None:
    """Print what was packed, and what was proven on the way."""
    worst = (
        (f"{stage} off", f"{difference_in_words(value)} {_UNITS.get(stage, '')}".rstrip())
        for stage, value in report.worst.items()
    )
    rows = (
        ("bundle", str(report.path)),
        ("name", report.manifest.name),
        ("digest", report.digest),
        ("compared", count_in_words(report.samples, "sample")),
        *worst,
        *([("accuracy", str(report.accuracy))] if report.accuracy else []),
        ("golden", count_in_words(report.golden, "sample")),
    )
    write_table(("", ""), rows)


def report_as_json(report: "PackReport") -> dict[str, object]:
    """Give the report in plain data."""
    return {
        "path": str(report.path),
        "model": {"name": report.manifest.name, "version": report.digest[:12], "digest": report.digest},
        "samples": report.samples,
        "golden": report.golden,
        "worst": dict(report.worst),
        "accuracy": _accuracy_as_json(report),
        "notes": list(report.notes),
    }


def _accuracy_as_json(report: "PackReport") -> dict[str, object] | None:
    if report.accuracy is None:
        return None
    low, high = report.accuracy.interval()
    rate = report.accuracy
    return {"right": rate.count, "samples": rate.total, "value": rate.value, "low": low, "high": high}


def say_next(report: "PackReport") -> None:
    """Tell what could not be proven, and the next command to type."""
    for note in report.notes:
        say(f"note: {note}", style="yellow")
    trust = " --trust" if report.manifest.needs_trust else ""
    say(f"next: andon predict {shlex.quote(str(report.path))} IMAGE...{trust}")
