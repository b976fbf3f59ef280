"""The Python array API standard, 2024.12 (data-apis.org/array-api): names, parameters, inspection, behaviour. Oracle: NumPy 2, which follows it.

Where MLX's documented behaviour is another, MLX's is kept: argmax and argsort give uint32, axes out of range are IndexErrors, bool is
refused by negative, sums of small unsigned integers are int32.
"""

import math
import pickle

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

CONSTANTS = "e inf nan newaxis pi"
CREATION = "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like"
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64"
DATA_TYPES = "astype can_cast finfo iinfo isdtype result_type"
UNARY = """abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log log1p log2
log10 logical_not negative positive real reciprocal round sign signbit sin sinh square sqrt tan tanh trunc"""
BINARY = """add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal floor_divide greater
greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum minimum multiply nextafter not_equal pow
remainder subtract"""
OTHERS = """clip matmul matrix_transpose tensordot vecdot broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat
reshape roll squeeze stack tile unstack argmax argmin count_nonzero nonzero searchsorted where unique_all unique_counts unique_inverse
unique_values argsort sort take take_along_axis cumulative_prod cumulative_sum max mean min prod std sum var all any diff"""


def same(got, want, rtol=2e-6):
    got = np.asarray(got)
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-7)


# Names and inspection


@pytest.mark.parametrize("name", " ".join((CONSTANTS, CREATION, DTYPES, DATA_TYPES, UNARY, BINARY, OTHERS)).split())
def test_the_namespace_has_the_name(name):
    assert hasattr(mx, name)


@pytest.mark.parametrize("name", """T mT device dtype ndim shape size to_device __abs__ __add__ __and__ __array_namespace__ __bool__ __complex__
__dlpack__ __dlpack_device__ __eq__ __float__ __floordiv__ __ge__ __getitem__ __gt__ __index__ __int__ __invert__ __le__ __lshift__ __lt__
__matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pos__ __pow__ __rshift__ __setitem__ __sub__ __truediv__ __xor__ __iadd__ __radd__
__isub__ __rsub__ __imul__ __rmul__ __itruediv__ __rtruediv__ __ifloordiv__ __rfloordiv__ __ipow__ __rpow__ __imod__ __rmod__ __imatmul__
__rmatmul__ __iand__ __rand__ __ior__ __ror__ __ixor__ __rxor__ __ilshift__ __rlshift__ __irshift__ __rrshift__""".split())
def test_the_array_has_the_name(name):
    assert hasattr(mx.array, name)


def test_versions_and_inspection():
    assert mx.__array_api_version__ == "2024.12"
    x = mx.array(1)
    assert x.__array_namespace__() is x.__array_namespace__(api_version="2023.12") is mx
    with pytest.raises(ValueError, match="1999"):
        x.__array_namespace__(api_version="1999.12")
    info = mx.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 32}
    assert info.default_device() in info.devices() and x.device == info.default_device()
    assert info.default_dtypes() == {
        "real floating": mx.float32, "complex floating": mx.complex64, "integral": mx.int32, "indexing": mx.int32}
    assert info.dtypes() == {n: getattr(mx, n) for n in DTYPES.split()}
    assert info.dtypes(kind="bool") == {"bool": mx.bool}
    assert list(info.dtypes(kind=("signed integer", "complex floating"))) == ["int8", "int16", "int32", "int64", "complex64"]
    assert info.dtypes(device=mx.cpu, kind="real floating") == {"float32": mx.float32, "float64": mx.float64}
    with pytest.raises(ValueError, match="kind"):
        info.dtypes(kind="strings")
    assert x.to_device(mx.cpu) is x


# Dtypes


