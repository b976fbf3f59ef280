"""Sums of products against NumPy: einsum and its paths, kron, products of chosen, segmented and masked matrices, Hadamard."""
import numpy as np
import pytest

import mlx.core as mx

RNG = np.random.default_rng(7)
CASES = """a,ab,abc->abc a,b,ab->ab ea,fb,gc,hd,abcd->efgh ea,fb,abcd,gc,hd->efgh acdf,jbje,gihb,hfac,gfac,gifabc,hfac
cd,bdhe,aidb,hgca,gc,hgibcd,hgac abhe,hidj,jgba,hiab,gab bde,cdh,agdb,hica,ibd,hgicd,hiac chd,bde,agbc,hiad,hgc,hgi,hiad
bdhe,acad,hiab,agac,hibd ab,ab,c-> ab,ab,cd,cd->ac ab,ab,cd,cd,ef,ef-> ab,cd,ef->acdf ab,bcd,cd->abd eb,cb,fb->cef
dd,fb,be,cdb->cef fdf,cdd,ccd,afe->ae ed,fcd,ff,bcf->be bd,db,eac->ace fff,fae,bef,def->abd ab,ab abc,bac ba,cb abcd,cdef->feba
aab,bcc->ac aab,bccd->ad ij->ji ii->i iij->j i,i-> bi,bi->b bij,bjk->bik ij,kj->ik abc->ca ij,jk,kl,lm->im""".split()


def operands(subscripts, dims, ellipsis=()):
    shapes = []
    for term in subscripts.split("->")[0].split(","):
        before, dots, after = term.partition("...")
        shapes.append([dims[c] for c in before] + list(ellipsis if dots else ()) + [dims[c] for c in after])
    return [RNG.standard_normal(s) for s in shapes]


@pytest.mark.parametrize("subscripts", CASES)
def test_einsum_and_its_path_agree_with_numpy(subscripts):
    for low in (1, 2):
        dims = {c: int(RNG.integers(low, 5)) for c in "abcdefghijklm"}
        ops = operands(subscripts, dims)
        want = np.einsum(subscripts, *ops, optimize=True)
        got = mx.einsum(subscripts, *[mx.array(o, dtype=mx.float64) for o in ops])
        assert got.shape == want.shape
        np.testing.assert_allclose(np.array(got), want, rtol=1e-10, atol=1e-10)
        terms, _, out = subscripts.partition("->")
        if "->" not in subscripts or set(out) != set(terms) - {","}:  # NumPy gives up where nothing is summed
            assert mx.einsum_path(subscripts, *ops)[0] == np.einsum_path(subscripts, *ops)[0][1:]


@pytest.mark.parametrize("subscripts", ["...ij,...jk->...ik", "...", "i...i->...", "a...b,b...c->a...c", "...i,...i", "i...->...", "...a,b->b...a"])
def test_an_ellipsis_stands_for_any_dimensions(subscripts):
    for ellipsis in [(), (2,), (2, 3)]:
        ops = operands(subscripts, dict.fromkeys("abcijk", 3), ellipsis)
        want = np.einsum(subscripts, *ops)
        got = mx.einsum(subscripts, *[mx.array(o, dtype=mx.float64) for o in ops])
        assert got.shape == want.shape
        np.testing.assert_allclose(np.array(got), want, rtol=1e-12, atol=1e-12)


def test_dimensions_of_an_ellipsis_broadcast_from_the_right():
    a, b = RNG.standard_normal((4, 2, 3)), RNG.standard_normal((5, 1, 3, 2))
    want = np.einsum("...ij,...jk->...ik", a[:, None], np.broadcast_to(b, (5, 4, 3, 2))[:, :, None])
    got = mx.einsum("...ij,...jk->...ik", mx.array(a[:, None], dtype=mx.float64), mx.array(b[:, :, None], dtype=mx.float64))
    np.testing.assert_allclose(np.array(got), want, rtol=1e-12)


