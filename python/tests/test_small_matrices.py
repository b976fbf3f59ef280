"""Stacks of small matrices: kernels of their own for sides up to 16. Oracles: NumPy in double, SciPy, and what a factorization means."""
import os
import subprocess
import sys

import mlx.core as mx
import numpy as np
import pytest
import scipy.linalg

la = mx.linalg
TYPES = ["float32", "float64"]
SIDES = [1, 2, 3, 4, 5, 8, 11, 16, 17]
BATCHES = [(), (1,), (3,), (2, 9), (37,)]
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}

both = pytest.mark.parametrize("dtype", TYPES)
sided = pytest.mark.parametrize("n", SIDES)


def made(seed, shape, dtype):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def layouts(x):
    """Arrays of the same values: as it is; transposed, backwards and stepped in memory; one matrix for all where it may be."""
    yield mx.array(x, getattr(mx, x.dtype.name))
    yield mx.swapaxes(mx.array(np.swapaxes(x, -1, -2).copy(), getattr(mx, x.dtype.name)), -1, -2)
    wide = np.zeros((*x.shape[:-2], 2 * x.shape[-2], x.shape[-1]), x.dtype)
    wide[..., ::-2, ::-1] = x
    yield mx.array(wide, getattr(mx, x.dtype.name))[..., ::-2, ::-1]


def near(got, want, dtype, scale):
    np.testing.assert_allclose(np.array(got), want, rtol=0, atol=EPS[dtype] * scale)


@both
@sided
@pytest.mark.parametrize("batch", BATCHES)
def test_inverses_and_systems_leave_small_residuals(batch, n, dtype):
    x, b = made(n, (*batch, n, n), dtype), made(n + 1, (*batch, n, 3), dtype)
    wide = x.astype("float64")
    condition = np.max(np.linalg.cond(wide))
    for a in layouts(x):
        inverse, solved = np.array(la.inv(a), "float64"), np.array(la.solve(a, mx.array(b, a.dtype)), "float64")
        near(inverse @ wide, np.broadcast_to(np.eye(n), x.shape), dtype, 40 * n * condition)
        residual = np.abs(wide @ solved - b).max() / (np.abs(wide).max() * np.abs(solved).max() * n)
        assert residual < 20 * EPS[dtype]


@both
@sided
@pytest.mark.parametrize("batch", BATCHES)
def test_factors_make_the_matrix_and_determinants_are_numpys(batch, n, dtype):
    x = made(3 * n, (*batch, n, n), dtype)
    sign, log = np.linalg.slogdet(x.astype("float64"))
    for a in layouts(x):
        p, lower, upper = la.lu(a)
        lower, upper = np.array(lower, "float64"), np.array(upper, "float64")
        near(np.take_along_axis(lower @ upper, np.array(p, "int64")[..., None], -2), x, dtype, 40 * n)
        assert np.abs(lower).max() <= 1
        factors, pivots = la.lu_factor(a)
        near(np.tril(np.array(factors), -1) + np.eye(n), lower, dtype, 1)
        order = np.broadcast_to(np.arange(n), (*batch, n)).copy()
        for row in range(n):
            to = np.array(pivots, "int64")[..., row, None]
            here = order[..., row].copy()
            order[..., row] = np.take_along_axis(order, to, -1)[..., 0]
            np.put_along_axis(order, to, here[..., None], -1)
        assert np.array_equal(np.argsort(order, -1), np.array(p))
        size = np.linalg.cond(x.astype("float64")).max()
        near(la.det(a), sign * np.exp(log), dtype, 20 * n * size * np.exp(log).max())
        near(la.slogdet(a)[0], sign, dtype, 0)
        near(la.slogdet(a)[1], log, dtype, 20 * n * size)


@both
@sided
@pytest.mark.parametrize("batch", BATCHES)
def test_triangles(batch, n, dtype):
    x, b = made(5 * n, (*batch, n, n), dtype) / n + 2 * np.eye(n, dtype=dtype), made(5 * n + 1, (*batch, n, 4), dtype)
    for a in layouts(x):
        for upper, triangle in ((False, np.tril(x)), (True, np.triu(x))):
            want = np.linalg.inv(triangle.astype("float64"))
            got = np.array(la.tri_inv(a, upper=upper))
            near(got, want, dtype, 20 * n)
            other = np.tril(got, -1) if upper else np.triu(got, 1)
            assert not other.any() and not np.signbit(other).any()
            near(la.solve_triangular(a, mx.array(b, a.dtype), upper=upper), want @ b, dtype, 60 * n)
    for a in layouts(x @ np.swapaxes(x, -1, -2)):
        lower = np.array(la.cholesky(a), "float64")
        assert not np.triu(lower, 1).any()
        near(lower @ np.swapaxes(lower, -1, -2), np.array(a), dtype, 40 * n)