def test_dtype_functions():
    kinds = {"bool": "bool", "signed integer": "int8", "unsigned integer": "uint8", "real floating": "float32", "complex floating": "complex64"}
    for kind, name in kinds.items():
        assert [k for k in kinds if mx.isdtype(getattr(mx, name), k)] == [kind]
    assert mx.isdtype(mx.int8, "integral") and mx.isdtype(mx.float64, "numeric") and not mx.isdtype(mx.bool, "numeric")
    assert mx.isdtype(mx.int8, (mx.int8, "bool")) and not mx.isdtype(mx.int8, mx.int16)
    for a in DTYPES.split():
        for b in DTYPES.split():
            try:
                want = np.result_type(np.dtype(a), np.dtype(b)).name
            except TypeError:
                continue
            in_standard = want in DTYPES.split() and not ({a, b} & {"uint64"} and {a, b} & {"int8", "int16", "int32", "int64"})
            mixed = mx.isdtype(getattr(mx, a), "integral") != mx.isdtype(getattr(mx, b), "integral")
            if in_standard and not mixed and "bool" not in (a, b) and {a, b} != {"float64", "complex64"}:
                assert mx.result_type(getattr(mx, a), getattr(mx, b)) == getattr(mx, want), (a, b)
    assert mx.result_type(mx.array([1], dtype=mx.int8), 3) == mx.int8 and mx.result_type(mx.float32, 1.0, 2) == mx.float32
    f, i = mx.finfo(mx.float32), mx.iinfo(mx.uint16)
    want = np.finfo(np.float32)
    assert (f.bits, f.eps, f.max, f.min, f.smallest_normal, f.dtype) == (32, want.eps, want.max, want.min, want.smallest_normal, mx.float32)
    assert (i.bits, i.max, i.min, i.dtype) == (16, 65535, 0, mx.uint16) and mx.finfo(mx.array([1.0])).bits == 32
    x = mx.array([1.5])
    assert mx.astype(x, mx.float32, copy=False) is x and mx.astype(x, mx.float32, copy=True) is not x
    assert mx.astype(x, mx.int32, device=mx.cpu).dtype == mx.int32


# Creation


def test_creation_functions_take_dtype_and_device():
    cpu = mx.default_device()
    assert mx.zeros((2, 3), dtype=mx.int8, device=cpu).dtype == mx.int8 and mx.ones(3, device=mx.cpu).tolist() == [1, 1, 1]
    assert mx.empty((2, 0)).shape == (2, 0) and mx.empty_like(mx.zeros((2, 3), dtype=mx.int16), device=cpu).dtype == mx.int16
    assert mx.full((2,), fill_value=3).tolist() == mx.full_like(mx.ones(2), fill_value=3).tolist() == [3, 3]
    assert mx.full((2,), True).dtype == mx.bool and mx.full(2, 1j).dtype == mx.complex64 and mx.full_like(mx.ones(2), 3).tolist() == [3, 3]
    same(mx.eye(3, 4, k=-1, dtype=mx.float32, device=cpu), np.eye(3, 4, k=-1))
    same(mx.arange(3, 12, 4, dtype=mx.float32, device=cpu), np.arange(3, 12, 4))
    same(mx.arange(5, step=2), np.arange(0, 5, 2))
    same(mx.linspace(0, 1, num=5, endpoint=False, device=cpu), np.linspace(0, 1, 5, endpoint=False))
    for got, want in zip(mx.meshgrid(mx.array([1, 2, 3]), mx.array([4, 5]), indexing="ij"), np.meshgrid([1, 2, 3], [4, 5], indexing="ij")):
        same(got, want)
    x = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    same(mx.tril(mx.array(x), k=1), np.tril(x, 1))
    same(mx.triu(mx.array(x), k=-1), np.triu(x, -1))
    assert mx.asarray([1, 2], dtype=mx.float32, device=cpu, copy=True).dtype == mx.float32
    with pytest.raises(ValueError):
        mx.zeros(2, device=mx.gpu)
    with pytest.raises(TypeError):
        mx.zeros(2, device="cpu")


# Elementwise: special cases that the standard names, against NumPy


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1e-30, -1e30, 3.7, math.inf, -math.inf, math.nan, math.pi]
NUMPY = {"acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atanh": "arctanh", "atan2": "arctan2",
         "pow": "power", "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift"}
FLOAT_UNARY = [n for n in UNARY.split() if n not in ("bitwise_invert",)]


