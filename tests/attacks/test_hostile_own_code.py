"""
Attack: the manifest names code as its `prepare` or `finish`, which would run for every image, or when it is imported.

Defence: without trust it is not even imported, whatever is asked; the error names it. With trust
only what is installed can be named: the bundle brings no code.
"""

from pathlib import Path
from typing import Any

import pytest

import andon
from andon.errors import BundleError, ProofError
from tests.attacks.support import Contents, Lay, Refused, changed
from tests.support.bundles import LABELS

CODE = "tests.support.hostile_code"


@pytest.mark.parametrize(
    ("step", "declared"),
    [
        ("prepare", {"input": {"prepare": f"{CODE}:prepare"}}),
        ("finish", {"output": {"labels": LABELS, "finish": f"{CODE}:finish"}}),
    ],
)
def test_own_code_waits_for_trust(
    step: str, declared: dict[str, Any], contents: Contents, lay: Lay, untrusted: Refused, traces: Path
) -> None:
    """With it, the code is imported and called, and then the golden samples are not those of such a bundle."""
    path = lay(changed(contents, lambda manifest: manifest.update(declared)))
    untrusted(path, f"{CODE}:{step}")
    with pytest.raises((ProofError, BundleError)):
        andon.load(path, trust=True)
    assert "imported" in {trace.name for trace in traces.iterdir()}


@pytest.mark.parametrize(
    "name", ["os.system", "os:system('x')", "../evil:f", "a b:f", ":f", "evil:", "__import__('os'):system", "a:b:c"]
)
def test_only_a_name_is_a_name(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """No expression, no path and no call."""
    refused(lay(changed(contents, lambda manifest: manifest["output"].update(finish=name))), "bundle.field")
