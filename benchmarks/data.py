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
    """scikit-learn's digits, written out by run.py so that each peer's venv can read them."""
    with np.load(os.environ["BENCH_DIGITS"]) as f:
        return f["x"], f["y"]


def digits_layers():
    """Sizes, batch, epochs and learning rate of examples/digits (ten of its epochs)."""
    return [64, 128, 128, 10], 64, 10, 1e-3