@pytest.mark.parametrize("name", FLOAT_UNARY)
def test_unary_functions_at_special_values(name):
    x = np.array(SPECIAL, np.float32)
    with np.errstate(all="ignore"):
        want = getattr(np, NUMPY.get(name, name))(x.astype(np.float64))
        got = np.asarray(getattr(mx, name)(mx.array(x)))
        want = want if want.dtype == bool else want.astype(np.float32)
    np.testing.assert_allclose(got, want, rtol=2e-6)
    zeros = (want == 0) & (got == 0)
    if want.dtype != bool and name != "imag":
        np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))


@pytest.mark.parametrize("name", [n for n in BINARY.split() if "bitwise" not in n])
def test_binary_functions_at_special_values(name):
    a, b = (m.ravel() for m in np.meshgrid(np.array(SPECIAL, np.float32), np.array(SPECIAL, np.float32)))
    with np.errstate(all="ignore"):
        exact = name == "nextafter"  # depends on the dtype
        want = getattr(np, NUMPY.get(name, name))(*(x if exact else x.astype(np.float64) for x in (a, b)))
        want = want if want.dtype == bool else want.astype(np.float32)
    got = np.asarray(getattr(mx, name)(mx.array(a), mx.array(b)))
    if name in ("remainder", "floor_divide"):  # beyond what float32 quotients resolve, each library rounds in its own way
        with np.errstate(all="ignore"):  # (and quotients that underflow are 0)
            quotient = np.abs(a.astype(np.float64) / b)
            keep = (quotient < 2**24) & ((quotient > 1e-38) | (a == 0)) & np.isfinite(a) & np.isfinite(b)
        got, want = got[keep], want[keep]
    np.testing.assert_allclose(got, want, rtol=4e-6)


floats = st.floats(width=32, allow_subnormal=False)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(floats, floats), min_size=1, max_size=20), st.sampled_from(["float32", "float64", "float16"]))
def test_numbers_by_their_bits_agree_with_numpy_to_the_bit(pairs, name):
    with np.errstate(all="ignore"):
        a, b = (np.array(x, np.float32).astype(name) for x in zip(*pairs))
        x, y = mx.array(a, dtype=getattr(mx, name)), mx.array(b, dtype=getattr(mx, name))
        for f in ("nextafter", "copysign"):
            got, want = np.asarray(getattr(mx, f)(x, y)), getattr(np, f)(a, b)
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.asarray(mx.signbit(x)), np.signbit(a))
        np.testing.assert_allclose(np.asarray(mx.hypot(x, y)), np.hypot(a, b), rtol={"float16": 1e-3, "float32": 3e-7, "float64": 1e-15}[name])


def test_bits_of_every_dtype_and_derivatives():
    assert mx.signbit(mx.array([-1, 0, 1], dtype=mx.int8)).tolist() == [True, False, False]
    assert mx.signbit(mx.array([-0.0, 1.0], dtype=mx.bfloat16)).tolist() == [True, False]
    assert mx.nextafter(mx.array(1.0, dtype=mx.bfloat16), 2).item() == 1.0078125
    assert mx.copysign(3, mx.array([-1, 1])).tolist() == [-3.0, 3.0]
    assert mx.grad(lambda x: mx.hypot(x, 4.0))(mx.array(3.0)).item() == pytest.approx(0.6)
    assert mx.grad(lambda x: mx.copysign(x, -1.0))(mx.array(3.0)).item() == -1.0
    for f in ("hypot", "copysign", "nextafter", "signbit"):
        with pytest.raises(ValueError, match=f):
            getattr(mx, f)(*[mx.array(1j)] * (1 if f == "signbit" else 2))


def test_operators_of_integers_agree_with_numpy():
    a, b = np.array([7, -7, 0, 120], np.int8), np.array([2, 3, 5, 7], np.int8)
    for name in "add subtract multiply floor_divide remainder bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split():
        with np.errstate(all="ignore"):
            want = getattr(np, NUMPY.get(name, name))(a, b)
        got = getattr(mx, name)(mx.array(a), mx.array(b))
        assert got.dtype == mx.int8
        np.testing.assert_array_equal(np.asarray(got), want)
    np.testing.assert_array_equal(np.asarray(mx.bitwise_invert(mx.array(a))), ~a)


