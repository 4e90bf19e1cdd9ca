"""The images that candidates are compared on: read, cut into tiles, prepared as the bundle does it, and kept."""

import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from andon.build.samples import Sample
from andon.build.tile_samples import as_tiles
from andon.bundle.archive import Bundle
from andon.bundle.golden import decode_golden
from andon.errors import AndonError, PackError, UsageError
from andon.model.steps import Steps
from andon.tensors import InputArray

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and what is being done."""
MAX_IMAGES = 1000
"""Images that are compared by default, spread evenly over those that are given."""
_MAX_KEPT_BYTES = 4 * 1024**3
"""Prepared images in memory."""


class Given(Struct, frozen=True, kw_only=True):
    """The prepared images."""

    images: tuple[InputArray, ...]
    truths: tuple[int | None, ...]
    """Position of the right label of each; None where nobody said so."""
    digest: str
    """SHA-256 over the digests of the encoded images."""
    notes: tuple[str, ...] = ()
    are_golden: bool = False
    """Whether these are the bundle's own few samples, for want of others."""


def read_given(
    paths: Sequence[Path], bundle: Bundle, steps: Steps, truths: Mapping[str, str], progress: Progress
) -> Given:
    """
    Read and prepare images.

    Args:
        paths: Files; none to take the golden samples.
        bundle: Says how images are prepared, and what the labels are.
        steps: Of the bundle.
        truths: The right label by path; for others the name of the folder counts, where it is a label.
        progress: Told of each image.

    Returns:
        One entry an image, or a tile of one. Files that cannot be used are left out, with a note.

    Raises:
        PackError: `optimize.data`: none can be used, or they do not fit into memory.
    """
    if not paths:
        return _golden(bundle)
    images: list[InputArray] = []
    found: list[int | None] = []
    digest, failures, size_bytes = hashlib.sha256(), [], 0
    for done, path in enumerate(paths):
        progress(done, len(paths), "preparing images")
        try:
            data = path.read_bytes()
            prepared = _prepare(path, bundle, steps)
        except (AndonError, OSError) as error:
            failures.append(f"{path}: {error.message if isinstance(error, AndonError) else error.strerror}")
            continue
        digest.update(hashlib.sha256(data).digest())
        images += prepared
        found += [_truth(path, bundle, truths)] * len(prepared)
        size_bytes += sum(pixels.nbytes for pixels in prepared)
        if size_bytes > _MAX_KEPT_BYTES:
            raise PackError(
                f"{len(images)} prepared images take {size_bytes / 1e9:.1f} GB, at most {_MAX_KEPT_BYTES / 1e9:.1f} "
                "are kept",
                code="optimize.data",
                hint=f"take fewer images: --images {len(images) // 2}",
            )
    if not images:
        raise PackError("no image can be used", code="optimize.data", where=failures[0], hint="look at the first one")
    notes = (f"{len(failures)} images are left out, the first is {failures[0]}",) if failures else ()
    return Given(images=tuple(images), truths=tuple(found), digest=digest.hexdigest(), notes=notes)


def _prepare(path: Path, bundle: Bundle, steps: Steps) -> list[InputArray]:
    sample = Sample(name=str(path), path=path)
    if bundle.manifest.input.tiles is None:
        return [steps.prepare(steps.decode(str(path)))]
    return [steps.prepare(steps.decode_sample(tile.encoded)) for tile in as_tiles([sample], bundle.manifest.input)]


def _truth(path: Path, bundle: Bundle, truths: Mapping[str, str]) -> int | None:
    labels = bundle.manifest.output.labels
    label = truths.get(str(path), path.absolute().parent.name)
    return labels.index(label) if label in labels and len(labels) > 1 else None


def _golden(bundle: Bundle) -> Given:
    samples = decode_golden(bundle)
    digest = hashlib.sha256(b"".join(hashlib.sha256(sample.encoded).digest() for sample in samples))
    return Given(
        images=tuple(sample.graph_input for sample in samples),
        truths=(None,) * len(samples),
        digest=digest.hexdigest(),
        are_golden=True,
        notes=(
            f"without --data only the {len(samples)} golden samples are compared, which prove no other precision "
            "than fp32: give some hundred images as the line takes them",
        ),
    )


def read_truths(text: str, folder: Path, labels: Sequence[str], where: str) -> dict[str, str]:
    """
    Read which label is right for which image.

    Args:
        text: CSV of two columns, the path of an image and its label; a first line `image,label` is passed over.
        folder: What relative paths are relative to.
        labels: Those of the bundle.
        where: The file, for the error.

    Returns:
        Labels by path.

    Raises:
        UsageError: `usage.argument`: a line has other columns, or names a label that the bundle does not have.
    """
    truths = {}
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        if not row or (number == 1 and row == ["image", "label"]):
            continue
        if len(row) != 2 or row[1] not in labels:
            known = ", ".join(list(labels)[:5]) + (", ..." if len(labels) > 5 else "")
            raise UsageError(
                f"expected an image and one of the labels {known}, got {','.join(row)[:80]!r}",
                code="usage.argument",
                where=f"{where}, line {number}",
                hint="one line an image: parts/7.png,scratch",
            )
        truths[str(folder / row[0])] = row[1]
    return truths
