"""
How long an image takes from its bytes to the pixels of a graph, in plain Pillow or OpenCV and in Andon.

    python benchmarks/vision.py

JPEG, shorter side 256, centre crop 224; then the decoding of every format. Both ways give the same
pixels, or the benchmark stops. They run in turns, in one thread; the median of their processor time
counts, which is the time that passes where nothing else runs.
"""

import argparse
import io
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, features
from PIL import __version__ as pillow_version

from andon.bundle.input_spec import Crop, InputSpec, ShorterSide
from andon.vision.decode import decode
from andon.vision.prepare import prepare

SIZES = ((456, 394), (394, 456), (640, 480), (1920, 1080), (4000, 3000), (3000, 4000))
KERNELS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
FORMAT_SIZE = (1920, 1080)
SHORTER, CROP = 256, 224
SECONDS_A_ROW = 4.0


def photo_like(width: int, height: int) -> bytes:
    """Make a JPEG with as much detail at each scale as a photo has: noise of all sizes, the finer the weaker."""
    rng = np.random.default_rng(0)
    pixels = np.full((height, width, 3), 128.0)
    for divisor in (2, 4, 8, 16, 32, 64, 128):
        coarse = rng.integers(0, 256, (height // divisor + 2, width // divisor + 2, 3), dtype=np.uint8)
        layer = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(layer) - 128.0) * divisor**0.5 / 16
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=96)
    return buffer.getvalue()


def medians_ms(ways: Sequence[Callable[[], object]]) -> list[float]:
    """Run several ways in turns for some seconds; give the median of each in milliseconds of the processor."""
    times: list[list[float]] = [[] for _ in ways]
    end = time.perf_counter() + SECONDS_A_ROW
    while time.perf_counter() < end or len(times[0]) < 5:
        for way, found in zip(ways, times, strict=True):
            started = time.thread_time()
            way()
            found.append((time.thread_time() - started) * 1e3)
    return [statistics.median(found) for found in times]


def open_with_pillow(data: bytes) -> Image.Image:
    """Decode as everybody does."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    return image


def prepare_with_pillow(image: Image.Image, kernel: Image.Resampling) -> np.ndarray:
    """Resize the whole, cut the middle, make an array."""
    shorter = min(image.size)
    size = (image.width * SHORTER // shorter, image.height * SHORTER // shorter)
    left, top = round((size[0] - CROP) / 2), round((size[1] - CROP) / 2)
    return np.array(image.resize(size, kernel).crop((left, top, left + CROP, top + CROP)))


def prepare_with_opencv(image: Image.Image) -> np.ndarray:
    """Do the same with OpenCV's bilinear, which does not widen where it reduces."""
    shorter = min(image.size)
    size = (image.width * SHORTER // shorter, image.height * SHORTER // shorter)
    left, top = round((size[0] - CROP) / 2), round((size[1] - CROP) / 2)
    resized = cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(resized[top : top + CROP, left : left + CROP])


def measure(width: int, height: int) -> str:
    """Measure one size of image, and give its row."""
    data = photo_like(width, height)
    found = medians_ms([lambda: open_with_pillow(data), lambda: decode(data, InputSpec())])
    picture = decode(data, InputSpec())
    for name, kernel in KERNELS.items():
        resize = ShorterSide(size=SHORTER, interpolation=name)  # type: ignore[arg-type] # one of the two above
        spec = InputSpec(resize=resize, crop=Crop(size=(CROP, CROP)))
        if not np.array_equal(prepare(picture, spec), prepare_with_pillow(picture, kernel)):
            raise SystemExit(f"{name} at {width} x {height}: the pixels are not those of Pillow")
        found += medians_ms([lambda k=kernel: prepare_with_pillow(picture, k), lambda s=spec: prepare(picture, s)])  # type: ignore[misc] # late binding
    spec = InputSpec(resize=ShorterSide(size=SHORTER, antialias=False), crop=Crop(size=(CROP, CROP)))
    if not np.array_equal(prepare(picture, spec), prepare_with_opencv(picture)):
        raise SystemExit(f"OpenCV at {width} x {height}: the pixels are not those of OpenCV")
    found += medians_ms([lambda: prepare_with_opencv(picture), lambda: prepare(picture, spec)])
    return f"{width:4} x {height:<4} {len(data) / 1000:6.0f} KB" + "".join(
        f"   {plain:7.2f} {ours:7.2f}" for plain, ours in zip(found[::2], found[1::2], strict=True)
    )


def machine() -> str:
    """Name the processor, its cores and the versions that matter."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    turbo = features.version("libjpeg_turbo")
    return (
        f"{len(names)} cores of {names[0] if names else platform.machine()}, Python {platform.python_version()}, "
        f"Pillow {pillow_version}, libjpeg-turbo {turbo}"
    )


def encoded_forms() -> dict[str, bytes]:
    """Encode one picture in every format that is taken, and the deep ones."""
    picture = open_with_pillow(photo_like(*FORMAT_SIZE))
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    forms: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "JPEG": (picture, "JPEG", {"quality": 90}),
        "PNG": (picture, "PNG", {}),
        "BMP": (picture, "BMP", {}),
        "GIF": (picture, "GIF", {}),
        "WebP lossy": (picture, "WEBP", {}),
        "WebP lossless": (picture, "WEBP", {"lossless": True}),
        "TIFF": (picture, "TIFF", {}),
        "TIFF LZW": (picture, "TIFF", {"compression": "tiff_lzw"}),
        "TIFF Deflate": (picture, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "TIFF JPEG": (picture, "TIFF", {"compression": "jpeg"}),
        "PNG 16 bits": (deep, "PNG", {}),
        "TIFF 16 bits": (deep, "TIFF", {}),
    }
    return {name: encoded(image, form, options) for name, (image, form, options) in forms.items()}


def encoded(image: Image.Image, form: str, options: dict[str, Any]) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def measure_format(name: str, data: bytes) -> str:
    """Measure the decoding of one file, and give its row."""
    spec = InputSpec(color="L", depth=16) if "16 bits" in name else InputSpec()
    mode = "I;16" if "16 bits" in name else "RGB"

    def plain() -> Image.Image:
        image = open_with_pillow(data)
        return image if image.mode == mode else image.convert(mode)

    if not np.array_equal(np.asarray(plain()), np.asarray(decode(data, spec))):
        raise SystemExit(f"{name}: the pixels are not those of Pillow")
    pillow_ms, ours_ms = medians_ms([plain, lambda: decode(data, spec)])
    return f"{name:14} {len(data) / 1000:6.0f} KB   {pillow_ms:7.2f} {ours_ms:7.2f}"


def main() -> int:
    """Measure every size and every format, print two tables, and return the exit code."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(f"{machine()}; milliseconds")
    cv2.setNumThreads(1)
    print(" " * 21 + "".join(f"   {step:>15}" for step in ("decode", *KERNELS, "OpenCV bilinear")))
    print(" " * 21 + "     plain   Andon" * 4)
    for width, height in SIZES:
        print(measure(width, height), flush=True)
    print(f"\ndecode, {FORMAT_SIZE[0]} x {FORMAT_SIZE[1]}      plain   Andon")
    for name, data in encoded_forms().items():
        print(measure_format(name, data), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
