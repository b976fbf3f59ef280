"""The same inputs for every peer, made by NumPy from fixed seeds."""
import os

import numpy as np

M16 = 16 * 1024 * 1024
SIDE = 4096


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def indices(count, below):
    return np.random.default_rng(7).integers(0, below, count).astype(np.int32)


def digits():
    """(train x, train y, test x, test y) as examples/digits splits scikit-learn's digits; run.py writes them out, so that
    each peer's venv can read them."""
    with np.load(os.environ["BENCH_DIGITS"]) as f:
        x, y = f["x"], f["y"]
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    return x[360:], y[360:], x[:360], y[:360]


def digits_setting():
    """Sizes, batch size, epochs, learning rate and dropout of examples/digits; ten of its sixty epochs."""
    return [64, 256, 256, 10], 64, 10, 1e-3, 0.2
