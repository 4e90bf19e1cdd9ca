"""
What files of torch hold, seen without torch, and a `.pt2` written anew without what would be unpickled.

Python's unpickler runs whatever a pickle says. `torch.export.load` hands it the example inputs of
a `.pt2`, and weights and constants that are marked for it. `torch.jit.load` has a reader of its own
that builds tensors, numbers and the classes of the archive, and never calls the unpickler; it runs
`__setstate__` of these classes, which is TorchScript.

Source:
    torch/export/pt2_archive/constants.py of torch 2.13 for the members of a `.pt2`.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from andon.bundle.json_text import quoted
from andon.errors import RuntimeFault, first_line


class _Stored(Struct, frozen=True):
    """How one tensor is stored; torch notes more of it."""

    path_name: str
    use_pickle: Any
    """Only a plain false is none."""


class _Config(Struct, frozen=True):
    """How the tensors are stored, by name."""

    config: dict[str, _Stored]


Kind = Literal["pt2", "old pt2", "torchscript", "checkpoint", "pickle"]

_PROGRAM = "models/model.json"
_SAMPLE_INPUTS = "data/sample_inputs/model.pt"
_CONFIGS = {
    "data/weights/model_weights_config.json": "weight_",
    "data/constants/model_constants_config.json": "tensor_",
}
"""What says how tensors are stored, and how the members with plain bytes of one begin."""
_TENSOR = re.compile(r"data/(?:weights/weight|constants/tensor)_[0-9]+")
_KEPT = frozenset({"archive_format", "archive_version", "byteorder", ".data/version", "version", _PROGRAM})
_LEFT_OUT = re.compile(r"\.data/serialization_id|extra/.*")
_HINT = "pack the model again"


def kind_of(data: bytes) -> Kind | None:
    """
    Tell what a file of torch is, by its content.

    Returns:
        `pt2` of torch 2.8 or later; `old pt2`; `torchscript`; `checkpoint`, what `torch.save` writes
        of anything; `pickle`, a bare one; None for anything else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()}
    except Exception:  # noqa: BLE001 -- for damaged archives zipfile raises errors of struct, of codecs and some more
        return "pickle" if re.match(rb"\x80[\x02-\x05]", data) else None
    if "archive_format" in names:
        return "pt2"
    if "serialized_exported_program.json" in names:
        return "old pt2"
    if "constants.pkl" in names:
        return "torchscript"
    return "checkpoint" if "data.pkl" in names else None


def require_torchscript(data: bytes, where: str) -> None:
    """
    Refuse what is no TorchScript before torch sees it.

    Raises:
        RuntimeFault: `runtime.load`.
    """
    _require_kind(data, "torchscript", "TorchScript", where)


def without_pickles(data: bytes, where: str) -> bytes:
    """
    Write a `.pt2` anew, of the members that torch reads without the unpickler.

    Args:
        data: As `torch.export.save` writes it. Example inputs, extra files and what names the machine are left out.
        where: The member, for the error.

    Returns:
        An archive that torch reads as the same program.

    Raises:
        RuntimeFault: `runtime.load`: it is no sound `.pt2` of one program, weights or constants are
            pickled, or it holds compiled code.
    """
    _require_kind(data, "pt2", "a program of torch.export", where)
    anew = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(anew, "w") as written:
            for name, content in _members(archive, where):
                # Without a date of its own a member gets that of today.
                written.writestr(zipfile.ZipInfo(f"archive/{name}"), content)
    except RuntimeFault:
        raise
    except Exception as error:
        # For damaged archives zipfile raises its own errors, those of struct and zlib, and some more.
        raise _refuse(f"the archive is damaged: {first_line(error)}", where) from error
    return anew.getvalue()


def _require_kind(data: bytes, wanted: Kind, in_words: str, where: str) -> None:
    found = kind_of(data)
    if found != wanted:
        what = "neither a file of torch nor a pickle" if found is None else f"a {found}"
        raise _refuse(f"expected {in_words}, the artifact is {what}", where)


def _members(archive: zipfile.ZipFile, where: str) -> Iterator[tuple[str, bytes]]:
    """Yield the members that are kept, without the folder that all of them are in."""
    names = archive.namelist()
    folders = {name.partition("/")[0] for name in names}
    if len(folders) > 1 or len(set(names)) < len(names):
        raise _refuse("the archive has members twice, or in several folders", where)
    for member in archive.infolist():
        name = member.filename.partition("/")[2]
        if member.compress_type != zipfile.ZIP_STORED:
            raise _refuse(f"the member {quoted(name)} is compressed, which torch does not do", where)
        if name in _CONFIGS:
            yield name, _checked_config(archive.read(member), _CONFIGS[name], where)
        elif name == _SAMPLE_INPUTS:
            yield name, b""
        elif name in _KEPT or _TENSOR.fullmatch(name):
            yield name, archive.read(member)
        elif not _LEFT_OUT.fullmatch(name):
            raise _refuse(f"the member {quoted(name)} is neither the program nor a tensor of it", where)


def _checked_config(content: bytes, prefix: str, where: str) -> bytes:
    """Refuse tensors that are not stored as plain bytes; give what was understood, written anew."""
    config = json.loads(content)
    for name, stored in msgspec.convert(config, _Config).config.items():
        if stored.use_pickle is not False or not stored.path_name.startswith(prefix):
            raise _refuse(f"{quoted(name)} is pickled, and a pickle can run anything", where)
    return json.dumps(config).encode()


def _refuse(reason: str, where: str) -> RuntimeFault:
    return RuntimeFault(reason, code="runtime.load", where=where, hint=_HINT)
