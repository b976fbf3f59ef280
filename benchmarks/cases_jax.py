"""The rows in JAX, each under jit; CPU."""
import math

import jax
import jax.numpy as jnp

from data import M16, SIDE, digits, digits_setting, floats, indices


def array(*shape, seed=0, dtype=jnp.float32):
    return jnp.asarray(floats(*shape, seed=seed)).astype(dtype).block_until_ready()


def forced(f, *args):
    g = jax.jit(f)
    return lambda: g(*args).block_until_ready()


def gelu_of(x):
    return x * (1 + jax.scipy.special.erf(x / math.sqrt(2))) / 2


def add8():
    return forced(jnp.add, array(8), array(8, seed=1))


def add():
    return forced(jnp.add, array(M16), array(M16, seed=1))


def add_t():
    return forced(lambda a, b: a + b.T, array(SIDE, SIDE), array(SIDE, SIDE, seed=1))


def exp():
    return forced(jnp.exp, array(M16))


def erf():
    return forced(jax.scipy.special.erf, array(M16))


def gelu_compiled():
    return forced(gelu_of, array(M16))


def gelu_bf16():
    return forced(gelu_of, array(M16, dtype=jnp.bfloat16))


def sum():
    return forced(jnp.sum, array(M16))


def sum_axis0():
    return forced(lambda a: a.sum(axis=0), array(SIDE, SIDE))


def softmax():
    return forced(lambda a: jax.nn.softmax(a, axis=-1), array(SIDE, SIDE))


def matmul():
    return forced(jnp.matmul, array(2048, 2048), array(2048, 2048, seed=1))


def matmul_bf16():
    return forced(jnp.matmul, array(2048, 2048, dtype=jnp.bfloat16), array(2048, 2048, seed=1, dtype=jnp.bfloat16))


def gemv():
    return forced(jnp.matmul, array(SIDE, SIDE), array(SIDE, seed=1))


def gemv_bf16():
    return forced(jnp.matmul, array(SIDE, SIDE, dtype=jnp.bfloat16), array(SIDE, seed=1, dtype=jnp.bfloat16))


def take():
    return forced(lambda a, i: jnp.take(a, i, axis=0), array(SIDE, SIDE), jnp.asarray(indices(8192, SIDE)))


def transpose():
    return forced(lambda a: a.T + 0, array(SIDE, SIDE))  # XLA answers a bare transpose with a view of the layout


def normal():
    draw = jax.jit(lambda key: jax.random.normal(key, (M16,)))
    keys = iter(jax.random.split(jax.random.key(0), 4096))
    return lambda: draw(next(keys)).block_until_ready()


def stepper(sizes, rate, dropout=0.0):
    key = jax.random.key(0)
    weights = [(jax.random.normal(jax.random.fold_in(key, i), (n, m)) / math.sqrt(n), jnp.zeros(m))
               for i, (n, m) in enumerate(zip(sizes, sizes[1:]))]
    zeros = jax.tree.map(jnp.zeros_like, weights)

    def network(w, x, key=None):
        for i, (a, b) in enumerate(w[:-1]):
            x = jax.nn.relu(x @ a + b)
            if dropout and key is not None:
                keep = jax.random.bernoulli(jax.random.fold_in(key, i), 1 - dropout, x.shape)
                x = jnp.where(keep, x / (1 - dropout), 0)
        return x @ w[-1][0] + w[-1][1]

    def loss_of(w, x, y, key):
        logits = network(w, x, key)
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()
        return loss, (logits.argmax(axis=1) == y).mean()

    @jax.jit
    def step(state, x, y):
        w, m, v, t, key = state
        key, use = jax.random.split(key)
        value, g = jax.value_and_grad(loss_of, has_aux=True)(w, x, y, use)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        scale = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        w = jax.tree.map(lambda w, m, v: w - scale * m / (jnp.sqrt(v) + 1e-8), w, m, v)
        return value, (w, m, v, t, key)

    return network, step, (weights, zeros, zeros, jnp.float32(0), key)


def mlp():
    _, step, state = stepper([784, 512, 512, 10], 1e-3)
    x, y = array(256, 784), jnp.asarray(indices(256, 10))
    held = [state]

    def run():
        _, held[0] = step(held[0], x, y)
        jax.block_until_ready(held[0])

    return run


def digits_training():
    x, y, test_x, test_y = (jnp.asarray(a) for a in digits())
    sizes, batch, epochs, rate, dropout = digits_setting()
    network, step, state = stepper(sizes, rate, dropout)
    judge = jax.jit(lambda w: (network(w, test_x).argmax(axis=1) == test_y).mean())
    held, key = [state], jax.random.key(1)

    def run():
        for epoch in range(epochs):
            order = jax.random.permutation(jax.random.fold_in(key, epoch), len(y))
            seen = []
            for b in range(len(y) // batch):
                rows = order[b * batch : (b + 1) * batch]
                value, held[0] = step(held[0], x[rows], y[rows])
                seen.append(value)
            jnp.stack([loss for loss, _ in seen]).mean().item()
            judge(held[0][0]).item()

    return run
