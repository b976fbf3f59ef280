"""The special cases that the array API standard (2024.12) lists for each elementwise function: NaN, zeros with their signs, infinities.

A row of a table is the standard's sentence: classes of arguments, then the result; "~v": of either sign, "v|w": one of the two, x and y:
the arguments. Where the standard's sqrt of infinite real parts is not C99's, C99's holds (the standard says that it follows C99).
"""

import itertools
import math

import mlx.core as mx
import numpy as np
import pytest

inf, nan, pi = math.inf, math.nan, math.pi
POSITIVE, FRACTIONS = [0.25, 1.0, 2.0, 3.0, 100.5], [0.5, -1.5, 2.25]
NONZERO = POSITIVE + [-v for v in POSITIVE]
FINITE = NONZERO + [0.0, -0.0]
ALL = FINITE + [inf, -inf, nan]
CLASSES = {
    "±0": [0.0, -0.0], "±inf": [inf, -inf], "±1": [1.0, -1.0], "pos": POSITIVE, "neg": [-v for v in POSITIVE], "nz": NONZERO, "fin": FINITE,
    "any": ALL, "num": ALL[:-1], ">1": [1.5, 50.0, inf], "<1": [0.9, 0.0, -0.0, -1.0, -inf], "<-1": [-1.5, -inf], "<0": [-0.25, -3.0, -inf],
    ">0": [0.25, 3.0, inf], "-.5": [-0.5], "≠1": [v for v in ALL if v != 1], "≠0": [v for v in ALL if v != 0], "frac": FRACTIONS,
    "|>1|": [1.5, -1.5, inf, -inf], "|<1|": [0.5, -0.5, 0.0, -0.0], "odd": [1.0, 3.0], "-odd": [-1.0, -3.0],
    "even": [2.0, 0.5, 2.5, inf], "-even": [-2.0, -0.5, -inf]}
