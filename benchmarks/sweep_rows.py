"""The sweep: every operation as one expression that both MLX's interface (xp = mlx.core) and NumPy evaluate.

Inputs: x, y floats of n elements in [0.1, 0.9], s signed ones, i, j integers 1 … 100, b booleans, z complex, h halves,
m, w square matrices of about n elements, p a positive definite one, r rows of 64, k integers below n.
"""
import math

SIZES = (64, 1 << 16, 1 << 24)
CUBIC = (64, 1 << 14, 1 << 18)  # elements of a matrix where the work is its side cubed

# name → the expression, or (MLX's, NumPy's); None where NumPy has none
UNARY = """abs negative sign floor ceil square sqrt reciprocal exp expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh
tanh arcsinh arctanh degrees radians isnan isinf isfinite isposinf isneginf logical_not round trunc""".split()
BINARY = """add subtract multiply divide power maximum minimum arctan2 logaddexp equal not_equal less less_equal greater greater_equal
logical_and logical_or remainder floor_divide""".split()
INTEGER = "bitwise_and bitwise_or bitwise_xor left_shift right_shift floor_divide remainder add multiply maximum".split()
REDUCTIONS = "sum prod min max mean var std argmin argmax median".split()
ROWS = {
    **{f: f"xp.{f}({'s' if f in ('abs', 'negative', 'sign', 'floor', 'ceil', 'round', 'trunc', 'square') else 'x'})" for f in UNARY},
    "arccosh": "xp.arccosh(x + 1)",
    **{f: f"xp.{f}(x, y)" for f in BINARY},
    **{f"{f} i32": f"xp.{f}(i, j & 7)" if "shift" in f else f"xp.{f}(i, j)" for f in INTEGER},
    **{f: f"xp.{f}(x)" for f in REDUCTIONS},
    **{f"{f} of rows": f"xp.{f}(r, axis=1)" for f in REDUCTIONS},
    **{f"{f} of columns": f"xp.{f}(r, axis=0)" for f in ("sum", "max", "mean", "argmax", "var")},
    "any": "xp.any(b)",
    "all": "xp.all(b)",
    "count_nonzero": "xp.count_nonzero(b)",
    "erf": ("xp.erf(s)", "special.erf(s)"),
    "erfinv": ("xp.erfinv(x)", "special.erfinv(x)"),
    "rsqrt": ("xp.rsqrt(x)", "1 / np.sqrt(x)"),
    "sigmoid": ("xp.sigmoid(s)", "special.expit(s)"),
    "softmax of rows": ("xp.softmax(r, axis=-1)", "special.softmax(r, axis=-1)"),
    "logsumexp of rows": ("xp.logsumexp(r, axis=-1)", "special.logsumexp(r, axis=-1)"),
    "where": "xp.where(b, x, y)",
    "clip": "xp.clip(x, 0.25, 0.75)",
    "nan_to_num": "xp.nan_to_num(x)",
    "isclose": "xp.isclose(x, y)",
    "array_equal": "xp.array_equal(x, y)",
    "divmod": "xp.divmod(i, j)[0]",
    "cast f32 to f16": ("x.astype(xp.float16)", "x.astype(np.float16)"),
    "cast f16 to f32": ("h.astype(xp.float32)", "h.astype(np.float32)"),
    "cast f32 to i32": ("s.astype(xp.int32)", "s.astype(np.int32)"),
    "cast i32 to f32": ("i.astype(xp.float32)", "i.astype(np.float32)"),
    "add f16": "h + h",
    "multiply c64": "z * z",
    "abs c64": "xp.abs(z)",
    "exp c64": "xp.exp(z)",
    "add f64": "d + d",
    "exp f64": "xp.exp(d)",
    "sin f64": "xp.sin(d)",
    "log f64": "xp.log(d)",
    "tanh f64": "xp.tanh(d)",
    "power f64": "xp.power(d, d)",
    "sum f64": "xp.sum(d)",
    "concatenate": "xp.concatenate([x, y])",
    "stack": "xp.stack([x, y], axis=-1)",
    "tile": "xp.tile(x, 2)",
    "repeat": "xp.repeat(x, 2)",
    "roll": "xp.roll(x, 3)",
    "pad": "xp.pad(x, (3, 5))",
    "flip": ("xp.contiguous(xp.flip(m, 1))", "np.ascontiguousarray(np.flip(m, 1))"),
    "transpose copy": ("xp.contiguous(m.T)", "np.ascontiguousarray(m.T)"),
    "tril": "xp.tril(m)",
    "triu": "xp.triu(m)",
    "diagonal": ("xp.contiguous(xp.diagonal(m))", "np.diagonal(m).copy()"),
    "trace": "xp.trace(m)",
    "meshgrid": "xp.meshgrid(x[:side], y[:side])[0] + 1",
    "outer": "xp.outer(x[:side], y[:side])",
    "inner": "xp.inner(x, y)",
    "kron": "xp.kron(x[:side], y[:side])",
    "take": "xp.take(x, k)",
    "take rows": "r[kr]",
    "index": "x[k]",
    "index set": ("put(x, k, y)", "put(x, k, y)"),
    "mask read": "x[b]",
    "take_along_axis": "xp.take_along_axis(r, ra, axis=1)",
    "slice": ("xp.contiguous(x[1::2])", "x[1::2].copy()"),
    "sort": "xp.sort(s)",
    "argsort": "xp.argsort(s)",
    "sort of rows": "xp.sort(r, axis=-1)",
    "argsort of rows": "xp.argsort(r, axis=-1)",
    "sort i32": "xp.sort(i)",
    "partition": "xp.partition(s, n // 2)",
    "argpartition": "xp.argpartition(s, n // 2)",
    "topk": ("xp.topk(s, 8)", "np.partition(s, -8)[-8:]"),
    "searchsorted": "xp.searchsorted(o, x)",
    "cumsum": "xp.cumsum(x)",
    "cumprod": "xp.cumprod(x)",
    "cumsum of rows": "xp.cumsum(r, axis=1)",
    "cumsum of columns": "xp.cumsum(r, axis=0)",
    "cummax": ("xp.cummax(x)", "np.maximum.accumulate(x)"),
    "logcumsumexp": ("xp.logcumsumexp(x)", "np.logaddexp.accumulate(x)"),
    "diff": "xp.diff(x)",
    "arange": ("xp.arange(n, dtype=xp.float32)", "np.arange(n, dtype=np.float32)"),
    "zeros": ("xp.zeros((n,))", "np.zeros(n, np.float32) + 0"),
    "linspace": "xp.linspace(0, 1, n)",
    "eye": "xp.eye(side)",
    "uniform": ("xp.random.uniform(shape=(n,))", "rng.random(n, np.float32)"),
    "normal": ("xp.random.normal((n,))", "rng.standard_normal(n, np.float32)"),
    "randint": ("xp.random.randint(0, 100, (n,))", "rng.integers(0, 100, n, np.int32)"),
    "bernoulli": ("xp.random.bernoulli(0.3, (n,))", "rng.random(n, np.float32) < 0.3"),
    "gumbel": ("xp.random.gumbel((n,))", "rng.gumbel(size=n).astype(np.float32)"),
    "laplace": ("xp.random.laplace((n,))", "rng.laplace(size=n).astype(np.float32)"),
    "permutation": ("xp.random.permutation(n)", "rng.permutation(n)"),
    "matvec": "m @ x[:side]",
    "fft": "xp.fft.fft(z)",
    "ifft": "xp.fft.ifft(z)",
    "rfft": "xp.fft.rfft(x)",
    "fft of rows": "xp.fft.fft(r)",
    "fft2": "xp.fft.fft2(m)",
    "convolve": ("xp.convolve(x, y[:9])", "np.convolve(x, y[:9])"),
    "norm": "xp.linalg.norm(x)",
    "hadamard": ("xp.hadamard_transform(r)", None),
    "einsum": "xp.einsum('ij,ij->i', r, r)",
}
CUBIC_ROWS = {
    "matmul": "m @ w",
    "matmul f64": "md @ wd",
    "matmul i32": "mi @ mi",
    "tensordot": "xp.tensordot(m, w, 1)",
    "inv": ("xp.linalg.inv(p, stream=xp.cpu)", "np.linalg.inv(p)"),
    "cholesky": ("xp.linalg.cholesky(p, stream=xp.cpu)", "np.linalg.cholesky(p)"),
    "qr": ("xp.linalg.qr(m, stream=xp.cpu)[1]", "np.linalg.qr(m)[1]"),
    "svd": ("xp.linalg.svd(m, stream=xp.cpu)[1]", "np.linalg.svd(m)[1]"),
    "eigh": ("xp.linalg.eigh(p, stream=xp.cpu)[0]", "np.linalg.eigh(p)[0]"),
    "eig": ("xp.linalg.eig(m, stream=xp.cpu)[0]", "np.linalg.eig(m)[0]"),
    "solve": ("xp.linalg.solve(p, w, stream=xp.cpu)", "np.linalg.solve(p, w)"),
    "lu": ("xp.linalg.lu_factor(m, stream=xp.cpu)[0]", None),
    "pinv": ("xp.linalg.pinv(m, stream=xp.cpu)", "np.linalg.pinv(m)"),
    "conv2d": ("xp.conv2d(image, kernel)", None),
    "conv1d": ("xp.conv1d(image[:, 0], kernel[:, 0])", None),
}


