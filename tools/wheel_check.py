"""Run inside a clean venv after `pip install .`: the package stands alone, counts right and imports fast."""
import pathlib
import subprocess
import sys
import time


def seconds(code):
    """The best of seven starts of a fresh interpreter."""
    best = 1e9
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        best = min(best, time.perf_counter() - start)
    return best


import mlx.core as mx  # noqa: E402
import mlx.nn  # noqa: E402
import mlx.optimizers  # noqa: E402
import mlx.utils  # noqa: E402

assert mx.__version__.startswith("0.32."), mx.__version__
assert mx.__ravel_version__ == "0.1.0", mx.__ravel_version__
assert "site-packages" in mx.__file__, mx.__file__
installed = pathlib.Path(mx.__file__).parent
for name in ("py.typed", "core/__init__.pyi", "core/random.pyi"):
    assert (installed / name).is_file(), name
x = mx.array([1.0, 2.0, 3.0])
assert mx.grad(lambda v: (v * v).sum())(x).tolist() == [2.0, 4.0, 6.0]
assert mlx.nn.Linear(3, 2)(x).shape == (2,)
inverse = mx.linalg.inv(mx.array([[2.0, 0.0], [0.0, 4.0]]))
assert "openblas" not in open("/proc/self/maps").read(), "OpenBLAS was opened before it was needed"
assert inverse.tolist() == [[0.5, 0.0], [0.0, 0.25]]
assert "scipy_openblas32" in open("/proc/self/maps").read(), "not pip's OpenBLAS"
extra = seconds("import mlx.core") - seconds("pass")
print(f"import mlx.core takes {extra * 1e3:.1f} ms beyond Python's own start")
