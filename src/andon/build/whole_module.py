"""
The weights of a module that was saved whole, `torch.save(model)`, read without running anything of the file.

Such a file names the classes of the author's training and would run their code, or anybody's, when
it is loaded. Here every name in it stands for an empty thing that keeps what it is given: the
weights are found in these, as `nn.Module.state_dict` finds them in the real ones.

Source:
    Both formats of torch.save: zip since 1.6, before it a sequence of pickles and raw storages.
    https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import torch

_ZIP = b"PK\x03\x04"
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAX_STORAGE_BYTES = 2**34
"""16 GiB: no storage of a classifier comes near, and a lying length must not fill the memory."""


class Inert:
    """Stands for whatever a file names: called, built or filled, it does nothing but keep its state."""

    name = ""
    """What it stands for."""

    def __init__(self, *arguments: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __call__(self, *arguments: object) -> "Inert":
        """Answer a call as a function would, with nothing."""
        return Inert()

    def __setitem__(self, key: object, value: object) -> None:
        """Take an item, as a dictionary would, and forget it."""

    def append(self, item: object) -> None:
        """Take an item, as a list would, and forget it."""

    def extend(self, items: object) -> None:
        """Take items, as a list would, and forget them."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """What the thing would have as attributes; empty where it was not built of them."""
        return self.state if isinstance(self.state, dict) else {}


class _Storage(Struct, frozen=True):
    """The numbers behind tensors: which, and of which type."""

    key: str
    kind: str


class _StoredTensor(Struct, frozen=True):
    """A view of a storage, as it was saved."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_whole_module(path: Path) -> "dict[str, torch.Tensor]":
    """
    Read the state dict of a module that was saved whole, alone or as a value of a dictionary.

    Args:
        path: A file that `torch.save` wrote, in either of its formats.

    Returns:
        Tensors by name, in the order of the module; buffers that are not saved are left out.

    Raises:
        ValueError: It is no such file, is damaged, or holds no module; the message says which.
        OSError: It cannot be read.
    """
    data = path.read_bytes()
    try:
        content, storages = (_read_zip if data.startswith(_ZIP) else _read_legacy)(io.BytesIO(data))
    except (pickle.UnpicklingError, EOFError, KeyError, IndexError, AttributeError, TypeError, struct.error) as error:
        raise ValueError(f"the file is damaged, or was not written by torch.save: {error}") from None
    except (zipfile.BadZipFile, MemoryError, UnicodeDecodeError, RecursionError, NotImplementedError) as error:
        raise ValueError(f"the file is damaged: {error}") from None
    module = _find_module(content)
    if module is None:
        raise ValueError("there is no module in it")
    return {name: _tensor(tensor, storages) for name, tensor in _state(module, "")}


_Storages = Mapping[str, bytes]


class _InertUnpickler(pickle.Unpickler):
    """Builds what a pickle describes out of inert things."""

    def find_class(self, module: str, name: str) -> Any:
        """Give an inert thing for all but the few names that hold the weights together."""
        full = f"{module}.{name}"
        if full in _KNOWN:
            return _KNOWN[full]
        if module in ("torch", "torch.cuda") and name.endswith("Storage"):
            return name
        return type(name, (Inert,), {"name": full})

    def persistent_load(self, pid: Any) -> object:
        """Take a reference to a storage, or to a class with its source, which is passed over."""
        if pid[0] == "module":
            return pid[1]
        _, kind, key, _location, _count, *view = pid
        if not isinstance(kind, str) or any(part is not None for part in view):
            raise pickle.UnpicklingError("a storage has no type, or is a part of another one")
        return _Storage(key=str(key), kind=kind)


def _rebuild_tensor(storage: object, offset: int, shape: Any, stride: Any, *_: object) -> _StoredTensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor has no storage")
    return _StoredTensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _rebuild_parameter(tensor: object, *_: object) -> object:
    return tensor


_KNOWN: Mapping[str, Callable[..., object]] = {
    "collections.OrderedDict": OrderedDict,
    "builtins.set": set,
    "builtins.dict": dict,
    "__builtin__.set": set,
    "__builtin__.dict": dict,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
}
"""All that is not inert; none of it does more than build containers and the records above."""


