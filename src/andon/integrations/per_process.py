"""A model that each process loads for itself: a runtime does not survive a fork."""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial

from andon.bundle.archive import read_bundle
from andon.engine.copies import load_copies
from andon.engine.placement import choose_devices
from andon.integrations import gunicorn
from andon.integrations.own_device import devices_asked, own_choice
from andon.machine import read_machine
from andon.model.choose import Request
from andon.model.load import load_bundle
from andon.model.model import Model
from andon.settings.devices import CPU


def load_per_process(path: str | os.PathLike[str], *, trust: bool = False) -> "PerProcessModel":
    """
    Load a bundle, with one compute thread, in each process that serves it.

    Where there are cards, and `ANDON_DEVICES` does not say otherwise, each process computes on one,
    and they are shared out evenly. On the CPU a process computes with one thread, whatever its
    share of the cores is: it cannot know how many processes and threads of requests there will be,
    and where together they have more threads than cores they were up to nine times slower.

    In a process that serves, the bundle is loaded and proven at once. In a master of gunicorn that
    preloads the application, it is only read; each worker loads and proves it when it is
    forked, and one that cannot stops gunicorn.

    Args:
        path: Looked up now; a worker that starts later reads the file that is there then.
        trust: As `andon.load` takes it.

    Raises:
        AndonError: As `andon.load`; from a master that preloads, as far as the bundle's members.
        UsageError: `usage.setting`: `ANDON_DEVICES` names no devices.
        EnvironmentFault: `environment.device`: it names cards that are not here.
    """
    # Servers may change the folder later.
    path = os.path.abspath(path)  # noqa: PTH100 -- also for a path of str
    devices = devices_asked()
    load_here = partial(_load_here, path, devices, trust=trust)
    if not gunicorn.is_preloading():
        return PerProcessModel(load_here)
    # What every worker would fail with is told once.
    choose_devices(devices, read_machine())
    read_bundle(path)
    return PerProcessModel(load_here, in_children=True)


def _load_here(path: str | os.PathLike[str], devices: str, *, trust: bool) -> Model:
    bundle = read_bundle(path)

    def load_on(device: str) -> Model:
        return load_bundle(bundle, Request(device=device, trust=trust), threads=1)

    (model,) = load_copies(load_on, own_choice(devices)).values()
    if model.device != CPU:
        gunicorn.tell(f"{bundle.where} computes on {model.device}")
    return model


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