def test_the_report_of_a_path_reads_as_in_mlx():
    path, text = mx.einsum_path("ij,jk,kl,lm->im", mx.zeros((10, 100)), mx.zeros((100, 2)), mx.zeros((2, 50)), mx.zeros((50, 3)))
    assert path == [(0, 1), (0, 1), (0, 1)]
    assert text == ("  Complete contraction:  ij,jk,kl,lm->im\n         Naive scaling:  5\n     Optimized scaling:  3\n"
                    "      Naive FLOP count:  1200000\n  Optimized FLOP count:  4720\n")
    assert mx.einsum_path("ii", mx.zeros((3, 3)))[0] == [(0,)]
    assert mx.einsum_path("i,j,k", *[mx.zeros(3)] * 3)[0] == [(0, 1), (0, 1)]
    assert "Naive FLOP count:  336" in mx.einsum_path("ij,jk...->ik...", mx.zeros((2, 3)), mx.zeros((3, 4, 7)))[1]


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16, mx.float32, mx.complex64, mx.int32, mx.uint8, mx.bool_])
def test_einsum_takes_every_dtype(dtype):
    a, b = mx.array(RNG.integers(0, 3, (3, 4))).astype(dtype), mx.array(RNG.integers(0, 3, (4, 2))).astype(dtype)
    got = mx.einsum("ij,jk->ki", a, b)
    want = np.einsum("ij,jk->ki", np.array(a.astype(mx.complex64)), np.array(b.astype(mx.complex64)))
    assert got.dtype == dtype
    np.testing.assert_array_equal(np.array(got.astype(mx.complex64)), want if dtype != mx.bool_ else want != 0)


def test_einsum_differentiates_maps_and_compiles():
    a, b, c = (mx.array(RNG.standard_normal(s), dtype=mx.float64) for s in [(2, 3), (3, 4), (4, 4)])
    f = lambda a, b, c: mx.einsum("ij,jk,kk->i", a, b, c).sum()
    ga, gb, gc = mx.grad(f, argnums=(0, 1, 2))(a, b, c)
    A, B, C = map(np.array, (a, b, c))
    d = np.diag(C)
    np.testing.assert_allclose(np.array(ga), np.broadcast_to(B @ d, (2, 3)), rtol=1e-12)
    np.testing.assert_allclose(np.array(gb), np.outer(A.sum(0), d), rtol=1e-12)
    np.testing.assert_allclose(np.array(gc), np.diag((A @ B).sum(0)), rtol=1e-12)
    np.testing.assert_allclose(np.array(mx.compile(f)(a, b, c)), np.array(f(a, b, c)), rtol=1e-14)
    batch = mx.array(RNG.standard_normal((5, 2, 3)), dtype=mx.float64)
    got = mx.vmap(lambda x: mx.einsum("ij,jk->ki", x, b))(batch)
    np.testing.assert_allclose(np.array(got), np.einsum("bij,jk->bki", np.array(batch), B), rtol=1e-12)


