"""mx.linalg against NumPy, SciPy and what the factorizations mean; derivatives against finite differences and each other."""

import subprocess
import sys
import threading

import mlx.core as mx
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

la = mx.linalg
DTYPES = ["float32", "float64", "complex64"]
SHAPES = [(1, 1), (3, 3), (2, 4, 4), (2, 3, 5, 5), (40, 40)]
TALL_AND_WIDE = [(4, 3), (3, 4), (2, 5, 2), (2, 2, 5), (1, 6), (6, 1), (3, 3)]


def tolerance(dtype):
    return 1e-9 if dtype == "float64" else 2e-3


def random(seed, shape, dtype):
    """A NumPy array of standard normal values."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if dtype == "complex64":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def mxa(x):
    return mx.array(x, getattr(mx, x.dtype.name))


def spread(seed, shape, dtype):
    """Well-conditioned square matrices."""
    n = shape[-1]
    return (random(seed, shape, dtype) / np.sqrt(n) + 3 * np.eye(n)).astype(dtype)


def positive(seed, shape, dtype):
    x = random(seed, shape, dtype)
    return (x @ adjoint(x) / shape[-1] + np.eye(shape[-1])).astype(dtype)


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def close(got, want, dtype, slack=1):
    got, want = np.array(got), np.asarray(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=slack * tolerance(dtype), atol=slack * tolerance(dtype))


square = pytest.mark.parametrize("shape", SHAPES)
typed = pytest.mark.parametrize("dtype", DTYPES)


@typed
@square
def test_inverses_systems_and_determinants_are_numpys(shape, dtype):
    x = spread(1, shape, dtype)
    b = random(2, (*shape[:-1], 3), dtype)
    a = mxa(x)
    close(la.inv(a), np.linalg.inv(x), dtype)
    close(la.solve(a, mxa(b)), np.linalg.solve(x, b), dtype)
    sign, log = np.linalg.slogdet(x)
    close(la.slogdet(a)[0], sign, dtype)
    close(la.slogdet(a)[1], log, dtype)
    close(mx.log(mx.abs(la.det(a))), log, dtype)
    assert la.inv(a).dtype == la.solve(a, mxa(b)).dtype == la.det(a).dtype == a.dtype
    assert la.slogdet(a)[1].dtype == (mx.float64 if dtype == "float64" else mx.float32)


@typed
@pytest.mark.parametrize("upper", [False, True])
def test_triangular_inverses_and_systems_read_one_triangle(upper, dtype):
    x, b = spread(3, (2, 5, 5), dtype), random(4, (2, 5, 2), dtype)
    triangle = np.triu(x) if upper else np.tril(x)
    close(la.tri_inv(mxa(x), upper=upper), np.linalg.inv(triangle), dtype)
    close(la.solve_triangular(mxa(x), mxa(b), upper=upper), np.linalg.solve(triangle, b), dtype)
    full = triangle @ adjoint(triangle) if not upper else adjoint(triangle) @ triangle
    close(la.cholesky_inv(mxa(x), upper=upper), np.linalg.inv(full), dtype)


@typed
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("shape", [(17, 17), (3, 33, 33), (70, 70), (2, 129, 129)])
def test_large_triangles_are_inverted_by_halves(shape, upper, dtype):
    x = spread(5, shape, dtype)
    triangle = np.triu(x) if upper else np.tril(x)
    inverse = np.array(la.tri_inv(mxa(x), upper=upper))
    close(inverse @ triangle, np.broadcast_to(np.eye(shape[-1]), shape), dtype)
    assert not (np.tril(inverse, -1) if upper else np.triu(inverse, 1)).any()
    close(la.tri_inv(mx.swapaxes(mxa(x), -1, -2), upper=not upper), np.swapaxes(inverse, -1, -2), dtype)


@typed
def test_what_is_not_finite_spoils_no_more_of_a_triangles_inverse_than_it_must(dtype):
    x = np.tril(spread(6, (50, 50), dtype))
    x[30, 20] = np.nan
    inverse = np.array(la.tri_inv(mxa(x)))
    spoilt = np.zeros((50, 50), bool)
    spoilt[30:, :21] = True
    assert np.isfinite(inverse[~spoilt]).all() and np.isnan(inverse[30, 20])
    x[30, 20], x[40, 40] = 0, np.inf
    assert np.isfinite(np.array(la.tri_inv(mxa(x)))[41:, 41:]).all() and not np.array(la.tri_inv(mxa(x)))[40, :40].any()
    x[33, 33] = 0
    with pytest.raises(RuntimeError, match="info 34"):
        mx.eval(la.tri_inv(mxa(x)))


@typed
@square
def test_cholesky_is_numpys_and_reads_one_triangle(shape, dtype):
    x = positive(5, shape, dtype)
    want = np.linalg.cholesky(x)
    close(la.cholesky(mxa(np.tril(x))), want, dtype)
    close(la.cholesky(mxa(np.triu(x)), upper=True), adjoint(want), dtype)


@typed
@pytest.mark.parametrize("shape", TALL_AND_WIDE)
def test_qr_is_numpys_reduced_form(shape, dtype):
    x = random(6, shape, dtype)
    q, r = la.qr(mxa(x))
    want_q, want_r = np.linalg.qr(x)
    close(q, want_q, dtype)
    close(r, want_r, dtype)
    close(q @ r, x, dtype)


@typed
@pytest.mark.parametrize("shape", TALL_AND_WIDE)
def test_svd_has_full_unitary_matrices_and_numpys_values(shape, dtype):
    x = random(7, shape, dtype)
    m, n = shape[-2:]
    k = min(m, n)
    u, s, vh = la.svd(mxa(x))
    values = la.svd(mxa(x), compute_uv=False)
    assert u.shape == (*shape[:-2], m, m) and vh.shape == (*shape[:-2], n, n) and s.shape == (*shape[:-2], k)
    assert isinstance(values, mx.array) and values.dtype == s.dtype == (mx.float64 if dtype == "float64" else mx.float32)
    want = np.linalg.svd(x, compute_uv=False)
    close(s, want, dtype)
    close(values, want, dtype)
    u, s, vh = np.array(u), np.array(s), np.array(vh)
    close((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], x, dtype)
    close(u @ adjoint(u), np.broadcast_to(np.eye(m), u.shape), dtype)
    close(vh @ adjoint(vh), np.broadcast_to(np.eye(n), vh.shape), dtype)


@typed
@square
def test_eigh_diagonalizes_with_orthonormal_vectors(shape, dtype):
    x = random(8, shape, dtype)
    x = x + adjoint(x)
    want = np.linalg.eigvalsh(x)
    for uplo, part in (("L", np.tril(x)), ("u", np.triu(x))):
        w, v = la.eigh(mxa(part), uplo)
        close(w, want, dtype, 5)
        close(la.eigvalsh(mxa(part), uplo), want, dtype, 5)
        v = np.array(v)
        close(x @ v, v * np.array(w)[..., None, :], dtype, 5)
        close(adjoint(v) @ v, np.broadcast_to(np.eye(shape[-1]), v.shape), dtype)


def sorted_values(w):
    return np.sort_complex(np.round(np.asarray(w, dtype="complex128"), 3))


@typed
@pytest.mark.parametrize("shape", SHAPES[:4])
def test_eig_gives_complex_values_and_unit_vectors(shape, dtype):
    x = random(9, shape, dtype)
    w, v = la.eig(mxa(x))
    assert w.dtype == v.dtype == la.eigvals(mxa(x)).dtype == mx.complex64
    w, v, alone = np.array(w), np.array(v), np.array(la.eigvals(mxa(x)))
    np.testing.assert_allclose(x @ v, v * w[..., None, :], atol=2e-4)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), np.ones(w.shape), rtol=1e-5)
    want = np.linalg.eigvals(x)
    for mine, single, his in zip(w.reshape(-1, shape[-1]), alone.reshape(-1, shape[-1]), want.reshape(-1, shape[-1])):
        for values in (mine, single):
            distance = np.abs(values[:, None] - his[None, :])
            assert distance.min(axis=1).max() < 1e-3 and distance.min(axis=0).max() < 1e-3


@typed
@pytest.mark.parametrize("shape", TALL_AND_WIDE)
def test_lu_reconstructs_and_its_factor_is_scipys(shape, dtype):
    x = random(10, shape, dtype)
    m, n = shape[-2:]
    k = min(m, n)
    p, l, u = la.lu(mxa(x))
    assert p.dtype == mx.uint32 and p.shape == shape[:-1]
    assert l.shape == (*shape[:-2], m, k) and u.shape == (*shape[:-2], k, n)
    close(mx.take_along_axis(l, mx.broadcast_to(p[..., None], l.shape), axis=-2) @ u, x, dtype)
    close(l, np.tril(np.array(l), -1) + np.eye(m, k), dtype)
    close(u, np.triu(np.array(u)), dtype)
    both, pivots = la.lu_factor(mxa(x))
    for got, swaps, one in zip(np.array(both).reshape(-1, m, n), np.array(pivots).reshape(-1, k), x.reshape(-1, m, n)):
        want, want_swaps = scipy.linalg.lapack.get_lapack_funcs(("getrf",), (one,))[0](one)[:2]
        close(got, want, dtype)
        assert swaps.tolist() == want_swaps.tolist()


@typed
@pytest.mark.parametrize("shape", TALL_AND_WIDE)
def test_pinv_is_numpys_also_of_deficient_rank(shape, dtype):
    x = random(11, shape, dtype)
    close(la.pinv(mxa(x)), np.linalg.pinv(x), dtype)
    x[..., 0, :] = x[..., -1, :]
    eps = np.finfo(dtype).eps * max(shape[-2:])
    close(la.pinv(mxa(x)), np.linalg.pinv(x, rcond=eps), dtype)
    close(la.pinv(mx.zeros((3, 2))), np.zeros((2, 3)), "float32")


@pytest.mark.parametrize("kind", ["transposed", "reversed", "gaps", "broadcast", "slice"])
@typed
def test_every_layout_of_the_input_gives_the_same(kind, dtype):
    x = spread(12, (3, 4, 4), dtype)
    a = mxa(x)
    if kind == "transposed":
        a, x = mx.transpose(a, (0, 2, 1)), x.transpose(0, 2, 1)
    elif kind == "reversed":
        a, x = a[::-1, ::-1, ::-1], x[::-1, ::-1, ::-1]
    elif kind == "gaps":
        a, x = mx.repeat(a, 2, axis=-1)[..., ::2], x
    elif kind == "broadcast":
        a, x = mx.broadcast_to(a[0], (5, 4, 4)), np.broadcast_to(x[0], (5, 4, 4))
    else:
        a, x = a[:, 1:, :3], x[:, 1:, :3]
    h = x + adjoint(x)
    mh = a + mx.conj(mx.swapaxes(a, -1, -2)) if dtype == "complex64" else a + mx.swapaxes(a, -1, -2)
    close(la.inv(a), np.linalg.inv(x), dtype)
    close(la.det(a), np.linalg.det(x), dtype)
    close(la.solve(a, a[..., :2]), np.linalg.solve(x, x[..., :2]), dtype)
    close(la.qr(a)[1], np.linalg.qr(x)[1], dtype)
    close(la.svd(a, compute_uv=False), np.linalg.svd(x, compute_uv=False), dtype)
    close(la.eigvalsh(mh), np.linalg.eigvalsh(h), dtype)
    close(la.norm(a, axis=(1, 2)), np.linalg.norm(x, axis=(1, 2)), dtype)


# ---- norms and cross products ----

VECTOR_ORDS = [None, 0, 1, -1, 2, -2, 3, 0.5, 2.5, float("inf"), float("-inf")]
MATRIX_ORDS = [None, "fro", "nuc", 1, -1, 2, -2, float("inf"), float("-inf")]


@pytest.mark.parametrize("ord", VECTOR_ORDS)
@typed
def test_vector_norms_are_numpys(ord, dtype):
    x = random(13, (3, 4, 5), dtype)
    for axis in (0, 1, -1):
        for keep in (False, True):
            got = la.norm(mxa(x), ord, axis=axis, keepdims=keep)
            close(got, np.linalg.norm(x, ord, axis=axis, keepdims=keep), dtype)
            assert got.dtype == (mx.float64 if dtype == "float64" else mx.float32)
    close(la.norm(mxa(x[0, 0]), ord), np.linalg.norm(x[0, 0], ord), dtype)


@pytest.mark.parametrize("ord", MATRIX_ORDS)
@typed
def test_matrix_norms_are_numpys(ord, dtype):
    x = random(14, (3, 4, 5), dtype)
    for axis in ((0, 1), (2, 0), (-1, -2)):
        for keep in (False, True):
            close(la.norm(mxa(x), ord, axis=list(axis), keepdims=keep), np.linalg.norm(x, ord, axis=axis, keepdims=keep), dtype)
    close(la.norm(mxa(x[0]), ord), np.linalg.norm(x[0], ord), dtype)


def test_norms_of_other_dtypes_and_of_nothing():
    assert la.norm(mx.array([3, 4])).item() == 5.0
    assert la.norm(mx.array([True, True, False]), 1).item() == 2.0
    half = la.norm(mx.full((1000,), 60.0, mx.float16))  # its squares do not fit a float16
    assert half.dtype == mx.float16 and abs(half.item() - 60 * 1000**0.5) < 1
    assert la.norm(mx.ones((2, 2), mx.bfloat16), "nuc").dtype == mx.bfloat16
    assert la.norm(mx.zeros((0,))).item() == 0.0
    assert la.norm(mx.zeros((2, 0)), axis=1).tolist() == [0.0, 0.0]
    assert la.norm(mx.arange(24).reshape(2, 3, 4), keepdims=True).shape == (1, 1, 1)
    assert la.norm(mx.array([[3.0, -4.0]]), axis=[]).tolist() == [[3.0, 4.0]]
    assert np.isnan(la.norm(mx.array([1.0, float("nan")])).item())
    assert la.norm(mx.array([1.0, float("-inf")])).item() == float("inf")


def test_wrong_norms_are_value_errors():
    x, cube = mx.ones((2, 2)), mx.ones((2, 2, 2))
    with pytest.raises(ValueError, match=r"\[linalg::norm\] Invalid ord 3 for matrix norm"):
        la.norm(x, 3)
    with pytest.raises(ValueError, match=r"\[linalg::norm\].*'xx'"):
        la.norm(x, "xx")
    with pytest.raises(ValueError, match="'fro' only supported for matrices, but received 1"):
        la.norm(x, "fro", axis=0)
    with pytest.raises(ValueError, match="not 3"):
        la.norm(cube, 2)
    with pytest.raises(ValueError, match="too many axes"):
        la.norm(cube, axis=[0, 1, 2])
    with pytest.raises(ValueError, match="axis 1 is given twice"):
        la.norm(cube, axis=[1, -2])
    with pytest.raises(IndexError, match="Axis 3"):
        la.norm(cube, axis=3)
    with pytest.raises(ValueError, match="min"):
        la.norm(mx.zeros((0,)), -float("inf"))
    with pytest.raises(TypeError):
        la.norm(x, [1])


def test_cross_products():
    x, y = random(15, (4, 3), "float64"), random(16, (2, 1, 3), "float64")
    close(la.cross(mxa(x), mxa(y)), np.cross(x, y), "float64")
    close(la.cross(mxa(x.T), mxa(x.T[::-1]), axis=0), np.cross(x.T, x.T[::-1], axis=0), "float64")
    assert la.cross(mx.array([1, 2]), mx.array([3, 4])).tolist() == [0, 0, -2]
    assert la.cross(mx.array([1.0, 2.0]), mx.array([3.0, 4.0, 5.0])).tolist() == [10.0, -5.0, -2.0]
    assert la.cross(mx.array([3, 4, 5]), mx.array([1, 2])).tolist() == [-10, 5, 2]
    assert la.cross(mx.array([1, 0, 0]), mx.array([0, 1, 0])).dtype == mx.int32
    assert la.cross(mx.zeros((0, 3)), mx.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="size 2 or 3, not 4"):
        la.cross(mx.ones(4), mx.ones(4))
    with pytest.raises(IndexError):
        la.cross(mx.ones((3, 2)), mx.ones((3, 2)), axis=5)
    with pytest.raises(ValueError):
        la.cross(mx.ones((3, 3)), mx.ones((2, 3)))


# ---- shapes and dtypes at the edges ----


def test_right_sides_are_vectors_or_matrices_and_batches_broadcast():
    x, b = spread(17, (2, 3, 3), "float64"), random(18, (4, 1, 3, 2), "float64")
    close(la.solve(mxa(x), mxa(b)), np.linalg.solve(x, b), "float64")
    close(la.solve(mxa(x[0]), mxa(b)), np.linalg.solve(x[0], b), "float64")
    close(la.solve(mxa(x[0]), mxa(b[0, 0, :, 0])), np.linalg.solve(x[0], b[0, 0, :, 0]), "float64")
    close(la.solve(mxa(x), mxa(b[0, 0, :, 0])), np.linalg.solve(x, np.broadcast_to(b[0, 0, :, :1], (2, 3, 1)))[..., 0], "float64")
    close(la.solve_triangular(mxa(x[0]), mxa(b)), np.linalg.solve(np.tril(x[0]), b), "float64")
    assert la.solve(mx.array([[2, 0], [0, 4]]), mx.array([1, 1])).tolist() == [0.5, 0.25]
    assert la.solve(mxa(x.astype("float32")), mxa(b)).dtype == mx.float64


@pytest.mark.parametrize("name", ["float16", "bfloat16", "int32", "bool_"])
def test_other_dtypes_are_computed_in_float32(name):
    dtype = getattr(mx, name)
    half = name in ("float16", "bfloat16")
    a = mx.array([[2, 0], [0, 1]]).astype(dtype)
    wide = a.astype(mx.float32)
    for op in (la.inv, la.det, la.tri_inv, la.pinv, la.cholesky, lambda x: la.svd(x)[1], lambda x: la.qr(x)[0], lambda x: la.solve(x, x)):
        got = op(a)
        assert got.dtype == (dtype if half else mx.float32)
        assert mx.allclose(got.astype(mx.float32), op(wide), rtol=1e-2, atol=1e-2).item()
    assert la.eigvals(a).dtype == mx.complex64


def test_empty_matrices_and_batches_are_numpys():
    none, batch = mx.zeros((0, 0)), mx.zeros((0, 3, 3))
    assert la.det(none).item() == 1.0 and la.slogdet(none)[0].item() == 1.0 and la.slogdet(none)[1].item() == 0.0
    for op in (la.inv, la.tri_inv, la.cholesky, la.cholesky_inv, la.pinv):
        assert op(none).shape == (0, 0) and op(batch).shape == (0, 3, 3)
    assert la.det(batch).shape == (0,) and la.eigvals(batch).shape == (0, 3) and la.eigh(batch)[1].shape == (0, 3, 3)
    assert la.eig(none)[0].shape == (0,) and la.eigvalsh(none).shape == (0,)
    assert la.solve(none, mx.zeros((0, 2))).shape == (0, 2) and la.solve(mx.eye(3), mx.zeros((3, 0))).shape == (3, 0)
    for shape in ((0, 3), (3, 0), (2, 0, 3), (0, 2, 3)):
        x = np.zeros(shape, "float32")
        for got, want in zip(la.qr(mxa(x)), np.linalg.qr(x)):
            assert got.shape == want.shape
        for got, want in zip(la.svd(mxa(x)), np.linalg.svd(x)):
            close(got, want, "float32")
        assert la.pinv(mxa(x)).shape == np.linalg.pinv(x).shape
        p, l, u = la.lu(mxa(x))
        assert p.tolist() == np.broadcast_to(np.arange(shape[-2]), shape[:-1]).tolist()
        assert l.shape == (*shape[:-1], min(shape[-2:])) and u.shape == (*shape[:-2], min(shape[-2:]), shape[-1])


SQUARE = ["inv", "tri_inv", "cholesky", "cholesky_inv", "det", "slogdet", "eig", "eigh", "eigvals", "eigvalsh"]


@pytest.mark.parametrize("name", [*SQUARE, "qr", "svd", "lu", "lu_factor", "pinv"])
def test_wrong_shapes_are_value_errors_that_name_operation_and_shape(name):
    op = getattr(la, name)
    with pytest.raises(ValueError, match=rf"\[linalg::{name}\] Arrays must have >= 2 dimensions. Received array with 1"):
        op(mx.ones(3))
    if name in SQUARE:
        with pytest.raises(ValueError, match=rf"\[linalg::{name}\] Only defined for square matrices.*\(2,3\)"):
            op(mx.ones((2, 3)))


def test_wrong_systems_and_options_are_errors():
    with pytest.raises(ValueError, match=r"\[linalg::solve\] First input must be a square matrix.*\(4,3\)"):
        la.solve(mx.ones((4, 3)), mx.ones((4, 2)))
    with pytest.raises(ValueError, match=r"\(3,3\) must match.*\(4,2\)"):
        la.solve(mx.eye(3), mx.ones((4, 2)))
    with pytest.raises(ValueError, match=r"linalg::solve.*\(2,\) and \(3,\) cannot be broadcast"):
        la.solve(mx.ones((2, 3, 3)), mx.ones((3, 3, 1)))
    with pytest.raises(ValueError, match="0 dimensions"):
        la.solve(mx.eye(2), mx.array(1.0))
    with pytest.raises(ValueError, match="UPLO must be 'L' or 'U', not 'X'"):
        la.eigh(mx.eye(2), "X")
    with pytest.raises(TypeError):
        la.eigvalsh(mx.eye(2), UPLO=1)


# ---- what cannot be computed ----


@pytest.mark.parametrize("batch", [False, True])
def test_singular_input_fails_where_the_result_is_asked_for(batch):
    a = mx.array([[1.0, 2.0], [2.0, 4.0]])
    a = mx.stack([mx.eye(2), a]) if batch else a
    where = "matrix 1 of the batch" if batch else "info 2"
    for op in (la.inv, lambda x: la.solve(x, mx.ones((2, 1)))):
        lazy = op(a)
        with pytest.raises(RuntimeError, match=rf"singular \(LAPACK getrf: info 2.*{where if batch else ''}"):
            mx.eval(lazy)
    with pytest.raises(RuntimeError, match="singular .LAPACK trtri: info 1"):
        mx.eval(la.tri_inv(mx.zeros((2, 2))))
    with pytest.raises(RuntimeError, match="singular .LAPACK trtrs: info 2"):
        mx.eval(la.solve_triangular(mx.array([[1.0, 0.0], [5.0, 0.0]]), mx.ones(2)))
    with pytest.raises(RuntimeError, match="not positive definite .LAPACK potrf: info 2"):
        mx.eval(la.cholesky(mx.array([[1.0, 2.0], [2.0, 1.0]])))
    singular = mx.array([[1.0, 2.0], [2.0, 4.0]])
    assert la.det(singular).item() == 0.0 and la.slogdet(singular)[1].item() == float("-inf")
    assert la.lu(singular)[2].tolist() == [[2.0, 4.0], [0.0, 0.0]]
    assert la.inv(mx.eye(2)).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@typed
def test_not_finite_input_is_an_error_or_nan_and_never_hangs(value, dtype):
    for at in ((0, 0), (3, 1), (5, 5)):
        x = positive(19, (6, 6), dtype)
        x[at] = x[at[::-1]] = value
        a = mxa(x)
        for op in (lambda m: la.svd(m)[0], lambda m: la.svd(m, compute_uv=False), la.eigvals, lambda m: la.eig(m)[1], la.eigvalsh, la.pinv):
            with pytest.raises(ValueError, match="NaN or infinite"):
                mx.eval(op(a))
        for op in (la.inv, la.det, lambda m: la.solve(m, m), lambda m: la.qr(m)[1], lambda m: la.lu_factor(m)[0], lambda m: la.norm(m)):
            try:
                got = np.array(op(a))  # 1 / inf is 0: an infinity may leave finite results, as NumPy's
                assert not np.isnan(value) or np.isnan(got).any()
            except RuntimeError as error:
                assert "singular" in str(error)
        if np.isnan(value):
            with pytest.raises(RuntimeError, match="not positive definite"):
                mx.eval(la.cholesky(a))
    with pytest.raises(ValueError, match="matrix 2 of the batch"):
        mx.eval(la.svd(mx.stack([mx.eye(3), mx.eye(3), mx.full((3, 3), value)]), compute_uv=False))


def test_a_large_batch_fails_with_its_first_bad_matrix_and_threads_share_the_library():
    x = spread(20, (5000, 3, 3), "float32")
    x[4321] = x[777] = 0
    with pytest.raises(RuntimeError, match="matrix 777 of the batch"):
        mx.eval(la.inv(mxa(x)))
    x = spread(21, (500, 6, 6), "float64")
    want, bad = np.linalg.inv(x), []

    def work():
        for _ in range(10):
            if not np.allclose(np.array(la.inv(mxa(x))), want) or not np.allclose(np.array(la.det(mxa(x))), np.linalg.det(x)):
                bad.append(1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not bad


def test_an_import_and_building_graph_open_no_library():
    code = ("import mlx.core as mx\nx = mx.linalg.svd(mx.eye(3))\nm = lambda: 'openblas' in open('/proc/self/maps').read()\n"
            "assert not m()\nmx.eval(x)\nassert m()")
    subprocess.run([sys.executable, "-c", code], check=True)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from(DTYPES), st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1.0, 1e3]))
def test_factorizations_reconstruct_any_matrix(m, n, dtype, seed, scale):
    x = (random(seed, (m, n), dtype) * scale).astype(dtype)
    slack = 50 * np.finfo(dtype).eps * (m + n) * scale
    q, r = map(np.array, la.qr(mxa(x)))
    np.testing.assert_allclose(q @ r, x, atol=slack)
    u, s, vh = map(np.array, la.svd(mxa(x)))
    k = min(m, n)
    np.testing.assert_allclose((u[:, :k] * s) @ vh[:k], x, atol=slack)
    assert np.all(np.diff(s) <= 0) and np.all(s >= 0)
    p, l, u = map(np.array, la.lu(mxa(x)))
    np.testing.assert_allclose(l[p] @ u, x, atol=slack)


# ---- derivatives ----


def inner(x, y):
    return float(np.sum(np.real(np.conj(np.array(x).astype("complex128")) * np.array(y))))


def check_derivative(f, shapes, dtype, seed=0, step=None):
    """Re<g, J t> = Re<Jᴴ g, t>, and both are the central difference (float64: close; else roughly)."""
    primals = [mxa(random(seed + i, s, dtype)) for i, s in enumerate(shapes)]
    tangents = [mxa(random(seed + 10 + i, s, dtype)) for i, s in enumerate(shapes)]
    values, moved = mx.jvp(f, primals, tangents)
    cotangents = [mxa(np.asarray(random(seed + 20 + i, v.shape, str(v.dtype).split(".")[-1]))) for i, v in enumerate(values)]
    _, grads = mx.vjp(f, primals, cotangents)
    forward = sum(inner(g, t) for g, t in zip(cotangents, moved))
    backward = sum(inner(g, t) for g, t in zip(grads, tangents))
    exact = all(v.dtype == mx.float64 for v in values)
    h = step or (1e-6 if exact else 4e-3)

    def at(sign):
        out = f(*[p + mx.array(sign * h, p.dtype) * t for p, t in zip(primals, tangents)])
        return sum(inner(g, y) for g, y in zip(cotangents, out))

    numeric, size = (at(1) - at(-1)) / (2 * h), 1 + abs(forward)
    assert abs(forward - backward) <= (1e-9 if exact else 1e-3) * size
    assert abs(forward - numeric) <= (1e-5 if exact else 3e-2) * size


def h(x):
    return mx.conj(mx.swapaxes(x, -1, -2)) if x.dtype == mx.complex64 else mx.swapaxes(x, -1, -2)


def shifted(x, by=4):
    return x + by * mx.eye(x.shape[-1], dtype=x.dtype)


def weights(k, like):
    return mx.arange(1, k + 1).astype(mx.float64 if like.dtype == mx.float64 else mx.float32)


def svd_function(a):
    u, s, vh = la.svd(a)
    k = s.shape[-1]
    u, vh, w = u[..., :k], vh[..., :k, :], weights(k, a)
    return [(u * w) @ vh, s, (u * w) @ h(u), h(vh) @ (vh * w[:, None])]


def svd_complement(a):
    u, s, vh = la.svd(a)
    k = s.shape[-1]
    return [u[..., k:] @ h(u[..., k:]), h(vh[..., k:, :]) @ vh[..., k:, :]]


def eigh_function(uplo):
    def f(a):
        w, v = la.eigh(a + h(a), uplo)
        return [w, (v * weights(w.shape[-1], a)) @ h(v)]

    return f


def eig_function(a):
    w, v = la.eig(a)
    return [w, (v * weights(w.shape[-1], mx.array(1.0))) @ h(v)]


BATCH = [(3, 3), (2, 3, 3)]
FUNCTIONS = {
    "inv": lambda a: [la.inv(shifted(a))],
    "tri_inv lower": lambda a: [la.tri_inv(shifted(a))],
    "tri_inv upper": lambda a: [la.tri_inv(shifted(a), upper=True)],
    "cholesky": lambda a: [la.cholesky(shifted(a @ h(a), 1))],
    "cholesky upper": lambda a: [la.cholesky(shifted(a @ h(a), 1), upper=True)],
    "cholesky_inv": lambda a: [la.cholesky_inv(shifted(a)), la.cholesky_inv(shifted(a), upper=True)],
    "det": lambda a: [la.det(a)],
    "slogdet": lambda a: list(la.slogdet(shifted(a))),
    "eigvalsh": lambda a: [la.eigvalsh(a + h(a)), la.eigvalsh(a + h(a), "U")],
    "eigh lower": eigh_function("L"),
    "eigh upper": eigh_function("U"),
    "eigvals": lambda a: [la.eigvals(a)],
    "eig": eig_function,
}


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_square_matrices(name, dtype):
    for shape in BATCH:
        check_derivative(FUNCTIONS[name], [shape], dtype, 31)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_derivatives_of_systems(dtype):
    for shapes in ([(3, 3), (3, 2)], [(2, 3, 3), (2, 3, 1)], [(3, 3), (4, 3, 2)], [(2, 3, 3), (3,)]):
        check_derivative(lambda a, b: [la.solve(shifted(a), b)], shapes, dtype, 32)
        check_derivative(lambda a, b: [la.solve_triangular(shifted(a), b)], shapes, dtype, 32)
        check_derivative(lambda a, b: [la.solve_triangular(shifted(a), b, upper=True)], shapes, dtype, 32)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 5, 3), (2, 3, 5)])
def test_derivatives_of_rectangular_matrices(shape, dtype):
    def leading(a):  # the square part far from singular: pivots and signs stay
        return a + 5 * mx.eye(*a.shape[-2:], dtype=a.dtype)

    check_derivative(lambda a: list(la.qr(leading(a))), [shape], dtype, 33)
    check_derivative(lambda a: [la.lu_factor(leading(a))[0]], [shape], dtype, 33)
    check_derivative(lambda a: list(la.lu(leading(a))[1:]), [shape], dtype, 33)
    check_derivative(lambda a: [la.pinv(leading(a))], [shape], dtype, 33)
    check_derivative(svd_function, [shape], dtype, 33)
    check_derivative(svd_complement, [shape], dtype, 33)
    check_derivative(lambda a: [la.svd(a, compute_uv=False)], [shape], dtype, 33)


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_derivatives_of_norms_and_cross_products(dtype):
    for ord in VECTOR_ORDS:
        check_derivative(lambda a: [la.norm(a + 3, ord, axis=-1)], [(2, 3)], dtype, 34)
    for ord in MATRIX_ORDS:
        check_derivative(lambda a: [la.norm(a, ord, axis=(-2, -1))], [(2, 3, 4)], dtype, 34, step=None if dtype == "float64" else 1e-3)
    check_derivative(lambda a, b: [la.cross(a, b)], [(2, 3), (3,)], dtype, 34)


def test_second_derivatives():
    for f in (la.det, lambda a: la.inv(shifted(a)), lambda a: la.slogdet(shifted(a))[1], lambda a: la.pinv(shifted(a)),
              lambda a: la.norm(a, "nuc", axis=(-2, -1)), lambda a: la.eigvalsh(a + h(a)), lambda a: la.qr(shifted(a))[1],
              lambda a: la.cholesky(shifted(a @ h(a), 1)), lambda a: la.norm(a)):
        check_derivative(lambda a: mx.vjp(lambda x: [f(x)], [a], [mx.ones_like(f(a))])[1], [(3, 3)], "float64", 35)


def test_the_derivative_of_a_norm_at_zero_is_zero():
    for ord in (None, 1, 2, 3, float("inf")):
        assert mx.grad(lambda x: la.norm(x, ord))(mx.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    rows = mx.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(np.array(mx.grad(lambda x: la.norm(x, axis=1).sum())(rows)), [[0, 0], [0.6, 0.8]], rtol=1e-6)
    assert mx.jvp(lambda x: [la.norm(x)], [mx.zeros(2)], [mx.ones(2)])[1][0].item() == 0.0


def test_the_derivative_of_det_holds_for_singular_matrices():
    for x in (np.ones((3, 3)), np.diag([1.0, 2.0, 0.0]), np.diag([1.0, 0.0, 0.0]), np.zeros((3, 3)), np.eye(3), np.arange(9.0).reshape(3, 3)):
        cofactors = np.array([[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(3)] for i in range(3)])
        np.testing.assert_allclose(np.array(mx.grad(la.det)(mxa(x))), cofactors, atol=1e-12)
    assert mx.grad(la.det)(mx.array([[7.0]])).tolist() == [[1.0]]
    two = mx.grad(lambda a: mx.grad(la.det)(a).sum())(mx.eye(2, dtype=mx.float64))
    np.testing.assert_allclose(np.array(two), [[1, -1], [-1, 1]], atol=1e-12)


def test_vectors_of_equal_values_have_no_derivative_but_values_have():
    eye = mx.eye(3)
    np.testing.assert_allclose(np.array(mx.grad(lambda a: la.eigvalsh(a).sum())(eye)), np.eye(3), atol=1e-6)
    np.testing.assert_allclose(np.array(mx.grad(lambda a: la.svd(a, compute_uv=False).sum())(eye)), np.eye(3), atol=1e-6)
    weight = mx.array(random(36, (3, 3), "float32"))
    assert np.isnan(np.array(mx.grad(lambda a: (la.eigh(a)[1] * weight).sum())(eye))).any()


def test_a_derivative_that_needs_an_inverse_of_a_singular_matrix_fails():
    with pytest.raises(RuntimeError, match="singular"):
        mx.eval(mx.grad(lambda a: la.slogdet(a)[1])(mx.zeros((2, 2))))


# ---- vmap and compile ----


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_vmap_equals_a_loop(axis):
    x = np.moveaxis(positive(37, (4, 3, 3), "float64"), 0, axis)
    b = random(38, (3, 2), "float64")
    single = [np.take(x, i, axis=axis) for i in range(4)]
    functions = [la.inv, la.tri_inv, la.cholesky, la.cholesky_inv, la.det, lambda a: la.slogdet(a)[1], lambda a: la.qr(a)[1], la.pinv,
                 lambda a: la.svd(a)[1], lambda a: la.svd(a, compute_uv=False), la.eigvalsh, lambda a: la.eigh(a)[0], la.eigvals,
                 lambda a: la.eig(a)[0], lambda a: la.lu(a)[2], lambda a: la.lu(a)[0], lambda a: la.lu_factor(a)[1],
                 lambda a: la.solve(a, mxa(b)), lambda a: la.solve(mxa(single[0]), a), lambda a: la.solve_triangular(a, mxa(b)),
                 lambda a: la.norm(a, "nuc"), lambda a: la.norm(a, 2), lambda a: la.norm(a), lambda a: la.norm(a, 1, axis=0),
                 lambda a: la.cross(a, a[::-1]), mx.grad(la.det)]
    for f in functions:
        got = np.array(mx.vmap(f, in_axes=axis)(mxa(x)))
        np.testing.assert_allclose(got, np.stack([np.array(f(mxa(one))) for one in single]), rtol=1e-6, atol=1e-9)


def test_compiled_and_streamed_calls_give_the_same():
    a = mxa(positive(39, (4, 4), "float32"))

    def f(x):
        w, v = la.eigh(x)
        return (v * mx.sqrt(w)) @ v.T + la.inv(x) @ x

    assert mx.allclose(mx.compile(f)(a), f(a), rtol=1e-4).item()
    with mx.stream(mx.new_stream(mx.cpu)):
        assert mx.allclose(f(a), f(a)).item()
    lazy = la.inv(mx.zeros((2, 2)), stream=mx.new_stream(mx.cpu))
    mx.async_eval(la.det(a))
    with pytest.raises(RuntimeError, match="singular"):
        lazy.tolist()


# ---- multivariate_normal ----


def test_multivariate_normal_is_mean_plus_the_symmetric_root():
    key, cov = mx.random.key(3), mx.array([[2.0, 1.0], [1.0, 2.0]])
    got = mx.random.multivariate_normal(mx.array([1.0, 2.0]), cov, (3,), key=key)
    want = [[-0.24488437, 1.26544869], [1.15416932, 3.12162137], [1.89114702, 3.40748787]]  # MLX's for this key
    np.testing.assert_allclose(np.array(got), want, rtol=1e-5)
    assert mx.random.multivariate_normal(mx.zeros((4, 1, 2)), cov, (4, 3), key=key).shape == (4, 3, 2)
    assert mx.random.multivariate_normal(mx.zeros((5, 2)), mx.stack([cov] * 5)).shape == (5, 2)
    assert mx.random.multivariate_normal(mx.zeros(2), mx.stack([cov, 4 * cov]), (3, 2)).shape == (3, 2, 2)
    assert mx.random.multivariate_normal(mx.zeros(2), cov, dtype=mx.float64).dtype == mx.float64
    assert mx.random.multivariate_normal(mx.zeros(2), cov, dtype=mx.bfloat16).dtype == mx.bfloat16
    assert mx.random.multivariate_normal(mx.array([5.0, 6.0]), mx.zeros((2, 2))).tolist() == [5.0, 6.0]
    assert mx.isnan(mx.random.multivariate_normal(mx.zeros(2), -cov)).all().item()


def test_multivariate_normal_has_the_moments_of_its_distribution():
    mean, cov = np.array([1.0, -2.0, 0.5]), np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
    x = np.array(mx.random.multivariate_normal(mxa(mean), mxa(cov), (100000,), key=mx.random.key(5)))
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(x.T), cov, atol=0.03)
    white = (x - mean) @ np.linalg.inv(np.linalg.cholesky(cov)).T
    for column in white.T:
        assert scipy.stats.kstest(column, "norm").pvalue > 1e-3
    rank_one = mx.random.multivariate_normal(mx.zeros(2), mx.ones((2, 2)), (1000,), key=mx.random.key(6))
    np.testing.assert_allclose(np.array(rank_one[:, 0]), np.array(rank_one[:, 1]), atol=1e-5)


def test_multivariate_normal_refuses_what_does_not_fit():
    cov, draw = mx.eye(2), mx.random.multivariate_normal
    for text, mean, covariance, kwargs in [
        ("mean must have at least one", mx.array(0.0), cov, {}), ("cov must have at least two", mx.zeros(2), mx.ones(2), {}),
        ("last two dimensions of cov must be equal", mx.zeros(2), mx.ones((2, 3)), {}), ("compatible shapes", mx.zeros(3), cov, {}),
        ("cannot be broadcast", mx.zeros((4, 2)), cov, {"shape": (3,)}), (r"shape \(1,\) from batches of shape \(4,\)", mx.zeros((4, 2)), cov, {"shape": (1,)}),
        ("floating point type, not int32", mx.zeros(2), cov, {"dtype": mx.int32}), ("must be real", mx.zeros(2, mx.complex64), cov, {}),
    ]:
        with pytest.raises(ValueError, match=text):
            draw(mean, covariance, **kwargs)


@pytest.mark.parametrize("n", [3, 30])
def test_errors_of_the_evaluation_name_the_function_that_was_called(n):
    zero, bad, ones = mx.zeros((n, n)), mx.full((n, n), mx.nan), mx.ones((n, n))
    calls = {
        "inv": lambda: la.inv(zero), "tri_inv": lambda: la.tri_inv(zero), "cholesky_inv": lambda: la.cholesky_inv(zero),
        "matrix_power": lambda: la.matrix_power(zero, -2), "solve": lambda: la.solve(zero, ones),
        "solve_triangular": lambda: la.solve_triangular(zero, ones), "cholesky": lambda: la.cholesky(zero),
        "svd": lambda: la.svd(bad)[1], "svdvals": lambda: la.svdvals(bad), "matrix_rank": lambda: la.matrix_rank(bad),
        "norm": lambda: la.norm(bad, "nuc"), "pinv": lambda: la.pinv(bad), "eigh": lambda: la.eigh(bad)[0],
        "eigvalsh": lambda: la.eigvalsh(bad), "eig": lambda: la.eig(bad)[0], "eigvals": lambda: la.eigvals(bad),
        "multivariate_normal": lambda: mx.random.multivariate_normal(bad[0], bad),
        "slogdet": lambda: mx.grad(lambda a: la.slogdet(a)[1])(zero),
    }
    for name, call in calls.items():
        with pytest.raises((RuntimeError, ValueError)) as told:
            mx.eval(call())
        assert str(told.value).startswith(f"[{name}] The "), name
        if name not in ("slogdet", "multivariate_normal"):  # compiled too
            with pytest.raises((RuntimeError, ValueError), match=rf"^\[{name}\] The "):
                mx.eval(mx.compile(call)())
