"""Copies, views and reads by index in every layout and element size, beside NumPy."""
import itertools

import mlx.core as mx
import numpy as np
import pytest

DTYPES = ["bool_", "uint8", "int16", "float16", "int32", "float32", "int64", "complex64"]


def values(shape, dtype):
    return (np.arange(int(np.prod(shape))).reshape(shape) * 7 % 251).astype(dtype)


def array(a):
    return mx.array(a)


def same(got, want):
    got = np.array(got)
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1, -1, 2, -2, 3, 5, -7])
def test_strided_runs_of_any_length(dtype, step):
    x = values((600,), dtype)
    a = array(x)
    for n in (0, 1, 2, 3, 15, 16, 17, 31, 64, 65, 100, 599, 600):
        same(mx.contiguous(a[:n][::step]), x[:n][::step])
        same(mx.contiguous(a[600 - n:][::step]), x[600 - n:][::step])


@pytest.mark.parametrize("dtype", DTYPES)
def test_short_rows(dtype):
    for rows, cols in itertools.product((1, 2, 5, 300), (1, 2, 3, 4, 15, 16, 17)):
        x = values((rows, 2 * cols), dtype)
        a = array(x)
        same(mx.contiguous(a[:, ::2]), x[:, ::2])
        same(mx.contiguous(a[::-1, :cols]), x[::-1, :cols])
        same(mx.contiguous(a[::2, ::-1]), x[::2, ::-1])
        same(mx.repeat(a, cols, axis=1), np.repeat(x, cols, axis=1))
        same(mx.repeat(a, 2, axis=0), np.repeat(x, 2, axis=0))
        same(mx.concatenate([a[:, :1], a[:, ::-2]], axis=1), np.concatenate([x[:, :1], x[:, ::-2]], axis=1))
        same(mx.stack([a, a[::-1]], axis=-1), np.stack([x, x[::-1]], axis=-1))


@pytest.mark.parametrize("times", [2, 3, 5])
def test_a_large_repeat(times):
    x = values((3_000_001,), "float32")
    same(mx.repeat(array(x), times), np.repeat(x, times))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("itype", ["int8", "int32", "uint32", "int64"])
def test_take_of_single_elements(dtype, itype):
    x = values((120,), dtype)
    k = (np.arange(2000) * 37 % 120).astype(itype)
    if itype != "uint32":
        k = np.where(np.arange(2000) % 3 == 0, k - 120, k).astype(itype)
    a, i = array(x), array(k)
    for view in (slice(None), slice(None, None, -1), slice(None, None, 2)):
        m = len(x[view])
        kk, ii = k % np.array(m, itype), i % m
        same(mx.take(a[view], ii), np.take(x[view], kk.astype(np.int64)))
    same(a[i], x[k])
    same(a[i[::3]], x[k[::3]])
    same(a[i.reshape(40, 50).T], x[k.reshape(40, 50).T])
    same(a[i[:0]], x[k[:0].astype(np.int64)])


@pytest.mark.parametrize("bad", [120, -121, 2**31 - 1, -(2**31)])
def test_take_out_of_bounds(bad):
    a = mx.zeros((120,))
    with pytest.raises(IndexError):
        mx.eval(a[mx.array([0, bad, 3])])
    with pytest.raises(IndexError):
        mx.eval(mx.take(a, mx.array([5, bad], dtype=mx.int64)))


LAYOUTS = [lambda x: x, lambda x: x[::-1], lambda x: x[:, ::-1], lambda x: x.T, lambda x: x[::2, 1:], lambda x: x[:0], lambda x: x[:, :1]]


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (6, 6), (1, 1), (1, 4)])
@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
def test_diagonals_of_any_layout(shape, layout):
    x = LAYOUTS[layout](values(shape, "float32"))
    a = LAYOUTS[layout](array(values(shape, "float32")))
    for k in (-9, -5, -2, -1, 0, 1, 3, 4, 9):
        rows, cols = x.shape
        want = np.diagonal(x, k) if -rows <= k <= cols else np.zeros((0,), np.float32)
        same(mx.diagonal(a, k), want)
        same(mx.diagonal(a, k) + 1, want + np.float32(1))
        assert mx.trace(a, k).item() == want.sum()


def test_diagonals_of_stacks():
    x = values((3, 4, 5, 6), "int32")
    a = array(x)
    for axis1, axis2 in itertools.permutations(range(4), 2):
        for k in (-2, 0, 1):
            same(mx.diagonal(a, k, axis1, axis2), np.diagonal(x, k, axis1, axis2))
            same(mx.diagonal(a, k, axis1 - 4, axis2 - 4), np.diagonal(x, k, axis1, axis2))
    same(mx.vmap(lambda m: mx.diagonal(m, 1), in_axes=1)(a[0]), np.stack([np.diagonal(x[0][:, i], 1) for i in range(5)]))


