"""What is done to an image before the graph and to its raw output after it, as declared or by the author's own code."""

from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import OutputSpec
from andon.errors import RuntimeFault
from andon.model.own_code import run_finish, run_prepare
from andon.named_code import OwnCode, import_own_code
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.tensors import FloatArray, InputArray, fits_shape
from andon.vision.decode import ImageSource, decode
from andon.vision.finish import activate
from andon.vision.prepare import prepare


class Steps:
    """
    The steps around a graph.

    Args:
        spec: What is declared of the input.
        output: What is declared of the output.
        prepare: The code that `spec.prepare` names; None where it names none.
        finish: The code that `output.finish` names; None where it names none.
    """

    def __init__(
        self, spec: InputSpec, output: OutputSpec, *, prepare: OwnCode | None = None, finish: OwnCode | None = None
    ) -> None:
        self.spec = spec
        self.output = output
        self._prepare = prepare
        self._finish = finish

    def decode(self, source: ImageSource, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
        """Decode an image as `andon.vision.decode` does."""
        return decode(source, self.spec, limits)

    def decode_sample(self, source: ImageSource, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
        """Decode a golden sample: where there are tiles it is one of these, and no region is cut out of it."""
        return decode(source, self.spec.of_one, limits)

    def prepare(self, image: Image.Image) -> InputArray:
        """
        Bring a decoded image, or one tile of it, to what the graph takes.

        Raises:
            ImageError: As `andon.vision.prepare`.
            RuntimeFault: `code.run`, by the author's own code.
        """
        if self._prepare is None:
            return prepare(image, self.spec.of_one)
        return run_prepare(self._prepare, str(self.spec.prepare), image, self.spec.channels)

    def finish(self, raw_output: FloatArray) -> FloatArray:
        """
        Turn the raw output of one image into scores, boxes or a map, as the kind of the output says.

        Raises:
            RuntimeFault: `code.run`, by the author's own code.
        """
        if self._finish is None:
            return activate(raw_output, self.output)
        finished = run_finish(self._finish, str(self.output.finish), raw_output)
        if not fits_shape(finished.shape, self.output.finished_shape):
            raise RuntimeFault(
                f"{self.output.finish} returns the shape {finished.shape}, "
                f"expected {self.output.finished_shape} for the kind {self.output.kind}",
                code="code.run",
            )
        return finished


def load_steps(spec: InputSpec, output: OutputSpec) -> Steps:
    """
    Find the steps that are declared; whether code of the author's is trusted has been asked before.

    Raises:
        EnvironmentFault: `code.import`.
    """
    return Steps(
        spec,
        output,
        prepare=None if spec.prepare is None else import_own_code(spec.prepare),
        finish=None if output.finish is None else import_own_code(output.finish),
    )
