"""The rows in PyTorch, eager unless the row says compiled; CPU, two threads."""
import math

import torch

from data import M16, SIDE, digits, digits_setting, floats, indices

torch.set_num_threads(2)


def tensor(*shape, seed=0, dtype=torch.float32):
    return torch.from_numpy(floats(*shape, seed=seed)).to(dtype)


def gelu_of(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def unary(f, dtype=torch.float32):
    x = tensor(M16, dtype=dtype)
    return lambda: f(x)


def add8():
    a, b = tensor(8), tensor(8, seed=1)
    return lambda: a + b


def chain1000():
    a, b = tensor(8), tensor(8, seed=1)

    def run():
        x = a
        for _ in range(1000):
            x = x + b

    return run


def add():
    a, b = tensor(M16), tensor(M16, seed=1)
    return lambda: a + b


def add_t():
    a, b = tensor(SIDE, SIDE), tensor(SIDE, SIDE, seed=1)
    return lambda: a + b.T


def exp():
    return unary(torch.exp)


def erf():
    return unary(torch.erf)


def gelu():
    return unary(gelu_of)


def gelu_compiled():
    """torch.compile where it works (it needs a C++ compiler), else the library's own fused gelu."""
    return unary(compiled_gelu())


def gelu_bf16():
    return unary(compiled_gelu(), torch.bfloat16)


def compiled_gelu():
    try:
        f = torch.compile(gelu_of)
        f(torch.ones(8))
        return f
    except Exception:  # no compiler on this machine
        return torch.nn.functional.gelu


def sum():
    return unary(torch.sum)


def sum_axis0():
    a = tensor(SIDE, SIDE)
    return lambda: a.sum(dim=0)


def softmax():
    a = tensor(SIDE, SIDE)
    return lambda: torch.softmax(a, dim=-1)


def product(*shapes, dtype=torch.float32):
    a, b = (tensor(*s, seed=i, dtype=dtype) for i, s in enumerate(shapes))
    return lambda: a @ b


def matmul():
    return product((2048, 2048), (2048, 2048))


def matmul_bf16():
    return product((2048, 2048), (2048, 2048), dtype=torch.bfloat16)


def gemv():
    return product((SIDE, SIDE), (SIDE,))


def gemv_bf16():
    return product((SIDE, SIDE), (SIDE,), dtype=torch.bfloat16)


def take():
    a, rows = tensor(SIDE, SIDE), torch.from_numpy(indices(8192, SIDE))
    return lambda: torch.index_select(a, 0, rows)


def transpose():
    a = tensor(SIDE, SIDE)
    return lambda: a.T.contiguous()


def normal():
    return lambda: torch.randn(M16)


def stepper(sizes, rate, dropout=0.0):
    layers = []
    for n, m in zip(sizes[:-1], sizes[1:-1]):
        layers += [torch.nn.Linear(n, m), torch.nn.ReLU(), torch.nn.Dropout(dropout)]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(*sizes[-2:]))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        logits = model(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        return loss.detach(), (logits.argmax(dim=1) == y).float().mean()

    return model, step


def mlp():
    _, step = stepper([784, 512, 512, 10], 1e-3)
    x, y = tensor(256, 784), torch.from_numpy(indices(256, 10)).long()
    return lambda: step(x, y)


def digits_training():
    x, y, test_x, test_y = (torch.from_numpy(a) for a in digits())
    y, test_y = y.long(), test_y.long()
    sizes, batch, epochs, rate, dropout = digits_setting()
    model, step = stepper(sizes, rate, dropout)

    def run():
        for _ in range(epochs):
            order = torch.randperm(len(y))
            seen = []
            for b in range(len(y) // batch):
                rows = order[b * batch : (b + 1) * batch]
                seen.append(step(x[rows], y[rows]))
            torch.stack([loss for loss, _ in seen]).mean().item()
            model.eval()
            with torch.no_grad():
                (model(test_x).argmax(dim=1) == test_y).float().mean().item()
            model.train()

    return run
