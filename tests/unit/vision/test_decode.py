"""Sources of every kind become one image in the declared channels, or an `ImageError` and nothing else."""

import io
import resource
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from andon.bundle.input_spec import InputSpec, Roi
from andon.errors import ImageError
from andon.settings.limits import Limits
from andon.vision.decode import decode, open_encoded, require_image
from tests.support.memory import require_peak_below
from tests.support.pictures import encoded, jpeg_segment, photo, png_chunks, png_file, png_header

RGB, GREY = InputSpec(), InputSpec(color="L")


def with_adobe_transform(data: bytes, transform: int) -> bytes:
    """Replace the header of JFIF, or that of Adobe, by one of Adobe that says how the channels make colours."""
    end = 4 + int.from_bytes(data[4:6])
    return data[:2] + jpeg_segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])) + data[end:]


FILES: dict[str, bytes] = {
    "jpeg": encoded(photo(), "JPEG"),
    "jpeg grey": encoded(photo(mode="L"), "JPEG"),
    "jpeg cmyk": encoded(photo(mode="CMYK"), "JPEG"),
    "jpeg ycck": with_adobe_transform(encoded(photo(mode="CMYK"), "JPEG"), 2),
    "jpeg as adobe's rgb": with_adobe_transform(encoded(photo(), "JPEG"), 0),
    "jpeg progressive": encoded(photo(), "JPEG", progressive=True),
    "jpeg with restarts": encoded(photo(), "JPEG", restart_marker_blocks=2),
    "jpeg without subsampling": encoded(photo(), "JPEG", subsampling=0, quality=97),
    "jpeg with metadata": encoded(photo(), "JPEG", icc_profile=b"icc" * 30_000, comment=b"hello", dpi=(300, 300)),
    "jpeg as rgb": encoded(photo(), "JPEG", keep_rgb=True),
    "png": encoded(photo(), "PNG"),
    "png grey": encoded(photo(mode="L"), "PNG"),
    "png bits": encoded(photo(mode="1"), "PNG"),
    "png grey, 4 bits": encoded(photo(mode="P").quantize(16), "PNG", bits=4),
    "png palette": encoded(photo().quantize(64), "PNG"),
    "png palette, one colour transparent": encoded(photo().quantize(64), "PNG", transparency=3),
    "png palette, alpha": encoded(photo().quantize(64), "PNG", transparency=bytes(range(0, 256, 4))),
    "png rgba": encoded(photo(mode="RGBA"), "PNG"),
    "png grey and alpha": encoded(photo(mode="LA"), "PNG"),
    "png rgb, one colour transparent": encoded(photo(), "PNG", transparency=(1, 2, 3)),
    "png grey, one level transparent": encoded(photo(mode="L"), "PNG", transparency=7),
    "png animated": encoded(photo(), "PNG", save_all=True, append_images=[photo(seed=1)]),
}
"""One file of each kind that is taken."""


