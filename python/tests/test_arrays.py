"""mx.array as an object: construction, exchange with NumPy, buffers, DLPack and pickles, formats, print options, custom_function."""

import copy
import ctypes
import gc
import pickle

import ml_dtypes
import mlx.core as mx
import numpy as np
import pytest

NUMPY = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 complex64".split()
DTYPES = {n: getattr(mx, "bool_" if n == "bool" else n) for n in NUMPY}


def sample(name, shape=(2, 3)):
    return (np.arange(np.prod(shape)) % 2 if name == "bool" else np.arange(np.prod(shape))).astype(name).reshape(shape)


def address(a):
    return a.__array_interface__["data"][0]


# Construction


def test_lists_may_mix_arrays_and_numbers_and_lists():
    x = mx.array([1.5, 2.0])
    assert mx.array([x, [1, 2]]).tolist() == [[1.5, 2.0], [1.0, 2.0]]
    assert mx.array([[1, 2], x]).tolist() == [[1.0, 2.0], [1.5, 2.0]]
    assert mx.array([mx.array(1), 2.5]).tolist() == [1.0, 2.5]
    assert mx.array([[mx.array([1, 2])], [mx.array([3, 4])]]).shape == (2, 1, 2)
    assert mx.array([np.float32(1.5), 2]).tolist() == [1.5, 2.0]
    with pytest.raises(ValueError, match="stack"):
        mx.array([x, [1, 2, 3]])


@pytest.mark.parametrize("bad", [range(3), {1, 2}, "a", None, object(), (i for i in range(3))])
def test_what_is_no_array_is_a_type_error(bad):
    with pytest.raises(TypeError, match="array"):
        mx.array(bad)


def test_integers_keep_their_value_or_are_refused():
    assert mx.array(2**40).dtype == mx.int64 and mx.array(2**63).dtype == mx.uint64 and mx.array(2**63).item() == 2**63
    for bad in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="fit"):
            mx.array(bad)
    with pytest.raises(TypeError, match="val"):
        mx.array()


def test_buffers_become_arrays_by_copy():
    data = bytearray(b"abc")
    x = mx.array(data)
    data[0] = 0
    assert x.tolist() == [97, 98, 99] and x.dtype == mx.uint8
    assert mx.array(memoryview(b"abc")[::2]).tolist() == [97, 99]
    assert mx.array(np.array(["1"], dtype="S1").view("u1")).tolist() == [49]
    with pytest.raises(ValueError, match="format"):
        mx.array(np.array(["a"]))


@pytest.mark.parametrize("name", NUMPY)
def test_every_dtype_goes_to_numpy_without_a_copy_and_comes_back(name):
    want = sample(name)
    x = mx.array(want, dtype=DTYPES[name])
    for got in (np.asarray(x), np.from_dlpack(x), np.asarray(memoryview(x))):
        assert got.dtype == name
        np.testing.assert_array_equal(got, want)
    assert address(np.asarray(x)) == address(np.asarray(x)) == address(np.from_dlpack(x))
    np.testing.assert_array_equal(np.asarray(x.T), want.T)
    np.testing.assert_array_equal(np.asarray(x[:, ::-1]), want[:, ::-1])
    back = mx.from_dlpack(np.asarray(x), copy=False)
    assert back.dtype == x.dtype and address(np.asarray(back)) == address(np.asarray(x))
    assert bytes(x) == want.tobytes() and bytes(x.T) == want.T.tobytes()


def test_bfloat16_goes_through_ml_dtypes_without_a_copy():
    x = mx.array([[1.5, -2.0], [3.0, 0.5]], dtype=mx.bfloat16)
    a, b = np.asarray(x), np.asarray(x)
    assert a.dtype == ml_dtypes.bfloat16 and a.tolist() == x.tolist() and address(a) == address(b)
    back = mx.array(a.T)
    assert back.dtype == mx.bfloat16 and back.tolist() == x.T.tolist()
    assert np.array(x, dtype=np.float32).tolist() == x.tolist()
    assert bytes(x) == a.tobytes()
    with pytest.raises(BufferError, match="bfloat16"):
        memoryview(x)


