"""Keeps worker processes at work: starts them, has them load what is served, and replaces those that end."""

import asyncio
import logging
from itertools import count
from typing import Any, Protocol

import msgspec

from andon.engine.base import LoadedModel
from andon.engine.messages import FromWorker, Loaded, NotLoaded, Start
from andon.engine.placement import CARD_THREADS, Choice, Place, place
from andon.engine.process import WorkerProcess
from andon.errors import AndonError, EngineError
from andon.machine import Machine
from andon.settings.devices import CPU
from andon.settings.serve import ServeSettings

logger = logging.getLogger("andon")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 10.0
"""Between two tries to bring up a worker that does not load: doubled each time."""
_LOADING_S, _PATIENCE = 60.0, 10
"""Seconds in which a replacement must have loaded all models; or so many times what the first workers took."""
_ENDING_S = 2.0
"""Seconds in which a worker that has nothing to do may end by itself."""


class Listener(Protocol):
    """Whom the crew tells what happens; called in the loop."""

    def joined(self, worker: WorkerProcess) -> None:
        """Take a worker that has loaded and proven all models."""
        ...

    def heard(self, worker: WorkerProcess, message: FromWorker) -> None:
        """Take what a worker says of its jobs."""
        ...

    def left(self, worker: WorkerProcess, *, was_ended: bool) -> None:
        """Let go of a worker that has ended, or is given up; somebody else may have ended it."""
        ...


