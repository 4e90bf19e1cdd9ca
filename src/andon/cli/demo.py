"""`andon demo`: a real example model, packed, tried and served."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon.cli.images import find_images, name_of
from andon.cli.options import AsJson
from andon.cli.output import printable, say, write, write_json
from andon.cli.pack import report_as_json, require_writable, say_next, write_report
from andon.cli.progress import progress_bar
from andon.cli.words import count_in_words, metrics_in_words
from andon.errors import UsageError

if TYPE_CHECKING:
    from andon.build.pack import PackReport
    from andon.demo.check import Comparison
    from andon.demo.examples import Example
    from andon.model.model import Model

PORT = 5555


def demo(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="photos|solar|IMAGE", help="The example, or images for --check.", show_default=False),
    ] = None,
    *,
    pack_only: Annotated[bool, typer.Option("--pack-only", help="Pack, and stop.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Serve on a free port, ask about each IMAGE, compare, and stop.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Keep the bundle.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=1, max=65535, help="Where to serve, if not on 5555.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Pack a real model, classify a photo, and serve it on 127.0.0.1.

    The example `photos` is EfficientNet-Lite0 with ImageNet weights. `solar` finds defective solar
    cells: it is trained first, which takes some minutes, and says how often it was right. With
    --check the answers over HTTP are compared with those of this process; the exit code is 1 where
    one differs, or where an image could not be used.
    """
    from andon.demo.examples import EXAMPLES
    from andon.programs import interrupted_by_signals, usable_port

    name, images = example_and_images(arguments or [], check=check)
    if pack_only and check:
        raise UsageError("--pack-only and --check exclude each other", code="usage.argument")
    paths = find_images(images)
    example, show = EXAMPLES[name], _Show(as_json=as_json)
    if pack_only:
        _pack_only(example, out or Path(f"{name}.andon"), show)
        return
    port = usable_port(port or (0 if check else PORT))
    with interrupted_by_signals(), TemporaryDirectory(prefix="andon-") as folder:
        bundle = out or Path(folder, f"{name}.andon")
        model = _pack_and_predict(example, bundle, show)
        if not check:
            show.end()
            _serve(bundle, port, example)
            return
        problems = _check(bundle, port, model, [example.sample_photo(), *paths], show)
        show.end()
    if problems:
        _say_problems(problems)
        raise typer.Exit(1)
    say("the service answers as the bundle does in this process")


class _Show:
    """What there is to show: as text at once, or as one JSON document at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._document: dict[str, Any] = {}

    def report(self, report: "PackReport") -> None:
        """Show what was packed and proven."""
        if self._as_json:
            self._document["bundle"] = report_as_json(report)
        else:
            write_report(report)

    def prediction(self, model: "Model", path: Path) -> None:
        """Show what the model says of a photo, in this process."""
        from andon.cli.forms import TableForm

        prediction = model.predict(path)
        if self._as_json:
            self._document["predictions"] = [{"file": name_of(path), **prediction.as_json()}]
            return
        form = TableForm(model, top=3)
        form.add(name_of(path), prediction)
        form.end()

    def answer(self, comparison: "Comparison") -> None:
        """Show what the service says of an image."""
        name = name_of(comparison.path)
        if self._as_json:
            answer = {"file": name, "answer": comparison.answer, "problem": comparison.problem or None}
            self._document.setdefault("answers", []).append(answer)
        else:
            write(f"{printable(name)}: {printable(comparison.answer)}\n")

    def end(self) -> None:
        """Write the document, where one was asked for."""
        if self._as_json:
            write_json(self._document)


def _pack_only(example: "Example", out: Path, show: _Show) -> None:
    report = _pack(example, out)
    show.report(report)
    show.end()
    say_next(report)


def _pack_and_predict(example: "Example", out: Path, show: _Show) -> "Model":
    from andon.model.load import load

    show.report(_pack(example, out))
    model = load(out)
    show.prediction(model, example.sample_photo())
    return model


def _pack(example: "Example", out: Path) -> "PackReport":
    require_writable(out)
    say(f"packing {example.about}, into {out}")
    with progress_bar() as progress:
        report = example.pack(out, progress)
    _say_metrics(report.manifest.provenance.metrics)
    return report


def _say_metrics(metrics: Mapping[str, float]) -> None:
    """Tell how good the example was where it was tested; `photos` was tested by others."""
    if metrics:
        say("tested on images that it was not trained on", *(f"  {line}" for line in metrics_in_words(metrics)))


def _check(bundle: Path, port: int, model: "Model", paths: Sequence[Path], show: _Show) -> list[tuple[str, str]]:
    """Ask a service about images, and return what is wrong, by image."""
    from andon.demo.check import check_greeting, compare
    from andon.demo.service import Service

    with Service(bundle, port) as service:
        say(f"asking {service.command}")
        greeting = check_greeting(port)
        problems = [("GET /", greeting)] if greeting else []
        for comparison in compare(model, port, paths):
            show.answer(comparison)
            if comparison.problem:
                problems.append((name_of(comparison.path), comparison.problem))
    return problems


def _say_problems(problems: Sequence[tuple[str, str]]) -> None:
    say(f"the check failed: {count_in_words(len(problems), 'problem')}", style="bold red")
    say(*(f"  {name}: {problem}" for name, problem in problems))


def _serve(bundle: Path, port: int, example: "Example") -> None:
    """Serve until Ctrl-C, which is how it is meant to end."""
    from andon.demo.service import Service

    with Service(bundle, port) as service:
        say(
            "",
            f"open {service.url} in a browser",
            "served with",
            f"  {service.command}",
            "try",
            f"  curl -F file=@{shlex.quote(str(example.sample_photo()))} {service.url}/run",
            "Ctrl-C ends it",
        )
        try:
            service.wait()
        except KeyboardInterrupt:
            say("ended")


def example_and_images(arguments: Sequence[str], *, check: bool) -> tuple[str, list[str]]:
    """
    Take the name of the example off the arguments, and give it with the images that are left.

    Without a name it is the first of all examples. With --check, a folder of your own that is
    called as an example is a folder of images.

    Raises:
        UsageError: `usage.argument`: there are images, and nothing is asked about them.
    """
    from andon.demo.examples import EXAMPLES

    first, *others = arguments or [""]
    named = first in EXAMPLES and not (check and Path(first).exists())
    images = others if named or not first else [first, *others]
    if images and not check:
        raise UsageError(
            f"there is no example {images[0]!r}, expected {' or '.join(EXAMPLES)}",
            code="usage.argument",
            hint="images are asked about with --check",
        )
    return first if named else next(iter(EXAMPLES)), images
