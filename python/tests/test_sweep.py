"""The rows of benchmarks/sweep_rows.py: every operation of the checklist has one, and both sides of a row do the same work."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import linalg, special

import mlx.core as mx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import sweep_rows  # noqa: E402

# Names without array work: views, types, settings, what belongs to a later step of the roadmap, and transforms (which other benchmarks time).
WORKLESS = set("""DLPackCompatible Device DeviceType Dtype Stream ThreadLocalStream StreamContext finfo iinfo array ArrayAt ArrayLike ArrayIterator PrintOptions
    FunctionExporter default_device set_default_device is_available device_count device_info default_stream set_default_stream new_stream
    new_thread_unsafe_stream new_thread_local_stream clear_streams stream synchronize get_active_memory get_array_buffer_size get_peak_memory
    reset_peak_memory get_cache_memory set_memory_limit get_memory_limit set_cache_limit set_wired_limit clear_cache reshape flatten unflatten
    squeeze expand_dims moveaxis swapaxes transpose matrix_transpose permute_dims broadcast_to broadcast_arrays atleast_1d atleast_2d atleast_3d
    positive stop_gradient view depends asarray from_dlpack issubdtype result_type can_cast isdtype einsum_path broadcast_shapes quantized_matmul
    quantize dequantize gather_qmm gather_qqmm qqmm from_fp8 to_fp8 custom_function eval async_eval jvp vjp value_and_grad grad vmap compile
    disable_compile enable_compile checkpoint export_function import_function exporter export_to_dot set_printoptions get_printoptions
    printoptions random.__getattr__ random.seed""".split())
ALIASES = {"concat": "concatenate", "conjugate": "conj", "identity": "eye", "matmul": "@", "array_equal": "array_equal"}


def test_every_operation_of_the_checklist_has_a_row():
    text = " ".join(str(rows) for rows, _ in sweep_rows.TABLES)
    missing = []
    for name in ("python-core.txt", "python-core-sub.txt"):
        for line in (ROOT / "tools/api" / name).read_text().splitlines():
            found = re.match(r"(?:class )?mlx\.core\.((?:fft\.|linalg\.|random\.)?\w+)", line)
            op = found and found[1]
            if not op or "(" not in line or re.match(r"class|mlx\.core\.(fast|distributed|cuda|metal)\b", line):
                continue
            if op not in WORKLESS and not re.search(rf"\b{ALIASES.get(op, op)}\(|{re.escape(ALIASES[op]) if op == 'matmul' else '$^'}", text):
                missing.append(op)
    assert not missing, missing



@pytest.mark.parametrize("case", [c for c in sweep_rows.names() if c.endswith("@64")])
def test_both_sides_of_a_row_do_the_same_work(case):
    (mlx, n), (numpy, _) = sweep_rows.expression(case, 0), sweep_rows.expression(case, 1)
    words = set(re.findall(r"\w+", mlx + " " + (numpy or "")))
    inputs, side = sweep_rows.data(n, words)
    common = {"put": sweep_rows.put, "n": n, "side": side}
    ours = {k: v if k in ("file", "nx") else mx.array(v, dtype=mx.float64) if v.dtype == "float64" else mx.array(v) for k, v in inputs.items()}
    if "g" in ours:
        ours["g"] = ours["g"].astype(mx.bfloat16)
    got = eval(f"({mlx})", {"xp": mx, **common, **ours})
    if numpy is None or "save" in mlx:
        return mx.eval(got)
    want = eval(f"({numpy})", {"np": np, "special": special, "linalg": linalg, "put_along": sweep_rows.put_along, "at": sweep_rows.at,
                               "rng": np.random.default_rng(1), **common, **inputs})
    got, want = ([x] if not isinstance(x, (list, tuple)) else x for x in (got, want))
    assert len(got) == len(want)
    for g, w in zip(got, want):
        g, w = np.asarray(g), np.asarray(w)
        if "unique(" in mlx:  # a given size, filled up with the least
            g = np.unique(g)
        assert g.shape == w.shape
        if any(word in mlx for word in ("partition", "argsort", "random.", "eig(", "eigvals(")):
            continue  # any order, any draw
        tolerance = 5e-2 if "float16" in (g.dtype, w.dtype) else 2e-4
        if "qr(" in mlx:  # but for signs
            g, w = np.abs(g), np.abs(w)
        if "cholesky_inv" in mlx:  # LAPACK gives one triangle
            g = np.tril(g)
        assert np.allclose(g, w, tolerance, tolerance, equal_nan=True)
