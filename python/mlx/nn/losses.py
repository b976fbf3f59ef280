"""Loss functions. ``reduction`` is "none", "mean" or "sum"."""

import math

import mlx.core as mx

__all__ = ["cross_entropy", "binary_cross_entropy", "l1_loss", "mse_loss", "nll_loss", "kl_div_loss", "smooth_l1_loss", "huber_loss",
           "hinge_loss", "log_cosh_loss", "gaussian_nll_loss", "triplet_loss", "cosine_similarity_loss", "margin_ranking_loss"]


def _reduce(loss, reduction):
    if reduction == "mean":
        return mx.mean(loss)
    if reduction == "sum":
        return mx.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError("Invalid reduction. Must be 'none', 'mean', or 'sum'.")


def _same_shape(a, b, what):
    if a.shape != b.shape:
        raise ValueError(f"{what} shape {a.shape} does not match targets shape {b.shape}")


def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    """-log softmax(logits)[target] along the axis; targets are class indices or probabilities of logits' shape."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"Label smoothing must in [0, 1), got {label_smoothing}.")
    as_probabilities = targets.ndim == logits.ndim
    dropped = list(logits.shape)
    dropped.pop(axis)
    if tuple(targets.shape) != (tuple(logits.shape) if as_probabilities else tuple(dropped)):
        raise ValueError(f"Targets shape {targets.shape} does not match logits shape {logits.shape}.")
    if as_probabilities:
        score = mx.sum(logits * targets, axis=axis)
    else:
        score = mx.take_along_axis(logits, mx.expand_dims(targets, axis), axis).squeeze(axis)
    norm = mx.logsumexp(logits, axis=axis)
    if label_smoothing > 0:
        loss = norm - (1 - label_smoothing) * score - label_smoothing * mx.mean(logits, axis=axis)
    else:
        loss = norm - score
    if weights is not None:
        if weights.shape != loss.shape:
            raise ValueError(f"Weights with shape {weights.shape} is not the same as output loss with shape {loss.shape}.")
        loss = loss * weights
    return _reduce(loss, reduction)


def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    """-(t log p + (1 - t) log(1 - p)); inputs are logits, or probabilities with with_logits=False (logs clipped at -100)."""
    _same_shape(inputs, targets, "Inputs")
    if with_logits:
        loss = mx.logaddexp(0.0, inputs) - inputs * targets
    else:
        log_p = mx.clip(mx.log(inputs), -100, None)
        log_q = mx.clip(mx.log(1 - inputs), -100, None)
        loss = -(targets * log_p + (1 - targets) * log_q)
    if weights is not None:
        if weights.shape != loss.shape:
            raise ValueError(f"Weights with shape {weights.shape} is not the same as output loss with shape {loss.shape}.")
        loss = loss * weights
    return _reduce(loss, reduction)


def l1_loss(predictions, targets, reduction="mean"):
    """|predictions - targets|."""
    _same_shape(predictions, targets, "Predictions")
    return _reduce(mx.abs(predictions - targets), reduction)


def mse_loss(predictions, targets, reduction="mean"):
    """(predictions - targets)²."""
    _same_shape(predictions, targets, "Predictions")
    return _reduce(mx.square(predictions - targets), reduction)


def nll_loss(inputs, targets, axis=-1, reduction="none"):
    """-inputs[target] along the axis; inputs are log-probabilities."""
    return _reduce(-mx.take_along_axis(inputs, mx.expand_dims(targets, axis), axis).squeeze(axis), reduction)


def kl_div_loss(inputs, targets, axis=-1, reduction="none"):
    """sum(exp(targets) · (targets - inputs)) along the axis; both are log-probabilities."""
    return _reduce(mx.sum(mx.exp(targets) * (targets - inputs), axis), reduction)


def smooth_l1_loss(predictions, targets, beta=1.0, reduction="mean"):
    """d² / (2 beta) where |d| < beta, else |d| - beta / 2."""
    _same_shape(predictions, targets, "Predictions")
    d = mx.abs(predictions - targets)
    return _reduce(mx.where(d < beta, 0.5 * mx.square(d) / beta, d - 0.5 * beta), reduction)


def huber_loss(inputs, targets, delta=1.0, reduction="none"):
    """d² / 2 where |d| <= delta, else delta (|d| - delta / 2)."""
    d = mx.abs(inputs - targets)
    return _reduce(mx.where(d <= delta, 0.5 * mx.square(d), delta * (d - 0.5 * delta)), reduction)


def hinge_loss(inputs, targets, reduction="none"):
    """max(0, 1 - inputs · targets), targets -1 or 1."""
    return _reduce(mx.maximum(1 - inputs * targets, 0), reduction)


def log_cosh_loss(inputs, targets, reduction="none"):
    """log(cosh(inputs - targets)) = logaddexp(d, -d) - log 2."""
    d = inputs - targets
    return _reduce(mx.logaddexp(d, -d) - math.log(2), reduction)


def gaussian_nll_loss(inputs, targets, vars, full=False, eps=1e-6, reduction="mean"):
    """(log v + (inputs - targets)² / v) / 2 with v = max(vars, eps); full adds log(2π) / 2."""
    _same_shape(inputs, targets, "Inputs")
    _same_shape(inputs, vars, "Inputs")
    v = mx.maximum(vars, eps)
    loss = 0.5 * (mx.log(v) + mx.square(targets - inputs) / v)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce(loss, reduction)


def triplet_loss(anchors, positives, negatives, axis=-1, p=2, margin=1.0, eps=1e-6, reduction="none"):
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0), d = √(sum |x - y|^p + eps)."""

    def distance(other):
        return mx.sqrt(mx.power(anchors - other, p).sum(axis) + eps)

    return _reduce(mx.maximum(distance(positives) - distance(negatives) + margin, 0), reduction)


def cosine_similarity_loss(x1, x2, axis=1, eps=1e-8, reduction="none"):
    """x1 · x2 / max(|x1| |x2|, eps) along the axis."""
    n1, n2 = mx.sqrt(mx.sum(mx.square(x1), axis=axis)), mx.sqrt(mx.sum(mx.square(x2), axis=axis))
    return _reduce(mx.sum(x1 * x2, axis=axis) / mx.maximum(n1 * n2, eps), reduction)


def margin_ranking_loss(inputs1, inputs2, targets, margin=0.0, reduction="none"):
    """max(0, -targets · (inputs1 - inputs2) + margin), targets -1 or 1."""
    if not inputs1.shape == inputs2.shape == targets.shape:
        raise ValueError(f"The shapes of the arguments do not match: {inputs1.shape}, {inputs2.shape}, {targets.shape}.")
    return _reduce(mx.maximum(0, -targets * (inputs1 - inputs2) + margin), reduction)
