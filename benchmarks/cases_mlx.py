"""The rows in MLX's interface: run by Ravel and by mlx alike. A case builds its data and returns what one repeat does."""
import math

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np

from data import M16, SIDE, digits, digits_layers, floats, indices

mx.set_default_device(mx.cpu)


def array(*shape, seed=0, dtype=None):
    a = mx.array(floats(*shape, seed=seed))
    if dtype is not None:
        a = a.astype(dtype)
    mx.eval(a)
    return a


def gelu_of(x):
    return x * (1 + mx.erf(x / math.sqrt(2))) / 2


def unary(f, dtype=None):
    x = array(M16, dtype=dtype)
    return lambda: mx.eval(f(x))


def add8():
    a, b = array(8), array(8, seed=1)
    return lambda: mx.eval(a + b)


def chain1000():
    a, b = array(8), array(8, seed=1)

    def run():
        x = a
        for _ in range(1000):
            x = x + b
        mx.eval(x)

    return run


def add():
    a, b = array(M16), array(M16, seed=1)
    return lambda: mx.eval(a + b)


def add_t():
    a, b = array(SIDE, SIDE), array(SIDE, SIDE, seed=1)
    return lambda: mx.eval(a + b.T)


def exp():
    return unary(mx.exp)


def erf():
    return unary(mx.erf)


def gelu():
    return unary(gelu_of)


def gelu_compiled():
    return unary(mx.compile(gelu_of))


def gelu_bf16():
    return unary(mx.compile(gelu_of), mx.bfloat16)


def sum():
    return unary(mx.sum)


def sum_axis0():
    a = array(SIDE, SIDE)
    return lambda: mx.eval(mx.sum(a, axis=0))


def softmax():
    a = array(SIDE, SIDE)
    return lambda: mx.eval(mx.softmax(a, axis=-1))


def product(*shapes, dtype=None):
    a, b = (array(*s, seed=i, dtype=dtype) for i, s in enumerate(shapes))
    return lambda: mx.eval(a @ b)


def matmul():
    return product((2048, 2048), (2048, 2048))


def matmul_bf16():
    return product((2048, 2048), (2048, 2048), dtype=mx.bfloat16)


def gemv():
    return product((SIDE, SIDE), (SIDE,))


def gemv_bf16():
    return product((SIDE, SIDE), (SIDE,), dtype=mx.bfloat16)


def take():
    a, rows = array(SIDE, SIDE), mx.array(indices(8192, SIDE))
    return lambda: mx.eval(mx.take(a, rows, axis=0))


def transpose():
    a = array(SIDE, SIDE)
    return lambda: mx.eval(mx.contiguous(a.T))


def normal():
    return lambda: mx.eval(mx.random.normal((M16,)))


def network(sizes):
    layers = []
    for i, (n, m) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.Linear(n, m)] + ([nn.ReLU()] if i + 2 < len(sizes) else [])
    return nn.Sequential(*layers)


def stepper(sizes, rate):
    """The compiled training step that the digits example uses."""
    model = network(sizes)
    optimizer = optim.Adam(learning_rate=rate)
    mx.eval(model.parameters())
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]
    both = nn.value_and_grad(model, lambda x, y: nn.losses.cross_entropy(model(x), y, reduction="mean"))

    def step(x, y):
        loss, grads = both(x, y)
        optimizer.update(model, grads)
        return loss

    return mx.compile(step, inputs=state, outputs=state), state


def mlp():
    step, state = stepper([784, 512, 512, 10], 1e-3)
    x, y = array(256, 784), mx.array(indices(256, 10))

    def run():
        mx.eval(step(x, y), state)

    return run


def digits_training():
    x, y = digits()
    x, y = mx.array(x), mx.array(y)
    sizes, batch, epochs, rate = digits_layers()
    orders = [np.random.default_rng(e).permutation(len(y)).astype(np.int32) for e in range(epochs)]

    step, state = stepper(sizes, rate)

    def run():
        for order in orders:
            order = mx.array(order)
            for i in range(0, len(y) - batch + 1, batch):
                pick = order[i : i + batch]
                mx.eval(step(x[pick], y[pick]), state)

    return run
