"""Activation functions, each as a function and as a layer."""

import math

import mlx.core as mx
from mlx.nn.module import Module

__all__ = [
    "sigmoid", "relu", "relu6", "relu2", "leaky_relu", "elu", "selu", "celu", "softplus", "softsign", "softshrink", "hard_shrink",
    "hard_tanh", "hardswish", "silu", "mish", "log_sigmoid", "log_softmax", "softmax", "gelu", "gelu_approx", "gelu_fast_approx",
    "prelu", "step", "glu", "softmin", "tanh",
    "Sigmoid", "ReLU", "ReLU6", "ReLU2", "LeakyReLU", "ELU", "SELU", "CELU", "Softplus", "Softsign", "Softshrink", "HardShrink",
    "HardTanh", "Hardswish", "SiLU", "Mish", "LogSigmoid", "LogSoftmax", "Softmax", "GELU", "PReLU", "Step", "GLU", "Softmin", "Tanh",
]


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return mx.sigmoid(x)


def tanh(x):
    """The hyperbolic tangent."""
    return mx.tanh(x)


def relu(x):
    """max(x, 0)."""
    return mx.maximum(x, 0)


def relu2(x):
    """max(x, 0)²."""
    return mx.square(mx.maximum(x, 0))


def relu6(x):
    """min(max(x, 0), 6)."""
    return mx.minimum(mx.maximum(x, 0), 6.0)


def leaky_relu(x, negative_slope=0.01):
    """max(negative_slope · x, x)."""
    return mx.maximum(negative_slope * x, x)