@pytest.mark.parametrize("call, text", [
    (lambda: mx.einsum("ij,jk", mx.zeros((2, 3))), "does not match number of input subscripts"),
    (lambda: mx.einsum("ij->k", mx.zeros((2, 3))), "Output subscript 'k' does not appear"),
    (lambda: mx.einsum("ij,jk", mx.zeros((2, 3)), mx.zeros((4, 5))), r"input 1 with shape \(4,5\) to size 3, which subscript 'j' has"),
    (lambda: mx.einsum("i" * 40, mx.zeros((2, 3))), "More than 32 subscripts"),
    (lambda: mx.einsum("ab", *[mx.zeros(1)] * 65), "At most 64 operands"),
    (lambda: mx.einsum_path("a,b", mx.zeros(1)), "does not match"),
    (lambda: mx.kron(mx.zeros((1,) * 17), mx.zeros(1)), "At most 16 dimensions"),
    (lambda: mx.hadamard_transform(mx.zeros((4, 6))), "not shape"),
    (lambda: mx.block_masked_mm(mx.zeros(()), mx.zeros((2, 2))), "0 dimension input"),
    (lambda: mx.gather_mm(mx.zeros((2, 2), mx.bool_), mx.zeros((2, 2), mx.bool_), mx.array(0)), "dtypes bool"),
    (lambda: mx.segmented_mm(mx.zeros((1, 2, 2)), mx.zeros((2, 2)), mx.zeros((1, 2), mx.int32)), "not shapes"),
    (lambda: mx.vecdot(mx.ones((2, 1)), mx.ones((2, 4))), "must have the same size along axis"),
])
def test_what_does_not_fit_is_a_value_error(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_arguments_of_other_kinds_are_type_errors():
    for call in (lambda: mx.einsum(3, mx.zeros(1)), lambda: mx.einsum_path(None), lambda: mx.einsum("a", "b"),
                 lambda: mx.gather_mm(mx.zeros((2, 2)), mx.zeros((2, 2)), "x"), lambda: mx.block_masked_mm(mx.zeros((2, 2)), mx.zeros((2, 2)), 1.5)):
        with pytest.raises((TypeError, ValueError)):
            call()


def test_kron_agrees_with_numpy():
    for s, t in [((2,), (3,)), ((2, 3), (4,)), ((2,), (3, 1, 2)), ((), (2, 2)), ((0, 2), (3,))]:
        a, b = RNG.standard_normal(s).astype("f"), RNG.standard_normal(t).astype("f")
        np.testing.assert_allclose(np.array(mx.kron(mx.array(a), mx.array(b))), np.kron(a, b), rtol=1e-6)


def test_products_of_the_foundation_agree_with_numpy():
    a, b, c = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((4, 3, 5)), RNG.standard_normal((2, 3, 4))
    m = lambda x: mx.array(x, dtype=mx.float64)
    np.testing.assert_allclose(np.array(mx.tensordot(m(a), m(b), axes=[[1, 2], [1, 0]])), np.tensordot(a, b, axes=[[1, 2], [1, 0]]), rtol=1e-10)
    np.testing.assert_allclose(np.array(mx.tensordot(m(a), m(b[0]), axes=0)), np.tensordot(a, b[0], axes=0), rtol=1e-12)
    np.testing.assert_allclose(np.array(mx.inner(m(a), m(c))), np.inner(a, c), rtol=1e-10)
    np.testing.assert_allclose(np.array(mx.outer(m(a), m(b[0]))), np.outer(a, b[0]), rtol=1e-12)
    np.testing.assert_allclose(np.array(mx.vecdot(m(a), m(c), axis=1)), (a * c).sum(1), rtol=1e-10)
    assert mx.vecdot(mx.array([1 + 2j, 3]), mx.array([1j, 2])).item() == 8 + 1j
    np.testing.assert_allclose(np.array(mx.trace(m(a), 1, 2, 0)), np.trace(a, 1, 2, 0), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 8, 12, 20, 28, 24, 160, 4096, 12 * 1024, 28 * 512])
def test_hadamard_matrices_are_orthogonal(n):
    x = mx.array(RNG.standard_normal((3, n)), dtype=mx.float64)
    y = mx.hadamard_transform(x)
    np.testing.assert_allclose(np.array((y * y).sum(-1)), np.array((x * x).sum(-1)), rtol=1e-11)
    # The adjoint is the inverse of an orthogonal matrix: it gives x back.
    back = mx.vjp(mx.hadamard_transform, [x], [y])[1][0]
    np.testing.assert_allclose(np.array(back), np.array(x), rtol=1e-9, atol=1e-11)
    tangent = mx.jvp(mx.hadamard_transform, [x], [x])[1][0]
    np.testing.assert_allclose(np.array(tangent), np.array(y), rtol=1e-12)


def test_hadamard_is_what_scipy_has_and_rounds_halves_once():
    linalg = pytest.importorskip("scipy.linalg")
    x = RNG.standard_normal((5, 64)).astype("f")
    want = x.astype("d") @ linalg.hadamard(64) / 8
    np.testing.assert_allclose(np.array(mx.hadamard_transform(mx.array(x))), want, rtol=1e-4, atol=1e-5)
    for dtype, eps in [(mx.float16, 2.0**-11), (mx.bfloat16, 2.0**-8)]:
        h = mx.array(x).astype(dtype)
        exact = np.array(h.astype(mx.float32)).astype("d") @ linalg.hadamard(64) / 8
        got = np.array(mx.hadamard_transform(h).astype(mx.float32))
        np.testing.assert_allclose(got, exact, rtol=eps * 1.01, atol=1e-5)
    batch = mx.array(x.reshape(5, 8, 8))
    np.testing.assert_array_equal(np.array(mx.vmap(mx.hadamard_transform, 1, 2)(batch)), np.array(mx.hadamard_transform(batch)).transpose(0, 2, 1))


def reference_mask(a, mask, block):
    whole = np.repeat(np.repeat(mask, block, -2), block, -1)[..., : a.shape[-2], : a.shape[-1]]
    return np.where(whole, a, 0) if mask.dtype == bool else a * whole


