"""The peers: a venv each, made on demand; a long-lived process each, stopped (SIGSTOP) while it is another's turn."""
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OUT = ROOT / "build" / "bench"

# name → (module of cases, how its venv is filled: lists of pip arguments; the last list that works of a group wins)
NEEDS = {
    "ravel": ("cases_mlx", None),
    "numpy": ("cases_numpy", [[["numpy", "scipy"]]]),
    "torch": ("cases_torch", [
        [["numpy", "filelock", "typing_extensions", "sympy", "networkx", "jinja2", "fsspec", "setuptools"]],
        [["--no-index", "--no-deps", "torch"], ["torch"]],  # a CPU wheel from pip's own find-links, if one is set up
    ]),
    "jax": ("cases_jax", [[["jax", "numpy"]]]),
    "mlx": ("cases_mlx", [[["mlx[cpu]", "numpy"]]]),
}


def venv_python(name):
    """The Python of the peer's venv; makes and fills the venv when its list has changed. None where pip cannot."""
    groups = NEEDS[name][1]
    if groups is None:
        return sys.executable
    home = OUT / f"venv-{name}"
    python, stamp = home / "bin" / "python", home / ".stamp"
    key = hashlib.sha256(repr(groups).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == key:
        return str(python)
    print(f"-- making a venv for {name}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    for choices in groups:
        for arguments in choices:
            command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 0:
                break
        else:
            print(f"-- {name} is left out: pip says {done.stderr.strip().splitlines()[-1:]}")
            return None
    stamp.write_text(key)
    return str(python)


class Process:
    """A peer or the probe. ask() wakes it, sends a line, waits for its answer and stops it again."""

    def __init__(self, name, command, env):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
                                        stderr=open(OUT / f"{name}.log", "w"))
        self.answer()

    def answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.process.send_signal(signal.SIGSTOP)
                return json.loads(line)
        return {"missing": f"the process ended ({self.process.wait()}): {OUT / (self.name + '.log')}"}

    def ask(self, line):
        if self.process.poll() is not None:
            return {"missing": f"the process has ended ({self.process.returncode})"}
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def two_cpus():
    """Two CPUs of those we may use, on cores of their own where there are; the peers and we alike get no more."""
    allowed = sorted(os.sched_getaffinity(0))
    cores = {}
    for cpu in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.setdefault(siblings.read_text() if siblings.is_file() else cpu, cpu)
    cpus = (list(cores.values()) + allowed)[:2] if len(cores) > 1 else allowed[:2]
    os.sched_setaffinity(0, cpus)
    return cpus


def start(name, cases=None, threads=2):
    """The running peer with its module of cases, or None where it cannot be had."""
    python = venv_python(name)
    if python is None:
        return None
    count = str(threads)
    env = dict(os.environ, OMP_NUM_THREADS=count, OPENBLAS_NUM_THREADS=count, MKL_NUM_THREADS=count, JAX_PLATFORMS="cpu",
               BENCH_DIGITS=str(OUT / "digits.npz"))
    if name != "ravel":
        env.pop("PYTHONPATH", None)
    process = Process(name, [python, str(HERE / "worker.py"), cases or NEEDS[name][0]], env)
    if process.process.poll() is not None:
        print(f"-- {name} is left out: it does not start, see {OUT / (name + '.log')}")
        return None
    return process


def start_probe():
    program, source = OUT / "probe", HERE / "probe.c"
    if not program.is_file() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-std=gnu17", str(source), "-o", str(program), "-lpthread"], check=True)
    return Process("probe", [str(program)], dict(os.environ))
