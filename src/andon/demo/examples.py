"""The examples by name: what each is, how it is packed, and what to try it with."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from andon.demo import photos, solar

if TYPE_CHECKING:
    from andon.build.pack import PackReport

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and what is being done."""


class Example(NamedTuple):
    """One example of `andon demo`."""

    about: str
    """What it is, in the middle of a sentence."""
    pack: Callable[[Path, Progress | None], "PackReport"]
    """Packs it where told, and proves it on the way."""
    sample_photo: Callable[[], Path]
    """Gives the image that is classified for a first look."""


EXAMPLES = {
    "photos": Example("EfficientNet-Lite0 with ImageNet weights", photos.pack_photos, photos.sample_photo),
    "solar": Example("solar cells, trained on this machine in minutes", solar.pack_solar, solar.sample_photo),
}
"""In the order of the help; the first is the one that nobody has to name."""
