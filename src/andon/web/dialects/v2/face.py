"""The face that every model shows in this protocol: one input, three outputs, one more for places; an image a row."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

from msgspec import Struct

from andon.web.dialects.base import Call

IMAGE = "image"
"""The input: BYTES [N], encoded images; or UINT8 [N, H, W, 3] in RGB order, or [N, H, W, 1] grey; or
UINT16 [N, H, W, 1], grey of more than 8 bits."""
IMAGE_DATATYPE = "BYTES"
"""What the metadata says of it: a name stands there once, and every image can be sent so."""
Output = Literal["scores", "label", "verdict", "boxes"]
OUTPUTS: tuple[Output, ...] = get_args(Output)
"""All outputs."""
USUAL_OUTPUTS = OUTPUTS[:3]
"""The outputs of every model, in the order of an answer to a request that names none."""
DATATYPES: Mapping[str, str] = MappingProxyType(
    {"scores": "FP32", "label": "BYTES", "verdict": "INT32", "boxes": "BYTES"}
)
"""
`scores` is [N, classes] in the order of the labels, `label` [N], empty where nothing was found, `verdict` [N] with the
numbers of `Verdict`. `boxes` is [N], of models that tell places: the boxes of an image as a JSON list, because their
number differs and a tensor has one.
"""


class Wanted(Struct, frozen=True, kw_only=True):
    """One output that a request asks for."""

    name: Output
    is_binary: bool = False
    """Behind the JSON as bytes, not in it."""
    classes: int = 0
    """Of `scores`: so many of the highest as text in their place; 0 for the numbers."""


USUALLY_WANTED = tuple(Wanted(name=name) for name in USUAL_OUTPUTS)
"""What is answered to a request that names no outputs."""
USUALLY_WANTED_BINARY = tuple(Wanted(name=name, is_binary=True) for name in USUAL_OUTPUTS)
"""The same, of one that wants them as bytes."""


class InferCall(Call, frozen=True, kw_only=True):
    """What an inference request asks for."""

    id: str | None = None
    """Comes back in the answer; None where the request names none."""
    outputs: Sequence[Wanted] = USUALLY_WANTED
    """At least one, in the order of the answer."""
