"""
Every error that Andon raises on purpose; it knows nothing of HTTP.

AndonError
├── UsageError           the call or the command line is wrong
├── EnvironmentFault     something is missing on this machine
├── BundleError          a bundle is not what it claims to be
├── TrustError           a bundle would run code that nobody has vouched for
├── RuntimeFault         an artifact does not load, or does not run
├── ProofError           a bundle does not reproduce its golden samples here
├── ImageError           one image cannot be used; the others are not touched
├── RequestError         a request cannot be understood, or is over a limit
├── EngineError          the engine does not take a job, or does not finish it
├── ServiceError         a service refuses, does not answer in time, or cannot be reached
└── PackError            a model cannot become a bundle
    └── MismatchError    what was declared and what the author's code does differ
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class AndonError(Exception):
    """
    The base of all errors of Andon.

    Args:
        message: What is wrong, with the expected and the found value.
        code: One of `CODES`, stable across versions; programs decide by it.
        where: File, member, sample or argument that is at fault.
        hint: What to do about it.
    """

    exit_code: ClassVar[int] = 1
    """What a command exits with: 1 the check failed, 2 wrong use, 3 environment."""

    def __init__(self, message: str, *, code: str, where: str = "", hint: str = "") -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is not in andon.errors.CODES")
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"[{self.code}] {self.message}"]
        if self.where:
            lines.append(f"  in {self.where}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        state = {"code": self.code, "where": self.where, "hint": self.hint}
        return (_rebuild, (type(self), self.message, state))


def _rebuild(kind: type[AndonError], message: str, state: dict[str, str]) -> AndonError:
    """Make an error again on the other side of a process border."""
    return kind(message, **state)


class UsageError(AndonError):
    """The call or the command line is wrong."""

    exit_code = 2


class EnvironmentFault(AndonError):
    """Something is missing on this machine: an extra, a program, a permission."""

    exit_code = 3


class BundleError(AndonError):
    """A bundle is not what it claims to be; nothing of it was loaded."""


class TrustError(AndonError):
    """A bundle would run code of its author's, and nobody has said that it is trusted; nothing of it was run."""


class RuntimeFault(AndonError):
    """An artifact does not load, or does not run."""


class ProofError(AndonError):
    """A bundle does not reproduce its golden samples on this machine."""


class ImageError(AndonError):
    """One image cannot be used; the others are not touched."""


class RequestError(AndonError):
    """A request cannot be understood, or is over a limit."""


class EngineError(AndonError):
    """The engine does not take a job, or does not finish it: it is full, closed, or the deadline passed."""


class ServiceError(AndonError):
    """
    A service refuses, does not answer in time, or cannot be reached; what a client raises.

    Args:
        message: What the service says, or what became of the connection.
        code: The service's own code, or one of the client's.
        where: The URL, the request id and the number of attempts.
        hint: What to do about it.
        request_id: What the log of the service names the request by; empty where there is none.
    """

    def __init__(self, message: str, *, code: str, where: str = "", hint: str = "", request_id: str = "") -> None:
        super().__init__(message, code=code, where=where, hint=hint)
        self.request_id = request_id

    def __reduce__(self) -> tuple[object, ...]:
        state = {"code": self.code, "where": self.where, "hint": self.hint, "request_id": self.request_id}
        return (_rebuild, (type(self), self.message, state))


class PackError(AndonError):
    """A model cannot become a bundle."""


class MismatchError(PackError):
    """What was declared and what the author's own code does differ."""


def missing_extra(library: str, extra: str, purpose: str) -> EnvironmentFault:
    """Build the error for a library that is not installed, naming the pip command."""
    return EnvironmentFault(
        f"{purpose} needs {library}, which is not installed",
        code="environment.extra",
        hint=f'pip install "andon[{extra}]"',
    )


