"""
The JSON of an inference request, checked field by field.

It is hostile until it has been read. What is large in it, the data of the tensor, is left as text
here; all the rest together is small, so that nothing in it can grow in memory.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from andon.errors import RequestError
from andon.settings.serve import MAX_DEADLINE_MS, MIN_DEADLINE_MS
from andon.web.dialects.bodies import read_json
from andon.web.dialects.v2.face import IMAGE, OUTPUTS, USUALLY_WANTED, USUALLY_WANTED_BINARY, Output, Wanted
from andon.web.dialects.v2.framing import HEADER

MAX_REST_BYTES = 64 * 1024
"""How much of the JSON may be something else than the data of the tensor."""
PRIORITIES = ("line", "interactive", "batch")
"""The lanes by the number of a request's `priority`, from 1; a higher number is the last, 0 is none."""

_NULL = b"null"
_Kind = TypeVar("_Kind", bound=Struct)
_Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Tensor(Struct, frozen=True, kw_only=True):
    """The input of a request, its contents not yet looked at."""

    datatype: str
    shape: tuple[int, ...]
    """Each side is 0 or more."""
    data: bytes | None
    """The contents as JSON text, None where they are not in the JSON."""
    binary_bytes: int | None
    """Bytes of the contents behind the JSON, 0 or more; None where they are not there."""


class Document(Struct, frozen=True, kw_only=True):
    """What the JSON of a request says."""

    id: str | None
    tensor: Tensor
    outputs: tuple[Wanted, ...]
    priority: str | None
    deadline_ms: int | None


def _absent() -> Any:
    """Let a field of any JSON be left out; a plain default of this type would stand in the way of explanations."""
    return msgspec.field(default_factory=lambda: Raw(_NULL))


class _Request(Struct, forbid_unknown_fields=True):
    inputs: Raw
    id: Raw = _absent()
    parameters: Raw = _absent()
    outputs: Raw = _absent()
    # Clients of KServe say here too what the address says, which decides.
    model_name: Raw = _absent()
    model_version: Raw = _absent()


class _Input(Struct, forbid_unknown_fields=True):
    name: str
    shape: Raw
    datatype: str
    parameters: Raw = _absent()
    data: Raw = _absent()


class _Parameters(Struct, forbid_unknown_fields=True):
    priority: _Size = 0
    timeout: _Size = 0
    binary_data_output: bool = False


class _InputParameters(Struct, forbid_unknown_fields=True):
    binary_data_size: _Size | None = None


class _OutputParameters(Struct, forbid_unknown_fields=True):
    binary_data: bool | None = None
    classification: _Size = 0


class _Output(Struct, forbid_unknown_fields=True):
    name: str
    parameters: Raw = _absent()


def read_document(text: bytes) -> Document:
    """
    Read the JSON of a request.

    Args:
        text: Of any size and content.

    Raises:
        RequestError: `request.body`: it is not JSON, or not that of a request; `request.tensor`: the
            input or an output is missing, unknown or twice there; `request.parameter`: a parameter is
            unknown, or has a value that it cannot have; `request.bytes`: it is large beside the data.
    """
    request = read_json(text, _Request, "the body", hint=_hint(text))
    (given,) = read_json(
        request.inputs, tuple[_Input], "`inputs`", code="request.tensor", hint=f"send one input, `{IMAGE}`"
    )
    rest_bytes = len(text) - len(memoryview(given.data))
    if rest_bytes > MAX_REST_BYTES:
        raise RequestError(
            f"the JSON has {rest_bytes} bytes beside the data of its tensor, at most {MAX_REST_BYTES} are allowed",
            code="request.bytes",
        )
    parameters = _parse_parameters(request.parameters, _Parameters, "the request")
    return Document(
        id=read_json(request.id, str | None, "`id`"),
        tensor=_tensor(given),
        outputs=_outputs(request.outputs, is_binary=parameters.binary_data_output),
        priority=PRIORITIES[min(parameters.priority, len(PRIORITIES)) - 1] if parameters.priority else None,
        deadline_ms=_deadline_ms(parameters.timeout) if parameters.timeout else None,
    )


def _hint(text: bytes) -> str:
    """Say what may be meant by a body that does not even begin as JSON does."""
    return "" if text.lstrip()[:1] == b"{" else f"a body that is one image itself needs the header {HEADER}: 0"


def _tensor(given: _Input) -> Tensor:
    if given.name != IMAGE:
        raise RequestError(
            f"there is no input {given.name[:40]!r}", code="request.tensor", hint=f"send one input, `{IMAGE}`"
        )
    shape = read_json(given.shape, list[_Size], "`shape` of the input", code="request.tensor")
    parameters = _parse_parameters(given.parameters, _InputParameters, "the input")
    data = bytes(given.data)
    return Tensor(
        datatype=given.datatype,
        shape=tuple(shape),
        data=None if data == _NULL else data,
        binary_bytes=parameters.binary_data_size,
    )


def _outputs(text: Raw, *, is_binary: bool) -> tuple[Wanted, ...]:
    """Give the outputs that are asked for; those of every model where none is named."""
    asked = read_json(text, list[_Output] | None, "`outputs`", code="request.tensor")
    if not asked:
        return USUALLY_WANTED_BINARY if is_binary else USUALLY_WANTED
    wanted = tuple(_wanted(output, is_binary=is_binary) for output in asked)
    names = [output.name for output in wanted]
    if len(set(names)) < len(names):
        raise RequestError(
            f"an output is asked for twice among {', '.join(names)[:80]}",
            code="request.tensor",
            hint="leave one of them out",
        )
    return wanted


def _wanted(output: _Output, *, is_binary: bool) -> Wanted:
    name = _output_name(output.name)
    parameters = _parse_parameters(output.parameters, _OutputParameters, f"the output `{name}`")
    if parameters.classification and name != "scores":
        raise RequestError(
            f"`classification` is asked of the output `{name}`, which has no scores",
            code="request.parameter",
            hint="ask it of `scores`",
        )
    binary = is_binary if parameters.binary_data is None else parameters.binary_data
    return Wanted(name=name, is_binary=binary, classes=parameters.classification)


def _output_name(name: str) -> Output:
    for known in OUTPUTS:
        if name == known:
            return known
    raise RequestError(
        f"there is no output {name[:40]!r}", code="request.tensor", hint=f"there are {', '.join(OUTPUTS)}"
    )


def _deadline_ms(timeout_us: int) -> int:
    if MIN_DEADLINE_MS * 1000 <= timeout_us <= MAX_DEADLINE_MS * 1000:
        return timeout_us // 1000
    raise RequestError(
        f"`timeout` is {timeout_us}, expected microseconds from {MIN_DEADLINE_MS}000 to {MAX_DEADLINE_MS}000",
        code="request.parameter",
    )


def _parse_parameters(text: Raw, kind: type[_Kind], owner: str) -> _Kind:
    if bytes(text) == _NULL:
        return kind()
    known = ", ".join(kind.__struct_fields__)
    what = f"`parameters` of {owner}"
    return read_json(text, kind | None, what, code="request.parameter", hint=f"known are {known}") or kind()
