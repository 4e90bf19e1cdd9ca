"""Files of torch are told apart and read without torch, and nothing that is pickled in them reaches it."""

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from andon.errors import RuntimeFault
from andon.runtimes.torch_archive import kind_of, require_torchscript, without_pickles

WEIGHTS = "data/weights/model_weights_config.json"
STORED = {"path_name": "weight_0", "is_param": True, "use_pickle": False}


def zipped(members: Mapping[str, bytes], folder: str = "archive", method: int = zipfile.ZIP_STORED) -> bytes:
    """Write members into a folder of a zip, as torch does."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{folder}/{name}", content)
    return written.getvalue()


def config(**fields: Any) -> bytes:
    """Say how the one weight is stored."""
    return json.dumps({"config": {"conv.weight": {**STORED, **fields}}}).encode()


PROGRAM = {
    "archive_format": b"pt2",
    "models/model.json": b"{}",
    WEIGHTS: config(),
    "data/weights/weight_0": bytes(8),
    "data/sample_inputs/model.pt": pickle.dumps([1]),
    "extra/notes": b"/home",
    ".data/serialization_id": b"17",
}
"""What a program of torch.export consists of."""


def members_of(data: bytes) -> dict[str, bytes]:
    """Read a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refused(members: Mapping[str, bytes], **how: Any) -> str:
    """Give the message with which a program is refused."""
    with pytest.raises(RuntimeFault) as caught:
        without_pickles(zipped(members, **how), "artifacts/pt2/model.pt2")
    assert caught.value.code == "runtime.load"
    assert caught.value.where == "artifacts/pt2/model.pt2"
    return caught.value.message


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (zipped(PROGRAM), "pt2"),
        (zipped({"serialized_exported_program.json": b"{}"}), "old pt2"),
        (zipped({"data.pkl": b"", "constants.pkl": b"", "code/net.py": b""}), "torchscript"),
        (zipped({"data.pkl": b"", "data/0": b""}), "checkpoint"),
        (zipped({"readme.txt": b""}), None),
        (pickle.dumps([1], 2), "pickle"),
        (pickle.dumps([1], 5), "pickle"),
        (b"\x08\x0a\x12\x07pytorch", None),
        (b"", None),
    ],
)
def test_a_file_is_told_by_its_content(data: bytes, kind: str | None) -> None:
    """Its name is not asked."""
    assert kind_of(data) == kind


def test_a_program_is_written_anew_without_what_would_be_unpickled() -> None:
    """And without what names the machine; the members that torch needs stay as they are."""
    found = members_of(without_pickles(zipped(PROGRAM), ""))
    assert found["archive/data/sample_inputs/model.pt"] == b""
    assert found["archive/data/weights/weight_0"] == bytes(8)
    assert json.loads(found["archive/" + WEIGHTS]) == json.loads(config())
    assert {"archive/extra/notes", "archive/.data/serialization_id"}.isdisjoint(found)


@pytest.mark.parametrize("said", [True, 1, None, "false", {}])
def test_weights_that_are_pickled_are_refused(said: object) -> None:
    """Whatever torch would take for yes; only a plain no passes."""
    assert "'conv.weight' is pickled" in refused({**PROGRAM, WEIGHTS: config(use_pickle=said)}).replace('"', "'")


@pytest.mark.parametrize("path", ["../sample_inputs/model.pt", "tensor_0", "model.pt"])
def test_weights_that_point_elsewhere_are_refused(path: str) -> None:
    """A member that is read as a tensor is one that holds a tensor."""
    refused({**PROGRAM, WEIGHTS: config(path_name=path)})


@pytest.mark.parametrize(
    "name",
    [
        "data/aotinductor/model/model.so",
        "data/weights/weight_0.pt",
        "data/constants/custom_obj_0",
        "models/other.json",
        "data.pkl",
        "../evil",
    ],
)
def test_members_beside_a_program_are_refused(name: str) -> None:
    """Compiled code, objects of classes and pickles are named."""
    assert name.removeprefix("archive/") in refused({**PROGRAM, name: b"evil"})


def test_compressed_members_are_refused() -> None:
    """They could be any number of bytes."""
    assert "compressed" in refused(PROGRAM, method=zipfile.ZIP_DEFLATED)


def test_members_twice_or_in_two_folders_are_refused() -> None:
    """Two readers could take different ones."""
    data = io.BytesIO(zipped(PROGRAM))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("other/models/model.json", b"{}")
    with pytest.raises(RuntimeFault, match="in several folders"):
        without_pickles(data.getvalue(), "")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"config": []}', b'{"config": {"a": {}}}', b"\xff"])
def test_nonsense_about_weights_is_a_refusal(content: bytes) -> None:
    """Not an error of Python's."""
    assert "damaged" in refused({**PROGRAM, WEIGHTS: content})


def test_a_truncated_archive_is_a_refusal() -> None:
    """Wherever it was cut, and where one byte of it has changed."""
    data = zipped(PROGRAM)
    for end in range(0, len(data), 37):
        with pytest.raises(RuntimeFault):
            without_pickles(data[:end], "")
    spoilt = data.replace(bytes(8), bytes(7) + b"\x01", 1)
    if spoilt != data:
        with pytest.raises(RuntimeFault):
            without_pickles(spoilt, "")


@pytest.mark.parametrize(
    ("data", "named"),
    [(zipped(PROGRAM), "a pt2"), (pickle.dumps([1]), "a pickle"), (b"noise", "neither a file of torch nor a pickle")],
)
def test_what_is_no_torchscript_is_said(data: bytes, named: str) -> None:
    """Before torch sees it."""
    with pytest.raises(RuntimeFault, match=f"expected TorchScript, the artifact is {named}"):
        require_torchscript(data, "model.pt")


def test_whatever_zipfile_raises_of_a_file_it_is_none_of_torch() -> None:
    """As where the directory asks for a version of zip that does not exist."""
    data = bytearray(zipped(PROGRAM))
    data[data.index(b"PK\x01\x02") + 6] = 129
    assert kind_of(bytes(data)) is None