@both
@sided
@pytest.mark.parametrize("batch", BATCHES)
def test_eigenvalues_ascend_and_vectors_are_orthonormal(batch, n, dtype):
    x = made(7 * n, (*batch, n, n), dtype)
    x = x + np.swapaxes(x, -1, -2)
    want = np.linalg.eigvalsh(x.astype("float64"))
    scale = np.abs(want).max()
    for a in layouts(x):
        w, v = la.eigh(a)
        v = np.array(v, "float64")
        near(w, want, dtype, 5 * n * scale)
        near(la.eigvalsh(a), want, dtype, 5 * n * scale)
        assert (np.diff(np.array(w)) >= 0).all()
        near(np.swapaxes(v, -1, -2) @ v, np.broadcast_to(np.eye(n), x.shape), dtype, 20 * n)
        near((v * np.array(w)[..., None, :]) @ np.swapaxes(v, -1, -2), x, dtype, 20 * n * scale)


@both
def test_eigenvalues_of_odd_matrices(dtype):
    big, low = (3e38, 1e-42) if dtype == "float32" else (1.7e308, 1e-320)
    rows = [np.zeros((3, 3)), np.eye(3), np.ones((3, 3)), np.diag([3.0, -1, 2]), np.full((3, 3), low), np.diag([big, -big, 0]),
            big / 4 * np.ones((3, 3)), np.array([[1, 1e-30, 0], [1e-30, 1, 0], [0, 0, 1e-30]]), np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0.0]])]
    x = np.stack(rows).astype(dtype)
    w, v = la.eigh(mx.array(x, getattr(mx, dtype)))
    w, v = np.array(w), np.array(v, "float64")
    for i, one in enumerate(x):
        scale = np.abs(one).max()
        want = scipy.linalg.eigvalsh(one.astype("float64") / (scale or 1)) * float(scale)
        np.testing.assert_allclose(w[i], want, rtol=0, atol=8 * EPS[dtype] * scale + 8 * (low / 700))
        np.testing.assert_allclose(v[i].T @ v[i], np.eye(3), atol=20 * EPS[dtype])
    assert w[1].tolist() == [1, 1, 1] and w[3].tolist() == [-1, 2, 3]


RECTANGLES = [(1, 1), (4, 4), (7, 3), (3, 7), (16, 16), (16, 2), (1, 9), (13, 16)]


def eye_like(gram):
    return np.broadcast_to(np.eye(gram.shape[-1]), gram.shape)


def adjoint(x):
    return np.swapaxes(x, -1, -2)


@both
@pytest.mark.parametrize("shape", RECTANGLES)
@pytest.mark.parametrize("batch", BATCHES)
def test_qr_is_numpys_with_its_signs(batch, shape, dtype):
    x = made(11, (*batch, *shape), dtype)
    want_q, want_r = np.linalg.qr(x.astype("float64"))
    condition = np.linalg.cond(x[..., : min(shape)].astype("float64")).max()
    for a in layouts(x):
        q, r = (np.array(part, "float64") for part in la.qr(a))
        near(q, want_q, dtype, 60 * condition)
        near(r, want_r, dtype, 200 * condition)
        near(adjoint(q) @ q, eye_like(adjoint(q) @ q), dtype, 60)
        near(q @ r, x, dtype, 200)
        assert not np.tril(r, -1).any()


@both
@pytest.mark.parametrize("shape", RECTANGLES)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("rank", [0, 1, 99])
def test_singular_values_and_vectors_of_any_rank(rank, batch, shape, dtype):
    m, n = shape
    x = made(12, (*batch, m, n), dtype) if rank == 99 else (made(13, (*batch, m, rank), dtype) @ made(14, (*batch, rank, n), dtype))
    want = np.linalg.svd(x.astype("float64"), compute_uv=False)
    scale = max(want.max(), 1e-30)
    inverse = np.linalg.pinv(x.astype("float64"), rcond=max(shape) * EPS[dtype])
    for a in layouts(x):
        for full in (True, False):
            u, s, vh = (np.array(part, "float64") for part in la.svd(a, full_matrices=full))
            near(s, want, dtype, 30 * scale)
            assert (np.diff(s) <= 0).all() and (s >= 0).all()
            near(adjoint(u) @ u, eye_like(adjoint(u) @ u), dtype, 60)
            near(vh @ adjoint(vh), eye_like(vh @ adjoint(vh)), dtype, 60)
            k = min(shape)
            assert u.shape[-2:] == (m, m if full else k) and vh.shape[-2:] == (n if full else k, n)
            near((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], x, dtype, 60 * scale)
        near(la.svd(a, compute_uv=False), want, dtype, 30 * scale)
        kept = want[want > max(shape) * EPS[dtype] * scale]
        if rank == 99:
            near(la.pinv(a), inverse, dtype, 60 * scale / kept.min() ** 2)
        elif rank == 0:
            assert not np.array(la.pinv(a)).any()
        else:
            near(la.pinv(a), inverse, dtype, 60 / kept.min())