def as_pillow(data: bytes, mode: str) -> np.ndarray:
    """Decode as everybody does, not minding its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


def refusal(source: Any, spec: InputSpec = RGB, limits: Limits | None = None) -> str:
    """Give the code with which a source is refused."""
    with pytest.raises(ImageError) as caught:
        decode(source, spec, limits or Limits())
    return caught.value.code


@pytest.mark.parametrize("spec", [RGB, GREY], ids=["RGB", "L"])
@pytest.mark.parametrize("kind", FILES)
def test_pixels_are_those_of_pillow(kind: str, spec: InputSpec) -> None:
    """Each kind of file decodes to the very pixels of `Image.open(...).convert(...)`."""
    image = decode(FILES[kind], spec)
    assert image.mode == spec.color
    np.testing.assert_array_equal(np.asarray(image), as_pillow(FILES[kind], spec.color))


def test_interlaced_png_is_decoded() -> None:
    """The seven passes of Adam7 come together: pixels of an interlaced file equal those of the plain one."""
    image = photo(8, 8, "L")
    levels = np.asarray(image)
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b"".join(
        b"\0" + row.tobytes() for top, left, down, across in passes for row in levels[top::down, left::across]
    )
    header = png_header(8, 8, colour=0)[:-1] + b"\x01"
    data = png_file([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])
    np.testing.assert_array_equal(np.asarray(decode(data, GREY)), levels)


def test_every_form_of_a_source_gives_the_same_pixels(tmp_path: Path) -> None:
    """A path, its text, bytes of three kinds, an array and a Pillow image are one image."""
    data = FILES["png"]
    path = tmp_path / "part.png"
    path.write_bytes(data)
    wanted = as_pillow(data, "RGB")
    opened = Image.open(io.BytesIO(data))
    for source in (path, str(path), data, bytearray(data), memoryview(data), wanted, opened):
        np.testing.assert_array_equal(np.asarray(decode(source, RGB)), wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_exif_orientation_is_applied_where_declared(form: str, orientation: int) -> None:
    """`exif` turns as `ImageOps.exif_transpose` does, from bytes and from a Pillow image; `stored` does not turn."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(), form, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    for source in (data, Image.open(io.BytesIO(data))):
        turned = decode(source, InputSpec(orientation="exif"))
        np.testing.assert_array_equal(np.asarray(turned), upright)
    np.testing.assert_array_equal(np.asarray(decode(data, RGB)), as_pillow(data, "RGB"))


class TestLimits:
    """What is too large is refused by its header, before anything is decoded."""

    def test_pixels_at_the_limit_pass_and_one_more_does_not(self) -> None:
        """The limit counts width times height, for files, arrays and Pillow images alike."""
        data, image = FILES["png"], photo()
        pixels = image.width * image.height
        for source in (data, FILES["jpeg"], image, np.asarray(image)):
            decode(source, RGB, Limits(max_image_pixels=pixels))
            assert refusal(source, limits=Limits(max_image_pixels=pixels - 1)) == "image.pixels"

    def test_bytes_at_the_limit_pass_and_one_more_does_not(self, tmp_path: Path) -> None:
        """The limit counts encoded bytes, from memory and from a file."""
        data = FILES["jpeg"]
        path = tmp_path / "part.jpg"
        path.write_bytes(data)
        for source in (data, path):
            decode(source, RGB, Limits(max_image_bytes=len(data)))
            assert refusal(source, limits=Limits(max_image_bytes=len(data) - 1)) == "image.bytes"

    def test_a_huge_file_is_not_read(self, tmp_path: Path) -> None:
        """Of a sparse file of 1 TB not more than the limit is read."""
        path = tmp_path / "huge.png"
        with path.open("wb") as file:
            file.write(FILES["png"])
            file.truncate(2**40)
        assert refusal(path) == "image.bytes"

    @pytest.mark.parametrize("side", [50_000, 2**31 - 1, 2**32 - 1])
    def test_a_header_of_many_pixels_costs_no_memory(self, side: int) -> None:
        """A PNG of 50,000 x 50,000 pixels, 10 GB decoded, is refused within 1 MB."""
        data = png_file([(b"IHDR", png_header(side, side)), (b"IDAT", b"x" * 1000), (b"IEND", b"")])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert refusal(data) == "image.pixels"
        require_peak_below(1_000_000, lambda: refusal(data))
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000

    def test_a_jpeg_header_of_many_pixels_is_refused(self) -> None:
        """65,500 x 65,500 pixels in a JPEG frame are over the limit."""
        data = bytearray(FILES["jpeg"])
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = (65_500).to_bytes(2) * 2
        assert refusal(bytes(data)) == "image.pixels"

    @pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
    def test_an_image_without_pixels_is_refused(self, width: int, height: int) -> None:
        """A side of zero is an error of shape, in files and arrays."""
        data = png_file([(b"IHDR", png_header(width, height)), (b"IDAT", b""), (b"IEND", b"")])
        assert refusal(data) == "image.shape"
        assert refusal(np.zeros((height, width, 3), np.uint8)) == "image.shape"

    @pytest.mark.slow
    def test_more_pixels_than_pillow_warns_of_pass_without_a_warning(self) -> None:
        """A limit above Pillow's own is the caller's word: no warning, and no global of Pillow is touched."""
        side = 9_500
        data = encoded(Image.new("1", (side, side)), "PNG")
        assert side * side > (Image.MAX_IMAGE_PIXELS or 0)
        decode(data, GREY, Limits(max_image_pixels=side * side))


