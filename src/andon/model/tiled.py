"""
One image is run tile by tile, in batches, of which two at most are in memory beside it.

It knows nothing of how tiles become one answer; a reader does.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.errors import AndonError, EngineError, ImageError, RuntimeFault
from andon.model.ahead import work_ahead
from andon.model.batch import Graph, prepared_size
from andon.model.part import Part, Reader
from andon.predictions import Prediction
from andon.tensors import InputArray
from andon.vision.geometry import Window, region_of
from andon.vision.tiles import cut, tile_windows

MAX_BATCH_PIXELS = 4 * 1024**2
"""Pixels of the tiles that are run at once: a graph takes hundreds of bytes for each of them while it runs."""


class TilePlan(Struct, frozen=True, kw_only=True):
    """How one image is cut up and run."""

    windows: Sequence[Window]
    """The tiles, at least one, all of one size."""
    region: Window
    """What they cover."""
    batch_size: int
    """Tiles handed to the runtime at once, 1 or more; fewer where they are large."""
    threads: int
    """Threads that prepare tiles while a batch runs; with 1 it is the calling one."""

    @property
    def tiles_at_once(self) -> int:
        """Tiles of one batch."""
        first = self.windows[0]
        return max(1, min(self.batch_size, MAX_BATCH_PIXELS // (first.width * first.height)))


def plan_tiles(size: tuple[int, int], spec: InputSpec, *, max_tiles: int, batch_size: int, threads: int) -> TilePlan:
    """
    Say how an image is cut up.

    Args:
        size: The width and height of what was decoded, in pixels.
        spec: The region that this is, and the tiles; without these it is the only one.
        max_tiles: Of one image.
        batch_size: Tiles to run at once.
        threads: To prepare them in.

    Raises:
        ImageError: `image.tiles`: there would be too many.
    """
    region = region_of(size, spec.roi)
    windows = [region] if spec.tiles is None else tile_windows(region, spec.tiles, max_tiles=max_tiles)
    return TilePlan(windows=windows, region=region, batch_size=batch_size, threads=threads)


class _Tile(Struct, frozen=True):
    """A tile on its way: its pixels, or why there are none, and the time they took."""

    window: Window
    pixels: InputArray | AndonError
    prepare_ms: float


def predict_tiles(
    picture: Image.Image,
    plan: TilePlan,
    graph: Graph,
    reader: Reader,
    timings_ms: dict[str, float],
    is_wanted: Callable[[], bool],
) -> Prediction:
    """
    Predict one decoded image.

    Args:
        picture: Loaded.
        plan: Its tiles.
        graph: What runs them.
        reader: A new one; it makes one answer of them all.
        timings_ms: The times of `prepare`, `infer` and `finish` are added, each the sum of all tiles.
        is_wanted: Asked before each batch; where it says no the rest is not run.

    Raises:
        AndonError: One of the tiles fails, and so does the image: nobody would know what lies there.
        EngineError: `engine.deadline`: the answer is no longer wanted.
    """
    times = _Times(timings_ms)

    def begin(window: Window) -> Callable[[], _Tile]:
        return lambda: _prepared(picture, window, plan.region, graph)

    size = plan.tiles_at_once
    with closing(work_ahead(plan.windows, begin, ahead=size, threads=plan.threads)) as tiles:
        while batch := list(islice(tiles, size)):
            if not is_wanted():
                raise EngineError("nobody waits for the answer any more", code="engine.deadline")
            times.add("prepare", sum(tile.prepare_ms for tile in batch))
            _run(batch, graph, reader, times)
    with times.of("finish"):
        prediction = reader.prediction()
    return replace(prediction, timings_ms=timings_ms)


def _prepared(picture: Image.Image, window: Window, region: Window, graph: Graph) -> _Tile:
    started = time.perf_counter()
    pixels: InputArray | AndonError
    try:
        pixels = graph.prepare(cut(picture, window, region))
    except (ImageError, RuntimeFault) as error:
        pixels = error
    return _Tile(window, pixels, (time.perf_counter() - started) * 1e3)


def _run(batch: Sequence[_Tile], graph: Graph, reader: Reader, times: "_Times") -> None:
    """Run one batch, and hand its tiles to the reader."""
    pixels = [_usable(tile.pixels, tile) for tile in batch]
    with times.of("infer"):
        raw_outputs = graph.run(pixels)
    with times.of("finish"):
        for tile, image, raw_output in zip(batch, pixels, raw_outputs, strict=True):
            finished, best = graph.finish(_usable(raw_output, tile))
            reader.add(Part(window=tile.window, prepared=prepared_size(image), finished=finished, best=best))


Found = TypeVar("Found")


def _usable(found: Found | AndonError, tile: _Tile) -> Found:
    """Raise the error of a tile, and say which it is."""
    if isinstance(found, AndonError):
        message = f"the tile at ({tile.window.x}, {tile.window.y}) fails: {found.message}"
        raise type(found)(message, code=found.code, where=found.where, hint=found.hint)
    return found


class _Times:
    """Adds up the times of the steps of all tiles."""

    def __init__(self, timings_ms: dict[str, float]) -> None:
        self._timings_ms = timings_ms

    def add(self, step: str, took_ms: float) -> None:
        """Add to a step."""
        self._timings_ms[step] = self._timings_ms.get(step, 0.0) + took_ms

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Add what the block takes to a step."""
        started = time.perf_counter()
        yield
        self.add(step, (time.perf_counter() - started) * 1e3)
