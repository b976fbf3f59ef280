"""Convolutions against their definition in NumPy, SciPy's convolve, finite differences and loops."""

import itertools

import mlx.core as mx
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings, strategies as st


def reference(x, w, stride, lo, hi, kdil, idil, groups, flip):
    """The definition, tap by tap on the dilated and padded input, in float64 (complex128, or integers that wrap)."""
    s = x.ndim - 2
    wide = np.uint64 if x.dtype.kind in "iu" else np.complex128 if x.dtype.kind == "c" else np.float64
    x, w = x.astype(wide), w.astype(wide)
    if flip:
        w = np.flip(w, axis=tuple(range(1, s + 1)))
    dilated = np.zeros([x.shape[0], *[(n - 1) * d + 1 if n else 0 for n, d in zip(x.shape[1:-1], idil)], x.shape[-1]], wide)
    dilated[(slice(None), *[slice(None, None, d) for d in idil])] = x
    for i in range(s):
        n = dilated.shape[i + 1]
        dilated = np.take(dilated, range(max(0, -lo[i]), n - max(0, -hi[i])), axis=i + 1)
        pads = [(0, 0)] * dilated.ndim
        pads[i + 1] = (max(0, lo[i]), max(0, hi[i]))
        dilated = np.pad(dilated, pads)
    out = [(dilated.shape[i + 1] - (w.shape[i + 1] - 1) * kdil[i] - 1) // stride[i] + 1 for i in range(s)]
    y = np.zeros([x.shape[0], *out, w.shape[0]], wide)
    per_in, per_out = w.shape[-1], w.shape[0] // groups
    for tap in itertools.product(*[range(k) for k in w.shape[1:-1]]):
        window = dilated[(slice(None), *[slice(t * d, t * d + (o - 1) * st_ + 1, st_) for t, d, o, st_ in zip(tap, kdil, out, stride)])]
        for g in range(groups):
            outs = slice(g * per_out, (g + 1) * per_out)
            y[..., outs] += window[..., g * per_in : (g + 1) * per_in] @ w[(outs, *tap)].T
    return y


def draw_geometry(data, most=3):
    s = data.draw(st.integers(1, most))
    ints = lambda lo, hi: [data.draw(st.integers(lo, hi)) for _ in range(s)]
    groups = data.draw(st.sampled_from([1, 1, 2, 3, 16]))
    per_in, per_out = data.draw(st.sampled_from([1, 1, 2, 3, 8])), data.draw(st.sampled_from([1, 1, 2, 5, 40 if groups < 3 else 4]))
    length, kernel = ints(1, 30 if s == 1 else 9), ints(1, 5 if s == 1 else 3)
    p = dict(stride=ints(1, 3), lo=ints(-1, 4), hi=ints(-1, 4), kdil=ints(1, 3), idil=ints(1, 3), groups=groups, flip=data.draw(st.booleans()))
    for i in range(s):
        short = (kernel[i] - 1) * p["kdil"][i] + 1 - ((length[i] - 1) * p["idil"][i] + 1 + p["lo"][i] + p["hi"][i])
        p["hi"][i] += max(0, short)
    n = data.draw(st.integers(1, 3))
    return (n, *length, groups * per_in), (groups * per_out, *kernel, per_in), p


def ours(x, w, p):
    return mx.conv_general(x, w, p["stride"], (p["lo"], p["hi"]), p["kdil"], p["idil"], p["groups"], p["flip"])


def in_layout(rng, a, layout):
    """The same values with other strides."""
    if layout == "channels first":
        return mx.moveaxis(mx.array(np.ascontiguousarray(np.moveaxis(a, -1, 1))), 1, -1)
    if layout == "batch last":
        return mx.moveaxis(mx.array(np.ascontiguousarray(np.moveaxis(a, 0, -1))), -1, 0)
    if layout == "reversed":
        return mx.array(np.ascontiguousarray(a[..., ::-1]))[..., ::-1]
    return mx.array(a)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_convolutions_agree_with_their_definition(data):
    xs, ws, p = draw_geometry(data)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    dtype = data.draw(st.sampled_from("float32 float64 float16 complex64 int8 uint16 int32 int64".split()))
    x, w = rng.normal(size=xs) * 3, rng.normal(size=ws) * 3
    if dtype == "complex64":
        x, w = x + 1j * rng.normal(size=xs), w + 1j * rng.normal(size=ws)
    x, w = x.astype(dtype if dtype[0] != "u" else "int16").astype(dtype), w.astype(dtype if dtype[0] != "u" else "int16").astype(dtype)
    layouts = st.sampled_from(["plain", "plain", "channels first", "batch last", "reversed"])
    mxx, mxw = in_layout(rng, x, data.draw(layouts)), in_layout(rng, w, data.draw(layouts))
    if dtype == "float64":
        mxx, mxw = mxx.astype(mx.float64), mxw.astype(mx.float64)
        x, w = np.array(mxx), np.array(mxw)
    got, want = np.array(ours(mxx, mxw, p)), reference(x, w, **p)
    assert got.dtype == dtype and got.shape == want.shape
    if x.dtype.kind in "iu":
        np.testing.assert_array_equal(got, want.astype(dtype))
        return
    terms = np.prod(ws[1:])
    size = reference(np.abs(x), np.abs(w), **p).real  # the sum of magnitudes bounds the rounding of any order
    eps = np.finfo("float32" if dtype == "complex64" else dtype).eps
    bound = {"float16": eps * np.abs(want) + 1e-6 + terms * np.finfo("float32").eps * size}.get(dtype, (terms + 4) * eps * size)
    assert np.all(np.abs(got - want) <= bound)


def test_bfloat16_is_added_in_float32_and_rounded_once():
    ones = mx.ones((1, 5000, 1), dtype=mx.bfloat16)
    assert mx.conv1d(ones, ones).item() == float(mx.array(5000.0).astype(mx.bfloat16))
    assert mx.conv1d(ones.astype(mx.float16), ones.astype(mx.float16)).item() == 5000
    rng = np.random.default_rng(0)
    x, w = (mx.array(rng.normal(size=s)).astype(mx.bfloat16) for s in [(2, 9, 9, 40), (48, 3, 3, 40)])
    want = mx.conv2d(x.astype(mx.float32), w.astype(mx.float32), padding=1)
    assert mx.allclose(mx.conv2d(x, w, padding=1).astype(mx.float32), want, rtol=2**-8, atol=1e-5).item()


SHAPES = [  # input, weight, groups: each way through the kernels, past the sizes at which work is cut
    ((2, 40, 41, 8), (40, 3, 3, 8), 1), ((1, 7, 7, 600), (70, 3, 3, 600), 1), ((8, 3, 3, 64), (64, 3, 3, 64), 1), ((2, 20, 20, 48), (48, 3, 3, 1), 48),
    ((2, 20, 20, 40), (40, 5, 5, 1), 40), ((1, 5000, 1), (1, 501, 1), 1), ((1, 3000, 2), (3, 65, 2), 1), ((4, 33, 33, 3), (16, 7, 7, 3), 1),
    ((3, 16, 16, 64), (96, 1, 1, 64), 1), ((2, 9, 9, 9, 8), (8, 3, 3, 3, 8), 1), ((2, 24, 24, 32), (64, 3, 3, 8), 4), ((1, 300, 1), (33, 300, 1), 1),
]


@pytest.mark.parametrize("xs, ws, groups", SHAPES)
@pytest.mark.parametrize("dtype", [mx.float32, mx.float64, mx.float16])
@pytest.mark.parametrize("stride, padding", [(1, 0), (1, 1), (2, 3)])
def test_larger_ones_too(xs, ws, groups, dtype, stride, padding):
    rng = np.random.default_rng(1)
    s = len(xs) - 2
    x, w = mx.array(rng.normal(size=xs)).astype(dtype), mx.array(rng.normal(size=ws)).astype(dtype)
    y = mx.conv_general(x, w, stride, padding, groups=groups)
    want = reference(np.array(x), np.array(w), [stride] * s, [padding] * s, [padding] * s, [1] * s, [1] * s, groups, False)
    eps = {mx.float32: 1e-6, mx.float64: 1e-14, mx.float16: 1e-3}[dtype]
    np.testing.assert_allclose(np.array(y), want, rtol=eps, atol=8 * eps * np.sqrt(np.prod(ws[1:])))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_derivatives_agree_with_finite_differences_and_each_other(data):
    xs, ws, p = draw_geometry(data, most=2)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    x, w, dx, dw = (mx.array(rng.normal(size=shape)).astype(mx.float64) for shape in (xs, ws, xs, ws))
    f = lambda x, w: ours(x, w, p)
    y, (jvp,) = (r[0] for r in (mx.jvp(f, [x, w], [dx, dw])[0], [mx.jvp(f, [x, w], [dx, dw])[1]]))
    # bilinear: the central difference is exact but for rounding
    want = (np.array(f(x + dx, w + dw)) - np.array(f(x - dx, w - dw))) / 2
    np.testing.assert_allclose(np.array(jvp), want, rtol=1e-9, atol=1e-9)
    g = mx.array(rng.normal(size=y.shape)).astype(mx.float64)
    _, (gx, gw) = mx.vjp(f, [x, w], [g])
    assert gx.shape == xs and gw.shape == ws
    inner = lambda a, b: float((np.array(a) * np.array(b)).sum())
    assert inner(g, jvp) == pytest.approx(inner(gx, dx) + inner(gw, dw), rel=1e-9, abs=1e-9)
    # derivatives of the gradients, along a direction
    loss = lambda x, w: (f(x, w) ** 3).sum()
    grads = mx.grad(loss, argnums=(0, 1))
    _, second = mx.jvp(lambda x, w: list(grads(x, w)), [x, w], [dx, dw])
    h = 1e-5
    for a, lo, hi in zip(second, grads(x - h * dx, w - h * dw), grads(x + h * dx, w + h * dw)):
        fd = (np.array(hi) - np.array(lo)) / (2 * h)
        np.testing.assert_allclose(np.array(a), fd, rtol=1e-4, atol=1e-6 * max(1, np.abs(fd).max()))


@pytest.mark.parametrize("xs, ws, groups", SHAPES)
def test_gradients_of_larger_ones(xs, ws, groups):
    rng = np.random.default_rng(2)
    x, w = mx.array(rng.normal(size=xs).astype("f")), mx.array(rng.normal(size=ws).astype("f"))
    f = lambda x, w: mx.conv_general(x, w, 2, 1, groups=groups)
    g = mx.array(rng.normal(size=f(x, w).shape).astype("f"))
    wide = [a.astype(mx.float64) for a in (x, w, g)]
    for a, b in zip(mx.vjp(f, [x, w], [g])[1], mx.vjp(f, wide[:2], wide[2:])[1]):
        np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-4, atol=2e-5 * float(mx.abs(b).max()))
    for a, x1, w1 in ((0, wide[0] * 0 + 1, wide[1]), (1, wide[0], wide[1] * 0 + 1)):  # linear in each: the sum of a gradient is a value
        grad = mx.vjp(f, wide[:2], wide[2:])[1][a]
        assert float(grad.sum()) == pytest.approx(float((f(x1, w1) * wide[2]).sum()), rel=1e-9, abs=1e-8)


