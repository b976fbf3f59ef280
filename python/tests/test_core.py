"""mlx.core from Python: what the binding adds, and the operations against NumPy."""

import copy
import io
import math
import pickle
import subprocess
import sys

import mlx.core as mx
import numpy as np
import pytest

DTYPES = "bool_ uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 bfloat16 complex64".split()


def close(a, want, tol=1e-6):
    np.testing.assert_allclose(np.array(a), want, rtol=tol, atol=tol)


# Construction and printing


def test_numbers_and_lists_take_mlx_s_dtypes():
    assert mx.array(1).dtype == mx.int32
    assert mx.array(True).dtype == mx.bool_
    assert mx.array(1.0).dtype == mx.float32
    assert mx.array(1j).dtype == mx.complex64
    assert mx.array([[1, 2.5], [3, 4]]).tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert mx.array([1, 2], dtype=mx.float16).dtype == mx.float16
    assert mx.array([]).shape == (0,)
    assert mx.array([[], []]).shape == (2, 0)


def test_numpy_float64_becomes_float32_and_the_rest_keep_their_dtype():
    assert mx.array(np.ones(3)).dtype == mx.float32
    assert mx.array(np.ones(3), dtype=mx.float64).dtype == mx.float64
    for name in "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 complex64 bool".split():
        a = np.arange(6).astype(name).reshape(2, 3)
        got = mx.array(a.T)
        assert str(got.dtype).split(".")[-1] == name
        np.testing.assert_array_equal(np.array(got), a.T)


@pytest.mark.parametrize("bad", [[[1, 2], [3]], [1, [2]], [[1], 2]])
def test_ragged_lists_are_a_value_error(bad):
    with pytest.raises(ValueError, match="ragged"):
        mx.array(bad)


def test_arrays_print_in_mlx_s_form():
    assert repr(mx.array([1, 2, 3])) == "array([1, 2, 3], dtype=int32)"
    assert repr(mx.array([[1.5, 2], [3, 4]])) == "array([[1.5, 2],\n       [3, 4]], dtype=float32)"
    assert repr(mx.arange(8.0)) == "array([0, 1, 2, ..., 5, 6, 7], dtype=float32)"
    assert repr(mx.array([1 + 2j, -1 - 0.5j])) == "array([1+2j, -1-0.5j], dtype=complex64)"
    assert repr(mx.array(True)) == "array(True, dtype=bool)"


def test_printed_numbers_shapes_and_layouts_are_mlx_s():
    floats = [0.0, -0.0, 1.0, 1e-5, 0.0001, 0.0001234]
    for got, want in [
        (mx.array(123456.789), "array(123457, dtype=float32)"), (mx.array(1234567.0), "array(1.23457e+06, dtype=float32)"),
        (mx.array(floats), "array([0, -0, 1, 1e-05, 0.0001, 0.0001234], dtype=float32)"),
        (mx.array([*floats, 2.0][1:4], mx.bfloat16), "array([-0, 1, 1.00136e-05], dtype=bfloat16)"),
        (mx.array([math.nan, math.inf, -math.inf]), "array([nan, inf, -inf], dtype=float32)"),
        (mx.zeros((0, 3)), "array([], dtype=float32)"), (mx.zeros((3, 0), mx.int32), "array([[],\n       [],\n       []], dtype=int32)"),
        (mx.arange(6).reshape(2, 3).T, "array([[0, 3],\n       [1, 4],\n       [2, 5]], dtype=int32)"),
        (mx.arange(14).reshape(7, 2)[::-1], "array([[12, 13],\n       [10, 11],\n       [8, 9],\n       ...,\n       [4, 5],\n       [2, 3],\n       [0, 1]], dtype=int32)"),
        (mx.array([[[1, 2]], [[3, 4]]]), "array([[[1, 2]],\n       [[3, 4]]], dtype=int32)"),
    ]:
        assert repr(got) == str(got) == want


# The cell


