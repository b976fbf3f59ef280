"""Throws random arguments at every callable, method and property of mlx.core: the worker of test_random_arguments.py.

Run as a program: random_arguments.py <examples> [name …]. Before each call its description goes to stdout, so that the last
line of a process that died names the call. What it holds against a call: SystemError, an exception without text, a crash, a hang.
"""

import contextlib
import enum
import faulthandler
import io
import os
import re
import resource
import sys
import tempfile
import types

import mlx.core as mx
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

# Descriptors that no random integer hits: some calls open and close the number they are given.
LOG = os.fdopen(os.dup2(1, 777), "w")
ERRORS = os.fdopen(os.dup2(2, 778), "w")
SECONDS = 60  # for one call, on a slow and busy machine
DTYPES = [mx.bool_, mx.uint8, mx.uint16, mx.uint32, mx.uint64, mx.int8, mx.int16, mx.int32, mx.int64, mx.float16, mx.float32,
          mx.float64, mx.bfloat16, mx.complex64]


# What is called


def all_types(base=object, seen=None):
    """Every type of the extension that exists, exported or not."""
    seen = set() if seen is None else seen
    for t in type.__subclasses__(base):
        if t not in seen:
            seen.add(t)
            all_types(t, seen)
    return sorted((t for t in seen if str(getattr(t, "__module__", "")).startswith("mlx.core")), key=lambda t: t.__qualname__)


def modules():
    found, todo = {}, [mx]
    while todo:
        m = todo.pop()
        found[m.__name__] = m
        todo += [x for x in vars(m).values() if isinstance(x, types.ModuleType) and x.__name__.startswith("mlx.core") and x.__name__ not in found]
    return [found[k] for k in sorted(found)]


def targets():
    """Name -> (kind, object): functions, types, and each attribute of each type."""
    found = {}
    for m in modules():
        for name in sorted(vars(m)):
            x = getattr(m, name)
            if isinstance(x, types.ModuleType) or (name.startswith("__") and not callable(x)):
                continue
            if callable(x):
                found[f"{m.__name__}.{name}"] = ("type" if isinstance(x, type) else "function", x)
    for t in all_types():
        if issubclass(t, enum.Enum):
            continue
        found[f"{t.__module__}.{t.__qualname__}"] = ("type", t)
        for name in sorted(vars(t)):
            if name not in ("__new__", "__doc__", "__module__", "__getattribute__", "__weakref__", "__dict__", "__init_subclass__"):
                found[f"{t.__module__}.{t.__qualname__}.{name}"] = ("attribute", (t, name))
    return found


# With what


class Evil:
    """One special method that raises, lies, or calls back into the library while it is being read."""

    def __init__(self, how, value=None):
        self.how, self.value = how, value

    def __repr__(self):
        return f"Evil({self.how!r}, {self.value!r})"


def evil_method(name):
    def method(self, *args, **kwargs):
        if self.how == "raise":
            raise ZeroDivisionError(name)
        if self.how == "reenter":
            mx.eval(mx.exp(mx.zeros(3)) + 1)
            with contextlib.suppress(Exception):
                mx.take(mx.zeros(3), mx.array([7])).item()
        return self.value() if callable(self.value) else self.value

    return method


EVIL_METHODS = ("__index__ __int__ __float__ __complex__ __bool__ __len__ __iter__ __getitem__ __array__ __mlx_array__ __dlpack__ __call__ "
                "__hash__ __eq__ __enter__ __exit__ __fspath__ __contains__ __add__ __radd__ read write seek tell name dtype shape "
                "__array_interface__ __str__").split()
EVIL_TYPES = [type("Evil" + n.strip("_"), (Evil,), {n: evil_method(n)}) for n in EVIL_METHODS]
EVIL_TYPES += [type("EvilSequence", (Evil,), {n: evil_method(n) for n in ("__len__", "__getitem__", "__index__")}),
               type("EvilArray", (Evil,), {n: evil_method(n) for n in ("__array__", "__float__", "__array_interface__")}),
               type("EvilFile", (Evil,), {n: evil_method(n) for n in ("read", "write", "seek", "tell", "flush", "close", "name")})]


