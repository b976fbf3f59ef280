"""Corners that other files do not reach: names of the array API standard beyond MLX's parameters, operators, enumerations.

Oracles are NumPy and what the page of MLX's interface says.
"""
import copy
import pickle

import mlx.core as mx
import numpy as np
import pytest

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [None, 1, 2, 5, 8, 13])
@pytest.mark.parametrize("axis", [0, -1])
def test_hermitian_transforms(norm, n, axis):
    x = RNG.standard_normal((4, 6)) + 1j * RNG.standard_normal((4, 6))
    got = mx.fft.hfft(mx.array(x, dtype=mx.complex64), n=n, axis=axis, norm=norm)
    assert got.dtype == mx.float32
    np.testing.assert_allclose(np.array(got), np.fft.hfft(x, n, axis, norm), rtol=2e-5, atol=2e-5)
    got = mx.fft.ihfft(mx.array(x.real, dtype=mx.float32), n=n, axis=axis, norm=norm)
    assert got.dtype == mx.complex64
    np.testing.assert_allclose(np.array(got), np.fft.ihfft(x.real, n, axis, norm), rtol=2e-5, atol=2e-5)


def test_hermitian_transforms_are_inverse_and_refuse_what_irfft_refuses():
    x = mx.array(RNG.standard_normal(7), dtype=mx.float32)
    np.testing.assert_allclose(np.array(mx.fft.hfft(mx.fft.ihfft(x), n=7)), np.array(x), rtol=1e-5, atol=1e-5)
    for f in (mx.fft.hfft, mx.fft.ihfft):
        with pytest.raises(ValueError, match="norm"):
            f(x, norm="x")
        with pytest.raises(IndexError):
            f(x, axis=1)
        with pytest.raises(ValueError):
            f(x, n=0)
        with pytest.raises(ValueError):
            f(mx.array(1.0))


@pytest.mark.parametrize("dtype, tol", [(mx.float32, 1e-5), (mx.float64, 1e-13), (mx.complex64, 1e-5), (mx.float16, 2e-3)])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 6, 2), (3, 0), (0, 3)])
def test_complete_qr_and_thin_svd(dtype, tol, shape):
    a = mx.array(RNG.standard_normal(shape)).astype(dtype)
    if dtype == mx.complex64:
        a = a + 1j * mx.array(RNG.standard_normal(shape), dtype=mx.float32)
    m, n = shape[-2:]
    k = min(m, n)
    q, r = mx.linalg.qr(a, mode="complete")
    assert q.shape == (*shape[:-1], m) and r.shape == shape and q.dtype == r.dtype == dtype
    Q, R, A = (np.array(x.astype(mx.float32) if dtype == mx.float16 else x) for x in (q, r, a))
    np.testing.assert_allclose(Q @ R, A, atol=9 * tol)
    np.testing.assert_allclose(np.swapaxes(Q, -1, -2).conj() @ Q, np.broadcast_to(np.eye(m), Q.shape), atol=9 * tol)
    np.testing.assert_array_equal(np.tril(R, -1), np.zeros_like(R))
    assert [x.shape for x in mx.linalg.qr(a, mode="reduced")] == [(*shape[:-1], k), (*shape[:-2], k, n)]
    u, s, v = mx.linalg.svd(a, full_matrices=False)
    assert u.shape == (*shape[:-1], k) and s.shape == (*shape[:-2], k) and v.shape == (*shape[:-2], k, n)
    U, S, V = (np.array(x.astype(mx.float32) if dtype == mx.float16 else x) for x in (u, s, v))
    np.testing.assert_allclose(U * S[..., None, :] @ V, A, atol=9 * tol)


def test_thin_svd_has_derivatives_and_bad_modes_are_named():
    a = mx.array(RNG.standard_normal((4, 3)), dtype=mx.float64)
    f = lambda x: (lambda u, s, v: ((u * s) @ v * mx.arange(12).reshape(4, 3)).sum())(*mx.linalg.svd(x, full_matrices=False))
    np.testing.assert_allclose(np.array(mx.grad(f)(a)), np.arange(12).reshape(4, 3), atol=1e-10)  # u s v is x again
    for mode in ("raw", None, 3):
        with pytest.raises(ValueError, match="mode must be"):
            mx.linalg.qr(a, mode=mode)


@pytest.mark.parametrize("dtype", [mx.bool_, mx.uint8, mx.int64, mx.float16, mx.bfloat16, mx.float32, mx.complex64])
def test_repeat_takes_one_number_an_element(dtype):
    a = mx.array(RNG.integers(0, 2, (3, 4))).astype(dtype)
    A = np.array(a)
    for axis, size in ((None, 12), (0, 3), (1, 4), (-1, 4)):
        times = RNG.integers(0, 4, size)
        want = np.repeat(A, times, axis)
        for given in (mx.array(times), times, times.tolist(), mx.array(times, dtype=mx.uint8)):
            got = mx.repeat(a, given, axis)
            assert got.dtype == dtype and got.shape == want.shape
            np.testing.assert_array_equal(np.array(got), want)
    np.testing.assert_array_equal(np.array(mx.repeat(a, mx.array([2]), 0)), np.repeat(A, 2, 0))
    np.testing.assert_array_equal(np.array(mx.repeat(a, mx.array(2), 0)), np.repeat(A, 2, 0))
    assert mx.repeat(a, mx.zeros(3, dtype=mx.int32), 0).shape == (0, 4) and mx.repeat(mx.zeros((0, 2)), mx.array([3]), 0).shape == (0, 2)