def test_in_place_operators_change_what_every_name_sees():
    x = mx.array([1.0, 2.0])
    y = x
    x += 1
    x *= 2
    assert y is x and y.tolist() == [4.0, 6.0]


def test_arrays_copy_pickle_and_hash_by_identity():
    x = mx.array([[1.0, 2.0]], dtype=mx.bfloat16)
    for y in (pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
        assert y is not x and y.dtype == x.dtype and mx.array_equal(x, y).item()
    assert len({x, x}) == 1 and hash(x) == hash(x)


def test_iteration_length_item_and_truth():
    x = mx.arange(3)
    assert [i.item() for i in x] == [0, 1, 2] and len(x) == 3
    assert bool(mx.array([1])) and float(mx.array(2)) == 2.0 and int(mx.array(2.7)) == 2 and [5, 6, 7][mx.array(1)] == 6
    with pytest.raises(ValueError):
        x.item()
    with pytest.raises(TypeError):
        len(mx.array(1))


def test_comparison_with_what_is_no_array():
    assert (mx.array(1) == None) is False  # noqa: E711
    assert (mx.array(1) != "a") is True
    with pytest.raises(TypeError):
        mx.array(1) < "a"


def test_the_buffer_is_shared_and_pinned():
    x = mx.array([1.0, 2.0, 3.0])
    view = np.asarray(memoryview(x))
    del x
    assert view.tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(np.from_dlpack(mx.arange(3)), [0, 1, 2])


# Operators and weak scalars


def test_weak_scalars_take_the_array_s_dtype():
    assert (mx.array([1], dtype=mx.uint8) + 1).dtype == mx.uint8
    assert (mx.array([1], dtype=mx.float16) * 2.5).dtype == mx.float16
    assert (mx.array([1]) * 2.5).dtype == mx.float32
    assert (mx.array([True]) + 1).dtype == mx.int32
    assert (mx.array([1.0]) * 1j).dtype == mx.complex64
    with pytest.raises(ValueError, match="fit"):
        mx.array([1], dtype=mx.uint8) + 300


def test_reflected_operators():
    x = mx.array([2.0, 4.0])
    close(1 - x, [-1, -3])
    close(8 / x, [4, 2])
    close(2**x, [4, 16])
    close(9 % x, [1, 1])
    close(np.float32(3) + x, [5, 7])
    assert isinstance(np.ones(2, np.float32) + x, mx.array)


UNARY = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "arctan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "arcsinh": np.arcsinh, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "abs": np.abs,
    "square": np.square, "sign": np.sign, "negative": np.negative, "expm1": np.expm1, "log1p": np.log1p, "log2": np.log2,
    "log10": np.log10, "reciprocal": np.reciprocal, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
    "degrees": np.degrees, "radians": np.radians, "round": np.round, "logical_not": np.logical_not,
}


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_array_agree_with_numpy(name):
    values = np.array([0.5, 1.5, 2.25, 3.75, 0.0, -0.0, 1.0, -0.7, -2.5, np.inf, -np.inf, np.nan], np.float32)
    with np.errstate(all="ignore"):
        want = UNARY[name](values.astype(np.float64))
    got = np.array(getattr(mx, name)(mx.array(values)))
    np.testing.assert_allclose(got, want.astype(got.dtype), rtol=2e-6, atol=1e-6)


BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "maximum": np.maximum, "minimum": np.minimum,
    "power": np.power, "arctan2": np.arctan2, "logaddexp": np.logaddexp, "remainder": np.remainder, "floor_divide": np.floor_divide,
    "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
}


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arrays_broadcast_as_numpy_s(name):
    a = np.array([[0.5], [2.0], [3.5], [np.nan], [-1.25]], np.float32)
    b = np.array([1.0, 2.0, 0.25, -3.0], np.float32)
    with np.errstate(all="ignore"):
        want = BINARY[name](a.astype(np.float64), b.astype(np.float64))
    got = np.array(getattr(mx, name)(mx.array(a), mx.array(b)))
    np.testing.assert_allclose(got, want.astype(got.dtype), rtol=4e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["sum", "prod", "min", "max", "mean", "var", "std", "all", "any"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_agree_with_numpy(name, axis, keepdims):
    a = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    want = getattr(np, name)(a.astype(np.float64), axis=axis, keepdims=keepdims)
    got = getattr(mx, name)(mx.array(a), axis=axis, keepdims=keepdims)
    assert got.shape == want.shape
    close(got, want, 2e-5)


def test_reductions_of_nothing():
    e = mx.zeros((0, 3))
    assert mx.sum(e).item() == 0 and mx.prod(e).item() == 1 and mx.all(e).item() and not mx.any(e).item()
    assert mx.sum(e, axis=0).tolist() == [0, 0, 0]
    with pytest.raises(ValueError):
        mx.max(e)


def test_arg_reductions_sorts_and_top():
    a = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    x = mx.array(a)
    np.testing.assert_array_equal(np.array(mx.argmax(x, axis=1)), a.argmax(1))
    np.testing.assert_array_equal(np.array(mx.argmin(x)), a.argmin())
    np.testing.assert_array_equal(np.array(mx.sort(x, axis=0)), np.sort(a, 0))
    np.testing.assert_array_equal(np.array(mx.argsort(x)), np.argsort(a, -1, kind="stable"))
    np.testing.assert_array_equal(np.sort(np.array(mx.topk(x, 2)), -1), np.sort(a, -1)[:, -2:])
    assert math.isnan(mx.sort(mx.array([math.nan, 1.0, 0.0]))[2].item())


def test_shapes():
    a = np.arange(24).reshape(2, 3, 4)
    x = mx.array(a)
    for got, want in [
        (x.reshape(4, -1), a.reshape(4, -1)), (x.transpose(1, 0, 2), a.transpose(1, 0, 2)), (x.T, a.T), (x.flatten(1), a.reshape(2, 12)),
        (mx.moveaxis(x, 0, 2), np.moveaxis(a, 0, 2)), (mx.swapaxes(x, 0, 1), a.swapaxes(0, 1)), (mx.flip(x, 1), np.flip(a, 1)),
        (mx.concatenate([x, x], axis=1), np.concatenate([a, a], 1)), (mx.stack([x, x], axis=-1), np.stack([a, a], -1)),
        (mx.tile(x, (2, 1, 2)), np.tile(a, (2, 1, 2))), (mx.repeat(x, 2, axis=1), np.repeat(a, 2, 1)), (mx.roll(x, 2, 1), np.roll(a, 2, 1)),
        (mx.pad(x, [(1, 0), (0, 2), (1, 1)]), np.pad(a, [(1, 0), (0, 2), (1, 1)])), (mx.expand_dims(x, (0, 2)), np.expand_dims(a, (0, 2))),
        (mx.take(x, mx.array([2, 0]), axis=1), a.take([2, 0], 1)), (mx.tril(x), np.tril(a)), (mx.diagonal(x, 1, 1, 2), a.diagonal(1, 1, 2)),
        (mx.broadcast_to(x[:, :1], (2, 5, 4)), np.broadcast_to(a[:, :1], (2, 5, 4))), (mx.diff(x, axis=1), np.diff(a, axis=1)),
    ]:
        np.testing.assert_array_equal(np.array(got), want)
    parts = mx.split(x, [1, 3], axis=2)
    assert [p.shape for p in parts] == [(2, 3, 1), (2, 3, 2), (2, 3, 1)]


@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((4,), (4,)), ((5, 1, 3, 4), (2, 4, 6)), ((3, 0), (0, 2))])
def test_matmul(shapes):
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=s).astype(np.float32) for s in shapes)
    close(mx.array(a) @ mx.array(b), a @ b, 1e-5)


