"""Products of few rows, columns or terms, by the thousand or with very long sums, beside NumPy in double precision."""
import itertools

import mlx.core as mx
import numpy as np
import pytest

rng = np.random.default_rng(5)


def array(x, dtype):
    return mx.array(x, dtype=getattr(mx, dtype))


TOLERANCE = {"float32": 3e-6, "float64": 1e-14, "float16": 3e-3, "bfloat16": 2e-2, "complex64": 3e-6}


def close(got, want, k, dtype):
    error = np.abs(np.array(got.astype(mx.complex64 if dtype == "complex64" else mx.float64, stream=mx.cpu)) - want).max(initial=0)
    assert error <= TOLERANCE[dtype] * max(1, k ** 0.5) * max(1, np.abs(want).max(initial=0) ** 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64"])
def test_tiny_products_by_the_thousand(dtype):
    for m, n, k in itertools.product((1, 2, 3, 4, 5), repeat=3):
        for count in (1, 3, 16, 17, 70):
            x, y = rng.standard_normal((count, m, k)), rng.standard_normal((count, k, n))
            a, b = array(x, dtype), array(y, dtype)
            x, y = np.array(a.astype(mx.complex64)), np.array(b.astype(mx.complex64))
            if dtype != "complex64":
                x, y = np.array(a.astype(mx.float64)), np.array(b.astype(mx.float64))
            want = x @ y
            close(a @ b, want, k, dtype)
            close(a[::-1] @ b[::-1], want[::-1], k, dtype)
            close(mx.contiguous(a.swapaxes(1, 2)).swapaxes(1, 2) @ b[::2][:1], x @ y[:1], k, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_of_a_stack_has_the_bits_of_the_product_alone(dtype):
    for m, n, k in itertools.product((1, 2, 3, 4), repeat=3):
        a, b = array(rng.standard_normal((37, m, k)), dtype), array(rng.standard_normal((37, k, n)), dtype)
        alone = mx.stack([a[i] @ b[i] for i in range(37)])
        assert mx.array_equal(a @ b, alone)


def test_stacks_of_stacks():
    x, y = rng.standard_normal((3, 5, 7, 2, 3)).astype(np.float32), rng.standard_normal((3, 5, 7, 3, 2)).astype(np.float32)
    a, b = mx.array(x), mx.array(y)
    close(a @ b, x.astype(np.float64) @ y, 3, "float32")
    close(a.transpose(2, 0, 1, 3, 4) @ b.transpose(2, 0, 1, 3, 4), x.transpose(2, 0, 1, 3, 4) @ y.transpose(2, 0, 1, 3, 4).astype(np.float64), 3, "float32")
    close(a[:, :1] @ b, x[:, :1] @ y.astype(np.float64), 3, "float32")
    close(a[:, :, ::-2] @ b[:1, 1:2, :4], x[:, :, ::-2] @ y[:1, 1:2, :4].astype(np.float64), 3, "float32")
    close(mx.addmm(a[..., :2], a, b), x[..., :2] + x @ y.astype(np.float64), 3, "float32")


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("k", [511, 512, 513, 1024, 5001])
def test_long_sums_in_every_layout(dtype, k):
    for m, n in ((1, 1), (2, 2), (2, 8), (3, 16), (8, 5), (9, 3), (32, 7), (33, 16), (4, 17), (20, 1)):
        x, y = rng.standard_normal((m, k)), rng.standard_normal((k, n))
        a, b = array(x, dtype), array(y, dtype)
        wide = mx.complex64 if dtype == "complex64" else mx.float64
        x, y = np.array(a.astype(wide)), np.array(b.astype(wide))
        columns_a, columns_b = mx.contiguous(a.T).T, mx.contiguous(b.T).T
        for p, q in itertools.product((a, columns_a), (b, columns_b)):
            close(p @ q, x @ y, k, dtype)
        close(a[:, ::-1] @ b[::-1], x @ y, k, dtype)
        close(columns_a[::-1, ::2] @ columns_b[::2], x[::-1, ::2] @ y[::2], k, dtype)
        close(a @ mx.repeat(b, 2, axis=1)[:, ::2], x @ y, k, dtype)


def test_ones_are_counted_exactly():
    for k in (513, 70_000, 1_000_003):
        assert (mx.ones((3, k)) @ mx.ones((k, 4))).tolist() == [[k] * 4] * 3
        assert (mx.ones((3, k)) @ mx.contiguous(mx.ones((4, k))).T).tolist() == [[k] * 4] * 3