class TestDamage:
    """Bytes that are no whole image are an error of that image."""

    @pytest.mark.parametrize(
        ("data", "what"),
        [
            (b"", "nothing"),
            (b"hello, world", "text"),
            (b"%PDF-1.7\n", "PDF"),
            (b"PK\x03\x04" + b"\0" * 60, "zip"),
            (encoded(photo(), "PCX"), "PCX"),
            (encoded(photo(), "TGA"), "TGA"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n", "EPS"),
            (b"RIFF\0\0\0\0AVI LIST", "AVI"),
            (b"\xff\xd8", "two bytes of a JPEG"),
            (b"\x89PNG\r\n\x1a", "seven bytes of a PNG"),
        ],
    )
    def test_foreign_bytes_are_refused_by_their_format(self, data: bytes, what: str) -> None:
        """Only the formats that are named are read, whatever else Pillow could."""
        assert refusal(data) == "image.format", what

    @pytest.mark.parametrize("kind", FILES)
    def test_a_file_cut_anywhere_is_refused(self, kind: str) -> None:
        """No length shorter than the whole file gives an image; Pillow takes some of them."""
        data = FILES[kind]
        lengths = {*range(min(len(data), 700)), *range(700, len(data), 97), *range(len(data) - 40, len(data))}
        for length in lengths:
            assert refusal(data[:length]) in ("image.format", "image.truncated"), length

    @pytest.mark.parametrize("kind", FILES)
    def test_bytes_after_the_end_are_passed_over(self, kind: str) -> None:
        """Cameras append previews and padding; the image is what comes before."""
        image = decode(FILES[kind] + b"\0 and more", RGB)
        np.testing.assert_array_equal(np.asarray(image), as_pillow(FILES[kind], "RGB"))

    def test_a_host_that_takes_truncated_images_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`LOAD_TRUNCATED_IMAGES`, which training code likes to set, does not let half an image through."""
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        for kind in ("jpeg", "jpeg progressive", "png"):
            assert refusal(FILES[kind][: len(FILES[kind]) // 2]) == "image.truncated", kind

    def test_more_than_eight_bits_are_refused(self) -> None:
        """PNG of 16 bits, in grey, colour or with alpha, is refused; Pillow would halve some of them unasked."""
        for colour in (0, 2, 4, 6):
            data = png_file([(b"IHDR", png_header(4, 4, bits=16, colour=colour)), (b"IDAT", b""), (b"IEND", b"")])
            assert refusal(data) == "image.depth", colour
        assert refusal(encoded(Image.new("I;16", (4, 4)), "PNG")) == "image.depth"

    def test_a_jpeg_of_twelve_bits_is_refused(self) -> None:
        """The precision stands in the frame."""
        data = bytearray(FILES["jpeg"])
        data[data.index(b"\xff\xc0") + 4] = 12
        assert refusal(bytes(data)) == "image.depth"

    def test_a_file_that_cannot_be_read_is_missing(self, tmp_path: Path) -> None:
        """No file, a folder, and a name that no file system takes."""
        for path in (tmp_path / "none.png", tmp_path, "a\0b", "x" * 5000):
            assert refusal(path) == "image.missing", path

    def test_no_other_exception_gets_out_of_pillow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever Pillow raises while it decodes is an error of this image."""
        for error in (RecursionError(), struct.error("short"), KeyError("x"), AssertionError(), RuntimeError("y")):
            with monkeypatch.context() as patch:
                patch.setattr(ImageFile.ImageFile, "load", raising(error))
                assert refusal(FILES["jpeg"]) == "image.truncated", error
        monkeypatch.setattr(ImageFile.ImageFile, "load", raising(MemoryError()))
        assert refusal(FILES["jpeg"]) == "image.pixels"


def raising(error: Exception) -> Any:
    """Make a method that raises."""

    def method(self: object) -> None:
        raise error

    return method


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["set", "delete", "insert", "cut", "copy"]),
        st.integers(0, 10_000),
        st.binary(min_size=1, max_size=6)
        | st.sampled_from([b"\xff\xd9", b"\xff\xda", b"\0\0\0\0", b"\x7f\xff\xff\xff"]),
    ),
    min_size=1,
    max_size=6,
)
"""What happens to bytes on their way."""

