"""Transforms nested in any order, on functions of each family, against the same mathematics written out by hand."""

import itertools

import mlx.core as mx
import numpy as np
import pytest

# Functions of a vector of 4, each with a scalar result, of one family or another; smooth at the points used.
M = mx.array(np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32))
I = mx.array([2, 0, 3, 3])

FAMILIES = {
    "elementwise": lambda x: (mx.exp(mx.sin(x)) * x + mx.sqrt(1 + x * x)).sum(),
    "where and clip": lambda x: mx.where(x > 0.1, x * x * x, mx.clip(x, -5, 5) * 2).sum(),
    "reductions": lambda x: mx.logsumexp(x) + mx.mean(x * x) + mx.var(x) + mx.max(x) * mx.prod(x + 2),
    "softmax": lambda x: (mx.softmax(x) * mx.arange(4.0)).sum(),
    "shapes": lambda x: (mx.concatenate([x.reshape(2, 2).T, mx.stack([x[:2], x[2:]])], axis=1) ** 3).sum(),
    "pad and split": lambda x: (mx.pad(x, (1, 2)) ** 2).sum() + (mx.split(x, 2)[0] * mx.split(x, 2)[1]).sum(),
    "matmul": lambda x: ((M @ x) * (x @ M)).sum() + mx.addmm(x, x[None], M)[0, 1] ** 2,
    "indexing": lambda x: (x[I] * x[mx.array([1, 1, 0, 2])]).sum() + x[-1] * x[::2].sum(),
    "take along": lambda x: (mx.take_along_axis(x[None], mx.array([[3, 0]]), axis=1) ** 3).sum(),
    "update": lambda x: (x.at[I].add(x * x) ** 2).sum(),
    "sort and scan": lambda x: (mx.sort(x) * mx.cumsum(x)).sum(),
    "stop_gradient": lambda x: (mx.stop_gradient(x) * x * x).sum(),
}
POINT = np.array([0.7, -0.4, 1.3, 0.2], np.float32)
TANGENT = np.array([0.5, -1.0, 0.25, 2.0], np.float32)


def close(got, want, tol=2e-3):
    got, want = np.array(got), np.array(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tol, atol=tol * max(1.0, np.abs(want).max(initial=0)))


# Each wrapper keeps the type "vector -> vector": so that any order of them is a function again.
def as_compile(f):
    return mx.compile(f)


def as_vmap(f):
    return lambda x: mx.vmap(f)(mx.stack([x, x * 1]))[1]


def as_jvp(f):  # J(x) t
    return lambda x: mx.jvp(f, [x], [mx.array(TANGENT)])[1][0]


def as_vjp(f):  # J(x)' t
    return lambda x: mx.vjp(f, [x], [mx.array(TANGENT)])[1][0]


def as_checkpoint(f):
    return mx.checkpoint(f)


WRAPPERS = {"compile": as_compile, "vmap": as_vmap, "jvp": as_jvp, "vjp": as_vjp, "checkpoint": as_checkpoint}


def by_hand(f, names, x):
    """The same, in float64 and by differences of the plain function: no transform takes part."""
    if not names:
        return f(x)
    name, rest = names[0], names[1:]
    if name in ("compile", "vmap", "checkpoint"):
        return by_hand(f, rest, x)
    h = 1e-4
    if name == "jvp":
        return (by_hand(f, rest, x + h * TANGENT) - by_hand(f, rest, x - h * TANGENT)) / (2 * h)
    columns = [(by_hand(f, rest, x + h * e) - by_hand(f, rest, x - h * e)) / (2 * h) for e in np.eye(4)]
    return np.stack([(c * TANGENT).sum() for c in columns])


def vector_function(x):
    """Elementwise, a reduction, a product, an index: a vector of 4 again."""
    m = M.astype(x.dtype)
    return mx.sin(m @ x) * x + mx.softmax(x * 2) * x.sum() + x[I] * x


def vector_function_64(x):
    y = mx.array(x, dtype=mx.float64)
    return np.array(vector_function(y))


