"""nn, optimizers, utils, and the examples."""

import copy
import math
import pickle
import re
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map, tree_merge, tree_reduce, tree_unflatten

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 8), nn.Linear(8, 2)]
        self.norm = nn.LayerNorm(8)
        self.rate = 0.5

    def __call__(self, x):
        return self.layers[1](nn.relu(self.norm(self.layers[0](x))))


def test_a_module_is_a_tree_of_its_parameters():
    model = MLP()
    names = [k for k, _ in tree_flatten(model.parameters())]
    assert names == ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "norm.weight", "norm.bias"]
    assert model.rate == 0.5 and model(mx.ones((3, 4))).shape == (3, 2)
    assert [n for n, _ in model.named_modules()][0] == "" and len(model.modules()) == 4
    with pytest.raises(AttributeError):
        model.absent


def test_freezing():
    model = MLP()
    model.freeze(keys="bias")
    assert all("bias" not in k for k, _ in tree_flatten(model.trainable_parameters()))
    model.freeze()
    assert tree_flatten(model.trainable_parameters()) == [] or all(v == {} for _, v in tree_flatten(model.trainable_parameters()))
    model.unfreeze()
    assert len(tree_flatten(model.trainable_parameters())) == 6
    with pytest.raises(KeyError):
        model.freeze(keys="absent", strict=True)


def test_update_is_strict_about_names():
    model = MLP()
    model.update({"norm": {"bias": mx.ones(8)}})
    assert model.norm.bias.tolist() == [1.0] * 8
    with pytest.raises(ValueError):
        model.update({"absent": mx.ones(1)})


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors"])
def test_weights_survive_a_file(tmp_path, name):
    a, b = MLP(), MLP()
    a.save_weights(str(tmp_path / name))
    b.load_weights(str(tmp_path / name))
    for (_, x), (_, y) in zip(tree_flatten(a.parameters()), tree_flatten(b.parameters())):
        assert mx.array_equal(x, y).item()
    with pytest.raises(ValueError):
        nn.Linear(2, 2).load_weights(str(tmp_path / name))


def test_modules_copy_and_pickle():
    model = MLP().eval()
    x = mx.ones((1, 4))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert mx.array_equal(model(x), other(x)).item() and not other.training
        other.norm.bias = mx.ones(8)
    assert model.norm.bias.tolist() == [0.0] * 8


def test_layers_against_their_formulas():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 8)).astype(np.float32)
    linear, norm, rms = nn.Linear(8, 3), nn.LayerNorm(8), nn.RMSNorm(8)
    np.testing.assert_allclose(np.array(linear(mx.array(x))), x @ np.array(linear.weight).T + np.array(linear.bias), atol=1e-5)
    want = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(np.array(norm(mx.array(x))), want, atol=1e-5)
    np.testing.assert_allclose(np.array(rms(mx.array(x))), x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5), atol=1e-5)
    drop = nn.Dropout(0.5)
    y = np.array(drop(mx.ones((1000,))))
    assert set(y.tolist()) == {0.0, 2.0} and 400 < (y == 0).sum() < 600
    assert drop.eval()(mx.ones(3)).tolist() == [1, 1, 1]


def test_activations_against_their_formulas():
    x = np.linspace(-3, 3, 13).astype(np.float32)
    phi = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])
    for fn, want in [
        (nn.relu, np.maximum(x, 0)), (nn.gelu, x * phi), (nn.silu, x / (1 + np.exp(-x))), (nn.softplus, np.log1p(np.exp(x))),
        (nn.leaky_relu, np.where(x > 0, x, 0.01 * x)), (nn.elu, np.where(x > 0, x, np.exp(x) - 1)), (nn.mish, x * np.tanh(np.log1p(np.exp(x)))),
        (nn.log_softmax, x - np.log(np.exp(x).sum())), (nn.hardswish, x * np.clip(x + 3, 0, 6) / 6), (nn.GELU(), x * phi),
    ]:
        np.testing.assert_allclose(np.array(fn(mx.array(x))), want, atol=1e-5)


