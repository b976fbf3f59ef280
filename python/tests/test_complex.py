"""Functions of complex numbers against NumPy's in double: values, branch cuts with signed zeros, infinities, NaN."""

import mlx.core as mx
import numpy as np
import pytest

PARTS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, np.inf, -np.inf, np.nan, 1e-3, 1e-20, -1e-20, 1e-38, -1e-38, 1e-45, 1e5, -1e5,
         1e18, -1e18, 1e19, 3e38, -3e38, 1.0000001, -0.9999999, 88.0, -88.0, 89.5, 200.0, np.pi / 2]
UNARY = ["sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"]


def plane(parts):
    parts = np.array(parts, np.float32)
    z = np.empty((len(parts), len(parts)), np.complex64)
    z.real, z.imag = np.meshgrid(parts, parts, indexing="ij")
    return z.ravel()


def scattered(n, seed=0, size=8):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    return (z * np.exp(rng.uniform(-size, size, n))).astype(np.complex64)


def check_part(got, want, size, rel, what):
    """A real or imaginary part: same NaN and infinities, same sign of zero, near in units of the whole number."""
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        near = np.abs(got - want) <= rel * np.where(np.isfinite(size), size, np.abs(want)) + 3e-45
        edge = np.abs(want) > 3.3e38  # beyond the largest float32 or next to it
        same = np.where(np.isnan(rounded), np.isnan(got), (got == rounded) | near | (edge & (np.abs(got) > 3.3e38)))
        sign = (got != 0) | (rounded != 0) | (np.signbit(got) == np.signbit(rounded))
    bad = np.flatnonzero(~(same & sign))
    assert bad.size == 0, [(what(i), got[i], want[i]) for i in bad[:5]]


def check(got, want, what, rel=1e-6):
    if np.iscomplexobj(want):
        size = np.abs(want)
        check_part(got.real, want.real, size, rel, what)
        check_part(got.imag, want.imag, size, rel, what)
    else:
        check_part(got, want, np.abs(want), rel, what)


@pytest.mark.parametrize("name", UNARY + ["abs", "conjugate"])
def test_functions_match_numpy_in_the_whole_plane(name):
    z = np.concatenate([plane(PARTS), scattered(3000)])
    with np.errstate(all="ignore"):
        want = getattr(np, name)(z.astype(complex))
    check(np.array(getattr(mx, name)(mx.array(z))), want, lambda i: z[i])


def test_log1p_keeps_what_is_far_below_one():
    x = np.array([1e-20, -1e-30, 1e-38, 1e-3, 3e-5], np.float32)
    got = np.array(mx.log1p(mx.array(x + 1j * x[::-1])))
    re, im = x.astype(float), x[::-1].astype(float)
    np.testing.assert_allclose(got.real, 0.5 * np.log1p(re * (2 + re) + im * im), rtol=1e-6)
    np.testing.assert_allclose(got.imag, np.arctan2(im, 1 + re), rtol=1e-6)


def test_quotients_match_numpy_where_they_are_finite():
    z = np.concatenate([plane([p for p in PARTS if np.isfinite(p) and p != 0 and abs(p) < 1e19]), scattered(1000)])
    x, y = np.repeat(z, 40), np.tile(scattered(40, 1, 30), len(z))
    check(np.array(mx.divide(mx.array(x), mx.array(y))), x.astype(complex) / y.astype(complex), lambda i: (x[i], y[i]))
    check(np.array(mx.reciprocal(mx.array(y))), 1 / y.astype(complex), lambda i: y[i])
    check(np.array(mx.rsqrt(mx.array(y))), 1 / np.sqrt(y.astype(complex)), lambda i: y[i])


def test_quotients_neither_overflow_nor_vanish_on_the_way():
    for size in (3e38, 1e-38, 1e-44):
        z = mx.array([complex(size, size), complex(size, 0), complex(0, size)])
        np.testing.assert_array_equal(np.array(z / z), [1, 1, 1])


def test_infinities_in_products_and_quotients_follow_c():
    """C17, annex G: an infinite factor gives an infinity, an infinite divisor zero, whatever the other part is."""
    inf, nan = np.inf, np.nan
    infinite = [complex(inf, 1), complex(-inf, nan), complex(nan, inf), complex(inf, -inf)]
    for z in infinite:
        z = mx.array([z])
        assert np.isinf(np.array(mx.multiply(z, mx.array([1 + 2j])))).any()
        assert np.array(mx.divide(mx.array([1 + 2j]), z)) == 0
        assert np.isinf(np.array(mx.divide(z, mx.array([1 + 2j])))).any()
        assert np.array(mx.abs(z)) == inf
    assert np.isinf(np.array(mx.divide(mx.array([1 + 2j]), mx.array([0j])))).any()


def test_sign_is_the_direction():
    z = scattered(500, 2, 80)
    with np.errstate(over="ignore"):
        check(np.array(mx.sign(mx.array(z))), z / np.abs(z.astype(complex)), lambda i: z[i])
    got = np.array(mx.sign(mx.array([0j, complex(np.inf, 3), complex(-2, -np.inf), complex(np.inf, np.inf), complex(np.nan, 1)])))
    np.testing.assert_array_equal(got[:3], [0, 1, -1j])
    assert np.isnan(got[3:]).all()


def test_powers_match_numpy():
    x, y = scattered(20000, 3, 3), scattered(20000, 4, 2)
    want = x.astype(complex) ** y.astype(complex)
    fine = (np.abs(want) > 1e-37) & (np.abs(want) < 1e38)
    got = np.array(mx.power(mx.array(x), mx.array(y)))
    assert np.max(np.abs(got[fine] - want[fine]) / np.abs(want[fine])) < 1.2e-7
    for n in (2, 3, -1, -2, 17, 100, -100):
        with np.errstate(all="ignore"):
            want = x.astype(complex) ** n
        fine = (np.abs(want) > 1e-37) & (np.abs(want) < 1e38)
        got = np.array(mx.power(mx.array(x), mx.array(complex(n))))
        assert np.max(np.abs(got[fine] - want[fine]) / np.abs(want[fine])) < 1.2e-7


def test_powers_at_the_edges():
    inf, nan = np.inf, np.nan

    def power(x, y):
        return np.array(mx.power(mx.array([x], dtype=mx.complex64), mx.array([y], dtype=mx.complex64)))[0]

    for x in (0, 1j, inf, nan, complex(inf, nan)):
        assert power(x, 0) == 1
    assert power(0, 2) == 0 and power(0, 1 + 1j) == 0 and power(0, 0.5 - 3j) == 0
    assert np.isnan(power(0, -1)) and np.isnan(power(0, 1j))
    assert power(-2, 2) == 4 and power(1j, 2) == -1 and power(2 + 3j, 3) == -46 + 9j and power(2, -2) == 0.25
    assert power(2, 3e38) == complex(inf, 0) and power(0.5, 3e38) == 0
    assert abs(power(-4, 0.5) - 2j) < 1e-6 and abs(power(complex(-4, -0.0), 0.5) + 2j) < 1e-6  # the cut along the negative reals
    assert np.isnan(power(nan, 2))
