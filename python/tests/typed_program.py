"""A program that uses mlx.core with types: mypy --strict reads it, ./dev test runs it. Each ignored line must be an error to mypy."""

from __future__ import annotations

import io
from typing import Any, Callable

import mlx.core as mx
import mlx.core.random as random
import numpy as np
from typing_extensions import assert_type


def loss(w: mx.array, x: mx.array, y: mx.array) -> mx.array:
    return mx.square(mx.tanh(x @ w) - y).mean()


def train(steps: int, stream: mx.StreamOrDevice = None) -> tuple[mx.array, list[float]]:
    key = random.key(0)
    w = random.normal((3, 1), key=key, stream=stream)
    x = random.uniform(-1.0, 1.0, (16, 3), key=key)
    y = x.sum(axis=1, keepdims=True)
    step: Callable[[mx.array, mx.array, mx.array], tuple[mx.array, Any]] = mx.value_and_grad(loss)
    losses: list[float] = []
    for _ in range(steps):
        value, grad = step(w, x, y)
        w = w - 0.1 * grad
        mx.eval(w)
        losses.append(float(value))
    return w, losses


@mx.compile
def gelu(x: mx.array) -> mx.array:
    return x * (1 + mx.erf(x / 2**0.5)) / 2


@mx.custom_function
def clipped(x: mx.array) -> mx.array:
    return mx.minimum(x, 1.0)


def operators(x: mx.array) -> None:
    assert_type(1 + x * 2.5 - x / x, mx.array)
    assert_type(-(x**2) % 3 // 1, mx.array)
    assert_type(x[..., 0], mx.array)
    assert_type(x.at[0].add(1), mx.array)
    assert_type(x.shape, tuple[int, ...])
    assert_type(x.T, mx.array)
    assert_type(x > 1, mx.array)
    assert_type(mx.split(x, 2), list[mx.array])
    assert_type(x.dtype, mx.Dtype)
    assert_type(gelu(x), mx.array)
    for row in x:
        assert_type(row, mx.array)
    x += 1
    x[0] = mx.zeros(2)
    y = mx.array(np.ones((2, 2), np.float32))
    assert mx.allclose(y, np.asarray(y))  # type: ignore[arg-type]
    assert mx.array_equal(y, mx.ones_like(y)).item()


def standard(x: mx.array) -> None:
    """What the Python array API standard adds to MLX's parameters."""
    assert mx.zeros((2,), device=mx.cpu).shape == mx.ones(2, dtype=mx.int8, device=x.device).shape == mx.asarray([1, 2], device=mx.cpu).shape
    u, s, v = mx.linalg.svd(x, full_matrices=False)
    q, r = mx.linalg.qr(x, mode="complete")
    w, small = mx.linalg.eigh(x @ x.T).eigenvalues, mx.linalg.pinv(x, rtol=0.1)
    assert w.shape == (2,) and small.shape == u.shape and mx.linalg.slogdet(x).sign.size == 1
    assert mx.full((2,), fill_value=3, device=mx.cpu).size == mx.full_like(w, fill_value=1).size == 2
    assert mx.searchsorted(w, w, sorter=mx.argsort(w)).dtype == mx.uint32 and mx.fft.rfftfreq(4, dtype=mx.float64).dtype == mx.float64
    assert mx.repeat(x, [1, 2], axis=0).shape[0] == 3 and len(u) == len(q) and mx.fft.fftfreq(4, device=mx.cpu).size == 4


def mistakes(x: mx.array) -> None:
    """Not run: mypy must find each of these lines wrong."""
    mx.reshape(x, "2")  # type: ignore[arg-type]
    mx.exp()  # type: ignore[call-arg]
    x.sum(axes=1)  # type: ignore[call-arg]
    mx.zeros((2,), dtype="float32")  # type: ignore[call-overload]
    mx.no_such_function(x)  # type: ignore[attr-defined]
    x.size = 3  # type: ignore[misc]
    x + None  # type: ignore[operator]


def main() -> None:
    w, losses = train(20, stream=mx.cpu)
    assert losses[-1] < losses[0] and w.shape == (3, 1)
    operators(mx.array([[1.0, 2.0], [3.0, 4.0]]))
    standard(mx.array([[1.0, 2.0], [3.0, 4.0]]))
    clipped.vjp(lambda primals, cotangents, outputs: cotangents)
    assert mx.grad(clipped)(mx.array(5.0)).item() == 1.0
    file = io.BytesIO()
    mx.save(file, w)
    with mx.stream(mx.default_stream(mx.default_device())), mx.printoptions(precision=2):
        assert mx.finfo(mx.float32).eps < 1e-6
    batched: Callable[[mx.array], mx.array] = mx.vmap(lambda v: v.sum())
    assert batched(mx.ones((2, 3))).tolist() == [3.0, 3.0]


if __name__ == "__main__":
    main()
