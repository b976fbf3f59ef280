"""Neural networks: modules, layers, activations, losses, initialisers."""

from mlx.nn import init, losses
from mlx.nn.activations import *  # noqa: F403
from mlx.nn.layers import *  # noqa: F403
from mlx.nn.module import Module
from mlx.nn.utils import value_and_grad

__all__ = ["Module", "init", "losses", "value_and_grad"]