class Emptier(int):
    """An integer that empties the list it sits in when somebody looks at its value."""

    def __new__(cls, owner, value=1):
        self = super().__new__(cls, value)
        self.owner = owner
        return self

    def emptied(self):
        self.owner.clear()

    def __index__(self):
        self.emptied()
        return int.__index__(self)

    def __float__(self):
        self.emptied()
        return 1.0

    def __hash__(self):
        self.emptied()
        return 1

    def __eq__(self, other):
        self.emptied()
        return False


class Loose:
    """As Emptier, but no integer: only __index__, __float__, __array__ … say what it is."""

    def __init__(self, owner):
        self.owner = owner

    def __index__(self):
        self.owner.clear()
        return 1

    def __float__(self):
        self.owner.clear()
        return 1.0

    def __array__(self, *args, **kwargs):
        self.owner.clear()
        return np.zeros(2, np.float32)

    def __mlx_array__(self):
        self.owner.clear()
        return mx.zeros(2)

    __hash__ = None


CURRENT = []  # the arrays of the call under way


class Changer:
    """Changes every array of the call in place, in the midst of the call."""

    def change(self, *args, **kwargs):
        for a in list(CURRENT):
            with contextlib.suppress(Exception):
                a += 0
                a[...] = a
        return 1

    __index__ = __int__ = __hash__ = __len__ = __fspath__ = __bool__ = read = write = change

    def __float__(self):
        return float(self.change())

    def __array__(self, *args, **kwargs):
        return np.full(2, self.change(), np.float32)

    def __eq__(self, other):
        return not self.change()

    def __call__(self, *args, **kwargs):
        self.change()
        return args[0] if args else None

    def __iter__(self):
        return iter([self.change(), self])


def collect(x, found, depth=0):
    if isinstance(x, mx.array):
        found.append(x)
    elif isinstance(x, (list, tuple)) and depth < 4:
        for y in x:
            collect(y, found, depth + 1)
    elif isinstance(x, dict) and depth < 4:
        for y in x.values():
            collect(y, found, depth + 1)
    return found


class Turning:
    """Another answer each time: what was checked is not what is used."""

    def __init__(self, *values):
        self.values = list(values)

    def __index__(self):
        self.values.append(self.values.pop(0))
        return self.values[-1]

    __float__ = __len__ = __index__


class IntSub(int):
    pass


class ListSub(list):
    pass


class DictSub(dict):
    pass


class BadNamed(tuple):
    @classmethod
    def _make(cls, items):
        return 7


class ArraySub(mx.array):
    pass


def self_containing():
    x = [1]
    x.append(x)
    return x


def deep(depth):
    x = []
    for _ in range(depth):
        x = [x]
    return x


def emptying(kind):
    if kind == "dict":
        owner = {}
        owner.update(a=mx.zeros(2), b=Loose(owner), c=mx.ones(2))
        return owner
    owner = []
    first = {"emptier": Emptier, "loose": Loose}[kind](owner)
    owner += [first, 1, 2.5, 3]
    return owner


def leaked():
    """A placeholder that got out of the transform it belongs to."""
    kept = []
    with contextlib.suppress(Exception):
        mx.vmap(lambda x: kept.append(x) or x)(mx.zeros((2, 3)))
    with contextlib.suppress(Exception):
        mx.compile(lambda x: kept.append(x + 1) or x)(mx.zeros(3))
    with contextlib.suppress(Exception):
        mx.grad(lambda x: kept.append(x * 2) or x.sum())(mx.zeros(3))
    return kept


def failing():
    return [mx.take(mx.zeros(3), mx.array([9])), mx.exp(mx.take(mx.zeros((2, 2)), mx.array([5]), axis=0))]


def samples(dtype):
    special = [0, 1, 2, 3, 100, 255]
    a = np.array(special * 4, np.float64)
    if dtype in (mx.float16, mx.float32, mx.float64, mx.bfloat16, mx.complex64):
        a[:6] = [0, -1.5, np.nan, np.inf, -np.inf, 1e30]
    return mx.array(a.astype(np.float32)).astype(dtype)


