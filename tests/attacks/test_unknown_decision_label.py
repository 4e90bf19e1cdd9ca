"""
Attack: a decision names a label that the model does not have, so that a defect never counts, or always.

Defence: the labels of a decision are labels of the output; an OK label has no threshold; low is not above high.
"""

from typing import Any

import pytest

from tests.attacks.support import Contents, Lay, Refused, changed

GOOD = {"low": 0.2, "high": 0.8}


@pytest.mark.parametrize(
    ("decision", "naming"),
    [
        ({"ok_labels": ["gren"]}, "'gren'"),
        ({"ok_labels": ["green", "Red"]}, "'Red'"),
        ({"ok_labels": ["green "]}, "'green '"),
        ({"ok_labels": ["green"], "thresholds": {"scratch": GOOD}}, "'scratch'"),
        ({"ok_labels": ["green"], "thresholds": {"green": GOOD}}, "'green' is an OK label"),
        ({"ok_labels": ["green"], "thresholds": {"red": {"low": 0.9, "high": 0.1}}}, "low 0.9 is above high 0.1"),
        ({"ok_labels": ["green"], "thresholds": {"red": {"low": -0.1, "high": 0.1}}}, "$.decision.thresholds.red.low"),
        ({"ok_labels": ["green"], "thresholds": {"red": {"low": 0.1, "high": 1.1}}}, "$.decision.thresholds.red.high"),
        ({"ok_labels": ["green"], "thresholds": {"red": {"low": 0.1}}}, "missing required field high"),
        ({"ok_labels": []}, "one of the labels must be that of a good part"),
        ({"thresholds": {"red": GOOD}}, "one of the labels must be that of a good part"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_refused(
    decision: dict[str, Any], naming: str, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """The message names the label or the field."""
    refused(lay(changed(contents, lambda manifest: manifest.update(decision=decision))), "bundle.field", naming)


def test_a_long_unknown_label_is_cut(contents: Contents, lay: Lay, refused: Refused) -> None:
    """A label of a thousand letters does not fill the message."""
    path = lay(changed(contents, lambda manifest: manifest.update(decision={"ok_labels": ["x" * 1024]})))
    assert len(refused(path, "bundle.field", "'xxx")) < 300


def test_an_execution_of_an_unknown_artifact_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """What is run must be there."""
    path = lay(changed(contents, lambda manifest: manifest["executions"][0].update(artifact="openvino")))
    refused(path, "bundle.field", "'openvino'", "not declared")


def test_two_artifacts_of_one_name_are_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """An execution must know which one it runs."""
    path = lay(changed(contents, lambda manifest: manifest["artifacts"].append(dict(manifest["artifacts"][0]))))
    refused(path, "bundle.field", "same name")