def first_line(error: BaseException) -> str:
    """Cut the message of a library's error to its first line, of at most 300 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


CODES: Mapping[str, str] = MappingProxyType(
    {
        "usage.argument": "An argument has a value that cannot be used.",
        "usage.path": "A path does not exist, or is not what the command needs.",
        "usage.import": "`module:name` cannot be imported.",
        "usage.setting": "A setting does not exist, or has a value that it cannot have.",
        "environment.extra": "An optional library is not installed.",
        "environment.write": "A file cannot be written.",
        "environment.device": "There is no such device, or what is installed cannot use it.",
        "environment.program": "A program of another package is not installed.",
        "environment.port": "A port cannot be used: something else listens there, or it is not allowed.",
        "environment.service": "A service that was started ended, or did not answer in time.",
        "bundle.missing": "There is no bundle at this path.",
        "bundle.read": "The bundle or a member of it cannot be read: permissions, or the disk.",
        "bundle.format": "The file is neither a bundle archive nor a bundle folder.",
        "bundle.archive": "The archive is damaged or not written as bundles are.",
        "bundle.limit": "The bundle is over a limit of size or number.",
        "bundle.member.name": "A member has a name that is not allowed.",
        "bundle.member.link": "A member is a link or a special file.",
        "bundle.member.duplicate": "A member occurs twice.",
        "bundle.member.missing": "A member that the manifest declares is absent.",
        "bundle.member.extra": "A member is present that the manifest does not declare.",
        "bundle.member.compressed": "A member is compressed or encrypted; members are stored as they are.",
        "bundle.size": "A member has another size than the manifest says.",
        "bundle.digest": "A member has another SHA-256 digest than the manifest says.",
        "bundle.json": "The manifest is not valid JSON.",
        "bundle.field": "A manifest field is missing, unknown, of the wrong type or out of range.",
        "bundle.version": "The bundle has a format version that this Andon cannot read.",
        "bundle.artifact": "An artifact would read files outside the bundle.",
        "bundle.trust": "The bundle needs code of its author's to run, and is not trusted.",
        "bundle.golden": "The golden samples are unreadable or do not fit the manifest.",
        "runtime.unknown": "There is no runtime of this name.",
        "runtime.none": "No execution of the bundle fits the request and this machine.",
        "runtime.load": "The runtime refuses the artifact.",
        "runtime.run": "The runtime failed while running the model.",
        "runtime.output": "The model answers with the wrong shape, type or with numbers that are not finite.",
        "code.import": "The author's own code that the bundle names cannot be imported.",
        "code.run": "The author's own code fails on an image, or returns something else than it should.",
        "proof.failed": "The golden samples are not reproduced on this machine.",
        "image.format": "The bytes are not an image of a format, or of a kind of it, that is taken.",
        "image.truncated": "The image ends early or its data are damaged.",
        "image.bytes": "The encoded image has more bytes than allowed.",
        "image.pixels": "The image has more pixels than allowed.",
        "image.tiles": "The image would be cut into more tiles than allowed.",
        "image.depth": "The pixels have other bits than the model takes, or are not unsigned whole numbers.",
        "image.shape": "The image or array has a shape or size that cannot be used.",
        "image.missing": "The image file cannot be read.",
        "request.body": "The body cannot be parsed as what its content type says.",
        "request.file": "The request holds no image.",
        "request.field": "The form has a field that is not known.",
        "request.path": "There is nothing at this address.",
        "request.method": "The address does not take this method.",
        "request.model": "The service has no model of this name and version.",
        "request.http": "The bytes are not HTTP/1.1 that can be read.",
        "request.head": "The head of the request has more bytes or headers than allowed.",
        "request.header": "A header of the request has a value that it cannot have.",
        "request.token": "The request does not bring the token of the service.",
        "request.timeout": "The request did not arrive in time.",
        "request.tensor": "A tensor is missing, unknown, or not of the type, shape or size that it should have.",
        "request.parameter": "A parameter of the request is not known, or has a value that it cannot have.",
        "request.media_type": "The body has a content type that is not served.",
        "request.bytes": "The body has more bytes than allowed.",
        "request.images": "The request holds more images than allowed.",
        "engine.full": "As many images wait as the service takes; it is worth trying again.",
        "engine.deadline": "The deadline passed before the answer was there.",
        "engine.quarantine": "Two workers ended while they computed this image; it is not tried again.",
        "engine.worker": "A worker ended, for a reason that is not known here.",
        "engine.closed": "The service is shutting down.",
        "service.unready": "The service has no model that has proven itself.",
        "service.connections": "More connections are open than the service takes.",
        "service.fault": "The service failed for a reason of its own.",
        "upstream.unreachable": "No service behind the balancer answers.",
        "upstream.timeout": "No service behind the balancer answered in time.",
        "deploy.folder": "A folder holds something that was not written by `andon deploy`, or no longer what was.",
        "client.connection": "The service cannot be reached, or the connection broke before the whole answer.",
        "client.deadline": "The deadline of the client passed before the answer was there.",
        "client.answer": "The answer is not one of an Andon service that this client understands.",
        "pack.argument": "An argument of `pack` is wrong.",
        "pack.input": "The preprocessing is not declared, or the declaration cannot be used.",
        "pack.samples": "There are no samples, or one of them cannot be used.",
        "pack.weights": "The weights cannot be read, or do not fit the model.",
        "pack.model": "The model cannot be run, or answers with something that is not scores of the labels.",
        "pack.transform": "The author's transform fails, or returns something that is no float tensor (C, H, W).",
        "pack.export": "The model cannot be exported.",
        "pack.prepare": "The author's own `prepare` fails on a sample, or returns something else than it should.",
        "pack.finish": "The author's own `finish` fails on a raw output, or returns something else than it should.",
        "pack.mismatch.channels": "The channels are in another order or number than declared.",
        "pack.mismatch.range": "The values are in another range than declared: 0-255 against 0-1.",
        "pack.mismatch.normalisation": "Mean or standard deviation differ from those declared.",
        "pack.mismatch.interpolation": "The resize uses another kernel than declared.",
        "pack.mismatch.geometry": "The resize or the crop takes another part of the image than declared.",
        "pack.mismatch.random": "The transform answers differently each time.",
        "pack.mismatch.prepare": "The author's own `prepare` answers otherwise in a service than in a notebook.",
        "pack.mismatch.output": "The exported model answers otherwise than the eager model.",
        "pack.golden": "The golden samples would not notice a wrong preparation.",
        "optimize.data": "None of the images to optimise with can be used, or they are too many.",
        "optimize.quantise": "The model cannot be quantised.",
    }
)
"""Every stable code, with one sentence for people; the reference page is made from it."""