WITH_METADATA = (
    encoded(
        photo(20, 14), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", comment=b"x"
    ),
    encoded(photo(20, 14), "JPEG", progressive=True),
    encoded(photo(20, 14, "CMYK"), "JPEG"),
    encoded(photo(20, 14), "PNG", icc_profile=b"p" * 50, dpi=(72, 72)),
    encoded(photo(20, 14).quantize(16), "PNG", transparency=b"\0\x40\xff"),
    encoded(photo(20, 14), "PNG", save_all=True, append_images=[photo(20, 14, seed=2)]),
)


def mutated(data: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    """Apply mutations one after the other."""
    found = bytearray(data)
    for action, where, content in mutations:
        at = where % (len(found) + 1)
        if action == "set":
            found[at : at + len(content)] = content
        elif action == "delete":
            del found[at : at + len(content)]
        elif action == "insert":
            found[at:at] = content
        elif action == "copy":
            found[at:at] = found[: where % 50]
        else:
            del found[at:]
    return bytes(found)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(WITH_METADATA), MUTATIONS, st.sampled_from(["sound", "broken"]), st.sampled_from(["stored", "exif"])
)
def test_mutated_files_give_an_image_or_an_image_error(
    data: bytes, mutations: list[tuple[str, int, bytes]], checksums: str, orientation: str
) -> None:
    """No other exception and no warning comes out, with checksums put right again or not."""
    data = mutated(data, mutations)
    if checksums == "sound" and data.startswith(b"\x89PNG\r\n\x1a\n"):
        data = png_file(png_chunks(data))
    for spec in (InputSpec(orientation=orientation), GREY):
        try:
            image = decode(data, spec)
        except ImageError:
            continue
        assert image.mode == spec.color
        assert len(image.tobytes()) == image.width * image.height * spec.channels


class TestMetadata:
    """What does not make pixels is neither inflated nor warned about."""

    def test_text_that_inflates_is_left_alone(self) -> None:
        """64 chunks of text and a colour profile that inflate to 10 MB each cost nothing."""
        bomb = zlib.compress(bytes(10_000_000), 9)
        chunks = list(png_chunks(FILES["png"]))
        chunks[1:1] = [(b"zTXt", b"k%d\0\0" % n + bomb) for n in range(64)] + [(b"iCCP", b"p\0\0" + bomb)]
        data = png_file(chunks)
        require_peak_below(2 * len(data), lambda: decode(data, RGB))

    @pytest.mark.parametrize(
        "segment",
        [
            jpeg_segment(
                0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x05\0\xff\xff\xff\x7f\xff\xff\xff\x7f" * 3
            ),
            jpeg_segment(0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0\x04\0\x01\0\0\0\x02\0\0\0"),
            jpeg_segment(0xE2, b"ICC_PROFILE\0\x01\x02rubbish"),
            jpeg_segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 5),
        ],
        ids=["EXIF", "MPF", "ICC", "Photoshop"],
    )
    def test_broken_metadata_do_not_matter(self, segment: bytes) -> None:
        """Pillow warns of some of these; here they are not even looked at."""
        data = FILES["jpeg"]
        image = decode(data[:2] + segment + data[2:], InputSpec(orientation="exif"))
        np.testing.assert_array_equal(np.asarray(image), as_pillow(data, "RGB"))

    def test_a_broken_animation_is_a_still_image(self) -> None:
        """Of an animated PNG nothing but its still image is read."""
        chunks = list(png_chunks(FILES["png"]))
        data = png_file([chunks[0], (b"acTL", bytes(8)), *chunks[1:]])
        np.testing.assert_array_equal(np.asarray(decode(data, RGB)), as_pillow(FILES["png"], "RGB"))


