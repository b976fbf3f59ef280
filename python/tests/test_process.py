"""What concerns the whole process: its import, stack, memory, threads, signals and traces. Each runs in a process of its own."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest


def run(code, *, stack=None, address_space=None, processes=None, timeout=300, **environment):
    def limit():
        if stack:
            resource.setrlimit(resource.RLIMIT_STACK, (stack, stack))
        if address_space:
            resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))

    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=timeout, preexec_fn=limit,
                          env={**os.environ, **environment})
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


# Import


def test_importing_starts_no_thread_and_touches_no_device_and_little_else():
    out = run("""
        import sys
        before = set(sys.modules)
        import os
        tasks = len(os.listdir("/proc/self/task"))
        import mlx.core
        assert len(os.listdir("/proc/self/task")) == tasks
        opened = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]
        assert not any("nvidia" in p or "/dev/dri" in p for p in opened), opened
        maps = open("/proc/self/maps").read()
        assert "libcuda" not in maps and "openblas" not in maps
        assert mlx.core.get_active_memory() < 1024
        print(sorted(set(sys.modules) - before))
    """)
    assert "numpy" not in out


# Depth


@pytest.mark.parametrize("what, depth", [("eval", 1000000), ("grad", 1000000), ("jvp", 200000), ("vmap", 200000), ("compile", 200000)])
def test_a_chain_of_a_million_fits_a_stack_of_256_kilobytes(what, depth):
    run(f"""
        import mlx.core as mx
        N = {depth}
        def chain(x):
            for _ in range(N // 2):
                x = -(x + 1)
            return x
        x = mx.array([1.0, 2.0])
        want = {{"eval": lambda: chain(x), "grad": lambda: mx.grad(lambda x: chain(x).sum())(x), "jvp": lambda: mx.jvp(chain, [x], [mx.ones(2)])[1][0],
                 "vmap": lambda: mx.vmap(chain)(mx.broadcast_to(x, (2, 2)))[1], "compile": lambda: mx.compile(chain)(x)}}["{what}"]()
        sign = 1.0 if N // 2 % 2 == 0 else -1.0
        assert want.tolist() == ([1.0, 2.0] if "{what}" in ("eval", "vmap", "compile") else [sign, sign]), want
        chain(x)  # dropped as it is
        base = mx.get_active_memory()
        del want
        assert mx.get_active_memory() <= base
    """, stack=256 << 10)


# Memory


def test_out_of_memory_by_the_limit_says_size_use_and_cache_and_the_next_operation_works():
    out = run("""
        import mlx.core as mx
        mx.set_memory_limit(64 << 20)
        kept = mx.zeros(1 << 20) + 1
        mx.eval(kept)
        for make in (lambda: mx.eval(mx.exp(mx.arange(1 << 26, dtype=mx.float32))), lambda: (mx.zeros((1 << 20, 64)) + 1).tolist(),
                     lambda: mx.array(bytearray(100 << 20)), lambda: mx.eval(mx.zeros(4096, mx.float64)[:, None] @ mx.zeros((1, 4096), mx.float64))):
            try:
                make()
            except MemoryError as e:
                print(e)
            else:
                raise AssertionError("no MemoryError")
            assert (mx.array(1) + 1).item() == 2 and mx.sum(kept).item() == 1 << 20
    """)
    lines = out.strip().split("\\n" if "\\n" in out else "\n")
    assert len(lines) == 4 and all("bytes" in line and "in use" in line and "cache" in line for line in lines), out


def test_out_of_memory_under_ulimit_v_is_a_memory_error():
    run("""
        import mlx.core as mx
        failed = 0
        kept = []
        for i in range(200):
            try:
                x = mx.ones((16 << 20,)) + i
                mx.eval(x)
                kept.append(x)
            except MemoryError as e:
                assert "bytes" in str(e), e
                failed += 1
                if failed == 3:
                    break
        assert failed == 3 and kept
        assert (mx.array(1) + 1).item() == 2
        kept.clear()
        mx.eval(mx.ones((16 << 20,)) * 2)
    """, address_space=1500 << 20, OPENBLAS_NUM_THREADS="1")


def test_an_error_on_a_worker_s_stream_is_raised_where_the_result_is_asked_for():
    run("""
        import mlx.core as mx
        s = mx.new_stream(mx.cpu)
        mx.set_memory_limit(32 << 20)
        with mx.stream(s):
            x = mx.exp(mx.arange(1 << 25, dtype=mx.float32))
            y = x.sum()
        mx.async_eval(y)
        for ask in (lambda: mx.eval(y), lambda: y.item(), lambda: mx.synchronize(s) or y.tolist()):
            try:
                ask()
            except MemoryError:
                pass
            else:
                raise AssertionError("no MemoryError")
        assert mx.add(1, 2, stream=s).item() == 3
        z = mx.take(mx.arange(3), mx.array([5]), stream=s)
        mx.async_eval(z)
        try:
            (z + 1).item()
        except IndexError as e:
            assert "out of bounds" in str(e)
        else:
            raise AssertionError("no IndexError")
    """)


def test_threads_that_cannot_be_had_are_done_without():
    run("""
        import os, resource, mlx.core as mx
        if os.getuid() == 0:
            os.setuid(65534)  # the limit is none for root
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        x = mx.exp(mx.zeros(1 << 20))  # large enough for the pool
        mx.eval(x)
        assert x[5].item() == 1.0
        s = mx.new_stream(mx.cpu)
        y = mx.add(x, 1, stream=s)
        mx.async_eval(y)
        assert y[7].item() == 2.0
        mx.synchronize()
        assert len(os.listdir("/proc/self/task")) == 1
    """, MLX_NUM_THREADS="4")


# Signals


@pytest.mark.parametrize("wait", ["mx.eval(y)", "mx.synchronize(s)", "y.item()", "print(y)"])
def test_ctrl_c_interrupts_a_wait_and_the_process_goes_on(wait):
    code = f"""
        import mlx.core as mx, time
        s = mx.new_stream(mx.cpu)
        with mx.stream(s):
            x = mx.random.normal((700, 700))
            for _ in range(4000):
                x = mx.matmul(x, x) * 1e-3
            y = x.sum()
        mx.async_eval(y)
        print("waiting", flush=True)
        began = time.monotonic()
        try:
            {wait}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        assert (mx.array(1) + 1).item() == 2
        print("alive", flush=True)
        import os
        os._exit(0)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0 and "interrupted\nalive\n" in out, (child.returncode, out, err)


@pytest.mark.parametrize("wait", ["mx.eval(chain(x))", "np.asarray(chain(x))", "mx.eval(mx.compile(chain)(x))"])
def test_ctrl_c_interrupts_an_evaluation_on_the_asking_thread(wait):
    code = f"""
        import mlx.core as mx, numpy as np
        x = mx.random.normal((600, 600))
        mx.eval(x)
        def chain(x):
            for _ in range(3000):
                x = mx.matmul(x, x) * 1e-3
            return x
        print("waiting", flush=True)
        try:
            {wait}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        assert (mx.array(1) + 1).item() == 2
        print("alive", flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0 and "interrupted\nalive\n" in out, (child.returncode, out, err)


# Threads


def test_threads_of_python_evaluate_differentiate_and_drop_the_same_graphs():
    run("""
        import sys, threading, mlx.core as mx
        sys.setswitchinterval(1e-5)
        ROUNDS, wrong = 3000, []
        start = threading.Barrier(2)
        shared = [None, None]
        f = mx.compile(lambda x: (x * x + x).sum())
        def side(k):
            try:
                for i in range(ROUNDS):
                    if k == 0:
                        x = mx.full((17,), 2.0) + 0
                        y = x * x + x
                        shared[:] = [(x, y), (x, y)]
                        del x, y
                    start.wait()
                    x, y = shared[k]
                    shared[k] = None
                    if (i + k) % 3 == 0:
                        mx.eval(y)
                    g = mx.grad(lambda w: (w * y).sum())(mx.ones(17))
                    if i % 5 == 0:
                        mx.async_eval(g)
                    del y
                    h = mx.grad(f)(x)
                    assert g.tolist() == [6.0] * 17 and h.tolist() == [5.0] * 17
                    start.wait()
            except BaseException as e:
                wrong.append(e)
                start.abort()
        threads = [threading.Thread(target=side, args=(k,)) for k in range(2)]
        base = mx.get_active_memory()
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert not wrong, wrong
        del f
        mx.synchronize()
        assert mx.get_active_memory() <= base + 256, (base, mx.get_active_memory())
    """)


def test_functions_that_workers_let_go_of_may_evaluate_while_others_trace_and_evaluate():
    """A worker that drops the last hold on a Python function takes the GIL and runs its finalizer: no lock may be held then that
    a thread with the GIL, or the finalizer itself, could want."""
    run("""
        import gc, sys, threading, mlx.core as mx
        sys.setswitchinterval(1e-5)
        streams, base, wrong, gone = [mx.new_stream(mx.cpu) for _ in range(3)], mx.arange(64.0), [], []
        class Rule:
            def __call__(self, primals, cotangents, outputs):
                return cotangents * 2
            def __del__(self):  # evaluates on two streams, and lets go of halves
                n = len(gone)
                gone.append(n)
                a, b = mx.split(base + n, 2)
                with mx.stream(streams[n % 3]):
                    c = a * 2
                if (c + b)[0].item() != 3 * n + 32:
                    wrong.append("finalizer")
        class Memory:  # an owner of memory that arrays alias
            def __init__(self, a):
                self.a = a
            def __dlpack__(self, **k):
                return self.a.__dlpack__(**k)
            def __dlpack_device__(self):
                return self.a.__dlpack_device__()
            def __del__(self):
                mx.eval(base + 1)
        def work(k):
            try:
                for i in range(150):
                    f = mx.custom_function(lambda x: x * x)
                    f.vjp(Rule())
                    with mx.stream(streams[(i + k) % 3]):
                        y = mx.grad(lambda x: mx.checkpoint(lambda z: f(z) + 1)(x).sum())(base)
                    z = y + mx.compile(lambda x: x + len(streams))(base)
                    alias = mx.from_dlpack(Memory(base * 1), copy=False)
                    same, more = mx.compile(lambda x: (x, x + 1))(alias)
                    mx.async_eval(y, z, same, more)
                    del f, y, alias, same
                    if z[1].item() != 2 + 1 + 3 or more[2].item() != 3:
                        wrong.append((i, z[1].item(), more[2].item()))
            except BaseException as e:
                wrong.append(e)
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        mx.synchronize()
        gc.collect()
        assert not wrong, wrong[:3]
        assert len(gone) == 600, len(gone)
    """)


def test_an_array_may_be_rebound_while_another_thread_reads_it():
    run("""
        import sys, threading, time, numpy as np, mlx.core as mx
        sys.setswitchinterval(1e-5)
        x, stop, wrong = mx.zeros(1000), False, []
        def change():
            global x
            while not stop:
                x += 1
                x[3:5] = x[3:5] * 1
                time.sleep(1e-4)
        def read(how):
            try:
                for _ in range(40):
                    how()
            except BaseException as e:
                wrong.append(e)
        readers = [lambda: x.tolist(), lambda: repr(x), lambda: np.array(x), lambda: memoryview(x).tobytes(), lambda: x[5].item(), lambda: mx.sum(x).item(),
                   lambda: x.__reduce__(), lambda: np.from_dlpack(x).sum()]
        writer = threading.Thread(target=change)
        writer.start()
        threads = [threading.Thread(target=read, args=(r,)) for r in readers]
        [t.start() for t in threads]
        [t.join() for t in threads]
        stop = True
        writer.join()
        assert not wrong, wrong
    """)


def test_saving_to_a_python_file_waits_for_another_thread_s_evaluation_without_the_lock_it_needs():
    run("""
        import io, threading, mlx.core as mx
        for i in range(60):
            x = mx.random.normal((300, 300))
            for _ in range(20):
                x = mx.matmul(x, x) * 1e-2
            threads = [threading.Thread(target=f) for f in (lambda: mx.eval(x), lambda: mx.save(io.BytesIO(), x), lambda: mx.savez(io.BytesIO(), x),
                                                            lambda: mx.save_safetensors(io.BytesIO(), {"x": x}))]
            [t.start() for t in threads]
            [t.join() for t in threads]
    """, timeout=120)


def test_operations_whose_shape_depends_on_data_wait_for_another_thread_s_evaluation():
    run("""
        import threading, time, mlx.core as mx
        for i in range(2):
            x = mx.zeros((1 << 20,))
            for _ in range(30):  # more elements than a thread computes between two looks at its signals
                x = mx.sort(mx.sin(x) + 1)
            later = lambda f: lambda: (time.sleep(0.02), f())
            threads = [threading.Thread(target=f) for f in (lambda: mx.eval(x), later(lambda: mx.nonzero(x)), later(lambda: x[x > 0]))]
            [t.start() for t in threads]
            [t.join() for t in threads]
    """, timeout=120)


def test_leaving_while_work_is_under_way_ends_well():
    for _ in range(5):
        run("""
            import mlx.core as mx, threading
            s = mx.new_stream(mx.cpu)
            with mx.stream(s):
                x = mx.random.normal((300, 300))
                for _ in range(200):
                    x = mx.checkpoint(lambda x: mx.matmul(x, x) * 1e-2)(x)
            mx.async_eval(x)
            threading.Thread(target=lambda: mx.eval(mx.exp(mx.zeros(1 << 20))), daemon=True).start()
        """)


def test_a_forked_child_computes_or_says_what_is_wrong():
    run("""
        import os, mlx.core as mx
        x = mx.exp(mx.zeros(1 << 20))
        mx.eval(x)
        pid = os.fork()
        if pid == 0:
            y = mx.exp(x * 0)
            ok = mx.sum(y).item() == 1 << 20
            os._exit(0 if ok else 1)
        assert os.waitpid(pid, 0)[1] == 0
        mx.eval(x + 1)
    """, timeout=60)


# Traces


def test_a_trace_is_json_at_any_time_with_op_shapes_bytes_thread_and_microseconds(tmp_path):
    path = tmp_path / "trace.json"
    run(f"""
        import json, mlx.core as mx
        s = mx.new_stream(mx.cpu)
        x = mx.ones((64, 32))
        mx.eval((mx.exp(x) + x).sum(), x @ x.T, mx.sin(x, stream=s))
        mx.synchronize()
        assert json.load(open({str(path)!r}))
        mx.eval(mx.sort(x + 1))
    """, MLX_TRACE=str(path))
    events = json.loads(path.read_text())
    assert len(events) >= 4
    for e in events:
        assert e["ph"] == "X" and e["name"] and e["cat"] in ("program", "kernel", "view") and e["tid"] >= 1 and e["ts"] > 0 and e["dur"] >= 0
        assert isinstance(e["args"]["bytes"], int) and "(" in e["args"]["out"]
    product = next(e for e in events if "Matmul" in e["name"])
    assert "float32(64, 32)" in product["args"]["in"].replace(",", ", ").replace("  ", " ") and "64" in product["args"]["out"]
    fused = next(e for e in events if "Exp" in e["name"] and "Sum" in e["name"])
    assert fused["cat"] == "program" and fused["args"]["bytes"] >= 64 * 32 * 4
    assert len({e["tid"] for e in events}) >= 2


# The script


@pytest.mark.parametrize("command", ["demo", "test", "build"])
def test_without_root_the_script_prints_the_command_that_lacks_the_right_and_stops(tmp_path, command):
    script = shutil.copy(Path(__file__).resolve().parents[2] / "dev", tmp_path / "dev")
    fakes = {"id": "echo 1000", "sudo": "exit 1", "apt-get": f"touch {tmp_path}/used", "python3": f"touch {tmp_path}/used",
             "dpkg-query": "for p in \"$@\"; do case $p in -*|ninja-build|libjansson-dev) ;; *) echo \"ii $p\" ;; esac; done"}
    (tmp_path / "bin").mkdir()
    for name, body in fakes.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    done = subprocess.run(["bash", str(script), command], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path)})
    assert done.returncode == 1 and done.stdout == "" and not (tmp_path / "used").exists()
    assert "\n  apt-get update && apt-get install -y --no-install-recommends ninja-build libjansson-dev\n" in done.stderr
    assert "run it as root" in done.stderr
