"""What is let go of: cycles through transforms and Modules, memory after work and after errors, buffers that files still read."""

import copy
import gc
import pickle
import tracemalloc
import weakref

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
import pytest


class Owner:
    """Something that a cycle goes through, and that can be watched."""


def closing_the_cycle(wrap):
    owner = Owner()

    def f(x):
        return (x * 2).sum() if owner else x

    owner.made = wrap(f)
    return owner


WRAPS = {
    "compile": mx.compile, "grad": mx.grad, "value_and_grad": mx.value_and_grad, "vmap": mx.vmap, "checkpoint": mx.checkpoint,
    "custom_function": mx.custom_function, "grad of compile": lambda f: mx.grad(mx.compile(f)), "compile of grad": lambda f: mx.compile(mx.grad(f)),
    "vmap of grad": lambda f: mx.vmap(mx.grad(f)), "compile with state": lambda f: mx.compile(f, inputs=[mx.zeros(3)], outputs=[]),
}


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("name", WRAPS)
def test_a_cycle_through_a_transformed_function_is_collected(name, called):
    owner = closing_the_cycle(WRAPS[name])
    if called:
        mx.eval(owner.made(mx.ones((3, 2))))
    seen = weakref.ref(owner)
    del owner
    gc.collect()
    assert seen() is None


def test_a_cycle_through_a_rule_of_a_custom_function_is_collected():
    owner = Owner()

    @mx.custom_function
    def f(x):
        return x * 2

    @f.vjp
    def rule(primals, cotangent, output):
        return cotangent * (2 if owner else 0)

    owner.f = f
    assert mx.grad(f)(mx.array(3.0)).item() == 2.0
    seen = weakref.ref(owner)
    del owner, f, rule
    gc.collect()
    assert seen() is None


def test_a_model_whose_compiled_step_holds_it_is_collected():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)
            self._step = mx.compile(self.loss, inputs=self.state, outputs=self.state)

        def loss(self, x):
            return self.layer(x).sum()

    model = Model()
    mx.eval(model._step(mx.ones((4, 3))))
    model.me = model.layer.parent = None
    seen = weakref.ref(model)
    del model
    gc.collect()
    assert seen() is None


def test_arrays_modules_optimizers_and_dtypes_copy_and_pickle():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4))
    opt = optim.Adam(1e-2)
    opt.init(model.trainable_parameters())
    tree = {"model": model, "arrays": [mx.array([1, 2], mx.int8), mx.array(1.5, mx.bfloat16), mx.zeros((0, 2)), mx.arange(6).reshape(2, 3).T], "dtype": mx.bfloat16,
            "state": opt.state}
    for other in (copy.deepcopy(tree), pickle.loads(pickle.dumps(tree)), pickle.loads(pickle.dumps(tree, protocol=2))):
        x = mx.ones((2, 3))
        assert mx.array_equal(other["model"](x), model(x)).item() and other["dtype"] == mx.bfloat16
        for a, b in zip(tree["arrays"], other["arrays"]):
            assert a is not b and a.dtype == b.dtype and a.shape == b.shape and mx.array_equal(a, b).item()
    same = copy.deepcopy([tree["arrays"][0]] * 2)
    same[0] += 1
    assert tree["arrays"][0].tolist() == [1, 2] and same[0].tolist() == [2, 3] == same[1].tolist()


def fails(f):
    try:
        f()
    except Exception:
        return
    raise AssertionError("no error")


X, V, I = mx.arange(12.0).reshape(3, 4), mx.array([1.0, 2.0, 3.0, 4.0]), mx.array([0, 2])
mx.eval(X, V, I)


@mx.custom_function
def custom(x):
    return x * 3


custom.vjp(lambda primals, cotangent, output: cotangent * 3)
COMPILED = mx.compile(lambda x, k=1: {"y": [x * k + 1, mx.exp(x).sum()]})
STATE = {"n": mx.array(0.0)}


def counted(x):
    STATE["n"] = STATE["n"] + 1
    return x + STATE["n"]


STATEFUL = mx.compile(counted, inputs=STATE, outputs=STATE)


def restate():
    mx.eval(STATEFUL(V), STATE)


