"""Ray Serve: two replicas of one core, batches of up to four."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import time

import ray
from common_work import PORT, load_network, prepare, top1
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=2, max_ongoing_requests=16, ray_actor_options={"num_cpus": 1})
class Classifier:
    """Top-1 of a photo."""

    def __init__(self) -> None:
        self.network = load_network()

    @serve.batch(max_batch_size=4, batch_wait_timeout_s=0.005)
    async def classify(self, photos: list[bytes]) -> list[str]:
        """Answer a batch in its order."""
        return [f"class {number}" for number in top1(self.network, [prepare(photo) for photo in photos])]

    async def __call__(self, request: Request) -> str:
        """Answer one request."""
        label: str = await self.classify(await request.body())
        return label


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Classifier.bind())
    while True:
        time.sleep(60)