def arrays():
    shapes = [(), (0,), (1,), (3,), (24,), (2, 3), (3, 2), (0, 3), (3, 0), (1, 1, 1), (2, 3, 4), (3, 3), (2, 2, 2, 3), (1,) * 9]
    found = []
    for i, s in enumerate(shapes):
        n = int(np.prod(s))
        for dtype in (DTYPES[i % 14], DTYPES[(3 * i + 7) % 14], mx.float32, mx.int32):
            x = samples(dtype)[:n].reshape(s)
            found.append(x)
            if len(s) > 1:
                found += [x.T, mx.flip(x, 0) if n else x]
    found += [mx.broadcast_to(mx.array(2.0), (3, 4)), mx.array([0, 1, 2]), mx.array([2, -1]), mx.array([True, False, True]), mx.array(1), mx.array(-1)]
    found += [mx.as_strided(mx.arange(10.0), (3, 3), (2, 1), 1), mx.random.key(3), mx.array(2**40), mx.array([2**62, -(2**63)])]
    return found


INTEGERS = [0, 1, -1, 2, 3, 4, -2, -3, 7, 31, 32, 33, 64, 1000, 2**15, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, 2**53, 2**62,
            2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30]
FLOATS = [0.0, -0.0, 0.5, -1.5, 1e-5, 3.7, float("nan"), float("inf"), float("-inf"), 1e308, 1e-320, 2.0**63]
STRINGS = ["", "a", "mean", "none", "sum", "constant", "edge", "reflect", "xor", "npy", "npz", "safetensors", "file.npy", "x.safetensors",
           "ij", "ij,jk->ik", "float32", "floating", "lower", "upper", "U", "L", "fro", "nuc", "ortho", "forward", "affine", "mxfp4", "\0", "é" * 300, "\ud800"]


def functions():
    def two(x, y=None):
        return x, y

    def gradable(*args, **kwargs):
        return sum((mx.sum(a.astype(mx.float32)) for a in args if isinstance(a, mx.array)), mx.array(0.0))

    def fails(*args, **kwargs):
        raise KeyError("fails")

    return [lambda *a, **k: a[0] if a else None, two, gradable, fails, mx.exp, mx.sum, mx.grad(gradable), mx.compile(gradable), mx.vmap(lambda x: x * 2),
            lambda *a: None, lambda *a: [mx.zeros(2), {"x": a}], mx.compile(fails), int, print, gradable.__call__,
            *([mx.custom_function(gradable)] if hasattr(mx, "custom_function") else [])]



def pick(values):
    """As st.sampled_from, which would print the values (some raise, some evaluate)."""
    values = list(values)
    return st.integers(0, len(values) - 1).map(lambda i: values[i])


LEAKED, FAILING, ARRAYS = leaked(), failing(), arrays()
FUNCTIONS = functions()

