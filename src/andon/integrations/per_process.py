"""A model that each process loads for itself: a runtime does not survive a fork."""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial

from andon.bundle.archive import read_bundle
from andon.integrations import gunicorn
from andon.model.model import Model, load


def load_per_process(path: str | os.PathLike[str], *, trust: bool = False) -> "PerProcessModel":
    """
    Load a bundle, with one compute thread, in each process that serves it.

    In a process that serves, the bundle is loaded and proven at once. In a master of gunicorn that
    preloads the application, it is only read; each worker loads and proves it when it is
    forked, and one that cannot stops gunicorn.

    Args:
        path: Looked up now; a worker that starts later reads the file that is there then.
        trust: As `andon.load` takes it.

    Raises:
        AndonError: As `andon.load`; from a master that preloads, as far as the bundle's members.
    """
    # Servers may change the folder later.
    path = os.path.abspath(path)  # noqa: PTH100 -- also for a path of str
    load_here = partial(load, path, threads=1, trust=trust)
    if not gunicorn.is_preloading():
        return PerProcessModel(load_here)
    read_bundle(path)
    return PerProcessModel(load_here, in_children=True)


class PerProcessModel:
    """
    Gives the model of the calling process.

    A runtime is not carried over a fork: its threads are not, and a child that has the runtime
    without its threads hangs when it exits. With one compute thread and no telemetry ONNX Runtime
    starts none; a host that imported it first, or loaded another model, may have let it.

    Args:
        load: Loads and proves the model; called once a process.
        in_children: Load nothing here, but in each child of gunicorn's master, before it serves.

    Raises:
        AndonError: As `load` does.
    """

    def __init__(self, load: Callable[[], Model], *, in_children: bool = False) -> None:
        self._load = load
        self._in_children = in_children
        self._forks = 0
        self._lock = threading.Lock()
        self._inherited: Model | None = None
        self._model: Model | None = None if in_children else load()
        _call_around_forks(weakref.ref(self))

    def __call__(self) -> Model:
        """
        Return the model of this process; a process that was forked loads it now, if it did not before.

        Raises:
            AndonError: As `load` does; the next call tries again.
        """
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    def count_fork(self) -> None:
        """Note that a child is about to be made; it inherits its number."""
        self._forks += 1

    def resume_in_child(self) -> None:
        """Forget the parent's model; in a worker of a master that preloads, load one at once."""
        # The lock may have been held by a thread that does not exist here.
        self._lock = threading.Lock()
        # The parent's model is never freed here: a thread of the parent may have been inside of it.
        self._inherited, self._model = self._inherited or self._model, None
        if self._in_children:
            self._in_children = False
            self._load_or_exit()

    def _load_or_exit(self) -> None:
        try:
            with gunicorn.booting(self._forks, forked=True):
                self._model = self._load()
        except SystemExit:
            # Python swallows what is raised while it forks, this too.
            os._exit(gunicorn.BOOT_ERROR)


def _call_around_forks(reference: "weakref.ref[PerProcessModel]") -> None:
    """Register for forks without keeping the model alive: a registration cannot be taken back."""

    def before() -> None:
        if (holder := reference()) is not None:
            holder.count_fork()

    def after_in_child() -> None:
        if (holder := reference()) is not None:
            holder.resume_in_child()

    os.register_at_fork(before=before, after_in_child=after_in_child)