def test_clip_takes_min_and_max():
    x = np.array([-2.0, 0.5, np.nan, 9.0], np.float32)
    same(mx.clip(mx.array(x), min=0, max=5), np.clip(x, 0, 5))
    same(mx.clip(mx.array(x), max=mx.array([0.0, 0.0, 0.0, 1.0])), np.clip(x, None, [0, 0, 0, 1]))
    same(mx.clip(mx.array(x)), x)


# Manipulation


def test_manipulation_functions():
    x = np.arange(24).reshape(2, 3, 4)
    a = mx.array(x)
    same(mx.expand_dims(a), x[None])
    same(mx.expand_dims(a, axis=-1), x[..., None])
    same(mx.roll(a, 1, axis=0), np.roll(x, 1, 0))
    same(mx.roll(a, (1, -2), axis=(0, 2)), np.roll(x, (1, -2), (0, 2)))
    same(mx.roll(a, shift=5), np.roll(x, 5))
    same(mx.flip(a, axis=(0, -1)), np.flip(x, (0, -1)))
    same(mx.moveaxis(a, (0, 1), (-1, 0)), np.moveaxis(x, (0, 1), (-1, 0)))
    same(a.moveaxis([2, 0], [0, 1]), np.moveaxis(x, [2, 0], [0, 1]))
    same(mx.reshape(a, (4, 6), copy=True), x.reshape(4, 6))
    same(mx.permute_dims(a, (2, 0, 1)), x.transpose(2, 0, 1))
    same(mx.concat([a, a], axis=None), np.concatenate([x, x], axis=None))
    same(mx.stack((a, a), axis=-1), np.stack((x, x), axis=-1))
    same(mx.tile(a, (2, 1, 1, 1)), np.tile(x, (2, 1, 1, 1)))
    same(mx.repeat(a, 2, axis=1), np.repeat(x, 2, 1))
    for got, want in zip(mx.unstack(a, axis=1), np.moveaxis(x, 1, 0)):
        same(got, want)
    for bad in (((0, 0), (0, 1)), ((0, 1), (0, 0)), ((0, 1), (0,))):
        with pytest.raises(ValueError, match="moveaxis"):
            mx.moveaxis(a, *bad)
    with pytest.raises(IndexError, match="moveaxis"):
        mx.moveaxis(a, (0, 3), (0, 1))


# Searching, sorting, statistics


def test_sorting_goes_both_ways_and_is_stable():
    x = np.array([[3, 1, 2, 1, 3, 3], [0, 0, 5, 5, 0, 5]], np.int32)
    a = mx.array(x)
    for axis in (0, 1, -1):
        same(mx.sort(a, axis=axis, descending=True), -np.sort(-x, axis=axis))
        same(mx.argsort(a, axis=axis, descending=True, stable=True), np.argsort(-x, axis=axis, kind="stable"))
        same(mx.argsort(a, axis=axis, stable=True), np.argsort(x, axis=axis, kind="stable"))
    assert mx.argsort(a, axis=None, descending=True).tolist() == np.argsort(-x, axis=None, kind="stable").tolist()
    assert mx.sort(mx.zeros((2, 0)), descending=True).shape == (2, 0)
    with pytest.raises(IndexError, match="argsort"):
        mx.argsort(a, axis=2, descending=True)


def test_searching():
    x = mx.array([[0, 2], [3, 0]])
    same(mx.argmax(x, axis=1, keepdims=True), [[1], [0]])
    assert mx.count_nonzero(x, axis=0, keepdims=True).tolist() == [[1, 1]]
    assert [i.tolist() for i in mx.nonzero(x)] == [[0, 1], [1, 0]]
    assert mx.searchsorted(mx.array([1, 3, 5]), mx.array([3, 4]), side="right").tolist() == [2, 2]
    messy, values = np.array([5.0, 1.0, 3.0, np.nan], np.float32), np.array([[0.0, 3.0], [4.0, 9.0]], np.float32)
    for order in (np.argsort(messy), np.argsort(messy).astype(np.uint8)):
        assert mx.searchsorted(mx.array(messy), mx.array(values), sorter=mx.array(order)).tolist() == np.searchsorted(messy, values, sorter=np.argsort(messy)).tolist()
    with pytest.raises(ValueError, match=r"\[searchsorted\] sorter"):
        mx.searchsorted(mx.array(messy), mx.array(values), sorter=mx.array([0]))
    with pytest.raises(ValueError, match=r"\[nonzero\] The array must have at least 1"):
        mx.nonzero(mx.array(1))


