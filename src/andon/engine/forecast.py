"""How long a job may wait behind others, learnt from what those before it took. It knows no clock."""

from collections import deque

_REMEMBERED = 32
"""Jobs whose time is remembered: enough that one large image does not count, few enough to follow a change."""
_SHARE = 0.9
"""Jobs that took no longer than what is promised of one."""


class Forecast:
    """
    What a job takes of one worker: what nine of ten of the last ones took at most.

    To promise too little costs nothing as long as enough jobs wait; to promise too much makes jobs late
    that were worth nothing then, and took their time from others. Single large images do not count.
    """

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)
        self._slow_s: float | None = None

    def note(self, seconds: float) -> None:
        """Take the time of one job, during which its worker did nothing else."""
        self._seconds.append(seconds)
        self._slow_s = None

    def wait_s(self, ahead: int, workers: int) -> float:
        """
        Give the seconds within which a job is answered, as a rule, that has so many before it.

        Args:
            ahead: Jobs that wait or run and come before it, 0 or more.
            workers: That work side by side, 1 or more; with none nothing is known.

        Returns:
            0 where nothing is known, or nobody is ahead: that job is the one to learn from.
        """
        if not self._seconds or not ahead or not workers:
            return 0.0
        if self._slow_s is None:
            self._slow_s = sorted(self._seconds)[int(_SHARE * (len(self._seconds) - 1))]
        return self._slow_s * (ahead / workers + 1)