@both
def test_pinv_counts_small_values_by_its_own_tolerance(dtype):
    x = np.stack([np.diag([1, 1e-3, v]) @ made(i, (3, 4), dtype) for i, v in enumerate((1e-5, 0, 1, 1e-2))]).astype(dtype)
    rtol = np.array([1e-4, 0, 0.5, -1], dtype)
    want = [np.linalg.pinv(one.astype("float64"), rcond=max(r, 1e-12)) for one, r in zip(x, rtol)]
    got = la.pinv(mx.array(x, getattr(mx, dtype)), rtol=mx.array(rtol, getattr(mx, dtype)))
    for one, other in zip(np.array(got), want):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e3 * EPS[dtype] * np.abs(other).max() ** 2)


@both
def test_vectors_of_matrices_far_from_one(dtype):
    big, low = (3e38, 1e-42) if dtype == "float32" else (1.7e308, 1e-320)
    graded = np.diag([1, 1e-3, 1e-9, 1e-25]) @ np.ones((4, 4))
    x = np.stack([np.zeros((4, 4)), np.full((4, 4), low), big / 8 * np.ones((4, 4)), np.diag([big, 1, low, 0]), graded, graded.T]).astype(dtype)
    a = mx.array(x, getattr(mx, dtype))
    u, s, vh = (np.array(part, "float64") for part in la.svd(a))
    q, r = (np.array(part, "float64") for part in la.qr(a))
    for part in (u, adjoint(vh), q):
        near(adjoint(part) @ part, eye_like(part), dtype, 30)
    for i, one in enumerate(x.astype("float64")):
        scale = np.abs(one).max() or 1
        for product in ((u[i] * (s[i] / scale)) @ vh[i], q[i] @ (r[i] / scale)):
            np.testing.assert_allclose(product, one / scale, rtol=0, atol=30 * EPS[dtype] + (1e-2 if scale < 1e-40 else 0))
    assert s[0].tolist() == [0] * 4 and np.isclose(s[3][0], big)


@both
def test_what_is_not_finite_has_no_singular_values_and_no_qr(dtype):
    x = made(15, (30, 3, 4), dtype)
    x[21, 2, 3] = np.inf
    a = mx.array(x, getattr(mx, dtype))
    for call in (la.pinv, lambda a: la.svd(a)[1], lambda a: la.svd(a, compute_uv=False)):
        with pytest.raises(ValueError, match="NaN or infinite elements, matrix 21 of the batch"):
            mx.eval(call(a))
    q = np.array(la.qr(a)[0])
    assert np.isnan(q[21]).any() and np.isfinite(np.delete(q, 21, 0)).all()


@both
def test_eigh_reads_one_triangle(dtype):
    x = made(1, (20, 6, 6), dtype)
    whole = np.tril(x) + np.swapaxes(np.tril(x, -1), -1, -2)
    x[..., 0, 5] = np.nan
    near(la.eigvalsh(mx.array(x, getattr(mx, dtype))), np.linalg.eigvalsh(whole), dtype, 200)
    near(la.eigvalsh(mx.array(np.swapaxes(x, -1, -2), getattr(mx, dtype)), UPLO="U"), np.linalg.eigvalsh(whole), dtype, 200)


@both
@pytest.mark.parametrize("n", [2, 4, 7, 16])
def test_a_matrix_gives_the_same_bits_in_any_company(n, dtype):
    x = made(2, (45, n, n), dtype)
    x = x + np.swapaxes(x, -1, -2) + 4 * n * np.eye(n, dtype=dtype)
    x[17] *= 1e-20
    for f in (la.inv, la.cholesky, la.tri_inv, la.eigvalsh, la.det, lambda a: la.eigh(a)[1], lambda a: la.solve(a, a), la.pinv,
              lambda a: la.qr(a)[0], lambda a: la.svd(a)[0], lambda a: la.svd(a)[1]):
        whole = np.array(f(mx.array(x, getattr(mx, dtype))))
        for part in (slice(3, 9), slice(17, 30), slice(41, 45), slice(None, None, -1)):
            assert np.array_equal(np.array(f(mx.array(x[part], getattr(mx, dtype)))), whole[part])


