"""Tests of counting right answers for samples in labelled folders."""

from pathlib import Path

import pytest

from andon.build.labelled import Truth
from andon.build.samples import Sample
from andon.bundle.output_spec import OutputSpec

LABELS = ("ok", "scratch", "dent")
OUTPUT = OutputSpec(labels=LABELS)


def sample(path: str) -> Sample:
    """Make a sample that lies somewhere."""
    return Sample(name=path, path=Path(path))


def counted(*answers: tuple[str, int], output: OutputSpec = OUTPUT) -> Truth:
    """Count answers for samples in folders."""
    truth = Truth(output)
    for folder, best in answers:
        truth.count(sample(f"{folder}/part.png"), best)
    return truth


def test_the_folder_of_a_sample_is_its_label() -> None:
    """Folders above it are not looked at, and samples of other folders and images in memory are not counted."""
    truth = counted(("ok", 0), ("dent/scratch", 1), ("dent", 0), ("ok/images", 0))
    truth.count(Sample(name="sample 4", data=b"png"), 0)
    assert truth.accuracy is not None
    assert (truth.accuracy.count, truth.accuracy.total) == (2, 3)
    assert truth.doubts == ()


def test_without_labelled_folders_nothing_is_told() -> None:
    """Neither a rate nor a doubt."""
    truth = counted(("images", 0), ("photos", 1))
    assert (truth.accuracy, truth.doubts) == (None, ())


def test_a_folder_that_is_named_relatively_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from within it."""
    (tmp_path / "dent").mkdir()
    monkeypatch.chdir(tmp_path / "dent")
    truth = Truth(OUTPUT)
    truth.count(sample("part.png"), 2)
    assert truth.accuracy is not None
    assert truth.accuracy.count == 1


def test_a_link_lies_in_the_folder_that_it_stands_in(tmp_path: Path) -> None:
    """As where a dataset is sorted into folders of links, or a folder is a link itself."""
    for folder in ("store", "classes", "classes/dent"):
        (tmp_path / folder).mkdir()
    (tmp_path / "store" / "1.png").touch()
    (tmp_path / "classes" / "dent" / "1.png").symlink_to(tmp_path / "store" / "1.png")
    (tmp_path / "classes" / "scratch").symlink_to(tmp_path / "store")
    truth = Truth(OUTPUT)
    truth.count(sample(str(tmp_path / "classes" / "dent" / "1.png")), 2)
    truth.count(sample(str(tmp_path / "classes" / "scratch" / "1.png")), 1)
    assert truth.accuracy is not None
    assert (truth.accuracy.count, truth.accuracy.total) == (2, 2)


def test_a_model_that_is_no_better_than_one_label_is_doubted() -> None:
    """The commonest label and both counts are named."""
    truth = counted(("ok", 0), ("ok", 0), ("ok", 1), ("dent", 0), ("scratch", 0))
    (doubt,) = truth.doubts
    assert "right for 2 of 5" in doubt
    assert "no more than 'ok' for all of them would be (3)" in doubt
    assert "the order of the labels" in doubt


def test_a_model_that_is_better_than_one_label_is_not_doubted() -> None:
    """By one sample, too."""
    assert counted(("ok", 0), ("ok", 0), ("dent", 2), ("dent", 0)).doubts == ()


@pytest.mark.parametrize(("right", "is_doubted"), [(0, True), (1, True), (2, False)])
def test_samples_of_one_label_are_held_against_guessing(right: int, *, is_doubted: bool) -> None:
    """There one label for all would be right by itself; of three labels a guess is right once in three times."""
    doubts = counted(*[("dent", 2)] * right, *[("dent", 0)] * (3 - right)).doubts
    assert [("no more than guessing would be (1)" in doubt) for doubt in doubts] == [True] * is_doubted


@pytest.mark.parametrize(
    "output",
    [
        OutputSpec(labels=LABELS, kind="boxes"),
        OutputSpec(labels=LABELS, kind="map"),
        OutputSpec(labels=("dent", "dent"), activation="sigmoid"),
    ],
)
def test_nothing_is_counted_where_the_best_label_is_not_that_of_the_image(output: OutputSpec) -> None:
    """Boxes and maps find several labels in an image, and one label alone is always the best."""
    truth = counted(("dent", 0), ("dent", 1), output=output)
    assert (truth.accuracy, truth.doubts) == (None, ())
