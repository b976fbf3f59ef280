"""Times Ravel beside NumPy, PyTorch, JAX and mlx, and beside probes of the machine; prints a table of ratios, draws it.

./dev bench [filter ...] [--repeats N] [--peers a,b]      filters are parts of a row's name; results land in build/bench

How a row counts: every peer takes its turn in each round, the others stopped meanwhile, on the same two CPUs with two
threads; results are forced and dropped; the first call stands apart; the median of the repeats counts.
"""
import argparse
import json
import platform
import statistics
import sys
import time

import peers
from rows import ROWS

HOPELESS = 5.0  # seconds: a peer that takes longer than this keeps its first call as its one sample
SLOW = 0.5  # seconds: a peer that takes longer than this gets fewer repeats


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("filter", nargs="*", help="parts of row names; all rows without one")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--sweep", action="store_true", help="every operation at three sizes, beside mlx and NumPy on one thread")
    parser.add_argument("--peers", default=",".join(peers.NEEDS), help="of " + ", ".join(peers.NEEDS))
    return parser.parse_args()


def write_digits():
    path = peers.OUT / "digits.npz"
    if not path.is_file():
        import numpy as np
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        np.savez(path, x=(x / 16).astype(np.float32), y=y.astype(np.int32))


def probe_command(row):
    if row.moves:
        return "move {} {}".format(*row.moves)
    if row.flops:
        return f"fma {'bf16' if 'bf16' in row.name else 'f32'} {row.flops}"
    return None


def measure(row, running, probe, repeats):
    """{who: {"seconds": median, "first": …, "samples": […]}} or {who: {"missing": why}} for one row."""
    result, samples = {}, {}
    for name, process in running.items():
        result[name] = process.ask(f"setup {row.name}")
        if "missing" not in result[name]:
            samples[name] = [result[name]["steady"]] if result[name]["steady"] > HOPELESS else []
    command = probe_command(row)
    probed = []
    for turn in range(repeats):
        for name in list(samples):
            if result[name]["steady"] > HOPELESS or turn >= 3 and result[name]["steady"] * turn > SLOW * repeats:
                continue
            said = running[name].ask("run")
            if "missing" in said:
                result[name] = said
                del samples[name]
                continue
            samples[name].append(said["seconds"])
        if command:
            probed.append(probe.ask(command))
    for name, process in running.items():
        process.ask("drop")
        if samples.get(name):
            result[name] = {"seconds": statistics.median(samples[name]), "first": result[name]["first"],
                            "samples": samples[name]}
    if probed and "missing" not in probed[0]:
        kinds = [k for k in ("plain", "stream", "seconds") if k in probed[0]]
        medians = {k: statistics.median(p[k] for p in probed) for k in kinds}
        best = min(medians[k] for k in (kinds[:2] if len(kinds) == 3 else kinds))
        result["probe"] = {**medians, "seconds": best}
    return result


def goal_of(row, result):
    """(ratio reached ÷ ratio wanted, text), or None where a side is missing."""
    against, limit = row.goal
    mine = result.get("ravel", {}).get("seconds")
    if mine is None:
        return None
    if against == "seconds":
        return mine / limit, f"≤ {limit * 1e6:g} µs"
    other = result.get(against, {}).get("seconds")
    return other and (mine / other / limit, f"≤ {limit:g} × {against}")


def milliseconds(result, name):
    seconds = result.get(name, {}).get("seconds")
    if seconds is None:
        return "–"
    return f"{seconds * 1e3:.4f}" if seconds < 1e-3 else f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def ratios(row, result, names):
    """(Ravel ÷ best peer, that peer, Ravel ÷ probe), None where a side is missing."""
    mine = result.get("ravel", {}).get("seconds")
    others = {n: result[n]["seconds"] for n in names if n != "ravel" and "seconds" in result.get(n, {})}
    best = min(others, key=others.get) if others else None
    probe = result.get("probe", {}).get("seconds")
    return (mine / others[best] if mine and best else None, best, mine / probe if mine and probe else None)


