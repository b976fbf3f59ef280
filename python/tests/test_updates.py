"""Updates by .at against NumPy's ufunc.at: one after the other, whatever repeats, in every dtype, index dtype and layout."""
import mlx.core as mx
import numpy as np
import pytest

OPERATIONS = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "maximum": np.maximum,
              "minimum": np.minimum}
INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
FLOATS = ["float16", "float32", "float64"]


def values(rng, dtype, shape):
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    x = rng.choice([0.0, -0.0, 1.5, -2.0, 0.25, np.inf, -np.inf, np.nan, 3.0, -1.0], shape)
    return (x + 1j * rng.choice([0.5, -1.0, 2.0], shape)).astype(dtype) if dtype == "complex64" else x.astype(dtype)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("index", ["int32", "uint32", "int64", "int8"])
@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, *FLOATS])
@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum"])
def test_updates_fall_one_after_the_other(name, dtype, index):
    rng = np.random.default_rng(len(name) + len(dtype))
    low = 0 if index == "uint32" else -37
    for shape, layout in (((37,), slice(None)), ((37,), slice(None, None, -3)), ((37, 5), slice(None)), ((1500,), slice(None))):
        x, k = values(rng, dtype, shape), rng.integers(low, 37, 1200).astype(index)[layout]
        y = values(rng, dtype, (1200, *shape[1:]))[layout]
        want = x.copy()
        OPERATIONS[name].at(want, k, y)
        kept = getattr(mx, dtype if dtype != "bool" else "bool_")
        got = getattr(mx.array(x, dtype=kept).at[mx.array(k)], name)(mx.array(y, dtype=kept))
        assert got.dtype == kept
        np.testing.assert_array_equal(np.array(got), want)


@pytest.mark.parametrize("name", ["subtract", "divide"])
def test_differences_and_quotients_fall_one_after_the_other(name):
    rng = np.random.default_rng(5)
    x, y, k = rng.random(50, np.float32), rng.choice(np.float32([0.5, 1, 2, 4]), 700), rng.integers(-50, 50, 700)
    want = x.copy()
    OPERATIONS[name].at(want, k, y)
    np.testing.assert_allclose(np.array(getattr(mx.array(x).at[mx.array(k)], name)(mx.array(y))), want, rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["add", "multiply"])
def test_updates_of_complex_numbers_and_of_bfloat16(name):
    rng = np.random.default_rng(6)
    k = rng.integers(-40, 40, 90)
    x, y = (rng.integers(-3, 4, n) + 1j * rng.integers(-3, 4, n) for n in (40, 90))
    want = x.astype(np.complex64)
    OPERATIONS[name].at(want, k, y.astype(np.complex64))
    got = getattr(mx.array(x.astype(np.complex64)).at[mx.array(k)], name)(mx.array(y.astype(np.complex64)))
    np.testing.assert_array_equal(np.array(got), want)
    want = x.real.astype(np.float32)  # whole numbers that eight bits hold
    OPERATIONS[name].at(want, k, np.sign(y.real).astype(np.float32))
    got = getattr(mx.array(x.real, dtype=mx.bfloat16).at[mx.array(k)], name)(mx.array(np.sign(y.real), dtype=mx.bfloat16))
    np.testing.assert_array_equal(np.array(got.astype(mx.float32)), want)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_the_extreme_of_bfloat16_passes_nan_on(name):
    x, y = [1.0, 2.0, np.nan, 4.0], [3.0, np.nan, 1.0, -1.0, 5.0]
    want = np.array(x, np.float32)
    OPERATIONS[name].at(want, [0, 1, 2, 3, -1], np.array(y, np.float32))
    got = getattr(mx.array(x, dtype=mx.bfloat16).at[mx.array([0, 1, 2, 3, -1])], name)(mx.array(y, dtype=mx.bfloat16))
    np.testing.assert_array_equal(np.array(got.astype(mx.float32)), want)


@pytest.mark.parametrize("index", ["int32", "uint32", "int64"])
def test_an_index_outside_is_named_wherever_it_stands(index):
    x = mx.zeros((100,))
    for at in (0, 1023, 1024, 4999):
        for bad in ((100,) if index == "uint32" else (100, -101)):
            k = np.zeros(5000, index)
            k[at] = bad
            for use in (lambda: mx.eval(x.at[mx.array(k)].add(1.0)), lambda: mx.eval(x[mx.array(k)])):
                with pytest.raises(IndexError, match=rf"{bad} is out of bounds for axis 0 with size 100"):
                    use()


