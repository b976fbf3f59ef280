"""The rows that NumPy (with SciPy's erf) has."""
import math

import numpy as np
from scipy.special import erf as special_erf

from data import M16, SIDE, floats, indices


def add8():
    a, b = floats(8), floats(8, seed=1)
    return lambda: a + b


def chain1000():
    a, b = floats(8), floats(8, seed=1)

    def run():
        x = a
        for _ in range(1000):
            x = x + b

    return run


def add():
    a, b = floats(M16), floats(M16, seed=1)
    return lambda: a + b


def exp():
    a = floats(M16)
    return lambda: np.exp(a)


def erf():
    a = floats(M16)
    return lambda: special_erf(a)


def add_t():
    a, b = floats(SIDE, SIDE), floats(SIDE, SIDE, seed=1)
    return lambda: a + b.T


def gelu():
    a, root = floats(M16), np.float32(math.sqrt(2))
    return lambda: a * (1 + special_erf(a / root)) / 2


def sum():
    a = floats(M16)
    return lambda: a.sum()


def sum_axis0():
    a = floats(SIDE, SIDE)
    return lambda: a.sum(axis=0)


def softmax():
    a = floats(SIDE, SIDE)

    def run():
        e = np.exp(a - a.max(axis=-1, keepdims=True))
        e /= e.sum(axis=-1, keepdims=True)

    return run


def matmul():
    a, b = floats(2048, 2048), floats(2048, 2048, seed=1)
    return lambda: a @ b


def gemv():
    a, x = floats(SIDE, SIDE), floats(SIDE, seed=1)
    return lambda: a @ x


def take():
    a, rows = floats(SIDE, SIDE), indices(8192, SIDE)
    return lambda: np.take(a, rows, axis=0)


def transpose():
    a = floats(SIDE, SIDE)
    return lambda: np.ascontiguousarray(a.T)


def normal():
    rng = np.random.default_rng(0)
    return lambda: rng.standard_normal(M16, dtype=np.float32)
