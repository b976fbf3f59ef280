#!/usr/bin/env python3
"""Writes the type stubs of mlx.core from the docstrings of the built module: core/__init__.pyi, one file for each submodule, py.typed.

tools/make_stubs.py DIR    DIR/core.*.so is the module; the stubs go to DIR/core and DIR/py.typed. Run by CMake after the module is built.

Invariant: the signature in a docstring's opening lines is the signature of the stub; only what CPython's slots do not tell
(operators and their kin) stands here.
"""
import ast
import importlib.util
import re
import sys
import types
from pathlib import Path

HEAD = '''"""Made from the docstrings of mlx.core: not to be edited."""
import builtins
import os
import types
from typing import IO, Any, Callable, ClassVar, Iterator, Literal, NamedTuple, Protocol, Sequence, TypeVar, Union, final, overload

from numpy.typing import NDArray
from typing_extensions import ParamSpec, TypeAlias

'''
CORE = '''_P = ParamSpec("_P")
_R = TypeVar("_R")
scalar: TypeAlias = Union[int, float, builtins.bool, complex]
list_or_scalar: TypeAlias = Union[scalar, list["list_or_scalar"]]

class _unique_all(NamedTuple):
    values: array
    indices: array
    inverse_indices: array
    counts: array

class _unique_counts(NamedTuple):
    values: array
    counts: array

class _unique_inverse(NamedTuple):
    values: array
    inverse_indices: array

class _qr(NamedTuple):
    Q: array
    R: array

class _svd(NamedTuple):
    U: array
    S: array
    Vh: array

class _eigh(NamedTuple):
    eigenvalues: array
    eigenvectors: array

class _slogdet(NamedTuple):
    sign: array
    logabsdet: array

class DLPackCompatible(Protocol):
    """An object whose memory can be shared by the DLPack protocol."""
    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self, *args: Any, **kwargs: Any) -> Any: ...

'''
STREAM = "StreamOrDevice: TypeAlias = Union[Stream, ThreadLocalStream, Device, DeviceType, None]\n"
SHARED = """from . import (
    ArrayLike, DLPackCompatible, Device, DeviceType, Dtype, Stream, StreamOrDevice, ThreadLocalStream, array, bfloat16, bool_, complex64,
    float16, float32, float64, int8, int16, int32, int64, list_or_scalar, scalar, uint8, uint16, uint32, uint64,
    _eigh, _qr, _slogdet, _svd,
)

"""
# What stub-only names a checker of the API may look for.
STUB_NAMES = ("DLPackCompatible", "scalar", "list_or_scalar", "StreamOrDevice")

OPERAND = "bool | int | float | complex | array | NDArray[Any] | ArrayLike"
BINARY = f"(self, other: {OPERAND}, /) -> array"
ARITHMETIC = "add sub mul truediv floordiv mod matmul and or xor lshift rshift".split()
SLOTS = {
    **{f"__{mark}{name}__": BINARY for name in ARITHMETIC for mark in ("", "r", "i")},
    **{f"__{name}__": BINARY for name in ("lt", "le", "gt", "ge")},
    "__pow__": f"(self, other: {OPERAND}, mod: None = None, /) -> array",
    "__rpow__": f"(self, other: {OPERAND}, mod: None = None, /) -> array",
    "__ipow__": BINARY + ":  # type: ignore[misc]",
    **{f"__{name}__": "(self) -> array" for name in ("neg", "pos", "abs", "invert")},
    "__bool__": "(self) -> bool",
    "__int__": "(self) -> int",
    "__float__": "(self) -> float",
    "__index__": "(self) -> int",
    "__len__": "(self) -> int",
    "__iter__": "(self) -> ArrayIterator",
    "__next__": "(self) -> array",
    "__setitem__": f"(self, key: Any, value: {OPERAND}, /) -> None",
    "__repr__": "(self) -> str",
    "__hash__": "(self) -> int",
    "__enter__": "(self) -> None",
    "__exit__": "(self, exc_type: type | None = None, exc_value: object | None = None, traceback: object | None = None) -> None",
    "__call__": "(self, *args: Any, **kwargs: Any) -> Any",
    "__reduce__": "(self) -> tuple[Any, ...]",
}


