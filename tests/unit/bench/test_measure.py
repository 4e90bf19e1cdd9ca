"""A measurement from beginning to end."""

from pathlib import Path

import pytest

from andon.bench.measure import BundleOptions, ServiceOptions, Talk, measure_bundle, measure_service, read_images
from andon.bench.plan import LoadPlan
from andon.bench.requests import Image
from andon.errors import AndonError, ImageError, ServiceError, UsageError
from andon.model.choose import Request
from tests.support.bundles import colour_image, encode, write_colours
from tests.support.unreliable import Unreliable

IMAGES = [Image(name, encode(colour_image(rgb))) for name, rgb in (("r", (200, 30, 30)), ("g", (30, 200, 30)))]
PLAN = LoadPlan(connections=2, warm_up_s=0, duration_s=0.1)


def talk() -> Talk:
    """Give somebody who does not listen."""
    return Talk(command="andon bench run", progress=lambda _passed, _of: None, on_wait=lambda: None)


def test_a_service_is_asked_and_then_measured() -> None:
    """Each image once beforehand, which is no part of what is measured."""
    with Unreliable() as server:
        found = measure_service(server.url, IMAGES, PLAN, ServiceOptions(), talk())
    assert found.holds
    assert (found.target.model, found.target.address) == ("parts", server.url)
    assert found.requests.sent == server.posts - 2
    assert found.server_ms["infer"].p50 == 5


def test_a_service_that_is_not_there_is_told_at_once() -> None:
    """Not as a thousand errors."""
    with Unreliable() as server:
        url = server.url
    with pytest.raises(ServiceError) as refused:
        measure_service(url, IMAGES, PLAN, ServiceOptions(), talk())
    assert refused.value.code == "client.connection"


def test_a_service_that_does_not_become_ready_is_told() -> None:
    """After the time that it was given."""
    with Unreliable() as server:
        server.ready = False
        with pytest.raises(ServiceError, match="not ready") as refused:
            measure_service(server.url, IMAGES, PLAN, ServiceOptions(wait_s=0), talk())
    assert refused.value.code == "service.unready"


def test_a_bundle_is_measured_in_this_process(tmp_path: Path) -> None:
    """With its labels, its stages, and how it was asked."""
    path = write_colours(tmp_path / "colours.andon")
    options = BundleOptions(request=Request(), threads=1, batch=2)
    found = measure_bundle(path, IMAGES, PLAN, options, talk())
    assert found.holds
    assert found.target.settings == {"threads": 1, "batch": 2, "callers": 2}
    assert found.labels.keys() == {"red", "green"}
    assert found.server_ms["decode"].p50 > 0


def test_a_bundle_takes_no_rate(tmp_path: Path) -> None:
    """It has no queue whose growth would tell anything."""
    plan = LoadPlan(connections=1, rate=5)
    with pytest.raises(UsageError, match="no queue"):
        measure_bundle(tmp_path / "x.andon", IMAGES, plan, BundleOptions(request=Request()), talk())


@pytest.mark.parametrize(("content", "kind"), [(b"no image", ImageError), (None, UsageError)])
def test_what_cannot_be_sent_is_refused_by_name(tmp_path: Path, content: bytes | None, kind: type[AndonError]) -> None:
    """Before the service hears of it."""
    path = tmp_path / "odd.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind) as refused:
        read_images([path])
    assert refused.value.where == str(path)


def test_certificates_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """With the option that names them."""
    options = ServiceOptions(ca_file=str(tmp_path / "gone.pem"))
    with pytest.raises(UsageError, match="no certificates can be read"):
        measure_service("https://127.0.0.1:9", IMAGES, PLAN, options, talk())
