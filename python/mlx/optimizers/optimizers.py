"""Gradient descent and its kin. The state is a tree beside the parameters' tree, so that mx.compile can capture it."""

import mlx.core as mx
from mlx.utils import tree_map, tree_reduce


class Optimizer:
    """The base: keeps the step, the learning rate and a state for each parameter."""

    def __init__(self, schedulers=None):
        self._initialized = False
        self._state = {"step": mx.array(0, mx.uint64)}
        self._schedulers = dict(schedulers or {})

    def update(self, model, gradients):
        """Changes the model's parameters by their gradients (a tree that may be partial)."""
        model.update(self.apply_gradients(gradients, model))

    def init(self, parameters):
        """Makes the state of each parameter of the tree that has none yet."""

        def update_state(params, state):
            if isinstance(params, (list, tuple)):
                state = list(state or [])
                for i, p in enumerate(params):
                    if i < len(state):
                        state[i] = update_state(p, state[i])
                    else:
                        state.append(tree_map(lambda x: {}, p))
                return state
            if isinstance(params, dict):
                state = state if isinstance(state, dict) else {}
                for k, p in params.items():
                    state[k] = update_state(p, state[k]) if k in state else tree_map(lambda x: {}, p)
                return state
            return state

        def init_leaf(parameter, state):
            if not state:
                self.init_single(parameter, state)

        update_state(parameters, self._state)
        tree_map(init_leaf, parameters, self._state)
        self._initialized = True

    def init_single(self, parameter, state):
        """Fills the dict ``state`` for one parameter."""
        raise NotImplementedError

    def apply_gradients(self, gradients, parameters):
        """The new parameters, as a tree like ``gradients``."""
        if not self._initialized:
            self.init(gradients)
        for name, scheduler in self._schedulers.items():
            self.state[name] = scheduler(self.step)
        self.state["step"] = self.step + 1
        return tree_map(self.apply_single, gradients, parameters, self.state)

    def apply_single(self, gradient, parameter, state):
        """The new value of one parameter; changes its state."""
        raise NotImplementedError

    @property
    def state(self):
        """The tree of everything that changes from step to step."""
        return self._state

    @state.setter
    def state(self, state):
        self._initialized = False
        self._state = state

    @property
    def step(self):
        """How many updates there were, a uint64 array."""
        return self.state["step"]

    @property
    def learning_rate(self):
        return self.state["learning_rate"]

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.state["learning_rate"] = mx.array(learning_rate)

    def _maybe_schedule(self, name, param):
        """A number becomes part of the state, a function is called with the step before each update."""
        if callable(param):
            self._schedulers[name] = param
            parameter = param(self.step)
        else:
            parameter = mx.array(param)
        self.state[name] = parameter


class SGD(Optimizer):
    """v ← momentum · v + (1 - dampening) · g;  w ← w - lr · v (or g + momentum · v with nesterov)."""

    def __init__(self, learning_rate, momentum=0.0, weight_decay=0.0, dampening=0.0, nesterov=False):
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening.")
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.dampening = dampening
        self.nesterov = nesterov

    def init_single(self, parameter, state):
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient, parameter, state):
        lr = self.learning_rate.astype(gradient.dtype)
        if self.weight_decay != 0:
            gradient = gradient + self.weight_decay * parameter
        if self.momentum <= 0:
            return parameter - lr * gradient
        v = self.momentum * state["v"]
        v = v + (1 - self.dampening) * gradient if self.dampening > 0 else v + gradient
        state["v"] = v
        return parameter - lr * (gradient + self.momentum * v if self.nesterov else v)


class Adam(Optimizer):
    """m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  w ← w - lr · m / (√v + eps) (Kingma and Ba, 2015).

    The paper's bias correction is off by default, as in MLX.
    """

    def __init__(self, learning_rate, betas=[0.9, 0.999], eps=1e-8, bias_correction=False):
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.betas = betas
        self.eps = eps
        self.bias_correction = bias_correction

    def init_single(self, parameter, state):
        state["m"] = mx.zeros_like(parameter)
        state["v"] = mx.zeros_like(parameter)

    def apply_single(self, gradient, parameter, state):
        lr = self.learning_rate.astype(gradient.dtype)
        b1, b2 = self.betas
        m = b1 * state["m"] + (1 - b1) * gradient
        v = b2 * state["v"] + (1 - b2) * mx.square(gradient)
        state["m"], state["v"] = m, v
        if not self.bias_correction:
            return parameter - lr * m / (mx.sqrt(v) + self.eps)
        step = self.step.astype(mx.float32)
        c1 = (lr / (1 - b1**step)).astype(gradient.dtype)
        c2 = mx.rsqrt(1 - b2**step).astype(gradient.dtype)
        return parameter - c1 * m / (mx.sqrt(v) * c2 + self.eps)


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w (1 - lr · weight_decay) first (Loshchilov and Hutter, 2019)."""

    def __init__(self, learning_rate, betas=[0.9, 0.999], eps=1e-8, weight_decay=0.01, bias_correction=False):
        super().__init__(learning_rate=learning_rate, betas=betas, eps=eps, bias_correction=bias_correction)
        self.weight_decay = weight_decay

    def apply_single(self, gradient, parameter, state):
        lr = self.learning_rate.astype(gradient.dtype)
        return super().apply_single(gradient, parameter * (1 - lr * self.weight_decay), state)


def clip_grad_norm(grads, max_norm):
    """The gradients scaled so that their norm over all leaves is at most max_norm, and the norm before."""
    norm = mx.sqrt(tree_reduce(lambda acc, g: acc + mx.sum(mx.square(g)), grads, mx.array(0.0)))
    scale = mx.minimum(max_norm / (norm + 1e-6), 1.0)
    return tree_map(lambda g: g * scale, grads), norm