UNARY = """abs: nan nan; -0 0; -inf inf
acos: nan nan; >1 nan; <-1 nan; 1 0
acosh: nan nan; <1 nan; 1 0; inf inf
asin: nan nan; >1 nan; <-1 nan; 0 0; -0 -0
asinh: nan nan; 0 0; -0 -0; inf inf; -inf -inf
atan: nan nan; 0 0; -0 -0; inf pi/2; -inf -pi/2
atanh: nan nan; <-1 nan; >1 nan; -1 -inf; 1 inf; 0 0; -0 -0
ceil: inf inf; -inf -inf; 0 0; -0 -0; nan nan; -.5 -0
floor: inf inf; -inf -inf; 0 0; -0 -0; nan nan
round: inf inf; -inf -inf; 0 0; -0 -0; nan nan; -.5 -0
trunc: inf inf; -inf -inf; 0 0; -0 -0; nan nan; -.5 -0
cos: nan nan; ±0 1; ±inf nan
cosh: nan nan; ±0 1; ±inf inf
exp: nan nan; ±0 1; inf inf; -inf 0
expm1: nan nan; 0 0; -0 -0; inf inf; -inf -1
log: nan nan; <0 nan; ±0 -inf; 1 0; inf inf
log1p: nan nan; <-1 nan; -1 -inf; -0 -0; 0 0; inf inf
log2: nan nan; <0 nan; ±0 -inf; 1 0; inf inf
log10: nan nan; <0 nan; ±0 -inf; 1 0; inf inf
sign: <0 -1; ±0 ~0; >0 1; nan nan
sin: nan nan; 0 0; -0 -0; ±inf nan
sinh: nan nan; 0 0; -0 -0; inf inf; -inf -inf
sqrt: nan nan; <0 nan; 0 0; -0 -0; inf inf
square: nan nan; ±0 0; ±inf inf
reciprocal: nan nan; 0 inf; -0 -inf; inf 0; -inf -0
tan: nan nan; 0 0; -0 -0; ±inf nan
tanh: nan nan; 0 0; -0 -0; inf 1; -inf -1"""
BINARY = """add: nan any nan; any nan nan; inf -inf nan; -inf inf nan; inf fin inf; fin -inf -inf; -0 -0 -0; -0 0 0; 0 -0 0; 0 0 0; ±0 nz y; nz ±0 x
subtract: nan any nan; any nan nan; inf inf nan; -inf -inf nan; 0 0 0; -0 -0 0; -0 0 -0; 0 -0 0; ±0 nz -y; nz ±0 x
atan2: nan any nan; any nan nan; >0 ±0 pi/2; 0 >0 0; 0 0 0; 0 -0 pi; 0 <0 pi; -0 >0 -0; -0 0 -0; -0 -0 -pi; -0 <0 -pi; <0 ±0 -pi/2; \
pos inf 0; pos -inf pi; neg inf -0; neg -inf -pi; inf fin pi/2; -inf fin -pi/2; inf inf pi/4; inf -inf 3*pi/4; -inf inf -pi/4; -inf -inf -3*pi/4
copysign: num <0 -abs(x); num -0 -abs(x); num 0 abs(x); num >0 abs(x); num nan abs(x)
divide: nan any nan; any nan nan; ±inf ±inf nan; ±0 ±0 nan; 0 >0 0; -0 >0 -0; 0 <0 -0; -0 <0 0; >0 0 inf; >0 -0 -inf; <0 0 -inf; <0 -0 inf; \
inf pos inf; inf neg -inf; -inf pos -inf; -inf neg inf; pos inf 0; pos -inf -0; neg inf -0; neg -inf 0
floor_divide: nan any nan; any nan nan; ±inf ±inf nan; ±0 ±0 nan; 0 >0 0; -0 >0 -0; 0 <0 -0; -0 <0 0; >0 0 inf; >0 -0 -inf; <0 0 -inf; \
<0 -0 inf; inf pos inf|nan; inf neg -inf|nan; -inf pos -inf|nan; -inf neg inf|nan; pos inf 0; pos -inf -0|-1; neg inf -0|-1; neg -inf 0
hypot: ±inf any inf; any ±inf inf; ±0 any abs(y); any ±0 abs(x); fin nan nan; nan fin nan; nan nan nan
logaddexp: nan any nan; any nan nan; inf num inf; num inf inf
maximum: nan any nan; any nan nan
minimum: nan any nan; any nan nan
multiply: nan any nan; any nan nan; ±inf ±0 nan; ±0 ±inf nan; 0 pos 0; 0 neg -0; -0 pos -0; -0 neg 0; inf -inf -inf; inf pos inf; neg inf -inf
nextafter: nan any nan; any nan nan; -0 0 0; 0 -0 -0
pow: ≠1 nan nan; any ±0 1; nan ≠0 nan; |>1| inf inf; |>1| -inf 0; ±1 ±inf 1; 1 num 1; |<1| inf 0; |<1| -inf inf; inf >0 inf; inf <0 0; \
-inf odd -inf; -inf even inf; -inf -odd -0; -inf -even 0; 0 >0 0; 0 <0 inf; -0 odd -0; -0 even 0; -0 -odd -inf; -0 -even inf; neg frac nan
remainder: nan any nan; any nan nan; ±inf ±inf nan; ±0 ±0 nan; 0 >0 0; -0 >0 0; 0 <0 -0; -0 <0 -0; >0 ±0 nan; <0 ±0 nan; ±inf nz nan; \
pos inf x; pos -inf y; neg inf y; neg -inf x"""
COMPLEX = """acos: ±0 0 pi/2 -0; ±0 nan pi/2 nan; fin inf pi/2 -inf; nz nan nan nan; -inf pos pi -inf; inf pos 0 -inf; -inf inf 3*pi/4 -inf; \
inf inf pi/4 -inf; ±inf nan nan ~inf; nan fin nan nan; nan inf nan -inf; nan nan nan nan
acosh: ±0 0 0 pi/2; fin inf inf pi/2; nz nan nan nan; 0 nan nan ~pi/2; -inf pos inf pi; inf pos inf 0; -inf inf inf 3*pi/4; inf inf inf pi/4; \
±inf nan inf nan; nan fin nan nan; nan inf inf nan; nan nan nan nan
asinh: 0 0 0 0; pos inf inf pi/2; fin nan nan nan; inf pos inf 0; inf inf inf pi/4; nan 0 nan 0; nan nz nan nan; nan inf ~inf nan; nan nan nan nan
atanh: 0 0 0 0; 0 nan 0 nan; 1 0 inf 0; pos inf 0 pi/2; nz nan nan nan; inf pos 0 pi/2; inf inf 0 pi/2; inf nan 0 nan; nan fin nan nan; \
nan inf ~0 pi/2; nan nan nan nan
cosh: 0 0 1 0; 0 inf nan ~0; 0 nan nan ~0; nz inf nan nan; nz nan nan nan; inf 0 inf 0; inf nz inf*cos(y) inf*sin(y); inf inf ~inf nan; \
inf nan inf nan; nan ±0 nan ~0; nan nz nan nan; nan nan nan nan
exp: ±0 0 1 0; fin inf nan nan; fin nan nan nan; inf 0 inf 0; -inf fin 0*cos(y) 0*sin(y); inf nz inf*cos(y) inf*sin(y); -inf inf ~0 ~0; \
inf inf ~inf nan; -inf nan ~0 ~0; inf nan ~inf nan; nan 0 nan 0; nan nz nan nan; nan ±inf nan nan; nan nan nan nan
expm1: ±0 0 ~0 0; fin inf nan nan; fin nan nan nan; inf 0 inf 0; -inf fin -1 0*sin(y); inf nz inf*cos(y) inf*sin(y); -inf inf -1 ~0; \
inf inf ~inf nan; -inf nan -1 ~0; inf nan ~inf nan; nan 0 nan 0; nan nz nan nan; nan nan nan nan
log: -0 0 -inf pi; 0 0 -inf 0; fin inf inf pi/2; fin nan nan nan; -inf pos inf pi; inf pos inf 0; -inf inf inf 3*pi/4; inf inf inf pi/4; \
±inf nan inf nan; nan fin nan nan; nan inf inf nan; nan nan nan nan
log1p: -1 0 -inf 0; fin inf inf pi/2; fin nan nan nan; -inf pos inf pi; inf pos inf 0; -inf inf inf 3*pi/4; inf inf inf pi/4; ±inf nan inf nan; \
nan fin nan nan; nan inf inf nan; nan nan nan nan
sinh: 0 0 0 0; 0 inf ~0 nan; 0 nan ~0 nan; pos inf nan nan; pos nan nan nan; inf 0 inf 0; inf pos inf*cos(y) inf*sin(y); inf inf ~inf nan; \
inf nan ~inf nan; nan 0 nan 0; nan nz nan nan; nan nan nan nan
sqrt: ±0 0 0 0; any inf inf inf; fin nan nan nan; -inf pos 0 inf; inf pos inf 0; -inf nan nan ~inf; inf nan inf nan; nan fin nan nan; nan nan nan nan
tanh: 0 0 0 0; nz inf nan nan; 0 inf 0 nan; nz nan nan nan; 0 nan 0 nan; inf pos 1 ~0; inf inf 1 ~0; inf nan 1 ~0; nan 0 nan 0; nan nz nan nan; \
nan inf nan nan; nan nan nan nan
sign: ±0 ±0 ~0 ~0; nan any nan nan; any nan nan nan
round: inf nan inf nan; -0 0 -0 0; nan -inf nan -inf
negative: 0 -0 -0 0"""
EPS = {mx.float64: 1e-15, mx.float32: 3e-7, mx.float16: 2e-3, mx.bfloat16: 1e-2}


