"""The images to pack with: the author's own, and those that are made here to try his code with."""

import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from msgspec import Struct
from PIL import Image

from andon.errors import ImageError, PackError
from andon.settings.limits import DEFAULT_LIMITS
from andon.vision.decode import open_encoded
from andon.vision.formats import FORMAT_NAMES, find_format

_ORIENTATION, _UPSIDE_DOWN = 0x0112, 3
"""The EXIF tag, and the value that turns an image without changing its size."""


class Sample(Struct, frozen=True, kw_only=True):
    """One image to pack with. A file is read when it is needed, so that thousands fit into memory."""

    name: str
    """What to call it in a message."""
    path: Path | None = None
    """Where it is read from; None for an image in memory."""
    data: bytes = b""
    """The encoded bytes of an image in memory."""

    @property
    def encoded(self) -> bytes:
        """
        The bytes of the file, in a format of `andon.vision.formats`.

        Raises:
            PackError: `pack.samples`: the file cannot be read.
        """
        if self.path is None:
            return self.data
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise PackError(f"cannot be read: {error.strerror}", code="pack.samples", where=self.name) from None

    @property
    def size_bytes(self) -> int:
        """Bytes of the encoded image."""
        return len(self.data) if self.path is None else self.path.stat().st_size

    @property
    def suffix(self) -> str:
        """What the name of its file ends with, by the first bytes: `jpg`, `png`, `tif` ...; empty for no image."""
        form = find_format(self.encoded)
        return form.suffixes[0].removeprefix(".") if form else ""

    def open(self) -> Image.Image:
        """Open it as the author's code does, by its path where it has one."""
        return Image.open(self.path or io.BytesIO(self.data))


def read_samples(samples: Iterable[str | os.PathLike[str] | Image.Image]) -> list[Sample]:
    """
    Look over the author's samples, and keep Pillow images as PNG.

    Raises:
        PackError: `pack.samples`: there are none, or one is not an image of a format that is taken.
    """
    if isinstance(samples, str | bytes | os.PathLike) or not isinstance(samples, Iterable):
        raise PackError(
            f"samples is {samples!r:.80}, expected a list of paths or Pillow images",
            code="pack.samples",
            hint="samples=[path]",
        )
    found = [_read_sample(sample, number) for number, sample in enumerate(samples)]
    if not found:
        raise PackError(
            "there are no samples", code="pack.samples", hint="give at least one image, better ten of each class"
        )
    return found


def _read_sample(sample: object, number: int) -> Sample:
    if isinstance(sample, Image.Image):
        return _kept(sample, f"sample {number}")
    if not isinstance(sample, str | os.PathLike):
        raise PackError(
            f"sample {number} is a {type(sample).__name__}, expected a path or a Pillow image", code="pack.samples"
        )
    found = Sample(name=str(sample), path=Path(sample))
    try:
        open_encoded(found.encoded, DEFAULT_LIMITS)
    except ImageError as error:
        raise PackError(
            error.message, code="pack.samples", where=found.name, hint=error.hint or f"samples are {FORMAT_NAMES} files"
        ) from None
    return found


def _kept(image: Image.Image, name: str) -> Sample:
    try:
        return made_sample(image, "PNG", name)
    except OSError as error:
        raise PackError(
            f"an image of mode {image.mode} cannot be kept as PNG: {error}",
            code="pack.samples",
            where=name,
            hint="give the path of its file",
        ) from None


def made_sample(image: Image.Image, form: str, name: str) -> Sample:
    """Encode an image as PNG or JPEG, the latter at quality 90."""
    buffer = io.BytesIO()
    image.save(buffer, form, **({"quality": 90} if form == "JPEG" else {}))
    return Sample(name=name, data=buffer.getvalue())


def noise(size: tuple[int, int], *, grey: bool = False, depth: int = 8) -> Sample:
    """
    Make a PNG that notices most mistakes: coarse and fine noise.

    Args:
        size: Height and width in pixels.
        grey: Make it of one channel, for a model that takes one.
        depth: Bits of one channel; more than 8 are grey.
    """
    return made_sample(_noise(size, grey=grey, depth=depth), "PNG", "noise that was made to try the transform")


def upside_down(size: tuple[int, int], *, grey: bool = False, depth: int = 8) -> Sample:
    """
    Make an image whose EXIF block says that it is to be turned by 180 degrees; arguments as of `noise`.

    It is a JPEG, or a PNG where a JPEG cannot have the bits.
    """
    image = _noise(size, grey=grey, depth=depth)
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[_ORIENTATION] = _UPSIDE_DOWN
    if depth > 8:
        image.save(buffer, "PNG", exif=exif)
    else:
        image.save(buffer, "JPEG", quality=90, exif=exif)
    return Sample(name="noise with an EXIF orientation that was made to try the transform", data=buffer.getvalue())


def _noise(size: tuple[int, int], *, grey: bool, depth: int) -> Image.Image:
    height, width = size
    random = np.random.default_rng(0)
    levels, shape = 2**depth, () if depth > 8 else (3,)
    coarse = random.integers(0, levels, (height // 8 + 1, width // 8 + 1, *shape)).repeat(8, 0).repeat(8, 1)
    fine = random.integers(0, levels, (height, width, *shape))
    pixels = (2 * coarse[:height, :width] + fine) // 3
    image = Image.fromarray(pixels.astype(np.uint16 if depth > 8 else np.uint8))
    return image.convert("L") if grey and depth == 8 else image