@pytest.mark.parametrize("names", list(itertools.permutations(WRAPPERS, 3)), ids="-".join)
def test_any_three_transforms_in_any_order(names):
    f = vector_function
    for name in reversed(names):
        f = WRAPPERS[name](f)
    got = f(mx.array(POINT, dtype=mx.float64)) if not {"jvp", "vjp"} & set(names) else None
    plain = [n for n in names if n in ("jvp", "vjp")]
    want = by_hand(vector_function_64, plain, POINT.astype(np.float64))
    if got is not None:
        close(got, want, 1e-6)
    close(f(mx.array(POINT)), want)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_under_grad_vmap_compile_and_jvp_in_any_order(family):
    f = FAMILIES[family]
    x, t = mx.array(POINT), mx.array(TANGENT)

    def value(v):
        return float(np.array(f(mx.array(v.astype(np.float32)))))

    plain = mx.grad(f)(x)
    if family != "stop_gradient":
        h = 1e-2
        for i, e in enumerate(np.eye(4)):
            difference = (value(POINT + h * e) - value(POINT - h * e)) / (2 * h)
            assert abs(plain[i].item() - difference) < 2e-2 * max(1, abs(difference)), (family, i, plain[i].item(), difference)
    batch = mx.stack([x, x * 0.9 + 0.01, x])
    singles = [mx.grad(f)(b) for b in batch]
    close(mx.vmap(mx.grad(f))(batch), mx.stack(singles))
    close(mx.compile(mx.vmap(mx.grad(f)))(batch), mx.stack(singles))
    close(mx.vmap(mx.compile(mx.grad(f)))(batch), mx.stack(singles))
    close(mx.vmap(mx.grad(mx.compile(f)))(batch), mx.stack(singles))
    close(mx.grad(lambda b: mx.vmap(f)(b).sum())(batch), mx.stack(singles))
    close(mx.grad(mx.compile(lambda b: mx.vmap(mx.compile(f))(b).sum()))(batch), mx.stack(singles))
    slope = (plain * t).sum()
    close(mx.jvp(f, [x], [t])[1][0], slope)
    close(mx.jvp(mx.compile(f), [x], [t])[1][0], slope)
    close(mx.compile(lambda x, t: mx.jvp(f, [x], [t])[1][0])(x, t), slope)
    close(mx.vmap(lambda b: mx.jvp(f, [b], [t])[1][0])(batch), mx.stack([(s * t).sum() for s in singles]))
    # forward over reverse and reverse over forward: the same product with the Hessian
    forward = mx.jvp(mx.grad(f), [x], [t])[1][0]
    close(mx.grad(lambda x: (mx.grad(f)(x) * t).sum())(x), forward)
    if family != "stop_gradient":
        close(mx.grad(lambda x: mx.jvp(f, [x], [t])[1][0])(x), forward)
        close(mx.compile(mx.grad(mx.compile(lambda x: mx.jvp(mx.compile(f), [x], [t])[1][0])))(x), forward)


def test_trees_go_through_nested_transforms():
    def f(p, x):
        return {"loss": ((p["a"][0] * x + p["b"]["c"]) ** 2).sum(), "n": (x, [p["b"]["c"]])}

    p = {"a": [mx.array(2.0), mx.array(5.0)], "b": {"c": mx.array([1.0, 2.0])}}
    x = mx.array([3.0, 4.0])
    step = mx.compile(mx.value_and_grad(lambda p, x: f(p, x)["loss"]))
    for _ in range(2):
        value, grads = step(p, x)
        assert value.item() == 149 and grads["a"][0].item() == 2 * (7 * 3 + 10 * 4) and grads["a"][1].item() == 0 and grads["b"]["c"].tolist() == [14, 20]
    out = mx.vmap(f, in_axes=({"a": None, "b": None}, 0))(p, mx.stack([x, x + 1]))
    assert out["loss"].tolist() == [149, 225] and out["n"][0].shape == (2, 2) and out["n"][1][0].shape == (2, 2)


def test_compile_retraces_for_shapes_dtypes_constants_and_trees_and_shapeless_functions_stay_right():
    calls = []

    def f(x, k=1, flag=True):
        calls.append(x.shape)
        return x.sum() * k if flag else x.mean()

    for shapeless in (False, True):
        g = mx.compile(f, shapeless=shapeless)
        for shape in ((2,), (3,), (2, 2), (3,), (0,)):
            assert g(mx.ones(shape)).item() == np.prod(shape)
        assert g(mx.ones(3, mx.int32)).dtype == mx.int32 and g(mx.ones(3), k=2).item() == 6 and g(mx.ones(3), flag=False).item() == 1
        before = len(calls)
        assert g(mx.ones(3), k=2).item() == 6 and len(calls) == before  # traced already
    g = mx.compile(lambda t: t["a"] if "a" in t else t["b"] * 2)
    assert g({"a": mx.array(1)}).item() == 1 and g({"b": mx.array(1)}).item() == 2


def test_errors_inside_nested_transforms_come_out_and_leave_nothing_behind():
    for wrap in itertools.permutations([mx.compile, mx.vmap, mx.checkpoint], 3):
        def f(x):
            raise KeyError("mine")

        for w in wrap:
            f = w(f)
        with pytest.raises(KeyError, match="mine"):
            f(mx.ones((2, 3)))
        assert mx.grad(lambda x: (x * x).sum())(mx.array([3.0])).item() == 6
    for wrap in (mx.compile, mx.vmap, mx.grad, lambda f: mx.compile(mx.grad(f))):
        with pytest.raises(ValueError, match="broadcast"):
            wrap(lambda x: (x + mx.zeros(17)).sum())(mx.ones((5, 4)))
    with pytest.raises(ValueError, match="compile|vmap|transform"):
        mx.vmap(mx.compile(lambda x: x * x.sum().item()))(mx.ones((2, 3)))
    assert mx.compile(lambda x: x + 1)(mx.array(1)).item() == 2


def test_values_may_be_looked_at_inside_grad_but_not_inside_compile_or_vmap():
    seen = []

    def f(x):
        y = (x * x).sum()
        seen.append(y.item())
        return y * x[0]

    assert mx.grad(f)(mx.array([2.0, 1.0])).tolist() == [13.0, 4.0] and seen == [5.0]
    assert mx.grad(lambda x: mx.grad(f)(x).sum())(mx.array([2.0, 1.0])).shape == (2,)
    kept = []
    mx.compile(lambda x: kept.append(x * 2) or x)(mx.ones(2))
    with pytest.raises(ValueError, match="compile"):
        kept[0].tolist()
