"""Indexing, read and written, against NumPy: keys of every kind over random shapes and dtypes."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

DTYPES = "bool uint8 int16 int32 int64 uint64 float16 float32 float64 complex64".split()


def to_mx(a):
    name = str(a.dtype)
    return mx.array(a, dtype=getattr(mx, name + "_" * (name == "bool")))


@st.composite
def keys(draw, shape, masks=True):
    """A key for an array of this shape, as NumPy takes it; arrays in it broadcast to one shape."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    common = tuple(draw(st.lists(st.integers(1, 3), min_size=0, max_size=2)))
    parts, d = [], 0
    ellipsis = draw(st.integers(-3, len(shape)))

    def indices(n):
        own = tuple(draw(st.sampled_from([s, 1])) for s in common)
        own = own[draw(st.integers(0, len(own))):]
        a = rng.integers(-n, n, own) if n else np.zeros((0,), int)
        return a.astype(draw(st.sampled_from(["int64", "int32", "int8"])))

    while d < len(shape):
        if d == ellipsis:
            parts.append(Ellipsis)
            d += draw(st.integers(0, len(shape) - d))
            ellipsis = -1
            continue
        n = shape[d]
        kind = draw(st.sampled_from(["slice", "slice", "int", "array", "none", "mask", "stop"]))
        if kind == "slice":
            bound = st.none() | st.integers(-n - 2, n + 2)
            step = st.none() | st.integers(-3, 3).filter(bool)
            parts.append(slice(draw(bound), draw(bound), draw(step)))
        elif kind == "none":
            parts.append(None)
            continue
        elif n and kind == "int":
            i = draw(st.integers(-n, n - 1))
            parts.append(draw(st.sampled_from([i, np.int64(i), np.int8(i)])))
        elif n and kind == "array":
            parts.append(indices(n))
        elif kind == "mask" and masks:
            m = draw(st.integers(0, min(2, len(shape) - d)))
            count = np.prod(common, dtype=int)
            mask = np.zeros(shape[d:d + m], bool)
            if mask.size:  # as many as the other arrays hold, so that they broadcast
                mask.reshape(-1)[rng.permutation(mask.size)[: draw(st.sampled_from([1, count]))]] = True
            elif ellipsis < 0:  # may stand for other dimensions than these: NumPy lets an empty mask pass for any
                continue
            parts.append(bool(mask) if m == 0 and draw(st.booleans()) else mask)
            d += m
            continue
        elif kind == "stop":
            break
        else:  # nothing to take from: the next part stands for the next dimension all the same
            parts.append(slice(None))
        d += 1
    key = tuple(parts)
    return key[0] if len(key) == 1 and draw(st.booleans()) else key


def translated(key, draw):
    """The same key with some of its arrays as Ravel's arrays or lists."""

    def one(p):
        if not isinstance(p, np.ndarray):
            return p
        how = draw(st.sampled_from(["mx", "numpy", "list"]))
        return to_mx(p) if how == "mx" else p.tolist() if how == "list" and p.ndim and p.size else p

    return tuple(map(one, key)) if isinstance(key, tuple) else one(key)