def test_losses_against_their_formulas():
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(size=(6, 4)).astype(np.float32), rng.integers(0, 4, 6)
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nll = -logp[np.arange(6), targets]
    ce = nn.losses.cross_entropy
    np.testing.assert_allclose(np.array(ce(mx.array(logits), mx.array(targets))), nll, atol=1e-5)
    assert abs(ce(mx.array(logits), mx.array(targets), reduction="mean").item() - nll.mean()) < 1e-5
    smooth = 0.9 * nll + 0.1 * -logp.mean(-1)
    np.testing.assert_allclose(np.array(ce(mx.array(logits), mx.array(targets), label_smoothing=0.1)), smooth, atol=1e-5)
    one_hot = np.eye(4, dtype=np.float32)[targets]
    np.testing.assert_allclose(np.array(ce(mx.array(logits), mx.array(one_hot))), nll, atol=1e-5)
    a, b = mx.array([1.0, 2.0]), mx.array([0.0, 4.0])
    assert nn.losses.mse_loss(a, b).item() == 2.5 and nn.losses.l1_loss(a, b).item() == 1.5
    with pytest.raises(ValueError):
        nn.losses.mse_loss(a, mx.ones(3))


def test_optimizers_take_the_step_of_their_formula():
    w, g = np.array([1.0, -2.0]), np.array([0.5, 0.25])

    def step(opt, times=1):
        params = {"w": mx.array(w.astype(np.float32))}
        for _ in range(times):
            params = opt.apply_gradients({"w": mx.array(g.astype(np.float32))}, params)
        return np.array(params["w"])

    np.testing.assert_allclose(step(optim.SGD(0.1)), w - 0.1 * g, rtol=1e-6)
    np.testing.assert_allclose(step(optim.SGD(0.1, momentum=0.9), 2), w - 0.1 * g - 0.1 * 1.9 * g, rtol=1e-6)
    adam = w - 0.1 * (0.1 * g) / (np.sqrt(0.001 * g**2) + 1e-8)
    np.testing.assert_allclose(step(optim.Adam(0.1)), adam, rtol=1e-5)
    np.testing.assert_allclose(step(optim.Adam(0.1, bias_correction=True)), w - 0.1 * g / (np.abs(g) + 1e-8), rtol=1e-5)
    np.testing.assert_allclose(step(optim.AdamW(0.1, weight_decay=0.1)), adam - 0.01 * w, rtol=1e-5)
    schedule = optim.SGD(optim.exponential_decay(0.1, 0.5))
    np.testing.assert_allclose(step(schedule, 2), w - 0.1 * g - 0.05 * g, rtol=1e-6)
    clipped, norm = optim.clip_grad_norm({"a": mx.array([3.0, 4.0])}, 1.0)
    assert abs(norm.item() - 5) < 1e-5 and abs(clipped["a"][0].item() - 0.6) < 1e-5


def test_value_and_grad_of_a_model_leaves_no_tracer_behind():
    model = MLP()

    def loss(x):
        return mx.mean(mx.square(model(x)))

    value, grads = nn.value_and_grad(model, loss)(mx.ones((2, 4)))
    assert value.item() >= 0 and [k for k, _ in tree_flatten(grads)] == [k for k, _ in tree_flatten(model.trainable_parameters())]
    with pytest.raises(KeyError):
        nn.value_and_grad(model, lambda x: {}["no"])(mx.ones((2, 4)))
    assert np.isfinite(np.array(model(mx.ones((1, 4))))).all()


def test_trees():
    tree = {"a": [1, {"b": 2}], "c": (3, 4)}
    assert tree_flatten(tree) == [("a.0", 1), ("a.1.b", 2), ("c.0", 3), ("c.1", 4)]
    assert tree_unflatten(tree_flatten(tree)) == {"a": [1, {"b": 2}], "c": [3, 4]}
    assert tree_map(lambda x: x * 2, tree) == {"a": [2, {"b": 4}], "c": (6, 8)}
    assert tree_reduce(lambda a, b: a + b, tree) == 10
    assert tree_merge({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}


def test_the_tour_runs():
    run = subprocess.run([sys.executable, str(EXAMPLES / "tour.py")], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.rstrip().endswith("tour done")


def test_the_digits_are_learned_and_a_seed_gives_the_same_numbers(tmp_path):
    pytest.importorskip("sklearn")
    outputs = []
    for name in ("a", "b"):
        out = tmp_path / name
        run = subprocess.run([sys.executable, str(EXAMPLES / "digits" / "main.py"), "--epochs", "12", "--out", str(out)],
                             capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        outputs.append(float(re.search(r"test accuracy: (\d\.\d+)", run.stdout).group(1)))
        assert (out / "curves.png").stat().st_size > 1000 and (out / "predictions.png").stat().st_size > 1000
    assert outputs[0] == outputs[1] and outputs[0] > 0.95