def put(x, k, y):
    x = x + 0
    x[k] = y
    return x


def names():
    """Every case as "operation@elements"."""
    return [f"{name}@{n}" for rows, sizes in ((ROWS, SIZES), (CUBIC_ROWS, CUBIC)) for name in rows for n in sizes]


def expression(case, numpy):
    name, n = case.rsplit("@", 1)
    row = (ROWS | CUBIC_ROWS)[name]
    pair = (row, row.replace("xp.", "np.")) if isinstance(row, str) else row
    return pair[numpy], int(n)


def data(n, words):
    """The NumPy inputs among `words` for n elements."""
    import numpy as np

    rng = np.random.default_rng(0)
    side = math.isqrt(n)

    def floats(*shape):
        return rng.random(shape, np.float32) * np.float32(0.8) + np.float32(0.1)

    def positive():
        a = floats(side, side)
        return a @ a.T / side + np.eye(side, dtype=np.float32)

    makers = {
        "x": lambda: floats(n), "y": lambda: floats(n), "s": lambda: rng.standard_normal(n, np.float32),
        "i": lambda: rng.integers(1, 100, n, np.int32), "j": lambda: rng.integers(1, 100, n, np.int32),
        "b": lambda: rng.random(n) < 0.5, "z": lambda: (floats(n) + 1j * floats(n)).astype(np.complex64),
        "h": lambda: floats(n).astype(np.float16), "d": lambda: floats(n).astype(np.float64),
        "m": lambda: floats(side, side), "w": lambda: floats(side, side), "md": lambda: floats(side, side).astype(np.float64),
        "wd": lambda: floats(side, side).astype(np.float64), "mi": lambda: rng.integers(0, 9, (side, side), np.int32),
        "p": positive, "r": lambda: floats(n // 64, 64), "k": lambda: rng.integers(0, n, n, np.int32),
        "kr": lambda: rng.integers(0, n // 64, n // 64, np.int32), "ra": lambda: rng.integers(0, 64, (n // 64, 64), np.int32),
        "o": lambda: np.sort(floats(n)), "image": lambda: floats(4, side // 2, side // 2, 16), "kernel": lambda: floats(16, 3, 3, 16),
    }
    return {k: make() for k, make in makers.items() if k in words}, side
