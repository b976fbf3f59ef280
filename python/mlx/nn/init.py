"""Initialisers: each call gives a function from an array to a new one of its shape."""

import math

import mlx.core as mx


def constant(value, dtype=mx.float32):
    """The value everywhere."""
    return lambda a: mx.full(a.shape, value, dtype=dtype)


def normal(mean=0.0, std=1.0, dtype=mx.float32):
    """N(mean, std²)."""
    return lambda a: mx.random.normal(shape=a.shape, scale=std, loc=mean, dtype=dtype)


def uniform(low=0.0, high=1.0, dtype=mx.float32):
    """U(low, high)."""
    return lambda a: mx.random.uniform(low, high, a.shape, dtype=dtype)


def identity(dtype=mx.float32):
    """The identity matrix; only for square matrices."""

    def initializer(a):
        if a.ndim != 2 or a.shape[0] != a.shape[1]:
            raise ValueError(f"The input array must be a square matrix but got shape {a.shape}.")
        return mx.eye(a.shape[0], dtype=dtype)

    return initializer


def _fans(a):
    if a.ndim < 2:
        raise ValueError(f"Glorot / He initialization requires at least 2 dimensional input but input with {a.ndim} dimensions.")
    field = math.prod(a.shape[1:-1])
    return a.shape[-1] * field, a.shape[0] * field


def glorot_normal(dtype=mx.float32):
    """N(0, gain² · 2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    def initializer(a, gain=1.0):
        fan_in, fan_out = _fans(a)
        return mx.random.normal(shape=a.shape, scale=gain * math.sqrt(2 / (fan_in + fan_out)), dtype=dtype)

    return initializer


def glorot_uniform(dtype=mx.float32):
    """U(-r, r), r = gain · √(6 / (fan_in + fan_out))."""

    def initializer(a, gain=1.0):
        fan_in, fan_out = _fans(a)
        r = gain * math.sqrt(6 / (fan_in + fan_out))
        return mx.random.uniform(-r, r, a.shape, dtype=dtype)

    return initializer


def _he_fan(a, mode):
    fan_in, fan_out = _fans(a)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be one of: fan_in, fan_out, not {mode!r}")
    return fan_in if mode == "fan_in" else fan_out


def he_normal(dtype=mx.float32):
    """N(0, gain² / fan) (He et al., 2015)."""

    def initializer(a, mode="fan_in", gain=1.0):
        return mx.random.normal(shape=a.shape, scale=gain / math.sqrt(_he_fan(a, mode)), dtype=dtype)

    return initializer


def he_uniform(dtype=mx.float32):
    """U(-r, r), r = gain · √(3 / fan)."""

    def initializer(a, mode="fan_in", gain=1.0):
        r = gain * math.sqrt(3 / _he_fan(a, mode))
        return mx.random.uniform(-r, r, a.shape, dtype=dtype)

    return initializer


def sparse(sparsity, mean=0.0, std=1.0, dtype=mx.float32):
    """N(mean, std²) with the share `sparsity` of each row zeroed."""

    def initializer(a):
        if a.ndim != 2:
            raise ValueError("Only tensors with 2 dimensions are supported")
        rows, columns = a.shape
        zeros = math.ceil(sparsity * columns)
        order = mx.argsort(mx.random.uniform(shape=a.shape), axis=1)
        values = mx.random.normal(shape=a.shape, scale=std, loc=mean, dtype=dtype)
        return mx.where(order < zeros, mx.zeros(a.shape, dtype), values)

    return initializer
