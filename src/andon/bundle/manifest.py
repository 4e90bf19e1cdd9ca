"""
The manifest of a bundle: `bundle.json`, format version 1, read strictly.

It knows nothing of archives, images or runtimes. Unknown fields are errors; so is anything
that the rest of Andon could not act on, and anything that another reader could take otherwise.
"""

import datetime as dt
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from andon.bundle.json_text import Fault, explain_field, explain_syntax, quoted, repeated_key
from andon.errors import BundleError

FORMAT = 1
MANIFEST_MEMBER = "bundle.json"
EXPECTED_MEMBER = "golden/expected.safetensors"
MAX_MANIFEST_BYTES = 4 * 1024**2
MAX_MEMBERS = 1_000
"""Members of one bundle, the manifest among them."""
MAX_BUNDLE_BYTES = 4 * 1024**3 - 1024**2
"""Bytes of all members together; with their headers they stay below the 4 GiB of plain zip."""

_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_MEMBER = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
MAX_MEMBER_NAME = 255
"""Characters of a member name: what a file name may have everywhere."""

Finite = Annotated[float, Meta(ge=-1e30, le=1e30)]
Positive = Annotated[float, Meta(ge=1e-30, le=1e30)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Side = Annotated[int, Meta(ge=1, le=16384)]
Size = tuple[Side, Side]
"""Height and width in pixels."""
Grey = Annotated[int, Meta(ge=0, le=255)]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Rounding = Literal["floor", "nearest"]
MemberName = Annotated[str, Meta(extra_json_schema={"pattern": f"^{_MEMBER.pattern}$", "maxLength": MAX_MEMBER_NAME})]
"""Held to `is_safe_member` by `parse_manifest`, whose error says more than a pattern can."""
# In Python `$` also stands before a last line break, hence the look-ahead before each.
BundleName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?!\n)$")]
Text = Annotated[str, Meta(max_length=1024, pattern=r"^[^\x00-\x1f\x7f-\x9f]*(?!\n)$")]
"""Up to 1,024 characters, none of them a control character, which a terminal or a log would obey."""
Label = Annotated[Text, Meta(min_length=1)]


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen record that refuses unknown fields."""


class _Resampling(_Strict, frozen=True, kw_only=True):
    """What every resize declares of its kernel."""

    interpolation: Interpolation = "bilinear"
    """The kernel, by Pillow's name; all are Pillow's antialiased kernels, `nearest` is Pillow's."""
    antialias: bool = True
    """Always true in this version: the kernel widens with the reduction, as Pillow's does."""

    def __post_init__(self) -> None:
        if not self.antialias:
            raise ValueError(
                "antialias: false is not available in this version; Pillow and torchvision.Resize antialias"
            )


class ShorterSide(_Resampling, frozen=True, kw_only=True, tag_field="mode", tag="shorter_side"):
    """Bring the shorter side to `size`, the longer one in proportion."""

    size: Side
    """Pixels of the shorter side."""
    rounding: Rounding = "floor"
    """How the longer side becomes whole pixels; torchvision truncates."""


class Exact(_Resampling, frozen=True, kw_only=True, tag_field="mode", tag="exact"):
    """Bring the image to `size`, whatever its proportions."""

    size: Size


class Letterbox(_Resampling, frozen=True, kw_only=True, tag_field="mode", tag="letterbox"):
    """Fit the whole image into `size` in proportion, centred, and fill the rest with `pad`."""

    size: Size
    pad: Grey = 114
    """Grey level of the border, 0-255."""
    rounding: Rounding = "nearest"
    """How the fitted sides become whole pixels."""


class NoResize(_Strict, frozen=True, kw_only=True, tag_field="mode", tag="none"):
    """Leave the pixels as they are; images must have the size of the graph."""


Resize = ShorterSide | Exact | Letterbox | NoResize


class Crop(_Strict, frozen=True, kw_only=True):
    """Cut `size` out of the middle; where the image is smaller, black is added around it."""

    size: Size
    mode: Literal["center"] = "center"
    offset: Rounding = "nearest"
    """How half a pixel of offset is rounded; `nearest` rounds half to even, as torchvision."""


class InputSpec(_Strict, frozen=True, kw_only=True):
    """How an image becomes the model input; `pack` takes the same object as `input`."""

    color: Literal["RGB", "BGR", "L"] = "RGB"
    """Order of the channels that the graph takes; `L` is one channel of grey."""
    depth: Literal[8] = 8
    """Bits of a pixel."""
    orientation: Literal["stored", "exif"] = "stored"
    """`stored` ignores the EXIF orientation, as `PIL.Image.open` does; `exif` applies it."""
    roi: None = None
    """Reserved: the part of the image to look at."""
    tiles: None = None
    """Reserved: how a large image is cut up."""
    resize: Resize = NoResize()
    crop: Crop | None = None
    scale: Positive = 1 / 255
    """Factor from 0-255 to the range in which `mean` and `std` are given."""
    mean: Annotated[tuple[Finite, ...], Meta(min_length=1, max_length=3)] = (0.0,)
    """Subtracted after scaling: one value for all channels, or one for each in the order of `color`."""
    std: Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=3)] = (1.0,)
    """Divides after subtracting; as many values as `mean` may have."""

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                raise ValueError(f"{name} has {len(values)} values, expected 1 or {self.channels} for {self.color}")

    @property
    def channels(self) -> int:
        """Channels of the model input: 1 for `L`, else 3."""
        return 1 if self.color == "L" else 3


