"""Random numbers: those of MLX for the same key, written down as values; distributions against SciPy; arguments."""
import numpy as np
import pytest

import mlx.core as mx
from mlx.core import random

K = random.key(7)
BIG = 200_000


def bits(a):
    return np.array(a.view(mx.uint32 if a.dtype == mx.float32 else mx.uint16)).reshape(-1).tolist()


def close(a, want, ulps=4.0):
    """Within 4 ulp of the larger of the value and 1/4: noise below that comes from a sum that cancels."""
    got, want = np.array(a).reshape(-1), np.array(want, dtype=np.float32)
    np.testing.assert_array_less(np.abs(got - want), ulps * 2.0**-23 * np.maximum(np.abs(want), 0.25) + 1e-30)


# What MLX draws


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("low,high", [(0, 1), (-1, 1), (0.1, 0.7), (3, -5), (-7.3, 2), (1, 1), (1e-3, 6e4)])
def test_bounds_that_are_numbers_and_bounds_that_are_arrays_scale_alike(low, high, dtype):
    d = getattr(mx, np.dtype(dtype).name)
    u = np.array(random.uniform(shape=(500,), dtype=d, key=K))
    lo, hi = dtype(np.float32(low)), dtype(np.float32(high))
    want = (hi - lo) * u + lo
    assert np.array_equal(np.array(random.uniform(low, high, (500,), d, K)), want)
    assert np.array_equal(np.array(random.uniform(mx.array([low], mx.float32), mx.array([high], mx.float32), (500,), d, K)), want)


def test_keys_split_as_mlx_splits_them():
    assert random.key(2**63 + 5).tolist() == [2**31, 5]
    assert random.split(random.key(1), 3).tolist() == [[3568232559, 713140391], [3620866055, 2761185182], [2442350529, 2639019713]]
    assert random.split(random.key(2**40 + 3)).tolist() == [[4087094024, 3389193638], [2204902253, 2566510212]]


UNIFORM = [
    ("float32", 0, 1, [1032051866, 1045267025, 1059488895, 1053014444, 1059907625]),
    ("float32", -3, 5.5, [3223124327, 3215304074, 1075960206, 1048532080, 1076850008]),
    ("float16", 0, 1, [11295, 12908, 14644, 13854, 14695]),
    ("float16", -3, 5.5, [49384, 48429, 16654, 13312, 16762]),
    ("bfloat16", 0, 1, [15748, 15950, 16167, 16068, 16173]),
    ("bfloat16", -3, 5.5, [49181, 49061, 16418, 16000, 16432]),
]


@pytest.mark.parametrize("dtype, low, high, want", UNIFORM)
def test_uniform_numbers_are_bit_equal(dtype, low, high, want):
    assert bits(random.uniform(low, high, (5,), getattr(mx, dtype), K)) == want


def test_bounds_may_be_arrays():
    low, high = mx.array([[0.0], [10.0]]), mx.array([1.0, 2.0, 100.0])
    want = [1032051866, 1053655633, 1110539493, 1087498127, 1083381719, 1109234423]
    assert bits(random.uniform(low, high, (2, 3), key=K)) == want
    assert bits(random.uniform(low, high, key=K)) == want
    assert random.randint(mx.array([0, 5]), mx.array([[10], [20], [30]]), key=K).shape == (3, 2)
    assert random.truncated_normal(low, high + 20, key=K).shape == (2, 3)
    assert random.normal(loc=low, scale=high, key=K).shape == (2, 3)
    assert random.uniform(low, high, (4, 2, 3), key=K).shape == (4, 2, 3)


RANDINT = [
    ("int8", -50, 77, [-42, -25, 6, -2, 35, -9]),
    ("int16", -50, 77, [-42, -25, 6, -2, 35, -9]),
    ("int32", 0, 2147483647, [138267040, 430983712, 952880704, 820931328, 1450448000, 701356736]),
    ("int64", -50, 77, [-42, -25, 6, -2, 35, -9]),
    ("uint8", 0, 200, [12, 40, 88, 76, 135, 65]),
    ("uint16", 0, 60000, [3863, 12041, 26623, 22936, 40525, 19595]),
    ("uint32", 0, 10, [0, 2, 4, 3, 6, 3]),
    ("uint64", 0, 10, [0, 2, 4, 3, 6, 3]),
    ("int32", 0.5, 7.7, [0, 1, 3, 3, 5, 2]),
    ("int32", -2.5, -0.5, [-2, -2, -2, -2, -2, -2]),
    ("uint8", -50, 77, [206] * 6),
    ("bool_", 0, 3, [False, False, True, True, True, False]),
    ("int32", 5, 5, [5] * 6),
    ("int32", 5, 2, [5] * 6),
]