def rows(table):
    lines = [line.split(": ") for line in table.splitlines()]
    return [pytest.param(name, [case.split() for case in cases.split("; ")], id=name) for name, cases in lines]


def values(word):
    return CLASSES[word] if word in CLASSES else [number(word)]


def number(word, x=0.0, y=0.0):
    return -0.0 if word == "-0" else float(eval(word, {"inf": inf, "nan": nan, "pi": pi, "abs": abs, "cos": math.cos, "sin": math.sin, "x": x, "y": y}))


def is_(got, words, rtol, x=0.0, y=0.0):
    """Whether got is one of the results that a row names, zeros and infinities with their signs."""
    for word in words.split("|"):
        want = number(word.lstrip("~"), x, y)
        if word[0] == "~":
            got, want = abs(got), abs(want)
        if math.isnan(want) and math.isnan(got):
            return True
        if want == got and math.copysign(1, want) == math.copysign(1, got) or want and math.isclose(got, want, rel_tol=rtol):
            return True
    return False


def lanes(f, dtype, *columns):
    """f of the columns, each value in several places of a vector; one row of results."""
    out = f(*(mx.tile(mx.array(list(c), dtype=dtype), (5,)) for c in columns))
    out = np.asarray(out if out.dtype == mx.complex64 else out.astype(mx.float64)).reshape(5, -1)
    for line in out[1:]:
        np.testing.assert_array_equal(line, out[0])
    return out[0].tolist()


