"""A tour: what the framework is, by example. Prints what it shows; every claim is also asserted."""

import math

import mlx.core as mx
import mlx.nn as nn


def arrays():
    print("-- arrays")
    a = mx.array([1, 2, 3, 4])
    b = mx.array([1.0, 2.0, 3.0, 4.0])
    print(a.shape, a.dtype, b.dtype)
    c = a + b
    print(c)
    assert c.tolist() == [2.0, 4.0, 6.0, 8.0] and c.dtype == mx.float32


def lazy_evaluation():
    print("-- lazy evaluation: operations build a graph, work happens on demand")
    a = mx.ones((512, 512))
    b = mx.exp(a @ a / 512.0)  # nothing is computed yet
    mx.eval(b)  # now it is
    print(b[0, 0].item())
    assert abs(b[0, 0].item() - math.e) < 1e-5


def derivatives():
    print("-- function transforms: gradients of gradients")
    x = mx.array(0.5)
    print(mx.grad(mx.sin)(x), mx.grad(mx.grad(mx.sin))(x))
    assert abs(mx.grad(mx.sin)(x).item() - math.cos(0.5)) < 1e-6
    assert abs(mx.grad(mx.grad(mx.sin))(x).item() + math.sin(0.5)) < 1e-6


@mx.compile
def gelu(x):
    return x * (1 + mx.erf(x / math.sqrt(2))) / 2


def compiled():
    print("-- compile: traced once, fused into one program")
    x = mx.linspace(-2, 2, 5)
    print(gelu(x))
    want = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x.tolist()]
    assert all(abs(got - w) < 1e-6 for got, w in zip(gelu(x).tolist(), want))


class MLP(nn.Module):
    def __init__(self, in_dims, out_dims):
        super().__init__()
        self.layers = [nn.Linear(in_dims, 128), nn.Linear(128, 128), nn.Linear(128, out_dims)]

    def __call__(self, x):
        for i, layer in enumerate(self.layers):
            x = mx.maximum(x, 0) if i > 0 else x
            x = layer(x)
        return x


def networks():
    print("-- networks: a PyTorch-like nn")
    model = MLP(2, 10)
    print(model)
    y = model(mx.random.normal((4, 2)))
    print(y.shape)
    assert y.shape == (4, 10)


def unified_memory():
    print("-- unified memory: the device belongs to the operation")
    a, b = mx.random.uniform(shape=(4096, 64)), mx.random.uniform(shape=(64, 4))
    c = mx.multiply(a, 2, stream=mx.cpu)
    print(c.shape, "on", mx.cpu)
    if mx.is_available(mx.gpu):
        print(mx.matmul(a, b, stream=mx.gpu).shape, "on", mx.gpu)
        return
    try:
        mx.matmul(a, b, stream=mx.gpu)
    except ValueError as error:
        print("no GPU here, and it says so:", error)
    else:
        raise AssertionError("an operation on an absent GPU must be refused")


def streams():
    print("-- streams: independent work side by side")
    s1, s2 = mx.new_stream(mx.cpu), mx.new_stream(mx.cpu)
    x = mx.random.normal((256, 256))
    a, b = mx.matmul(x, x, stream=s1), mx.exp(x, stream=s2)
    total = mx.sum(a) + mx.sum(b)  # waits for both, by itself
    print(total.shape)
    assert math.isfinite(total.item())


if __name__ == "__main__":
    mx.random.seed(7)
    for show in (arrays, lazy_evaluation, derivatives, compiled, networks, unified_memory, streams):
        show()
    print("tour done")
