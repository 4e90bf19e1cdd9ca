"""What an artifact takes: prepared pixels, which it normalises, or what the author's own code makes of images."""

from typing import Literal

from msgspec import Struct

from andon.bundle.input_spec import InputSpec


class GraphInput(Struct, frozen=True):
    """The input of an artifact that is to be made."""

    spec: InputSpec
    """Its scale, mean and std are put into the artifact."""
    size: tuple[int, int]
    """Height and width in pixels."""
    takes_floats: bool = False
    """Whether the author's own `prepare` gives model inputs, so that there is nothing left to normalise."""

    @property
    def dtype(self) -> Literal["uint8", "uint16", "float32"]:
        """Of its numbers."""
        return "float32" if self.takes_floats else self.spec.dtype

    @property
    def layout(self) -> Literal["NHWC", "NCHW"]:
        """The order of its axes."""
        return "NCHW" if self.takes_floats else "NHWC"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image: (H, W, C) of pixels, (C, H, W) of floats."""
        height, width = self.size
        channels = self.spec.channels
        return (channels, height, width) if self.takes_floats else (height, width, channels)
