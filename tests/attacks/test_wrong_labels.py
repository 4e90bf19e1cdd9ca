"""
Attack: labels that are no labels: numbers, nothing, too many, too long, or another number than the model answers.

Defence: labels are bounded texts, and the golden raw outputs and the model must have one value a label.
"""

from typing import Any

import pytest

import andon
from andon.errors import BundleError
from tests.attacks.support import EXPECTED, Contents, Lay, Refused, changed


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        ([0, 1, 2], "[0]"),
        (["red", None, "blue"], "[1]"),
        (["red", ["green"], "blue"], "[1]"),
        (["red", {}, "blue"], "[1]"),
        (["red", "", "blue"], "[1]"),
        (["red", "green", "b" * 1025], "[2]"),
        ([], ""),
        ({}, ""),
        ("red", ""),
        (None, ""),
    ],
)
def test_what_is_no_label_is_refused(labels: Any, place: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """Each label is a text of 1 to 1,024 characters, and there is at least one."""
    path = lay(changed(contents, lambda manifest: manifest["output"].update(labels=labels)))
    refused(path, "bundle.field", f"$.output.labels{place}")


def test_too_many_labels_are_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """There are at most 100,000."""
    path = lay(changed(contents, lambda manifest: manifest["output"].update(labels=["x"] * 100_001)))
    refused(path, "bundle.field", "100000", "$.output.labels", peak_bytes=16 * 1024**2)


@pytest.mark.parametrize("labels", [["red"], ["red", "green"], ["red", "green", "blue", "grey"]])
def test_another_number_of_labels_is_refused(labels: list[str], contents: Contents, lay: Lay) -> None:
    """The golden samples know how many there are."""
    path = lay(changed(contents, lambda manifest: manifest["output"].update(labels=labels)))
    with pytest.raises(BundleError, match=rf"float32 \(3,\), expected float32 \({len(labels)}\)") as caught:
        andon.load(path)
    assert caught.value.code == "bundle.golden"
    assert EXPECTED in caught.value.where