def _read_zip(file: io.BytesIO) -> tuple[object, _Storages]:
    with zipfile.ZipFile(file) as archive:
        (root,) = [name for name in archive.namelist() if name.endswith("data.pkl")][:1] or [""]
        content = _InertUnpickler(io.BytesIO(archive.read(root))).load()
        folder = root.removesuffix("data.pkl") + "data/"
        members = [item for item in archive.infolist() if item.filename.startswith(folder)]
        if sum(item.file_size for item in members) > _MAX_STORAGE_BYTES:
            raise ValueError("the file says that it holds more than 16 GiB")
        return content, {item.filename.removeprefix(folder): archive.read(item) for item in members}


def _read_legacy(file: io.BytesIO) -> tuple[object, _Storages]:
    if _InertUnpickler(file).load() != _LEGACY_MAGIC or _InertUnpickler(file).load() != _PROTOCOL:
        raise ValueError("the file was not written by torch.save")
    _InertUnpickler(file).load()  # byte order and sizes of the machine, the same on all that torch runs on
    unpickler = _LegacyUnpickler(file)
    content = unpickler.load()
    keys = _InertUnpickler(file).load()
    return content, dict(_raw_storages(file, keys, unpickler.kinds))


class _LegacyUnpickler(_InertUnpickler):
    """Notes the type of each storage, without which the raw bytes behind the pickles have no lengths."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.kinds: dict[str, str] = {}

    def persistent_load(self, pid: Any) -> object:
        """Note the storage."""
        found = super().persistent_load(pid)
        if isinstance(found, _Storage):
            self.kinds[found.key] = found.kind
        return found


def _raw_storages(file: io.BytesIO, keys: Any, kinds: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        size = count * _dtype(kinds[str(key)]).itemsize
        if not 0 <= size <= _MAX_STORAGE_BYTES:
            raise ValueError(f"a storage says that it has {size} bytes")
        data = file.read(size)
        if len(data) != size:
            raise ValueError("the file is cut off")
        yield str(key), data


def _dtype(kind: str) -> "torch.dtype":
    import torch

    names = {"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64"}
    names |= {"Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool"}
    dtype = getattr(torch, names.get(kind.removesuffix("Storage"), ""), None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"it holds a {kind}, which is not supported")  # noqa: TRY004 -- of the file, not of a type
    return dtype


def _find_module(content: object) -> Inert | None:
    """Give the module that was saved, or the only one among the values of a dictionary."""
    if isinstance(content, Inert):
        return content if "_modules" in content.fields and "_parameters" in content.fields else None
    values = content.values() if isinstance(content, dict) else ()
    found = [module for module in map(_find_module, values) if module is not None]
    if len(found) > 1:
        raise ValueError(f"there are {len(found)} modules in it: {', '.join(type(module).name for module in found)}")
    return found[0] if found else None


def _state(module: Inert, prefix: str) -> Iterator[tuple[str, _StoredTensor]]:
    """Yield the parameters and buffers of a module and of those in it, in the order of `state_dict`."""
    fields = module.fields
    left_out = fields.get("_non_persistent_buffers_set", ())
    buffers = {name: value for name, value in fields["_buffers"].items() if name not in left_out}
    for name, value in {**fields["_parameters"], **buffers}.items():
        if value is None:
            continue
        if not isinstance(value, _StoredTensor):
            raise ValueError(f"{prefix}{name} is no tensor that can be read")  # noqa: TRY004 -- as above
        yield prefix + name, value
    for name, child in fields["_modules"].items():
        if isinstance(child, Inert) and "_modules" in child.fields:
            yield from _state(child, f"{prefix}{name}.")


def _tensor(stored: _StoredTensor, storages: _Storages) -> "torch.Tensor":
    import torch

    dtype = _dtype(stored.storage.kind)
    data = storages.get(stored.storage.key, b"")
    last = stored.offset + sum((side - 1) * step for side, step in zip(stored.shape, stored.stride, strict=True))
    is_inside = min((0, *stored.shape, *stored.stride, stored.offset)) >= 0
    is_empty = 0 in stored.shape
    if not is_inside or not (is_empty or (last + 1) * dtype.itemsize <= len(data)):
        raise ValueError("a tensor goes beyond its storage")
    if is_empty:
        return torch.empty(stored.shape, dtype=dtype)
    flat = torch.frombuffer(bytearray(data), dtype=dtype)
    return flat.as_strided(stored.shape, stored.stride, stored.offset).clone()