class TestArrays:
    """Arrays are images where they are uint8 (H, W, 3) or (H, W), in whatever order of memory."""

    def test_any_order_of_memory_will_do(self) -> None:
        """Mirrored, strided, Fortran-ordered and cut views are taken as they look."""
        pixels = np.asarray(photo())
        views = (pixels[::-1], pixels[:, ::-1], pixels[::2, 1::3], np.asfortranarray(pixels), pixels[:, :, ::-1])
        for view in (*views, pixels[5:9, 5:9], pixels[..., 1], pixels[..., 1].T):
            wanted = view if view.ndim == 3 else np.stack([view] * 3, axis=2)
            np.testing.assert_array_equal(np.asarray(decode(view, RGB)), wanted)

    @pytest.mark.parametrize(
        ("array", "code", "hint"),
        [
            (np.zeros((4, 4, 3), np.float32), "image.depth", "before scaling"),
            (np.zeros((4, 4, 3), bool), "image.depth", "before scaling"),
            (np.zeros((4, 4), np.uint16), "image.depth", "convert it to 8 bits as the training did"),
            (np.zeros((4, 4, 4), np.uint8), "image.shape", "array[:, :, :3]"),
            (np.zeros((3, 4, 4), np.uint8), "image.shape", "transpose(1, 2, 0)"),
            (np.zeros((2, 4, 4, 3), np.uint8), "image.shape", "predict_many"),
            (np.zeros((4, 4, 2), np.uint8), "image.shape", ""),
            (np.zeros(4, np.uint8), "image.shape", ""),
            (np.zeros((), np.uint8), "image.shape", ""),
        ],
        ids=lambda value: f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else "",
    )
    def test_other_arrays_are_refused_with_a_hint(self, array: np.ndarray, code: str, hint: str) -> None:
        """The hint says how a usable array is made of this one."""
        with pytest.raises(ImageError) as caught:
            decode(array, RGB)
        assert caught.value.code == code
        assert hint in caught.value.hint

    @pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
    def test_an_image_does_not_change_with_its_array(self, shape: tuple[int, ...]) -> None:
        """The memory of the array may be used again."""
        array = np.full(shape, 200, np.uint8)
        image = decode(array, GREY)
        array[:] = 0
        assert (np.asarray(image) == 200).all()

    def test_what_is_no_image_at_all_is_refused(self) -> None:
        """Numbers, lists and None are named by their type."""
        for source in (None, 5, [1, 2], object()):
            assert refusal(source) == "image.shape"


class TestPillowImages:
    """Pillow images are taken in every mode of 8 bits, open or loaded."""

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"])
    def test_a_mode_of_eight_bits_is_converted_as_pillow_does(self, mode: str) -> None:
        """Both to RGB and to grey."""
        image = photo().convert("RGBA").convert(mode) if mode == "RGBa" else photo().convert(mode)
        for spec in (RGB, GREY):
            wanted = np.asarray(image.convert(spec.color))
            np.testing.assert_array_equal(np.asarray(decode(image, spec)), wanted)

    @pytest.mark.parametrize("mode", ["I", "F", "I;16", "I;16B", "LAB", "La"])
    def test_another_mode_is_refused(self, mode: str) -> None:
        """More bits, or no conversion: an error of depth."""
        assert refusal(Image.new(mode, (4, 4))) == "image.depth"

    def test_a_palette_with_alpha_makes_no_warning_and_is_not_changed(self) -> None:
        """Pillow would warn; the caller's image keeps its transparency."""
        image = Image.open(io.BytesIO(FILES["png palette, alpha"]))
        np.testing.assert_array_equal(np.asarray(decode(image, RGB)), as_pillow(FILES["png palette, alpha"], "RGB"))
        assert "transparency" in image.info

    def test_one_open_image_may_be_decoded_by_many_threads(self) -> None:
        """Pillow mixes up the pixels where two threads load one image; here all get the right ones."""
        data = encoded(photo(800, 600), "JPEG")
        wanted = as_pillow(data, "RGB")
        for _ in range(10):
            image, barrier = Image.open(io.BytesIO(data)), threading.Barrier(4)

            def decode_together(image: Image.Image = image, barrier: threading.Barrier = barrier) -> bool:
                barrier.wait()
                return np.array_equal(np.asarray(decode(image, RGB)), wanted)

            with ThreadPoolExecutor(4) as pool:
                assert all(future.result() for future in [pool.submit(decode_together) for _ in range(4)])

    def test_a_closed_image_is_refused(self) -> None:
        """An image whose file is closed before it was loaded is an error of that image."""
        file = io.BytesIO(FILES["jpeg"])
        image = Image.open(file)
        file.close()
        assert refusal(image) == "image.truncated"