@both
def test_the_first_bad_matrix_of_a_stack_is_named(dtype):
    x = np.broadcast_to(np.eye(4, dtype=dtype), (50, 4, 4)).copy()
    x[33, 2, 2] = x[41] = 0
    a = mx.array(x, getattr(mx, dtype))
    for call in (la.inv, la.tri_inv, la.cholesky, lambda x: la.solve(x, x), lambda x: la.solve_triangular(x, x)):
        with pytest.raises(RuntimeError, match=r"info 3, matrix 33 of the batch\)"):
            mx.eval(call(a))
    assert np.array(la.det(a)).tolist() == [float(i not in (33, 41)) for i in range(50)]
    sign, log = la.slogdet(a)
    assert sign[33].item() == 0 and log[33].item() == -np.inf and log[0].item() == 0
    _, _, upper = la.lu(a)
    assert np.array_equal(np.array(upper), x)
    x[20, 3, 1] = np.nan
    a = mx.array(x, getattr(mx, dtype))
    with pytest.raises(ValueError, match="NaN or infinite elements, matrix 20 of the batch"):
        mx.eval(la.eigh(a))
    near(la.eigvalsh(a[:20]), np.ones((20, 4)), dtype, 0)


@both
def test_what_is_not_finite_spoils_its_own_matrix_only(dtype):
    x = made(4, (18, 4, 4), dtype)
    x[5, 1, 2], x[6, 0, 0] = np.nan, np.inf
    a = mx.array(x, getattr(mx, dtype))
    fine = [i for i in range(18) if i not in (5, 6)]
    for f, oracle in ((la.inv, np.linalg.inv), (la.det, np.linalg.det)):
        got = np.array(f(a))
        np.testing.assert_allclose(got[fine], oracle(x[fine].astype("float64")), rtol=1e-3)
        assert np.isnan(got[5]).any()
    with pytest.raises(RuntimeError, match="not positive definite .*matrix 5 of the batch"):
        mx.eval(la.cholesky(mx.swapaxes(mx.where(mx.isnan(a), a, 3 * mx.eye(4, dtype=a.dtype)), -1, -2)))


@both
def test_pivots_are_the_largest(dtype):
    x = np.array([[0, 2], [1e-30, 1]], dtype)
    near(la.inv(mx.array(np.stack([x, x.T, np.eye(2, dtype=dtype)]), getattr(mx, dtype)))[2], np.eye(2), dtype, 0)
    tiny = np.array([[1e-20, 1], [1, 1]], dtype)
    near(la.solve(mx.array(tiny, getattr(mx, dtype)), mx.array(np.array([1, 2], dtype), getattr(mx, dtype))), [1, 1], dtype, 4)


def test_grads_and_mapping_pass_through():
    x = made(9, (5, 3, 3), "float32") + 4 * np.eye(3, dtype="float32")
    a = mx.array(x)
    grad = np.array(mx.grad(lambda a: la.slogdet(a)[1].sum())(a))
    np.testing.assert_allclose(grad, np.swapaxes(np.linalg.inv(x), -1, -2), rtol=1e-4, atol=1e-5)
    assert np.array_equal(np.array(mx.vmap(la.inv)(a)), np.array(la.inv(a)))


def test_every_instruction_set_gives_the_same_bits():
    code = """
import mlx.core as mx
a = mx.random.randint(-99, 99, (37, 7, 7), key=mx.random.key(3)) / 64
s = a * mx.swapaxes(a, -1, -2) + 9 * mx.eye(7)
la, seen = mx.linalg, []
for x in (s, s.astype(mx.float64)):
    for out in (la.inv(x), la.cholesky(x), la.eigh(x)[1], la.eigvalsh(x), la.det(x), la.lu_factor(x)[0], la.solve_triangular(x, x),
                la.pinv(x), la.qr(x)[0], la.svd(x)[0]):
        seen.append(hash(bytes(memoryview(out))))
print(seen)
"""
    said = set()
    for isa in ("base", "avx2", "avx512", "neon"):
        env = dict(os.environ, MLX_CPU_ISA=isa, PYTHONHASHSEED="0")
        said.add(subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout)
    assert len(said) == 1 and "[" in said.pop()
