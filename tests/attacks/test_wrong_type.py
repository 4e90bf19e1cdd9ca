"""
Attack: a value of another type than expected reaches code that does not expect it.

Defence: types are strict: no text for a number, no number for text, no true for 1, no single value for a list.
"""

from typing import Any

import pytest

from tests.attacks.support import GRAPH, Contents, Lay, Refused, changed

CASES: list[tuple[str, Any]] = [
    ("format", "1"),
    ("format", True),
    ("format", None),
    ("format", 1.5),
    ("name", 5),
    ("name", ["x"]),
    ("task", None),
    ("created", 1_700_000_000),
    ("created", "yesterday"),
    ("input", []),
    ("input.scale", "0.5"),
    ("input.scale", True),
    ("input.mean", 0.5),
    ("input.mean", {}),
    ("input.mean[0]", None),
    ("input.resize", "exact"),
    ("input.resize.mode", 1),
    ("input.resize.mode", "evil"),
    ("input.resize.antialias", 1),
    ("input.crop.size", "32"),
    ("input.crop.size[0]", 32.5),
    ("output.labels", "red"),
    ("artifacts", {}),
    ("artifacts[0]", GRAPH),
    ("artifacts[0].path", None),
    ("artifacts[0].format", "pickle"),
    ("executions[0].device", "cuda:0"),
    ("executions[0].tolerance", 1e-3),
    ("golden", ["golden/inputs/0.png"]),
    ("golden.inputs[0]", 0),
    ("provenance.metrics", []),
    ("files", []),
]


def put(manifest: dict[str, Any], path: str, value: object) -> None:
    """Write a value at a path such as `input.mean[0]`."""
    *steps, last = [int(s) if s.isdigit() else s for s in path.replace("[", ".").replace("]", "").split(".")]
    target: Any = manifest
    for step in steps:
        target = target.setdefault(step, {}) if isinstance(target, dict) else target[step]
    target[last] = value


@pytest.mark.parametrize(("path", "value"), CASES)
def test_a_wrong_type_is_refused(path: str, value: object, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The message ends in the path of the field."""
    refused(lay(changed(contents, lambda manifest: put(manifest, path, value))), "bundle.field", f"at $.{path}\n")


@pytest.mark.parametrize("manifest", [b"[]", b"null", b"1", b'"bundle"', b"true", b"{}"])
def test_a_manifest_that_is_no_object_is_refused(
    manifest: bytes, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """Any JSON but a whole manifest is refused."""
    refused(lay({**contents, "bundle.json": manifest}), "bundle.field", "bundle.json")


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("input.scale", "0.5", 'write 0.5, not "0.5"'),
        ("output.labels", "red", 'write ["red"], not "red"'),
        ("output.labels[0]", 5, 'write "5", not 5'),
        ("input.mean", 0.5, "write [0.5], not 0.5"),
    ],
)
def test_an_honest_mistake_gets_a_hint(
    path: str, value: object, hint: str, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """What was probably meant is said."""
    refused(lay(changed(contents, lambda manifest: put(manifest, path, value))), "bundle.field", f"hint: {hint}")


@pytest.mark.parametrize("version", [0, 2, 2**31 - 1])
def test_another_format_version_is_refused_as_such(
    version: int, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """A bundle of another version is not judged by the rules of this one."""
    path = lay(changed(contents, lambda manifest: manifest.update(format=version, novelty=True)))
    refused(path, "bundle.version", f"format {version}")
