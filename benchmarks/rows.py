"""What is measured: one Row per line of the table. The code of each lives in cases_<peer>.py under the same name."""
from dataclasses import dataclass
from typing import Optional, Tuple

M16 = 16 * 1024 * 1024
SIDE = 4096


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    moves: Optional[Tuple[int, int]] = None  # bytes read and written, at least: the bandwidth probe moves the same
    flops: float = 0  # multiply-adds count two: the arithmetic probe does the same
    goal: Tuple[str, float] = ("", 0)  # ("probe" or a peer, ratio) or ("seconds", limit)


ROWS = [
    Row("add8", "one add of 8 floats, evaluated", goal=("seconds", 3e-6)),
    Row("chain1000", "chain of 1000 adds of 8 floats", goal=("torch", 0.5)),
    Row("add", "a + b, 16M f32", moves=(2 * M16 * 4, M16 * 4), goal=("probe", 1.25)),
    Row("exp", "exp, 16M f32", moves=(M16 * 4, M16 * 4), goal=("probe", 1.25)),
    Row("erf", "erf, 16M f32", moves=(M16 * 4, M16 * 4), goal=("probe", 1.25)),
    Row("add_t", "a + b.T, 4096² f32", moves=(2 * SIDE * SIDE * 4, SIDE * SIDE * 4), goal=("probe", 2.0)),
    Row("gelu", "gelu, 16M f32, not compiled", moves=(M16 * 4, M16 * 4), goal=("probe", 1.25)),
    Row("gelu_compiled", "gelu, 16M f32, compiled", moves=(M16 * 4, M16 * 4), goal=("probe", 1.25)),
    Row("gelu_bf16", "gelu, 16M bf16, compiled", moves=(M16 * 2, M16 * 2), goal=("probe", 1.25)),
    Row("sum", "sum, 16M f32", moves=(M16 * 4, 0), goal=("probe", 1.25)),
    Row("sum_axis0", "sum over axis 0, 4096² f32", moves=(SIDE * SIDE * 4, 0), goal=("probe", 1.25)),
    Row("softmax", "softmax, 4096 rows of 4096 f32", moves=(SIDE * SIDE * 4, SIDE * SIDE * 4), goal=("probe", 1.25)),
    Row("matmul", "matmul f32, 2048³", flops=2 * 2048**3, goal=("numpy", 1.0)),
    Row("matmul_bf16", "matmul bf16, 2048³", flops=2 * 2048**3, goal=("torch", 1.0)),
    Row("gemv", "gemv f32, 4096²", moves=(SIDE * SIDE * 4, 0), goal=("probe", 1.25)),
    Row("gemv_bf16", "gemv bf16, 4096²", moves=(SIDE * SIDE * 2, 0), goal=("probe", 1.25)),
    Row("take", "take 8192 rows of 4096 f32", moves=(8192 * SIDE * 4, 8192 * SIDE * 4), goal=("probe", 1.25)),
    Row("transpose", "transpose copy, 4096² f32", moves=(SIDE * SIDE * 4, SIDE * SIDE * 4), goal=("probe", 2.0)),
    Row("normal", "random normal, 16M f32", moves=(0, M16 * 4), goal=("torch", 1.0)),
    Row("mlp", "MLP training step, batch 256, Adam", flops=6 * 256 * (784 * 512 + 512 * 512 + 512 * 10), goal=("jax", 1.0)),
    Row("digits", "examples/digits, ten epochs", goal=("torch", 0.5)),
]
