"""A large image is run tile by tile, with little of it in memory; and what fails is told, never passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.errors import RuntimeFault
from andon.model.batch import Graph
from andon.model.model import Model, Opened
from andon.model.steps import Steps
from andon.model.tiled import MAX_BATCH_PIXELS, plan_tiles, predict_tiles
from andon.predictions import Verdict
from andon.settings.limits import Limits
from tests.support.bundles import encode
from tests.support.finders import CELL, OVERLAP, SPOT, TILE, Kind, load_finder, texture, with_spots

KINDS: tuple[Kind, ...] = ("logits", "boxes", "map")
WIDTH, HEIGHT = 2 * TILE - OVERLAP, TILE
"""Of an image of two tiles."""


class CountingSession:
    """Answers with the highest and the lowest pixel, and notes what it was given."""

    def __init__(self, guilty: Callable[[np.ndarray], bool] = lambda _: False) -> None:
        self.input_shape = None
        self.batches: list[int] = []
        self._guilty = guilty

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Fail where one of the batch is guilty."""
        self.batches.append(len(batch))
        if any(map(self._guilty, batch)):
            raise RuntimeFault("it is broken", code="runtime.run")
        return np.stack([batch.min(axis=(1, 2, 3)), batch.max(axis=(1, 2, 3))], axis=1).astype(np.float32) / 255


@pytest.fixture(scope="module")
def finders(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Model]:
    """A loaded finder of each kind."""
    folder = tmp_path_factory.mktemp("finders")
    return {kind: load_finder(folder, kind) for kind in KINDS}


def with_session(model: Model, session: Any, *, threads: int = 1, limits: Limits | None = None) -> Model:
    """Copy a model with another session."""
    opened = Opened(
        execution=model.execution, session=session, steps=Steps(model.manifest.input, model.manifest.output), proof=None
    )
    copy = Model(model.manifest, model.digest, opened, threads=threads)
    copy.limits = limits or copy.limits
    return copy


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("x", range(0, WIDTH - SPOT + 1, 3))
def test_a_spot_is_found_at_every_place_of_a_seam(finders: dict[Kind, Model], kind: Kind, x: int) -> None:
    """Along two tiles: in the first, in what both share, half in each of them, in the second."""
    found = finders[kind].predict(with_spots(texture(WIDTH, HEIGHT), (x, 60)))
    assert (found.label, found.verdict) == ("spot", Verdict.NotOK)
    assert found.score == pytest.approx(1, abs=0.01)
    if kind == "logits":
        assert found.boxes
        assert all(box.x < x + SPOT and x < box.x + box.width for box in found.boxes)
        return
    (box,) = found.boxes
    assert abs(box.x + box.width / 2 - (x + SPOT / 2)) <= CELL
    assert abs(box.y + box.height / 2 - (60 + SPOT / 2)) <= CELL
    assert SPOT - CELL <= box.width <= SPOT + 2 * CELL


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (700, 300), (50, 40), (TILE, 1000)])
def test_a_texture_without_spots_is_good(finders: dict[Kind, Model], kind: Kind, size: tuple[int, int]) -> None:
    """Of any size: what fills a tile that a small image does not is no defect."""
    found = finders[kind].predict(texture(*size))
    assert found.error is None
    assert (found.verdict, found.boxes) == (Verdict.OK, ())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [(0, 0), (38, 0), (0, 28), (38, 28), (20, 12)])
def test_a_spot_in_an_image_smaller_than_a_tile_is_told_once(
    finders: dict[Kind, Model], kind: Kind, place: tuple[int, int]
) -> None:
    """At its edges too, where it touches its mirror image; this detector knows single spots, so not quite."""
    if kind == "boxes":
        place = min(max(place[0], 6), 32), min(max(place[1], 6), 22)
    found = finders[kind].predict(with_spots(texture(50, 40), place))
    assert found.verdict is Verdict.NotOK
    (box,) = found.boxes
    if kind != "logits":
        assert abs(box.x + box.width / 2 - (place[0] + SPOT / 2)) <= CELL
        assert abs(box.y + box.height / 2 - (place[1] + SPOT / 2)) <= CELL


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_is_cut_up_and_places_count_from_the_image(tmp_path: Path, kind: Kind) -> None:
    """What lies beside it is not looked at."""
    roi = {"x": 200, "y": 150, "width": 300, "height": 260}
    model = load_finder(tmp_path, kind, input={"roi": roi})
    image = with_spots(texture(800, 600), (420, 333), (20, 20), (500, 300), (300, 411))
    found = model.predict(image)
    assert found.verdict is Verdict.NotOK
    if kind == "logits":
        assert all(200 <= box.x <= 420 and 150 <= box.y <= 333 for box in found.boxes)
    else:
        (box,) = found.boxes
        assert abs(box.x + box.width / 2 - 426) <= CELL
        assert abs(box.y + box.height / 2 - 339) <= CELL
    outside = model.predict(with_spots(texture(800, 600), (20, 20), (505, 300), (300, 411)))
    assert outside.verdict is Verdict.OK
    assert model.canary is not None
    assert model.canary.holds(model.predict_sample(model.canary.image))


def test_tiles_are_run_in_batches(finders: dict[Kind, Model]) -> None:
    """Of the size that is asked for, the last one smaller; the times are those of all tiles together."""
    session = CountingSession()
    model = with_session(finders["logits"], session)
    (found,) = model.predict_many([texture(700, 300)], batch_size=5)
    assert session.batches == [5, 5, 5, 5, 1]
    assert list(found.timings_ms) == ["decode", "prepare", "infer", "finish"]
    assert found.device == model.device


