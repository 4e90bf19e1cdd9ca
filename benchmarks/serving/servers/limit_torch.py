"""The in-process limit of the peers' network: `python limit_torch.py SIZE SECONDS`."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

from common_work import load_network, prepare, top1
from timed_loop import run_timed

if __name__ == "__main__":
    network = load_network()
    run_timed(lambda photos: top1(network, [prepare(photo) for photo in photos]))
