"""What a manifest declares, in plain words, as the commands print it."""

from collections.abc import Sequence

from andon.bundle.manifest import (
    Crop,
    DecisionSpec,
    Exact,
    Execution,
    InputSpec,
    Letterbox,
    OutputSpec,
    Resize,
    ShorterSide,
)
from andon.cli.words import count_in_words


def input_in_words(spec: InputSpec) -> list[str]:
    """Give the steps from an encoded image to the model input, one a line."""
    turned = "turned as its EXIF orientation says" if spec.orientation == "exif" else "as stored"
    steps = [f"{spec.color}, {spec.depth} bits a channel, {turned}", _resize_in_words(spec.resize)]
    if spec.crop:
        steps.append(_crop_in_words(spec.crop))
    return [*steps, _normalisation_in_words(spec)]


def _resize_in_words(resize: Resize) -> str:
    match resize:
        case ShorterSide():
            return f"shorter side to {resize.size}, {resize.interpolation}, longer side rounded: {resize.rounding}"
        case Exact():
            return f"resized to {_size(resize.size)} whatever the proportions, {resize.interpolation}"
        case Letterbox():
            return f"fitted into {_size(resize.size)} with a border of grey {resize.pad}, {resize.interpolation}"
        case _:
            return "not resized"


def _crop_in_words(crop: Crop) -> str:
    return f"{_size(crop.size)} cut out of the middle, offset rounded: {crop.offset}"


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


def decision_in_words(decision: DecisionSpec | None) -> list[str]:
    """Give the rules that lead to a verdict, one a line."""
    if decision is None:
        return ["none: every verdict is Undefined"]
    limits = [
        f"{label}: in doubt from {limit.low:g}, NotOK from {limit.high:g}"
        for label, limit in decision.thresholds.items()
    ]
    return [f"OK: {'; '.join(decision.ok_labels)}", *limits, "any other label: NotOK where it is the best"]


def execution_in_words(execution: Execution) -> str:
    """Give what runs where; equal to the words that a message about it uses."""
    return f"{execution.runtime} {execution.precision} {execution.device}"
