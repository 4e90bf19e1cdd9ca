"""What the front and a worker process say to each other. Images are not in it: they lie in memory that both see."""

import os

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from andon.engine.base import LoadedModel
from andon.errors import AndonError
from andon.predictions import Failure, Prediction
from andon.settings.serve import ServeSettings

MAX_TEXT = 4_096
"""Characters of an error's text that cross the border: messages of libraries may have no end."""


class Start(Struct, frozen=True, tag=True, array_like=True):
    """The first message to a worker: what it works with."""

    settings: ServeSettings
    """Without secrets."""
    device: str
    """`cpu`, or a card."""
    may_fall_back: bool
    """Whether the CPU does where the card does not."""
    threads: int
    """Compute threads of one run, 1 or more."""
    is_first: bool
    """Whether it tells in the log what all workers would tell alike."""


class Load(Struct, frozen=True, tag=True, array_like=True):
    """Load and prove a bundle."""

    number: int
    """Of this order, for its answer: several are carried out at once."""
    encoded_path: bytes | None
    """As the file system has it, which need not be UTF-8; None for the model `null`."""
    digest: str | None
    """What it must be; None where that is not known yet."""

    @classmethod
    def of(cls, number: int, path: str | None, digest: str | None) -> "Load":
        """Take a path as Python writes it."""
        return cls(number, None if path is None else os.fsencode(path), digest)

    @property
    def path(self) -> str | None:
        """The path as Python writes it."""
        return None if self.encoded_path is None else os.fsdecode(self.encoded_path)


class Give(Struct, frozen=True, tag=True, array_like=True):
    """Predict an image."""

    number: int
    model: str
    place: tuple[int, int]
    """Its first byte in the arena, and its bytes."""
    shape: tuple[int, ...] | None
    """Of pixels; None for an encoded image."""
    dtype: str
    """Of pixels; empty for an encoded image."""
    is_canary: bool


class Hold(Struct, frozen=True, tag=True, array_like=True):
    """Do nothing for some time."""

    number: int
    seconds: float


class Forget(Struct, frozen=True, tag=True, array_like=True):
    """Nobody waits for an answer any more; there must be one all the same, and it may be empty."""

    number: int


ToWorker = Load | Give | Hold | Forget


class Loaded(Struct, frozen=True, tag=True, array_like=True):
    """The answer to `Load`."""

    number: int
    model: LoadedModel


class NotLoaded(Struct, frozen=True, tag=True, array_like=True):
    """The other answer to `Load`: an error of Andon's, by its class and its fields."""

    number: int
    kind: str
    message: str
    code: str
    where: str
    hint: str

    @classmethod
    def of(cls, number: int, error: AndonError) -> "NotLoaded":
        """Take an error apart."""
        return cls(
            number, type(error).__name__, _text(error.message), error.code, _text(error.where), _text(error.hint)
        )

    def error(self) -> AndonError:
        """Make the error again."""
        kinds = {kind.__name__: kind for kind in _all_kinds(AndonError)}
        return kinds.get(self.kind, AndonError)(self.message, code=self.code, where=self.where, hint=self.hint)


class Answered(Struct, frozen=True, array_like=True):
    """What became of one image, or of holding."""

    number: int
    prediction: Prediction | None
    """None for holding, and where nobody waits any more."""


def sendable(prediction: Prediction) -> Prediction:
    """Leave out the map, which is never sent, and write an error so that it can be."""
    changes: dict[str, object] = {}
    if prediction.map is not None:
        changes["map"] = None
    if prediction.error is not None:
        error = prediction.error
        changes["error"] = Failure(code=error.code, message=_text(error.message), hint=_text(error.hint))
        changes["reasons"] = tuple(map(_text, prediction.reasons))
    return replace(prediction, **changes) if changes else prediction


class Answers(Struct, frozen=True, tag=True, array_like=True):
    """Images that were run together."""

    answered: list[Answered]
    batch: int
    """Images that the worker would run at once next, if so many wait."""


class SetAside(Struct, frozen=True, tag=True, array_like=True):
    """An image takes long to decode or to run; the worker goes on with others beside it."""

    number: int


class Beat(Struct, frozen=True, tag=True, array_like=True):
    """A sign of life."""

    busy_s: float
    """Seconds for which the step that began first has been going on; 0 where nothing is done."""
    usual_s: float
    """Seconds that the longest step so far has taken."""


FromWorker = Loaded | NotLoaded | Answers | SetAside | Beat

encode = msgspec.msgpack.Encoder().encode
decode_start = msgspec.msgpack.Decoder(Start).decode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


def _text(text: str) -> str:
    """Shorten a text, and write out what UTF-8 cannot: the name of a file may have any bytes."""
    return text[:MAX_TEXT].encode("utf-8", "backslashreplace").decode()


def _all_kinds(kind: type[AndonError]) -> list[type[AndonError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _all_kinds(child))]
