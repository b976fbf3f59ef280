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
