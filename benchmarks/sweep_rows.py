"""The sweep: every operation as one expression that both MLX's interface (xp = mlx.core) and NumPy evaluate.

Inputs, of n elements: x, y floats in [0.1, 0.9], s signed ones, i, j integers 1 … 100, b booleans, z complex, h halves, g bfloat16,
d doubles, u8 i8 i64; o sorted; m, w square matrices, l lower triangular, p positive definite (md, wd, pd: doubles); r, q rows of 64;
v rows of 3; t, tw, tp batches of 4x4 matrices; c, cw 16 matrices; k, ki, kj integers below n or a side, kr rows, ra places in rows,
kc columns; image, kernel and the like for convolutions; file the path of a saved x.
"""
import math
import tempfile

SIZES = (64, 1 << 16, 1 << 24)
MIDDLE = (64, 1 << 16, 1 << 22)  # for dtypes beside float32
CUBIC = (64, 1 << 14, 1 << 18)  # elements of a matrix where the work is its side cubed

# name → the expression, or (MLX's, NumPy's); None where NumPy has none
UNARY = """abs negative sign floor ceil square sqrt reciprocal exp expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh
tanh arcsinh arctanh degrees radians isnan isinf isfinite isposinf isneginf logical_not round trunc""".split()
SIGNED = "abs negative sign floor ceil round trunc square".split()
BINARY = """add subtract multiply divide power maximum minimum arctan2 logaddexp equal not_equal less less_equal greater greater_equal
logical_and logical_or logical_xor remainder floor_divide""".split()
INTEGER = "bitwise_and bitwise_or bitwise_xor left_shift right_shift floor_divide remainder add multiply maximum".split()
REDUCTIONS = "sum prod min max mean var std argmin argmax median".split()
SCANS = {"cumsum": "add", "cumprod": "multiply", "cummax": "maximum", "cummin": "minimum", "logcumsumexp": "logaddexp"}
AT = {"add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide", "maximum": "maximum", "minimum": "minimum"}
DTYPES = {"i8": "i8", "u8": "u8", "i64": "i64", "f64": "d", "f16": "h", "bf16": "g"}
CASTS = {"f32": ("s", "float32"), "f64": ("d", "float64"), "f16": ("h", "float16"), "bf16": ("g", "bfloat16"), "i32": ("i", "int32"),
         "i64": ("i64", "int64"), "u8": ("u8", "uint8"), "bool": ("b", "bool_"), "c64": ("z", "complex64")}
PAIRS = """f32-f16 f16-f32 f32-bf16 bf16-f32 f32-f64 f64-f32 f32-i32 i32-f32 f32-u8 u8-f32 i32-i64 i64-i32 i64-f32 f32-i64 bool-f32
f32-bool i32-u8 f32-c64 bf16-f16""".split()
WINDOWS = "bartlett hanning hamming blackman".split()


def cast(pair):
    """The row of a cast: NumPy has no bfloat16."""
    word, to = CASTS[pair.split("-")[0]][0], CASTS[pair.split("-")[1]][1]
    return f"{word}.astype(xp.{to})", None if "bf16" in pair else f"{word}.astype(np.{to})"


def beside(mlx, numpy, dtype):
    return mlx, None if dtype == "bf16" else numpy


