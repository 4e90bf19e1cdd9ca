"""
The manifest of a bundle: `bundle.json`, format version 1, read strictly.

It knows nothing of archives, images or runtimes. Unknown fields are errors; so is anything
that the rest of Andon could not act on, and anything that another reader could take otherwise.
"""

import datetime as dt
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from andon.bundle.fields import MAX_MEMBER_NAME, MEMBER, BundleName, CodeName, Finite, MemberName, Strict, Text
from andon.bundle.input_spec import InputSpec
from andon.bundle.json_text import Fault, explain_field, explain_syntax, quoted, repeated_key
from andon.bundle.output_spec import KINDS, DecisionSpec, OutputSpec, Task, check_decision
from andon.errors import BundleError

FORMAT = 1
MANIFEST_MEMBER = "bundle.json"
EXPECTED_MEMBER = "golden/expected.safetensors"
MAX_MANIFEST_BYTES = 4 * 1024**2
MAX_MEMBERS = 1_000
"""Members of one bundle, the manifest among them."""
MAX_BUNDLE_BYTES = 4 * 1024**3 - 1024**2
"""Bytes of all members together; with their headers they stay below the 4 GiB of plain zip."""

EXECUTABLE_FORMATS = frozenset({"pt2", "torchscript", "eager"})
"""Formats whose loading can run code that is not Andon's: they need trust."""


class Artifact(Strict, frozen=True, kw_only=True):
    """One stored form of the model; the input of its graph is a batch of prepared images."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}(?!\n)$")]
    format: Literal["onnx", "pt2", "torchscript", "eager"]
    """`eager` is a safetensors file of weights for the network that `factory` builds."""
    path: MemberName
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    """Pixels are NHWC, with normalisation in the graph; NCHW is what the author's own `prepare` returns as floats."""
    dtype: Literal["uint8", "uint16", "float32"] = "uint8"
    dynamic_batch: bool = True
    """False for a graph that takes exactly one image."""
    factory: CodeName | None = None
    """Of the format `eager`: installed Python that builds the network."""

    def __post_init__(self) -> None:
        if (self.dtype == "float32") != (self.layout == "NCHW"):
            raise ValueError(f"dtype {self.dtype!r} does not go with layout {self.layout!r}")
        if (self.format == "eager") != (self.factory is not None):
            raise ValueError("a factory goes with the format 'eager', and with no other")

    @property
    def needs_trust(self) -> bool:
        """Whether loading it can run code."""
        return self.format in EXECUTABLE_FORMATS


Precision = Literal["fp32", "bf16", "int8"]


class Tolerance(Strict, frozen=True, kw_only=True):
    """How far raw outputs may be from the expected ones."""

    relative: Annotated[float, Meta(ge=0, le=1)] = 1e-3
    """Largest difference divided by the largest expected absolute value of the same sample."""


class Execution(Strict, frozen=True, kw_only=True):
    """An artifact with the runtime, precision and device to run it."""

    artifact: str
    runtime: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}(?!\n)$")]
    precision: Precision = "fp32"
    """`bf16` is a hint to the runtime; the artifact is that of fp32. `int8` is a property of the artifact, which
    `andon optimize` made of that of fp32."""
    device: Literal["cpu", "cuda"] = "cpu"
    """The kind of device; which one of several is chosen where the bundle is loaded."""
    tolerance: Tolerance = Tolerance()
    evidence: dict[Text, Text | float | int | bool] = msgspec.field(default_factory=dict)


class GoldenSpec(Strict, frozen=True, kw_only=True):
    """The encoded images of the golden samples, in the order of the expected tensors."""

    inputs: Annotated[tuple[MemberName, ...], Meta(min_length=1, max_length=64)]


class Provenance(Strict, frozen=True, kw_only=True):
    """Where the bundle comes from; nothing of it changes an answer."""

    created_by: Text
    source: Text | None = None
    dataset: Text | None = None
    metrics: dict[Text, Finite] = msgspec.field(default_factory=dict)


class FileEntry(Strict, frozen=True, kw_only=True):
    """What a member must be."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
    size_bytes: Annotated[int, Meta(ge=0, le=2**40)]


class Manifest(Strict, frozen=True, kw_only=True):
    """The whole of `bundle.json`."""

    format: Literal[1]
    name: BundleName
    task: Task
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
            if (execution.artifact in self.quantised) != (execution.precision == "int8"):
                raise ValueError(
                    f"executions of the artifact {quoted(execution.artifact)} are int8 and {execution.precision}; "
                    "a quantised artifact is run in int8 only"
                )
        for member in (*(a.path for a in self.artifacts), *self.golden.inputs, EXPECTED_MEMBER):
            if member not in self.files:
                raise ValueError(f"{quoted(member)} is used but not listed in files")
        check_task(self.task, self.input, self.output, self.decision)
        self._require_fitting_artifacts()
        check_decision(self.decision, self.output)

    def _require_fitting_artifacts(self) -> None:
        for artifact in self.artifacts:
            fitting = ("float32", "uint8") if self.input.prepare is not None else (self.input.dtype,)
            if artifact.dtype not in fitting:
                raise ValueError(
                    f"the artifact {quoted(artifact.name)} takes {artifact.dtype}, the input is {fitting[0]}"
                )

    @property
    def own_code(self) -> tuple[str, ...]:
        """The author's own Python that every execution needs, by name."""
        return tuple(name for name in (self.input.prepare, self.output.finish) if name is not None)

    @property
    def needs_trust(self) -> bool:
        """Whether no execution can be loaded without running code of the author's."""
        return bool(self.own_code) or all(artifact.needs_trust for artifact in self.artifacts)

    @property
    def quantised(self) -> frozenset[str]:
        """The names of artifacts whose weights and activations are of 8 bits: those that int8 executions name."""
        return frozenset(execution.artifact for execution in self.executions if execution.precision == "int8")

    @property
    def has_places(self) -> bool:
        """Whether answers may say where in an image things are."""
        return self.output.kind in ("boxes", "map") or self.input.tiles is not None

    def artifact(self, name: str) -> Artifact:
        """Return the artifact of this name; one that an execution names always exists."""
        return next(artifact for artifact in self.artifacts if artifact.name == name)


def check_task(task: Task, spec: InputSpec, output: OutputSpec, decision: DecisionSpec | None) -> None:
    """Raise ValueError where a task does not go with what is declared of the input, the output and the decision."""
    if output.kind not in KINDS[task]:
        raise ValueError(f"the task {task} does not go with the output kind {output.kind!r}")
    hides = spec.tiles is not None and spec.tiles.merge == "max" and task == "classification"
    if hides and decision is None and len(output.labels) > 1:
        raise ValueError(
            "tiles of a classification need a decision: without OK labels the many good tiles hide the bad one"
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
    return len(name) <= MAX_MEMBER_NAME and MEMBER.fullmatch(name) is not None


def unsafe_member(name: str, where: str) -> BundleError:
    """Make the error for a member name that `is_safe_member` does not allow."""
    return BundleError(
        f"the member name {quoted(name)} is not a plain relative path",
        code="bundle.member.name",
        where=where,
        hint="name members with letters, digits, _, - and inner dots, their folders divided by /",
    )
