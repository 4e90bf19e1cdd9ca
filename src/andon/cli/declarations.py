"""What a manifest declares, in plain words, as the commands print it."""

from collections.abc import Iterator, Sequence

from andon.bundle.fields import Pad
from andon.bundle.input_spec import Crop, Exact, InputSpec, Letterbox, Resampling, Resize, ShorterSide
from andon.bundle.manifest import Execution, Manifest
from andon.bundle.output_spec import DecisionSpec, OutputSpec
from andon.cli.words import count_in_words
from andon.decide import PRESENT


def input_in_words(spec: InputSpec) -> list[str]:
    """Give the steps from an encoded image to the model input, one a line."""
    turned = "turned as its EXIF orientation says" if spec.orientation == "exif" else "as stored"
    decoded = f"{spec.color}, {spec.depth} bits a channel, {turned}{_levels_in_words(spec)}"
    return [decoded, *_parts_in_words(spec), *_preparation_in_words(spec)]


def _parts_in_words(spec: InputSpec) -> Iterator[str]:
    """Say which part of the image is looked at, and how it is cut up."""
    if spec.roi is not None:
        yield f"the region of {spec.roi.width} x {spec.roi.height} at ({spec.roi.x}, {spec.roi.y})"
    if spec.tiles is not None:
        deciding = "the worst decides" if spec.tiles.merge == "max" else "all decide together"
        shared = f"that share {spec.tiles.overlap} or more"
        yield f"cut into tiles of {_size(spec.tiles.size)} {shared}, {deciding}; of each:"


def _preparation_in_words(spec: InputSpec) -> Iterator[str]:
    """Say what is done with an image, or with each tile of it."""
    if spec.prepare is not None:
        yield f"prepared by the author's own code: {spec.prepare}"
        yield f"floats that it gives as they are, pixels {_normalisation_in_words(spec)}"
        return
    yield _resize_in_words(spec.resize)
    if spec.crop:
        yield _crop_in_words(spec.crop)
    yield _normalisation_in_words(spec)


def _levels_in_words(spec: InputSpec) -> str:
    """Say what becomes of levels of more than 8 bits; empty where there are none."""
    if spec.depth == 8:
        return ""
    rounded = {None: "", "floor": ", rounded down to 8 bits", "nearest": ", rounded to 8 bits"}[spec.to_8_bits]
    return f", levels {spec.levels[0]} to {spec.levels[1]}{rounded}"


def _resize_in_words(resize: Resize) -> str:
    match resize:
        case ShorterSide():
            return f"shorter side to {resize.size}, {_kernel(resize)}, longer side rounded: {resize.rounding}"
        case Exact():
            return f"resized to {_size(resize.size)} whatever the proportions, {_kernel(resize)}"
        case Letterbox():
            return f"{_fitted_in_words(resize)} with {_border(resize.pad)}, {_kernel(resize)}, {_rest_in_words(resize)}"
        case _:
            return "not resized"


def _fitted_in_words(resize: Letterbox) -> str:
    enlarged = "" if resize.enlarge else " and not enlarged"
    return f"fitted into {_size(resize.size)}{enlarged}"


def _rest_in_words(resize: Letterbox) -> str:
    place = "upper left" if resize.position == "top_left" else f"in the middle, offset rounded: {resize.offset}"
    return f"sides rounded: {resize.rounding}, {place}"


def _kernel(resize: Resampling) -> str:
    return resize.interpolation if resize.antialias else f"{resize.interpolation} as OpenCV without antialias"


def _border(pad: Pad) -> str:
    return f"a border of colour {_values(pad)}" if isinstance(pad, tuple) else f"a border of grey {pad}"


def _crop_in_words(crop: Crop) -> str:
    border = "" if crop.pad == 0 else f", {_border(crop.pad)} around a smaller image"
    return f"{_size(crop.size)} cut out of the middle, offset rounded: {crop.offset}{border}"


def _normalisation_in_words(spec: InputSpec) -> str:
    scale = f"1/{1 / spec.scale:.6g}" if spec.scale < 1 else f"{spec.scale:g}"
    return f"times {scale}, minus {_values(spec.mean)}, divided by {_values(spec.std)}"


def _size(size: tuple[int, int]) -> str:
    height, width = size
    return f"{width} x {height}"


def _values(values: Sequence[float]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return f"({', '.join(f'{value:g}' for value in values)})"


def labels_in_words(output: OutputSpec) -> str:
    """Give the number of labels and the first few of them."""
    shown = "; ".join(output.labels[:3])
    return f"{count_in_words(len(output.labels), 'label')}: {shown}{'; ...' if len(output.labels) > 3 else ''}"


def output_in_words(output: OutputSpec) -> list[str]:
    """Give what the raw outputs are, and how boxes are read, one a line."""
    if output.finish is None:
        lines = [f"{output.kind}, activation {output.activation}"]
    else:
        lines = [f"{output.kind}, finished by the author's own code: {output.finish}"]
    if output.kind == "boxes":
        rules = output.box_rules
        lines.append(
            f"{rules.format} in pixels, from a score of {rules.min_score:g} on, "
            f"overlapping {rules.max_overlap:g} at most, {rules.max_boxes} at most"
        )
    return lines


def decision_in_words(decision: DecisionSpec | None, output: OutputSpec) -> list[str]:
    """Give the rules that lead to a verdict, one a line."""
    if decision is None:
        return ["none: every verdict is Undefined"]
    limits = [
        f"{label}: in doubt from {limit.low:g}, NotOK from {limit.high:g}"
        for label, limit in decision.thresholds.items()
    ]
    good = f"OK: {'; '.join(decision.ok_labels) or 'where no label is found'}"
    return [good, *limits, f"any other label: NotOK {_when_present(decision, output)}"]


def _when_present(decision: DecisionSpec, output: OutputSpec) -> str:
    """Say when a label without thresholds counts."""
    if output.kind == "boxes":
        return "where there is a box of it"
    if output.kind == "map" or not decision.ok_labels:
        return f"from {PRESENT:g} on"
    return "where it is the best"


def execution_in_words(execution: Execution) -> str:
    """Give what runs where; equal to the words that a message about it uses."""
    return f"{execution.runtime} {execution.precision} {execution.device}"


def trust_in_words(manifest: Manifest) -> list[str]:
    """Say whether code of the author's would run, and which, one a line."""
    lines = [f"the author's own code: {name}" for name in manifest.own_code]
    for artifact in manifest.artifacts:
        if artifact.needs_trust:
            code = f"code of its author's: {artifact.factory}" if artifact.factory else "code that is in it"
            lines.append(f"artifact {artifact.name}, of the format {artifact.format}, can run {code}")
    if not lines:
        return ["not needed: nothing of it runs code of its author's"]
    return ["needed to load it" if manifest.needs_trust else "needed for a part of it", *lines]