@pytest.mark.parametrize("m, k, n", [(70, 50, 40), (64, 96, 32), (5, 3, 1)])
@pytest.mark.parametrize("boolean", [True, False])
def test_block_masked_products(m, k, n, boolean):
    block = 32
    a, b = RNG.standard_normal((2, m, k)), RNG.standard_normal((k, n))
    up = lambda x: -(-x // block)
    masks = [RNG.integers(0, 2, s).astype(bool if boolean else float) for s in [(2, up(m), up(n)), (1, up(m), up(k)), (up(k), up(n))]]
    f = lambda a, b: mx.block_masked_mm(a, b, block, *[mx.array(x) for x in masks])
    A, B = mx.array(a, dtype=mx.float64), mx.array(b, dtype=mx.float64)
    want = reference_mask(reference_mask(a, masks[1], block) @ reference_mask(b, masks[2], block), masks[0], block)
    np.testing.assert_allclose(np.array(f(A, B)), want, rtol=1e-10, atol=1e-12)
    g = RNG.standard_normal(want.shape)
    ga, gb = mx.vjp(f, [A, B], [mx.array(g, dtype=mx.float64)])[1]
    g = reference_mask(g, masks[0], block)
    want_a = reference_mask(g @ reference_mask(b, masks[2], block).T, masks[1], block)
    want_b = reference_mask((np.swapaxes(reference_mask(a, masks[1], block), -1, -2) @ g).sum(0), masks[2], block)
    np.testing.assert_allclose(np.array(ga), want_a, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.array(gb), want_b, rtol=1e-10, atol=1e-12)


def test_block_masks_of_any_pattern_dtype_and_layout():
    up = lambda x, block: -(-x // block)
    for trial in range(60):
        block = int(RNG.choice([16, 32, 5]))
        m, k, n = RNG.integers(1, 120, 3)
        batch = tuple(RNG.integers(1, 3, RNG.integers(0, 3)))
        dtype = [mx.float32, mx.float64, mx.float16, mx.complex64, mx.int32][trial % 5]
        a, b = RNG.integers(-3, 4, (*batch, m, k)), RNG.integers(-3, 4, (k, n))
        shapes = [(*batch, up(m, block), up(n, block)), (up(m, block), up(k, block)), (up(k, block), up(n, block))]
        full = [RNG.random(s) < RNG.choice([0, 0.3, 0.8, 1]) for s in shapes]
        given = [RNG.random() < 0.7 for _ in range(3)]
        A, B = mx.array(a).astype(dtype), mx.array(b).astype(dtype)
        if trial % 2:
            A, B = mx.contiguous(mx.swapaxes(A, -1, -2)).swapaxes(-1, -2), B[::-1][::-1]
        got = mx.block_masked_mm(A, B, block, *[mx.array(x) if g else None for x, g in zip(full, given)])
        out, lhs, rhs = [x if g else np.ones_like(x) for x, g in zip(full, given)]
        want = reference_mask(reference_mask(a, np.broadcast_to(lhs, (*batch, *lhs.shape)), block) @ reference_mask(b, rhs, block), out, block)
        assert got.dtype == dtype
        np.testing.assert_array_equal(np.array(got.astype(mx.float64 if dtype != mx.complex64 else dtype)), want)


def test_masked_blocks_are_not_read():
    a, b = np.ones((64, 64), np.float32), np.ones((64, 64), np.float32)
    a[:32, :32], b[32:, :] = np.nan, np.inf
    got = mx.block_masked_mm(mx.array(a), mx.array(b), 32, None, mx.array([[False, False], [True, False]]))
    np.testing.assert_array_equal(np.array(got), np.repeat([[0.0], [32.0]], 32, 0) * np.ones((64, 64)))
    got = mx.vmap(lambda x: mx.block_masked_mm(x, mx.array(b), 32, mask_rhs=mx.array([[True, False], [False, False]])))(mx.ones((3, 8, 64)))
    np.testing.assert_array_equal(np.array(got), np.tile(np.repeat([32.0, 0.0], 32), (3, 8, 1)))


@pytest.mark.parametrize("dtype, tol", [(mx.float64, 1e-11), (mx.float32, 1e-4), (mx.float16, 2e-2), (mx.complex64, 1e-4), (mx.int32, 0)])
@pytest.mark.parametrize("rows", [1, 3, 70])
@pytest.mark.parametrize("order", ["sorted", "random", "one"])
def test_gathered_products(dtype, tol, rows, order):
    total, experts, k, n = 40, 5, 16, 9
    make = lambda *s: mx.array(RNG.integers(-3, 4, s)).astype(dtype)
    x, w = make(total, rows, k), make(experts, k, n)
    index = {"sorted": np.sort(RNG.integers(0, experts, total)), "random": RNG.integers(0, experts, total), "one": np.full(total, 3)}[order]
    X, W = np.array(x.astype(mx.complex64)), np.array(w.astype(mx.complex64))
    got = mx.gather_mm(x, w, rhs_indices=mx.array(index), sorted_indices=order == "sorted")
    np.testing.assert_allclose(np.array(got.astype(mx.complex64)), X @ W[index], rtol=tol, atol=tol)
    lhs = RNG.integers(0, total, total)
    got = mx.gather_mm(x, w, lhs_indices=mx.array(lhs), rhs_indices=mx.array(index))
    np.testing.assert_allclose(np.array(got.astype(mx.complex64)), X[lhs] @ W[index], rtol=tol, atol=tol)
    turned = mx.gather_mm(x[::-1], mx.swapaxes(mx.contiguous(mx.swapaxes(w, 1, 2)), 1, 2), rhs_indices=mx.array(index))
    np.testing.assert_allclose(np.array(turned.astype(mx.complex64)), X[::-1] @ W[index], rtol=tol, atol=tol)


@pytest.mark.parametrize("dtype", [mx.float64, mx.complex64])
def test_derivatives_of_gathered_products(dtype):
    part = lambda s: RNG.standard_normal(s) + (1j * RNG.standard_normal(s) if dtype == mx.complex64 else 0)
    x, w, g = part((6, 2, 3)), part((4, 3, 5)), part((7, 2, 5))
    lhs, rhs = np.array([0, 5, 5, 1, 2, 0, 3]), np.array([1, 1, 0, -1, 1, 0, 3])  # matrix 2 of w is not used
    f = lambda x, w: mx.gather_mm(x, w, mx.array(lhs), mx.array(rhs))
    args = [mx.array(x).astype(dtype), mx.array(w).astype(dtype)] if dtype == mx.complex64 else [mx.array(x, dtype=dtype), mx.array(w, dtype=dtype)]
    cot = mx.array(g).astype(dtype) if dtype == mx.complex64 else mx.array(g, dtype=dtype)
    gx, gw = mx.vjp(f, args, [cot])[1]
    want_x, want_w = np.zeros_like(x), np.zeros_like(w)
    for t in range(7):
        want_x[lhs[t]] += g[t] @ w[rhs[t]].conj().T
        want_w[rhs[t]] += x[lhs[t]].conj().T @ g[t]
    tol = 1e-4 if dtype == mx.complex64 else 1e-11
    np.testing.assert_allclose(np.array(gx), want_x, rtol=tol, atol=tol)
    np.testing.assert_allclose(np.array(gw), want_w, rtol=tol, atol=tol)


def test_segmented_products_of_many_segments():
    a, b = RNG.standard_normal((30, 500)).astype("f"), RNG.standard_normal((500, 20)).astype("f")
    cuts = np.sort(RNG.integers(0, 501, 21))
    segments = np.stack([cuts[:-1], cuts[1:]], 1).reshape(4, 5, 2)
    got = np.array(mx.segmented_mm(mx.array(a), mx.array(b), mx.array(segments)))
    assert got.shape == (4, 5, 30, 20)
    for i in np.ndindex(4, 5):
        lo, hi = segments[i]
        np.testing.assert_allclose(got[i], a[:, lo:hi] @ b[lo:hi], rtol=1e-4, atol=1e-4)


def test_indices_out_of_bounds_raise_at_evaluation():
    for r in (mx.gather_mm(mx.zeros((2, 1, 1)), mx.zeros((2, 1, 1)), mx.array([2])), mx.gather_mm(mx.zeros((2, 1, 1)), mx.zeros((2, 1, 1)), None, mx.array([-3])),
              mx.segmented_mm(mx.zeros((1, 2)), mx.zeros((2, 1)), mx.array([[0, 3]]))):
        with pytest.raises(IndexError):
            mx.eval(r)
