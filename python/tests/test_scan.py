"""Running sums, products, extremes and log-sums against NumPy, and their derivatives against finite differences."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

INTS = "uint8 uint16 uint32 uint64 int8 int16 int32 int64".split()
UFUNC = {"cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum, "logcumsumexp": np.logaddexp}


def neutral(op, dtype):
    if op in ("cumsum", "cumprod"):
        return dtype.type(op == "cumprod")
    if op == "logcumsumexp":
        return -np.inf
    if dtype.kind == "b":
        return op == "cummin"
    info = np.iinfo(dtype) if dtype.kind in "ui" else None
    return (info.min if info else -np.inf) if op == "cummax" else (info.max if info else np.inf)


def reference(op, a, axis, reverse, inclusive):
    """The definition: fold in double (floats) or in the dtype itself (integers, which wrap), then cut and shift."""
    if a.dtype.kind == "b" and op == "cumsum":
        a = a.astype(np.int32)
    out_dtype = a.dtype
    if axis is None:
        a, axis = a.reshape(-1), 0
    if a.dtype.kind == "f":
        a = a.astype(np.float64)
    if op == "logcumsumexp" and a.dtype.kind != "f":
        a, out_dtype = a.astype(np.float64), np.dtype(np.float32)
    a = np.moveaxis(a, axis, 0)
    a = a[::-1] if reverse else a
    r = np.empty_like(a)
    for i in range(len(a)):
        r[i] = a[0] if i == 0 else UFUNC[op](r[i - 1], a[i])
    if not inclusive and len(a):
        r = np.concatenate([np.full_like(r[:1], neutral(op, out_dtype)), r[:-1]])
    r = r[::-1] if reverse else r
    return np.moveaxis(r, 0, axis).astype(out_dtype)


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_scans_agree_with_their_definition(data):
    op = data.draw(st.sampled_from(sorted(UFUNC)))
    dtype = data.draw(st.sampled_from(INTS + ["bool", "float32", "float16", "float64"]))
    shape = tuple(data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 7, 17, 40, 300]), max_size=3).filter(lambda s: np.prod(s) < 20000)))
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1)) if shape else None
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    a = rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype) if dtype in INTS + ["bool"] else rng.normal(size=shape).astype(dtype)
    if dtype.startswith("float") and op == "cumprod":
        a = np.exp(a / 20).astype(dtype)
    if dtype.startswith("float") and a.size and data.draw(st.booleans()):
        for value in (np.nan, np.inf, -np.inf):
            a.reshape(-1)[rng.integers(0, a.size)] = value
    turn = data.draw(st.booleans())
    x = mx.array(a.T, dtype=getattr(mx, dtype + "_" * (dtype == "bool"))).T if turn else mx.array(a, dtype=getattr(mx, dtype + "_" * (dtype == "bool")))
    reverse, inclusive = data.draw(st.booleans()), data.draw(st.booleans())
    with np.errstate(all="ignore"):
        want = reference(op, a, axis, reverse, inclusive)
        got = np.array(getattr(mx, op)(x, axis, reverse=reverse, inclusive=inclusive))
    assert got.dtype == want.dtype
    if want.dtype.kind != "f" or op in ("cummax", "cummin"):
        np.testing.assert_array_equal(got, want)
    else:
        tol = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-11}[str(want.dtype)]
        np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=tol, atol=tol * 5)


@pytest.mark.parametrize("n", [31, 32, 33, 255, 256, 257, 16383, 16384, 16385, 200000, 1100001])
def test_long_rows_are_exact_for_integers_and_close_for_floats(n):
    a = np.random.default_rng(n).integers(-9, 9, n).astype(np.int64)
    for reverse in (False, True):
        want = np.cumsum(a[::-1])[::-1] if reverse else np.cumsum(a)
        np.testing.assert_array_equal(np.array(mx.cumsum(mx.array(a), reverse=reverse)), want)
        got = np.array(mx.cumsum(mx.array(a), reverse=reverse, inclusive=False))
        np.testing.assert_array_equal(got, want - a)
    x = np.random.default_rng(n).random(n, dtype=np.float32)
    np.testing.assert_allclose(np.array(mx.cumsum(mx.array(x))), np.cumsum(x.astype(float)), rtol=1e-5)
    y = np.array(mx.logcumsumexp(mx.array(x * 40 - 20)))
    np.testing.assert_allclose(y, np.logaddexp.accumulate((x * 40 - 20).astype(float)), rtol=1e-6, atol=2e-6)


def test_the_dtypes_are_mlx_s():
    """Values that mlx 0.32 gives."""
    assert mx.cumsum(mx.array([True, True, False])).dtype == mx.int32
    assert mx.cumprod(mx.array([True, False])).dtype == mx.bool_
    assert mx.cumsum(mx.array([200, 100], dtype=mx.uint8)).tolist() == [200, 44]
    assert mx.cumprod(mx.array([100, 3, 2]), dtype=mx.uint8).tolist() == [100, 44, 88]
    assert mx.cumsum(mx.array([1.5, 3, 2]), dtype=mx.int32).tolist() == [1, 4, 6]
    assert mx.cummax(mx.array([1, 3, 2]), inclusive=False).tolist() == [-(2**31), 1, 3]
    assert mx.cummin(mx.array([1, 3, 2]), inclusive=False).tolist() == [2**31 - 1, 1, 1]
    assert mx.cumsum(mx.array(3.0)).tolist() == [3.0]
    assert mx.logcumsumexp(mx.array([1, 0])).dtype == mx.float32
    assert mx.array([[1, 2], [3, 4]]).cumsum(axis=0).tolist() == [[1, 2], [4, 6]]
    half = mx.cumsum(mx.ones(5000, dtype=mx.float16))
    assert half.dtype == mx.float16 and half[-1].item() == 5000
    assert np.allclose(np.array(mx.cumprod(mx.array([1j, 1j, 2]))), [1j, -1, -2])
    assert np.allclose(np.array(mx.logcumsumexp(mx.array([1j, 2 + 1j]))), np.log(np.cumsum(np.exp([1j, 2 + 1j]))))


def test_infinities_in_log_sums():
    inf = np.inf
    assert mx.logcumsumexp(mx.array([-inf, -inf, 1, inf, 2])).tolist() == [-inf, -inf, 1, inf, inf]
    assert mx.logcumsumexp(mx.array([-1e30, 0, 1e30])).tolist() == mx.array([-1e30, 0, 1e30]).tolist()
    np.testing.assert_allclose(np.array(mx.logcumsumexp(mx.array([-200.0, 0, 200]))), [-200, 0, 200])


@pytest.mark.parametrize("op", sorted(UFUNC))
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("inclusive", [False, True])
def test_derivatives_agree_with_finite_differences(op, reverse, inclusive):
    x = np.array([[0.5, -1.2, 0.7, 0.0, 2.0, 1.1], [1.5, 0.3, 0.0, 0.9, 0.0, -0.4]])
    if op in ("cummax", "cummin"):
        x = x + np.arange(12).reshape(2, 6) * 1e-2
    w = np.cos(np.arange(12.0)).reshape(2, 6)

    def f(a):
        y = getattr(mx, op)(a, 1, reverse=reverse, inclusive=inclusive)
        return mx.sum(mx.where(mx.isinf(y), mx.zeros_like(y), y * mx.array(w, dtype=mx.float64)))

    def number(v):
        return f(mx.array(v, dtype=mx.float64)).item()

    h, want = 1e-6, np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        want[i] = (number(x + step) - number(x - step)) / (2 * h)
    a, t = mx.array(x, dtype=mx.float64), np.sin(np.arange(12.0)).reshape(2, 6)
    np.testing.assert_allclose(np.array(mx.grad(f)(a)), want, atol=1e-7)
    _, (push,) = mx.jvp(f, [a], [mx.array(t, dtype=mx.float64)])
    assert abs(push.item() - (want * t).sum()) < 1e-6
    if op != "cummax" and op != "cummin":  # of derivatives, too
        g = lambda v: (mx.grad(f)(v) * mx.array(t, dtype=mx.float64)).sum()  # noqa: E731
        second = np.array(mx.grad(g)(a))
        for i in [(0, 0), (0, 3), (1, 2), (1, 4)]:
            step = np.zeros_like(x)
            step[i] = 1e-5
            near = (g(mx.array(x + step, dtype=mx.float64)).item() - g(mx.array(x - step, dtype=mx.float64)).item()) / 2e-5
            assert abs(second[i] - near) < 1e-5


def test_scans_in_vmap_and_compile():
    x = mx.random.normal((4, 5, 6))
    for axis in (0, 1, 2):
        got = mx.vmap(lambda a: mx.cumsum(a, axis=-1), in_axes=axis)(x)
        want = np.cumsum(np.moveaxis(np.array(x), axis, 0), -1)
        np.testing.assert_allclose(np.array(got), want, atol=1e-5)
    f = mx.compile(lambda a: mx.cummax(a * 2, axis=1))
    np.testing.assert_array_equal(np.array(f(x)), np.maximum.accumulate(np.array(x) * 2, 1))


def test_wrong_arguments():
    x = mx.zeros((2, 3))
    with pytest.raises(IndexError, match=r"\[cumsum\] Axis 2 is out of bounds for array with 2 dimensions"):
        mx.cumsum(x, axis=2)
    with pytest.raises(IndexError, match="cummax"):
        mx.cummax(mx.array(1.0), axis=0)
    with pytest.raises(TypeError):
        mx.cumsum(x, 0, True)
    with pytest.raises(TypeError):
        mx.cumsum(x, axis="a")
    with pytest.raises(TypeError):
        mx.cumsum(x, dtype="no")
    assert mx.cumsum(mx.zeros((0, 3)), axis=0).shape == (0, 3)
    assert mx.cumprod(mx.zeros((3, 0)), axis=0).shape == (3, 0)
