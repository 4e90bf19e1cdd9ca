"""Every limit of Andon with its unit and default. Later layers read them; this one decides nothing."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what comes in from outside; each has an error code of its own."""

    max_image_bytes: int = 32 * 1024 * 1024
    """Bytes of one encoded image, 1 or more. Over it: `image.bytes`."""
    max_image_pixels: int = 64_000_000
    """Width times height of one image, 1 or more, read from its header before decoding. Over it: `image.pixels`."""
    max_body_bytes: int = 64 * 1024 * 1024
    """Bytes of one request body, 1 or more. Over it: `request.bytes`."""
    max_images: int = 32
    """Images in one request, 1 or more. Over it: `request.images`."""


DEFAULT_LIMITS = Limits()
