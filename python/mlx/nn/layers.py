"""Layers: linear maps, embeddings, normalisation, dropout, containers."""

import math

import mlx.core as mx
from mlx.nn.module import Module

__all__ = ["Identity", "Linear", "Bilinear", "Embedding", "Sequential", "Dropout", "LayerNorm", "RMSNorm"]


class Identity(Module):
    """The input again; any arguments are accepted."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def __call__(self, x):
        return x


class Linear(Module):
    """y = x Wᵀ + b, with W of shape (output_dims, input_dims), both drawn from U(-1/√input_dims, 1/√input_dims)."""

    def __init__(self, input_dims, output_dims, bias=True):
        super().__init__()
        scale = math.sqrt(1.0 / input_dims)
        self.weight = mx.random.uniform(low=-scale, high=scale, shape=(output_dims, input_dims))
        if bias:
            self.bias = mx.random.uniform(low=-scale, high=scale, shape=(output_dims,))

    def _extra_repr(self):
        return f"input_dims={self.weight.shape[1]}, output_dims={self.weight.shape[0]}, bias={'bias' in self}"

    def __call__(self, x):
        if "bias" in self:
            return mx.addmm(self["bias"], x, self["weight"].T)
        return x @ self["weight"].T


class Bilinear(Module):
    """y_k = x1ᵀ W_k x2 + b_k, with W of shape (output_dims, input2_dims, input1_dims)."""

    def __init__(self, input1_dims, input2_dims, output_dims, bias=True):
        super().__init__()
        scale = math.sqrt(1.0 / input1_dims)
        self.weight = mx.random.uniform(low=-scale, high=scale, shape=(output_dims, input2_dims, input1_dims))
        if bias:
            self.bias = mx.random.uniform(low=-scale, high=scale, shape=(output_dims,))

    def _extra_repr(self):
        out, in2, in1 = self.weight.shape
        return f"input1_dims={in1}, input2_dims={in2}, output_dims={out}, bias={'bias' in self}"

    def __call__(self, x1, x2):
        out, in2, in1 = self.weight.shape
        lead = x1.shape[:-1]
        y = x1.reshape(-1, in1) @ self.weight.reshape(out * in2, in1).T
        y = (y.reshape(-1, out, in2) * x2.reshape(-1, 1, in2)).sum(axis=-1).reshape(*lead, out)
        return y + self.bias if "bias" in self else y


class Embedding(Module):
    """Rows of a table of shape (num_embeddings, dims), drawn from N(0, 1/dims)."""

    def __init__(self, num_embeddings, dims):
        super().__init__()
        self.weight = mx.random.normal(shape=(num_embeddings, dims), scale=math.sqrt(1 / dims))

    def _extra_repr(self):
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"

    def __call__(self, x):
        return mx.take(self.weight, x, axis=0)

    def as_linear(self, x):
        """x Wᵀ: the table as the weight of an output layer."""
        return x @ self.weight.T


class Sequential(Module):
    """Layers one after the other."""

    def __init__(self, *modules):
        super().__init__()
        self.layers = list(modules)

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Dropout(Module):
    """In training zeroes elements with probability p and scales the others by 1 / (1 - p)."""

    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"The dropout probability {p} is not in [0, 1)")
        self._keep = 1 - p

    def _extra_repr(self):
        return f"p={1 - self._keep:g}"

    def __call__(self, x):
        if self._keep == 1 or not self.training:
            return x
        return (1 / self._keep) * mx.random.bernoulli(self._keep, x.shape) * x


class LayerNorm(Module):
    """(x - mean) / √(var + eps) over the last dimension, times weight, plus bias (Ba et al., 2016)."""

    def __init__(self, dims, eps=1e-5, affine=True, bias=True):
        super().__init__()
        if affine:
            self.weight = mx.ones((dims,))
            if bias:
                self.bias = mx.zeros((dims,))
        self.eps = eps
        self.dims = dims

    def _extra_repr(self):
        return f"{self.dims}, eps={self.eps}, affine={'weight' in self}"

    def __call__(self, x):
        wide = x.astype(mx.float32)
        mean = mx.mean(wide, axis=-1, keepdims=True)
        centred = wide - mean
        var = mx.mean(mx.square(centred), axis=-1, keepdims=True)
        y = (centred * mx.rsqrt(var + self.eps)).astype(x.dtype)
        if "weight" in self:
            y = y * self.weight
        return y + self.bias if "bias" in self else y


class RMSNorm(Module):
    """x / √(mean(x²) + eps) over the last dimension, times weight (Zhang and Sennrich, 2019)."""

    def __init__(self, dims, eps=1e-5):
        super().__init__()
        self.weight = mx.ones((dims,))
        self.eps = eps

    def _extra_repr(self):
        return f"{self.weight.shape[0]}, eps={self.eps}"

    def __call__(self, x):
        wide = x.astype(mx.float32)
        scale = mx.rsqrt(mx.mean(mx.square(wide), axis=-1, keepdims=True) + self.eps)
        return (wide * scale).astype(x.dtype) * self.weight