def test_repeat_by_an_array_has_a_gradient_and_says_what_is_wrong():
    x = mx.array([1.0, 2.0, 3.0])
    assert mx.grad(lambda x: (mx.repeat(x, mx.array([2, 0, 3])) * mx.arange(5)).sum())(x).tolist() == [1, 0, 9]
    for times, error, text in (([1, 2], ValueError, "2 repeats"), ([1, -1, 1], ValueError, "negative"), ([1.0, 1.0, 1.0], TypeError, "integers"),
                               ([[1, 1, 1]], ValueError, "2 dimensions")):
        with pytest.raises(error, match=text):
            mx.repeat(x, mx.array(times))
    with pytest.raises(IndexError):
        mx.repeat(x, mx.array([1, 1, 1]), axis=1)
    with pytest.raises(ValueError, match="compile or vmap"):
        mx.compile(lambda x, n: mx.repeat(x, n))(x, mx.array([1, 2, 3]))


def test_nan_to_num_of_complex_numbers_treats_the_parts_by_themselves():
    parts = [np.nan, np.inf, -np.inf, 1.5]
    z = np.array([complex(re, im) for re in parts for im in parts], np.complex64)
    np.testing.assert_array_equal(np.array(mx.nan_to_num(mx.array(z))), np.nan_to_num(z))
    np.testing.assert_array_equal(np.array(mx.nan_to_num(mx.array(z), 7, 8, 9)), np.nan_to_num(z, nan=7, posinf=8, neginf=9))


def test_power_with_a_modulus_is_refused():
    with pytest.raises(TypeError):
        pow(mx.array(2), 3, 5)
    assert pow(mx.array(2), 3).item() == 8


@pytest.mark.parametrize("dtype", [mx.bool_, mx.uint8, mx.int32, mx.int64])
def test_in_place_division_does_not_change_what_an_integer_array_is(dtype):
    a = mx.array([4, 2]).astype(dtype)
    with pytest.raises(ValueError, match="In place division"):
        a /= 2
    assert a.dtype == dtype
    a = mx.array([4, 2]).astype(mx.float16)
    a /= 2
    assert a.tolist() == [2, 1] and a.dtype == mx.float16


@pytest.mark.parametrize("value", [mx.cpu, mx.gpu, mx.floating, mx.generic, mx.signedinteger])
def test_enumerations_pickle_and_copy_as_themselves(value):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) is value
    assert copy.copy(value) is value and copy.deepcopy([value]) == [value]


def test_gradients_come_one_alone_in_the_arguments_order_and_none_for_none():
    f, x, y = lambda x, y=None: x * x * y, mx.array(2.0), mx.array(3.0)
    assert mx.grad(f, argnums=[0])(x, y).item() == 12 and mx.value_and_grad(f, argnums=(1,))(x, y)[1].item() == 4
    assert [g.item() for g in mx.grad(f, argnums=[1, 0])(x, y)] == [12, 4]
    none, named = mx.grad(f, argnames="y")(x, y=y)
    assert none is None and named["y"].item() == 4
    first, named = mx.grad(f, argnums=[0], argnames=["y"])(x, y=y)
    assert first.item() == 12 and named["y"].item() == 4
    for error, g in ((ValueError, lambda: mx.grad(f, argnums=[0, 0])(x, y)), (ValueError, lambda: mx.grad(f, argnums=[])),
                     (ValueError, lambda: mx.grad(lambda x: (x, x))(x)), (ValueError, lambda: mx.value_and_grad(lambda x: [x, x])(x)),
                     (ValueError, lambda: mx.value_and_grad(lambda x: ())(x)), (TypeError, lambda: mx.grad(f, argnums="x"))):
        with pytest.raises(error):
            g()
    value, g = mx.value_and_grad(lambda x: (x * x, {"also": x}))(x)
    assert value[0].item() == 4 and value[1]["also"].item() == 2 and g.item() == 4


def test_arrays_run_backwards():
    a = mx.arange(6).reshape(3, 2)
    assert [x.tolist() for x in reversed(a)] == [[4, 5], [2, 3], [0, 1]] and list(reversed(mx.zeros((0, 2)))) == []
    with pytest.raises(TypeError):
        reversed(mx.array(1))


def test_metadata_that_is_no_string_is_named(tmp_path):
    for wrong in ({"k": 1}, {2: "v"}):
        with pytest.raises(TypeError, match="metadata must have strings"):
            mx.save_safetensors(str(tmp_path / "a.safetensors"), {"a": mx.array(1)}, wrong)


def test_axes_of_vmap_out_of_bounds_are_index_errors():
    for axis in (2, -3):
        with pytest.raises(IndexError, match="out of bounds"):
            mx.vmap(lambda x: x, in_axes=axis)(mx.zeros((2, 2)))
    with pytest.raises(IndexError, match="out of bounds"):
        mx.vmap(lambda x: x)(mx.array(1.0))
