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
    write = rng.choice(BODIES)
    if write is _as_json and rng.random() < 0.8:
        content_type = "application/json"
    body = write(rng, image)
    if rng.random() < 0.3:
        body = mutated(rng, body)
    headers = {"Accept": rng.choice(ACCEPTS), "X-Request-Id": rng.choice(("a", "\x80" * 9, "x" * 300, "${id}", "a b"))}
    return Hostile(content_type, headers, body)


def on_the_wire(rng: Rng, request: Hostile, first: str = "POST /run HTTP/1.1", *further: str) -> bytes:
    """Write a request as HTTP, sometimes wrongly, with its first line and further headers."""
    lines = [first, "Host: x", *further, f"Content-Type: {request.content_type}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    body = request.body
    match rng.randrange(12):
        case 0:
            lines.append("Transfer-Encoding: chunked")
            body = chunked(rng, body)
        case 1:
            lines.append("Transfer-Encoding: chunked")
        case 2:
            lines.append(f"Content-Length: {len(body) + rng.choice((-1, 1, 1000)) if body else 1}")
        case 3:
            lines += [f"Content-Length: {len(body)}", "X-Large: " + "y" * rng.choice((8000, 9000, 70_000))]
        case 4:
            lines += [f"Content-Length: {len(body)}", *(f"X-{number}: y" for number in range(rng.choice((50, 200))))]
        case 5:
            lines.append(rng.choice(("Content-Length: x", "Content-Length: -1", "X", f"Content-Length: {10**18}")))
        case _:
            lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def chunked(rng: Rng, body: bytes) -> bytes:
    """Write a body in chunks, sometimes without their end."""
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    written = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return written + rng.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\n", b"-1\r\n", b""))


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


def _as_json(rng: Rng, image: bytes) -> bytes:
    encoded = base64.b64encode(image)
    return rng.choice(
        (
            b'{"image": "%b"}' % encoded,
            b'{"image": "%b"}' % mutated(rng, encoded),
            b'{"images": [%b]}' % b",".join([b'"%b"' % encoded] * rng.choice((1, 2, 33))),
            b'{"image": "data:image/png;base64,%b", "image": 1}' % encoded,
            b'{"images": "%b", "image": null}' % encoded,
            rng.choice((b"[", b'{"image": ', b'{"images": [')) * rng.choice((1, 2000, 50_000)),
            b'{"image": %b}' % rng.choice((b"1e999", b"-0", b"9" * 5000, b"NaN", b"true", b'"\\ud800"', b'"\xff"')),
        )
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
    _as_json,
    _with_odd_parts,
    _raw,
    _rubbish,
    _many_boundaries,
)