def test_creation():
    assert mx.arange(3).dtype == mx.int32 and mx.arange(1.0, 2.0, 0.25).tolist() == [1.0, 1.25, 1.5, 1.75]
    close(mx.linspace(0, 1, 5), np.linspace(0, 1, 5))
    np.testing.assert_array_equal(np.array(mx.eye(3, 4, 1)), np.eye(3, 4, 1))
    assert mx.full((2, 2), 7).tolist() == [[7, 7], [7, 7]] and mx.zeros_like(mx.ones(2)).tolist() == [0, 0]


def test_where_clip_softmax_and_close():
    x = mx.array([-2.0, 0.5, 3.0])
    close(mx.where(x > 0, x, 0), [0, 0.5, 3])
    close(mx.clip(x, -1, 1), [-1, 0.5, 1])
    close(mx.nan_to_num(mx.array([math.nan, 1.0])), [0, 1])
    e = np.exp(np.array([-2.0, 0.5, 3.0]))
    close(mx.softmax(x), e / e.sum())
    assert mx.allclose(x, x + 1e-9).item() and not mx.allclose(x, x + 1).item()


# Indexing

KEYS = [
    0, -1, slice(None), slice(1, 3), slice(None, None, -1), slice(3, None, -2), (1, 2), (slice(None), 1), (..., 0), (None, 1), (0, None, ...),
    (slice(None), None, slice(1, 3)), [0, 2], ([0, 1], [1, 2]), (slice(None), [2, 0]), ([[0, 1], [2, 3]],), (1, slice(None), [0, 2]),
    ([0, 1], slice(None), [1, 2]), (slice(0, 0),), (slice(None), [1, 1], 2),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_reading_and_writing_by_index(key):
    a = np.arange(4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5)
    as_mx = tuple(mx.array(k) if isinstance(k, list) else k for k in key) if isinstance(key, tuple) else key
    np.testing.assert_array_equal(np.array(mx.array(a)[as_mx]), a[key])
    x, b = mx.array(a), a.copy()
    x[as_mx] = -1
    b[key] = -1
    np.testing.assert_array_equal(np.array(x), b)
    values = np.random.default_rng(3).normal(size=a[key].shape).astype(np.float32)
    if not (isinstance(key, tuple) and any(k == [1, 1] for k in key)):  # repeated places: which value wins is not said
        x[as_mx] = mx.array(values)
        b[key] = values
        np.testing.assert_array_equal(np.array(x), b)


def test_masks_read_and_write():
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    x = mx.array(a)
    np.testing.assert_array_equal(np.array(x[x > 5]), a[a > 5])
    x[x > 5] = 0
    np.testing.assert_array_equal(np.array(x), np.where(a > 5, 0, a))


def test_updates_at_repeated_places_add_up():
    assert mx.zeros(3).at[mx.array([0, 0, 2])].add(mx.array([1.0, 2, 3])).tolist() == [3, 0, 3]
    assert mx.ones(3).at[mx.array([1, 1])].multiply(3).tolist() == [1, 9, 1]
    assert mx.zeros(3).at[0:2].maximum(4).tolist() == [4, 4, 0]


def test_indices_out_of_bounds_raise_where_the_result_is_empty_too():
    for read in (lambda: mx.zeros((0, 3))[:, mx.array([7])], lambda: mx.take(mx.zeros((0, 3)), mx.array([7]), axis=1),
                 lambda: mx.zeros((0, 2, 1, 0))[..., mx.array([1]), :]):
        with pytest.raises(IndexError):
            mx.eval(read())
    assert mx.take(mx.zeros((0, 3)), mx.array([2, -3]), axis=1).shape == (0, 2) and mx.zeros((3, 0))[mx.array([0, 2])].tolist() == [[], []]


def test_indices_out_of_bounds_raise():
    x = mx.zeros((2, 3))
    for key in (2, -3, (0, 3), (0, 0, 0)):
        with pytest.raises(IndexError):
            x[key]
    with pytest.raises(ValueError):
        x["a"]


# Transforms


def test_gradients_agree_with_finite_differences():
    def f(x):
        return mx.sum(mx.exp(mx.sin(x)) * mx.sqrt(1 + x * x) / (2 + mx.tanh(x)))

    x = np.array([0.3, -1.2, 2.0])
    g = np.array(mx.grad(f)(mx.array(x, dtype=mx.float64)))
    for i in range(3):
        h = np.eye(3)[i] * 1e-5
        want = (f(mx.array(x + h, dtype=mx.float64)).item() - f(mx.array(x - h, dtype=mx.float64)).item()) / 2e-5
        assert abs(g[i] - want) < 1e-7


def test_grad_of_grad_and_arguments():
    assert abs(mx.grad(mx.grad(mx.sin))(mx.array(0.5)).item() + math.sin(0.5)) < 1e-6
    v, g = mx.value_and_grad(lambda p, x: ((p["w"] * x).sum(), x))({"w": mx.array([1.0, 2.0])}, mx.array([3.0, 4.0]))
    assert v[0].item() == 11 and v[1].tolist() == [3, 4] and g["w"].tolist() == [3, 4]
    a, b = mx.grad(lambda x, y: x * y, argnums=[0, 1])(mx.array(2.0), mx.array(3.0))
    assert (a.item(), b.item()) == (3.0, 2.0)
    with pytest.raises(ValueError, match="scalar"):
        mx.grad(lambda x: x)(mx.ones(2))


def test_an_exception_in_the_function_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError):
        mx.grad(lambda x: 1 / 0)(mx.array(1.0))