def test_third_derivatives_with_groups():
    rng = np.random.default_rng(3)
    x, w = mx.array(rng.normal(size=(2, 7, 4))).astype(mx.float64), mx.array(rng.normal(size=(4, 3, 2))).astype(mx.float64)
    along = lambda t: (mx.conv1d(x + t, w * (1 + t), padding=1, groups=2) ** 2).sum()
    zero = mx.zeros((), dtype=mx.float64)
    at = [float(along(mx.array(t).astype(mx.float64))) for t in np.arange(-2, 3) * 0.05]
    got = float(mx.grad(mx.grad(mx.grad(along)))(zero))
    assert got == pytest.approx((at[4] - 2 * at[3] + 2 * at[1] - at[0]) / (2 * 0.05**3), rel=1e-4)  # of a quartic: exact


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 1), (-1, -1)])
def test_vmap_is_a_loop(groups, axes):
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(2, 6, 5, 4)).astype("f"), rng.normal(size=(6, 3, 2, 4 // groups)).astype("f")
    batched = [a if ax is None else np.stack([a * (i + 1) for i in range(3)], axis=ax) for a, ax in zip((x, w), axes)]
    f = lambda x, w: mx.conv2d(x, w, stride=(1, 2), padding=1, groups=groups)
    got = mx.vmap(f, in_axes=axes)(*map(mx.array, batched))
    for i in range(3):
        one = [mx.array(a) if ax is None else mx.array(np.take(a, i, axis=ax)) for a, ax in zip(batched, axes)]
        np.testing.assert_allclose(np.array(got[i]), np.array(f(*one)), rtol=1e-5, atol=1e-5)
    grad = lambda x, w: mx.grad(lambda w: (f(x, w) ** 2).sum())(w)
    got = mx.vmap(grad, in_axes=axes)(*map(mx.array, batched))
    for i in range(3):
        one = [mx.array(a) if ax is None else mx.array(np.take(a, i, axis=ax)) for a, ax in zip(batched, axes)]
        np.testing.assert_allclose(np.array(got[i]), np.array(grad(*one)), rtol=1e-4, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_transposed_convolutions_are_adjoint(data):
    s = data.draw(st.integers(1, 3))
    ints = lambda lo, hi: [data.draw(st.integers(lo, hi)) for _ in range(s)]
    stride, dilation, kernel, length, groups = ints(1, 3), ints(1, 2), ints(1, 3), ints(1, 5), data.draw(st.sampled_from([1, 2]))
    padding = [data.draw(st.integers(0, (k - 1) * d)) for k, d in zip(kernel, dilation)]
    padding = [min(p, ((n - 1) * t + (k - 1) * d) // 2) for p, n, t, k, d in zip(padding, length, stride, kernel, dilation)]
    extra = [data.draw(st.integers(0, t - 1)) for t in stride]
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    x, w = rng.normal(size=(2, *length, 2 * groups)), rng.normal(size=(3 * groups, *kernel, 2))
    one = lambda v: v[0] if s == 1 else tuple(v)
    f = [mx.conv_transpose1d, mx.conv_transpose2d, mx.conv_transpose3d][s - 1]
    wide = lambda a: mx.array(a).astype(mx.float64)
    y = f(wide(x), wide(w), one(stride), one(padding), one(dilation), one(extra), groups)
    want = [(n - 1) * t - 2 * p + d * (k - 1) + 1 + e for n, t, p, d, k, e in zip(length, stride, padding, dilation, kernel, extra)]
    assert y.shape == (2, *want, 3 * groups)
    # <y, z> = <x, conv(z)> with the channels of the weight exchanged in each group
    z = rng.normal(size=y.shape)
    back = w.reshape(groups, 3, *kernel, 2).swapaxes(1, -1).reshape(2 * groups, *kernel, 3)
    zx = reference(z.astype("f8"), back, stride, padding, [p - e for p, e in zip(padding, extra)], dilation, [1] * s, groups, False)
    zx = zx[(slice(None), *[slice(0, n) for n in length])]
    x32 = np.array(wide(x))
    assert (np.array(y) * z).sum() == pytest.approx((x32 * zx).sum(), rel=1e-4, abs=1e-4)


def test_transposed_by_hand():
    x, w = mx.arange(6, dtype=mx.float32).reshape(1, 3, 2), mx.arange(12, dtype=mx.float32).reshape(3, 2, 2)
    want = [[1, 5, 9], [3, 7, 11], [3, 23, 43], [13, 33, 53], [5, 41, 77], [23, 59, 95]]
    assert mx.conv_transpose1d(x, w, stride=2)[0].tolist() == want
    assert mx.conv_transpose1d(x, w, stride=2, padding=1)[0].tolist() == want[1:-1]
    assert mx.conv_transpose1d(x, w, stride=2, output_padding=2)[0].tolist() == want + [[0, 0, 0]] * 2
    assert mx.conv_transpose1d(x, w, stride=2, padding=2)[0].tolist() == want[2:-2]


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_convolve_is_numpys(data):
    n, m = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 60))
    mode = data.draw(st.sampled_from(["full", "same", "valid"]))
    dtype = data.draw(st.sampled_from(["float32", "float16", "complex64", "int32", "uint8"]))
    rng = np.random.default_rng(n * 100 + m)
    a, v = (rng.normal(size=k) * 9 for k in (n, m))
    if dtype[0] in "iu":
        a, v = np.abs(a), np.abs(v)
    a, v = a.astype(dtype), v.astype(dtype)
    if data.draw(st.booleans()):
        a, v = v, a
    got = np.array(mx.convolve(mx.array(a), mx.array(v), mode))
    wide = {"f": "f8", "c": "c16", "i": "i8", "u": "i8"}[a.dtype.kind]
    want = np.convolve(a.astype(wide), v.astype(wide), mode)
    assert got.dtype == dtype and got.shape == want.shape
    if a.dtype.kind in "iu":
        np.testing.assert_array_equal(got, want.astype(dtype))
    else:
        size = np.convolve(np.abs(a).astype("f8"), np.abs(v).astype("f8"), mode)  # of the terms: each sum rounds by no more than 2^-24 of it
        rounded = 2e-3 * np.abs(want) + 1e-3 if dtype == "float16" else 2.0**-24 * np.abs(want)
        assert np.all(np.abs(got - want) <= 2 * (min(n, m) + 1) * 2.0**-24 * size + rounded)
        if mode != "same":  # SciPy's takes the length of its first argument
            np.testing.assert_allclose(got, scipy.signal.convolve(a.astype(wide), v.astype(wide), mode), rtol=2e-3, atol=1e-3)


def test_padding_meets_no_weight():
    inf, nan = np.inf, np.nan
    assert mx.convolve(mx.array([1.0, 2.0]), mx.array([1.0, inf])).tolist() == np.convolve([1.0, 2.0], [1.0, inf]).tolist()
    got = mx.conv2d(mx.ones((1, 3, 3, 2)), mx.full((1, 3, 3, 2), inf), padding=1)
    assert np.array(got).ravel().tolist() == [inf] * 9
    x = np.ones((1, 40, 2), "f")
    x[0, 20] = nan
    got = np.array(mx.conv1d(mx.array(x), mx.ones((33, 3, 2)), padding=1))[0]
    assert np.isnan(got).any(axis=1).nonzero()[0].tolist() == [19, 20, 21]
    for channels in (16, 17):  # one channel a group
        w = np.zeros((channels, 3, 1), "f")
        w[:, 0] = inf
        got = np.array(mx.conv1d(mx.ones((1, 5, channels)), mx.array(w), padding=1, groups=channels))
        assert got[0].tolist() == [[0.0] * channels] + [[inf] * channels] * 4
    got = mx.conv_transpose1d(mx.ones((1, 2, 1)), mx.array([inf, 1.0, 2.0]).reshape(1, 3, 1), stride=3)
    assert got.reshape(-1).tolist() == [inf, 1, 2, inf, 1, 2]


def test_empty_arrays():
    w = mx.ones((3, 2, 2))
    assert mx.conv1d(mx.zeros((0, 5, 2)), w).shape == (0, 4, 3)
    assert mx.conv1d(mx.zeros((1, 5, 2)), mx.zeros((0, 2, 2))).shape == (1, 4, 0)
    assert mx.conv1d(mx.zeros((1, 5, 0)), mx.zeros((3, 2, 0))).tolist() == [[[0.0] * 3] * 4]
    assert mx.conv1d(mx.zeros((1, 0, 2)), w, padding=2).tolist() == [[[0.0] * 3] * 3]
    for x, w in [((0, 5, 2), (3, 2, 2)), ((1, 5, 0), (3, 2, 0)), ((1, 0, 2), (3, 2, 2)), ((1, 5, 2), (0, 2, 2))]:
        x, w = mx.ones(x), mx.ones(w)
        gx, gw = mx.grad(lambda x, w: mx.conv1d(x, w, padding=2).sum(), argnums=(0, 1))(x, w)
        assert gx.shape == x.shape and gw.shape == w.shape and not mx.any(gx).item() and not mx.any(gw).item()
    # cropped down to nothing but padding
    assert mx.conv_general(mx.ones((1, 3, 1)), mx.ones((1, 1, 1)), padding=([2], [-5 + 2])).reshape(-1).tolist() == [0, 0]


def test_mixed_dtypes_promote():
    half, bf, full, whole = (mx.ones((1, 3, 1), dtype=d) for d in (mx.float16, mx.bfloat16, mx.float32, mx.int32))
    assert mx.conv1d(half, full).dtype == mx.float32 and mx.conv1d(half, bf).dtype == mx.float32 and mx.conv1d(whole, half).dtype == mx.float16


def x1(*shape, dtype=mx.float32):
    return mx.ones(shape, dtype=dtype)


@pytest.mark.parametrize("call, error, text", [
    (lambda: mx.conv1d(x1(5, 2), x1(3, 2, 2)), ValueError, r"\[conv\] Only works for inputs with 1-3 spatial dimensions"),
    (lambda: mx.conv_general(x1(1, 2, 2, 2, 2, 1), x1(1, 1, 1, 1, 1, 1)), ValueError, r"\[conv\] Only works .* not have 6 dimensions"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2)), ValueError, r"\[conv\] Invalid weight array with 2 dimensions for 1D convolution"),
    (lambda: mx.conv2d(x1(1, 5, 2), x1(3, 2, 2)), ValueError, r"\[conv\] Invalid strides \(1,1\) for 1D convolution"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 3)), ValueError, r"input: \(1,5,2\) and weight: \(3,2,3\)"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 2), groups=0), ValueError, r"\[conv\] groups must be positive. Got 0"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 1), groups=2), ValueError, r"3 output channels and 2 groups"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 1), groups=3), ValueError, r"input channels must be divisible .*\(1,5,2\) and 3 groups"),
    (lambda: mx.conv1d(x1(1, 6, 4), x1(4, 2, 1), groups=2), ValueError, r"groups=2 and weights of shape \(4,2,1\), expected to have 2 input"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 2), stride=0), ValueError, r"\[conv\] Stride sizes must be positive. Got \(0,\)"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 2), dilation=-1), ValueError, r"Kernel dilation sizes must be positive. Got \(-1,\)"),
    (lambda: mx.conv_general(x1(1, 5, 2), x1(3, 2, 2), input_dilation=0), ValueError, r"Input dilation sizes must be positive"),
    (lambda: mx.conv_transpose1d(x1(1, 5, 2), x1(3, 2, 2), stride=0), ValueError, r"Input dilation sizes must be positive"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 7, 2)), ValueError, r"cannot be smaller than weight .* axis 1 .*\(1,5,2\).*\(3,7,2\)"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 0, 2)), ValueError, r"Spatial dimensions of weight cannot be zero. Got weight of shape \(3,0,2\)"),
    (lambda: mx.conv_transpose1d(x1(1, 5, 2), x1(3, 0, 2)), ValueError, r"\[conv\] The weight's dimension 1 is empty"),
    (lambda: mx.conv_general(x1(1, 5, 5, 2), x1(3, 2, 2, 2), stride=[1, 1, 1]), ValueError, r"\[conv\] Invalid strides \(1,1,1\) for 2D"),
    (lambda: mx.conv_general(x1(1, 5, 5, 2), x1(3, 2, 2, 2), padding=[1, 1, 1]), ValueError, r"\[conv\] Invalid padding low \(1,1,1\) for 2D"),
    (lambda: mx.conv1d(x1(1, 5, 2, dtype=mx.bool_), x1(3, 2, 2, dtype=mx.bool_)), ValueError, r"\[conv\] Invalid input array with type bool"),
    (lambda: mx.conv2d(x1(1, 5, 5, 2), x1(3, 2, 2, 2), stride=(1, 1, 1)), TypeError, r"\[conv2d\] stride must be an integer or 2 integers"),
    (lambda: mx.conv2d(x1(1, 5, 5, 2), x1(3, 2, 2, 2), padding=(1,)), TypeError, r"\[conv2d\] padding must be an integer or 2 integers"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 2), stride=(1,)), TypeError, r"\[conv1d\] stride must be an integer, not"),
    (lambda: mx.conv1d(x1(1, 5, 2), x1(3, 2, 2), stride=1.5), TypeError, "integer"),
    (lambda: mx.conv1d("no", x1(3, 2, 2)), (TypeError, ValueError), "."),
    (lambda: mx.conv1d(x1(1, 2, 2), x1(3, 2, 2), padding=2**31 - 1).shape[1] > 2**32 - 9 and mx.conv1d(x1(1, 2, 2), x1(3, 2, 2), padding=2**40), ValueError, "32 bits"),
    (lambda: mx.eval(mx.conv1d(x1(1, 2, 1), x1(2**12, 2, 1), padding=2**31 - 1)), MemoryError, "memory|bytes"),
    (lambda: mx.convolve(x1(4, 4), x1(3)), ValueError, r"\[convolve\] Inputs must be 1D, not 2D and 1D"),
    (lambda: mx.convolve(x1(0), x1(3)), ValueError, r"\[convolve\] Inputs cannot be empty. Got 0 and 3"),
    (lambda: mx.convolve(x1(4), x1(3), "foo"), ValueError, r"\[convolve\] Invalid mode 'foo'"),
    (lambda: mx.convolve(x1(4), x1(3), 3), TypeError, "."),
])
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_compiled_and_nested():
    x, w = mx.array(np.random.default_rng(5).normal(size=(2, 8, 8, 3)).astype("f")), mx.ones((4, 3, 3, 3))
    f = lambda x, w: mx.maximum(mx.conv2d(x, w, padding=1) + 1, 0).sum()
    assert mx.compile(f)(x, w).item() == f(x, w).item()
    a, b = mx.compile(mx.grad(f, argnums=1))(x, w), mx.grad(f, argnums=1)(x, w)
    assert mx.array_equal(a, b).item()
