"""Gradients of functions of models."""

import mlx.core as mx


def value_and_grad(model, fn):
    """A function that returns the value of ``fn`` and its gradient with respect to ``model.trainable_parameters()``.

    ``fn`` takes any arguments and returns a scalar array, or a tuple whose first element is one.
    """

    def inner(params, *args, **kwargs):
        model.update(params)
        return fn(*args, **kwargs)

    value_grad = mx.value_and_grad(inner)

    def wrapped(*args, **kwargs):
        params = model.trainable_parameters()
        try:
            value, grad = value_grad(params, *args, **kwargs)
        finally:
            model.update(params)  # the tracers leave the model, also when fn raised
        return value, grad

    return wrapped