array_s = pick(ARRAYS + FAILING + LEAKED + [ArraySub([1.0, 2.0])])
plain_array_s = pick(ARRAYS)
integer_s = st.one_of(pick(INTEGERS), pick([0, 1, 2, -1]), st.integers(-(2**70), 2**70), pick([IntSub(3), np.int64(2), np.uint8(200), True]))
float_s = st.one_of(pick(FLOATS), st.floats(), pick([1j, complex("nan"), np.float32(2), np.float64("nan")]))
dtype_s = pick(DTYPES + [mx.floating, mx.number, bool, int, float, complex, np.float32, np.dtype("int8"), "float32"])
stream_s = pick([mx.cpu, mx.gpu, mx.default_device(), mx.default_stream(mx.cpu), mx.new_stream(mx.cpu), mx.Device(mx.cpu, 0), mx.Device(mx.cpu, 5)])
numpy_s = pick([
    np.zeros(3), np.arange(6).reshape(2, 3).T, np.array(["a"]), np.array([1, None], object), np.zeros(2, "M8[s]"), np.zeros(2, [("a", "i4")]),
    np.arange(4, dtype=">i4"), np.zeros((2, 2))[::-1, ::-1], np.broadcast_to(np.float32(1), (3, 3)), np.zeros(3, np.complex128), np.longdouble(1),
    np.zeros((0, 2), np.int16), np.zeros((1,) * 32), np.bool_(True), np.array(5), np.ma.array([1, 2], mask=[0, 1]), np.zeros(2, "S3"),
])
odd_s = st.one_of(
    pick([None, Ellipsis, NotImplemented, b"", b"ab", bytearray(b"abcd"), memoryview(b"1234"), range(3), {1, 2}, frozenset(), object(), type, mx,
                     io.BytesIO(b"not an array"), io.StringIO("x"), iter(()), ListSub([1, 2]), DictSub(a=1), BadNamed((mx.zeros(1), 2)), Evil, mx.array, mx.Dtype]),
    st.builds(self_containing), st.builds(Changer), st.builds(Changer).map(lambda x: [x, x]), st.builds(deep, pick([3, 40, 5000])), st.builds(emptying, pick(["emptier", "loose", "dict"])),
    st.builds(Turning, pick([0, 1, 3]), pick([-1, 1, 2**40, 50])),
    st.builds(slice, *[st.one_of(st.none(), integer_s, pick([1.5, "a"]))] * 3),
)
evil_s = st.builds(lambda t, how, value: t(how, value), pick(EVIL_TYPES), pick(["raise", "lie", "reenter"]),
                   pick([None, 0, 1, -1, 2**70, -(2**63), 3.5, "x", b"bytes", (1, 2), [3], mx.zeros(2), np.zeros(2), float("nan"), {}, NotImplemented,
                                    lambda: iter([1, 2, object()]), lambda: iter([mx.zeros(2)] * 2)]))
function_s = pick(FUNCTIONS)
string_s = pick(STRINGS)
leaf_s = st.one_of(array_s, array_s, integer_s, float_s, dtype_s, stream_s, string_s, numpy_s, odd_s, evil_s, function_s)
value_s = st.recursive(leaf_s, lambda x: st.one_of(st.lists(x, max_size=3), st.lists(x, max_size=3).map(tuple), st.dictionaries(string_s, x, max_size=3)), max_leaves=5)
integers_s = st.one_of(integer_s, st.lists(st.integers(-4, 4), max_size=4), st.lists(integer_s, max_size=3).map(tuple), st.lists(evil_s, max_size=2))
tree_s = st.recursive(array_s, lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(pick("abc"), x, max_size=2)), max_leaves=4)


def fitting(hint, name):
    """What a parameter with such a name and annotation takes, mostly: so that calls come past the first check."""
    if "stream" in name or "Stream" in hint or "Device" in hint:
        return stream_s
    if "Callable" in hint or name in ("fun", "f", "fn"):
        return function_s
    if "Dtype" in hint or "dtype" in name:
        return dtype_s
    if "dict" in hint or "tree" in name:
        return st.one_of(tree_s, st.dictionaries(string_s, plain_array_s, max_size=2))
    if "Sequence[array]" in hint or "list[array]" in hint or name in ("arrays", "primals", "cotangents", "tangents", "operands"):
        return st.lists(plain_array_s, max_size=3)
    if "array" in hint or "scalar" in hint or name in ("a", "b", "x", "y"):
        return st.one_of(plain_array_s, plain_array_s, array_s, float_s)
    if "int" in hint or name in ("axis", "axes", "shape", "n", "k", "arg0"):
        return integers_s
    if "float" in hint:
        return float_s
    if "str" in hint or "file" in hint or "path" in hint:
        return string_s
    return value_s


def parameters(x):
    """[(name, annotation)] out of the docstring's signature."""
    first = (getattr(x, "__doc__", None) or "").split("\n")[0]
    inside = first[first.find("(") + 1 : first.rfind(") ->") if ") ->" in first else first.rfind(")")] if "(" in first else ""
    found, depth, part = [], 0, ""
    for c in inside + ",":
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            name, _, hint = part.strip().partition(":")
            if name.strip() not in ("", "/", "*", "self"):
                found.append((name.split("=")[0].strip(), hint.strip()))
            part = ""
        else:
            part += c
    return found