def log_softmax(x, axis=-1):
    """x - logsumexp(x)."""
    return x - mx.logsumexp(x, axis=axis, keepdims=True)


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x))."""
    return mx.softmax(x, axis=axis)


def softmin(x, axis=-1):
    """softmax(-x)."""
    return mx.softmax(-x, axis=axis)


def elu(x, alpha=1.0):
    """x where positive, else alpha · (exp(x) - 1)."""
    return mx.where(x > 0, x, alpha * (mx.exp(x) - 1))


def selu(x):
    """The self-normalising ELU (Klambauer et al., 2017)."""
    return elu(x, 1.67326) * 1.0507


def celu(x, alpha=1.0):
    """max(x, 0) + alpha · (exp(min(x, 0) / alpha) - 1)."""
    return mx.maximum(x, 0.0) + alpha * (mx.exp(mx.minimum(x, 0.0) / alpha) - 1)


def silu(x):
    """x · sigmoid(x)."""
    return x * mx.sigmoid(x)


def softplus(x):
    """log(1 + exp(x))."""
    return mx.logaddexp(x, 0)


def softsign(x):
    """x / (1 + |x|)."""
    return mx.divide(x, 1 + mx.abs(x))


def softshrink(x, lambd=0.5):
    """x moved towards 0 by lambd, 0 within it."""
    return mx.where(mx.abs(x) > lambd, x - mx.sign(x) * lambd, 0)


def hard_shrink(x, lambd=0.5):
    """x where |x| > lambd, else 0."""
    return mx.where(mx.abs(x) > lambd, x, 0)


def hard_tanh(x, min_val=-1.0, max_val=1.0):
    """x clamped."""
    return mx.minimum(mx.maximum(x, min_val), max_val)


def hardswish(x):
    """x · min(max(x + 3, 0), 6) / 6."""
    return x * mx.minimum(mx.maximum(x + 3, 0), 6) / 6


def mish(x):
    """x · tanh(softplus(x)) (Misra, 2019)."""
    return x * mx.tanh(softplus(x))


def log_sigmoid(x):
    """log(sigmoid(x))."""
    return -softplus(-x)


def gelu(x):
    """x · Φ(x), Φ the normal distribution function: x · (1 + erf(x / √2)) / 2."""
    return x * (1 + mx.erf(x / math.sqrt(2))) / 2


def gelu_approx(x):
    """gelu by tanh: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    return 0.5 * x * (1 + mx.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_fast_approx(x):
    """gelu by sigmoid: x · sigmoid(1.702 x)."""
    return x * mx.sigmoid(1.702 * x)


def prelu(x, alpha):
    """max(x, 0) + alpha · min(x, 0), alpha an array."""
    return mx.maximum(0, x) + alpha * mx.minimum(0, x)


def step(x, threshold=0.0):
    """1 where x > threshold, else 0."""
    return mx.where(x > threshold, 1, 0)


def glu(x, axis=-1):
    """a · sigmoid(b), a and b the halves of x along the axis."""
    a, b = mx.split(x, 2, axis=axis)
    return a * mx.sigmoid(b)


def _layer(name, fn, doc):
    def call(self, x):
        return fn(x)

    return type(name, (Module,), {"__call__": call, "__doc__": doc, "__module__": __name__})


Sigmoid = _layer("Sigmoid", sigmoid, sigmoid.__doc__)
Tanh = _layer("Tanh", tanh, tanh.__doc__)
ReLU = _layer("ReLU", relu, relu.__doc__)
ReLU2 = _layer("ReLU2", relu2, relu2.__doc__)
ReLU6 = _layer("ReLU6", relu6, relu6.__doc__)
SELU = _layer("SELU", selu, selu.__doc__)
SiLU = _layer("SiLU", silu, silu.__doc__)
Softplus = _layer("Softplus", softplus, softplus.__doc__)
Softsign = _layer("Softsign", softsign, softsign.__doc__)
Hardswish = _layer("Hardswish", hardswish, hardswish.__doc__)
Mish = _layer("Mish", mish, mish.__doc__)
LogSigmoid = _layer("LogSigmoid", log_sigmoid, log_sigmoid.__doc__)
LogSoftmax = _layer("LogSoftmax", log_softmax, log_softmax.__doc__)
Softmax = _layer("Softmax", softmax, softmax.__doc__)
Softmin = _layer("Softmin", softmin, softmin.__doc__)
HardTanh = _layer("HardTanh", hard_tanh, hard_tanh.__doc__)


class LeakyReLU(Module):
    """leaky_relu, as a layer."""

    def __init__(self, negative_slope=0.01):
        super().__init__()
        self._negative_slope = negative_slope

    def __call__(self, x):
        return leaky_relu(x, self._negative_slope)


class ELU(Module):
    """elu, as a layer."""

    def __init__(self, alpha=1.0):
        super().__init__()
        self._alpha = alpha

    def __call__(self, x):
        return elu(x, self._alpha)


class CELU(Module):
    """celu, as a layer."""

    def __init__(self, alpha=1.0):
        super().__init__()
        self._alpha = alpha

    def __call__(self, x):
        return celu(x, self._alpha)


class Softshrink(Module):
    """softshrink, as a layer."""

    def __init__(self, lambd=0.5):
        super().__init__()
        self._lambd = lambd

    def __call__(self, x):
        return softshrink(x, self._lambd)


class HardShrink(Module):
    """hard_shrink, as a layer."""

    def __init__(self, lambd=0.5):
        super().__init__()
        self._lambd = lambd

    def __call__(self, x):
        return hard_shrink(x, self._lambd)


class Step(Module):
    """step, as a layer."""

    def __init__(self, threshold=0.0):
        super().__init__()
        self._threshold = threshold

    def __call__(self, x):
        return step(x, self._threshold)


class GLU(Module):
    """glu, as a layer."""

    def __init__(self, axis=-1):
        super().__init__()
        self._axis = axis

    def __call__(self, x):
        return glu(x, self._axis)


class GELU(Module):
    """gelu; approx is "none", "precise" (or "tanh") or "fast"."""

    def __init__(self, approx="none"):
        super().__init__()
        kinds = {"none": gelu, "precise": gelu_approx, "tanh": gelu_approx, "fast": gelu_fast_approx}
        if approx not in kinds:
            raise ValueError(f"The approximation should be in {sorted(kinds)} but {approx!r} was given")
        self._act = kinds[approx]

    def __call__(self, x):
        return self._act(x)


class PReLU(Module):
    """prelu with a learned slope for each of num_parameters channels."""

    def __init__(self, num_parameters=1, init=0.25):
        super().__init__()
        self.weight = mx.full([num_parameters], init)

    def __call__(self, x):
        return prelu(x, self.weight)