@pytest.mark.parametrize("k", [-2, 0, 3])
def test_the_gradient_of_a_diagonal_stands_on_it(k):
    x = array(values((2, 4, 5), "float32"))
    w = mx.arange(1, np.diagonal(np.zeros((4, 5)), k).size + 1).astype(mx.float32)
    g = mx.grad(lambda x: (mx.diagonal(x, k, 1, 2) * w).sum())(x)
    want = np.zeros((2, 4, 5), np.float32)
    for n, v in enumerate(np.array(w)):
        want[:, n + max(-k, 0), n + max(k, 0)] = v
    same(g, want)
    out, tangent = mx.jvp(lambda x: mx.diagonal(x, k, 1, 2), [x], [x * 2])
    same(tangent[0], 2 * np.diagonal(np.array(x), k, 1, 2))


def test_a_diagonal_keeps_its_values_when_the_matrix_changes():
    a = mx.zeros((3, 3))
    d = mx.diagonal(a)
    mx.eval(d)
    a[1, 1] = 5
    a += 1
    same(d, np.zeros(3, np.float32))
    assert np.array(mx.diagonal(a)).tolist() == [1, 6, 1]


REPEATED = [
    lambda: (mx.zeros((3, 4)), np.zeros((3, 4))),
    lambda: (mx.broadcast_to(mx.arange(4.0), (3, 4)), np.broadcast_to(np.arange(4.0), (3, 4))),
    lambda: (mx.broadcast_to(mx.arange(3.0)[:, None], (3, 4))[::-1], np.broadcast_to(np.arange(3.0)[:, None], (3, 4))[::-1]),
    lambda: (mx.meshgrid(mx.arange(300.0), mx.arange(400.0))[0] + 1, np.meshgrid(np.arange(300.0), np.arange(400.0))[0] + 1),
]


@pytest.mark.parametrize("make", range(len(REPEATED)))
@pytest.mark.parametrize("export", [np.asarray, np.from_dlpack, lambda a: np.asarray(memoryview(a))])
def test_who_writes_into_an_exported_broadcast_writes_one_element(make, export):
    a, want = REPEATED[make]()
    want = want.astype(np.float32)
    view = export(a)
    np.testing.assert_array_equal(view, want)
    view[1, 2] = 77
    want[1, 2] = 77
    np.testing.assert_array_equal(np.array(a), want)


def test_an_exported_broadcast_of_bfloat16_is_written_by_element():
    a = mx.zeros((3, 4), dtype=mx.bfloat16)
    view = np.asarray(a)
    view[1, 2] = 3
    assert a.astype(mx.float32).tolist() == [[0] * 4, [0, 0, 3, 0], [0] * 4]


def test_work_on_what_repeats_is_done_once_and_means_the_same():
    x, y, z = (np.random.default_rng(0).random(n, np.float32) for n in (300, 500, 7))
    grids, want = mx.meshgrid(*map(mx.array, (x, y, z))), np.meshgrid(x, y, z)
    before = mx.get_active_memory()
    a = grids[0] * 2 + 1
    mx.eval(a)
    assert mx.get_active_memory() - before < a.nbytes // 100
    same(a, want[0] * 2 + 1)
    b = mx.exp(grids[1]) + grids[2]
    np.testing.assert_allclose(np.array(b), np.exp(want[1]) + want[2], rtol=1e-6)
    same(mx.contiguous(a.T), np.ascontiguousarray(a.T))
    same(a[2, 5:100, 3], (want[0] * 2 + 1)[2, 5:100, 3])
    same((a > 1.5)[::-1], (want[0] * 2 + 1 > 1.5)[::-1])
    np.testing.assert_allclose(np.array(a.sum(axis=(0, 2))), (want[0] * 2 + 1).sum(axis=(0, 2)), rtol=1e-5)
    np.testing.assert_allclose(np.array(a.sum()), (want[0].astype(np.float64) * 2 + 1).sum(), rtol=1e-5)
    np.testing.assert_allclose(np.array(a[:, :, 0] @ mx.array(x)), (want[0] * 2 + 1)[:, :, 0] @ x, rtol=1e-4)
    changed = a + 0
    changed[1, 2, 3] = -5
    twice = want[0] * 2 + 1
    same(a, twice)
    twice[1, 2, 3] = -5
    same(changed, twice)
    f = mx.compile(lambda v: mx.broadcast_to(v[:, None], (300, 500)) * 3)
    same(f(mx.array(x)), np.broadcast_to(x[:, None] * np.float32(3), (300, 500)))
    same(f(mx.array(x)) + f(mx.array(x)).astype(mx.int32), np.broadcast_to(x[:, None] * np.float32(3) + np.trunc(x[:, None] * np.float32(3)), (300, 500)))