@pytest.mark.parametrize("dtype, low, high, want", RANDINT)
def test_integers_are_equal(dtype, low, high, want):
    got = random.randint(low, high, (6,), getattr(mx, dtype), K)
    assert got.dtype == getattr(mx, dtype) and got.tolist() == want


def test_truths_and_permutations_are_equal():
    assert random.bernoulli(0.3, (9,), key=K).tolist() == [False, True, True, False, False, False, True, False, False]
    assert random.bernoulli(mx.array([0.0, 0.5, 1.0]), (3, 3), key=K).tolist() == [[False, True, True]] + [[False, False, True]] * 2
    assert random.permutation(9, key=K).tolist() == [6, 1, 2, 5, 4, 7, 8, 3, 0]
    x = mx.arange(12).reshape(3, 4)
    assert random.permutation(x, axis=1, key=K).tolist() == [[0, 1, 3, 2], [4, 5, 7, 6], [8, 9, 11, 10]]
    assert random.permutation(x, key=K).tolist() == x.tolist()


def test_classes_are_equal():
    logits = mx.array([[0.0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 0, 0]])
    want = {0: ([1, 1, 1, 0], [[1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]], [[0, 1, 0, 0], [1, 1, 0, 0]]),
            1: ([3, 1, 1], [[3, 2, 3, 1], [0, 0, 0, 0], [1, 3, 2, 1]], [[2, 0, 1], [2, 1, 0]])}
    want[-1] = want[1]
    for axis, (one, many, shaped) in want.items():
        assert random.categorical(logits, axis, key=K).tolist() == one
        assert random.categorical(logits, axis, num_samples=4, key=K).tolist() == many
        assert random.categorical(logits, axis, shape=(2, 3) if axis else (2, 4), key=K).tolist() == shaped
    row = logits[0]
    assert [random.categorical(row, key=random.key(s)).item() for s in range(12)] == [0, 2, 2, 3, 3, 3, 3, 3, 3, 2, 3, 2]
    assert [random.categorical(row[None], key=random.key(s)).item() for s in range(12)] == [3, 1, 3, 3, 2, 3, 3, 3, 3, 3, 1, 3]
    assert random.categorical(row, num_samples=12, key=K).tolist() == [3, 1, 2, 2, 3, 3, 3, 1, 0, 2, 2, 2]


def test_what_passes_through_functions_is_within_four_ulp():
    close(random.normal((5,), key=K), [-1.5189650058746338, -0.8391503095626831, 0.38656067848205566, -0.2995086908340454, 0.45492252707481384])
    close(random.normal((3,), loc=mx.array([0.0, 10, 100]), scale=mx.array([1.0, 2, 3]), key=K),
          [-0.7554662227630615, 9.627684593200684, 99.65036010742188])
    complex_ = np.array(random.normal((3,), mx.complex64, key=K))
    close(complex_.real, [-1.0740704536437988, -0.10008746385574341, 0.3216788172721863])
    close(complex_.imag, [-0.5933688879013062, -0.21178463101387024, -0.3177284300327301])
    assert bits(random.normal((5,), mx.float16, key=K)) == [48659, 47798, 13872, 46283, 14152]
    assert bits(random.normal((5,), mx.bfloat16, key=K)) == [49090, 48983, 16070, 48793, 16105]
    close(random.gumbel((5,), key=K), [-1.0090030431747437, -0.4737352132797241, 0.8437917828559875, 0.039143629372119904, 0.9354116916656494])
    close(random.laplace((5,), loc=1.0, scale=2.0, key=K),
          [5.0994343757629395, 2.8256688117980957, 0.28402405977249146, 1.5369305610656738, 0.13586318492889404])
    # The difference of two erf cancels: theirs are not rounded as ours are.
    np.testing.assert_allclose(np.array(random.truncated_normal(-1.0, 2.0, (5,), key=K)),
                               [-0.8017078042030334, -0.45949041843414307, 0.4990210235118866, -0.07128787785768509, 0.5579138994216919], atol=1e-6)
    assert random.truncated_normal(2.0, -1.0, (2,), key=K).tolist() == [2.0, 2.0]


# Distributions

scipy_stats = pytest.importorskip("scipy.stats")


def fits(sample, cdf):
    """A Kolmogorov-Smirnov test at a level that a right sampler with this fixed seed passes, and a wrong one does not."""
    assert scipy_stats.kstest(np.array(sample.astype(mx.float32)).astype(np.float64).reshape(-1), cdf).pvalue > 1e-3


