"""Encoded images become the body of a request."""

import secrets
from collections.abc import Sequence

from andon.client.messages import Ask

PART_BYTES = 160
"""At least what a form adds to the bytes of one image; and at its end once more."""


def ask_to_predict(images: Sequence[bytes], path: str) -> Ask:
    """
    Make the request for images.

    Args:
        images: At least one.
        path: Where the model is asked.

    Returns:
        One image as the body itself, which costs the service no parsing; several, or an empty one,
        which would be no body at all, as a form.
    """
    if len(images) == 1 and images[0]:
        return Ask(method="POST", path=path, content_type="application/octet-stream", body=images[0])
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="image"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    parts = [part for image in images for part in (head, image, b"\r\n")]
    return Ask(
        method="POST",
        path=path,
        content_type=f"multipart/form-data; boundary={boundary}",
        body=b"".join((*parts, f"--{boundary}--\r\n".encode())),
    )
