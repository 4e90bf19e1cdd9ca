"""The header `Server-Timing`: where the time of one request went, in stages that add up."""

from collections.abc import Mapping, Sequence

STAGES = ("read", "queue", "decode", "prepare", "infer", "finish")
"""In the order in which a request goes through them."""
_WORK = ("decode", "prepare", "infer", "finish")


def server_timing(timings_ms: Sequence[Mapping[str, float]], *, read_ms: float, total_ms: float) -> str:
    """
    Write the header.

    Args:
        timings_ms: The stages of each image of the request.
        read_ms: From the head of the request until its body was read and understood.
        total_ms: From the head of the request until now.

    Returns:
        Milliseconds for each of `STAGES`; together they are the total. `queue` is what no other
        stage accounts for: waiting for a worker, and handing over.

    Source:
        https://www.w3.org/TR/server-timing/

    >>> server_timing([{"decode": 1.0, "infer": 5.0}], read_ms=0.5, total_ms=7.0)
    'read;dur=0.500, queue;dur=0.500, decode;dur=1.000, prepare;dur=0.000, infer;dur=5.000, finish;dur=0.000'
    """
    stages = share_out(timings_ms, read_ms=read_ms, total_ms=total_ms)
    return ", ".join(f"{stage};dur={stages[stage]:.3f}" for stage in STAGES)


def share_out(timings_ms: Sequence[Mapping[str, float]], *, read_ms: float, total_ms: float) -> dict[str, float]:
    """
    Give the milliseconds of each stage, which together are the total.

    Images that were worked on side by side have more work than time has passed; their stages are
    scaled to the time that they took together.
    """
    spent = {stage: sum(timings.get(stage, 0.0) for timings in timings_ms) for stage in _WORK}
    there_was = max(total_ms - read_ms, 0.0)
    work = sum(spent.values())
    share = min(1.0, there_was / work) if work else 1.0
    stages = {stage: duration * share for stage, duration in spent.items()}
    # Where work took all the time, rounding must not leave less than nothing.
    return {"read": read_ms, "queue": max(0.0, there_was - sum(stages.values())), **stages}
