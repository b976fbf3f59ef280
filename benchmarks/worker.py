"""One peer's long-lived process. Reads a command a line on stdin, answers a line of JSON on stdout.

setup <row>   builds the row's data, runs it once (the first call), finds how many calls make a sample of some milliseconds
run           one untimed call, then a sample: seconds per call; what a call returns is dropped before the next one
drop          lets the row's data go
"""
import gc
import importlib
import json
import sys
import time

HOPELESS = 5.0  # seconds: no second call is spent on a peer that takes this long
SAMPLE = 0.004  # seconds a sample lasts at least, so that the clock's grain does not count


def answer(**fields):
    print(json.dumps(fields), flush=True)


def per_call(call, inner):
    start = time.perf_counter()
    for _ in range(inner):
        call()
    return (time.perf_counter() - start) / inner


def setup(cases, row):
    make = getattr(cases, {"digits": "digits_training"}.get(row, row), None)
    if make is None:
        return None, 0, answer(missing="no such row for this peer")
    try:
        call = make()
        first = per_call(call, 1)
        second = min(per_call(call, 1) for _ in range(2)) if first < HOPELESS else first
    except Exception as error:  # a peer that lacks something is a hole in the table, not the end of the run
        return None, 0, answer(missing=f"{type(error).__name__}: {error}"[:200])
    inner = max(1, min(10000, int(SAMPLE / max(second, 1e-9))))
    answer(first=first, steady=second)
    return call, inner, None


def main():
    cases = importlib.import_module(sys.argv[1])
    answer(ready=True)
    call, inner, steady = None, 0, 0.0
    for line in sys.stdin:
        words = line.split()
        if words[0] == "setup":
            call, inner, _ = setup(cases, words[1])
        elif words[0] == "run":
            if steady < 0.3:
                call()  # after a pause: caches warm, threads awake
            gc.disable()
            steady = per_call(call, inner)
            gc.enable()
            answer(seconds=steady)
        elif words[0] == "drop":
            call, steady = None, 0.0
            gc.collect()
            answer(dropped=True)


main()