@st.composite
def calls(draw, known):
    """Arguments by position and by name: mostly of the right kind and number, never surely so."""
    args, kwargs = [], {}
    wild = draw(st.integers(0, 3)) == 0
    for name, hint in known:
        if name.startswith("*"):
            args += draw(st.lists(value_s, max_size=2))
            continue
        if draw(st.integers(0, 4)) == 0 and args:
            break
        value = draw(value_s if wild or draw(st.integers(0, 5)) == 0 else fitting(hint, name))
        if (kwargs or draw(st.integers(0, 3)) == 0) and name.isidentifier():
            kwargs[name] = value
        else:
            args.append(value)
    if not known or draw(st.integers(0, 9)) == 0:
        args += draw(st.lists(value_s, max_size=3))
    if draw(st.integers(0, 19)) == 0:
        kwargs[draw(pick(["axis", "stream", "nonsense", "dtype", "é"]))] = draw(value_s)
    return args, kwargs


def instances():
    """Type -> objects of it, for methods and properties."""
    found = {}
    for x in [*ARRAYS, *FAILING, *LEAKED, *DTYPES, mx.floating, mx.number, mx.cpu, mx.gpu, mx.Device(mx.cpu, 0), mx.default_stream(mx.cpu),
              mx.__array_namespace_info__(),
              mx.new_thread_local_stream(mx.cpu), mx.stream(mx.cpu), mx.finfo(mx.float16), mx.finfo(mx.float32), mx.iinfo(mx.int8), mx.zeros((3, 2)).at,
              mx.zeros((3, 2)).at[0], iter(mx.zeros((3, 2))), mx.exp, mx.array.sum, *FUNCTIONS]:
        found.setdefault(type(x), []).append(x)
    for make in (lambda: mx.get_printoptions(), lambda: mx.printoptions(precision=3)):
        with contextlib.suppress(AttributeError):
            x = make()
            found.setdefault(type(x), []).append(x)
    for t in all_types():  # a type that this list does not know: perhaps it can be made of something
        for args in ((), (mx.zeros(3),), (lambda x: x,)):
            if not any(issubclass(known, t) for known in found):
                with contextlib.suppress(Exception):
                    found[t] = [t(*args)]
    return found


INSTANCES = instances()


# The calls


def show(x, depth=0):
    if isinstance(x, mx.array):
        return f"array({list(x.shape)}, {str(x.dtype).split('.')[-1]})"
    if isinstance(x, (list, tuple)) and len(x) < 6 and "[...]" not in object.__repr__(x):
        if depth > 5:
            return "…"
        return "[" + ", ".join(show(y, depth + 1) if y is not x else "itself" for y in x) + "]"
    if isinstance(x, dict) and depth < 6:
        return "{" + ", ".join(f"{k!r}: {show(v, depth + 1)}" for k, v in list(x.items())[:4]) + "}"
    if isinstance(x, Evil):
        return f"{type(x).__name__}({x.how}, {show(x.value) if not callable(x.value) else 'callable'})"
    with contextlib.suppress(BaseException):
        return repr(x)[:80]
    return f"<{type(x).__name__}>"


SIZE_MOST = 1 << 22  # elements: what is bigger by views alone would take its time, rightly


def consume(x, depth=0):
    """Looks at a result as a user would: evaluates it, prints it, reads it."""
    if isinstance(x, mx.array):
        if x.size > SIZE_MOST:
            return
        mx.eval(x)
        if x.size < 1000:
            repr(x)
            x.tolist()
    elif isinstance(x, (list, tuple)) and depth < 4:
        for y in x[:10]:
            consume(y, depth + 1)
    elif isinstance(x, dict) and depth < 4:
        for y in list(x.values())[:10]:
            consume(y, depth + 1)
    elif isinstance(x, types.GeneratorType) or type(x).__name__ == "ArrayIterator":
        for _ in range(10):
            next(x)
    elif str(getattr(type(x), "__module__", "")).startswith("mlx.core"):
        repr(x)
        hash(x)
        if callable(x) and depth < 2:
            consume(x(mx.ones(3)), depth + 1)