def test_vjp_jvp_vmap():
    x, t = mx.array([1.0, 2.0]), mx.array([0.5, -1.0])
    out, g = mx.vjp(lambda x: mx.exp(x), [x], [t])
    close(g[0], np.exp([1, 2]) * [0.5, -1])
    out, d = mx.jvp(lambda x: mx.exp(x), [x], [t])
    close(d[0], np.exp([1, 2]) * [0.5, -1])
    a, b = mx.arange(6.0).reshape(2, 3), mx.arange(6.0).reshape(3, 2)
    close(mx.vmap(lambda u, v: (u * v).sum(), in_axes=(0, 1))(a, b), [(np.array(a)[i] * np.array(b)[:, i]).sum() for i in range(2)])
    close(mx.vmap(lambda u: u * 2, out_axes=1)(a), np.array(a).T * 2)


def test_compiled_functions_give_the_same_bits_and_are_traced_once():
    calls = []

    def f(x, y):
        calls.append(1)
        return mx.exp(x) * y + mx.sum(x * y, axis=-1, keepdims=True), {"z": x - y}

    g = mx.compile(f)
    x, y = mx.random.normal((4, 8)), mx.random.normal((4, 8))
    want = f(x, y)
    for _ in range(3):
        got = g(x, y)
        assert mx.array_equal(got[0], want[0]).item() and mx.array_equal(got[1]["z"], want[1]["z"]).item()
    assert len(calls) == 2


def test_compile_captures_state_and_puts_it_back_after_an_exception():
    state = {"n": mx.array(0.0), "list": [mx.array(1.0)]}

    def step(x, fail=False):
        state["n"] = state["n"] + x
        if fail:
            raise KeyError("stop")
        state["list"][0] = state["list"][0] * 2
        return state["n"] * 10

    compiled = mx.compile(step, inputs=state, outputs=state)
    assert [compiled(mx.array(1.0)).item() for _ in range(3)] == [10, 20, 30]
    assert state["n"].item() == 3 and state["list"][0].item() == 8
    with pytest.raises(KeyError):
        compiled(mx.array(1.0), fail=True)
    assert state["n"].item() == 3
    assert compiled(mx.array(1.0)).item() == 40


def test_compiled_random_numbers_differ_when_the_state_is_captured():
    draw = mx.compile(lambda: mx.random.uniform(shape=(4,)), inputs=mx.random.state, outputs=mx.random.state)
    assert not mx.array_equal(draw(), draw()).item()


