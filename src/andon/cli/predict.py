"""`andon predict`: one prediction an image, over files, folders and patterns."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.images import find_images, name_of
from andon.cli.options import AsJson, BundlePath, DeviceName, PrecisionName, RuntimeName, Threads, Trust
from andon.cli.output import is_terminal, only_data_on_stdout, say
from andon.cli.progress import progress_bar
from andon.cli.words import count_in_words
from andon.errors import UsageError

if TYPE_CHECKING:
    from andon.cli.forms import Form
    from andon.model.model import Model
    from andon.predictions import Failure


@only_data_on_stdout()
def predict(  # noqa: PLR0913 -- one an option
    file: BundlePath,
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Files, folders or patterns.", show_default=False)
    ],
    *,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV to stdout.")] = False,
    top: Annotated[
        int | None, typer.Option("--top", metavar="N", min=1, help="Show the N best labels.", show_default=False)
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option("--maps", metavar="DIR", help="Write maps there, as PNG a label.", show_default=False),
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", min=1, help="Images run at once.", show_default=False)
    ] = None,
    threads: Threads = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: DeviceName = "cpu",
    trust: Trust = False,
) -> None:
    """
    Predict images with a bundle, which proves itself first.

    A folder stands for all images in it, by their suffix. An image that cannot be used is
    reported at the end and makes the exit code 1; the others are still done.
    """
    from andon.cli.forms import WithMaps
    from andon.model.load import load
    from andon.model.model import DEFAULT_BATCH_SIZE

    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", code="usage.argument")
    paths = find_images(images)
    model = load(
        file,
        runtime=runtime,
        precision=precision.value if precision else None,
        device=device,
        threads=threads,
        trust=trust,
    )
    if maps is not None and model.manifest.output.kind != "map":
        raise UsageError(
            f"--maps is for bundles that answer with maps; the output of this one is {model.manifest.output.kind}",
            code="usage.argument",
        )
    form = choose_form(model, top, as_json=as_json, as_csv=as_csv)
    if maps is not None:
        form = WithMaps(form, maps, model.labels)
    streams = as_json or as_csv
    failures = predict_each(model, paths, form, batch or DEFAULT_BATCH_SIZE, bar=not (streams and is_terminal()))
    if failures:
        _say_failures(failures, len(paths))
        raise typer.Exit(1)


def choose_form(model: "Model", top: int | None, *, as_json: bool, as_csv: bool = False) -> "Form":
    """Give the form that the options ask for."""
    from andon.cli.forms import CsvForm, JsonForm, TableForm

    if as_json:
        return JsonForm(model, top)
    return CsvForm(model, top or 1) if as_csv else TableForm(model, top or 1)


def predict_each(
    model: "Model", paths: Sequence[Path], form: "Form", batch_size: int, *, bar: bool
) -> "list[tuple[str, Failure]]":
    """Predict and write each image; return the names of those that failed, with the reason."""
    failures = []
    with progress_bar(shown=bar) as report:
        for done, prediction in enumerate(model.predict_many(paths, batch_size=batch_size)):
            name = name_of(paths[done])
            form.add(name, prediction)
            if prediction.error:
                failures.append((name, prediction.error))
            report(done + 1, len(paths), "predicting")
    form.end()
    return failures


def _say_failures(failures: "list[tuple[str, Failure]]", total: int) -> None:
    say(f"{len(failures):,} of {count_in_words(total, 'image')} could not be used:", style="bold red")
    say(*(f"  {name}: [{error.code}] {error.message}" for name, error in failures))
