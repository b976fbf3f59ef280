"""Every operation at three sizes beside mlx's CPU build and NumPy on one thread: one table, the slowest ratio first.

./dev bench --sweep [filter ...] [--repeats N]      results land in build/bench/sweep.md
"""
import statistics
import time

import peers
import sweep_rows

PEERS = {"ravel": ("sweep_mlx", 2), "mlx": ("sweep_mlx", 2), "numpy": ("sweep_numpy", 1)}
PATIENCE = 0.2  # seconds: a call that takes longer is repeated three times only
ENOUGH = 0.4  # seconds of a case's turns: after three of them no more begin past it, so that the whole ends within minutes


def measure(case, running, repeats):
    """{who: best seconds a call, or None}; the peers take turns."""
    word, samples = case.replace(" ", "~"), {}
    for name, process in running.items():
        said = process.ask(f"setup {word}")
        if "missing" not in said:
            samples[name] = [said["steady"]]
    begun = time.perf_counter()
    for turn in range(repeats):
        if turn >= 3 and time.perf_counter() - begun > ENOUGH:
            break
        for name in samples:
            if samples[name][0] < PATIENCE or turn < 3 and samples[name][0] < 2:
                samples[name].append(running[name].ask("run").get("seconds", samples[name][0]))
    for process in running.values():
        process.ask("drop")
    return {name: statistics.median(samples[name]) if name in samples else None for name in running}


def shown(seconds):
    return "–" if seconds is None else f"{seconds * 1e6:.2f}" if seconds < 1e-3 else f"{seconds * 1e6:.0f}"


def run(filters, repeats):
    cases = [c for c in sweep_rows.names() if not filters or any(f in c for f in filters)]
    running = {name: process for name, (module, threads) in PEERS.items() if (process := peers.start(name, module, threads))}
    rows = []
    try:
        for case in cases:
            times = measure(case, running, repeats)
            others = [t for name, t in times.items() if name != "ravel" and t]
            ratio = times["ravel"] / min(others) if times["ravel"] and others else None
            rows.append((ratio, case, times))
            print(f"{case:28} " + "  ".join(f"{n} {shown(t)}" for n, t in times.items()) + (f"   {ratio:.2f}" if ratio else ""), flush=True)
    finally:
        for process in running.values():
            process.end()
    rows.sort(key=lambda r: -(r[0] or 0))
    lines = ["| operation@elements | " + " µs | ".join(running) + " µs | ÷ faster peer |", "|---|" + "---|" * (len(running) + 1)]
    lines += [f"| {case} | " + " | ".join(shown(t) for t in times.values()) + f" | {ratio:.2f} |" if ratio else
              f"| {case} | " + " | ".join(shown(t) for t in times.values()) + " | – |" for ratio, case, times in rows]
    (peers.OUT / "sweep.md").write_text("\n".join(lines) + "\n")
    above = [r for r in rows if r[0] and r[0] > 1]
    print("\n" + "\n".join(lines[: 2 + len(above)]))
    print(f"\n{len(above)} of {len(rows)} above 1; all in build/bench/sweep.md")