ROWS = {
    **{f: f"xp.{f}({'s' if f in SIGNED else 'x'})" for f in UNARY},
    "arccosh": "xp.arccosh(x + 1)",
    **{f: f"xp.{f}(x, y)" for f in BINARY},
    **{f"{f} i32": f"xp.{f}(i, j & 7)" if "shift" in f else f"xp.{f}(i, j)" for f in INTEGER},
    **{f: f"xp.{f}(x)" for f in REDUCTIONS},
    **{f"{f} of rows": f"xp.{f}(r, axis=1)" for f in REDUCTIONS},
    **{f"{f} of columns": f"xp.{f}(r, axis=0)" for f in ("sum", "max", "mean", "argmax", "var")},
    **{f"{f} of {w}": (f"xp.{f}(r, axis={a})", f"np.{u}.accumulate(r, axis={a})") for f, u in SCANS.items() for w, a in (("rows", 1), ("columns", 0))},
    **{f: (f"xp.{f}(x)", f"np.{u}.accumulate(x)") for f, u in SCANS.items()},
    **{f: f"xp.{f}(n)" for f in WINDOWS},
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
    "allclose": "xp.allclose(x, x)",
    "array_equal": "xp.array_equal(x, x)",
    "minmax": ("xp.minmax(x)", "(np.min(x), np.max(x))"),
    "bitwise_invert i32": "xp.bitwise_invert(i)",
    "add a row": "r + y[:64]",
    "add a column": "r + r[:, :1]",
    "add a number": "x + 0.5",
    "divmod": "xp.divmod(i, j)[0]",
    "multiply c64": "z * z",
    "abs c64": "xp.abs(z)",
    "exp c64": "xp.exp(z)",
    "divide c64": "z / z",
    "log c64": "xp.log(z)",
    "sqrt c64": "xp.sqrt(z)",
    "sum c64": "xp.sum(z)",
    "conj c64": "xp.conj(z)",
    "real c64": ("xp.contiguous(xp.real(z))", "np.real(z).copy()"),
    "imag c64": ("xp.contiguous(xp.imag(z))", "np.imag(z).copy()"),
    "exp f64": "xp.exp(d)",
    "sin f64": "xp.sin(d)",
    "log f64": "xp.log(d)",
    "tanh f64": "xp.tanh(d)",
    "power f64": "xp.power(d, d)",
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
    "diag": "xp.diag(x[:side])",
    "unstack": ("[u + 1 for u in xp.unstack(r[:, :8], axis=1)]", "[u + 1 for u in np.unstack(r[:, :8], axis=1)]"),
    "split": "[u + 1 for u in xp.split(x, 4)]",
    "as_strided": ("xp.contiguous(xp.as_strided(x, (side, side), (1, side)))", "np.lib.stride_tricks.as_strided(x, (side, side), (4, 4 * side)).copy()"),
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
    "index of pairs": "m[ki, kj]",
    "index set of pairs": ("put(m, (ki, kj), x)", "put(m, (ki, kj), x)"),
    "slice set": ("put(x, slice(1, None, 2), y[: n // 2])", "put(x, slice(1, None, 2), y[: n // 2])"),
    "mask set": ("put(x, b, 0.5)", "put(x, b, 0.5)"),
    "slice, dynamic": ("xp.slice(m, start, (0,), (side // 2, side)) + 0", "m[start[0] : start[0] + side // 2] + 0"),
    "slice_update": ("xp.slice_update(m, w[: side // 2], start, (0,))", "put(m, slice(start[0], start[0] + side // 2), w[: side // 2])"),
    "take columns": "xp.take(r, kc, axis=1)",
    "mask read": "x[b]",
    "take_along_axis": "xp.take_along_axis(r, ra, axis=1)",
    "put_along_axis": ("xp.put_along_axis(r, ra, q, axis=1)", "put_along(r, ra, q)"),
    "slice": ("xp.contiguous(x[1::2])", "x[1::2].copy()"),
    "sort": "xp.sort(s)",
    "argsort": "xp.argsort(s)",
    "sort of rows": "xp.sort(r, axis=-1)",
    "argsort of rows": "xp.argsort(r, axis=-1)",
    "partition": "xp.partition(s, n // 2)",
    "argpartition": "xp.argpartition(s, n // 2)",
    "partition of rows": "xp.partition(r, 8, axis=-1)",
    "argpartition of rows": "xp.argpartition(r, 8, axis=-1)",
    "argsort i32": "xp.argsort(i)",
    "sort i32": "xp.sort(i)",
    "sort of columns": "xp.sort(r, axis=0)",
    "unique": ("xp.unique(i, 128)", "np.unique(i)"),
    "topk": ("xp.topk(s, 8)", "np.partition(s, -8)[-8:]"),
    "searchsorted": "xp.searchsorted(o, x)",
    "diff": "xp.diff(x)",
    "arange": ("xp.arange(n, dtype=xp.float32)", "np.arange(n, dtype=np.float32)"),
    "full": ("xp.full((n,), 0.5)", "np.full(n, 0.5, np.float32)"),
    "ones": ("xp.ones((n,))", "np.ones(n, np.float32)"),
    **{f: f"xp.{f}(x)" for f in ("zeros_like", "ones_like")},
    "full_like": "xp.full_like(x, 0.5)",
    "identity": ("xp.identity(side)", "np.identity(side, np.float32)"),
    "tri": ("xp.tri(side)", "np.tri(side, dtype=np.float32)"),
    "array from NumPy": ("xp.array(nx)", "np.array(nx)"),
    "tolist": ("xp.arange(1024).tolist()", "np.arange(1024).tolist()"),
    "zeros": ("xp.zeros((n,))", "np.zeros(n, np.float32) + 0"),
    "linspace": "xp.linspace(0, 1, n)",
    "eye": ("xp.eye(side)", "np.eye(side, dtype=np.float32)"),
    "uniform": ("xp.random.uniform(shape=(n,))", "rng.random(n, np.float32)"),
    "normal": ("xp.random.normal((n,))", "rng.standard_normal(n, np.float32)"),
    "randint": ("xp.random.randint(0, 100, (n,))", "rng.integers(0, 100, n, np.int32)"),
    "bernoulli": ("xp.random.bernoulli(0.3, (n,))", "rng.random(n, np.float32) < 0.3"),
    "gumbel": ("xp.random.gumbel((n,))", "rng.gumbel(size=n).astype(np.float32)"),
    "laplace": ("xp.random.laplace((n,))", "rng.laplace(size=n).astype(np.float32)"),
    "truncated_normal": ("xp.random.truncated_normal(-1.0, 1.0, (n,))", "special.ndtri(rng.random(n, np.float32) * np.float32(0.68) + np.float32(0.16))"),
    "categorical": ("xp.random.categorical(r)", "np.argmax(r + rng.gumbel(size=r.shape), axis=1)"),
    "multivariate_normal": ("xp.random.multivariate_normal(x[:4], xp.eye(4), (n // 4,))", "rng.multivariate_normal(x[:4], np.eye(4), n // 4)"),
    "uniform f16": ("xp.random.uniform(shape=(n,), dtype=xp.float16)", None),
    "normal bf16": ("xp.random.normal((n,), xp.bfloat16)", None),
    "random split": ("xp.random.split(xp.random.key(1), n // 2)", None),
    "permutation of rows": ("xp.random.permutation(r)", "rng.permutation(r)"),
    "permutation": ("xp.random.permutation(n)", "rng.permutation(n)"),
    "matvec": "m @ x[:side]",
    "fft": "xp.fft.fft(z)",
    "ifft": "xp.fft.ifft(z)",
    "rfft": "xp.fft.rfft(x)",
    "irfft": "xp.fft.irfft(z)",
    "fft of 3/4 n": "xp.fft.fft(z, 3 * n // 4)",
    "rfft of rows": "xp.fft.rfft(r)",
    "fft of columns": "xp.fft.fft(r, axis=0)",
    "fft of rows": "xp.fft.fft(r)",
    **{f: f"xp.fft.{f}(m)" for f in ("fft2", "ifft2", "rfft2", "irfft2")},
    **{f: f"xp.fft.{f}(c)" for f in ("fftn", "ifftn", "rfftn", "irfftn")},
    **{f: f"xp.fft.{f}(m)" for f in ("fftshift", "ifftshift")},
    **{f: f"xp.fft.{f}(n)" for f in ("fftfreq", "rfftfreq")},
    "stft": ("xp.fft.stft(x, 32)", None),
    "istft": ("xp.fft.istft(xp.fft.stft(x, 32), 32)", None),
    "convolve": ("xp.convolve(x, y[:9])", "np.convolve(x, y[:9])"),
    "norm": "xp.linalg.norm(x)",
    "norm of rows": "xp.linalg.norm(r, axis=1)",
    "norm 1 of a matrix": "xp.linalg.norm(m, 1)",
    "cross": "xp.linalg.cross(v, v[::-1])",
    "vecdot": "xp.vecdot(r, q)",
    "save": ("xp.save(file + 'o.npy', x)", "np.save(file + 'o.npy', x)"),
    "savez": ("xp.savez(file + 'o.npz', x=x)", "np.savez(file + 'o.npz', x=x)"),
    "save_safetensors": ("xp.save_safetensors(file + 'o.safetensors', {'x': x})", None),
    "save_gguf": ("xp.save_gguf(file + 'o.gguf', {'x': x}, {})", None),
    "load": ("xp.load(file)", "np.load(file)"),
    "hadamard": ("xp.hadamard_transform(r)", None),
    "einsum": "xp.einsum('ij,ij->i', r, r)",
}
MIDDLE_ROWS = {
    **{f"at {f}": (f"x.at[k].{f}(y)", f"at(np.{u}, x, k, y)") for f, u in AT.items()},
    **{f"{f} {t}": beside(f"xp.{f}({v}, {v})", f"np.{f}({v}, {v})", t) for f in ("add", "multiply", "maximum", "less") for t, v in DTYPES.items()},
    **{f"{f} {t}": beside(f"xp.{f}({v})", f"np.{f}({v})", t) for f in ("sum", "max", "argmax", "sort") for t, v in DTYPES.items()},
    **{f"cumsum {t}": beside(f"xp.cumsum({v})", f"np.cumsum({v}, dtype={v}.dtype)", t) for t, v in DTYPES.items()},
    **{f"mean {t}": beside(f"xp.mean({v})", f"np.mean({v})", t) for t, v in DTYPES.items() if "f" in t},
    **{f"{f} {t}": beside(f"xp.{f}({v})", f"np.{f}({v})", t) for f in ("exp", "tanh", "sqrt") for t, v in (("f16", "h"), ("bf16", "g"))},
    **{f"where {t}": beside(f"xp.where(b, {v}, {v})", f"np.where(b, {v}, {v})", t) for t, v in DTYPES.items()},
    **{f"sum of rows {t}": beside(f"xp.sum({v}.reshape(-1, 64), axis=1)", f"np.sum({v}.reshape(-1, 64), axis=1)", t) for t, v in DTYPES.items()},
    **{f"softmax of rows {t}": (f"xp.softmax({v}.reshape(-1, 64), axis=-1)", None) for t, v in (("f16", "h"), ("bf16", "g"))},
    **{f"cast {pair}": cast(pair) for pair in PAIRS},
    "savez_compressed": ("xp.savez_compressed(file + 'c.npz', x=x)", "np.savez_compressed(file + 'c.npz', x=x)"),
    "fft of a prime": "xp.fft.fft(z[: {64: 61, 65536: 65521, 4194304: 4194301}[n]])",
}
CUBIC_ROWS = {
    "matmul": "m @ w",
    "matmul f64": "md @ wd",
    "matmul i32": "mi @ mi",
    "matmul c64": "mc @ mc",
    "matmul f16": ("h.reshape(side, side) @ h.reshape(side, side)", None),
    "matmul bf16": ("g.reshape(side, side) @ g.reshape(side, side)", None),
    "matmul of small": "t @ tw",
    "matmul of 16": "c @ cw",
    "addmm": ("xp.addmm(m, p, w)", "m + p @ w"),
    "gather_mm": ("xp.gather_mm(c, cw, pick, pick[::-1])", "c[pick] @ cw[pick[::-1]]"),
    "segmented_mm": ("xp.segmented_mm(m, w, halves)", "np.stack([m[:, : side // 2] @ w[: side // 2], m[:, side // 2 :] @ w[side // 2 :]])"),
    "block_masked_mm": ("xp.block_masked_mm(m, w, 32, blocks)", None),
    "einsum of three": ("xp.einsum('ij,jk,kl->il', m, w, p)", "np.einsum('ij,jk,kl->il', m, w, p, optimize=True)"),
    "einsum of batches": "xp.einsum('bij,bkj->bik', c, cw)",
    "tensordot": "xp.tensordot(m, w, 1)",
    **{f"{f}{w}": (f"xp.linalg.{f}({a}, stream=xp.cpu)", f"np.linalg.{f}({a})") for w, a in (("", "p"), (" f64", "pd"), (" of small", "tp"))
       for f in ("inv", "cholesky", "det", "slogdet", "eigvalsh", "eigvals", "pinv")},
    **{f"{f}{w}": (f"xp.linalg.{f}({a}, stream=xp.cpu)[{o}]", f"np.linalg.{f}({a})[{o}]") for w, a in (("", "p"), (" of small", "tp"))
       for f, o in (("qr", 1), ("svd", 1), ("eigh", 0), ("eig", 0))},
    "solve": ("xp.linalg.solve(p, w, stream=xp.cpu)", "np.linalg.solve(p, w)"),
    "solve of small": ("xp.linalg.solve(tp, tw, stream=xp.cpu)", "np.linalg.solve(tp, tw)"),
    "solve_triangular": ("xp.linalg.solve_triangular(l, w, stream=xp.cpu)", "linalg.solve_triangular(l, w, lower=True, check_finite=False)"),
    "tri_inv": ("xp.linalg.tri_inv(l, stream=xp.cpu)", "linalg.lapack.strtri(l, lower=1)[0]"),
    "cholesky_inv": ("xp.linalg.cholesky_inv(l, stream=xp.cpu)", "linalg.lapack.spotri(l, lower=1)[0]"),
    "lu": ("xp.linalg.lu(p, stream=xp.cpu)[2]", "linalg.lu(p, p_indices=True, check_finite=False)[2]"),
    "lu_factor": ("xp.linalg.lu_factor(p, stream=xp.cpu)[0]", "linalg.lu_factor(p, check_finite=False)[0]"),
    "lu of small": ("xp.linalg.lu(tp, stream=xp.cpu)[2]", "linalg.lu(tp, p_indices=True, check_finite=False)[2]"),
    "norm 2 of a matrix": ("xp.linalg.norm(m, 2, stream=xp.cpu)", "np.linalg.norm(m, 2)"),
    "norm nuc of a matrix": ("xp.linalg.norm(m, 'nuc', stream=xp.cpu)", "np.linalg.norm(m, 'nuc')"),
    "conv2d": ("xp.conv2d(image, kernel)", None),
    "conv2d bf16": ("xp.conv2d(image.astype(xp.bfloat16), kernel.astype(xp.bfloat16))", None),
    "conv2d, strided": ("xp.conv2d(image, kernel, 2, 1)", None),
    "conv2d, depthwise": ("xp.conv2d(image, kernel[..., :1], groups=16)", None),
    "conv2d, 4 groups": ("xp.conv2d(image, kernel[..., :4], groups=4)", None),
    "conv_general": ("xp.conv_general(image, kernel, padding=2, kernel_dilation=2, flip=True)", None),
    "conv_transpose1d": ("xp.conv_transpose1d(image[:, 0], kernel[:, 0], 2)", None),
    "conv_transpose2d": ("xp.conv_transpose2d(image, kernel, 2)", None),
    "conv_transpose3d": ("xp.conv_transpose3d(image[:, :4, None], kernel[:, :1, None], 2)", None),
    "conv3d": ("xp.conv3d(image.reshape(2, 2, *image.shape[1:]), kernel[:, None])", None),
    "conv1d": ("xp.conv1d(image[:, 0], kernel[:, 0])", None),
}

