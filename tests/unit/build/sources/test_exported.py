"""Tests of a model as a program of `torch.export`."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from andon.build.sources.exported import ExportedSource, read_program
from andon.errors import PackError
from tests.support.author import Net
from tests.support.given import exported, write_program

pytestmark = pytest.mark.slow


class _Masked(Net):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * mask


class _Flat(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.reshape(-1, 3, 56, 56))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: exported(batch=4), "exactly 4 images at once"),
        (lambda: exported(dtype=torch.float16), "float16 of 4 axes"),
        (lambda: exported(dtype=torch.bfloat16), "bfloat16 of 4 axes"),
        (lambda: torch.export.export(_Flat().eval(), (torch.zeros(2, 3 * 56 * 56),)), "float32 of 2 axes"),
        (
            lambda: torch.export.export(_Masked().eval(), (torch.zeros(2, 3, 56, 56), torch.ones(1))),
            "2 inputs (x, mask)",
        ),
    ],
)
def test_a_program_that_does_not_take_images_in_float32_is_refused(make: Callable[[], object], words: str) -> None:
    """Before it is run, with what it takes and the way out."""
    with pytest.raises(PackError) as caught:
        ExportedSource(make())  # type: ignore[arg-type] # a program
    assert caught.value.code == "pack.model"
    assert words in caught.value.message
    assert caught.value.hint


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The small network as a `.pt2` file."""
    return write_program(exported(), tmp_path_factory.mktemp("program") / "net.pt2").read_bytes()


def changed(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Write an archive anew with one member changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as anew:
        for member in archive.namelist():
            content = archive.read(member)
            anew.writestr(member, change(content) if member.endswith(name) else content)
    return buffer.getvalue()


def _of_another_version(content: bytes) -> bytes:
    model = json.loads(content)
    model["schema_version"] = {"major": 99, "minor": 0}
    return json.dumps(model).encode()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("models/model.json", _of_another_version, "does not match our current schema version"),
        ("models/model.json", lambda content: content[:100], "cannot read the program"),
        ("weights_config.json", lambda content: content.replace(b"false", b"true"), "pickled"),
        ("weights_config.json", lambda _: b"{}", "damaged"),
    ],
)
def test_a_file_that_torch_cannot_read_says_what_to_do(
    program: bytes, name: str, change: Callable[[bytes], bytes], words: str
) -> None:
    """Another version of torch, damage and pickles are refused with the file and a hint."""
    with pytest.raises(PackError) as caught:
        read_program(changed(program, name, change), Path("net.pt2"))
    assert (caught.value.code, caught.value.where) == ("pack.model", "net.pt2")
    assert words in caught.value.message
    assert "torch.export.save" in caught.value.hint


class _Trap:
    """Leaves a trace where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_example_inputs_are_not_unpickled(program: bytes, tmp_path: Path) -> None:
    """They would run whatever they say; the program is read without them."""
    trap = _Trap(tmp_path / "mark")
    buffer = io.BytesIO()
    torch.save(trap, buffer)
    data = changed(program, "sample_inputs/model.pt", lambda _: buffer.getvalue())
    assert ExportedSource(read_program(data, Path("net.pt2")))
    assert not trap.mark.exists()
