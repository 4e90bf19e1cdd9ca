"""Tests of how artifacts are made for several images, and where that fails, for one."""

import pytest

from andon.build.graph_input import GraphInput
from andon.build.sources.base import Form
from andon.build.sources.torch_forms import make_batched, writer
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from tests.support.author import Net


class Writer:
    """Writes what it was asked for, or fails."""

    def __init__(self, fails: tuple[bool, ...] = ()) -> None:
        self.fails = fails
        self.asked: list[bool] = []

    def __call__(self, *, dynamic_batch: bool) -> bytes:
        """Fail where it is told to."""
        self.asked.append(dynamic_batch)
        if dynamic_batch in self.fails:
            raise PackError(f"no form for {'many' if dynamic_batch else 'one'}", code="pack.export")
        return b"many" if dynamic_batch else b"one"


def test_many_images_are_what_is_tried_first() -> None:
    """And all that is tried, where it works."""
    write = Writer()
    made = make_batched(write, several=True)
    assert (made.data, made.dynamic_batch, made.note, write.asked) == (b"many", True, "", [True])


def test_a_model_for_one_image_is_not_even_tried_with_many() -> None:
    """The note says what that costs."""
    write = Writer()
    made = make_batched(write, several=False)
    assert (made.data, made.dynamic_batch, write.asked) == (b"one", False, [False])
    assert "one by one" in made.note


def test_where_many_fail_one_is_tried() -> None:
    """The note names the reason, so that the author can mend it."""
    made = make_batched(Writer((True,)), several=True)
    assert (made.data, made.dynamic_batch) == (b"one", False)
    assert "no form for many" in made.note


def test_of_two_failures_the_first_is_told() -> None:
    """It is that of what the author would rather have."""
    with pytest.raises(PackError, match="no form for many"):
        make_batched(Writer((True, False)), several=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "start", "holds"),
    [
        ("onnx", b"\x08", b"raw_output"),
        ("pt2", b"PK\x03\x04", b"models/model.json"),
        ("torchscript", b"PK\x03\x04", b"constants.pkl"),
        ("eager", b"", b'"model.head.weight"'),
    ],
)
def test_each_form_has_its_writer(form: Form, start: bytes, holds: bytes) -> None:
    """The bytes are those of the form that was asked for."""
    write = writer(form, Net().eval(), GraphInput(InputSpec(), (56, 56)), factory="tests.support.author:Net")
    data = write(dynamic_batch=True)
    assert data.startswith(start)
    assert holds in data