def test_the_exported_memory_outlives_the_array_and_is_not_written_over():
    x = mx.array([1.0, 2.0, 3.0])
    views = [np.asarray(x), np.from_dlpack(x), memoryview(x)]
    y = x * 2
    del x
    mx.eval(y, mx.array([9.0, 9.0, 9.0]) + 1)
    gc.collect()
    for v in views:
        assert list(v) == [1.0, 2.0, 3.0]


def test_the_numpy_protocol_copies_only_when_asked():
    x = mx.array([1.0, 2.0])
    assert address(x.__array__()) == address(np.asarray(x))
    assert address(x.__array__(copy=True)) != address(np.asarray(x))
    assert x.__array__(np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        x.__array__(np.float64, copy=False)


# NumPy on either side


def test_operators_with_numpy_give_arrays_and_numpy_functions_give_numpy():
    x = mx.array([1.0, 2.0])
    for r in (np.ones(2, np.float32) + x, x + np.ones(2, np.float32), np.float32(1) + x, np.ones(2) == x, np.ones(2) - x):
        assert isinstance(r, mx.array)
    assert (np.array([3.0, 5.0], np.float32) - x).tolist() == [2.0, 3.0]
    assert isinstance(np.sin(x), np.ndarray) and isinstance(np.add(np.ones(2), x), np.ndarray)
    np.testing.assert_allclose(np.exp(x), np.exp([1.0, 2.0]), rtol=1e-6)


def test_numpy_scalars_are_as_weak_as_numbers():
    assert (mx.array([1], dtype=mx.uint8) + np.int64(3)).dtype == mx.uint8
    assert (mx.array([1], dtype=mx.float16) * np.float64(3)).dtype == mx.float16
    assert (np.float32(2) * mx.array([1], dtype=mx.bfloat16)).dtype == mx.bfloat16
    assert (mx.array([1]) + np.float32(1.5)).tolist() == [2.5]
    with pytest.raises(ValueError, match="fit"):
        mx.array([1], dtype=mx.uint8) + np.int64(300)


# DLPack


class Producer:
    """What an older producer looks like: no keywords, an unversioned capsule."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack_producers_are_copied_or_aliased():
    a = np.arange(6, dtype=np.float64).reshape(2, 3)
    alias, copied = mx.from_dlpack(a, copy=False), mx.from_dlpack(a)
    a[0, 0] = 42
    assert alias.dtype == mx.float64 and alias[0, 0].item() == 42 and copied[0, 0].item() == 0
    assert mx.from_dlpack(a[:, ::-2], copy=False).tolist() == a[:, ::-2].tolist()
    assert mx.array(Producer(a)).dtype == mx.float32  # float64 of others narrows, as NumPy's does
    assert mx.from_dlpack(Producer(mx.array([1, 2])), copy=False).tolist() == [1, 2]
    before = a.copy()
    mx.eval(mx.from_dlpack(a, copy=False) + 1)  # a sole owner's buffer would be reused: never a producer's
    np.testing.assert_array_equal(a, before)


def test_aliased_memory_is_exported_as_read_only():
    x = mx.from_dlpack(np.arange(3.0), copy=False)
    assert memoryview(x).readonly and not np.asarray(x).flags.writeable
    with pytest.raises(BufferError, match="read-only"):
        x.__dlpack__()
    assert np.from_dlpack(x).tolist() == [0.0, 1.0, 2.0]


def capsule_name(capsule):
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return get(capsule)


def test_dlpack_exports_of_both_generations():
    x = mx.array([1, 2])
    assert capsule_name(x.__dlpack__()) == b"dltensor"
    assert capsule_name(x.__dlpack__(max_version=(1, 0), stream=None)) == b"dltensor_versioned"
    assert capsule_name(x.__dlpack__(max_version=(0, 8), dl_device=(1, 0), copy=True)) == b"dltensor"
    assert x.__dlpack_device__() == (1, 0)
    for dtype in [*DTYPES.values(), mx.bfloat16]:
        y = mx.array([[0, 1], [1, 0]], dtype=dtype)
        back = mx.from_dlpack(Producer(y.T), copy=False)
        assert back.dtype == dtype and back.tolist() == y.T.tolist()
    copied = mx.from_dlpack(x)
    assert address(np.asarray(copied)) != address(np.asarray(x))


def test_dlpack_refuses_what_it_cannot_do():
    with pytest.raises(BufferError, match="CPU"):
        mx.array(1).__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match="dl_device"):
        mx.array(1).__dlpack__(dl_device=3)
    with pytest.raises(TypeError, match="max_version"):
        mx.array(1).__dlpack__(max_version="1")
    with pytest.raises(TypeError, match="__dlpack__"):
        mx.from_dlpack(3)
    with pytest.raises(BufferError, match="128 bits"):
        mx.from_dlpack(np.ones(2, np.complex128))

    class Elsewhere(Producer):
        def __dlpack_device__(self):
            return (2, 1)

    with pytest.raises(BufferError, match=r"\(2, 1\)"):
        mx.from_dlpack(Elsewhere(mx.array(1)))

    class Used(Producer):
        def __dlpack__(self):
            c = self.array.__dlpack__()
            np.from_dlpack(type("P", (), {"__dlpack__": lambda s, **k: c, "__dlpack_device__": lambda s: (1, 0)})())
            return c

    with pytest.raises(TypeError, match="unused"):
        mx.from_dlpack(Used(mx.array(1)))


def test_nothing_is_left_of_capsules_and_views():
    gc.collect()
    before = mx.get_active_memory()
    for _ in range(50):
        x = mx.zeros(1000)
        x.__dlpack__(max_version=(1, 0))
        np.from_dlpack(x)
        mx.from_dlpack(np.zeros(1000), copy=False)
        mx.from_dlpack(x, copy=False)
        memoryview(x).release()
    del x
    gc.collect()
    assert mx.get_active_memory() <= before + 4096


def test_asarray_copies_only_where_it_must():
    x = mx.array([1, 2])
    assert mx.asarray(x) is x and mx.asarray(x, dtype=mx.int32, copy=False) is x
    assert mx.asarray(x, copy=True) is not x and mx.asarray(x, dtype=mx.float32).dtype == mx.float32
    a = np.arange(3, dtype=np.int32)
    assert address(np.asarray(mx.asarray(a, copy=False))) == address(a)
    for bad in ((x, mx.float32), (a, mx.float32), ([1, 2], None)):
        with pytest.raises(ValueError, match="copy"):
            mx.asarray(bad[0], dtype=bad[1], copy=False)


# Pickles, copies, formats, numbers


@pytest.mark.parametrize("dtype", [*DTYPES.values(), mx.bfloat16])
def test_arrays_pickle_in_every_dtype(dtype):
    x = mx.array([[0, 1, 1], [1, 0, 0]], dtype=dtype).T
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        y = pickle.loads(pickle.dumps(x, protocol))
        assert y.dtype == dtype and y.shape == (3, 2) and y.tolist() == x.tolist()
    assert copy.copy(x).tolist() == copy.deepcopy([x])[0].tolist() == x.tolist()


def test_pickles_keep_subclasses_and_read_the_state_that_mlx_writes():
    y = mx.array.__new__(mx.array)
    y.__setstate__((np.array([16320, 16384], np.uint16), 12))  # a buffer and the dtype's number
    assert y.dtype == mx.bfloat16 and y.tolist() == [1.5, 2.0]
    for bad in ((b"abc", 10, (1,)), (b"", 99, (0,)), (b"", 7, (-1,)), (b"", 7, (2**62, 2**62))):
        with pytest.raises(ValueError, match="damaged"):
            mx.array(0).__setstate__(bad)
    with pytest.raises(TypeError):
        mx.array(0).__setstate__([1])


def test_formats_and_numbers():
    assert f"{mx.array(1.5):.3f}" == "1.500" and f"{mx.array(3):d}" == "3" and f"{mx.array([1])}" == "array([1], dtype=int32)"
    with pytest.raises(TypeError, match="0-d"):
        format(mx.array([1.0]), ".2f")
    assert complex(mx.array([1 + 2j])) == 1 + 2j and int(mx.array([3])) == 3 and float(mx.array(2)) == 2.0
    assert [1, 2, 3][mx.array(1)] == 2
    for bad in (mx.array([1]), mx.array(True), mx.array(1.0)):
        with pytest.raises(TypeError, match="index"):
            [1, 2, 3][bad]
    with pytest.raises(TypeError, match="0-d"):
        list(mx.array(1))


def test_every_operator_in_place_and_reflected():
    for op in "+ - * / // % ** & | ^ << >>".split():
        for a, b in ((7, 2), (12, 5)):
            x, y = mx.array([a]), mx.array([b])
            want = eval(f"a {op} b")
            assert eval(f"(x {op} b)").item() == pytest.approx(want) and eval(f"(a {op} y)").item() == pytest.approx(want)
            seen = x = x if op != "/" else x.astype(mx.float32)  # integers are not divided in place
            scope = {"x": x, "b": b}
            exec(f"x {op}= b", scope)
            assert scope["x"] is seen and seen.item() == pytest.approx(want)
    m = n = mx.array([[1.0, 2.0], [3.0, 4.0]])
    m @= mx.array([[0.0, 1.0], [1.0, 0.0]])
    assert n is m and n.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert (np.eye(2, dtype=np.float32) @ m).tolist() == m.tolist()
    for op in ("+", "-", "*", "@", "&", "<"):
        with pytest.raises(TypeError):
            eval(f"m {op} None")


# Printing, buffers


def test_print_options():
    try:
        mx.set_printoptions(precision=3)
        assert repr(mx.array([1.23456789, 1234567.0])) == "array([1.235, 1234567.000], dtype=float32)"
        assert repr(mx.array(1.5 + 2j)) == "array(1.500+2.000j, dtype=complex64)"
        o = mx.get_printoptions()
        o.precision = 7
        assert mx.get_printoptions().precision == 3
        with mx.printoptions(precision=0):
            assert repr(mx.array(2.6)) == "array(3, dtype=float32)"
            with pytest.raises(KeyError), mx.printoptions(precision=1):
                raise KeyError
            assert mx.get_printoptions().precision == 0
        assert mx.get_printoptions().precision == 3
    finally:
        mx.set_printoptions()
    assert repr(mx.array(1234567.0)) == "array(1.23457e+06, dtype=float32)"
    with pytest.raises(ValueError, match="precision"):
        mx.set_printoptions(precision=10**6)


def test_buffer_sizes_count_shared_memory_once():
    x = mx.arange(10000.0).reshape(100, 100)
    mx.eval(x)
    half = x[:50]
    with pytest.raises(ValueError, match="evaluated"):
        mx.get_array_buffer_size(half)
    mx.eval(half)
    size = mx.get_array_buffer_size(x)
    assert 40000 <= size <= 65536
    assert mx.get_array_buffer_size(x, [half, {"a": x}]) == size and mx.get_array_buffer_size() == 0
    assert mx.get_array_buffer_size(x, 3, "text") == size


def test_backends_that_are_not_there_say_so():
    assert not mx.metal.is_available() and not mx.cuda.is_available() and not mx.distributed.is_available("mpi")
    assert mx.metal.device_info() == {}
    with pytest.raises(RuntimeError, match="no Metal"):
        mx.metal.start_capture("x")
    assert mx.random.state[0].dtype == mx.uint32
    with pytest.raises(AttributeError, match="nothing"):
        mx.random.nothing


# custom_function


def product():
    return mx.custom_function(lambda x, y: x * y)


def test_a_vjp_of_its_own():
    f, seen = product(), []

    @f.vjp
    def rule(primals, cotangents, outputs):
        seen.append((primals, cotangents, outputs))
        return cotangents * primals[1] * 10, None

    assert rule is f
    grads = mx.grad(f, argnums=(0, 1))(mx.array(2.0), mx.array(3.0))
    assert [g.item() for g in grads] == [30.0, 0.0]
    assert [type(s) for s in seen[0]] == [tuple, mx.array, mx.array] and seen[0][2].item() == 6.0
    assert mx.grad(mx.compile(f))(mx.array(2.0), mx.array(3.0)).item() == 30.0
    assert mx.jvp(f, [mx.array(2.0), mx.array(3.0)], [mx.array(1.0)] * 2)[1][0].item() == 5.0  # through the graph
    assert mx.vmap(f)(mx.array([1.0, 2.0]), mx.array([3.0, 4.0])).tolist() == [3.0, 8.0]


def test_a_jvp_of_its_own():
    f = product()
    f.jvp(lambda primals, tangents: tangents[0] * 7 + tangents[1])
    out, tan = mx.jvp(f, [mx.array(2.0), mx.array(3.0)], [mx.array(1.0), mx.array(1.0)])
    assert out[0].item() == 6.0 and tan[0].item() == 8.0
    out, tan = mx.jvp(lambda x: f(x, mx.array(3.0)), [mx.array(2.0)], [mx.array(1.0)])
    assert tan[0].item() == 7.0  # the tangent of a constant is zero


def test_a_vmap_of_its_own():
    f, seen = product(), []

    @f.vmap
    def rule(inputs, axes):
        seen.append(axes)
        return inputs[0] * inputs[1] * 10, axes[0]

    assert mx.vmap(f)(mx.array([1.0, 2.0]), mx.array([3.0, 4.0])).tolist() == [30.0, 80.0]
    assert mx.vmap(f, in_axes=(0, None))(mx.array([1.0, 2.0]), mx.array(4.0)).tolist() == [40.0, 80.0]
    assert seen == [(0, 0), (0, None)]


def test_trees_keywords_and_several_results():
    @mx.custom_function
    def f(d, *, k):
        return {"a": d["x"] * k, "b": (d["y"], d["x"])}

    @f.vjp
    def rule(primals, cotangents, outputs, *, k):
        assert set(outputs) == {"a", "b"} and k.item() == 3.0
        return {"x": cotangents["a"] * 100, "y": cotangents["b"][0]}

    def loss(d):
        r = f(d, k=mx.array(3.0))
        return r["a"] + 2 * r["b"][0]

    value, grad = mx.value_and_grad(loss)({"x": mx.array(5.0), "y": mx.array(1.0)})
    assert value.item() == 17.0 and grad["x"].item() == 100.0 and grad["y"].item() == 2.0


@pytest.mark.parametrize("rule, text", [
    (lambda p, c, o: mx.zeros(7), "shape"), (lambda p, c, o: 3, "array is wanted"), (lambda p, c, o: (c, c, c), "tuple"),
])
def test_wrong_results_of_a_rule_are_named(rule, text):
    f = mx.custom_function(lambda x: x * 2)
    f.vjp(rule)
    with pytest.raises(ValueError, match=text):
        mx.grad(lambda x: f(x).sum())(mx.array(1.0))


def test_an_exception_in_a_rule_comes_out_unchanged_and_nothing_is_kept():
    f = mx.custom_function(lambda x: x * 2)

    @f.vjp
    def rule(primals, cotangents, outputs):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        mx.grad(lambda x: f(x).sum())(mx.array(1.0))
    with pytest.raises(TypeError, match="callable"):
        f.jvp(3)
    gc.collect()
    before = mx.get_active_memory()
    kept = [f(mx.arange(10000.0)).sum() for _ in range(20)]
    mx.eval(kept)
    gc.collect()
    assert mx.get_active_memory() < before + 200000  # scalars are left, not the arguments


@pytest.mark.parametrize("name", NUMPY)
def test_lists_hold_pythons_numbers_in_every_layout(name):
    a = sample(name, (3, 4, 5))
    if name.startswith(("float", "complex")):
        a[0, 0, :3] = np.inf, -0.0, 65504 if name == "float16" else 1e30
    x = mx.array(a, dtype=DTYPES[name])
    for of in (lambda t: t, lambda t: t[::-2, :, ::-1], lambda t: t.swapaxes(0, 2), lambda t: t[:, :0], lambda t: t[..., 0, 0, None],
               lambda t: t[1, 2, 3]):
        got, want = of(x).tolist(), of(a).tolist()
        assert repr(got) == repr(want)  # types and signs of zeros too


def test_a_list_of_bfloat16_holds_its_exact_values():
    a = np.array([1.0, -2.5, np.inf, 3.140625, 1e-40], ml_dtypes.bfloat16)
    assert mx.array(a.astype(np.float32), dtype=mx.bfloat16)[::-2].tolist() == a[::-2].astype(np.float64).tolist()


def test_eval_finds_arrays_among_whatever_else_a_tree_holds():
    class Derived(list):
        pass

    x = [mx.array(1) + i for i in range(4)]
    mx.eval([1, None, "a", 2.5, x[0], object()], {"k": Derived([x[1]])}, (x[2], [[x[3]]]))
    assert [i.item() for i in x] == [1, 2, 3, 4]