def table(results, names):
    """The table as Markdown, times in milliseconds."""
    heads = ["case", *names, "probe", "÷ best peer", "÷ probe", "goal", "met"]
    lines = [heads, ["---"] * len(heads)]
    for row, result in results:
        to_best, best, to_probe = ratios(row, result, names)
        goal = goal_of(row, result)
        lines.append([row.title, *(milliseconds(result, n) for n in [*names, "probe"]),
                      f"{to_best:.2f} ({best})" if to_best else "–", f"{to_probe:.2f}" if to_probe else "–",
                      goal[1] if goal else "–", ("yes" if goal[0] <= 1 else f"no: {goal[0]:.2f} of it") if goal else "–"])
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |" for line in lines)


def draw(results, names, path):
    """Two bars a row: Ravel ÷ best peer, Ravel ÷ probe. Left of 1 is faster."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [(row, *ratios(row, result, names)) for row, result in results]
    rows = [r for r in rows if r[1] or r[3]][::-1]
    if not rows:
        return False
    figure, axis = plt.subplots(figsize=(9, 0.42 * len(rows) + 1.6), layout="constrained")
    for i, (row, to_best, best, to_probe) in enumerate(rows):
        for ratio, shift, colour, text in ((to_best, 0.19, "#2f6db3", f"÷ {best}"), (to_probe, -0.19, "#b9b9b9", "÷ probe")):
            if ratio:
                axis.barh(i + shift, ratio, 0.36, color=colour)
                axis.annotate(f" {ratio:.2f} {text}", (ratio, i + shift), va="center", fontsize=7)
    axis.set_yticks(range(len(rows)), [r[0].title for r in rows], fontsize=8)
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_xscale("log")
    axis.set_xlim(right=axis.get_xlim()[1] * 2)
    axis.set_xlabel("time of Ravel ÷ time of the fastest peer (blue), of the machine's probe (grey); left of 1 is faster")
    axis.set_title(f"Ravel on two threads, {platform.machine()}", fontsize=10)
    figure.savefig(path, dpi=130)
    return True


def main():
    options = arguments()
    peers.OUT.mkdir(parents=True, exist_ok=True)
    if options.sweep:
        import sweep

        peers.two_cpus()
        return sweep.run(options.filter, options.repeats)
    rows = [r for r in ROWS if not options.filter or any(f in r.name for f in options.filter)]
    if not rows:
        sys.exit("no row has such a name: " + " ".join(r.name for r in ROWS))
    write_digits()
    cpus = peers.two_cpus()
    probe = peers.start_probe()
    running = {}
    for name in options.peers.split(","):
        if process := peers.start(name):
            running[name] = process
    names = list(running)
    print(f"-- CPUs {cpus}, {options.repeats} repeats in turns, times in ms", flush=True)
    results = []
    try:
        for row in rows:
            begin = time.time()
            results.append((row, measure(row, running, probe, options.repeats)))
            shown = "  ".join(f"{n} {milliseconds(results[-1][1], n)}" for n in [*names, "probe"])
            print(f"{row.name:14} {shown}   [{time.time() - begin:.0f} s]", flush=True)
    finally:
        for process in [*running.values(), probe]:
            process.end()
    text = table(results, names)
    (peers.OUT / "table.md").write_text(text + "\n")
    (peers.OUT / "results.json").write_text(json.dumps({row.name: result for row, result in results}, indent=1))
    print("\n" + text)
    for row, result in results:
        for name in names:
            why = result.get(name, {}).get("missing", "")
            if why and not why.startswith("no such row"):
                print(f"-- {row.name}, {name}: {why}")
    picture = peers.OUT / "ratios.png"
    print(f"\nbuild/bench/table.md, results.json{', ratios.png' if draw(results, names, picture) else ''}")


main()
