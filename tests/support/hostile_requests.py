"""Requests that no client should send, made from a seed."""

import base64
import random
from collections.abc import Callable
from typing import NamedTuple

from tests.support.bundles import colour_image, encode
from tests.support.forms import BOUNDARY, field, form

Rng = random.Random

IMAGES = tuple(
    encode(colour_image(rgb, size), kind)
    for rgb, size, kind in (
        ((200, 40, 40), (240, 180), "PNG"),
        ((200, 40, 40), (60, 50), "PNG"),
        ((40, 180, 60), (64, 48), "JPEG"),
        ((50, 60, 190), (1, 1), "PNG"),
        ((9, 9, 9), (300, 2), "JPEG"),
        ((200, 40, 40), (30, 30), "GIF"),
        ((200, 40, 40), (30, 30), "TIFF"),
    )
) + tuple(
    encode(colour_image((200, 40, 40)).convert(mode), kind)
    for mode, kind in (("P", "PNG"), ("L", "PNG"), ("1", "PNG"), ("RGBA", "PNG"), ("CMYK", "JPEG"), ("I;16", "PNG"))
)
TYPES = (
    f"multipart/form-data; boundary={BOUNDARY}",
    f'multipart/form-data; boundary="{BOUNDARY}"',
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=\x80\xff",
    f"multipart/form-data; boundary*=utf-8''{BOUNDARY}",
    "multipart/form-data; " + "boundary=x; " * 200,
    "multipart/form-data; boundary=" + "b" * 3000,
    "image/png",
    "image/jpeg; charset=utf-8",
    "application/octet-stream",
    "application/json",
    "application/x-www-form-urlencoded",
    ";;;=",
    "",
)
ACCEPTS = (
    "*/*",
    "application/json",
    "text/html, */*;q=0.1",
    ";q=9,,application/json;q=x",
    "a" * 4000,
    "application/*;q=1e9",
)


class Hostile(NamedTuple):
    """One request: what it says, and what it sends."""

    content_type: str
    headers: dict[str, str]
    body: bytes


def hostile_request(rng: Rng) -> Hostile:
    """Make a request that is near enough to a good one to get deep into the code."""
    image = mutated(rng, rng.choice(IMAGES)) if rng.random() < 0.8 else rng.choice(IMAGES)
    content_type = rng.choice(TYPES[:2] if rng.random() < 0.6 else TYPES)
    body = rng.choice(BODIES)(rng, image)
    if rng.random() < 0.3:
        body = mutated(rng, body)
    headers = {"Accept": rng.choice(ACCEPTS), "X-Request-Id": rng.choice(("a", "\x80" * 9, "x" * 300, "${id}", "a b"))}
    return Hostile(content_type, headers, body)


def mutated(rng: Rng, data: bytes) -> bytes:
    """Damage some bytes: change, cut, repeat, insert, or overwrite with the ends of numbers."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        if not changed:
            break
        at = rng.randrange(len(changed))
        length = rng.choice((1, 2, 4, 16, 200))
        match rng.randrange(6):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                del changed[at:]
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length]
            case 4:
                changed[at:at] = rng.randbytes(length)
            case _:
                changed[at : at + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
                )
    return bytes(changed)


def _as_form(rng: Rng, image: bytes) -> bytes:
    return form([field(image)] * rng.choice((1, 1, 1, 2, 5, 33)))


def _as_base64(rng: Rng, image: bytes) -> bytes:
    encoded = base64.b64encode(image)
    payload = mutated(rng, encoded) if rng.random() < 0.5 else encoded
    return form([field(payload, "file", "x.jpg", "Content-Transfer-Encoding: base64")])


def _with_odd_parts(rng: Rng, image: bytes) -> bytes:
    names = ("file", "file", "image", "", "f" * 2000, "fil\x00e", 'fi"le', "文件")
    headers = ("Content-Type: image/png", "Content-Transfer-Encoding: quoted-printable", "X: " + "y" * 5000, "bad", ":")
    return form(
        field(
            image, rng.choice(names), rng.choice((None, "../../x", "x" * 900)), *rng.sample(headers, rng.randrange(3))
        )
        for _ in range(rng.randrange(4))
    )


def _raw(rng: Rng, image: bytes) -> bytes:
    return image


def _rubbish(rng: Rng, image: bytes) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 10, 1000, 70_000)))


def _many_boundaries(rng: Rng, image: bytes) -> bytes:
    line = rng.choice(
        (f"--{BOUNDARY}\r\n", f"\r\n--{BOUNDARY}", f"--{BOUNDARY}--\r\n", f"--{BOUNDARY} \t\r\n", "\r\n--", "\r")
    )
    return line.encode() * rng.choice((1, 3, 5000))


BODIES: tuple[Callable[[Rng, bytes], bytes], ...] = (
    _as_form,
    _as_form,
    _as_base64,
    _with_odd_parts,
    _raw,
    _rubbish,
    _many_boundaries,
)
