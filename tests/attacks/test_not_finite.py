"""
Attack: NaN or an infinite number in the manifest, which passes every comparison, or none.

Defence: JSON has no such numbers and the parser takes none; numbers that overflow are refused, and
every number that is computed with has bounds.
"""

import pytest

from tests.attacks.support import Contents, Lay, Refused, changed


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf"])
def test_a_literal_that_json_lacks_is_refused(literal: bytes, contents: Contents, lay: Lay, refused: Refused) -> None:
    """What Python's own parser would take is refused here, with its line."""
    path = lay({**contents, "bundle.json": contents["bundle.json"].replace(b"0.485", literal)})
    refused(path, "bundle.json", "not valid JSON", "bundle.json, line 18")


def test_the_message_says_that_json_has_no_nan(contents: Contents, lay: Lay, refused: Refused) -> None:
    """The author of a NaN is told what to write."""
    path = lay({**contents, "bundle.json": contents["bundle.json"].replace(b"0.485", b"NaN")})
    refused(path, "bundle.json", "JSON has no NaN")


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1e400", b"9" * 400])
def test_a_number_that_overflows_is_refused(number: bytes, contents: Contents, lay: Lay, refused: Refused) -> None:
    """It does not become infinity."""
    path = lay({**contents, "bundle.json": contents["bundle.json"].replace(b"0.485", number)})
    refused(path, "bundle.field", "out of range", "$.input.mean[0]")


@pytest.mark.parametrize("name", ["NaN", "nan", "inf", "-Infinity"])
def test_the_name_of_such_a_number_is_no_number(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """Text is not converted, so `float("nan")` is never called."""
    path = lay(changed(contents, lambda manifest: manifest["input"].update(scale=name)))
    refused(path, "bundle.field", "expected float, got str at $.input.scale")


@pytest.mark.parametrize(
    ("field", "value"), [("std", 0.0), ("std", -1.0), ("std", 1e-300), ("std", 1e300), ("scale", 0)]
)
def test_a_number_that_leads_to_infinity_is_refused(
    field: str, value: float, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """Dividing by the standard deviation stays finite."""
    path = lay(changed(contents, lambda m: m["input"].update({field: value if field == "scale" else [value]})))
    refused(path, "bundle.field", f"$.input.{field}")
