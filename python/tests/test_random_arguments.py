"""The process never dies: random arguments at every callable, method and property that the extension has.

The calls run in a process of their own (random_arguments.py): what kills or hangs it is a failure that names the call.
RAVEL_EXAMPLES sets the number of calls of each name, RAVEL_SEED=1 makes them others each time.
"""

import os
import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).with_name("random_arguments.py")
EXAMPLES = os.environ.get("RAVEL_EXAMPLES", "12")
GIVE_UP = 20  # deaths


def names():
    code = f"import sys; sys.path.insert(0, {str(WORKER.parent)!r}); import random_arguments as r; print('\\n'.join(r.targets()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split("\n")[:-1]


def test_no_arguments_kill_the_process():
    todo, found = names(), []
    assert "mlx.core.add" in todo and "mlx.core.array.__getitem__" in todo and "mlx.core.random.normal" in todo and "mlx.core.array.shape" in todo
    while todo:
        run = subprocess.run([sys.executable, str(WORKER), EXAMPLES, *todo], capture_output=True, text=True, errors="replace")
        lines = run.stdout.rstrip("\n").split("\n")
        found += [line for line in lines if line.startswith("problem: ")]
        if lines[-1] == "@ end":
            break
        last = [line[2:] for line in lines if line.startswith("@ ")][-1:]
        found.append(f"died (status {run.returncode}) in: {lines[-1]}\n{run.stderr[-2000:]}")
        if not last or len(found) > GIVE_UP:
            break
        todo = todo[todo.index(last[0]) + 1 :]
    assert not found, "\n".join(found)