def slot(cls, name):
    """The signature of one of a class's special methods that come from C slots; None for those that stubs leave out."""
    if name in ("__eq__", "__ne__"):
        if cls.__name__ == "array":
            return "(self, other: object, /) -> array:  # type: ignore[override]"
        return "(self, other: object, /) -> bool"
    if name in ("__lt__", "__le__", "__gt__", "__ge__") and cls.__name__ != "array":
        return None  # a slot of comparison has all six
    if name == "__getitem__":
        return f"(self, key: Any, /) -> {cls.__name__}"
    return SLOTS.get(name)


def heads(name, doc):
    """The signatures that open a docstring: texts from the parenthesis on."""
    found = []
    for line in (doc or "").splitlines():
        match = re.match(rf"{re.escape(name)}(\(.*)$", line)
        if not match:
            break
        found.append(plain(match.group(1).rstrip()))
    return found


def plain(text):
    """Types as the stub must spell them: mx.bool stands in the way of Python's, P and R are private, the module's names are bare."""
    text = re.sub(r"\bmlx\.core\.(?=\w)", "", text)
    text = re.sub(r"\b([PR])\b", r"_\1", text)
    return re.sub(r"(?<![\w.'\"])bool(?![\w'\"])", "builtins.bool", text)


def check_types(owner, head):
    """Fails on an annotation that is no Python expression."""
    try:
        ast.parse(f"def f{head.split(':  #')[0]}: pass")
    except SyntaxError as error:
        sys.exit(f"make_stubs: {owner}{head}: {error}")


def docstring(doc, indent):
    """The text after the signatures, as a docstring."""
    lines = (doc or "").split("\n\n", 1)[-1].replace("\\", "\\\\").splitlines()
    if not lines:
        return ""
    text = f"\n{indent}".join(lines).replace('"""', "'''")
    text = re.sub(r"[ \t]+\n", "\n", text)
    return f'{indent}"""{text}\n{indent}"""\n' if len(lines) > 1 else f'{indent}"""{text}"""\n'


# Functions for which the Python array API standard has the keyword `device`; it stands for `stream`.
ON_DEVICE = "arange asarray astype empty empty_like eye fftfreq from_dlpack full full_like linspace ones ones_like rfftfreq zeros zeros_like".split()


def on_device(head):
    """The signature with a device in the place of a stream."""
    head = re.sub(r",? (?:\*, )?stream: StreamOrDevice = None", "", head)
    star = ", " if ", *, " in head else ", *, "
    return re.sub(r"\) ->", star + "device: StreamOrDevice) ->", head, count=1)


def function(name, doc, owner, indent=""):
    signatures = heads(name, doc)
    if not signatures:
        sys.exit(f"make_stubs: {owner}.{name} shows no signature in its docstring")
    if name in ON_DEVICE and not indent:
        signatures += [on_device(head) for head in signatures]
    if name in ("full", "full_like") and not indent:  # the standard's word for vals
        signatures += [head.replace("vals:", "fill_value:") for head in signatures]
    out = []
    for head in signatures:
        head += "" if "->" in head else " -> Any"
        check_types(f"{owner}.{name}", head)
        out.append(f"{indent}@overload\n" if len(signatures) > 1 else "")
        out.append(f"{indent}def {name}{head}:\n{docstring(doc, indent + '    ')}{indent}    ...\n")
    return "".join(out)


def attribute(name, value, indent):
    """A property with its type, read from "name: type" in its docstring."""
    match = re.match(rf"{name}: (.*)", value.__doc__ or "")
    if not match:
        sys.exit(f"make_stubs: the property {name} does not give its type in its docstring")
    out = f"{indent}@property\n{indent}def {name}(self) -> {match.group(1)}:\n{docstring(value.__doc__, indent + '    ')}{indent}    ...\n"
    if name == "precision":  # the one that can be set
        out += f"{indent}@{name}.setter\n{indent}def {name}(self, arg: {match.group(1)}, /) -> None: ...\n"
    return out


