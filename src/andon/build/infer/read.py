"""
Resize and crop read off the steps of torchvision and timm, by the names of their classes and attributes.

Neither library is imported. What is read is a guess like any other: it must agree with what the
transform does, and where the steps are not all known nothing is read.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from msgspec import Struct, ValidationError, convert

from andon.build.infer.hypotheses import Layout
from andon.bundle.input_spec import Crop, Interpolation, NoResize, Resize

_LIBRARIES = ("torchvision", "timm")
_TO_TENSOR = frozenset({"ToTensor", "MaybeToTensor", "PILToTensor", "MaybePILToTensor", "ToImage", "ToNumpy"})
_PIXELWISE = frozenset({"Normalize", "ToDtype", "ConvertImageDtype", "ToPureTensor", "Grayscale", "RGB", "Identity"})
"""Steps that move no pixel; what they do to values is measured, not read."""


class Read(Struct, frozen=True, kw_only=True):
    """What the steps of a transform say."""

    what: str
    """Whose steps they are."""
    resize: Resize
    crop: Crop | None

    @property
    def layout(self) -> Layout:
        """Resize and crop."""
        return self.resize, self.crop


def read_steps(transform: object) -> Read | None:
    """
    Read the resize and the crop of a torchvision or timm transform.

    Returns:
        What its steps say; None for another transform, and where a step is not known.
    """
    steps = list(_flattened(transform))
    if not steps or any(_library(step) is None for step in steps):
        return None
    library = "timm" if any(_library(step) == "timm" for step in steps) else "torchvision"
    try:
        return _Reader().read(steps, f"the steps of the {library} transform")
    except (_UnknownStep, ValidationError, AttributeError, TypeError, ValueError, IndexError):
        # Attributes are the libraries' own, and may be anything in another version.
        return None


class _UnknownStep(Exception):
    """A step that cannot be read."""


class _Reader:
    """Reads one step after the other."""

    def __init__(self) -> None:
        self._resize: dict[str, Any] | None = None
        self._crop: dict[str, Any] | None = None
        self._is_tensor = False

    def read(self, steps: Sequence[object], what: str) -> Read:
        """Give what all steps together say."""
        known: dict[str, Callable[[Any], None]] = {
            "Resize": self._read_resize,
            "ResizeKeepRatio": self._read_ratio,
            "CenterCrop": self._read_crop,
            "CenterCropOrPad": self._read_crop,
            "ImageClassification": self._read_preset,
        }
        for step in steps:
            name = type(step).__name__
            if name in known:
                known[name](step)
            elif name in _TO_TENSOR:
                self._is_tensor = True
            elif name not in _PIXELWISE:
                raise _UnknownStep
        resize = NoResize() if self._resize is None else convert(self._resize, Resize)
        return Read(what=what, resize=resize, crop=None if self._crop is None else convert(self._crop, Crop))

    def _read_resize(self, step: Any) -> None:
        if getattr(step, "max_size", None) is not None:
            raise _UnknownStep
        self._set_resize(step.size, step.interpolation, getattr(step, "antialias", True))

    def _read_preset(self, step: Any) -> None:
        self._set_resize(step.resize_size, step.interpolation, step.antialias)
        self._crop = {"size": _pair(step.crop_size)}

    def _read_ratio(self, step: Any) -> None:
        if step.longest != 1.0 or step.random_scale_prob or step.random_aspect_prob:
            raise _UnknownStep
        kernel = self._kernel(step.interpolation, antialias=True)
        self._resize = {"mode": "letterbox", "size": _pair(step.size), **kernel}

    def _read_crop(self, step: Any) -> None:
        if self._crop is not None:
            raise _UnknownStep
        pad = _pad(getattr(step, "fill", 0))
        if self._resize is not None and self._resize["mode"] == "letterbox":
            self._resize["pad"] = pad
        self._crop = {"size": _pair(step.size), "pad": pad}

    def _set_resize(self, size: Any, interpolation: Any, antialias: Any) -> None:
        if self._resize is not None or self._crop is not None:
            raise _UnknownStep
        sides = [size] if isinstance(size, int) else list(size)
        kernel = self._kernel(interpolation, antialias=antialias is not False)
        if len(sides) == 1:
            self._resize = {"mode": "shorter_side", "size": int(sides[0]), **kernel}
        else:
            self._resize = {"mode": "exact", "size": [int(side) for side in sides], **kernel}

    def _kernel(self, interpolation: Any, *, antialias: bool) -> dict[str, Any]:
        """Tensors resize without antialias where it is off; Pillow images always with it."""
        name = str(getattr(interpolation, "value", interpolation)).split("-")[0]
        if name not in get_args(Interpolation):
            raise _UnknownStep
        return {"interpolation": name, "antialias": antialias or not self._is_tensor}


def _flattened(transform: Any) -> Iterator[object]:
    inner = getattr(transform, "transforms", None)
    if type(transform).__name__ in ("Compose", "Sequential") and isinstance(inner, list | tuple):
        for step in inner:
            yield from _flattened(step)
    else:
        yield transform


def _library(step: object) -> str | None:
    name = type(step).__module__.partition(".")[0]
    return name if name in _LIBRARIES else None


def _pair(size: Any) -> list[int]:
    sides = [size] if isinstance(size, int) else [int(side) for side in size]
    return sides * 2 if len(sides) == 1 else sides


def _pad(fill: Any) -> Any:
    levels = [int(value) for value in fill] if isinstance(fill, list | tuple) else [int(fill)]
    return levels[0] if len(set(levels)) == 1 else levels
