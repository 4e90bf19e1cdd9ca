"""A model without a bundle: to test a service, a client or a line before there is a model."""

import hashlib
import io

from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import (
    EXPECTED_MEMBER,
    Artifact,
    Execution,
    FileEntry,
    GoldenSpec,
    Manifest,
    Provenance,
    encode_manifest,
)
from andon.bundle.output_spec import OutputSpec
from andon.model.canary import Canary
from andon.model.model import Model, Opened
from andon.model.steps import Steps
from andon.runtimes.null import NullSession
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.vision.decode import ImageSource, require_image

_EMPTY = FileEntry(sha256=hashlib.sha256(b"").hexdigest(), size_bytes=0)


def null_model() -> Model:
    """
    Make a model that answers the label `null` to an image of any size, as fast as can be.

    It looks at no pixel: what the header shows not to be an image, or to be beyond the limits, is an error as with
    any model; damage that only decoding would find is not seen.
    """
    artifact = Artifact(name="null", format="onnx", path="artifacts/null/model.onnx")
    manifest = Manifest(
        format=1,
        name="null",
        task="classification",
        input=InputSpec(),
        output=OutputSpec(labels=("null",)),
        artifacts=(artifact,),
        executions=(Execution(artifact=artifact.name, runtime="null"),),
        golden=GoldenSpec(inputs=("golden/inputs/0.png",)),
        provenance=Provenance(created_by="andon"),
        files=dict.fromkeys((artifact.path, EXPECTED_MEMBER, "golden/inputs/0.png"), _EMPTY),
    )
    digest = hashlib.sha256(encode_manifest(manifest)).hexdigest()
    opened = Opened(
        execution=manifest.executions[0],
        session=NullSession((1,)),
        steps=_HeaderSteps(manifest.input, manifest.output),
        proof=None,
    )
    model = Model(manifest, digest, opened)
    model.canary = Canary(image=_grey_png(), index=None)
    return model


class _HeaderSteps(Steps):
    """Looks at the header of an image, and lets one pixel stand for all of them."""

    def decode(self, source: ImageSource, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
        """Give one grey pixel for whatever is an image."""
        require_image(source, self.spec, limits)
        return Image.new("RGB", (1, 1))

    decode_sample = decode


def _grey_png() -> bytes:
    """Encode the smallest image."""
    encoded = io.BytesIO()
    Image.new("L", (1, 1), 128).save(encoded, "PNG")
    return encoded.getvalue()