def test_decoding_is_right_in_many_threads_and_leaves_the_filters_of_warnings_alone() -> None:
    """Files decoded by eight threads at once give the pixels of one thread, and no global is touched."""
    filters = list(warnings.filters)
    wanted = {kind: np.asarray(decode(data, RGB)) for kind, data in FILES.items()}
    kinds = [*FILES] * 10
    with ThreadPoolExecutor(8) as pool:
        for kind, image in zip(kinds, pool.map(lambda kind: decode(FILES[kind], RGB), kinds), strict=True):
            np.testing.assert_array_equal(np.asarray(image), wanted[kind])
    assert warnings.filters == filters


class TestOpenEncoded:
    """Opening for an author's transform: checked as `decode` does, then exactly Pillow's image."""

    @pytest.mark.parametrize("kind", FILES)
    def test_the_image_is_that_of_pillow(self, kind: str) -> None:
        """Mode, size, metadata and pixels are those of `Image.open`."""
        image, wanted = open_encoded(FILES[kind]), Image.open(io.BytesIO(FILES[kind]))
        wanted.load()
        assert (image.mode, image.size, image.info, image.format) == (
            wanted.mode,
            wanted.size,
            wanted.info,
            wanted.format,
        )
        assert image.tobytes() == wanted.tobytes()

    def test_it_refuses_what_decode_refuses(self) -> None:
        """Half a file, foreign bytes and too many pixels."""
        for data, code in ((FILES["png"][:-1], "image.truncated"), (b"%PDF-1.7", "image.format")):
            with pytest.raises(ImageError) as caught:
                open_encoded(data)
            assert caught.value.code == code
        with pytest.raises(ImageError, match="at most 5 are allowed"):
            open_encoded(FILES["png"], Limits(max_image_pixels=5))


class TestRegion:
    """A declared region is all that is looked at."""

    ROI = InputSpec(roi=Roi(x=5, y=3, width=20, height=10))

    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    def test_the_pixels_are_those_of_the_whole_image(self, mode: str) -> None:
        """Exactly, counted from the upper left corner."""
        whole = np.asarray(photo(61, 43, mode).convert("RGB"))
        np.testing.assert_array_equal(decode(photo(61, 43, mode), self.ROI), whole[3:13, 5:25])

    def test_it_is_cut_out_of_the_image_as_turned(self) -> None:
        """After the orientation is applied."""
        data = encoded(photo(61, 43), "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")
        spec = InputSpec(orientation="exif", roi=Roi(x=0, y=40, width=43, height=21))
        np.testing.assert_array_equal(decode(data, spec), np.rot90(np.asarray(photo(61, 43)), -1)[40:61])

    def test_an_image_that_does_not_hold_it_is_refused(self) -> None:
        """With both sizes; nothing is filled in."""
        with pytest.raises(ImageError, match="has 24 x 43 pixels, the part to look at reaches to 25 x 13") as caught:
            decode(photo(24, 43), self.ROI)
        assert caught.value.code == "image.shape"


def test_an_image_may_be_asked_for_without_its_pixels() -> None:
    """What its header, its dtype or its shape shows is refused as in decoding; damage among the pixels is not seen."""
    whole = encoded(photo(), "JPEG")
    damaged = whole[:-40] + bytes(38) + whole[-2:]
    for source in (whole, damaged, photo(), np.zeros((4, 4), np.uint8)):
        require_image(source, RGB)
    for wrong in (b"", b"x", whole[:-30], encoded(photo(mode="I;16"), "PNG"), np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(ImageError) as caught:
            require_image(wrong, RGB)
        assert caught.value.code == refusal(wrong)
