"""The sweep's cases in NumPy (with SciPy's special functions and LAPACK): worker.py asks for them as attributes."""
import re

import numpy as np
from scipy import linalg, special

import sweep_rows


def __getattr__(case):
    if "@" not in case:
        raise AttributeError(case)
    text, n = sweep_rows.expression(case.replace("~", " "), 1)
    if text is None:
        raise AttributeError(case)
    inputs, side = sweep_rows.data(n, set(re.findall(r"\w+", text)))
    scope = {"np": np, "special": special, "linalg": linalg, "put": sweep_rows.put,
             "put_along": sweep_rows.put_along, "at": sweep_rows.at, "n": n, "side": side, "rng": np.random.default_rng(1), **inputs}
    return lambda: eval("lambda: (" + text + ")", scope)