@pytest.mark.parametrize("seed", [1, 2])
def test_continuous_distributions_pass_kolmogorov_smirnov(seed):
    keys = random.split(random.key(seed), 8)
    fits(random.uniform(-2.0, 3.0, (BIG,), key=keys[0]), scipy_stats.uniform(-2, 5).cdf)
    fits(random.normal((BIG,), key=keys[1]), scipy_stats.norm.cdf)
    fits(random.normal((BIG,), loc=3.0, scale=0.5, key=keys[2]), scipy_stats.norm(3, 0.5).cdf)
    fits(random.truncated_normal(-0.5, 1.5, (BIG,), key=keys[3]), scipy_stats.truncnorm(-0.5, 1.5).cdf)
    fits(random.gumbel((BIG,), key=keys[4]), scipy_stats.gumbel_r.cdf)
    fits(random.laplace((BIG,), loc=-1.0, scale=2.0, key=keys[5]), scipy_stats.laplace(-1, 2).cdf)
    z = np.array(random.normal((BIG // 2,), mx.complex64, key=keys[6]))
    fits(mx.array(z.real), scipy_stats.norm(0, 0.5**0.5).cdf)
    fits(mx.array(np.abs(z) ** 2), scipy_stats.expon.cdf)
    fits(random.normal((BIG,), mx.float64, key=keys[7], stream=mx.cpu), scipy_stats.norm.cdf)


def passes_chi_square(counts, probabilities):
    assert scipy_stats.chisquare(counts, np.asarray(probabilities) * counts.sum()).pvalue > 1e-3


def test_discrete_distributions_pass_chi_square():
    keys = random.split(random.key(3), 8)
    passes_chi_square(np.bincount(np.array(random.randint(0, 17, (BIG,), key=keys[0])), minlength=17), [1 / 17] * 17)
    passes_chi_square(np.bincount(np.array(random.bernoulli(0.3, (BIG,), key=keys[1])).astype(int)), [0.7, 0.3])
    p = np.array([0.5, 0.2, 0.2, 0.1])
    logits = mx.log(mx.array(p))
    draws = [random.categorical(logits, num_samples=BIG, key=keys[2]), random.categorical(mx.broadcast_to(logits, (BIG, 4)), key=keys[3]),
             random.categorical(mx.broadcast_to(logits[:, None], (4, BIG)), 0, key=keys[4])]
    for draw in draws:
        passes_chi_square(np.bincount(np.array(draw).reshape(-1), minlength=4), p)
    # The first place of a permutation of 5, over many: each value as often; and each is a permutation.
    perms = np.array(mx.stack([random.permutation(5, key=k) for k in random.split(keys[5], 2000)]))
    passes_chi_square(np.bincount(perms[:, 0], minlength=5), [0.2] * 5)
    assert (np.sort(perms, 1) == np.arange(5)).all()


def test_halves_keep_their_bounds_and_spread():
    for dtype in (mx.float16, mx.bfloat16):
        u = np.array(random.uniform(shape=(BIG,), dtype=dtype, key=K).astype(mx.float32))
        assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.005
        n = np.array(random.normal((BIG,), dtype, key=K).astype(mx.float32))
        assert np.isfinite(n).all() and abs(n.mean()) < 0.01 and abs(n.std() - 1) < 0.01


def test_half_open_ranges_never_give_their_end():
    x = random.randint(0, 3, (1_000_000,), key=K)
    assert x.min().item() == 0 and x.max().item() == 2
    assert random.randint(0, 2**31 - 1, (1_000_000,), key=K).max().item() < 2**31 - 1


# The implicit key


def test_the_implicit_key_repeats_after_its_seed_and_is_used_once():
    random.seed(11)
    a, b = random.normal((4,)), random.normal((4,))
    random.seed(11)
    assert mx.array_equal(a, random.normal((4,))) and mx.array_equal(b, random.normal((4,))) and not mx.array_equal(a, b)
    state = random.state[0]
    c = random.uniform(shape=(3,))
    random.state[0] = state
    assert mx.array_equal(c, random.uniform(shape=(3,)))


# Transforms


def test_draws_differentiate_towards_their_parameters():
    low, high = mx.array([0.0, 1.0]), mx.array([2.0, 5.0])
    u = (np.array(random.uniform(low, high, key=K)) - np.array(low)) / np.array(high - low)
    glow, ghigh = mx.grad(lambda l, h: random.uniform(l, h, key=K).sum(), (0, 1))(low, high)
    np.testing.assert_allclose(np.array(ghigh), u, rtol=1e-5)
    np.testing.assert_allclose(np.array(glow), 1 - u, rtol=1e-5)
    loc, scale = mx.array([0.0, 1.0]), mx.array([2.0, 5.0])
    gloc, gscale = mx.grad(lambda m, s: random.normal((2,), loc=m, scale=s, key=K).sum(), (0, 1))(loc, scale)
    np.testing.assert_allclose(np.array(gloc), [1, 1])
    np.testing.assert_allclose(np.array(gscale), np.array(random.normal((2,), key=K)), rtol=1e-6)


def test_draws_map_over_keys_and_compile():
    keys = random.split(K, 4)
    for f in (lambda k: random.normal((3,), key=k), lambda k: random.randint(0, 9, (2, 2), key=k), lambda k: random.permutation(5, key=k),
              lambda k: random.uniform(shape=(5,), dtype=mx.float16, key=k)):
        assert mx.array_equal(mx.vmap(f)(keys), mx.stack([f(k) for k in keys]))
        assert mx.array_equal(mx.compile(f)(keys[1]), f(keys[1]))


# Arguments


@pytest.mark.parametrize("call, text", [
    (lambda: random.uniform(shape=(2,), dtype=mx.int32), r"\[uniform\] Can only generate uniform numbers"),
    (lambda: random.uniform(shape=(2,), dtype=mx.complex64), r"\[uniform\] Can only generate uniform numbers"),
    (lambda: random.uniform(mx.zeros(2), 1, (3,)), "broadcast"),
    (lambda: random.uniform(mx.zeros((2, 1)), 1, (2,)), r"Cannot generate random values of shape \(2,\) from broadcasted shape \(2,2\)"),
    (lambda: random.uniform(shape=(-1,)), "Negative dimensions"),
    (lambda: random.uniform(key=mx.array([1, 2])), "Expected key type uint32 but received int32"),
    (lambda: random.uniform(key=mx.array([1, 2, 3], mx.uint32)), r"Expected key shape \(2,\) but received \(3,\)"),
    (lambda: random.normal((2,), mx.int32), r"\[normal\] Only floating point"),
    (lambda: random.normal((2,), loc=mx.zeros(3)), "broadcast"),
    (lambda: random.laplace((2,), mx.complex64), r"\[laplace\]"),
    (lambda: random.gumbel((2,), mx.int8), "real floating point"),
    (lambda: random.truncated_normal(0, 1, (2,), mx.int32), "real floating point"),
    (lambda: random.truncated_normal(mx.zeros(2), mx.ones(2), (3,)), "broadcast"),
    (lambda: random.randint(0, 2, (2,), mx.float32), r"\[randint\] randint only accepts integer dtypes and bool"),
    (lambda: random.bernoulli(mx.array([1, 0])), "must be a float type"),
    (lambda: random.bernoulli(mx.array([0.1, 0.2]), (3,)), "broadcast"),
    (lambda: random.categorical(mx.zeros((2, 3)), shape=(5,)), "broadcast"),
    (lambda: random.categorical(mx.zeros((2, 3)), shape=(2,), num_samples=2), "At most one of shape"),
    (lambda: random.categorical(mx.zeros((2, 3)), num_samples=-1), "num_samples must not be negative"),
    (lambda: random.categorical(mx.zeros((2, 0))), "argmax"),
    (lambda: random.split(K, -1), "Negative dimensions"),
    (lambda: random.permutation(-1), "Negative|negative"),
    (lambda: random.seed(-1), r"A seed is an integer in \[0, 2\*\*64\), not -1"),
    (lambda: random.key(2**64), "A seed is an integer"),
])
def test_bad_values_are_value_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("call", [lambda: random.key("a"), lambda: random.key(1.5), lambda: random.uniform(key=3), lambda: random.normal(("a",)),
                                  lambda: random.uniform("x"), lambda: random.split(None), lambda: random.randint()])
def test_arguments_of_other_kinds_are_type_errors(call):
    with pytest.raises((TypeError, ValueError)):
        call()


def test_axes_out_of_bounds_are_index_errors():
    for call in (lambda: random.categorical(mx.zeros((2, 3)), 5), lambda: random.permutation(mx.zeros((2, 3)), axis=2)):
        with pytest.raises(IndexError):
            call()


def test_empty_draws():
    assert random.normal((0, 3)).shape == (0, 3) and random.permutation(0).shape == (0,) and random.split(K, 0).shape == (0, 2)
    assert random.categorical(mx.zeros((0, 3))).shape == (0,) and random.randint(0, 5, (2, 0)).tolist() == [[], []]
