"""The future of a job: answered once, and it tells its engine when nobody waits for it any more."""

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any

from andon.predictions import Prediction

if TYPE_CHECKING:
    from andon.engine.policy import Ticket


class Answer(Future[Any]):
    """A future that remembers that its caller has tried to cancel it, also while it runs."""

    is_given_up = False
    when_given_up: Callable[[], object] | None = None
    """Called in the thread that tries to cancel it, the first time; not where it was answered before."""

    def cancel(self) -> bool:
        """Cancel it where it still waits."""
        was_cancelled = super().cancel()
        is_first, self.is_given_up = not self.is_given_up, True
        if is_first and self.when_given_up is not None and (was_cancelled or not self.done()):
            self.when_given_up()
        return was_cancelled

    def start(self) -> bool:
        """
        Note that it runs from now on, if it does not already.

        Returns:
            False where it was cancelled before: then the wait of those who wait for it has ended, and it is asked
            no more, and not given to `notify_cancelled`.
        """
        return self.running() or self.set_running_or_notify_cancel()


def answer_ticket(ticket: "Ticket", result: Prediction | None) -> None:
    """Set the result, unless the caller has given up in the same moment."""
    try:
        ticket.future.set_result(result)
    except InvalidStateError:
        notify_cancelled(ticket.future)


def notify_cancelled(future: Future[Any]) -> None:
    """End the wait of those who wait for a future that was cancelled; by itself that ends only its own `result`."""
    future.set_running_or_notify_cancel()
