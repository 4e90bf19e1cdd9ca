"""
Attack: any bytes at all, most of them nearly right.

Defence: whatever is changed, a bundle is refused with an error of Andon, or is exactly the original.
Hypothesis looks for a change that is neither.
"""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.bundle.archive import Bundle, read_bundle
from andon.bundle.golden import decode_golden
from andon.bundle.manifest import Manifest, encode_manifest, parse_manifest
from andon.bundle.onnx_file import find_external_files
from andon.errors import AndonError
from tests.attacks.support import EXPECTED, MANIFEST, Contents, lay_archive, lay_folder
from tests.support.bundles import colour_graph

thorough = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Change = Callable[[bytes], bytes]
MARKS = [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"\xff\xff\xff\xff", b"../", b"\x00", b'"', b"{"]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw one change: bits turned over, a piece cut out, doubled, moved or overwritten, bytes put in."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "overwrite", "double", "truncate"]))
    place = draw(st.floats(0, 1, exclude_max=True) | st.integers(-600, -1))
    length = draw(st.integers(1, 64) | st.integers(1, 5_000))
    new = draw(st.binary(min_size=1, max_size=16) | st.sampled_from(MARKS))
    bit = draw(st.integers(0, 7))

    def change(data: bytes) -> bytes:
        at = int(place * len(data)) if isinstance(place, float) else max(0, len(data) + place)
        head, rest = data[:at], data[at:]
        match kind:
            case "flip":
                return head + bytes([rest[0] ^ 1 << bit]) + rest[1:] if rest else data
            case "cut":
                return head + rest[length:]
            case "insert":
                return head + new + rest
            case "overwrite":
                return head + new + rest[len(new) :]
            case "double":
                return head + rest[:length] + rest
            case _:
                return head

    return change


several_changes = st.lists(changes(), min_size=1, max_size=3)


def applied(data: bytes, drawn: list[Change]) -> bytes:
    """Apply changes one after another."""
    for change in drawn:
        data = change(data)
    return data


def read_or_refused(path: Path) -> Bundle | None:
    """Read a bundle, None where it is refused by an error of Andon; any other error fails the test."""
    try:
        return read_bundle(path)
    except AndonError:
        return None


@pytest.fixture(scope="module")
def sound(sound_contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Bundle]:
    """Give the bytes of a sound archive, and what is in it."""
    path = lay_archive(tmp_path_factory.mktemp("sound") / "a.andon", sound_contents)
    return path.read_bytes(), read_bundle(path)


@pytest.mark.slow
@thorough
@given(drawn=several_changes)
def test_a_changed_archive_is_refused_or_the_original(
    drawn: list[Change], sound: tuple[bytes, Bundle], tmp_path: Path
) -> None:
    """No change of bytes makes another bundle of an archive, and none lets another error out."""
    data, original = sound
    path = tmp_path / "a.andon"
    path.write_bytes(applied(data, drawn))
    found = read_or_refused(path)
    assert found is None or (found.digest, found.members) == (original.digest, original.members)


@pytest.mark.slow
@thorough
@given(data=st.binary(max_size=2_000) | st.binary(max_size=500).map(lambda data: b"PK\x03\x04" + data))
def test_any_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    """No bytes that are not a bundle are taken for one."""
    path = tmp_path / "a.andon"
    path.write_bytes(data)
    assert read_or_refused(path) is None


@pytest.mark.slow
@thorough
@given(drawn=several_changes, number=st.integers(0, 5))
def test_a_changed_folder_is_refused_or_has_another_identity(
    drawn: list[Change], number: int, sound_contents: Contents, tmp_path: Path
) -> None:
    """A member of a folder cannot change; its manifest can, and then the digest is another."""
    name = sorted(sound_contents)[number]
    changed = {**sound_contents, name: applied(sound_contents[name], drawn)}
    found = read_or_refused(lay_folder(tmp_path / "folder", changed))
    if found is not None:
        assert found.digest == hashlib.sha256(changed[MANIFEST]).hexdigest()
        assert {MANIFEST: changed[MANIFEST], **found.members} == changed
        assert name == MANIFEST or changed == sound_contents


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["red", "exact", "onnx", "../x", "0.5", "ok\n", 1, 0.5, 32, [32, 32], "2026-01-01T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def manifests(draw: st.DrawFn, sound: dict[str, Any]) -> bytes:
    """Draw a manifest in which values are exchanged, taken out or put in."""
    manifest = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        places: list[tuple[Any, Any]] = []
        waiting: list[Any] = [manifest]
        while waiting:
            holder = waiting.pop()
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            places += [(holder, key) for key in keys]
            waiting += [holder[key] for key in keys if isinstance(holder[key], dict | list)]
        holder, key = draw(st.sampled_from(places)) if places else (manifest, "name")
        match draw(st.sampled_from(["exchange", "take out", "put in"])):
            case "exchange":
                holder[key] = draw(values)
            case "take out":
                del holder[key]
            case _ if isinstance(holder, dict):
                holder[draw(st.text(max_size=8))] = draw(values)
    return json.dumps(manifest, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))).encode(
        errors="surrogatepass"
    )


def parsed_or_message(text: bytes) -> tuple[Manifest | None, str]:
    """Parse a manifest, or give the message with which it is refused."""
    try:
        return parse_manifest(text), ""
    except AndonError as error:
        return None, str(error)


@pytest.mark.slow
@thorough
@given(data=st.data())
def test_a_changed_manifest_is_refused_or_a_manifest(data: st.DataObject, sound_contents: Contents) -> None:
    """A manifest that is taken can be written and read again, and says the same."""
    sound = {**json.loads(sound_contents[MANIFEST]), "decision": {"ok_labels": ["green"], "thresholds": {}}}
    manifest, message = parsed_or_message(data.draw(manifests(sound)))
    assert message.replace("\n", "").isprintable()
    assert len(message) < 1_000
    assert manifest is None or parse_manifest(encode_manifest(manifest)) == manifest


@pytest.mark.slow
@thorough
@given(drawn=several_changes)
def test_changed_golden_samples_are_refused_or_finite(drawn: list[Change], sound: tuple[bytes, Bundle]) -> None:
    """Golden samples that are taken have the types and shapes that were asked for."""
    _, original = sound
    changed = {**original.members, EXPECTED: applied(original.members[EXPECTED], drawn)}
    bundle = Bundle(manifest=original.manifest, digest=original.digest, members=changed, where="a.andon")
    try:
        samples = decode_golden(bundle)
    except AndonError:
        return
    for sample in samples:
        assert sample.pixels.shape == (32, 32, 3)
        assert sample.raw_output.shape == (3,)
        assert np.isfinite(sample.model_input).all()


@pytest.mark.slow
@thorough
@given(drawn=several_changes)
def test_a_changed_graph_hides_no_external_data(drawn: list[Change]) -> None:
    """Whatever protobuf reads as external data is found; what it cannot read need not be."""
    model = onnx.load_from_string(colour_graph())
    tensor = model.graph.initializer[0]
    tensor.external_data.add(key="location", value="evil")
    changed = applied(model.SerializeToString(), drawn)
    try:
        understood = onnx.ModelProto.FromString(changed)
    except DecodeError:
        return
    is_external = any(t.external_data or t.data_location for t in understood.graph.initializer)
    try:
        found = find_external_files(changed)
    except ValueError:
        return
    assert found or not is_external
