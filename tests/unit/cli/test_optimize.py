"""`andon optimize`, as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bundles import LABELS, colour_image
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]
QUICK = ("--no-int8", "--batch", 1, "--threads", 1)
pytestmark = pytest.mark.slow


@pytest.fixture
def sorted_parts(tmp_path: Path) -> Path:
    """A folder of 60 images in folders called as the labels."""
    folder = tmp_path / "sorted"
    for number in range(60):
        label = LABELS[number % 3]
        (folder / label).mkdir(parents=True, exist_ok=True)
        rgb = tuple(200 if number % 3 == channel else 40 for channel in range(3))
        colour_image(rgb, seed=number).save(folder / label / f"{number:02}.png")  # type: ignore[arg-type]
    return folder


def test_a_table_goes_to_stdout_and_the_rest_to_stderr(run: Run, colours: Path, sorted_parts: Path) -> None:
    """A line a candidate; then why some are refused, what is first, and what to type next."""
    out = sorted_parts.parent / "fast.andon"
    ran = run("optimize", colours, "--data", sorted_parts, "-o", out, *QUICK)
    assert ran.code == 0
    assert ran.out.startswith("candidate ")
    assert "onnxruntime fp32" in ran.out
    assert f"next: andon check {out}" in ran.err
    assert run("check", out).code == 0
    assert "optimised" in run("inspect", out).out


def test_json_and_a_page_hold_the_same(run: Run, colours: Path, sorted_parts: Path) -> None:
    """The whole of the evidence, and where the bundle is."""
    folder = sorted_parts.parent
    ran = run(
        "optimize",
        colours,
        "--data",
        sorted_parts,
        "-o",
        folder / "o.andon",
        "--html",
        folder / "o.html",
        "--json",
        *QUICK,
    )
    document = json.loads(ran.out)
    assert document["path"] == str(folder / "o.andon")
    assert document["evidence"]["images"] == 60
    assert document["executions"][0]["evidence"]["compared_images"] == 60
    page = (folder / "o.html").read_text()
    assert all(each["runtime"] in page for each in document["evidence"]["candidates"])
    told = json.loads(run("inspect", folder / "o.andon", "--json").out)
    assert told["optimised"] == document["evidence"]


def test_the_new_bundle_lies_beside_the_old_one(run: Run, colours: Path, tmp_path: Path) -> None:
    """As NAME-fast.andon, where nothing else is asked for."""
    (tmp_path / "mine.andon").write_bytes(colours.read_bytes())
    assert run("optimize", tmp_path / "mine.andon", *QUICK).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine-fast.andon", "mine.andon"]


def test_limits_are_those_that_were_given(run: Run, colours: Path, sorted_parts: Path) -> None:
    """They stand in the evidence."""
    limits = {"min-agreement": 0.5, "min-agreement-low": 0.4, "max-loss": 0.01, "max-change": 0.3, "max-output": 0.2}
    options = [word for name, value in limits.items() for word in (f"--{name}", value)]
    ran = run(
        "optimize", colours, "--data", sorted_parts, "-o", sorted_parts.parent / "o.andon", "--json", *options, *QUICK
    )
    told = json.loads(ran.out)["evidence"]
    assert {name.replace("_", "-"): told["limits"][name.replace("-", "_")] for name in limits} == limits


def test_a_list_of_labels_is_the_truth(run: Run, colours: Path, sorted_parts: Path) -> None:
    """Here it says that every image is blue, so a third is right."""
    rows = [f"{path.relative_to(sorted_parts)},blue" for path in sorted_parts.glob("*/*.png")]
    (sorted_parts / "truth.csv").write_text("image,label\n" + "\n".join(rows))
    out = sorted_parts.parent / "o.andon"
    ran = run(
        "optimize", colours, "--data", sorted_parts, "--labels", sorted_parts / "truth.csv", "-o", out, "--json", *QUICK
    )
    (accuracy, *_) = [each["agreement"]["accuracy"] for each in json.loads(ran.out)["evidence"]["candidates"]]
    assert (accuracy["count"], accuracy["total"]) == (20, 60)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--data", "absent"), "no image can be used"),
        (("--data", "ab*sent"), "matches no file"),
        (("--labels", "absent.csv"), "cannot be read"),
        (("--max-loss", "2"), "less than or equal to 1"),
        (("-o", "absent/o.andon"), "does not exist"),
        (("--html", "absent/o.html"), "does not exist"),
        (("--work", "/dev/null"), "cannot be kept"),
    ],
)
def test_rubbish_is_refused_and_nothing_is_written(
    run: Run, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], expected: str
) -> None:
    """With a message that says what."""
    monkeypatch.chdir(tmp_path)
    target = () if "-o" in options else ("-o", tmp_path / "o.andon")
    ran = run("optimize", colours, *target, *options, *QUICK)
    assert ran.code in (1, 2, 3)
    assert expected in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_stopped_says_how_to_go_on(
    run: Run, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it with 130, and leaves no bundle."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("andon.build.optimize.optimize.measure", stop)
    ran = run("optimize", colours, "-o", tmp_path / "o.andon", *QUICK)
    assert ran.code == 130
    assert "the same command goes on" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["o.andon.work"]
