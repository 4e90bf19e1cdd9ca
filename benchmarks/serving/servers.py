"""The servers that are compared: how each is started, and how it is asked."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from serving import apis
from serving.apis import Api
from serving.environments import environment_python
from serving.workload import BUNDLE, OPTIMIZED, TORCH_BUNDLE, Workload

HERE = Path(__file__).parent / "servers"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TUNING = ("OMP_", "MKL_", "ANDON_")
"""Variables of ours that would tune a server by accident."""

Command = Callable[[Path, int], list[str]]
"""Makes a command from the Python of an environment and a port."""


class Served(Struct, frozen=True, kw_only=True):
    """What Andon serves: a bundle with one of its executions, or with the one that it chooses."""

    bundle: str
    """A file of the workload."""
    runtime: str | None = None
    precision: Literal["fp32", "bf16"] | None = None
    trust: bool = False

    def flags(self) -> list[str]:
        """Give the flags of `andon serve`, with nothing tuned."""
        given = {"--runtime": self.runtime, "--precision": self.precision}
        chosen = [word for flag, value in given.items() if value for word in (flag, value)]
        return [*chosen, *(["--trust"] if self.trust else [])]


class Server(Struct, frozen=True, kw_only=True):
    """One server in one configuration."""

    name: str
    kind: Literal["seed", "peer", "andon"]
    title: str
    """What the table says of it."""
    api: Api
    command: Command | None = None
    served: Served | None = None
    """Of Andon, in place of a command."""
    environment: str | None = None
    """Its environment in `requirements`; None for this one."""
    variables: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    """Whose versions are told."""

    def is_possible(self, work: Workload) -> bool:
        """Whether its model is there."""
        return self.served is None or (work.folder / self.served.bundle).exists()

    def python(self) -> Path:
        """Give its Python; its environment is made where there is none."""
        return environment_python(self.environment) if self.environment else Path(sys.executable)

    def arguments(self, port: int, work: Workload) -> list[str]:
        """Give the command that starts it."""
        if self.command is not None:
            return self.command(self.python(), port)
        if self.served is None:
            raise ValueError(f"{self.name} has neither a command nor a bundle")
        program = self.python().with_name("andon")
        return [str(program), "serve", "--port", str(port), *self.served.flags(), str(work.folder / self.served.bundle)]

    def variables_for(self, port: int, work: Workload) -> dict[str, str]:
        """Give the environment variables of its process."""
        foreign = (*TUNING, "PYTHON") if self.environment else TUNING
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        paths = {"PYTHONPATH": f"{HERE}:{HERE.parents[1]}"} if self.environment else {}
        return {**kept, **paths, **self.variables, "WORKLOAD": str(work.folder), "PORT": str(port)}


def script(name: str) -> Command:
    """Run one of our files with the server's Python."""
    return lambda python, _port: [str(python), str(HERE / name)]


def gunicorn(workers: int) -> Command:
    """Run the seed's server as it says."""
    options = ("-w", str(workers), "seed:app", "-b")
    return lambda python, port: [str(python.with_name("gunicorn")), *options, f"127.0.0.1:{port}"]


def bentoml(python: Path, port: int) -> list[str]:
    """Serve the class of bentoml_service.py."""
    program = str(python.with_name("bentoml"))
    return [program, "serve", "bentoml_service:Classifier", "--host", "127.0.0.1", "--port", str(port), "-q"]


def seed(name: str, title: str, workers: int, variables: Mapping[str, str]) -> Server:
    """Describe the server that Andon began with."""
    return Server(
        name=name,
        kind="seed",
        title=title,
        api=apis.SEED,
        command=gunicorn(workers),
        environment="flask",
        variables=variables,
        packages=("flask", "gunicorn"),
    )


def peer(name: str, title: str, api: Api, command: Command, package: str = "") -> Server:
    """Describe a peer whose environment has its name."""
    return Server(
        name=name,
        kind="peer",
        title=title,
        api=api,
        command=command,
        environment=name,
        variables=ONE_THREAD,
        packages=(package or name,),
    )


def ours(name: str, title: str, served: Served) -> Server:
    """Describe Andon; no variable tunes it."""
    return Server(name=name, kind="andon", title=title, api=apis.ANDON, served=served)


def bundled(runtime: str, precision: Literal["fp32", "bf16"]) -> Served:
    """Serve the bundle that `andon.pack` writes."""
    return Served(bundle=BUNDLE, runtime=runtime, precision=precision)


SERVERS = (
    seed("seed", "Flask, gunicorn -w 4, as the seed has it", 4, {}),
    seed("seed-tuned", "Flask, gunicorn -w 2, 1 thread each", 2, ONE_THREAD),
    peer("bentoml", "BentoML, 2 workers, batches to 4", apis.BENTOML, bentoml),
    peer("kserve", "KServe SDK, 2 workers", apis.KSERVE, script("kserve_server.py")),
    peer("litserve", "LitServe, 2 workers, batches to 4", apis.LITSERVE, script("litserve_server.py")),
    peer("mlflow", "MLflow, 2 workers", apis.MLFLOW, script("mlflow_start.py")),
    peer("mlserver", "MLServer, 2 workers", apis.MLSERVER, script("mlserver_start.py")),
    peer("ray", "Ray Serve, 2 replicas, batches to 4", apis.RAY, script("ray_server.py")),
    peer("torchserve", "TorchServe, 2 workers, batches to 4", apis.TORCHSERVE, script("torchserve_start.py")),
    peer("triton", "Triton by pytriton, 2, batches to 4", apis.TRITON, script("triton_server.py"), "nvidia-pytriton"),
    ours("andon-torch", "Andon, TorchScript", Served(bundle=TORCH_BUNDLE, runtime="torch", trust=True)),
    ours("andon-onnxruntime", "Andon, ONNX Runtime fp32", bundled("onnxruntime", "fp32")),
    ours("andon-openvino", "Andon, OpenVINO fp32", bundled("openvino", "fp32")),
    ours("andon-openvino-bf16", "Andon, OpenVINO bf16", bundled("openvino", "bf16")),
    ours("andon-optimized", "Andon, optimised", Served(bundle=OPTIMIZED)),
)


def named(name: str) -> Server:
    """
    Find a server.

    Raises:
        SystemExit: There is none of this name; the names are told.
    """
    for server in SERVERS:
        if server.name == name:
            return server
    raise SystemExit(f"no server is called {name}; there are {', '.join(one.name for one in SERVERS)}")
