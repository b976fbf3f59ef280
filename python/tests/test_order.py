"""Sorts, selections, searches and distinct elements against NumPy."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

INTS = "uint8 uint16 uint32 uint64 int8 int16 int32 int64".split()
DTYPES = INTS + ["bool", "float16", "float32", "float64", "complex64"]


def to_mx(a):
    name = str(a.dtype)
    return mx.array(a, dtype=getattr(mx, name + "_" * (name == "bool")))


@st.composite
def arrays(draw, dtypes=DTYPES, min_dims=1, max_dims=3, sizes=(0, 1, 2, 3, 16, 33, 70), specials=True):
    """(NumPy array, the same as Ravel's, perhaps strided): few values, so that there are ties; NaN and infinities."""
    dtype = draw(st.sampled_from(dtypes))
    shape = tuple(draw(st.lists(st.sampled_from(sizes), min_size=min_dims, max_size=max_dims).filter(lambda s: np.prod(s) < 30000)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    few = draw(st.booleans())
    a = rng.integers(0, 5 if few else 120, shape)
    a = (a - 60 if dtype[0] in "ifc" and not few else a).astype(dtype)
    if dtype == "complex64":
        a = a + (rng.integers(0, 3, shape) * 1j).astype(np.complex64)
    if dtype[0] in "fc" and specials and a.size and draw(st.booleans()):
        for v in (np.nan, np.inf, -np.inf, -0.0):
            a.reshape(-1)[rng.integers(0, a.size, 2)] = v
    x = to_mx(a)
    if draw(st.booleans()) and len(shape) > 1:
        return a.swapaxes(0, -1), x.swapaxes(0, -1)
    if draw(st.booleans()) and shape:
        return a[..., ::-1], x[..., ::-1]
    return a, x


def axis_of(draw, a):
    return draw(st.none() | st.integers(-a.ndim, a.ndim - 1))


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_sort_and_argsort_agree_with_numpy(data):
    a, x = data.draw(arrays())
    axis = axis_of(data.draw, a)
    np.testing.assert_array_equal(np.array(mx.sort(x, axis)), np.sort(a, axis))
    order = np.array(mx.argsort(x, axis))
    assert order.dtype == np.uint32
    if a.dtype != np.complex64 or not np.isnan(a).any():
        np.testing.assert_array_equal(order, np.argsort(a, axis, kind="stable"))
    back = np.take_along_axis(a if axis is not None else a.reshape(-1), order.astype(int), axis if axis is not None else 0)
    np.testing.assert_array_equal(back, np.sort(a, axis))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1000, 40000, 140000])
def test_long_rows(dtype, n):
    rng = np.random.default_rng(n)
    a = rng.integers(0, 256, n * 8).astype(np.uint8).view(dtype)[:n] if dtype in INTS else (rng.normal(size=n) * 100).astype(dtype)
    if dtype == "complex64":
        a = a + 1j * np.round(a.real)
    x = to_mx(a)
    np.testing.assert_array_equal(np.array(mx.sort(x)), np.sort(a))
    np.testing.assert_array_equal(np.array(mx.argsort(x)), np.argsort(a, kind="stable"))
    for k in (0, 7, n // 2, n - 1):
        check_partition(a, x, k, 0)
    np.testing.assert_array_equal(np.sort(np.array(mx.topk(x, 10))), np.sort(a)[-10:])


def check_partition(a, x, k, axis):
    """The kth is the sorted one's; what stands before is not greater, what stands behind not less; nothing is lost."""
    got, at = np.array(mx.partition(x, k, axis)), np.array(mx.argpartition(x, k, axis))
    assert at.dtype == np.uint32
    if axis is None:
        a, axis = a.reshape(-1), 0
    want, k = np.sort(a, axis), k % a.shape[axis]
    for p in (got, np.take_along_axis(a, at.astype(int), axis)):
        np.testing.assert_array_equal(np.take(p, k, axis), np.take(want, k, axis))
        np.testing.assert_array_equal(np.sort(np.take(p, range(k), axis), axis), np.take(want, range(k), axis))
        np.testing.assert_array_equal(np.sort(p, axis), want)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_selections_agree_with_sorting(data):
    a, x = data.draw(arrays(sizes=(1, 2, 3, 33, 70, 300)))
    axis = axis_of(data.draw, a)
    n = a.size if axis is None else a.shape[axis]
    check_partition(a, x, data.draw(st.integers(-n, n - 1)), axis)
    k = data.draw(st.integers(0, n))
    top = np.array(mx.topk(x, k, axis))
    flat = a.reshape(-1) if axis is None else a
    want = np.sort(flat, axis or 0) if axis is None else np.sort(flat, axis)
    along = 0 if axis is None else axis
    np.testing.assert_array_equal(np.sort(top, along), np.take(want, range(n - k, n), along))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_medians_agree_with_numpy(data):
    a, x = data.draw(arrays(dtypes=["int32", "uint8", "float32", "float64"], sizes=(1, 2, 3, 33, 70)))
    axes = data.draw(st.none() | st.lists(st.integers(0, a.ndim - 1), min_size=1, unique=True))
    keep = data.draw(st.booleans())
    with np.errstate(invalid="ignore"):
        want = np.median(a, None if axes is None else tuple(axes), keepdims=keep)
    got = mx.median(x, axes, keep)
    assert got.dtype == (mx.float64 if a.dtype == np.float64 else mx.float32)
    np.testing.assert_array_equal(np.array(got), want.astype(np.float32 if a.dtype != np.float64 else float))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_searchsorted_agrees_with_numpy(data):
    a, _ = data.draw(arrays(max_dims=1, sizes=(0, 1, 2, 3, 33, 300, 5000)))
    v, y = data.draw(arrays(dtypes=[str(a.dtype)], min_dims=0))
    a = np.sort(a)
    side = data.draw(st.sampled_from(["left", "right"]))
    got = np.array(mx.searchsorted(to_mx(a), y, side))
    assert got.dtype == np.uint32
    if a.dtype != np.complex64 or not (np.isnan(a).any() or np.isnan(v).any()):
        np.testing.assert_array_equal(got, np.searchsorted(a, v, side))


def test_searchsorted_s_arguments_and_transforms():
    s = mx.array([1, 2, 2, 3])
    assert mx.searchsorted(s, mx.array([0, 2, 2.5, 3, 4])).tolist() == [0, 1, 3, 3, 4]
    assert mx.searchsorted(s, 2).item() == 1 and mx.searchsorted(s, mx.array(2), side="right").item() == 3
    assert mx.searchsorted(s[::-1][::-1], mx.array([[2], [9]])).tolist() == [[1], [4]]
    rows = mx.array([[1, 2, 3], [2, 2, 9]])
    assert mx.vmap(mx.searchsorted, (0, None))(rows, mx.array([2, 5])).tolist() == [[1, 3], [0, 2]]
    assert mx.vmap(mx.searchsorted)(rows, mx.array([3, 3])).tolist() == [2, 2]
    assert mx.vmap(mx.searchsorted, (None, 1))(s, mx.array([[0, 2, 4]])).tolist() == [[0], [1], [4]]
    twice = mx.vmap(mx.vmap(mx.searchsorted))(mx.stack([rows, rows + 1]), mx.array([[2, 2], [2, 2]]))
    assert twice.tolist() == [[1, 0], [0, 0]]
    with pytest.raises(ValueError, match=r"\[searchsorted\] The sorted sequence must be 1-D but has 2 dimensions"):
        mx.searchsorted(rows, s)
    with pytest.raises(ValueError, match=r"Invalid side 'mid'. Expected 'left' or 'right'"):
        mx.searchsorted(s, s, "mid")


def test_unique_of_a_given_size():
    """Values that mlx 0.32 gives."""
    a = mx.array([3, 1, 2, 3, 1])

    def lists(*args, **kw):
        r = mx.unique(*args, **kw)
        return [x.tolist() for x in r] if isinstance(r, tuple) else r.tolist()

    assert lists(a, 5) == [1, 2, 3, 1, 1] and lists(a, 2) == [1, 2] and lists(a, 0) == []
    assert lists(a, 3, True, True, True) == [[1, 2, 3], [1, 2, 0], [2, 0, 1, 2, 0], [2, 1, 2]]
    assert lists(a, 7, True, True, True) == [[1, 2, 3, 1, 1, 1, 1], [1, 2, 0, 1, 1, 1, 1], [2, 0, 1, 2, 0], [2, 1, 2, 0, 0, 0, 0]]
    assert lists(a, 7, fill_value=-9) == [1, 2, 3, -9, -9, -9, -9]
    assert lists(a, 2, True, True, True) == [[1, 2], [1, 2], [1, 0, 1, 1, 0], [2, 1]]
    assert lists(mx.array([[3, 1], [1, 3]]), 4, return_inverse=True) == [[1, 3, 1, 1], [[1, 0], [0, 1]]]
    values, counts = mx.unique(mx.array([np.nan, 1, np.nan]), 4, return_counts=True)
    np.testing.assert_array_equal(np.array(values), [1, np.nan, np.nan, 1])
    assert counts.tolist() == [1, 1, 1, 0]
    values, index, inverse, counts = mx.unique(a, 3, True, True, True)
    assert (values.dtype, index.dtype, inverse.dtype, counts.dtype) == (mx.int32, mx.uint32, mx.uint32, mx.int32)
    assert lists(mx.zeros((0,)), 2, True, True, True, fill_value=4) == [[4, 4], [0, 0], [], [0, 0]]
    with pytest.raises(ValueError, match=r"\[unique\] Received negative size -1"):
        mx.unique(a, -1)
    with pytest.raises(ValueError, match="A fill value is required for an empty input with a non-zero size"):
        mx.unique(mx.zeros((0,)), 3)
    assert mx.compile(lambda x: mx.unique(x, 4))(a).tolist() == [1, 2, 3, 1]
    assert mx.vmap(lambda x: mx.unique(x, 2))(mx.array([[1, 1, 2], [5, 4, 4]])).tolist() == [[1, 2], [4, 5]]
    slope = mx.grad(lambda x: (mx.unique(x, 3) * mx.array([1.0, 10, 100])).sum())(mx.array([2.0, 1, 2, 3]))
    assert slope.tolist() == [10, 1, 0, 100]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_distinct_elements_agree_with_numpy(data):
    a, x = data.draw(arrays(min_dims=0))
    values, index, inverse, counts = np.unique(a, True, True, True, equal_nan=False)
    got = [np.array(r) for r in mx.unique_all(x)]
    np.testing.assert_array_equal(got[0], values)
    assert got[2].shape == a.shape and all(r.dtype == np.int64 for r in got[1:])
    if a.dtype.kind != "c" or not np.isnan(a).any():
        for g, w in zip(got[1:], (index, inverse.reshape(a.shape), counts)):
            np.testing.assert_array_equal(g, w)
    np.testing.assert_array_equal(got[0][got[2]], a)
    np.testing.assert_array_equal(np.array(mx.unique_values(x)), got[0])
    for r, picked in ((mx.unique_counts(x), (0, 3)), (mx.unique_inverse(x), (0, 2))):
        for one, i in zip(r, picked):
            np.testing.assert_array_equal(np.array(one), got[i])
    size = data.draw(st.integers(0, a.size + 2))
    if a.size:
        some, where, many = mx.unique(x, size, return_index=True, return_counts=True)
        n = min(size, len(values))
        np.testing.assert_array_equal(np.array(some)[:n], got[0][:n])
        np.testing.assert_array_equal(np.array(where)[:n], got[1][:n])
        np.testing.assert_array_equal(np.array(many), np.concatenate([got[3][:n], np.zeros(size - n, int)]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_nonzero_agrees_with_numpy(data):
    a, x = data.draw(arrays())
    got, want = mx.nonzero(x), np.nonzero(a)
    assert isinstance(got, tuple) and len(got) == len(want)
    for g, w in zip(got, want):
        assert g.dtype == mx.int64
        np.testing.assert_array_equal(np.array(g), w)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool"])
@pytest.mark.parametrize("shape, axis", [((500,), 0), ((70001,), 0), ((3, 5000), 1), ((5000, 3), 0), ((1, 33000), 1)])
def test_bytes_are_counted_into_order(dtype, shape, axis):
    n = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    n = n % 2 == 0 if dtype == "bool" else n.view(dtype)
    for a, x in ((n, mx.array(n)), (n[::-1], mx.array(n)[::-1])):
        want, k = np.sort(a, axis=axis), a.shape[axis] // 3
        np.testing.assert_array_equal(mx.sort(x, axis=axis), want)
        np.testing.assert_array_equal(mx.argsort(x, axis=axis), np.argsort(a, axis=axis, kind="stable"))
        at = np.asarray(mx.argpartition(x, k, axis=axis)).astype(np.int64)
        for got in (np.asarray(mx.partition(x, k, axis=axis)), np.take_along_axis(a, at, axis)):
            np.testing.assert_array_equal(np.sort(got, axis=axis), want)
            np.testing.assert_array_equal(np.take(got, k, axis), np.take(want, k, axis))


def test_shapes_that_depend_on_data_inside_transforms():
    x = mx.array([1, 0, 2])
    for f in (mx.nonzero, mx.unique_values, mx.unique_all, mx.unique_counts, mx.unique_inverse):
        for wrapped in (mx.compile(lambda a: f(a)[0]), mx.vmap(lambda a: f(a)[0])):
            with pytest.raises(ValueError, match=r"\[(nonzero|unique)\] The shape of the result depends on values.*compile or vmap"):
                wrapped(mx.stack([x, x]))
    assert mx.compile(lambda a: a + mx.unique_values(x).sum())(x).tolist() == [4, 3, 5]
    assert mx.grad(lambda a: (mx.unique_values(a) ** 2).sum())(mx.array([1.0, 3, 1])).tolist() == [2, 6, 0]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_extremes_and_counts_agree_with_numpy(data):
    a, x = data.draw(arrays(dtypes=INTS + ["bool", "float16", "float32", "float64"], sizes=(1, 2, 3, 33, 1100)))
    axis, keep = axis_of(data.draw, a), data.draw(st.booleans())
    for name in ("min", "max", "argmin", "argmax"):
        np.testing.assert_array_equal(np.array(getattr(mx, name)(x, axis, keep)), getattr(np, name)(a, axis, keepdims=keep))
    low, high = mx.minmax(x, axis, keep)
    np.testing.assert_array_equal(np.array(low), np.min(a, axis, keepdims=keep))
    np.testing.assert_array_equal(np.array(high), np.max(a, axis, keepdims=keep))
    count = mx.count_nonzero(x, axis=axis, keepdims=keep)
    assert count.dtype == mx.int32
    np.testing.assert_array_equal(np.array(count), np.count_nonzero(a, axis, keepdims=keep))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_differences_agree_with_numpy(data):
    a, x = data.draw(arrays(dtypes=INTS + ["bool", "float32", "float64"], sizes=(0, 1, 2, 3, 33), specials=False))
    n, axis = data.draw(st.integers(0, 4)), data.draw(st.integers(-a.ndim, a.ndim - 1))
    got = mx.diff(x, n, axis)
    np.testing.assert_array_equal(np.array(got), np.diff(a, n, axis))
    assert got.dtype == x.dtype


def test_complex_extremes_and_counts():
    """Values that mlx 0.32 gives."""
    assert [v.item() for v in mx.minmax(mx.array([1j, 2]))] == [1j, 2]
    assert mx.count_nonzero(mx.array([1j, 0, complex("nan")])).item() == 2
    assert mx.count_nonzero(mx.zeros((0,))).item() == 0
    assert mx.sort(mx.array([3 + 1j, 1, 3 - 1j])).tolist() == [1, 3 - 1j, 3 + 1j]


def test_wrong_arguments():
    x, empty = mx.zeros((2, 3)), mx.zeros((0, 3))
    for call, kind, text in [
        (lambda: mx.sort(x, 2), IndexError, r"\[sort\] Axis 2 is out of bounds for array with 2 dimensions"),
        (lambda: mx.argsort(mx.array(1)), IndexError, "argsort"),
        (lambda: mx.partition(x, 3), ValueError, r"\[partition\] Received invalid kth 3 along axis -1 for array with shape: \(2,3\)"),
        (lambda: mx.argpartition(x, -4), ValueError, r"\[argpartition\] Received invalid kth -4"),
        (lambda: mx.topk(x, 4), ValueError, r"\[topk\] Received invalid k=4 along axis -1 for array with shape: \(2,3\)"),
        (lambda: mx.topk(x, -1), ValueError, "topk"),
        (lambda: mx.median(empty), ValueError, r"\[median\] Cannot take median along empty axis"),
        (lambda: mx.minmax(empty), ValueError, r"\[min\] Cannot min reduce over axis 0 with size 0"),
        (lambda: mx.argmax(empty, 0), ValueError, r"\[argmax\] Cannot argmax reduce zero size array"),
        (lambda: mx.diff(x, -1), ValueError, r"\[diff\] n must not be negative"),
        (lambda: mx.diff(mx.array(1)), IndexError, "diff"),
        (lambda: mx.diff(x, 1, 2), IndexError, "diff"),
        (lambda: mx.sort(x, "a"), TypeError, "."),
        (lambda: mx.topk(x, 1.5), TypeError, "."),
    ]:
        with pytest.raises(kind, match=text):
            call()