def test_a_batch_has_no_more_pixels_than_fit(finders: dict[Kind, Model]) -> None:
    """However many tiles are asked for at once; one tile is always run."""
    spec = finders["logits"].manifest.input
    plan = plan_tiles((5000, 5000), spec, max_tiles=10_000, batch_size=10_000, threads=1)
    assert plan.tiles_at_once == MAX_BATCH_PIXELS // TILE**2
    huge = msgspec.structs.replace(spec, tiles=msgspec.structs.replace(spec.tiles, size=(16384, 16384)))
    assert plan_tiles((5000, 5000), huge, max_tiles=1, batch_size=8, threads=1).tiles_at_once == 1


def test_tiles_are_cut_as_they_are_needed(finders: dict[Kind, Model]) -> None:
    """No more than two batches of them are there before the first is run."""
    cuts = 0

    class Watched(Image.Image):
        """Counts the tiles that are cut out of it."""

        def crop(self, box: Any = None) -> Image.Image:
            nonlocal cuts
            cuts += 1
            return image.crop(box)

    seen: list[int] = []

    class Watching(CountingSession):
        def run(self, batch: np.ndarray) -> np.ndarray:
            """Note how many were cut."""
            seen.append(cuts)
            return super().run(batch)

    image = Image.fromarray(texture(1000, 1000))
    watched = Watched()
    manifest = finders["logits"].manifest
    graph = Graph(Watching(), Steps(manifest.input, manifest.output))
    for threads in (1, 3):
        cuts = 0
        seen.clear()
        plan = plan_tiles(image.size, manifest.input, max_tiles=1000, batch_size=4, threads=threads)

        class Reader:
            def add(self, part: object) -> None:
                """Take it."""

            def prediction(self) -> Any:
                """Give any."""
                return finders["logits"].predict(texture(9, 9))

        predict_tiles(watched, plan, graph, Reader(), {}, lambda: True)
        assert len(plan.windows) == cuts == 121
        assert all(count <= 4 * (number + 1) + 4 for number, count in enumerate(seen, 1))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_tile_that_fails_fails_the_image(finders: dict[Kind, Model], threads: int) -> None:
    """It is named by its place; the other images are answered."""
    model = with_session(finders["logits"], CountingSession(lambda tile: bool((tile == 15).any())), threads=threads)
    images = [texture(700, 300), with_spots(texture(700, 300), (300, 5)), texture(300, 300)]
    good, bad, other = model.predict_many(images)
    assert bad.error is not None
    assert bad.error.code == "runtime.run"
    assert bad.error.message.startswith("the tile at (190, 0) fails: ")
    assert (bad.verdict, bad.scores, bad.boxes) == (Verdict.NotDecidable, (), ())
    assert good.error is None
    assert other.error is None


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_an_image_that_nobody_waits_for_is_not_run_to_its_end(finders: dict[Kind, Model], batches: int) -> None:
    """It is asked before each batch of tiles, and the rest of them is left."""
    session = CountingSession()
    model = with_session(finders["logits"], session)
    found = model.predict_while(texture(1000, 900), lambda: len(session.batches) < batches)
    assert found.error is not None
    assert found.error.code == "engine.deadline"
    assert len(session.batches) == batches


def test_too_many_tiles_are_an_error_of_the_image(finders: dict[Kind, Model]) -> None:
    """None of them is run."""
    session = CountingSession()
    model = with_session(finders["logits"], session, limits=Limits(max_tiles=20))
    found = model.predict(texture(700, 300))
    assert found.error is not None
    assert found.error.code == "image.tiles"
    assert session.batches == []


def test_a_bad_image_touches_no_other(finders: dict[Kind, Model]) -> None:
    """In order, with one thread and with several; a source that breaks off gives its error at the end."""
    image = encode(Image.fromarray(with_spots(texture(300, 200), (9, 9))))

    def source() -> Any:
        yield image
        yield b"no image"
        yield image
        raise OSError("the disk is gone")

    for threads in (1, 2):
        model = load_again(finders["map"], threads)
        answers = []

        def read(model: Model = model, answers: list[str | None] = answers) -> None:
            answers.extend(found.error.code if found.error else found.label for found in model.predict_many(source()))

        with pytest.raises(OSError, match="the disk is gone"):
            read()
        assert answers == ["spot", "image.format", "spot"]


def load_again(model: Model, threads: int) -> Model:
    """Copy a model with other threads."""
    return with_session(model, model._graph._session, threads=threads)  # noqa: SLF001 -- the real one


def test_single_predictions_are_those_of_many(finders: dict[Kind, Model]) -> None:
    """Whatever the size of a batch."""
    images = [with_spots(texture(400, 300, seed), (40 * seed, 30 * seed)) for seed in range(4)]
    for kind, model in finders.items():
        alone = [model.predict(image) for image in images]
        for batch_size in (1, 3, 100):
            many = list(model.predict_many(images, batch_size=batch_size))
            assert [(p.label, p.verdict, len(p.boxes)) for p in many] == [
                (p.label, p.verdict, len(p.boxes)) for p in alone
            ], kind
            assert [p.scores for p in many] == [pytest.approx(p.scores, abs=1e-4) for p in alone]


def test_without_tiles_the_region_is_the_only_one() -> None:
    """So that one way serves both."""
    assert plan_tiles((30, 20), InputSpec(), max_tiles=1, batch_size=8, threads=1).windows == [(0, 0, 30, 20)]
