"""Whether each request was answered exactly once, by its number. It knows no socket and no clock."""

from msgspec import Struct

_SENT, _SETTLED = 1, 2


class Count(Struct, frozen=True, kw_only=True):
    """What became of all requests that were sent, those of the warm-up among them."""

    sent: int
    answered: int
    """By a whole answer, whatever it says."""
    failed: int
    """Known to have none: the connection ended, or the time was up."""
    missing: int
    """Neither; they were under way when the measurement ended."""
    doubled: int
    """Answers that came to a request that already had one, or that nobody had sent."""


class Ledger:
    """Takes down what is sent and what comes back; a byte a request."""

    def __init__(self) -> None:
        self._states = bytearray()
        self._answered = 0
        self._failed = 0
        self._doubled = 0

    def send(self) -> int:
        """Take down a request, and give its number: 0, 1, 2 and so on."""
        self._states.append(_SENT)
        return len(self._states) - 1

    def answer(self, number: int) -> bool:
        """Take down an answer; False where the request has one, or has failed: it must not be counted twice."""
        if not self._settle(number):
            self._doubled += 1
            return False
        self._answered += 1
        return True

    def answer_to_nobody(self) -> None:
        """Take down an answer on a connection on which nothing was asked."""
        self._doubled += 1

    def fail(self, number: int) -> None:
        """Take down that no answer can come any more."""
        if self._settle(number):
            self._failed += 1

    def _settle(self, number: int) -> bool:
        if not 0 <= number < len(self._states) or self._states[number] == _SETTLED:
            return False
        self._states[number] = _SETTLED
        return True

    def count(self) -> Count:
        """Give the balance."""
        sent = len(self._states)
        return Count(
            sent=sent,
            answered=self._answered,
            failed=self._failed,
            missing=sent - self._answered - self._failed,
            doubled=self._doubled,
        )
