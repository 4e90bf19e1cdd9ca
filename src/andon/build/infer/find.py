"""
The preparation that a transform does, found without a declaration.

The transform is read where its steps are known, and probed with made images elsewhere. What is
found is accepted only where it then agrees within one grey level on all that was made and on all
samples; else the declaration is asked for.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from andon.build.author import one_thread
from andon.build.compare import prepare_sample
from andon.build.infer.deep import find_deep_values
from andon.build.infer.eliminate import ALLOWED, EXACT, Survivor, eliminate, every_kernel
from andon.build.infer.geometry import measure
from andon.build.infer.hypotheses import layouts, require_plain_border
from andon.build.infer.made import MADE, ONE_BIT, Size, Studio
from andon.build.infer.oracle import Oracle, Tell, silent
from andon.build.infer.read import Read, read_steps
from andon.build.infer.refusal import not_found
from andon.build.infer.values import ValueMap, find_values
from andon.build.samples import Sample
from andon.build.transform import Transform, require_repeatable
from andon.bundle.input_spec import MAX_DEPTH, InputSpec, NoResize
from andon.errors import ImageError, PackError
from andon.model.prove import grey_levels
from andon.tensors import FloatArray
from andon.vision.decode import decode
from andon.vision.depth import DEEP_MODES
from andon.vision.prepare import normalise, prepare

_FLAT_PIXELS = 300_000
"""Pixels of a flat image at most."""
_LIKELY = 64
"""Samples whose sizes are looked at."""
_LIKELY_PIXELS = 4_000_000
"""Pixels of noise that is made in the size of a sample at most."""
_FEW = 3
"""Sizes that must be taken for a resize to be found."""
_ROUNDED = 0.52
"""Grey levels that rounding may leave; with kernels that overshoot more than that may become more than one."""
_AMPLIFYING = ("bicubic", "lanczos")
_GREY_MODES = ("1", "L", "LA")
_TELLING = "asking the transform for flat colours"
_TRYING = "trying the transform on images of all kinds"


class Found(Struct, frozen=True, kw_only=True):
    """What a transform does."""

    spec: InputSpec
    """The declaration."""
    how: str
    """How it was found, in a sentence."""
    notes: tuple[str, ...]
    """What the author should know."""


def find_input(transform: Transform, samples: Sequence[Sample], tell: Tell = silent) -> Found:
    """
    Find the declaration that does what a transform does.

    Args:
        transform: Takes what `PIL.Image.open(path)` returns, gives a float tensor (C, H, W). It is
            asked about 90 times, and once a sample.
        samples: The author's own, at least one.
        tell: Told what is being done, before each question.

    Returns:
        The declaration, which agrees within one grey level on every sample and every made image
        that the transform takes.

    Raises:
        PackError: `pack.input`: no declaration was found, or several; `pack.transform`: it fails on
            a sample.
        MismatchError: `pack.mismatch.random`: it does not always answer the same.
    """
    with one_thread():
        return _Search(transform, samples, tell).run()


class _Search:
    """One search, with what it knows so far."""

    def __init__(self, transform: Transform, samples: Sequence[Sample], tell: Tell) -> None:
        self._transform = transform
        self._samples = samples
        self._tell = tell
        self._oracle = Oracle(transform, tell)
        self._notes: list[str] = []

    def run(self) -> Found:
        """Search, and hold what is found to all images."""
        self._tell("calling the transform again and again")
        require_repeatable(self._transform, self._samples[:1])
        first = self._oracle.ask(self._samples[0], "asking the transform for the first sample")
        channels = len(first)
        if channels not in (1, 3):
            raise not_found(f"it gives {channels} channels, a model input has 1 or 3", where=self._samples[0].name)
        studio, values = self._values(channels, max(first.shape[1:]))
        survivor, how = self._resizing(studio, values)
        spec = self._oriented(studio, survivor.spec)
        made = self._hold_to_made(studio, spec)
        self._tell_of_fractions(spec, max(survivor.worst, made, self._hold_to_samples(spec)))
        if not isinstance(spec.resize, NoResize) and not spec.resize.antialias:
            self._notes.append('it resizes as OpenCV does, so a service needs it too: pip install "andon[opencv]"')
        how = f"{how}, and the same within a grey level on {self._oracle.calls} images"
        return Found(spec=spec, how=how, notes=tuple(self._notes))

    def _values(self, channels: int, side: int) -> tuple[Studio, ValueMap]:
        """Find what becomes of values, and a studio that makes images like the samples."""
        with self._samples[0].open() as image:
            is_deep, size = image.mode in DEEP_MODES, _bounded(image.size)
        if not is_deep:
            size = self._flat_size(channels)
            studio = Studio(grey=self._takes_grey_only(size, channels), side=side)
            return studio, self._of_made(lambda: find_values(self._oracle, studio, size, channels))
        studio, highest = Studio(grey=True, side=side, levels=(0, 2**MAX_DEPTH - 1)), self._highest_level()
        values = self._of_made(lambda: find_deep_values(self._oracle, studio, size, channels, highest))
        if values.spec.levels == (0, 255):
            self._notes.append(
                "the transform cuts all levels above 255 to white, as Pillow's convert does to images of 16 bits; "
                "it shows next to nothing of them"
            )
        return Studio(grey=True, side=side, levels=values.spec.levels), values

    def _of_made(self, find: Callable[[], ValueMap]) -> ValueMap:
        """Tell of a transform that takes samples only, as one that reads the file again by its name."""
        try:
            return find()
        except PackError as error:
            if error.code != "pack.transform":
                raise
            raise not_found(
                f"it does not take images that are made here: {error.message}", where=error.where
            ) from error

    def _highest_level(self) -> int:
        """Give the highest level of the first samples."""
        highest = 0
        for sample in self._samples[:_LIKELY]:
            with sample.open() as image:
                highest = max(highest, int(np.asarray(image).max()))
        return highest

    def _flat_size(self, channels: int) -> Size:
        """Give a size that the transform takes: that of the first sample, made smaller where it is large."""
        with self._samples[0].open() as image:
            size = _bounded(image.size)
            flat = Studio(grey=image.mode in _GREY_MODES, side=1).flat(size, (128, 128, 128))
            answer = self._oracle.try_ask(flat, _TELLING)
            return size if answer is not None and len(answer) == channels else image.size

    def _takes_grey_only(self, size: Size, channels: int) -> bool:
        """Ask whether the samples are grey, and colour is not taken, or gives other channels."""
        with self._samples[0].open() as image:
            if image.mode not in _GREY_MODES:
                return False
        answer = self._oracle.try_ask(Studio(grey=False, side=1).flat(size, (128, 128, 128)), _TELLING)
        return answer is None or len(answer) != channels

    def _resizing(self, studio: Studio, values: ValueMap) -> tuple[Survivor, str]:
        """Find resize and crop: what can be read is tried first."""
        likely = self._sizes()
        if (read := read_steps(self._transform)) and (found := self._as_read(studio, values, read)):
            return found, f"read off {read.what}"
        measured, missed = measure(self._oracle, studio, values)
        if len(measured) < _FEW:
            specs, sizes = [replace(values.spec, resize=NoResize())], likely[:1]
            self._notes.append(
                f"the transform does not take images of other sizes, such as {missed[0][0]} x {missed[0][1]}"
            )
        else:
            require_plain_border(measured, values.spec)
            specs = [spec for layout in layouts(measured) for spec in every_kernel(values, layout)]
            sizes = [size for size in studio.sizes() if size not in missed]
        return eliminate(
            self._oracle, studio, values, specs, sizes=sizes, likely=likely
        ), "found by probing the transform"

    def _as_read(self, studio: Studio, values: ValueMap, read: Read) -> Survivor | None:
        """Give what was read where it agrees; the steps may be wrapped, or do something else on tensors."""
        spec = replace(values.spec, resize=read.resize, crop=read.crop)
        sizes = studio.sizes()
        try:
            return eliminate(self._oracle, studio, values, [spec], sizes=sizes, likely=sizes[:1])
        except PackError:
            return None

    def _sizes(self) -> list[Size]:
        """Give the sizes of the first samples, each once, that are small enough to be made."""
        found: dict[Size, None] = {}
        for sample in self._samples[:_LIKELY]:
            with sample.open() as image:
                if image.width * image.height <= _LIKELY_PIXELS:
                    found[image.size] = None
        return list(found)

    def _oriented(self, studio: Studio, spec: InputSpec) -> InputSpec:
        """Tell whether the EXIF orientation is applied."""
        turned = studio.oriented(6)
        answer = self._oracle.try_ask(turned, _TRYING)
        if answer is None or _off(turned, spec, answer) <= ALLOWED:
            return spec
        upright = replace(spec, orientation="exif")
        if _off(turned, upright, answer) <= ALLOWED:
            return upright
        raise _differs(turned, spec, _off(turned, spec, answer))

    def _hold_to_made(self, studio: Studio, spec: InputSpec) -> float:
        """Hold the declaration to images that show what a transform does to some images only; give the worst."""
        worst, failed = 0.0, []
        for sample in (*studio.trials(), *studio.files(), *map(studio.oriented, (2, 3, 5, 8))):
            answer = self._oracle.try_ask(sample, _TRYING)
            if answer is None or _is_too_small_for(answer, sample, spec):
                failed.append(sample.name.removesuffix(MADE))
            else:
                worst = max(worst, _require_close(sample, spec, answer))
        if failed:
            self._notes.append(
                f"the transform fails on {', '.join(failed)}; a service prepares such images as declared"
            )
        return max(worst, self._hold_to_modes(studio, spec))

    def _hold_to_modes(self, studio: Studio, spec: InputSpec) -> float:
        """Hold the declaration to images of other modes, as far as the transform is made for them; give the worst."""
        worst, missed = 0.0, dict[str, None]()
        by_chance = {ONE_BIT, *self._blindly_taken(studio)}
        for mode, sample in studio.other_modes():
            answer = self._oracle.try_ask(sample, _TRYING)
            off = np.inf if answer is None or len(answer) != spec.channels else _off(sample, spec, answer)
            if answer is None or len(answer) != spec.channels or (mode in by_chance and off > ALLOWED):
                missed[mode] = None
            elif off > ALLOWED:
                raise _treats_mode_otherwise(mode, sample, spec)
            else:
                worst = max(worst, off)
        if missed:
            kind = "grey" if spec.color in ("L", "LLL") else "RGB"
            self._notes.append(
                f"the transform is not made for images of the modes {', '.join(missed)}; "
                f"a service makes them {kind} first"
            )
        return worst

    def _blindly_taken(self, studio: Studio) -> Iterator[str]:
        """Give the modes that the transform does not look at: it takes indices or inks for colours."""
        for mode, sample, twin in studio.twins():
            first, second = (self._oracle.try_ask(image, _TRYING) for image in (sample, twin))
            if first is not None and second is not None and np.array_equal(first, second):
                yield mode

    def _hold_to_samples(self, spec: InputSpec) -> float:
        """Hold the declaration to every sample; give the worst."""
        worst = 0.0
        for sample in self._samples:
            answer = self._oracle.ask(sample, "comparing the transform with what was found")
            prepare_sample(sample, spec)
            worst = max(worst, _require_close(sample, spec, answer))
        return worst

    def _tell_of_fractions(self, spec: InputSpec, worst: float) -> None:
        """Note what is near and not the same; refuse it where the kernel makes small differences larger."""
        if worst > _ROUNDED and not isinstance(spec.resize, NoResize) and spec.resize.interpolation in _AMPLIFYING:
            raise not_found(
                f"it is up to {worst:.2f} grey levels off what was found, and {spec.resize.interpolation} makes of one "
                "level more than one, as where grey is made otherwise than by Pillow",
                guess=spec,
            )
        if worst > EXACT:
            self._notes.append(
                f"what was found is up to {worst:.2f} grey levels off, so the transform computes in fractions of them, "
                "or rounds otherwise"
            )


def _treats_mode_otherwise(mode: str, sample: Sample, spec: InputSpec) -> PackError:
    kind = "L" if spec.color in ("L", "LLL") else "RGB"
    return not_found(
        f"it makes something else of images of mode {mode} than of the same converted to {kind}, as a service does; "
        f'begin it with image.convert("{kind}")',
        where=sample.name,
        guess=spec,
    )


def _require_close(sample: Sample, spec: InputSpec, answer: FloatArray) -> float:
    """Give the grey levels by which a declaration is off on an image, at most those that are allowed."""
    off = _off(sample, spec, answer)
    if off > ALLOWED:
        raise _differs(sample, spec, off)
    return off


def _off(sample: Sample, spec: InputSpec, answer: FloatArray) -> float:
    """Give the grey levels by which a declaration is off; infinity for another shape, 0 for what is refused anyway."""
    try:
        declared = normalise(prepare(decode(sample.encoded, spec), spec), spec)
    except ImageError:
        return 0.0
    return grey_levels(answer - declared, spec) if answer.shape == declared.shape else float("inf")


def _is_too_small_for(answer: FloatArray, sample: Sample, spec: InputSpec) -> bool:
    """Ask whether an image is smaller than a crop, and was cut to less than that, which no model takes."""
    if spec.crop is None or answer.shape[1:] == spec.crop.size:
        return False
    with sample.open() as image:
        return isinstance(spec.resize, NoResize) and (
            image.height < spec.crop.size[0] or image.width < spec.crop.size[1]
        )


def _differs(sample: Sample, spec: InputSpec, off: float) -> PackError:
    far = f"{off:.1f} grey levels off" if np.isfinite(off) else "of another size"
    return not_found(
        f"it treats images differently: what holds for the others is {far} on this one", where=sample.name, guess=spec
    )


def _bounded(size: Size) -> Size:
    """Make a size smaller where it has many pixels."""
    factor = min(1.0, (_FLAT_PIXELS / (size[0] * size[1])) ** 0.5)
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))
