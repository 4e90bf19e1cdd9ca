"""Golden samples: what is stored comes back, and what does not fit the manifest is refused."""

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load, save

from andon.bundle.archive import Bundle
from andon.bundle.golden import GoldenSample, decode_golden, encode_golden
from andon.bundle.manifest import EXPECTED_MEMBER, Manifest
from andon.errors import BundleError
from tests.support.bundles import colour_parts, golden_samples

SAMPLES = golden_samples()
PLAIN, MEMBERS = colour_parts()


def bundle_of(members: dict[str, bytes], **fields: object) -> Bundle:
    """Make a bundle as `read_bundle` would, without a file."""
    manifest = msgspec.convert({**PLAIN, **fields}, Manifest)
    return Bundle(manifest=manifest, digest="0" * 64, members=members, where="a.andon")


def refusal(bundle: Bundle) -> BundleError:
    """Give the error with which golden samples are refused."""
    with pytest.raises(BundleError) as caught:
        decode_golden(bundle)
    assert caught.value.code == "bundle.golden"
    assert caught.value.where == "a.andon › golden/expected.safetensors"
    return caught.value


def test_what_is_stored_comes_back() -> None:
    """Names, encoded images and tensors, in the order of the manifest."""
    found = decode_golden(bundle_of(MEMBERS))
    assert [sample.name for sample in found] == [sample.name for sample in SAMPLES]
    for sample, expected in zip(found, SAMPLES, strict=True):
        assert sample.encoded == expected.encoded
        for stage in ("pixels", "model_input", "raw_output"):
            array, wanted = getattr(sample, stage), getattr(expected, stage)
            assert array.dtype == wanted.dtype
            np.testing.assert_array_equal(array, wanted)


def test_equal_samples_give_equal_bytes() -> None:
    """Also where an array lies otherwise in memory."""
    other = [
        GoldenSample(
            name=sample.name,
            encoded=sample.encoded,
            pixels=np.asfortranarray(sample.pixels),
            model_input=np.asfortranarray(sample.model_input),
            raw_output=sample.raw_output[::-1].copy()[::-1],
        )
        for sample in SAMPLES
    ]
    assert encode_golden(other) == encode_golden(SAMPLES)


def test_the_members_are_named_as_documented() -> None:
    """Tensors are `N.pixels`, `N.model_input` and `N.raw_output`; images keep their names."""
    members = encode_golden(SAMPLES)
    assert set(members) == {*(sample.name for sample in SAMPLES), EXPECTED_MEMBER}
    names = {f"{number}.{stage}" for number in range(3) for stage in ("pixels", "model_input", "raw_output")}
    assert set(load(members[EXPECTED_MEMBER])) == names


def spoilt(**tensors: np.ndarray | None) -> Bundle:
    """Give the bundle with other tensors; `s0_pixels` stands for `0.pixels`, None takes one out."""
    others = {name[1:].replace("_", ".", 1): array for name, array in tensors.items()}
    together = {**load(MEMBERS[EXPECTED_MEMBER]), **others}
    stored = save({name: array for name, array in together.items() if array is not None})
    return bundle_of({**MEMBERS, EXPECTED_MEMBER: stored})


@pytest.mark.parametrize("name", ["s0_pixels", "s1_model_input", "s2_raw_output"])
def test_an_absent_tensor_is_refused(name: str) -> None:
    """Each sample has all three."""
    assert "is absent" in refusal(spoilt(**{name: None})).message


def test_a_tensor_of_no_sample_is_refused() -> None:
    """The message counts them and names one."""
    error = refusal(spoilt(s3_pixels=np.zeros((1, 1, 3), np.uint8), s3_raw_output=np.zeros(3, np.float32)))
    assert error.message == "2 tensors belong to no sample, among them '3.pixels'"


def test_another_type_is_refused() -> None:
    """The message gives what was found and what the manifest asks for."""
    error = refusal(spoilt(s0_pixels=SAMPLES[0].pixels.astype(np.float32)))
    assert error.message == "the tensor '0.pixels' is float32 (32, 32, 3), expected uint8 (any, any, 3) by the manifest"


@pytest.mark.parametrize("shape", [(3, 32, 31), (3, 31, 32), (1, 32, 32), (32, 32, 3), (3, 1024), (1, 3, 32, 32)])
def test_a_model_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """It has the channels of the manifest and the sides of the pixels."""
    error = refusal(spoilt(s0_model_input=np.zeros(shape, np.float32)))
    assert f"{shape}, expected float32 (3, 32, 32)" in error.message


def test_pixels_without_a_side_are_refused() -> None:
    """An image of no pixels proves nothing."""
    assert "(0, 32, 3)" in refusal(spoilt(s0_pixels=np.zeros((0, 32, 3), np.uint8))).message


def test_the_channels_are_those_of_the_manifest() -> None:
    """Golden samples of a colour model do not fit a grey one."""
    error = refusal(bundle_of(MEMBERS, input={"color": "L"}))
    assert "expected uint8 (any, any, 1)" in error.message


def test_the_raw_outputs_are_those_of_the_labels() -> None:
    """One value a label."""
    error = refusal(bundle_of(MEMBERS, output={"labels": ["red", "green"]}))
    assert "(3,), expected float32 (2)" in error.message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    """No comparison with them could fail."""
    output = SAMPLES[1].raw_output.copy()
    output[2] = value
    assert refusal(spoilt(s1_raw_output=output)).message == (
        "the tensor '1.raw_output' holds numbers that are not finite"
    )


def test_what_is_no_safetensors_file_is_refused() -> None:
    """The message gives the reason of the library."""
    error = refusal(bundle_of({**MEMBERS, EXPECTED_MEMBER: b"1234"}))
    assert error.message.startswith("not a safetensors file: ")
    assert error.hint == "pack the model again"


def test_an_unknown_type_of_tensor_is_refused() -> None:
    """A type that only other libraries have is named."""
    header = b'{"0.pixels":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    error = refusal(bundle_of({**MEMBERS, EXPECTED_MEMBER: len(header).to_bytes(8, "little") + header + b"12"}))
    assert "BF16" in error.message or "bfloat16" in error.message
