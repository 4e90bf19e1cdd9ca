"""Errors: what they say, what programs decide by, and that they cross a process border whole."""

import pickle

import pytest

from andon import errors
from andon.errors import (
    CODES,
    AndonError,
    BundleError,
    EnvironmentFault,
    ImageError,
    ServiceError,
    UsageError,
    first_line,
    missing_extra,
)

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AndonError)]


def test_an_error_says_what_where_and_what_to_do() -> None:
    """Code and message, place and hint stand on their own lines."""
    error = BundleError("expected float, got str", code="bundle.field", where="a.andon", hint="write 0.62")
    assert str(error) == "[bundle.field] expected float, got str\n  in a.andon\nhint: write 0.62"


def test_what_is_not_known_is_left_out() -> None:
    """Neither an empty place nor an empty hint is shown."""
    assert str(ImageError("the image is empty", code="image.format")) == "[image.format] the image is empty"
    assert str(ImageError("x", code="image.format", hint="y")) == "[image.format] x\nhint: y"


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_crosses_a_process_border_whole(kind: type[AndonError]) -> None:
    """Class, message, code, place and hint survive pickling."""
    error = kind("m", code="bundle.field", where="w", hint="h")
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    assert type(found) is kind
    assert (found.message, found.code, found.where, found.hint) == ("m", "bundle.field", "w", "h")
    assert str(found) == str(error)


def test_the_request_id_of_a_service_survives_too() -> None:
    """The log of the service is found by it, also from a worker process."""
    error = ServiceError("m", code="client.answer", where="w", request_id="r1")
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    assert (found.request_id, str(found)) == ("r1", str(error))
    assert ServiceError("m", code="client.answer").request_id == ""


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    """A code that is not in the table cannot be raised."""
    with pytest.raises(ValueError, match=r"'bundle\.evil' is not in"):
        AndonError("x", code="bundle.evil")


def test_the_codes_cannot_be_changed() -> None:
    """The table is read-only."""
    with pytest.raises(TypeError, match="does not support item assignment"):
        CODES["bundle.evil"] = "x"  # type: ignore[index] -- the attempt is the test


def test_commands_exit_by_the_class() -> None:
    """1 the check failed, 2 wrong use, 3 environment."""
    others = {UsageError: 2, EnvironmentFault: 3}
    assert {kind: kind.exit_code for kind in CLASSES} == {kind: others.get(kind, 1) for kind in CLASSES}


def test_a_missing_library_names_the_command_that_brings_it() -> None:
    """Purpose, library and pip line."""
    error = missing_extra("onnxscript", "torch", "exporting a model")
    assert isinstance(error, EnvironmentFault)
    assert error.code == "environment.extra"
    assert "exporting a model needs onnxscript" in error.message
    assert error.hint == 'pip install "andon[torch]"'


def test_a_message_is_cut_to_its_first_line() -> None:
    """Libraries explain themselves at length; one without words is named by its class."""
    assert first_line(ValueError("first\nsecond")) == "first"
    assert first_line(KeyError()) == "KeyError"
    assert len(first_line(ValueError("x" * 1000))) == 300