class Crew:
    """
    The workers of one engine. All of it runs in one event loop.

    Args:
        settings: How many, and what they load with.
        machine: What there is to share out.
        choice: The devices.
        listener: Is told what happens.
        module: What they run.
    """

    def __init__(
        self, settings: ServeSettings, machine: Machine, choice: Choice, listener: Listener, *, module: str
    ) -> None:
        self._settings = msgspec.structs.replace(settings, token=None)
        self._machine = machine
        self._choice = choice
        self._listener = listener
        self._module = module
        self._numbers = count()
        self._paths: dict[str, str | None] = {}
        self._workers: dict[int, _Seated] = {}
        self._leaving: set[WorkerProcess] = set()
        self._loading_s = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closing = False

    # Loading.

    async def load(self, path: str | None) -> LoadedModel:
        """
        Have each worker load and prove a bundle; the first one starts the workers.

        Raises:
            AndonError: As `andon.load`; `engine.worker`: a worker ended over it.
        """
        began = asyncio.get_running_loop().time()
        if not self._workers:
            await self._start_first(path)
        loaded = await self._load_everywhere(path)
        self._loading_s += asyncio.get_running_loop().time() - began
        self._paths[loaded.digest] = path
        while lacking := [seated for seated in self._workers.values() if loaded.digest not in seated.loaded]:
            await asyncio.gather(*(seated.load(path, loaded.digest) for seated in lacking))
        for seated in self._workers.values():
            if seated.loaded >= self._paths.keys():
                self._join(seated)
        return loaded

    async def _load_everywhere(self, path: str | None) -> LoadedModel:
        seats = list(self._workers.values())
        results = await asyncio.gather(*(seated.load(path, None) for seated in seats), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            raise errors[0]
        models = [result for result in results if isinstance(result, LoadedModel)]
        if len({model.digest for model in models}) > 1:
            raise AndonError(f"{path} has changed while it was loaded", code="bundle.digest", hint="load it again")
        devices = tuple(dict.fromkeys(device for model in models for device in model.devices))
        return msgspec.structs.replace(models[0], devices=devices)

    async def _start_first(self, path: str | None) -> None:
        """Start the workers; where it is not known yet whether the cards do, one is sent ahead to see."""
        choice = self._choice
        if choice.may_fall_back and path is not None:
            scout = self._start(self._places(choice)[0], may_fall_back=True)
            devices = (await scout.load(path, None)).devices
            self._dismiss(scout)
            choice = Choice(devices=choice.devices if CPU not in devices else (CPU,))
        for found in self._places(choice):
            self._start(found, may_fall_back=choice.may_fall_back)

    def _places(self, choice: Choice) -> list[Place]:
        """Share the machine out."""
        settings = self._settings
        threads = settings.threads or self._machine.cores
        workers = settings.workers or (threads if choice.devices == (CPU,) else len(choice.devices))
        return place(choice.devices, workers=workers, threads=threads, card_threads=settings.threads or CARD_THREADS)

    # Workers.

    def _start(self, found: Place, *, may_fall_back: bool) -> "_Seated":
        number = next(self._numbers)
        start = Start(
            settings=self._settings,
            device=found.device,
            may_fall_back=may_fall_back,
            threads=found.threads,
            is_first=number == 0,
        )
        process = WorkerProcess(number, start, self._settings, module=self._module)
        seated = self._workers[number] = _Seated(process, found, may_fall_back=may_fall_back)
        asyncio.get_running_loop().add_reader(process.socket, self._read, seated)
        return seated

    def _join(self, seated: "_Seated") -> None:
        if not seated.has_joined:
            seated.has_joined = True
            self._listener.joined(seated.process)

    def _read(self, seated: "_Seated") -> None:
        said, has_ended = seated.process.messages()
        for message in said:
            if isinstance(message, Loaded | NotLoaded):
                seated.note_loaded(message)
            else:
                self._listener.heard(seated.process, message)
        if has_ended:
            self._replace(seated, None)

    def give_up(self, number: int, why: str, *, was_ended: bool = False) -> None:
        """End a worker that is of no use any more, and start another in its place."""
        self._replace(self._workers[number], why, was_ended=was_ended)

    def _replace(self, seated: "_Seated", why: str | None, *, was_ended: bool = False) -> None:
        was_ended = was_ended or (why is None and seated.process.may_have_been_ended())
        self._dismiss(seated)
        if seated.has_joined:
            self._listener.left(seated.process, was_ended=was_ended)
        if not self._is_closing:
            self._do(self._tell_end(seated.process, why))
            if seated.has_joined:
                self._do(self._fill(seated))

    def _dismiss(self, seated: "_Seated") -> None:
        """Hear nothing more of a worker, and end it."""
        del self._workers[seated.process.number]
        asyncio.get_running_loop().remove_reader(seated.process.socket)
        seated.process.kill()
        seated.process.say_goodbye()
        seated.note_end()
        self._leaving.add(seated.process)
        self._do(self._see_end(seated.process))

    async def _see_end(self, process: WorkerProcess) -> None:
        """Let the kernel forget a process that has ended."""
        await asyncio.to_thread(process.how_it_ended)
        self._leaving.discard(process)

    async def _tell_end(self, process: WorkerProcess, why: str | None) -> None:
        ended = await asyncio.to_thread(process.how_it_ended)
        logger.warning("worker %d (process %d) is replaced: %s", process.number, process.pid, why or ended)

    async def _fill(self, before: "_Seated") -> None:
        """Put a worker in the place of another; it is given no job before it has proven all models."""
        pause_s = _FIRST_PAUSE_S
        while not self._is_closing:
            seated = None
            try:
                seated = self._start(before.found, may_fall_back=before.may_fall_back)
                async with asyncio.timeout(max(_LOADING_S, _PATIENCE * self._loading_s)):
                    await self._load_all(seated)
            except (AndonError, OSError) as error:  # TimeoutError is an OSError
                reason = "it does not come to an end of loading" if isinstance(error, TimeoutError) else error
                logger.error("a worker cannot be replaced yet: %s", reason)  # noqa: TRY400 -- its trace says nothing more
                if seated is not None and seated.process.number in self._workers:
                    self._dismiss(seated)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                self._join(seated)
                return

    async def _load_all(self, seated: "_Seated") -> None:
        """Have a worker load what all have loaded."""
        while lacking := [digest for digest in self._paths if digest not in seated.loaded]:
            await seated.load(self._paths[lacking[0]], lacking[0])

    def look_at(self, number: int) -> bool:
        """Ask the kernel whether a worker is stopped; one that has ended without a word is replaced."""
        seated = self._workers[number]
        if seated.process.has_ended():
            self._replace(seated, None)
            return False
        return seated.process.is_stopped()

    def look_after(self) -> None:
        """Send what workers have not taken yet, and see to those that load: nobody else hears whether they live."""
        for number, seated in list(self._workers.items()):
            seated.process.flush()
            if not seated.has_joined and self.look_at(number):
                self.give_up(number, "it was stopped while it loaded", was_ended=True)

    def tidy(self) -> None:
        """Give memory back that images have not needed lately."""
        for seated in self._workers.values():
            seated.process.tidy()

    def _do(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all workers, and wait for their ends."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        staying = [seated.process for seated in self._workers.values()]
        for seated in self._workers.values():
            seated.note_end()
        for process in staying:
            asyncio.get_running_loop().remove_reader(process.socket)
            process.say_goodbye()
        self._workers.clear()
        await asyncio.gather(*(asyncio.to_thread(_bring_to_end, process) for process in (*staying, *self._leaving)))


def _bring_to_end(process: WorkerProcess) -> None:
    """Wait for the end of a worker that was told to, for some time."""
    if not process.wait(_ENDING_S):
        process.kill()
        process.how_it_ended()


class _Seated:
    """A worker, and what is known of it."""

    def __init__(self, process: WorkerProcess, found: Place, *, may_fall_back: bool) -> None:
        self.process = process
        self.found = found
        self.may_fall_back = may_fall_back
        self.loaded: set[str] = set()
        self.has_joined = False
        self._orders = count()
        self._loading: dict[int, asyncio.Future[LoadedModel]] = {}

    async def load(self, path: str | None, digest: str | None) -> LoadedModel:
        """Have it load a bundle, and wait until it has."""
        answer: asyncio.Future[LoadedModel] = asyncio.get_running_loop().create_future()
        number = next(self._orders)
        self._loading[number] = answer
        self.process.load(number, path, digest)
        loaded = await answer
        self.loaded.add(loaded.digest)
        return loaded

    def note_loaded(self, message: Loaded | NotLoaded) -> None:
        """Take the answer to a bundle that it was told to load."""
        answer = self._loading.pop(message.number)
        if answer.done():
            return
        if isinstance(message, Loaded):
            answer.set_result(message.model)
        else:
            answer.set_exception(message.error())

    def note_end(self) -> None:
        """Answer all that it will not load any more."""
        for answer in self._loading.values():
            if not answer.done():
                answer.set_exception(
                    EngineError(
                        "a worker ended while it loaded the bundle",
                        code="engine.worker",
                        hint="its memory may not have sufficed: `dmesg` tells of it; --workers sets how many there are",
                    )
                )
