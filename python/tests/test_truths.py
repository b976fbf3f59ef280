"""Reductions that stop early or read their input where it stands: the same results as NumPy's, wherever the deciding element is."""

import mlx.core as mx
import numpy as np
import pytest


@pytest.mark.parametrize("n", [1, 31, 1000, 1024, 1025, 40_000, 300_001])
def test_one_element_decides_any_and_all(n):
    for at in {0, n // 2, n - 1, min(n - 1, 33_000)}:
        a = np.zeros(n, bool)
        a[at] = True
        x = mx.array(a)
        assert mx.any(x).item() is True and mx.all(mx.logical_not(x)).item() is False
        assert mx.any(x[::-1]).item() is True and mx.any(x == False).item() is (n > 1)  # noqa: E712
        assert mx.all(mx.array(a) | True).item() is True and mx.any(mx.zeros_like(x)).item() is False


@pytest.mark.parametrize("shape", [(3, 5000), (5000, 3), (7, 2, 1500), (70, 1100)])
def test_truths_of_rows_and_columns(shape):
    rng = np.random.default_rng(0)
    for share in (0.0, 1e-4, 0.5, 0.9999, 1.0):
        a = rng.random(shape) < share
        x = mx.array(a)
        for axis in [None, *range(len(shape)), (0, len(shape) - 1)]:
            assert np.array_equal(np.array(mx.any(x, axis)), a.any(axis)) and np.array_equal(np.array(mx.all(x, axis)), a.all(axis))
            flipped = x[::-1]
            assert np.array_equal(np.array(mx.all(flipped, axis)), a[::-1].all(axis))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("shape", [(1000,), (300, 64), (40, 3000), (5, 7, 11)])
def test_sums_of_small_integers(dtype, shape):
    rng = np.random.default_rng(1)
    a = rng.integers(0, 2, shape).astype(bool) if dtype == "bool" else rng.integers(*(lambda i: (i.min, i.max + 1))(np.iinfo(dtype)), shape, dtype)
    x = mx.array(a)
    wide = np.uint32 if dtype.startswith("u") else np.int32
    for axis in [None, *range(len(shape))]:
        got = np.array(mx.sum(x, axis))
        assert got.dtype == wide and np.array_equal(got, a.sum(axis, dtype=wide))
        assert np.array_equal(np.array(mx.sum(x[::-1], axis)), a[::-1].sum(axis, dtype=wide))
        assert np.array_equal(np.array(mx.count_nonzero(x, axis=axis)), np.count_nonzero(a, axis))


@pytest.mark.parametrize("dtype", [mx.float32, mx.float64])
@pytest.mark.parametrize("shape", [(7,), (1000,), (50, 64), (9, 2500), (5000,)])
def test_sums_of_products_have_the_bits_of_products_that_were_stored(dtype, shape):
    rng = np.random.default_rng(2)
    x, y = (mx.array(rng.standard_normal(shape), dtype=dtype) for _ in "xy")
    for a, b in ((x, y), (x, x), (x[1:], y[:-1])):
        stored = a * b
        mx.eval(stored)
        assert np.array_equal(np.array(mx.sum(a * b, -1)), np.array(mx.sum(stored, -1)))
        assert np.array_equal(np.array(mx.sum(a * b)), np.array(mx.sum(stored)))
        want = (np.array(a, np.float64) * np.array(b, np.float64)).sum(-1)
        assert np.allclose(np.array(mx.sum(a * b, -1)), want, atol=1e-3)
    square = mx.square(x)
    mx.eval(square)
    assert mx.sum(mx.square(x)).item() == mx.sum(square).item()
