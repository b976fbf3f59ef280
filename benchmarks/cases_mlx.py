"""The rows in MLX's interface: run by Ravel and by mlx alike. A case builds its data and returns what one repeat does."""
import math

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np

from data import M16, SIDE, digits, digits_setting, floats, indices

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


class Network(nn.Module):
    def __init__(self, sizes, dropout):
        super().__init__()
        self.layers = [nn.Linear(n, m) for n, m in zip(sizes, sizes[1:])]
        self.dropout = nn.Dropout(dropout)

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = self.dropout(nn.relu(layer(x)))
        return self.layers[-1](x)


def stepper(sizes, rate, dropout=0.0):
    """The compiled training step of examples/digits: (model, step, state)."""
    model = Network(sizes, dropout)
    optimizer = optim.Adam(learning_rate=rate)
    mx.eval(model.parameters())
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state, mx.random.state]

    def loss_of(x, y):
        logits = model(x)
        return nn.losses.cross_entropy(logits, y, reduction="mean"), mx.mean(mx.argmax(logits, axis=1) == y)

    both = nn.value_and_grad(model, loss_of)

    def step(x, y):
        (loss, right), grads = both(x, y)
        optimizer.update(model, grads)
        return loss, right

    return model, mx.compile(step, inputs=state, outputs=state), state


def mlp():
    _, step, state = stepper([784, 512, 512, 10], 1e-3)
    x, y = array(256, 784), mx.array(indices(256, 10))

    def run():
        mx.eval(step(x, y), state)

    return run


def digits_training():
    x, y, test_x, test_y = (mx.array(a) for a in digits())
    sizes, batch, epochs, rate, dropout = digits_setting()
    model, step, state = stepper(sizes, rate, dropout)

    def run():
        for _ in range(epochs):
            order = mx.random.permutation(x.shape[0])
            seen = []
            for b in range(x.shape[0] // batch):
                rows = order[b * batch : (b + 1) * batch]
                out = step(x[rows], y[rows])
                mx.eval(state, out)
                seen.append(out)
            mx.mean(mx.stack([loss for loss, _ in seen])).item()
            model.eval()
            mx.mean(mx.argmax(model(test_x), axis=1) == test_y).item()
            model.train()

    return run
