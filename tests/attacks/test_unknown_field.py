"""
Attack: a field that this version ignores and another obeys, or a slip of the pen that silently does nothing.

Defence: unknown fields are refused at every depth, with their path and line.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.support import GRAPH, Contents, Lay, Refused, changed

OBJECTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "$": lambda m: m,
    "$.input": lambda m: m["input"],
    "$.input.resize": lambda m: m["input"]["resize"],
    "$.input.crop": lambda m: m["input"]["crop"],
    "$.output": lambda m: m["output"],
    "$.artifacts[0]": lambda m: m["artifacts"][0],
    "$.executions[0]": lambda m: m["executions"][0],
    "$.executions[0].tolerance": lambda m: m["executions"][0].setdefault("tolerance", {}),
    "$.golden": lambda m: m["golden"],
    "$.provenance": lambda m: m["provenance"],
    "$.decision": lambda m: m.setdefault("decision", {"ok_labels": ["red"]}),
    '$.decision.thresholds["dark blue"]': lambda m: m.setdefault(
        "decision", {"ok_labels": ["red"], "thresholds": {"dark blue": {"low": 0.1, "high": 0.2}}}
    )["thresholds"]["dark blue"],
    f'$.files["{GRAPH}"]': lambda m: m["files"][GRAPH],
}


@pytest.mark.parametrize("path", OBJECTS)
@pytest.mark.parametrize("field", ["evil", "__class__", "", "trust"])
def test_an_unknown_field_is_refused(path: str, field: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The message names the field, where it stands, and its line."""
    bundle = lay(changed(contents, lambda manifest: OBJECTS[path](manifest).update({field: 1})))
    refused(
        bundle, "bundle.field", f"unknown field {field!r}", "" if path == "$" else f"at {path}\n", "bundle.json, line "
    )


def test_a_slip_of_the_pen_is_recognised(contents: Contents, lay: Lay, refused: Refused) -> None:
    """A field that is nearly right is hinted at."""
    path = lay(changed(contents, lambda manifest: manifest["input"].update(means=[0.5])))
    refused(path, "bundle.field", "'means'", "did you mean 'mean'?")


def test_the_name_of_a_field_cannot_write_the_message(contents: Contents, lay: Lay, refused: Refused) -> None:
    """Control characters and quotes of another message are shown, not obeyed."""
    name = "x`\x1b[2J - at `$.files"
    refused(lay(changed(contents, lambda manifest: manifest.update({name: 1}))), "bundle.field", repr(name))


def test_a_long_name_is_cut(contents: Contents, lay: Lay, refused: Refused) -> None:
    """A megabyte of name does not become a megabyte of message."""
    path = lay(changed(contents, lambda manifest: manifest.update({"x" * 500_000: 1})))
    refused(path, "bundle.field", "unknown field 'xxx", peak_bytes=8 * 1024**2)