@pytest.mark.parametrize("dtype", ["float32", "int8", "int64", "complex64", "bool_"])
def test_eye_with_its_diagonal_anywhere(dtype):
    for n, m in ((1, 1), (1, 5), (5, 1), (3, 3), (4, 7), (7, 4), (0, 3), (3, 0), (1024, 3), (1025, 2)):
        for k in (-1025, -7, -4, -3, -1, 0, 1, 3, 4, 6, 7, 2000):
            same(mx.eye(n, m, k, dtype=getattr(mx, dtype)), np.eye(n, m, k, dtype=dtype))


@pytest.mark.parametrize("itype", ["int16", "int32", "uint32", "int64"])
def test_indices_of_any_layout(itype):
    x = values((40, 50), "float32")
    i, j = (np.arange(30) * 7 % 40).astype(itype), (np.arange(20) * 11 % 50).astype(itype)
    if itype != "uint32":
        i, j = i - np.array(40, itype) * (i % 2), j - np.array(50, itype) * (j % 3 == 0)
    a, p, q = array(x), array(i), array(j)
    same(a[p[:, None], q], x[i[:, None], j])
    same(a[p[::-1, None], q[::2]], x[i[::-1, None], j[::2]])
    same(a[p[:20], q], x[i[:20], j])
    same(a[:, q], x[:, j])
    same(a.T[:, p], x.T[:, i])
    same(mx.take(a[::-1, ::-1], q[::-1], axis=1), np.take(x[::-1, ::-1], j[::-1], axis=1))
    same(mx.take(a, q.reshape(4, 5).T, axis=1), np.take(x, j.reshape(4, 5).T, axis=1))
    same(mx.take(a[:0], q, axis=1), np.take(x[:0], j, axis=1))
    same(mx.take(a, q[:0], axis=1), np.take(x, j[:0].astype(np.int64), axis=1))
    whole = np.broadcast_to(j[:13], (40, 13)).astype(np.int64) % 50
    same(mx.take_along_axis(a, mx.broadcast_to(q[:13], (40, 13)), axis=1), np.take_along_axis(x, whole, 1))
    want = x.copy()
    np.add.at(want, (i[:, None], j), 1)
    same(a.at[p[:, None], q].add(1), want)
    want = x.copy()
    want[i[:, None], j] = np.arange(20)
    a[p[:, None], q] = mx.arange(20)
    same(a, want)


def test_wrong_indices_that_repeat_are_named():
    a, bad = mx.zeros((4, 5)), mx.array([0, 9])
    for read in (lambda: a[bad[:, None], mx.array([1, 2])], lambda: a[:, bad], lambda: mx.take(a[:0], bad, axis=1),
                 lambda: mx.take_along_axis(a, mx.broadcast_to(bad, (4, 2)), axis=1), lambda: a.at[bad[:, None], mx.array([0, 1])].add(1)):
        with pytest.raises(IndexError, match="9"):
            mx.eval(read())


def test_the_gradient_of_columns_read_twice_adds_up():
    a, j = mx.array(values((3, 4), "float32")), mx.array([1, 1, 3])
    g = mx.grad(lambda a: (a[:, j] * mx.array([1.0, 10.0, 100.0])).sum())(a)
    assert g.tolist() == [[0, 11, 0, 100]] * 3
    rows = mx.vmap(lambda v: mx.take(v, j, axis=1))(mx.stack([a, a + 1]))
    same(rows, np.stack([np.array(a), np.array(a) + 1])[:, :, [1, 1, 3]])


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64"])
def test_convolutions_of_whole_numbers_wrap(dtype):
    rng = np.random.default_rng(3)
    for n, taps in ((1, 1), (7, 3), (64, 5), (65, 9), (300, 64), (1000, 7)):
        info = np.iinfo(dtype)
        x, w = (rng.integers(info.min, info.max, k, dtype, endpoint=True) for k in (n, taps))
        want = np.array([sum(int(x[i - t]) * int(w[t]) for t in range(taps) if 0 <= i - t < n) for i in range(n + taps - 1)], object)
        want = np.array([(int(v) - info.min) % 2 ** info.bits + info.min for v in want]).astype(dtype)
        same(mx.convolve(array(x), array(w)), want)
        same(mx.convolve(array(x)[::-1], array(w)), reversed_first(x, w, dtype))


def reversed_first(x, w, dtype):
    with np.errstate(over="ignore"):
        return np.convolve(x[::-1], w).astype(dtype)