def made(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = tuple(draw(st.lists(st.integers(0, 5), max_size=4)))
    a = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    x = to_mx(a)
    if draw(st.booleans()) and a.ndim > 1:
        a, x = a.T, x.T
    return a, x


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_reading_agrees_with_numpy(data):
    a, x = made(data.draw)
    key = data.draw(keys(a.shape))
    try:
        want = a[key]
    except IndexError:
        with pytest.raises((IndexError, ValueError)):
            mx.eval(x[translated(key, data.draw)])
        return
    got = x[translated(key, data.draw)]
    assert got.shape == want.shape and str(got.dtype).split(".")[-1].rstrip("_") == str(want.dtype)
    np.testing.assert_array_equal(np.array(got), want)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_writing_agrees_with_numpy(data):
    a, x = made(data.draw)
    key = data.draw(keys(a.shape))
    try:
        part = a[key]
    except IndexError:
        return
    places = np.arange(a.size).reshape(a.shape)[key]
    drop = data.draw(st.integers(0, np.ndim(part)))
    shape = tuple(data.draw(st.sampled_from([n, n, 1])) for n in np.shape(part)[drop:])
    if np.size(places) != np.unique(places).size:  # who wins a place is not said: the same value for all
        shape = ()
    v = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 == 0).astype(a.dtype) if a.dtype == bool else \
        (np.arange(np.prod(shape, dtype=int)).reshape(shape) + 100).astype(a.dtype)
    want = a.copy()
    want[key] = v
    before = x
    y = mx.array(x)
    y[translated(key, data.draw)] = to_mx(v)
    np.testing.assert_array_equal(np.array(y), want)
    np.testing.assert_array_equal(np.array(before), a)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_updates_at_add_up_as_numpy_s_ufunc_at(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    a = np.arange(1, np.prod(shape, dtype=int) + 1).reshape(shape).astype(np.float32)
    key = data.draw(keys(a.shape))
    try:
        part = a[key]
    except IndexError:
        return
    v = np.full(np.shape(part), 2, np.float32) + np.arange(np.size(part)).reshape(np.shape(part)) % 3
    for name, ufunc in (("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply), ("divide", np.divide),
                        ("maximum", np.maximum), ("minimum", np.minimum)):
        want = a.copy()
        ufunc.at(want, key, v)
        got = getattr(to_mx(a).at[translated(key, data.draw)], name)(to_mx(v))
        np.testing.assert_allclose(np.array(got), want, rtol=1e-5)


def test_the_derivative_of_indexing():
    x, m = mx.arange(12.0).reshape(3, 4), mx.array([True, False, True])
    i = mx.array([0, 2, 0])

    def check(f, want):
        np.testing.assert_allclose(np.array(mx.grad(lambda a: f(a).sum())(x)), want)

    ones = np.zeros((3, 4))
    ones[[0, 2]] = 1
    check(lambda a: a[m], ones)
    check(lambda a: a[x > 5], np.arange(12).reshape(3, 4) > 5)
    check(lambda a: a[i], ones * np.array([[2], [0], [1]]))
    check(lambda a: a[m, 1:3], ones * np.array([0, 1, 1, 0]))
    check(lambda a: a[i[:, None], mx.array([1, 1])], np.array([[0, 4, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0]]))

    def put(key, value):
        def f(a, v):
            b = mx.array(a) * 1
            b[key] = v
            return (b * b).sum()
        return mx.grad(f, argnums=(0, 1))(x, value)

    da, dv = put(m, mx.ones((4,)) * 5)
    np.testing.assert_allclose(np.array(da), 2 * np.arange(12).reshape(3, 4) * (1 - ones))
    np.testing.assert_allclose(np.array(dv), [20] * 4)
    da, dv = put(x > 9, mx.array([1.0, 2.0]))
    np.testing.assert_allclose(np.array(dv), [2, 4])
    np.testing.assert_allclose(np.array(da)[2], [16, 18, 0, 0])
    da, dv = put((slice(None), mx.array([3, 1])), mx.ones((3, 2)))
    np.testing.assert_allclose(np.array(dv), np.full((3, 2), 2))


def test_masks_in_compile_and_vmap():
    x, m = mx.arange(6.0), mx.arange(6) % 2 == 0
    for f in (mx.compile(lambda a, k: a[k]), lambda a, k: mx.vmap(lambda row: a[row])(k[None])):
        with pytest.raises(ValueError, match="shape of the result depends on values.*compile or vmap"):
            f(x, m)
    assert mx.compile(lambda a: a[m])(x).tolist() == [0, 2, 4]  # a mask that is there
    assert mx.vmap(lambda a: a[m])(mx.stack([x, x + 1])).tolist() == [[0, 2, 4], [1, 3, 5]]

    def put(a, k, v):
        b = mx.array(a)
        b[k] = v
        return b

    v = mx.array([10.0, 20, 30])
    assert mx.compile(put)(x, m, v).tolist() == [10, 1, 20, 3, 30, 5]
    assert mx.compile(put)(x, m, mx.array(7.0)).tolist() == [7, 1, 7, 3, 7, 5]
    both = mx.vmap(put)(mx.stack([x, x]), mx.stack([m, ~m]), mx.stack([v, v]))
    assert both.tolist() == [[10, 1, 20, 3, 30, 5], [0, 10, 2, 20, 4, 30]]
    assert mx.vmap(put, in_axes=(0, None, None))(mx.stack([x, x]), m, v).tolist() == [[10, 1, 20, 3, 30, 5]] * 2


def test_masked_scatter():
    a, m = mx.zeros((2, 3), dtype=mx.int32), mx.array([[True, False, True], [False, True, False]])
    assert mx.masked_scatter(a, m, mx.array([7, 8, 9])).tolist() == [[7, 0, 8], [0, 9, 0]]
    assert mx.masked_scatter(a, m, mx.array([7, 8, 9, 10])).tolist() == [[7, 0, 8], [0, 9, 0]]  # the rest is left
    assert mx.masked_scatter(a, mx.array([True, False, True]), mx.arange(4)).tolist() == [[0, 0, 1], [2, 0, 3]]
    with pytest.raises(ValueError, match=r"\[masked_scatter\] The mask names 3 places, but there are values for 2"):
        mx.eval(mx.masked_scatter(a, m, mx.array([7, 8])))
    with pytest.raises(TypeError, match="must be bool"):
        mx.masked_scatter(a, a, a)
    with pytest.raises(ValueError, match="broadcast"):
        mx.masked_scatter(a, mx.array([True, False]), a)


def test_wrong_keys():
    x = mx.arange(6).reshape(2, 3)

    def put(key, value=0):
        y = mx.array(x)
        y[key] = value
        mx.eval(y)

    for key, kind, text in [
        (2, IndexError, "Index 2 is out of bounds for dimension 0 of size 2"),
        ((0, -4), IndexError, "Index -4 is out of bounds for dimension 1 of size 3"),
        ([0, 2], IndexError, "Index 2 is out of bounds for dimension 0 of size 2"),
        (np.array([0, 9]), IndexError, "Index 9"),
        (mx.array([0, 9]), IndexError, "Index 9 is out of bounds"),
        (np.array([2**64 - 1], np.uint64), IndexError, "18446744073709551615"),
        ((0, 0, 0), IndexError, r"Too many indices \(3\)"),
        (np.ones((2, 3, 1), bool), IndexError, "Too many indices"),
        (np.ones(3, bool), IndexError, "[Tt]he (mask|boolean|shape)"),
        ((slice(None), np.ones(2, bool)), IndexError, "boolean index has size 2 along dimension 1 of size 3"),
        ((Ellipsis, Ellipsis), ValueError, "one ellipsis"),
        (1.0, ValueError, "Cannot index an array with 1.0"),
        ("a", ValueError, "Cannot index an array with 'a'"),
        (mx.array([1.0]), ValueError, "indices are integers"),
        (([0, 1], [0, 1, 2]), ValueError, "broadcast"),
        (slice(0, 2, 0), ValueError, "zero"),
        (slice("a"), TypeError, "slice indices"),
    ]:
        with pytest.raises(kind, match=text):
            mx.eval(x[key])
        with pytest.raises(kind, match=text):
            put(key)
    for key, value in [(slice(None), [1, 2]), ([0, 1], [1, 2]), (x > 2, [1, 2]), (([0, 1], [0, 1]), [1, 2, 3])]:
        with pytest.raises(ValueError):
            put(key, mx.array(value))
    with pytest.raises(TypeError, match="cannot be deleted"):
        del x[0]
    with pytest.raises(ValueError, match="Indices are missing"):
        x.at.add(1)


def test_indices_of_odd_kinds():
    x = mx.arange(10)

    class Three:
        def __index__(self):
            return 3

    assert x[Three()].item() == 3 and x[Three():5].tolist() == [3, 4]
    assert x[np.int32(-1)].item() == 9 and x[mx.array(4)].item() == 4
    assert x[[]].tolist() == [] and x[np.array([], int)].tolist() == []
    assert x[True].tolist() == [list(range(10))] and x[False].shape == (0, 10)
    assert x[10**30:].shape == (0,) and x[-(10**30):3].tolist() == [0, 1, 2]
    assert x[::-(10**30)].tolist() == [9]
    y = mx.array(x)
    y[(0, 2),] = 7
    assert y.tolist()[:3] == [7, 1, 7]
    y[x > 7] = mx.array([1])
    assert y.tolist()[8:] == [1, 1]
    y[False] = 100
    assert y.tolist()[8:] == [1, 1]
    z = mx.zeros((3, 4))
    z[mx.array([True, False, True])] = mx.arange(4)
    assert z.tolist() == [[0, 1, 2, 3], [0] * 4, [0, 1, 2, 3]]
    z[1, mx.array([0, 0, 1])] += 5  # read, add, write: once
    assert z[1].tolist() == [5, 5, 0, 0]