@pytest.mark.parametrize("dtype", EPS, ids=str)
@pytest.mark.parametrize("name, cases", rows(UNARY))
def test_unary(name, cases, dtype):
    for given, want in cases:
        for x, got in zip(values(given), lanes(getattr(mx, name), dtype, values(given))):
            assert is_(got, want, EPS[dtype]), (name, given, x, got, want)


@pytest.mark.parametrize("dtype", EPS, ids=str)
@pytest.mark.parametrize("name, cases", rows(BINARY))
def test_binary(name, cases, dtype):
    f = getattr(mx, name)
    for first, second, want in cases:
        pairs = list(itertools.product(values(first), values(second)))
        for (x, y), got in zip(pairs, lanes(f, dtype, *zip(*pairs))):
            assert is_(got, want, EPS[dtype], x, y), (name, x, y, got, want)
        x, y = pairs[0]
        for got in (f(mx.array(x, dtype=dtype), y), f(x, mx.array(y, dtype=dtype))):
            assert got.dtype == dtype and is_(got.item(), want, EPS[dtype], x, y), (name, x, y, got, want)


def complex_lanes(name, pairs):
    z = np.empty(len(pairs), np.complex64)
    z.real, z.imag = zip(*pairs)
    return lanes(getattr(mx, name), mx.complex64, z)


EVERY = list(itertools.product(ALL, ALL))


@pytest.mark.parametrize("name, cases", rows(COMPLEX))
def test_complex(name, cases):
    for re, im, want_re, want_im in cases:
        pairs = list(itertools.product(values(re), values(im)))
        for (x, y), got in zip(pairs, complex_lanes(name, pairs)):
            assert is_(got.real, want_re, 3e-7, x, y) and is_(got.imag, want_im, 3e-7, x, y), (name, x, y, got, want_re, want_im)


def agree(a, b, rtol=0.0):
    return math.isnan(a) and math.isnan(b) or a == b or math.isclose(a, b, rel_tol=rtol) or math.isinf(a) and a == -b


@pytest.mark.parametrize("name", "acos acosh asinh atanh atan cosh exp expm1 log log1p sinh sqrt tanh".split())
def test_conjugates_go_to_conjugates_and_odd_functions_are_odd(name):
    pairs = [(x, y) for x, y in EVERY if y == y]
    f = complex_lanes(name, pairs)
    for (x, y), a, b in zip(pairs, f, complex_lanes(name, [(x, -y) for x, y in pairs])):
        assert agree(a.real, b.real) and agree(a.imag, -b.imag), (name, x, y, a, b)
    if name in ("asinh", "atanh", "atan", "sinh", "tanh"):
        for (x, y), a, b in zip(pairs, f, complex_lanes(name, [(-x, -y) for x, y in pairs])):
            assert agree(a.real, -b.real) and agree(a.imag, -b.imag), (name, x, y, a, b)


@pytest.mark.parametrize("name", "asin atan sin tan cos".split())
def test_complex_circular_functions_are_the_hyperbolic_ones_turned(name):
    """f(z) = -i g(iz), cos z = cosh iz."""
    for (x, y), got, g in zip(EVERY, complex_lanes(name, EVERY), complex_lanes(name + "h", [(-y, x) for x, y in EVERY])):
        want = (g.real, g.imag) if name == "cos" else (g.imag, -g.real)
        assert agree(got.real, want[0], 1e-6) and agree(got.imag, want[1], 1e-6), (name, x, y, got, want)


def test_absolute_values_of_complex_numbers():
    for x, y in EVERY:
        z = np.empty(1, np.complex64)
        z.real, z.imag = x, y
        got = mx.abs(mx.array(z)).item()
        assert got == inf if inf in (abs(x), abs(y)) else is_(got, "nan" if nan in (x, y) or x != x or y != y else str(math.hypot(x, y)), 3e-7)
