"""Odd images over HTTP: each is answered with a label, or refused with the code of an image; the service lives on."""

from pathlib import Path

import pytest

from andon.errors import CODES
from tests.support.odd_images import OddImage, cut_images, damaged_images, lying_images, whole_images
from tests.support.served import asked

pytestmark = pytest.mark.slow


def some() -> list[OddImage]:
    """Take every ninth of the odd images, and all that lie."""
    return [*[*whole_images(), *cut_images(), *damaged_images()][::9], *lying_images()]


@pytest.mark.parametrize("path", ["/predict", "/run", "/v2/models/colours/infer"])
def test_each_is_answered_or_refused_as_an_image(colours: Path, path: str) -> None:
    """Never a fault of the service, whatever the dialect."""
    kinds = set()
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
    if path.startswith("/v2"):
        headers["Inference-Header-Content-Length"] = "0"
    with asked(colours) as client:
        for image in some():
            answer = client.post(path, content=image.data, headers=headers)
            kinds.add(answer.status_code)
            if answer.status_code != 200:
                assert answer.status_code in (400, 413), (image.name, answer.text)
                known = [code for code in CODES if f"{code}]" in answer.text or f'"{code}"' in answer.text]
                assert known, image.name
                assert all(code.startswith(("image.", "request.")) for code in known), image.name
        assert client.get("/ready").status_code == 200
    assert kinds == {200, 400, 413}