WORK = {
    "elementwise": lambda: mx.eval(mx.exp(X) * 2 + V), "weak scalars": lambda: (X + 1, 2 - X, X**2, X // 3), "reductions": lambda: mx.eval(X.sum(), X.max(1), mx.softmax(X)),
    "shapes": lambda: mx.eval(X.T.reshape(2, 6), mx.concatenate([X, X]), mx.split(X, 2, 1), mx.pad(X, 1)), "matmul": lambda: mx.eval(X @ V, mx.addmm(V, X, mx.eye(4))),
    "indexing": lambda: mx.eval(X[0], X[1:, ::-1], X[I], X[I, I], X[X > 3], X[None, ..., 0]), "assignment": lambda: X.__setitem__((0, 0), 0.0),
    "at": lambda: mx.eval(X.at[I].add(1.0)), "conversion": lambda: (X.tolist(), np.array(X), mx.array(np.ones((2, 2))), mx.array([[1, 2.5], [3, 4]]), V[0].item(), repr(X)),
    "buffers": lambda: (bytes(memoryview(X)), np.asarray(X), np.from_dlpack(X)), "iteration": lambda: [list(X), len(X), bool(V[0] > 0)],
    "grad": lambda: mx.eval(mx.grad(lambda p: (p["a"] * X).sum())({"a": V})), "value_and_grad": lambda: mx.eval(mx.value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(V, V)),
    "vjp": lambda: mx.eval(mx.vjp(mx.exp, [V], [V]), mx.jvp(mx.exp, [V], [V])), "vmap": lambda: mx.eval(mx.vmap(lambda x, y: {"z": x * y}, in_axes=(0, None))(X, V)),
    "compile": lambda: mx.eval(COMPILED(X), COMPILED(V, k=2)), "compile anew": lambda: mx.eval(mx.compile(lambda x: x * 2)(V)), "state": restate,
    "checkpoint": lambda: mx.eval(mx.grad(lambda x: mx.checkpoint(mx.exp)(x).sum())(V)), "custom": lambda: mx.eval(mx.grad(lambda x: custom(x).sum())(V)),
    "random": lambda: mx.eval(mx.random.normal((3,)), mx.random.split(mx.random.key(0)), mx.random.permutation(5)), "creation": lambda: mx.eval(mx.zeros((2, 2)), mx.arange(5), mx.eye(3)),
    "streams": lambda: (mx.add(X, 1, stream=mx.cpu), mx.default_stream(mx.cpu), mx.stream(mx.cpu).__enter__()), "dtypes": lambda: (mx.finfo(mx.float16).max, mx.result_type(X, 1), X.astype(mx.int8)),
    "wrong shape": lambda: fails(lambda: mx.zeros((3,)) + mx.zeros((4,))), "wrong type": lambda: fails(lambda: mx.exp("a")), "wrong keyword": lambda: fails(lambda: mx.exp(X, nonsense=1)),
    "wrong index": lambda: fails(lambda: X[7]), "wrong index at evaluation": lambda: fails(lambda: mx.eval(mx.take(V, mx.array([9])))), "error in grad": lambda: fails(lambda: mx.grad(lambda x: 1 / 0)(V)),
    "error in compile": lambda: fails(lambda: mx.compile(lambda x: x[99])(V)), "error in vmap": lambda: fails(lambda: mx.vmap(lambda x: x + mx.zeros(9))(X)),
    "ragged": lambda: fails(lambda: mx.array([[1, 2], [3]])), "list with a stranger": lambda: fails(lambda: mx.concatenate([X, object()])),
    "out of memory": lambda: fails(lambda: mx.eval(mx.zeros((1 << 40,)) + 1)), "not a scalar": lambda: fails(lambda: X.item()),
}


ROUNDS = 1000


def growth(work):
    """Bytes and objects that Python has more after ROUNDS rounds than before."""
    tracemalloc.start()
    try:
        for _ in range(20):
            work()
        gc.collect()
        before, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
        for _ in range(ROUNDS):
            work()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, len(gc.get_objects()) - objects
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", WORK)
def test_nothing_is_kept_of_work_or_of_errors(name):
    work = WORK[name]
    for _ in range(50):
        work()
    mx.synchronize()
    gc.collect()
    active = mx.get_active_memory()
    for _ in range(3):  # a leak shows each time; what somebody else makes once in a while does not
        grown, more = growth(work)
        if grown < 20 * ROUNDS and more < ROUNDS // 4:  # no object is as small
            break
    mx.synchronize()
    assert mx.get_active_memory() <= active + 4096
    assert grown < 20 * ROUNDS and more < ROUNDS // 4, (grown, more)


def test_references_of_arguments_are_balanced():
    import sys

    things = [X, V, "text", ("a", "tuple"), mx.float32, mx.cpu, 12345678901234567890]
    counts = [sys.getrefcount(t) for t in things]
    for _ in range(300):
        for t in things:
            for f in (mx.exp, mx.sum, mx.array, mx.zeros, mx.reshape, mx.concatenate, mx.eval, mx.compile, mx.grad, mx.save, mx.load, mx.add, mx.random.normal):
                for args in ((t,), (t, t), (X, t), (t, t, t)):
                    if f in (mx.save, mx.load) and isinstance(t, (str, int)) or f is mx.zeros and isinstance(t, int):
                        continue
                    try:
                        f(*args)
                    except Exception:
                        pass
    gc.collect()
    after = [sys.getrefcount(t) for t in things]
    assert all(abs(a - c) < 20 for a, c in zip(after, counts)), list(zip(map(str, things), counts, after))


# Memory functions


def test_memory_functions_do_what_mlx_documents():
    mx.synchronize()
    mx.clear_cache()
    base = mx.get_active_memory()
    x = mx.zeros((1 << 20,)) + 1
    mx.eval(x)
    assert base + (4 << 20) <= mx.get_active_memory() <= base + (5 << 20)
    mx.reset_peak_memory()
    y = mx.eval(x + 1)
    del y
    assert mx.get_peak_memory() >= base + (8 << 20) and mx.get_cache_memory() >= 4 << 20
    mx.clear_cache()
    assert mx.get_cache_memory() == 0
    old = mx.set_cache_limit(0)
    try:
        mx.eval(x + 2)
        assert mx.get_cache_memory() == 0
        assert mx.set_cache_limit(1 << 20) == 0 and mx.set_cache_limit(1 << 20) == 1 << 20
    finally:
        mx.set_cache_limit(old)
    old = mx.set_memory_limit(1 << 30)
    assert mx.get_memory_limit() == 1 << 30 and mx.set_memory_limit(old) == 1 << 30 and mx.get_memory_limit() == old
    wired = mx.set_wired_limit(123)
    assert mx.set_wired_limit(wired) == 123
    del x
    mx.clear_cache()
    assert mx.get_active_memory() == base
    info = mx.device_info(mx.cpu)
    assert info and all(isinstance(k, str) and isinstance(v, (str, int)) for k, v in info.items())
    for bad, error in ((-1, (ValueError, OverflowError)), ("1", TypeError), (2**70, (ValueError, OverflowError)), (1.5, TypeError)):
        for f in (mx.set_memory_limit, mx.set_cache_limit, mx.set_wired_limit):
            with pytest.raises(error):
                f(bad)


# Files that lazy arrays still read


@pytest.mark.parametrize("ending", ["npy", "npz", "safetensors", "gguf"])
def test_saving_over_the_file_that_lazy_arrays_read_from_loses_nothing(tmp_path, ending):
    path = str(tmp_path / f"w.{ending}")
    a = np.random.default_rng(0).normal(size=(500, 400)).astype(np.float32)

    def save(x):
        if ending == "npy":
            mx.save(path, x)
        elif ending == "npz":
            mx.savez(path, w=x)
        elif ending == "gguf":
            mx.save_gguf(path, {"w": x})
        else:
            mx.save_safetensors(path, {"w": x})

    def load():
        got = mx.load(path)
        return got if ending == "npy" else got["w"]

    save(mx.array(a))
    for k in range(1, 4):
        save(load() + 1)  # reads what it replaces, while it is written
        np.testing.assert_allclose(np.array(load()), a + k, rtol=1e-5, atol=1e-5)
    old = load()
    save(mx.zeros(3))
    np.testing.assert_allclose(np.array(old), a + 3, rtol=1e-5, atol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == [f"w.{ending}"]
