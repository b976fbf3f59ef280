"""Handwritten digits: a small network trained on scikit-learn's real data, as an MLX user would write it.

The data are 1797 images of 8 × 8 pixels that ship with scikit-learn. Run with --help for the options.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from tqdm import tqdm


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])]
        self.dropout = nn.Dropout(0.2)

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = self.dropout(nn.relu(layer(x)))
        return self.layers[-1](x)


def load_data(seed=0, held_out=360):
    """Images in [0, 1] and labels: (train_x, train_y, test_x, test_y), split by a fixed shuffle."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    x = mx.array((images[order] / 16.0).astype(np.float32))
    y = mx.array(labels[order].astype(np.int32))
    return x[held_out:], y[held_out:], x[:held_out], y[:held_out]


def loss_fn(model, x, y):
    logits = model(x)
    loss = nn.losses.cross_entropy(logits, y, reduction="mean")
    return loss, mx.mean(mx.argmax(logits, axis=1) == y)


def accuracy(model, x, y):
    model.eval()
    value = mx.mean(mx.argmax(model(x), axis=1) == y).item()
    model.train()
    return value


def train(model, data, epochs, batch_size, learning_rate=1e-3, quiet=False):
    """Trains in place; returns a history of (loss, train accuracy, test accuracy) and the seconds spent after the first step."""
    train_x, train_y, test_x, test_y = data
    optimizer = optim.Adam(learning_rate=learning_rate)
    mx.eval(model.parameters())
    state = [model.state, optimizer.state, mx.random.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def step(x, y):
        (loss, acc), grads = nn.value_and_grad(model, partial(loss_fn, model))(x, y)
        optimizer.update(model, grads)
        return loss, acc

    optimizer.init(model.trainable_parameters())
    batches = train_x.shape[0] // batch_size
    history, began, steps = [], None, 0
    bar = tqdm(range(epochs), unit="epoch", disable=quiet)
    for _ in bar:
        order = mx.random.permutation(train_x.shape[0])
        losses, accs = [], []
        for b in range(batches):
            rows = order[b * batch_size : (b + 1) * batch_size]
            loss, acc = step(train_x[rows], train_y[rows])
            mx.eval(state, loss, acc)
            losses.append(loss)
            accs.append(acc)
            steps += 1
            if began is None:  # what comes after tracing and compiling
                began, steps = time.perf_counter(), 0
        means = mx.mean(mx.stack(losses)).item(), mx.mean(mx.stack(accs)).item()
        history.append((*means, accuracy(model, test_x, test_y)))
        bar.set_postfix(loss=f"{means[0]:.4f}", accuracy=f"{means[1]:.3f}", test=f"{history[-1][2]:.3f}")
    return history, time.perf_counter() - began, steps * batch_size


def plot(history, model, test_x, test_y, out):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    epochs = range(1, len(history) + 1)
    left.plot(epochs, [h[0] for h in history])
    left.set(title="training loss", xlabel="epoch", yscale="log")
    right.plot(epochs, [h[1] for h in history], label="training batches")
    right.plot(epochs, [h[2] for h in history], label="held out")
    right.set(title="accuracy", xlabel="epoch")
    right.legend()
    figure.tight_layout()
    figure.savefig(out / "curves.png", dpi=100)
    plt.close(figure)

    model.eval()
    guesses = np.array(mx.argmax(model(test_x), axis=1))
    labels, images = np.array(test_y), np.array(test_x).reshape(-1, 8, 8)
    wrong = np.flatnonzero(guesses != labels)
    shown = np.concatenate([wrong, np.flatnonzero(guesses == labels)])[:50]
    figure, axes = plt.subplots(5, 10, figsize=(10, 6))
    for axis, i in zip(axes.flat, shown):
        right_guess = guesses[i] == labels[i]
        axis.imshow(images[i], cmap="gray_r")
        axis.set_title(f"{guesses[i]}" if right_guess else f"{guesses[i]}, not {labels[i]}", fontsize=9,
                       color="black" if right_guess else "red")
        axis.axis("off")
    figure.suptitle(f"{len(wrong)} of {len(labels)} held-out digits mistaken (red)")
    figure.tight_layout()
    figure.savefig(out / "predictions.png", dpi=100)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("out/digits"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    mx.random.seed(args.seed)
    data = load_data()
    sizes = [64, args.hidden, args.hidden, 10]
    model = MLP(sizes)
    print(model)
    mx.reset_peak_memory()
    history, seconds, examples = train(model, data, args.epochs, args.batch_size)

    weights = args.out / "weights.safetensors"
    model.save_weights(str(weights))
    fresh = MLP(sizes)
    fresh.load_weights(str(weights))
    test_accuracy = accuracy(fresh, *data[2:])
    plot(history, fresh, *data[2:], args.out)

    print(f"wrote {weights}, {args.out / 'curves.png'}, {args.out / 'predictions.png'}")
    print(f"throughput: {examples / seconds:.0f} images/s (first step apart)")
    print(f"peak memory: {mx.get_peak_memory() / 1e6:.1f} MB")
    print(f"test accuracy: {test_accuracy:.4f}")


if __name__ == "__main__":
    main()
