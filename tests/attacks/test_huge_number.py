"""
Attack: numbers so large that they overflow, allocate or take minutes to convert.

Defence: each number has a range; digits beyond it are refused by the parser, not converted.
"""

import pytest

from tests.attacks.support import GRAPH, MANIFEST, Contents, Lay, Refused, changed
from tests.attacks.test_wrong_type import put

WHOLE = ["input.resize.size", "input.crop.size[0]", "executions[0].tolerance.relative", "decision.thresholds.red.low"]
REAL = ["input.scale", "input.mean[0]", "input.std[0]", "provenance.metrics.accuracy"]
CASES = [(p, v) for p in WHOLE for v in (2**31, 2**63, 2**64, -(2**63))] + [
    (place, value) for place in (*WHOLE, *REAL) for value in (10**31, -(10**31), 10**300, 10**308)
]


@pytest.mark.parametrize(("place", "value"), CASES)
def test_a_huge_number_is_refused(place: str, value: int, contents: Contents, lay: Lay, refused: Refused) -> None:
    """Beyond the range of the field, of 64 bits and of floating point."""

    def spoil(manifest: dict) -> None:
        manifest["decision"] = {"ok_labels": ["green"], "thresholds": {"red": {"low": 0.1, "high": 0.2}}}
        put(manifest, place, value)

    refused(lay(changed(contents, spoil)), "bundle.field", f"$.{place}")


@pytest.mark.parametrize("digits", [400, 5_000, 1_000_000])
def test_a_number_of_many_digits_is_not_converted(digits: int, contents: Contents, lay: Lay, refused: Refused) -> None:
    """A million digits are refused as they are read."""
    text = contents[MANIFEST].replace(b'"format": 1', b'"format": ' + b"9" * digits)
    refused(lay({**contents, MANIFEST: text}), "bundle.field", "at $.format", peak_bytes=8 * 1024**2)


@pytest.mark.parametrize("size", [-1, 2**40 + 1, 2**63])
def test_an_absurd_size_of_a_file_is_refused(size: int, contents: Contents, lay: Lay, refused: Refused) -> None:
    """Sizes are at least nothing and at most a terabyte, long before anything is allocated."""
    path = lay(changed(contents, lambda manifest: manifest["files"][GRAPH].update(size_bytes=size)))
    refused(path, "bundle.field", f'$.files["{GRAPH}"].size_bytes')
