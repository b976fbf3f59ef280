"""Learning rate schedules: functions of the step, an array or a number."""

import math

import mlx.core as mx


def exponential_decay(init, decay_rate):
    """init · decay_rate^step."""
    return lambda step: init * decay_rate**step


def step_decay(init, decay_rate, step_size):
    """init · decay_rate^(step // step_size)."""
    return lambda step: init * (decay_rate ** (step // step_size))


def cosine_decay(init, decay_steps, end=0.0):
    """From init to end along half a cosine over decay_steps, then end."""

    def schedule(step):
        s = mx.minimum(step, decay_steps)
        return end + 0.5 * (init - end) * (1.0 + mx.cos((math.pi / decay_steps) * s))

    return schedule


def linear_schedule(init, end, steps):
    """From init to end in a straight line over steps, then end."""
    if steps < 1:
        raise ValueError(f"steps must be greater than 0, but got {steps}.")
    return lambda step: mx.minimum(step, steps) * ((end - init) / steps) + init


def join_schedules(schedules, boundaries):
    """One schedule after the other: the i-th begins at boundaries[i - 1], counting its own steps from 0."""
    if not schedules:
        raise ValueError("Must provide at least 1 schedule to join.")
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(f"Received {len(boundaries)} boundaries but expected {len(schedules) - 1}.")

    def schedule(step):
        value = schedules[0](step)
        for begin, following in zip(boundaries, schedules[1:]):
            value = mx.where(step < begin, value, following(step - begin))
        return value

    return schedule
