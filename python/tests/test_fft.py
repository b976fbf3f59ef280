"""mlx.core.fft and the windows against NumPy's and SciPy's in double precision."""

import importlib

import mlx.core as mx
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

NORMS = ["backward", "ortho", "forward"]


def close(got, want, size=None):
    """Within a few ulp times log2 of the size, relative to the root mean square of the result."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    if want.size == 0:
        return
    scale = np.sqrt(np.mean(np.abs(want) ** 2)) + 1e-30
    size = size or want.size
    assert np.max(np.abs(got - want)) <= 5e-7 * (np.log2(size) + 2) * scale


def numbers(seed, shape, dtype):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype == "complex64" else x).astype(dtype)


def layout(x, how):
    """The same values, laid out otherwise."""
    if how == "transposed":
        return mx.transpose(mx.array(np.ascontiguousarray(x.T)))
    if how == "reversed":
        return mx.array(np.ascontiguousarray(x[..., ::-1]))[..., ::-1]
    if how == "gaps":
        return mx.array(np.repeat(x, 2, axis=-1))[..., ::2]
    return mx.array(x)


LAYOUTS = st.sampled_from(["plain", "transposed", "reversed", "gaps"])
SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.data(), SHAPES, LAYOUTS, st.sampled_from(NORMS), st.sampled_from(["fft", "ifft", "rfft", "irfft"]))
def test_one_axis_matches_numpy(data, shape, how, norm, name):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = data.draw(st.none() | st.integers(1, 30))
    x = numbers(0, shape, "float32" if name == "rfft" else "complex64")
    if name == "irfft" and n is None and shape[axis] == 1:
        n = 1
    got = getattr(mx.fft, name)(layout(x, how), n=n, axis=axis, norm=norm)
    want = getattr(np.fft, name)(x.astype(np.result_type(x, np.float64)), n=n, axis=axis, norm=norm)
    assert got.dtype == (mx.float32 if name == "irfft" else mx.complex64)
    close(got, want)


@settings(max_examples=150, deadline=None)
@given(st.data(), SHAPES, LAYOUTS, st.sampled_from(NORMS), st.sampled_from(["fftn", "ifftn", "rfftn", "irfftn"]))
def test_many_axes_match_numpy(data, shape, how, norm, name):
    axes = data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, len(shape)))]
    axes = [a - data.draw(st.sampled_from([0, len(shape)])) for a in axes]
    s = data.draw(st.none() | st.lists(st.integers(1, 9), min_size=len(axes), max_size=len(axes)))
    if name == "irfftn" and s is None and shape[axes[-1]] == 1:
        s = [shape[a] for a in axes]
    x = numbers(1, shape, "float32" if name == "rfftn" else "complex64")
    got = getattr(mx.fft, name)(layout(x, how), s=s, axes=axes, norm=norm)
    close(got, getattr(np.fft, name)(x.astype(np.result_type(x, np.float64)), s=s, axes=axes, norm=norm))


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 31, 97, 121, 169, 243, 1000, 1009, 1024, 2018, 4096, 4099, 9973, 30030, 65536, 65537, 131072, 1009 * 64])
def test_sizes_smooth_and_prime(n):
    x = numbers(n, (2, n), "complex64")
    close(mx.fft.fft(mx.array(x)), np.fft.fft(x.astype(complex)), n)
    close(mx.fft.ifft(mx.array(x)), np.fft.ifft(x.astype(complex)), n)
    r = x.real.copy()
    close(mx.fft.rfft(mx.array(r)), np.fft.rfft(r.astype(float)), n)
    half = x[:, : n // 2 + 1]
    close(mx.fft.irfft(mx.array(half), n=n), np.fft.irfft(half.astype(complex), n=n), n)


@pytest.mark.parametrize("shape", [(1000, 12), (12, 1000), (3, 4100, 5), (37, 64, 3), (2, 1009, 20), (512, 512)])
def test_larger_batches_along_every_axis(shape):
    x = numbers(3, shape, "complex64")
    for axis in range(len(shape)):
        close(mx.fft.fft(mx.array(x), axis=axis), np.fft.fft(x.astype(complex), axis=axis), shape[axis])
    close(mx.fft.fftn(mx.array(x)), np.fft.fftn(x.astype(complex)))
    close(mx.fft.irfftn(mx.fft.rfftn(mx.array(x.real.copy())), s=shape, axes=range(len(shape))), x.real)


def test_the_two_dimensional_ones_take_the_last_two_axes_or_all():
    x = numbers(4, (2, 3, 4), "complex64")
    for name in ("fft2", "ifft2", "irfft2"):
        close(getattr(mx.fft, name)(mx.array(x)), getattr(np.fft, name)(x.astype(complex)))
    close(mx.fft.rfft2(mx.array(x.real.copy()), s=(5, 3)), np.fft.rfft2(x.real.astype(float), s=(5, 3)))
    close(mx.fft.fft2(mx.array(x), axes=None), np.fft.fftn(x.astype(complex)))
    close(mx.fft.fft2(mx.array(x), axes=(0, 2)), np.fft.fft2(x.astype(complex), axes=(0, 2)))
    close(mx.fft.fftn(mx.array(x), s=(5, 2)), np.fft.fftn(x.astype(complex), s=(5, 2), axes=(1, 2)))
    assert mx.fft.fftn(mx.array(x.real.copy()), axes=[]).dtype == mx.float32  # as MLX: nothing is transformed


@pytest.mark.parametrize("dtype", ["bool_", "int8", "uint16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"])
def test_every_dtype_becomes_complex64(dtype):
    x = mx.array([1, 0, 1, 1, 0]).astype(getattr(mx, dtype))
    got = mx.fft.fft(x)
    assert got.dtype == mx.complex64
    close(got, np.fft.fft([1, 0, 1, 1, 0]))
    assert mx.fft.irfft(x).dtype == mx.float32


def test_the_imaginary_part_of_what_should_be_real_is_dropped():
    close(mx.fft.rfft(mx.array([1 + 2j, 3 + 4j, 5j])), np.fft.rfft([1.0, 3, 0]))
    # the first and, for even n, the last number of a spectrum of reals are real
    close(mx.fft.irfft(mx.array([1 + 5j, 2 + 1j, 3 + 7j])), np.fft.irfft([1, 2 + 1j, 3]))
    close(mx.fft.irfft(mx.array([1 + 5j, 2 + 1j, 3 + 7j]), n=5), np.fft.irfft([1, 2 + 1j, 3 + 7j], n=5))


def test_nan_and_infinity_stay_in_their_line():
    x = numbers(5, (20, 30), "complex64")
    x[3, 4] = np.nan
    x[7, 0] = np.inf
    got = np.array(mx.fft.fft(mx.array(x)))
    fine = [i for i in range(20) if i not in (3, 7)]
    assert np.isnan(got[3]).all() and not np.isfinite(got[7]).any()
    close(got[fine], np.fft.fft(x[fine].astype(complex)))


def test_empty_batches_and_what_has_no_transform():
    assert mx.fft.fft(mx.zeros((0, 4))).shape == (0, 4)
    assert mx.fft.rfft(mx.zeros((0, 4))).shape == (0, 3)
    assert mx.fft.irfft(mx.zeros((0, 4))).shape == (0, 6)
    close(mx.fft.fft(mx.zeros((4, 0)), n=3), np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"\[fftn\] Invalid FFT output size requested \(0\)"):
        mx.fft.fft(mx.zeros((4, 0)))
    with pytest.raises(ValueError, match=r"\[irfftn\] Invalid FFT output size requested \(0\)"):
        mx.fft.irfft(mx.ones(1))


@pytest.mark.parametrize(
    "error, text, call",
    [
        (ValueError, "output size requested", lambda x: mx.fft.fft(x, n=0)),
        (ValueError, "output size requested", lambda x: mx.fft.rfft(x, n=-1)),
        (ValueError, "Invalid norm 'foo'", lambda x: mx.fft.fft(x, norm="foo")),
        (TypeError, "Invalid norm 3", lambda x: mx.fft.fft(x, norm=3)),
        (IndexError, "5", lambda x: mx.fft.fft(x, axis=5)),
        (ValueError, "at least one dimension", lambda x: mx.fft.fft(mx.array(1.0))),
        (ValueError, "given twice", lambda x: mx.fft.fftn(x, axes=(0, -2))),
        (ValueError, "different sizes", lambda x: mx.fft.fftn(x, s=(3, 4), axes=(0,))),
        (ValueError, "different sizes", lambda x: mx.fft.fft2(x, s=(3,))),
        (IndexError, "-3", lambda x: mx.fft.rfftn(x, axes=(-3,))),
        (IndexError, "-2", lambda x: mx.fft.fft2(mx.ones(3))),
        (TypeError, "float", lambda x: mx.fft.fft(x, n=2.5)),
        (ValueError, "`n` must be greater than 0", lambda x: mx.fft.fftfreq(0)),
        (ValueError, "`d` must be non-zero", lambda x: mx.fft.rfftfreq(3, 0)),
        (IndexError, "fftshift", lambda x: mx.fft.fftshift(x, axes=2)),
        (TypeError, "float", lambda x: mx.hanning(4.5)),
    ],
)
def test_bad_arguments_raise(error, text, call):
    with pytest.raises(error, match=text):
        call(mx.ones((2, 3)))


def test_the_module_can_be_imported_by_name():
    assert importlib.import_module("mlx.core.fft").fft is mx.fft.fft


# Derivatives, vmap, compile


@pytest.mark.parametrize("n", [None, 1, 2, 5, 6, 9])
@pytest.mark.parametrize("norm", NORMS)
def test_gradients_match_the_matrices_of_the_transforms(n, norm):
    x = numbers(6, (3, 6), "float32")
    w = numbers(7, (3, (n or 6) // 2 + 1), "complex64")
    # d/dx sum Re(conj(w) rfft(x)) = Re(F^T conj(w))
    matrix = np.fft.rfft(np.eye(6), n=n, norm=norm)
    grad = mx.grad(lambda a: mx.real(mx.conj(mx.array(w)) * mx.fft.rfft(a, n=n, norm=norm)).sum())(mx.array(x))
    np.testing.assert_allclose(np.array(grad), (w.conj() @ matrix.T).real, rtol=2e-5, atol=2e-5)

    z = numbers(8, (3, 4), "complex64")
    g = numbers(9, (3, n or 6), "float32")
    parts = [np.fft.irfft(np.eye(4) * unit, n=n, norm=norm) for unit in (1, 1j)]
    grad = mx.grad(lambda a: (mx.array(g) * mx.fft.irfft(a, n=n, norm=norm)).sum())(mx.array(z))
    np.testing.assert_allclose(np.array(grad), g @ parts[0].T + 1j * (g @ parts[1].T), rtol=2e-5, atol=2e-5)


def test_gradient_of_the_complex_transform_by_finite_differences():
    x = numbers(10, (4, 5), "complex64").astype(complex)

    def energy(a, fft, absolute, weight):
        y = fft(a, axis=0)
        return (weight * absolute(y) ** 2).sum()

    weight = np.arange(20.0).reshape(4, 5)
    got = np.array(mx.grad(lambda a: energy(a, mx.fft.ifft, mx.abs, mx.array(weight.astype(np.float32))))(mx.array(x.astype(np.complex64))))
    for i in [(0, 0), (2, 3), (3, 4)]:
        for unit, part in ((1, got[i].real), (1j, got[i].imag)):
            step = np.zeros_like(x)
            step[i] = 1e-5 * unit
            high, low = (energy(x + s, np.fft.ifft, np.abs, weight) for s in (step, -step))
            assert abs((high - low) / 2e-5 - part) < 1e-3


def test_transforms_go_through_vmap_jvp_and_compile():
    x = numbers(11, (4, 3, 6), "complex64")
    got = mx.vmap(lambda a: mx.fft.fftn(a, axes=(0, 1)), in_axes=1)(mx.array(x))
    close(got, np.fft.fftn(x.astype(complex).transpose(1, 0, 2), axes=(1, 2)))
    r = mx.array(x.real.copy())
    got = mx.vmap(mx.fft.rfft, in_axes=2)(r)
    close(got, np.fft.rfft(x.real.astype(float).transpose(2, 0, 1)))
    _, moved = mx.jvp(lambda a: mx.fft.irfft(a, n=7, axis=0), [mx.array(x)], [mx.array(x)])
    close(moved[0], np.fft.irfft(x.astype(complex), n=7, axis=0))
    f = mx.compile(lambda a: mx.abs(mx.fft.fft2(a)) + 1)
    close(f(mx.array(x)), np.abs(np.fft.fft2(x.astype(complex))) + 1)


# Frequencies, shifts, windows


@pytest.mark.parametrize("n", [1, 2, 5, 8, 1001])
@pytest.mark.parametrize("d", [1.0, 0.1, -3.5])
def test_frequencies_are_numpy_s_rounded(n, d):
    np.testing.assert_array_equal(np.array(mx.fft.fftfreq(n, d)), np.fft.fftfreq(n, d).astype(np.float32))
    np.testing.assert_array_equal(np.array(mx.fft.rfftfreq(n, d)), np.fft.rfftfreq(n, d).astype(np.float32))


@settings(max_examples=50, deadline=None)
@given(st.data(), st.lists(st.integers(0, 5), min_size=1, max_size=3))
def test_shifts_match_numpy(data, shape):
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    axis = st.integers(-len(shape), len(shape) - 1)
    axes = data.draw(st.none() | axis | st.lists(axis, max_size=3))
    np.testing.assert_array_equal(np.array(mx.fft.fftshift(mx.array(x), axes=axes)), np.fft.fftshift(x, axes=axes))
    np.testing.assert_array_equal(np.array(mx.fft.ifftshift(mx.array(x), axes=axes)), np.fft.ifftshift(x, axes=axes))


@pytest.mark.parametrize("name", ["bartlett", "hanning", "hamming", "blackman"])
@pytest.mark.parametrize("m", [-1, 0, 1, 2, 3, 8, 101])
def test_windows_are_numpy_s_rounded(name, m):
    got = getattr(mx, name)(m)
    assert got.dtype == mx.float32
    np.testing.assert_allclose(np.array(got), getattr(np, name)(m), rtol=6e-8, atol=1e-16)
    np.testing.assert_array_equal(np.array(got), np.array(got)[::-1])


# Short-time transforms


def stft_by_hand(x, n_fft, hop, window, center, pad_mode, norm, onesided):
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], mode=pad_mode)
    low = (n_fft - len(window)) // 2
    window = np.pad(window, (low, n_fft - len(window) - low))
    frames = np.stack([x[..., i : i + n_fft] * window for i in range(0, x.shape[-1] - n_fft + 1, hop)], axis=-2)
    return np.swapaxes((np.fft.rfft if onesided else np.fft.fft)(frames, norm=norm), -1, -2)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(4, 40), st.integers(1, 12), st.booleans(), st.sampled_from(["reflect", "constant", "edge", "symmetric"]), st.sampled_from(NORMS),
    st.sampled_from([(), (2,), (2, 3)]), st.sampled_from([None, True, False]), st.data(),
)
def test_stft_matches_frames_by_hand(n_fft, hop, center, pad_mode, norm, batch, onesided, data):
    x = numbers(12, (*batch, 60), "float32").astype(float)
    win = data.draw(st.integers(1, n_fft))
    got = mx.fft.stft(mx.array(x), n_fft, hop, window=mx.array(np.hanning(win + 2)[1:-1]), center=center, pad_mode=pad_mode, norm=norm, onesided=onesided)
    want = stft_by_hand(x.astype(np.float32), n_fft, hop, np.hanning(win + 2)[1:-1], center, pad_mode, norm, onesided is not False)
    assert got.dtype == mx.complex64
    close(got, want)


def test_stft_matches_scipy():
    x = numbers(13, (400,), "float32")
    window = scipy.signal.get_window("hann", 64)
    _, _, want = scipy.signal.stft(x.astype(float), window=window, nperseg=64, noverlap=48, boundary="zeros", padded=False)
    got = mx.fft.stft(mx.array(x), 64, window=mx.array(window), pad_mode="constant")
    close(np.array(got) / window.sum(), want)


def test_stft_defaults():
    x = numbers(14, (5000,), "float32")
    got = mx.fft.stft(mx.array(x))
    assert got.shape == (1025, 1 + 5000 // 512)
    close(got, stft_by_hand(x.astype(float), 2048, 512, np.ones(2048), True, "reflect", "backward", True))
    close(mx.fft.stft(mx.array(x), 64, win_length=50), stft_by_hand(x.astype(float), 64, 16, np.ones(50), True, "reflect", "backward", True))
    assert mx.fft.stft(mx.array(x[:100] * 1j), 16).shape == (16, 26)  # complex input: all frequencies


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 30), st.booleans(), st.sampled_from(NORMS), st.sampled_from([(), (3,)]), st.booleans(), st.data())
def test_istft_inverts_stft(n_fft, center, norm, batch, onesided, data):
    hop = data.draw(st.integers(1, max(1, n_fft // 2)))
    x = numbers(15, (*batch, 70), "float32")
    window = mx.array(np.hamming(n_fft) + 0.1)
    s = mx.fft.stft(mx.array(x), n_fft, hop, window=window, center=center, norm=norm, onesided=onesided)
    got = np.array(mx.fft.istft(s, n_fft, hop, window=window, center=center, norm=norm, onesided=onesided))
    covered = n_fft + hop * (s.shape[-1] - 1) - (n_fft // 2 * 2 if center else 0)
    assert got.shape == (*batch, covered)
    np.testing.assert_allclose(got[..., :70], x[..., :covered], atol=2e-5)


def test_istft_cuts_and_pads_to_a_length():
    """Values that MLX 0.32 gives: past the covered samples come those that the padding put there, then zeros."""
    x = np.arange(20.0) + 1
    w = mx.array(np.hanning(8) + 0.1)
    s = mx.fft.stft(mx.array(x), 8, 3, window=w)
    for length, want in ((18, x[:18]), (20, x), (24, [*x, 19, 18, 0, 0])):
        np.testing.assert_allclose(np.array(mx.fft.istft(s, 8, 3, window=w, length=length)), want, atol=1e-4)
    assert mx.fft.istft(s, 8, 3, length=0).shape == (0,)
    s = mx.fft.stft(mx.array(x), 8, 3, window=w, center=False)
    np.testing.assert_allclose(np.array(mx.fft.istft(s, 8, 3, window=w, center=False, length=22)), [*x, 0, 0], atol=1e-5)


def test_istft_does_not_divide_by_a_vanishing_window():
    """Values that MLX 0.32 gives: sums of the squared window below 1e-8 count as that."""
    got = mx.fft.istft(mx.ones((5, 1)), 8, 8, center=False, window=mx.full((8,), 1e-6))
    np.testing.assert_allclose(np.array(got), [100, 0, 0, 0, 0, 0, 0, 0], rtol=1e-5, atol=1e-4)
    assert np.array(mx.fft.istft(mx.ones((5, 3)), 8, 2, window=mx.zeros(8))).tolist() == [0] * 4


def test_stft_has_derivatives():
    x = numbers(16, (30,), "float32").astype(float)
    w = np.hanning(8)

    def energy(a, stft):
        return (abs(stft(a)) ** 2).sum()

    got = np.array(mx.grad(lambda a: energy(a, lambda y: mx.fft.stft(y, 8, 3, window=mx.array(w), center=False)))(mx.array(x)))
    numeric = [
        (energy(x + e, lambda y: stft_by_hand(y, 8, 3, w, False, None, None, True)) - energy(x - e, lambda y: stft_by_hand(y, 8, 3, w, False, None, None, True))) / 2e-5
        for e in 1e-5 * np.eye(30)
    ]
    np.testing.assert_allclose(got, numeric, rtol=1e-4, atol=1e-4)
    s = numbers(17, (5, 4), "complex64")
    g = mx.grad(lambda a: (mx.fft.istft(a, 8, 3) ** 2).sum())(mx.array(s))
    assert g.shape == (5, 4) and np.isfinite(np.array(g)).all() and np.abs(np.array(g)).max() > 0


@pytest.mark.parametrize(
    "text, call",
    [
        ("hop_length must be positive", lambda x: mx.fft.stft(x, 8, 0)),
        ("hop_length must be positive", lambda x: mx.fft.stft(x, 3)),
        ("n_fft must be positive", lambda x: mx.fft.stft(x, 0)),
        ("n_fft must be positive", lambda x: mx.fft.stft(x, -1)),
        ("win_length must be positive", lambda x: mx.fft.stft(x, 8, win_length=-1)),
        ("window length must not exceed n_fft", lambda x: mx.fft.stft(x, 8, window=mx.ones(9))),
        ("one-dimensional", lambda x: mx.fft.stft(x, 8, window=mx.ones((1, 8)))),
        ("window must be real", lambda x: mx.fft.stft(x, 8, window=mx.ones(8) * 1j)),
        ("Input is too short", lambda x: mx.fft.stft(x[:3], 8, center=False)),
        ("no samples", lambda x: mx.fft.stft(x[:0], 8)),
        ("at least one dimension", lambda x: mx.fft.stft(mx.array(1.0), 8)),
        ("onesided", lambda x: mx.fft.stft(x * 1j, 8, onesided=True)),
        (r"\[stft\] Invalid padding mode", lambda x: mx.fft.stft(x, 8, pad_mode="foo")),
        ("Invalid norm", lambda x: mx.fft.stft(x, 8, norm="foo")),
        ("at least two dimensions", lambda x: mx.fft.istft(x)),
        ("has 5 frequencies", lambda x: mx.fft.istft(mx.ones((5, 2)), 10)),
        ("no frames", lambda x: mx.fft.istft(mx.ones((5, 0)))),
        ("n_fft must be positive", lambda x: mx.fft.istft(mx.ones((1, 3)))),
        ("length must be positive", lambda x: mx.fft.istft(mx.ones((5, 3)), length=-1)),
        ("hop_length", lambda x: mx.fft.istft(mx.ones((5, 3)), hop_length=2**62)),
    ],
)
def test_bad_short_time_arguments_raise(text, call):
    with pytest.raises(ValueError, match=text):
        call(mx.arange(20.0))