@pytest.mark.parametrize("size", [(1, 2), (4, 6), (5, 7)])  # a copy, a view, the whole
def test_a_dynamic_slice_keeps_its_values(size):
    rng = np.random.default_rng(8)
    base = rng.random((7, 10), np.float32)
    for of in (lambda t: t[:5, :7], lambda t: t[:5, 6::-1], lambda t: t.T[1:6, :]):
        a, x = of(base), of(mx.array(base))
        for start in ([0, 0], [1, 3], [-4, 100]):
            for dtype in (mx.int8, mx.uint16, mx.uint32, mx.int64, mx.uint64) if min(start) >= 0 else (mx.int32, mx.int64):
                at = [max(0, min(s, n - w)) for s, n, w in zip(start, a.shape, size)]
                want = a[at[0] : at[0] + size[0], at[1] : at[1] + size[1]]
                got = mx.slice(x, mx.array(start, dtype=dtype), (0, 1), size)
                np.testing.assert_array_equal(np.array(got + 0), want)
    x = mx.array(base) + 0
    part = mx.slice(x, mx.array([1, 2]), (0, 1), size)
    mx.eval(part)
    want = np.array(part)
    x[:] = -1.0
    x = mx.slice_update(x, mx.zeros((2, 2)), mx.array([1, 2]), (0, 1)) * 2
    mx.eval(x)
    del x
    np.testing.assert_array_equal(np.array(part), want)
    np.testing.assert_array_equal(want, base[1 : 1 + size[0], 2 : 2 + size[1]])


def test_compiled_loops_write_over_what_dynamic_slices_leave():
    base = np.arange(24, dtype=np.float32).reshape(6, 4)

    def swap(m, i, j):
        a, b = mx.slice(m, i, (0,), (2, 4)), mx.slice(m, j, (0,), (2, 4))
        return mx.slice_update(mx.slice_update(m, b, i, (0,)), a, j, (0,))

    want = base[[4, 5, 2, 3, 0, 1]]
    for f in (swap, mx.compile(swap)):
        m = mx.array(base) + 0
        m = f(m, mx.array([0]), mx.array([4]))
        np.testing.assert_array_equal(np.array(m), want)
    grad = mx.grad(lambda m: (mx.slice(m, mx.array([3]), (0,), (2, 4)) * mx.array([[1.0], [2.0]])).sum())(mx.array(base))
    np.testing.assert_array_equal(np.array(grad), np.array([0, 0, 0, 1, 2, 0], np.float32)[:, None] * np.ones(4))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "complex64"])
def test_strided_assignments_touch_their_elements_alone(dtype):
    rng = np.random.default_rng(9)
    base = (rng.random((3, 1700)) * 200).astype(dtype)
    for step in (2, 3, -2, -3, 7):
        for value in ("one", "row", "strided"):
            a, x = base.copy(), mx.array(base)
            key = (slice(None), slice(5, -6, step) if step > 0 else slice(-6, 5, step))
            n = a[key].shape[1]
            of = {"one": lambda t: t[0, 0], "row": lambda t: t[0, :n], "strided": lambda t: t[:, ::-1][:, ::2][:, : n // 3]}[value]
            if value == "strided":
                key = (key[0], slice(key[1].start, key[1].start + n // 3 * step, step))
            v, mv = of(base), of(mx.array(base))
            a[key] = v
            x[key] = mv
            np.testing.assert_array_equal(np.array(x), a)


@pytest.mark.parametrize("name", ["set", "add", "maximum"])
def test_rows_are_updated_by_values_of_any_layout(name):
    rng = np.random.default_rng(10)
    base, k = rng.random((50, 700), np.float32), rng.integers(-50, 50, 40)
    wide = rng.random((40, 1400), np.float32)
    for of in (lambda t: t[:, :700], lambda t: t[:, ::2], lambda t: t[:, :1], lambda t: t[:1, 1::2], lambda t: t[0, 0]):
        for turned in (False, True):
            a, x = (base.copy().T, mx.array(base).T) if turned else (base.copy(), mx.array(base))
            key, mkey = ((slice(None), k), (slice(None), mx.array(k))) if turned else (k, mx.array(k))
            v, mv = of(wide), of(mx.array(wide))
            if turned:
                v, mv = v.T, mv.T
            if name == "set":
                for i, at in enumerate(k):  # one after the other: of equal indices the last stays
                    row = np.broadcast_to(v.T if turned else v, (40, 700))[i]
                    a[(slice(None), at) if turned else at] = row
                x[mkey] = mv
            else:
                OPERATIONS[name].at(a, key, v)
                x = getattr(x.at[mkey], name)(mv)
            np.testing.assert_array_equal(np.array(x), a)
