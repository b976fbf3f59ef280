"""What numbers do at the edges: integers wrap and shift, casts, halves round to even, NaN; NumPy is the oracle, or arithmetic."""
import itertools

import numpy as np
import pytest

import mlx.core as mx

INTS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
SIGNED = INTS[:4]
RNG = np.random.default_rng(5)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def edges(name):
    """Pairs of the values where integers go wrong, all with all; long enough for vectors and their tails."""
    info = np.iinfo(name)
    values = [info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7, info.max // 2]
    if info.min < 0:
        values += [-1, -2, -3, -7, info.min // 2]
    pairs = np.array(list(itertools.product(values, values)), dtype=name)
    return pairs[:, 0], pairs[:, 1]


def same(got, want):
    got = np.array(got)
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", INTS)
def test_integers_wrap_and_divide_as_numpy_s(name):
    x, y = edges(name)
    a, b = mx.array(x), mx.array(y)
    same(a + b, x + y)
    same(a - b, x - y)
    same(a * b, x * y)
    same(-a, np.negative(x))
    same(mx.abs(a), np.abs(x))
    same(mx.square(a), x * x)
    same(mx.sign(a), np.sign(x))
    same(a // b, np.where(y == 0, 0, x // np.where(y == 0, 1, y)).astype(name))  # by zero: 0
    same(a % b, np.where(y == 0, 0, x % np.where(y == 0, 1, y)).astype(name))
    q, r = mx.divmod(a, b)
    same(q, np.array(a // b))
    same(r, np.array(a % b))
    same(mx.maximum(a, b), np.maximum(x, y))
    same(mx.minimum(a, b), np.minimum(x, y))
    for op in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
        same(getattr(mx, op)(a, b), getattr(np, op)(x, y))
    same(a & b, x & y)
    same(a | b, x | y)
    same(a ^ b, x ^ y)
    same(~a, ~x)


@pytest.mark.parametrize("name", INTS)
def test_shifts_by_the_width_or_more_or_less_than_nothing(name):
    x, _ = edges(name)
    bits = np.iinfo(name).bits
    for by in [0, 1, bits - 1, bits, bits + 1, 100] + ([-1, -bits] if name in SIGNED else []):
        y = np.full_like(x, by)
        inside = 0 <= by < bits
        # Nothing is left of what is shifted out: 0, or the sign to the right.
        same(mx.left_shift(mx.array(x), mx.array(y)), x << y if inside else np.zeros_like(x))
        same(mx.right_shift(mx.array(x), mx.array(y)), x >> y if inside else np.where(x < 0, -1, 0).astype(name))


@pytest.mark.parametrize("name", INTS)
def test_integer_powers_wrap_and_negative_ones_are_rounded_to_0(name):
    x, _ = edges(name)
    bits = np.iinfo(name).bits
    for e in [0, 1, 2, 3, 5, 63] + ([-1, -2] if name in SIGNED else []):
        want = [pow(int(v), e, 2**bits) if e >= 0 else 1 if v == 1 else 0 if v != -1 else 1 if e % 2 == 0 else -1 for v in x]
        same(mx.power(mx.array(x), mx.array(np.full_like(x, e))), np.array([w % 2**bits for w in want], dtype="uint64").astype(name))


def test_sums_and_products_of_small_integers_are_wider_and_wrap_then():
    assert mx.sum(mx.full((300,), 127, dtype=mx.int8)).item() == 300 * 127
    assert mx.sum(mx.full((3,), 2**31 - 1, dtype=mx.int32)).item() == (3 * (2**31 - 1) + 2**31) % 2**32 - 2**31
    assert mx.prod(mx.full((70,), 3, dtype=mx.int64)).item() == (3**70 + 2**63) % 2**64 - 2**63
    assert mx.prod(mx.full((9,), 100, dtype=mx.uint8)).item() == 100**9 % 2**32


def test_mixed_integers_take_mlx_s_dtypes():
    for a, b, want in [("int64", "uint64", "float32"), ("int32", "uint64", "float32"), ("int32", "uint32", "int64"), ("int8", "uint8", "int16"),
                       ("uint8", "int64", "int64"), ("bool_", "int8", "int8"), ("uint16", "uint64", "uint64"), ("int64", "float16", "float16")]:
        assert (mx.zeros(2, getattr(mx, a)) + mx.zeros(2, getattr(mx, b))).dtype == getattr(mx, want)


def test_bools_add_by_or_multiply_by_and():
    x, y = mx.array([False, False, True, True]), mx.array([False, True, False, True])
    assert (x + y).tolist() == [False, True, True, True]
    assert (x * y).tolist() == [False, False, False, True]
    assert (x - y).tolist() == [False, True, True, False]
    assert (x // y).tolist() == [False, False, False, True]
    assert (x % y).tolist() == [False] * 4
    assert (x**y).tolist() == [True, False, True, True]
    assert mx.maximum(x, y).tolist() == [False, True, True, True]
    assert (x / y).dtype == mx.float32
    assert x.sum().item() == 2 and x.sum().dtype == mx.int32


def to_integer(v, name):
    """Towards zero; NaN is 0; what is out of the range of 32 bits (8- and 16-bit ones, int32) or 64 bits (the others) is its nearest
    end (of uint64 the upper one is 2^64 - 1); then the low bits."""
    if np.isnan(v):
        return 0
    low, high = (-(2**31), 2**31 - 1) if name in ("int8", "uint8", "int16", "uint16", "int32") else (-(2**63), 2**64 - 1 if name == "uint64" else 2**63 - 1)
    whole = int(v) if np.isfinite(v) else (high if v > 0 else low)
    return min(max(whole, low), high)


@pytest.mark.parametrize("source", ["float16", "bfloat16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("name", INTS)
def test_floats_become_integers_in_a_defined_way(source, name):
    v = [0.0, -0.0, 0.5, -0.5, 0.99, -0.99, 1.5, -1.5, 127.9, 128.0, -128.9, -129.0, 255.5, 256.0, 32767.5, -32769.0, 65535.9, 65536.0, 1e10,
         -1e10, 2.0**31, 2.0**31 - 1, -(2.0**31), -(2.0**31) - 1, 2.0**32, 2.0**53, -(2.0**62), 2.0**63, -(2.0**63), 1.5 * 2.0**63, 2.0**64,
         1e20, -1e20, 1e38, -1e38, np.inf, -np.inf, np.nan] + list(RNG.standard_normal(40) * 1000)
    a = mx.array(np.array(v), dtype=mx.float64).astype(getattr(mx, source))
    exact = np.array(a.astype(mx.complex64)).real.astype(np.float64) if source != "float64" else np.array(a)
    want = np.array([to_integer(x, name) % 2 ** np.iinfo(name).bits for x in exact], dtype="uint64").astype(name)
    same(a.astype(getattr(mx, name)), want)


@pytest.mark.parametrize("source", INTS + ["bool_"])
def test_integers_become_other_integers_by_their_low_bits_and_bools_by_being_0(source):
    x = np.array([False, True, True]) if source == "bool_" else edges(source)[0]
    for name in INTS:
        same(mx.array(x).astype(getattr(mx, name)), x.astype(name))
    same(mx.array(x).astype(mx.bool_), x != 0)
    assert mx.array([np.nan, 0.0, -0.0, 1e-45, np.inf]).astype(mx.bool_).tolist() == [True, False, False, True, True]


# Halves


def to_bfloat16(x):
    """float64 to the bits of bfloat16, to nearest, ties to even, in one rounding."""
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):
        e = np.maximum(np.frexp(x)[1] - 8, -133)
        r = np.where(np.isfinite(x), np.ldexp(np.rint(np.ldexp(x, -e)), e), x)
        return (np.where(np.abs(r) >= 2.0**128, np.copysign(np.inf, r), r).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def check_halves(got, want, nan):
    bits = np.array(got.view(mx.uint16))
    is_nan = np.isnan(np.array(got.astype(mx.float32)))
    np.testing.assert_array_equal(is_nan, nan)
    np.testing.assert_array_equal(bits[~nan], want[~nan])


def test_float32_rounds_to_halves_to_nearest_even():
    """Every upper half of a float32 with the lower halves and, for float16, the thirteen last bits at which a tie is decided."""
    upper = np.arange(2**16, dtype=np.uint32) << 16
    for low in [0, 1, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x2000, 0x3000, 0x7FFF, 0x8000, 0x8001, 0x9000, 0xEFFF, 0xF000, 0xF001, 0xFFFF]:
        x = (upper | np.uint32(low)).view(np.float32)
        nan = np.isnan(x)
        a = mx.array(x)
        check_halves(a.astype(mx.float16), x.astype(np.float16).view(np.uint16), nan)
        check_halves(a.astype(mx.bfloat16), to_bfloat16(x), nan)


def test_float64_and_integers_round_to_halves_once():
    ties = np.array([1 + 2.0**-11, 1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-11 - 2.0**-40, 1 + 2.0**-8, 1 + 2.0**-8 + 2.0**-40, 1 + 3 * 2.0**-8 - 2.0**-40,
                     65519.999999, 65520.0, 65520.0000001, 2.0**-25, 2.0**-25 * (1 + 2.0**-40), 3 * 2.0**-25 - 2.0**-60, 1e300, -1e300, 1e-300,
                     np.inf, -np.inf, 3.3895313892515355e38, 3.3961775292304601e38, 3.4e38])
    x = np.concatenate([ties, -ties, RNG.standard_normal(1000), np.exp(RNG.uniform(-90, 90, 1000))])
    a = mx.array(x, dtype=mx.float64)
    check_halves(a.astype(mx.float16), x.astype(np.float16).view(np.uint16), np.isnan(x))
    check_halves(a.astype(mx.bfloat16), to_bfloat16(x), np.isnan(x))
    for name in ("int32", "int64", "uint32", "uint64"):
        top = np.iinfo(name).bits - (name in SIGNED) - 1
        v = np.array([(1 << top) + d for d in (0, 1, -1)] + [(1 << top) + (1 << (top - 8)) + d for d in (0, 1, -1)] +
                     [(1 << top) + (3 << (top - 8)) + d for d in (0, 1, -1)] + [65519, 65520, 65504, 257, 259, 1], dtype=name)
        exact = [to_bfloat16_of_int(int(i)) for i in v]
        check_halves(mx.array(v).astype(mx.bfloat16), np.array(exact, dtype=np.uint16), np.zeros(len(v), bool))
        check_halves(mx.array(v).astype(mx.float16), v.astype(np.float64).astype(np.float16).view(np.uint16), np.zeros(len(v), bool))


def to_bfloat16_of_int(i):
    shift = max(i.bit_length() - 8, 0)
    q, r = i >> shift, i & ((1 << shift) - 1)
    half = 1 << (shift - 1) if shift else 1
    q += r > half or (r == half and shift > 0 and q & 1)
    return int(np.float32(float(q) * 2.0**shift).view(np.uint32) >> 16)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_every_operation_on_halves_rounds_once(name):
    dtype = getattr(mx, name)
    patterns = RNG.integers(0, 2**16, (2, 20000)).astype(np.uint16)
    a, b = (mx.array(p).view(dtype) for p in patterns)
    x, y = (np.array(v.astype(mx.float32)).astype(np.float64) for v in (a, b))
    rounded = (lambda v: v.astype(np.float16).view(np.uint16)) if name == "float16" else to_bfloat16
    single = lambda v: v.astype(np.float32).astype(np.float64)  # operations run in float32: exact for sums and products, once more rounded else
    with np.errstate(all="ignore"):
        for got, want in [(a + b, x + y), (a - b, x - y), (a * b, x * y), (a / b, x / y), (mx.sqrt(a), np.sqrt(x)), (mx.square(a), x * x),
                          (mx.maximum(a, b), np.maximum(x, y)), (mx.floor(a), np.floor(x)), (mx.round(a), np.rint(x)), (-a, -x), (mx.abs(a), np.abs(x))]:
            check_halves(got, rounded(single(want)), np.isnan(want))


# NaN


FLOATS = [mx.float16, mx.bfloat16, mx.float32, mx.float64]


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_wins_in_extremes_and_stands_last_in_order(dtype):
    for n in (3, 40, 3000):
        x = RNG.integers(-50, 50, (4, n)).astype(np.float64)
        x[1, n // 2] = x[2, 0] = x[2, n - 1] = x[3, :] = np.nan
        a = mx.array(x, dtype=mx.float64).astype(dtype)
        back = lambda v: np.array(v.astype(mx.float32)).astype(np.float64) if v.dtype != mx.float64 else np.array(v)
        for axis in (0, 1):
            np.testing.assert_array_equal(back(a.max(axis)), x.max(axis))
            np.testing.assert_array_equal(back(a.min(axis)), x.min(axis))
            np.testing.assert_array_equal(np.array(a.argmax(axis)), x.argmax(axis))
            np.testing.assert_array_equal(np.array(a.argmin(axis)), x.argmin(axis))
            np.testing.assert_array_equal(back(mx.sort(a, axis)), np.sort(x, axis))
            np.testing.assert_array_equal(np.array(mx.argsort(a, axis)), np.argsort(x, axis, kind="stable"))
        np.testing.assert_array_equal(back(mx.median(a, 1)), np.median(x, 1))
        np.testing.assert_array_equal(back(mx.maximum(a, a[::-1])), np.maximum(x, x[::-1]))
        np.testing.assert_array_equal(back(mx.minimum(a, a[::-1])), np.minimum(x, x[::-1]))
        np.testing.assert_array_equal(back(mx.clip(a, -2, 3)), np.clip(x, -2, 3))
        np.testing.assert_array_equal(back(mx.sign(a)), np.sign(x))
        np.testing.assert_array_equal(back(mx.round(a)), np.round(x))
    low = mx.array([0.0, np.nan, 0.0], dtype=mx.float64).astype(dtype)
    assert np.isnan(np.array(mx.clip(mx.zeros(3, dtype), low, None).astype(mx.float32))).tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_to_num_and_the_predicates(dtype):
    a = mx.array([np.nan, np.inf, -np.inf, 1.5, -0.0]).astype(dtype)
    largest = {mx.float16: 65504.0, mx.bfloat16: 3.3895313892515355e38, mx.float32: 3.4028234663852886e38, mx.float64: 1.7976931348623157e308}[dtype]
    assert mx.nan_to_num(a).tolist() == [0.0, largest, -largest, 1.5, 0.0]
    assert mx.nan_to_num(a, 2.0, 3.0, -3.0).tolist() == [2.0, 3.0, -3.0, 1.5, 0.0]
    assert mx.isnan(a).tolist() == [True, False, False, False, False]
    assert mx.isinf(a).tolist() == [False, True, True, False, False]
    assert mx.isfinite(a).tolist() == [False, False, False, True, True]
    assert (a == a).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_division_and_remainder_of_floats_are_numpy_s(name):
    v = np.array([0.0, -0.0, 1, -1, 2.5, -2.5, 3, -3, 7.25, np.inf, -np.inf, np.nan, 1e-30, 1e30], dtype=name)
    x, y = (p.copy() for p in np.array(list(itertools.product(v, v)), dtype=name).T)
    a, b = (mx.array(p, dtype=getattr(mx, name)) for p in (x, y))
    same(a / b, x / y)
    with np.errstate(all="ignore"):
        plain = np.isfinite(x) & np.isfinite(y) & (y != 0)
        got, want = np.array(a % b), np.mod(x, y)
        np.testing.assert_array_equal(got[plain], want[plain])
        np.testing.assert_array_equal(np.signbit(got[plain]), np.signbit(want[plain]))
        assert np.isnan(got[(y == 0) | np.isinf(x)]).all()
        np.testing.assert_array_equal(np.array(a // b)[plain], np.floor(x / y)[plain])


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 5e-324, 1e-310, -1e-310, 1e308, -1e308, 2, -2, 0.5, -0.5, 1e-20, 700.5, -700.5, 710, -710, 750,
           -750, 1e6, 1e22, -1e6, 1 - 2.0**-53, 1 + 2.0**-52, 1e100, 1e200, 40, -40, 88.8, -104]


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("f", "exp expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh sqrt".split())
def test_functions_at_special_values(name, f):
    """Beside ordinary neighbours and alone: a value never depends on where it stands."""
    ordinary = RNG.uniform(0.1, 0.9, 400)
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, ordinary, SPECIAL]).astype(name)
        want = getattr(np, f)(x)
    got = np.array(getattr(mx, f)(mx.array(x, dtype=getattr(mx, name))))
    near = np.abs(got - want) <= 4 * np.spacing(np.abs(want))
    right = ((got == want) & (np.signbit(got) == np.signbit(want))) | (np.isnan(got) & np.isnan(want)) | (near & (want != 0))
    assert right.all(), [(x[i], got[i], want[i]) for i in np.flatnonzero(~right)[:5]]
    alone = np.array(getattr(mx, f)(mx.array(ordinary.astype(name), dtype=getattr(mx, name))))
    np.testing.assert_array_equal(alone, got[len(SPECIAL):-len(SPECIAL)])