TABLES = ((ROWS, SIZES), (MIDDLE_ROWS, MIDDLE), (CUBIC_ROWS, CUBIC))


def put(x, k, y):
    x = x + 0
    x[k] = y
    return x


def put_along(x, k, y):
    import numpy as np

    x = x.copy()
    np.put_along_axis(x, k, y, axis=1)
    return x


def at(ufunc, x, k, y):
    x = x.copy()
    ufunc.at(x, k, y)
    return x


def names():
    """Every case as "operation@elements"."""
    return [f"{name}@{n}" for rows, sizes in TABLES for name in rows for n in sizes]


def expression(case, numpy):
    name, n = case.rsplit("@", 1)
    row = next(rows[name] for rows, _ in TABLES if name in rows)
    pair = (row, row.replace("xp.", "np.")) if isinstance(row, str) else row
    return pair[numpy], int(n)


def data(n, words):
    """The NumPy inputs among `words` for n elements."""
    import numpy as np

    rng = np.random.default_rng(0)
    side = math.isqrt(n)

    def floats(*shape):
        return rng.random(shape, np.float32) * np.float32(0.8) + np.float32(0.1)

    def whole(below, shape, dtype=np.int32, low=0):
        return rng.integers(low, below, shape, dtype)

    def positive(*shape):
        a = floats(*shape)
        return a @ np.swapaxes(a, -1, -2) / shape[-1] + np.eye(shape[-1], dtype=np.float32)

    def saved():
        path = tempfile.mkdtemp() + "/x.npy"
        np.save(path, floats(n))
        return path

    batch, cube = (n // 16, 4, 4), (16, math.isqrt(n // 16), math.isqrt(n // 16))
    image = (4, max(side // 4, 4), max(side // 4, 4), 16)
    makers = {
        "x": lambda: floats(n), "nx": lambda: floats(n), "y": lambda: floats(n), "s": lambda: rng.standard_normal(n, np.float32),
        "i": lambda: whole(100, n, low=1), "j": lambda: whole(100, n, low=1), "b": lambda: rng.random(n) < 0.5,
        "z": lambda: (floats(n) + 1j * floats(n)).astype(np.complex64), "h": lambda: floats(n).astype(np.float16), "g": lambda: floats(n),
        "d": lambda: floats(n).astype(np.float64), "i8": lambda: whole(100, n, np.int8), "u8": lambda: whole(200, n, np.uint8),
        "i64": lambda: whole(1 << 40, n, np.int64), "o": lambda: np.sort(floats(n)), "m": lambda: floats(side, side),
        "w": lambda: floats(side, side), "l": lambda: np.tril(positive(side, side)), "p": lambda: positive(side, side),
        "md": lambda: floats(side, side).astype(np.float64), "wd": lambda: floats(side, side).astype(np.float64),
        "pd": lambda: positive(side, side).astype(np.float64), "mi": lambda: whole(9, (side, side)),
        "mc": lambda: (floats(side, side) + 1j * floats(side, side)).astype(np.complex64), "r": lambda: floats(n // 64, 64),
        "q": lambda: floats(n // 64, 64), "v": lambda: floats(n // 3, 3), "t": lambda: floats(*batch), "tw": lambda: floats(*batch),
        "tp": lambda: positive(*batch), "c": lambda: floats(*cube), "cw": lambda: floats(*cube), "k": lambda: whole(n, n),
        "ki": lambda: whole(side, n), "kj": lambda: whole(side, n), "kr": lambda: whole(n // 64, n // 64), "kc": lambda: whole(64, 64),
        "ra": lambda: rng.permuted(np.tile(np.arange(64, dtype=np.int32), (n // 64, 1)), axis=1), "pick": lambda: whole(16, 16),
        "start": lambda: np.array([min(3, side // 2)], np.int32), "halves": lambda: np.array([[0, side // 2], [side // 2, side]], np.uint32),
        "blocks": lambda: rng.random((-(-side // 32), -(-side // 32))) < 0.75, "image": lambda: floats(*image),
        "kernel": lambda: floats(16, 3, 3, 16), "file": saved,
    }
    return {k: make() for k, make in makers.items() if k in words}, side