class OutputSpec(_Strict, frozen=True, kw_only=True):
    """What the raw outputs mean."""

    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=100_000)]
    """One name a class, in the order of the raw outputs. Two classes may share a name."""
    kind: Literal["logits", "probabilities"] = "logits"
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    """Turns raw outputs into scores; `none` for a graph that ends in probabilities."""

    def __post_init__(self) -> None:
        if (self.kind == "probabilities") != (self.activation == "none"):
            raise ValueError(f"kind {self.kind!r} does not go with activation {self.activation!r}")


class Threshold(_Strict, frozen=True, kw_only=True):
    """Where doubt about a label begins and ends."""

    low: Ratio
    """Below it the label is held to be absent."""
    high: Ratio
    """From it on the label is held to be present; between the two nothing is decided."""

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")


class DecisionSpec(_Strict, frozen=True, kw_only=True):
    """How scores become a verdict."""

    ok_labels: Annotated[tuple[Label, ...], Meta(min_length=1)]
    """Labels of good parts."""
    thresholds: dict[Label, Threshold] = {}
    """Limits for labels of bad parts; a label without limits counts when it is the best one."""


class Artifact(_Strict, frozen=True, kw_only=True):
    """One stored form of the model."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}(?!\n)$")]
    format: Literal["onnx"]
    path: MemberName
    layout: Literal["NHWC"] = "NHWC"
    dtype: Literal["uint8"] = "uint8"
    dynamic_batch: bool = True


class Tolerance(_Strict, frozen=True, kw_only=True):
    """How far raw outputs may be from the expected ones."""

    relative: Annotated[float, Meta(ge=0, le=1)] = 1e-3
    """Largest difference divided by the largest expected absolute value of the same sample."""


class Execution(_Strict, frozen=True, kw_only=True):
    """An artifact with the runtime, precision and device to run it."""

    artifact: str
    runtime: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}(?!\n)$")]
    precision: Literal["fp32"] = "fp32"
    device: Literal["cpu"] = "cpu"
    tolerance: Tolerance = Tolerance()
    evidence: dict[Text, Text | float | int | bool] = {}


class GoldenSpec(_Strict, frozen=True, kw_only=True):
    """The encoded images of the golden samples, in the order of the expected tensors."""

    inputs: Annotated[tuple[MemberName, ...], Meta(min_length=1, max_length=64)]


class Provenance(_Strict, frozen=True, kw_only=True):
    """Where the bundle comes from; nothing of it changes an answer."""

    created_by: Text
    source: Text | None = None
    dataset: Text | None = None
    metrics: dict[Text, Finite] = {}


class FileEntry(_Strict, frozen=True, kw_only=True):
    """What a member must be."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
    size_bytes: Annotated[int, Meta(ge=0, le=2**40)]


class Manifest(_Strict, frozen=True, kw_only=True):
    """The whole of `bundle.json`."""

    format: Literal[1]
    name: BundleName
    task: Literal["classification"]
    created: Annotated[dt.datetime, Meta(tz=True)] | None = None
    """SOURCE_DATE_EPOCH at packing; null where that was not set, so that equal inputs give equal bytes."""
    input: InputSpec
    output: OutputSpec
    decision: DecisionSpec | None = None
    artifacts: Annotated[tuple[Artifact, ...], Meta(min_length=1, max_length=64)]
    executions: Annotated[tuple[Execution, ...], Meta(min_length=1, max_length=64)]
    """In order of preference."""
    golden: GoldenSpec
    provenance: Provenance
    files: dict[MemberName, FileEntry]

    def __post_init__(self) -> None:
        if self.created is not None and self.created.utcoffset():
            raise ValueError(f"created is {self.created.isoformat()}, expected a time in UTC, which ends in Z")
        names = [artifact.name for artifact in self.artifacts]
        if len(set(names)) != len(names):
            raise ValueError("two artifacts have the same name")
        for execution in self.executions:
            if execution.artifact not in names:
                raise ValueError(f"an execution names the artifact {quoted(execution.artifact)}, which is not declared")
        for member in (*(a.path for a in self.artifacts), *self.golden.inputs, EXPECTED_MEMBER):
            if member not in self.files:
                raise ValueError(f"{quoted(member)} is used but not listed in files")
        check_decision(self.decision, self.output)

    def artifact(self, name: str) -> Artifact:
        """Return the artifact of this name; one that an execution names always exists."""
        return next(artifact for artifact in self.artifacts if artifact.name == name)