problems = []


def attempt(description, call, *arguments):
    """Runs it; notes what no call may do."""
    CURRENT[:] = collect(arguments, [])
    LOG.write(description.encode("utf-8", "backslashreplace").decode().replace("\n", " ") + "\n")
    LOG.flush()
    faulthandler.dump_traceback_later(SECONDS, exit=True, file=ERRORS)
    try:
        consume(call())
    except SystemError as e:
        problems.append(f"{description} -> SystemError: {e}; {e.__cause__!r}")
    except StopIteration:
        pass
    except Exception as e:
        if type(e).__module__ == "builtins" and not str(e) and not isinstance(e, (MemoryError, KeyError, AssertionError, RecursionError)):
            problems.append(f"{description} -> {type(e).__name__} without a text")
        del e
    finally:
        faulthandler.cancel_dump_traceback_later()


def reset():
    mx.set_default_device(mx.cpu)
    mx.set_default_stream(HOME)
    mx.set_memory_limit(256 << 20)
    mx.set_cache_limit(64 << 20)
    mx.enable_compile()


HOME = mx.default_stream(mx.cpu)


def run(name, kind, target, examples):
    rules = settings(max_examples=examples, database=None, deadline=None, derandomize="RAVEL_SEED" not in os.environ, phases=[Phase.generate],
                     suppress_health_check=list(HealthCheck))
    if kind in ("function", "type"):
        known = parameters(target)

        @rules
        @given(calls(known))
        def throw(c):
            args, kwargs = c
            attempt(f"{name}({', '.join([show(a) for a in args] + [f'{k}={show(v)}' for k, v in kwargs.items()])})", lambda: target(*args, **kwargs), args, kwargs)

        throw()
        reset()
        return
    owner, attribute = target
    things = [x for t, xs in INSTANCES.items() if issubclass(t, owner) for x in xs]
    if not things:
        problems.append(f"{name}: the worker knows no instance of {owner.__qualname__}")
        return
    x = vars(owner)[attribute]
    known = parameters(x)
    writable = isinstance(x, (property, types.GetSetDescriptorType, types.MemberDescriptorType))

    @rules
    @given(pick(things), calls(known[1:] if known and known[0][0] == "a" and isinstance(x, type(mx.exp)) else known))
    def throw(thing, c):
        args, kwargs = c
        if writable:
            attempt(f"{show(thing)}.{attribute}", lambda: getattr(thing, attribute))
            attempt(f"{show(thing)}.{attribute} = {show(args[:1])}", lambda: setattr(thing, attribute, args[0] if args else None))
            return
        said = ", ".join([show(a) for a in args] + [f"{k}={show(v)}" for k, v in kwargs.items()])
        # In-place operators and assignment change the thing: they get a copy.
        it = thing * 1 if type(thing) is mx.array and re.match("__i[a-z]+__|__setitem__|__setattr__", attribute) and not thing.size > 100 else thing
        attempt(f"{show(thing)}.{attribute}({said})", lambda: getattr(it, attribute)(*args, **kwargs), it, args, kwargs)

    throw()
    reset()


def main():
    examples, wanted = int(sys.argv[1]), sys.argv[2:]
    os.chdir(tempfile.mkdtemp())
    if "ASAN_OPTIONS" not in os.environ:
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    sys.setrecursionlimit(2000)
    faulthandler.enable(ERRORS)
    sys.stderr = io.StringIO()  # what print and warnings say is no finding
    reset()
    for name, (kind, target) in targets().items():
        if wanted and name not in wanted:
            continue
        LOG.write(f"@ {name}\n")
        run(name, kind, target, examples)
    for p in problems:
        LOG.write("problem: " + p.encode("utf-8", "backslashreplace").decode() + "\n")
    LOG.write("@ end\n")
    LOG.flush()
    os._exit(1 if problems else 0)


if __name__ == "__main__":
    errors = sys.stderr
    try:
        main()
    except BaseException:
        sys.stderr = errors
        raise