def test_sets():
    x = mx.array([[3, 1, 3], [2, 1, 1]])
    every = mx.unique_all(x)
    values, indices, inverse, counts = every
    assert values.tolist() == [1, 2, 3] and indices.tolist() == [1, 3, 0] and counts.tolist() == [3, 1, 2]
    assert inverse.tolist() == [[2, 0, 2], [1, 0, 0]]
    assert every.values is values and every.inverse_indices is inverse and every.counts is counts and every.indices is indices
    assert mx.unique_counts(x).counts.tolist() == [3, 1, 2] and mx.unique_inverse(x).inverse_indices.tolist() == inverse.tolist()
    assert mx.unique_values(x).tolist() == [1, 2, 3]
    assert mx.unique_values(mx.array([mx.nan, 1.0, mx.nan])).size == 3  # NaN differs from itself


def test_statistics_take_dtype_and_correction():
    x = np.arange(12, dtype=np.int16).reshape(3, 4)
    a = mx.array(x)
    assert mx.sum(a, dtype=mx.int64).dtype == mx.int64 and mx.sum(a, axis=1, dtype=mx.float32).tolist() == x.sum(1).tolist()
    assert mx.prod(a, axis=0, dtype=mx.float64, keepdims=True).dtype == mx.float64 and mx.sum(a, dtype=mx.int8).dtype == mx.int8
    f = x.astype(np.float32)
    for c in (0, 1, 1.0):
        same(mx.var(mx.array(f), axis=1, correction=c), f.var(1, ddof=int(c)))
        same(mx.std(mx.array(f), correction=c, keepdims=True), f.std(ddof=int(c), keepdims=True))
    with pytest.raises(TypeError):
        mx.var(mx.array(f), correction=0.5)


def test_cumulative_sums_and_products():
    x = np.array([[1, 2, 3], [4, 5, 6]], np.int32)
    for name in ("cumulative_sum", "cumulative_prod"):
        f, want = getattr(mx, name), getattr(np, name)
        for axis in (0, 1, -1):
            for initial in (False, True):
                same(f(mx.array(x), axis=axis, include_initial=initial), want(x, axis=axis, include_initial=initial))
        same(f(mx.array(x[0]), dtype=mx.float32, include_initial=True), want(x[0], dtype=np.float32, include_initial=True))
        assert f(mx.array([True, True])).dtype == mx.int32
        with pytest.raises(ValueError, match=name):
            f(mx.array(x))
        with pytest.raises(ValueError, match=name):
            f(mx.array(1))
        with pytest.raises(IndexError, match=name):
            f(mx.array(x), axis=2)
    assert mx.grad(lambda v: mx.cumulative_sum(v, include_initial=True).sum())(mx.ones(3)).tolist() == [3, 2, 1]


def test_diff_takes_prepend_and_append():
    x = np.array([[1, 4, 9], [2, 3, 7]], np.int32)
    a = mx.array(x)
    same(mx.diff(a, n=2, axis=-1), np.diff(x, n=2))
    same(mx.diff(a, axis=0, prepend=a[:1], append=a), np.diff(x, axis=0, prepend=x[:1], append=x))
    same(mx.diff(a, append=mx.zeros((2, 1), dtype=mx.int32)), np.diff(x, append=np.zeros((2, 1), np.int32)))


# Linear algebra, indexing, exchange


def test_products():
    a, b = np.arange(6.0, dtype=np.float32).reshape(2, 3), np.arange(12.0, dtype=np.float32).reshape(3, 4)
    same(mx.matmul(mx.array(a), mx.array(b)), a @ b)
    same(mx.tensordot(mx.array(a), mx.array(b), axes=((1,), (0,))), a @ b)
    same(mx.vecdot(mx.array(a), mx.array(a), axis=-1), (a * a).sum(-1))
    same(mx.matrix_transpose(mx.array(a)), a.T)
    z = np.array([1 + 2j, 3 - 1j], np.complex64)
    same(mx.vecdot(mx.array(z), mx.array(z)), np.vecdot(z, z))


