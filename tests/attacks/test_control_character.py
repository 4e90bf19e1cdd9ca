"""
Attack: a label or a name with control characters, which a terminal, a log or an HTTP header obeys when it is shown.

Defence: texts of the manifest hold none, and what an error quotes of a refused bundle is escaped.
"""

from collections.abc import Callable
from typing import Any

import pytest

from andon.bundle.archive import read_bundle
from tests.attacks.support import Contents, Lay, Refused, changed

CHARACTERS = {
    "escape": "\x1b[2J",
    "line break": "ok\nresult : ok",
    "last line break": "ok\n",
    "return": "ok\r",
    "nul": "ok\x00",
    "bell": "\x07",
    "delete": "\x7f",
    "C1": "\x9b2J",
}
PLACES: dict[str, Callable[[dict[str, Any], str], object]] = {
    "$.output.labels[0]": lambda m, text: m["output"].update(labels=[text, "green", "blue"]),
    "$.name": lambda m, text: m.update(name=text),
    "$.provenance.created_by": lambda m, text: m["provenance"].update(created_by=text),
    "$.decision.ok_labels[0]": lambda m, text: m.update(decision={"ok_labels": [text]}),
    "$.artifacts[0].name": lambda m, text: m["artifacts"][0].update(name=text),
    "$.executions[0].runtime": lambda m, text: m["executions"][0].update(runtime=text),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", CHARACTERS.values(), ids=CHARACTERS)
def test_a_control_character_is_refused(text: str, place: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The message names the field and shows nothing that could be obeyed."""
    path = lay(changed(contents, lambda manifest: PLACES[place](manifest, text)))
    refused(path, "bundle.field", f"at {place}", "control characters")


@pytest.mark.parametrize("text", CHARACTERS.values(), ids=CHARACTERS)
def test_a_key_with_a_control_character_is_refused(text: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """Keys are shown too."""
    path = lay(changed(contents, lambda m: m["provenance"].update(metrics={text: 1.0})))
    refused(path, "bundle.field", "$.provenance.metrics[")


def test_languages_are_welcome(contents: Contents, lay: Lay) -> None:
    """Letters of any language, spaces and signs are no control characters."""
    labels = ["划痕", "tabby, tabby cat", "Kratzer (tief) 🔧"]
    path = lay(changed(contents, lambda manifest: manifest["output"].update(labels=labels)))
    assert list(read_bundle(path).manifest.output.labels) == labels