def klass(cls):
    name, body = cls.__name__, []
    for head in heads(name, cls.__doc__):
        check_types(name, head)
        maker = ("__init__", "self", "None") if "__init__" in vars(cls) else ("__new__", "cls", name)
        body.append(f"    def {maker[0]}({maker[1]}, {head[1:].split(' -> ')[0]} -> {maker[2]}: ...\n")
    values, methods = [], []
    for key, value in vars(cls).items():
        if isinstance(value, types.GetSetDescriptorType):
            if not key.startswith("__"):
                body.append(attribute(key, value, "    "))
        elif isinstance(value, cls):
            values.append(f"    {key}: ClassVar[{name}]\n")
        elif type(value).__name__ == "function":
            methods.append(function(key, value.__doc__, name, "    "))
        elif key.startswith("__") and callable(value) and (head := plain(slot(cls, key) or "")):
            head, _, remark = head.partition(":  #")
            methods.append(f"    def {key}{head}: ...{'  #' + remark if remark else ''}\n")
        elif key == "__array_priority__":
            values.append(f"    {key}: ClassVar[float]\n")
    text = docstring(cls.__doc__ if heads(name, cls.__doc__) else "\n\n" + (cls.__doc__ or ""), "    ")
    final = "" if cls.__flags__ & BASE_TYPE else "@final\n"
    return f"{final}class {name}:\n{text}{''.join(values + body + methods) or '    ...'}\n"


def constant(name, value):
    if value is None:
        return f"{name}: None\n"
    kind = type(value)
    return f"{name}: {kind.__name__ if kind.__module__ in ('mlx.core', 'builtins') else 'Any'}\n"


def is_function(value):
    return callable(value) and not isinstance(value, type) and not isinstance(value, types.ModuleType)


def module(m):
    """The stub of a module, below its header."""
    out = []
    items = [(k, v) for k, v in vars(m).items() if not (k.startswith("_") and k not in PRIVATE)]
    for key, value in items:
        if isinstance(value, types.ModuleType):
            out.append(f"from . import {key} as {key}\n")
    for key, value in items:
        if isinstance(value, type):
            out.append(klass(value))
            if key == "StreamContext":
                out.append(STREAM + "\n")
        elif isinstance(value, (float, int, str, type(None))) or type(value).__name__ in ("Dtype", "DtypeCategory", "DeviceType"):
            out.append(constant(key, value))
    out += [function(k, v.__doc__, m.__name__) for k, v in items if is_function(v) and type(v).__name__ == "function"]
    if m.__name__ == "mlx.core.random":
        out.append('state: list[array]\n"""The implicit key, in a list that mx.compile can capture."""\n')
        out = [o for o in out if not o.startswith("def __getattr__")]  # a checker would take any name for known
    return "".join(out)


BASE_TYPE = 1 << 10  # Py_TPFLAGS_BASETYPE: may be subclassed
PRIVATE = {"__version__", "__ravel_version__", "__array_api_version__", "__array_namespace_info__", "_PrintOptionsContext", "_NamespaceInfo"}


def load(folder):
    """mlx.core from this folder, whatever else is installed."""
    (path,) = folder.glob("core.*.so")
    spec = importlib.util.spec_from_file_location("mlx.core", path)
    core = importlib.util.module_from_spec(spec)
    sys.modules["mlx.core"] = core
    spec.loader.exec_module(core)
    return core


def main():
    folder = Path(sys.argv[1])
    core = load(folder)
    target = folder / "core"
    target.mkdir(exist_ok=True)
    files = {"__init__.pyi": HEAD + CORE + module(core)}
    for name, value in vars(core).items():
        if isinstance(value, types.ModuleType):
            files[f"{name}.pyi"] = HEAD + SHARED + module(value)
    for name, text in files.items():
        ast.parse(text)
        (target / name).write_text(text)
    for old in target.glob("*.pyi"):
        if old.name not in files:
            old.unlink()
    (folder / "py.typed").write_text("")


if __name__ == "__main__":
    main()