def test_boolean_masks_and_newaxis():
    x = np.arange(6).reshape(2, 3)
    a = mx.array(x)
    same(a[a > 2], x[x > 2])
    same(a[mx.array([True, False])], x[[True, False]])
    same(a[:, mx.newaxis, ::-1], x[:, None, ::-1])
    a[a > 2] = 0
    assert a.tolist() == [[0, 1, 2], [0, 0, 0]]
    same(mx.take(mx.array(x), mx.array([2, 0]), axis=1), np.take(x, [2, 0], axis=1))
    same(mx.take_along_axis(mx.array(x), mx.array([[1], [2]]), axis=1), np.take_along_axis(x, np.array([[1], [2]]), axis=1))


def test_an_array_goes_through_the_standard_s_consumers():
    x = mx.array([[1.0, 2.0], [3.0, 4.0]])
    assert np.from_dlpack(x).tolist() == x.tolist() and mx.from_dlpack(np.ones(2), device=mx.cpu).dtype == mx.float64
    xp = x.__array_namespace__()

    def standardize(values):  # what a library writes against the standard
        return (values - xp.mean(values, axis=0)) / xp.std(values, axis=0, correction=1)

    same(standardize(x), (np.asarray(x) - np.asarray(x).mean(0)) / np.asarray(x).std(0, ddof=1))


# The linalg extension


@pytest.mark.parametrize("name", """cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose
outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm""".split())
def test_the_linalg_extension_has_the_name(name):
    assert hasattr(mx.linalg, name)


STACK = np.random.default_rng(0).standard_normal((2, 3, 3)).astype(np.float32)


def test_linalg_of_stacks_agrees_with_numpy():
    a = mx.array(STACK)
    for k in (-1, 0, 2):
        same(mx.linalg.diagonal(a, offset=k), np.linalg.diagonal(STACK, offset=k))
        same(mx.linalg.trace(a, offset=k), np.linalg.trace(STACK, offset=k), rtol=1e-5)
    assert mx.linalg.trace(a, dtype=mx.float64).dtype == mx.float64
    same(mx.linalg.matrix_transpose(a), np.linalg.matrix_transpose(STACK))
    same(mx.linalg.svdvals(a), np.linalg.svdvals(STACK), rtol=1e-5)
    for n in (-3, -1, 0, 1, 2, 7):
        np.testing.assert_allclose(np.asarray(mx.linalg.matrix_power(a, n)), np.linalg.matrix_power(STACK, n), rtol=2e-3, atol=1e-4)
    for rtol in (None, 0.5, 1e-9, np.array([0.9, 0.1], np.float32)):
        want = np.linalg.pinv(STACK, rtol=rtol)
        np.testing.assert_allclose(np.asarray(mx.linalg.pinv(a, rtol=rtol)), want, rtol=2e-4, atol=2e-5)
    by_loop = mx.stack([mx.linalg.pinv(a[i], rtol=r) for i, r in enumerate((0.9, 0.1))])
    same(mx.vmap(lambda x, r: mx.linalg.pinv(x, rtol=r))(a, mx.array([0.9, 0.1])), by_loop)
    assert mx.linalg.pinv(mx.zeros((2, 0, 3)), rtol=0.1).shape == (2, 3, 0)
    singular = STACK.copy()
    singular[1, 2] = singular[1, 0] + singular[1, 1]
    assert mx.linalg.matrix_rank(mx.array(singular)).tolist() == np.linalg.matrix_rank(singular).tolist() == [3, 2]
    assert mx.linalg.matrix_rank(mx.array(singular), rtol=1e9).tolist() == [0, 0]
    assert mx.linalg.matrix_rank(mx.array(singular), rtol=mx.array([1e9, 1e-5])).tolist() == [0, 2]
    same(mx.linalg.outer(a[0, 0], a[0, 1]), np.outer(STACK[0, 0], STACK[0, 1]))
    same(mx.linalg.vecdot(a, a, axis=1), np.linalg.vecdot(STACK, STACK, axis=1), rtol=1e-5)