def check_decision(decision: DecisionSpec | None, output: OutputSpec) -> None:
    """
    Raise ValueError where a decision names a label that the output does not have.

    A threshold for an OK label is an error too: thresholds tell when a part is bad.
    """
    if decision is None:
        return
    for label in (*decision.ok_labels, *decision.thresholds):
        if label not in output.labels:
            raise ValueError(f"the decision names the label {quoted(label)}, which the output does not have")
    for label in decision.ok_labels:
        if label in decision.thresholds:
            raise ValueError(
                f"{quoted(label)} is an OK label and cannot have a threshold; give one to the labels of bad parts"
            )


def parse_manifest(data: bytes, *, where: str = MANIFEST_MEMBER) -> Manifest:
    """
    Read a manifest strictly.

    Args:
        data: The raw bytes of `bundle.json`, UTF-8.
        where: What to call the place in an error; the line is added where it is known.

    Raises:
        BundleError: `bundle.limit`, `bundle.json`, `bundle.version` or `bundle.field`, with the
            path of the field and a hint where there is an obvious one; `bundle.member.name` or
            `bundle.member.duplicate` for names in `files`.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleError(
            f"the manifest has {len(data)} bytes, at most {MAX_MANIFEST_BYTES} are allowed",
            code="bundle.limit",
            where=where,
        )
    _require_known_format(data, where)
    manifest = _decode(data, Manifest, where)
    _require_unique_keys(data, where)
    _require_safe_members(manifest, where)
    _require_distinct_members(manifest, where)
    return manifest


class _Header(Struct):
    """The one field that every format version has."""

    format: Annotated[int, Meta(ge=0, lt=2**31)]


def _require_known_format(data: bytes, where: str) -> None:
    version = _decode(data, _Header, where).format
    if version != FORMAT:
        raise BundleError(
            f"the bundle has format {version}, this Andon reads format {FORMAT}",
            code="bundle.version",
            where=where,
            hint="upgrade andon" if version > FORMAT else "",
        )


_T = TypeVar("_T")


def _decode(data: bytes, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _field_error(explain_field(data, kind, error), "bundle.field", where) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _field_error(explain_syntax(data, error), "bundle.json", where) from None


def _field_error(fault: Fault, code: str, where: str) -> BundleError:
    line = f", line {fault.line}" if fault.line else ""
    return BundleError(fault.message, code=code, where=where + line, hint=fault.hint)


def _require_unique_keys(data: bytes, where: str) -> None:
    """Refuse a repeated key: of two readers one would take the first value, the other the last."""
    key = repeated_key(data)
    if key is not None:
        raise BundleError(
            f"the key {quoted(key)} occurs twice in one object",
            code="bundle.json",
            where=where,
            hint="keep one of them; readers would not agree on which one counts",
        )


def _require_safe_members(manifest: Manifest, where: str) -> None:
    for name in manifest.files:
        if not is_safe_member(name):
            raise unsafe_member(name, f"{where}, $.files")
        if name == MANIFEST_MEMBER:
            raise BundleError(
                "the manifest cannot list itself",
                code="bundle.member.name",
                where=f"{where}, $.files",
                hint=f"take {MANIFEST_MEMBER} out of files; its digest is the identity of the bundle",
            )


def _require_distinct_members(manifest: Manifest, where: str) -> None:
    """Refuse names that could not stand side by side in a folder on every file system."""
    taken = {MANIFEST_MEMBER: MANIFEST_MEMBER}
    for name in manifest.files:
        other = taken.setdefault(name.lower(), name)
        if other != name:
            raise _collision(name, other, "differ only in capital letters", where)
    for name in manifest.files:
        for folder in PurePosixPath(name.lower()).parents:
            if str(folder) in taken:
                raise _collision(name, taken[str(folder)], "would need one name for a file and a folder", where)


def _collision(name: str, other: str, reason: str, where: str) -> BundleError:
    return BundleError(
        f"the members {name!r} and {other!r} {reason}", code="bundle.member.duplicate", where=f"{where}, $.files"
    )


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest as indented UTF-8 JSON; equal manifests give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def manifest_schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of `bundle.json`, generated from the types above."""
    schema = msgspec.json.schema(Manifest)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Andon bundle, format 1", **schema}


def is_safe_member(name: str) -> bool:
    """
    Ask whether a member name is a plain relative path.

    Its parts are ASCII letters, digits, `_`, `-` and inner dots: no `.`, `..`, empty or hidden
    part, no backslash, drive or absolute path, at most 255 characters together.
    """
    return len(name) <= MAX_MEMBER_NAME and _MEMBER.fullmatch(name) is not None


def unsafe_member(name: str, where: str) -> BundleError:
    """Make the error for a member name that `is_safe_member` does not allow."""
    return BundleError(
        f"the member name {quoted(name)} is not a plain relative path",
        code="bundle.member.name",
        where=where,
        hint="name members with letters, digits, _, - and inner dots, their folders divided by /",
    )