def test_an_argument_of_a_compiled_function_cannot_be_read():
    with pytest.raises(ValueError, match="compile"):
        mx.compile(lambda x: x.item())(mx.array(1.0))


def test_checkpoint_and_stop_gradient():
    f = lambda x: mx.sum(mx.sin(x) * x)  # noqa: E731
    x = mx.array([0.5, 1.5])
    close(mx.grad(mx.checkpoint(f))(x), np.array(mx.grad(f)(x)))
    assert mx.grad(lambda x: mx.stop_gradient(x) * x)(mx.array(3.0)).item() == 3.0


# Random numbers


def test_random_numbers_follow_the_seed_and_the_key():
    mx.random.seed(7)
    a = mx.random.normal((5,))
    mx.random.seed(7)
    assert mx.array_equal(a, mx.random.normal((5,))).item()
    k = mx.random.key(3)
    assert mx.array_equal(mx.random.uniform(key=k, shape=(3,)), mx.random.uniform(key=k, shape=(3,))).item()
    assert sorted(mx.random.permutation(10).tolist()) == list(range(10))
    u = np.array(mx.random.uniform(2, 3, shape=(10000,)))
    assert u.min() >= 2 and u.max() < 3 and abs(u.mean() - 2.5) < 0.02
    n = np.array(mx.random.normal((10000,), loc=1, scale=2))
    assert abs(n.mean() - 1) < 0.1 and abs(n.std() - 2) < 0.1
    assert set(np.array(mx.random.randint(0, 3, (200,))).tolist()) == {0, 1, 2}


# Files


@pytest.mark.parametrize("dtype", DTYPES)
def test_files_keep_every_dtype_and_layout(tmp_path, dtype):
    a = mx.arange(6).reshape(2, 3).astype(getattr(mx, dtype)).T
    mx.save(tmp_path / "a.npy", a)
    mx.savez(str(tmp_path / "a.npz"), a, b=a)
    mx.savez_compressed(str(tmp_path / "c.npz"), a=a)
    mx.save_safetensors(str(tmp_path / "a.safetensors"), {"a": a}, {"k": "v"})
    npz, (tensors, meta) = mx.load(tmp_path / "a.npz"), mx.load(str(tmp_path / "a.safetensors"), return_metadata=True)
    assert set(npz) == {"arr_0", "b"} and meta == {"k": "v"}
    for got in (mx.load(str(tmp_path / "a.npy")), npz["b"], mx.load(str(tmp_path / "c.npz"))["a"], tensors["a"]):
        assert got.dtype == a.dtype and mx.array_equal(got, a).item()
    if dtype != "bfloat16":
        np.testing.assert_array_equal(np.load(tmp_path / "c.npz")["a"], np.array(a))


def test_numpy_s_files_load(tmp_path):
    a = np.arange(6.0).reshape(2, 3)
    np.save(tmp_path / "f.npy", np.asfortranarray(a))
    np.save(tmp_path / "b.npy", a.astype(">f4"))
    np.savez_compressed(tmp_path / "z.npz", x=a)
    for got in (mx.load(str(tmp_path / "f.npy")), mx.load(str(tmp_path / "b.npy")), mx.load(str(tmp_path / "z.npz"))["x"]):
        np.testing.assert_array_equal(np.array(got), a)


def test_file_objects():
    f = io.BytesIO()
    mx.save_safetensors(f, {"a": mx.ones(3)})
    f.seek(0)
    assert mx.load(f, format="safetensors")["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.safetensors"])