@pytest.mark.parametrize("order", [0, 1, -1, 2, -2, 3.5, math.inf, -math.inf])
def test_vector_norms_agree_with_numpy(order):
    for axis in (None, 0, (0, 2), -1):
        for keep in (False, True):
            want = np.linalg.vector_norm(STACK, axis=axis, keepdims=keep, ord=order)
            same(mx.linalg.vector_norm(mx.array(STACK), axis=axis, keepdims=keep, ord=order), want, rtol=1e-5)
    same(mx.linalg.vector_norm(mx.array([3, -4]), ord=order), np.linalg.vector_norm(np.array([3.0, -4.0]), ord=order))
    assert mx.linalg.vector_norm(mx.array([3j, -4.0]), ord=order).dtype == mx.float32


@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf])
def test_matrix_norms_agree_with_numpy(order):
    for keep in (False, True):
        want = np.linalg.matrix_norm(STACK, keepdims=keep, ord=order)
        same(mx.linalg.matrix_norm(mx.array(STACK), keepdims=keep, ord=order), want, rtol=1e-5)


def test_results_of_linalg_have_names_and_are_tuples():
    a = mx.array(STACK[0] @ STACK[0].T)
    for got, fields in ((mx.linalg.qr(a), "Q R"), (mx.linalg.qr(a, mode="complete"), "Q R"), (mx.linalg.svd(a), "U S Vh"),
                        (mx.linalg.eigh(a), "eigenvalues eigenvectors"), (mx.linalg.slogdet(a), "sign logabsdet")):
        assert isinstance(got, tuple) and got._fields == tuple(fields.split())
        for one, name in zip(got, fields.split()):
            assert getattr(got, name) is one
    back = pickle.loads(pickle.dumps(mx.linalg.qr(a)))
    assert type(back) is type(mx.linalg.qr(a)) and back.R.shape == (3, 3)
    assert mx.compile(mx.linalg.svd)(a).S.shape == (3,) and mx.vmap(mx.linalg.eigh)(mx.array(STACK)).eigenvalues.shape == (2, 3)


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (2, 0, 0)])
def test_norms_of_nothing_are_0(shape):
    for order in ("fro", "nuc", 1, 2, math.inf):
        same(mx.linalg.matrix_norm(mx.zeros(shape), ord=order), np.linalg.matrix_norm(np.zeros(shape), ord=order))
    same(mx.linalg.vector_norm(mx.zeros(shape), ord=math.inf), 0.0)
    same(mx.linalg.norm(mx.zeros(0), ord=math.inf), 0.0)
    same(mx.linalg.matrix_rank(mx.zeros(shape)), np.linalg.matrix_rank(np.zeros(shape)))


def test_frequencies_in_the_dtype_that_is_asked_for():
    for name in ("fftfreq", "rfftfreq"):
        for n in (1, 6, 7):
            got = getattr(mx.fft, name)(n, d=0.3, dtype=mx.float64, device=mx.cpu)
            assert got.dtype == mx.float64
            same(got, getattr(np.fft, name)(n, d=0.3), rtol=1e-15)
        with pytest.raises(ValueError, match=rf"\[{name}\] dtype"):
            getattr(mx.fft, name)(4, dtype=mx.int32)


def test_linalg_says_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"\[linalg::pinv\] rtol of shape \(3,\)"):
        mx.linalg.pinv(mx.array(STACK), rtol=mx.ones(3))
    for name in ("diagonal", "trace", "matrix_transpose", "svdvals", "matrix_rank", "matrix_norm"):
        with pytest.raises(ValueError, match=name):
            getattr(mx.linalg, name)(mx.ones(3))
    with pytest.raises(ValueError, match="square"):
        mx.linalg.matrix_power(mx.ones((2, 3)), 2)
    with pytest.raises(IndexError):
        mx.linalg.vector_norm(mx.ones(3), axis=1, ord=1)
    assert mx.grad(lambda x: mx.linalg.vector_norm(x, ord=3))(mx.array([1.0, 1.0])).tolist() == pytest.approx([2 ** (-2 / 3)] * 2, rel=1e-5)