def test_cut_and_damaged_files_are_errors(tmp_path, name):
    path = str(tmp_path / name)
    a = mx.arange(100.0)
    if name.endswith("npy"):
        mx.save(path, a)
    elif name.endswith("npz"):
        mx.savez(path, a=a)
    else:
        mx.save_safetensors(path, {"a": a})
    whole = open(path, "rb").read()
    for n in range(0, len(whole), 7):
        open(path, "wb").write(whole[:n])
        with pytest.raises(RuntimeError):
            mx.load(path)
    rng = np.random.default_rng(5)
    for _ in range(300):
        bad = bytearray(whole)
        for i in rng.integers(0, len(whole), 3):
            bad[i] = rng.integers(0, 256)
        open(path, "wb").write(bad)
        try:
            mx.load(path)
        except (RuntimeError, ValueError, MemoryError):
            pass


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = str(tmp_path / "a.npy")
    mx.save(path, mx.arange(3))
    with pytest.raises(IndexError):
        mx.save(path, mx.take(mx.arange(3), mx.array([7])))
    assert mx.load(path).tolist() == [0, 1, 2] and len(list(tmp_path.iterdir())) == 1


# Devices, streams, memory


def test_devices_and_streams():
    assert mx.default_device() == mx.cpu and not mx.is_available(mx.gpu) and mx.device_count(mx.cpu) == 1
    assert not mx.metal.is_available() and not mx.cuda.is_available()
    with pytest.raises(ValueError, match="GPU"):
        mx.add(1, 2, stream=mx.gpu)
    s = mx.new_stream(mx.cpu)
    x = mx.exp(mx.ones(4), stream=s)
    with mx.stream(s):
        y = x + 1
    mx.async_eval(y)
    mx.synchronize(s)
    close(y, np.full(4, math.e + 1))


def test_out_of_memory_is_a_memory_error_and_the_process_goes_on():
    before = mx.set_memory_limit(64 << 20)
    try:
        with pytest.raises(MemoryError, match="bytes"):
            mx.eval(mx.exp(mx.arange(1 << 26, dtype=mx.float32)))
        assert (mx.array(1) + 1).item() == 2
    finally:
        mx.set_memory_limit(before)
    assert mx.get_active_memory() <= mx.get_peak_memory()


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: mx.add(mx.zeros(3), mx.zeros(4)), ValueError, "broadcast"),
        (lambda: mx.zeros(3) @ mx.zeros(4), ValueError, "matmul"),
        (lambda: mx.zeros((2, 3)).reshape(4), ValueError, "reshape"),
        (lambda: mx.sum(mx.zeros(3), axis=1), (ValueError, IndexError), "axis|Axis"),
        (lambda: mx.zeros((1 << 40, 1 << 40)), ValueError, "elements"),
        (lambda: mx.exp(), TypeError, "exp"),
        (lambda: mx.exp(1, 2, 3), TypeError, "exp"),
        (lambda: mx.exp(1, axis=2), TypeError, "axis"),
        (lambda: mx.array([1]).astype("float32"), TypeError, "Dtype"),
        (lambda: mx.array(object()), TypeError, "object"),
        (lambda: mx.arange(math.nan), ValueError, "NaN"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_importing_pulls_in_no_numpy():
    code = "import sys, mlx.core; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "constant"])
@pytest.mark.parametrize("low, high", [(0, 0), (1, 0), (0, 3), (3, 4), (4, 2), (5, 9), (11, 0)])
def test_pad_matches_numpy_for_one_bounce_and_many(mode, low, high):
    for shape in ((4,), (2, 5), (3, 1)):
        x = np.arange(float(np.prod(shape))).reshape(shape)
        width = [(high, low)] * (len(shape) - 1) + [(low, high)]
        np.testing.assert_array_equal(np.array(mx.pad(mx.array(x), width, mode=mode)), np.pad(x, width, mode=mode))
    # each element's derivative is how often it stands in the result
    x = np.arange(5.0)
    want = [(np.pad(x, (low, high), mode=mode) == i).sum() - (mode == "constant" and i == 0) * (low + high) for i in x]
    assert mx.grad(lambda a: mx.pad(a, (low, high), mode=mode).sum())(mx.array(x)).tolist() == want
